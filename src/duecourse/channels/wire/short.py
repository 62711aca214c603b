"""What CMPP (8.3) and SMGP (5.2.1) have alike: a header of three numbers without a status, and a proof by MD5 that one
knows the shared secret.
"""

from __future__ import annotations

import hashlib
import struct

from duecourse.channels.wire.frame import DecodeError
from duecourse.channels.wire.requests import Request
from duecourse.channels.wire.session import cycle

HEADER = struct.Struct(">III")
"""Length, command, sequence."""
HEADER_LENGTH = HEADER.size
MAX_LENGTH = 8192
"""A CMPP submit to 100 numbers of 32 octets is 3.6 kB."""


def encode_frame(command: int, sequence: int, body: bytes = b"") -> bytes:
    """A whole PDU, ready for the socket."""
    return HEADER.pack(HEADER_LENGTH + len(body), command, sequence) + body


def split_frame(length_name: str, octets: bytes) -> tuple[int, int, bytes]:
    """Command, sequence and body of one PDU from exactly its octets. Raises DecodeError, which names the length so."""
    if len(octets) < HEADER_LENGTH:
        raise DecodeError(f"{len(octets)} octets are fewer than a header")
    length, command, sequence = HEADER.unpack_from(octets)
    if length != len(octets):
        raise DecodeError(f"{length_name} {length} on {len(octets)} octets")
    return command, sequence, octets[HEADER_LENGTH:]


def encode_pdu(command: int, status: int, sequence: int, body: bytes) -> bytes:
    """encode_frame for whoever speaks any protocol: `status` stands in the body of a response, and is there by now."""
    return encode_frame(command, sequence, body)


def proof_of(*parts: bytes) -> bytes:
    """MD5 over the parts, the secret among them.

    The protocols' choice. It keeps the secret off the wire, and is no protection against who can change it there.
    """
    return hashlib.md5(b"".join(parts), usedforsecurity=False).digest()


class ShortWire:
    """As a session sees them both; a family adds its commands, how it decodes, and what a throttle is."""

    header_length = HEADER_LENGTH
    max_length = MAX_LENGTH
    nack: int | None = None
    invalid_length = 0
    invalid_command = 0
    encode = staticmethod(encode_pdu)

    def __init__(self) -> None:
        self._sequences = cycle(1, 0xFFFF_FFFF)

    def next_sequence(self, request: Request | None, index: int) -> int:
        """The next in the row."""
        return next(self._sequences)
