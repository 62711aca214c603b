"""Keyed blind indexes: find a sealed value by itself, however it was typed, without opening any.

Equal values have equal indexes, so an index shows who shares a number; it shows nothing else without the key.
"""

from __future__ import annotations

import re
import unicodedata
from enum import StrEnum

import phonenumbers

from .keyring import Keyring

_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_SPACE = re.compile(r"\s+")


class IndexKind(StrEnum):
    """What is indexed. Each kind has a key of its own: indexes of different kinds cannot be compared."""

    PHONE = "phone"
    EMAIL = "email"
    ID_NUMBER = "id-number"
    CUSTOMER = "customer"
    WECHAT = "wechat"
    APP = "app"
    WEBPUSH = "webpush"
    LETTER = "letter"
    INBOX = "inbox"


def blind_index(keyring: Keyring, kind: IndexKind, text: str, region: str = "") -> bytes:
    """32 bytes, the same for every way of writing the same value. region: ISO 3166 country of a local number.

    Raises ValueError as `normal_form` does.
    """
    return keyring.index(kind.value, normal_form(kind, text, region))


def normal_form(kind: IndexKind, text: str, region: str = "") -> str:
    """The one form of a value that its index is made of.

    phone: E.164 (a number in that form is taken as it is). e-mail: lower case, also before the @, so that
    an opt-out finds its address. ID number: upper case, no spaces, full-width forms made plain. letter: case and
    spaces do not matter. Everything else is told apart to the character: trimmed.
    Raises ValueError, which does not repeat the text, when it is empty or no phone number.
    """
    plain = unicodedata.normalize("NFKC", text).strip()
    match kind:
        case IndexKind.PHONE:
            plain = plain if _E164.fullmatch(plain) else _e164(plain, region)
        case IndexKind.EMAIL:
            plain = plain.lower()
        case IndexKind.ID_NUMBER:
            plain = _SPACE.sub("", plain).upper()
        case IndexKind.LETTER:
            plain = _SPACE.sub(" ", plain).casefold()
        case _:
            plain = text.strip()  # the lender's own key: its full-width and plain forms may be two customers
    if not plain:
        raise ValueError(f"an empty {kind.value} has no index")
    return plain


def _e164(number: str, region: str) -> str:
    try:
        parsed = phonenumbers.parse(number, region[:2].upper() or None)
    except phonenumbers.NumberParseException:
        raise ValueError(f"{len(number)} characters that are not a phone number") from None
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
