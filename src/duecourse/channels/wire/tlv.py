"""Optional parameters as SMPP (3.2.4.1) and SMGP (5.1.2) write them: tag, length, value."""

from __future__ import annotations

import struct
from collections.abc import Mapping

from duecourse.channels.wire.frame import DecodeError


def encode_tlvs(tlvs: Mapping[int, bytes]) -> bytes:
    """Optional parameters: tag, length, value; two octets each for the first two."""
    for tag, value in tlvs.items():
        if len(value) > 0xFFFF:
            raise ValueError(f"parameter 0x{tag:04X} of {len(value)} octets; at most 65535")
    return b"".join(struct.pack(">HH", tag, len(value)) + value for tag, value in tlvs.items())


def decode_tlvs(body: bytes, at: int) -> dict[int, bytes]:
    """Optional parameters from `at` to the end. A tag given twice keeps its first value."""
    tlvs: dict[int, bytes] = {}
    end = len(body)
    while at < end:
        if end - at < 4:
            raise DecodeError("an optional parameter ends within its header")
        tag, length = struct.unpack_from(">HH", body, at)
        at += 4
        if end - at < length:
            raise DecodeError(f"parameter 0x{tag:04X} claims {length} octets, {end - at} are left")
        tlvs.setdefault(tag, body[at : at + length])
        at += length
    return tlvs
