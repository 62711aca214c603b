"""Text that travels in parts: the header that joins them, and the alphabets of the Chinese carriers.

Source: 3GPP TS 23.040 (9.2.3.24.1, 9.2.3.24.8) for the header; CMPP 3.0.0, 8.4.3.1, SGIP, 4.2.3.3.1 and SMGP 3.0.3,
6.2.16 for the formats, which are the same numbers in all three.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

import smsutil  # type: ignore[import-untyped]

SINGLE, PART = 140, 134
ASCII_SEPTETS = 153
"""What is left of 160 septets beside a header of 6 octets."""
MOST_PARTS = 255
_PLAIN = frozenset("\n\r !\"#%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
"""ASCII that GSM 03.38 has at the same place, one septet each: right whether a gateway translates or not."""


class Format(IntEnum):
    """Msg_Fmt, MessageCoding, MsgFormat."""

    ASCII = 0
    BINARY = 4
    UCS2 = 8
    GBK = 15


_CODECS: dict[int, str] = {Format.ASCII: "latin-1", Format.UCS2: "utf-16-be", Format.GBK: "gb18030"}
"""By which a peer's text is read; SMGP says GB18030, which holds GBK."""


@dataclass(frozen=True, slots=True)
class Concatenation:
    """Where a part belongs. number is 1..total."""

    reference: int
    total: int
    number: int


class Encoded(NamedTuple):
    """One text in as many bodies as it needs, headers included."""

    format: Format
    bodies: tuple[bytes, ...]


def encode_carrier_text(text: str, chinese: Format, reference: int, ascii_most: int) -> Encoded:
    """Octets of `text` as a carrier's gateway takes them.

    chinese: UCS2 or GBK, for what is not plain ASCII; what GBK cannot say goes as UCS2. reference: joins the parts; its
    low 8 bits are used. ascii_most: octets that the protocol allows in a body of format 0. No character is cut in
    two. Raises ValueError for more than 255 parts.
    """
    if _PLAIN.issuperset(text):
        octets = text.encode("ascii")
        if len(octets) <= ascii_most:
            return Encoded(Format.ASCII, (octets,))
        return _parts(Format.ASCII, _cut(text, min(ASCII_SEPTETS, ascii_most - 6), "ascii"), reference)
    if chinese is Format.GBK:
        try:
            octets = text.encode("gbk")
        except UnicodeEncodeError:
            pass
        else:
            if len(octets) <= SINGLE:
                return Encoded(Format.GBK, (octets,))
            return _parts(Format.GBK, _cut(text, PART, "gbk"), reference)
    octets = text.encode("utf-16-be", "replace")
    if len(octets) <= SINGLE:
        return Encoded(Format.UCS2, (octets,))
    pieces = [
        piece.content.encode("utf-16-be", "replace") for piece in smsutil.unicode_split(text, PART).parts
    ]
    return _parts(Format.UCS2, pieces, reference)


def decode_carrier_text(octets: bytes, form: int) -> str | None:
    """Text of received user data without its header; None for binary. Damage shows as U+FFFD."""
    codec = _CODECS.get(form)
    return octets.decode(codec, "replace") if codec else None


def header(reference: int, total: int, number: int, *, wide: bool = False) -> bytes:
    """User data header of one part, with an 8-bit or (wide) a 16-bit reference."""
    if wide:
        return bytes((6, 0x08, 4)) + (reference & 0xFFFF).to_bytes(2) + bytes((total, number))
    return bytes((5, 0x00, 3, reference & 0xFF, total, number))


def split_user_data(octets: bytes, *, has_header: bool) -> tuple[bytes, Concatenation | None]:
    """User data without its header, and what the header says of concatenation."""
    if not (has_header and octets and octets[0] < len(octets)):
        return octets, None
    return octets[octets[0] + 1 :], _concatenation(octets[1 : octets[0] + 1])


def place(reference: int, total: int, number: int) -> Concatenation | None:
    """A place among parts; None for an impossible one: 23.040 has that part read as a message of its own."""
    return Concatenation(reference, total, number) if 1 <= number <= total else None


def _cut(text: str, room: int, codec: str) -> Sequence[bytes]:
    pieces: list[bytes] = []
    piece = b""
    for character in text:
        octets = character.encode(codec)
        if len(piece) + len(octets) > room:
            pieces.append(piece)
            piece = b""
        piece += octets
    return [*pieces, piece]


def _parts(form: Format, pieces: Sequence[bytes], reference: int) -> Encoded:
    if len(pieces) > MOST_PARTS:
        raise ValueError(f"text needs {len(pieces)} parts; at most {MOST_PARTS}")
    return Encoded(
        form,
        tuple(header(reference, len(pieces), number) + piece for number, piece in enumerate(pieces, 1)),
    )


def _concatenation(elements: bytes) -> Concatenation | None:
    at = 0
    while at + 2 <= len(elements):
        tag, length = elements[at], elements[at + 1]
        value = elements[at + 2 : at + 2 + length]
        if tag == 0x00 and len(value) == 3:
            return place(value[0], value[1], value[2])
        if tag == 0x08 and len(value) == 4:
            return place(int.from_bytes(value[:2]), value[2], value[3])
        at += 2 + length
    return None
