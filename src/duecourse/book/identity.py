"""The blind indexes of the book: under which a borrower, an ID number or an address is found."""

from __future__ import annotations

from collections.abc import Sequence

from duecourse.domain.messaging import Channel
from duecourse.privacy.blind_index import IndexKind, blind_index
from duecourse.privacy.keyring import Keyring

_ADDRESS_KIND = {
    Channel.SMS: IndexKind.PHONE,
    Channel.VOICE: IndexKind.PHONE,  # one number is one number, written to or called
    Channel.EMAIL: IndexKind.EMAIL,
    Channel.WECHAT: IndexKind.WECHAT,
    Channel.APP: IndexKind.APP,
    Channel.WEBPUSH: IndexKind.WEBPUSH,
    Channel.LETTER: IndexKind.LETTER,
    Channel.INBOX: IndexKind.INBOX,
}
ADDRESSABLE = tuple(_ADDRESS_KIND)
"""Channels that have addresses of their own, which the book can check and find. A task has the number of a call."""


def customer_hash(keyring: Keyring, borrower_key: str) -> bytes:
    """Of the lender's customer key. Its first byte is the lane of a borrower nobody knew before."""
    return blind_index(keyring, IndexKind.CUSTOMER, borrower_key)


def id_number_index(keyring: Keyring, id_number: str) -> bytes:
    """Of an ID number."""
    return blind_index(keyring, IndexKind.ID_NUMBER, id_number)


def address_index(keyring: Keyring, channel: Channel, address: str) -> bytes:
    """Of an address in its normal form, or of one that its kind can bring into it (E.164 with plus for phones)."""
    return blind_index(keyring, _ADDRESS_KIND[channel], address)


def row_digest(keyring: Keyring, content: Sequence[object]) -> bytes:
    """Of a borrower's imported content, to see whether it changed. Keyed, because names are in it."""
    return keyring.index("borrower-row", repr(tuple(content)))
