"""Message text to and from SMS octets: alphabet, parts, headers.

Source: 3GPP TS 23.038, TS 23.040 (9.2.3.24.1).
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

import smsutil  # type: ignore[import-untyped]

from duecourse.channels.smpp.codec import DataCoding, EsmClass, ShortMessage, Tag
from duecourse.channels.wire.text import Concatenation, header, place, split_user_data

GSM_SINGLE, GSM_UDH8, GSM_UDH16 = 160, 153, 152
UCS2_SINGLE, UCS2_UDH8, UCS2_UDH16 = 140, 134, 132
_ABOVE_7_BIT = bytes(range(128)) + b"?" * 128


class LongMessages(StrEnum):
    """How a text that does not fit into one message travels."""

    UDH8 = "udh8"  # parts with an 8-bit reference: what every handset joins
    UDH16 = "udh16"  # parts with a 16-bit reference: fewer collisions, one character less in each part
    PAYLOAD = "payload"  # whole, in message_payload: the SMSC cuts


class Alphabet(StrEnum):
    """What the SMSC understands by data_coding 0."""

    GSM = "gsm"  # GSM 03.38 unpacked: one septet to an octet
    UCS2 = "ucs2"  # not known: everything goes as UCS-2, data_coding 8


class Encoded(NamedTuple):
    """One text, ready for submit_sm."""

    data_coding: int
    bodies: tuple[bytes, ...]
    """User data of each submit, headers included. One entry for message_payload."""
    parts: int
    """How many SMS the person's phone receives and the provider charges."""
    payload: bool = False


def encode_text(text: str, alphabet: Alphabet, long_messages: LongMessages, reference: int) -> Encoded:
    """Octets of `text`, in as many parts as it needs. A character outside the BMP is never cut in two.

    reference: joins the parts; its low 8 or 16 bits are used.
    """
    coding, octets = _octets(text, alphabet)
    gsm = coding == DataCoding.DEFAULT
    if len(octets) <= (GSM_SINGLE if gsm else UCS2_SINGLE):
        return Encoded(coding, (octets,), 1)
    wide = long_messages is LongMessages.UDH16
    room = (GSM_UDH16 if wide else GSM_UDH8) if gsm else (UCS2_UDH16 if wide else UCS2_UDH8)
    split = smsutil.gsm_split if gsm else smsutil.unicode_split
    pieces = [part.content for part in split(text, room).parts]
    if long_messages is LongMessages.PAYLOAD:
        return Encoded(coding, (octets,), len(pieces), payload=True)
    if len(pieces) > 255:
        raise ValueError(f"text needs {len(pieces)} parts; at most 255")
    codec = "gsm0338" if gsm else "utf-16-be"
    bodies = tuple(
        header(reference, len(pieces), number, wide=wide) + piece.encode(codec, "replace")
        for number, piece in enumerate(pieces, 1)
    )
    return Encoded(coding, bodies, len(pieces))


def decode_text(octets: bytes, data_coding: int) -> str | None:
    """Text of received user data without its header; None for binary content.

    Damage shows as U+FFFD or '?'.
    """
    if data_coding == DataCoding.LATIN_1:
        return octets.decode("latin-1")
    group = data_coding >> 4
    if group == 0xF:
        kind = data_coding & 0x04
    elif group < 0x4:
        kind = data_coding & 0x0C
    else:
        kind = 0
    if kind == DataCoding.UCS2:
        return octets.decode("utf-16-be", "replace")
    if kind == DataCoding.OCTETS or data_coding == 0x02:
        return None
    decoded: str = smsutil.decode(octets.translate(_ABOVE_7_BIT))
    return decoded


def split_header(message: ShortMessage) -> tuple[bytes, Concatenation | None]:
    """The user data without its header, and how it concatenates (by header or by sar_* parameters)."""
    octets, joined = split_user_data(message.content, has_header=bool(message.esm_class & EsmClass.UDH))
    tlvs = message.tlvs
    if joined is None and Tag.SAR_MSG_REF_NUM in tlvs:
        joined = place(
            int.from_bytes(tlvs[Tag.SAR_MSG_REF_NUM]),
            int.from_bytes(tlvs.get(Tag.SAR_TOTAL_SEGMENTS, b"")),
            int.from_bytes(tlvs.get(Tag.SAR_SEGMENT_SEQNUM, b"")),
        )
    return octets, joined


def _octets(text: str, alphabet: Alphabet) -> tuple[int, bytes]:
    # An escape in the text would swallow the next character in the GSM alphabet.
    if alphabet is Alphabet.GSM and "\x1b" not in text:
        try:
            return DataCoding.DEFAULT, text.encode("gsm0338")
        except UnicodeEncodeError:
            pass
    return DataCoding.UCS2, text.encode("utf-16-be", "replace")
