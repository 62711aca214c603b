"""SMPP 3.4 protocol data units. Source: SMPP Protocol Specification v3.4, Issue 1.2, chapters 3-5.

The decoder is strict: a length that does not add up raises DecodeError, never IndexError or struct.error.
DecodeError says what is wrong with the shape and never quotes content, which may be personal.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from duecourse.channels.wire.frame import DecodeError, Frame
from duecourse.channels.wire.tlv import decode_tlvs, encode_tlvs

HEADER = struct.Struct(">IIII")
HEADER_LENGTH = 16
MAX_LENGTH = 70_000
"""Above any legal PDU (message_payload is at most 65,535 octets), below what a hostile length could cost."""
INTERFACE_VERSION = 0x34


class Command(IntEnum):
    """Command ids, section 5.1.2.1. A response is the request with the top bit set."""

    GENERIC_NACK = 0x8000_0000
    BIND_RECEIVER = 0x0000_0001
    BIND_RECEIVER_RESP = 0x8000_0001
    BIND_TRANSMITTER = 0x0000_0002
    BIND_TRANSMITTER_RESP = 0x8000_0002
    SUBMIT_SM = 0x0000_0004
    SUBMIT_SM_RESP = 0x8000_0004
    DELIVER_SM = 0x0000_0005
    DELIVER_SM_RESP = 0x8000_0005
    UNBIND = 0x0000_0006
    UNBIND_RESP = 0x8000_0006
    OUTBIND = 0x0000_000B
    ALERT_NOTIFICATION = 0x0000_0102
    BIND_TRANSCEIVER = 0x0000_0009
    BIND_TRANSCEIVER_RESP = 0x8000_0009
    ENQUIRE_LINK = 0x0000_0015
    ENQUIRE_LINK_RESP = 0x8000_0015


class Tag(IntEnum):
    """Optional parameters used here, section 5.3.2."""

    RECEIPTED_MESSAGE_ID = 0x001E
    USER_MESSAGE_REFERENCE = 0x0204
    SAR_MSG_REF_NUM = 0x020C
    SAR_TOTAL_SEGMENTS = 0x020E
    SAR_SEGMENT_SEQNUM = 0x020F
    SC_INTERFACE_VERSION = 0x0210
    NETWORK_ERROR_CODE = 0x0423
    MESSAGE_PAYLOAD = 0x0424
    MESSAGE_STATE = 0x0427


class EsmClass(IntEnum):
    """Bits of esm_class, section 5.2.12."""

    RECEIPT = 0x04
    INTERMEDIATE = 0x20
    TYPE_MASK = 0x3C
    UDH = 0x40


class DataCoding(IntEnum):
    """data_coding values used here, section 5.2.19."""

    DEFAULT = 0x00
    ASCII = 0x01
    LATIN_1 = 0x03
    OCTETS = 0x04
    UCS2 = 0x08


@dataclass(frozen=True, slots=True)
class Bind:
    """Body of bind_transmitter, bind_receiver and bind_transceiver."""

    system_id: str
    password: str = field(repr=False)
    system_type: str = ""
    interface_version: int = INTERFACE_VERSION
    addr_ton: int = 0
    addr_npi: int = 0
    address_range: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShortMessage:
    """Body of submit_sm and deliver_sm, one layout for both (4.4.1, 4.6.1).

    Its repr shows nothing personal.
    """

    destination: str = field(repr=False)
    short_message: bytes = field(default=b"", repr=False)
    source: str = field(default="", repr=False)
    service_type: str = ""
    source_ton: int = 0
    source_npi: int = 0
    dest_ton: int = 1
    dest_npi: int = 1
    esm_class: int = 0
    protocol_id: int = 0
    priority: int = 0
    schedule_time: str = ""
    validity_period: str = ""
    registered_delivery: int = 0
    replace_if_present: int = 0
    data_coding: int = 0
    default_message_id: int = 0
    tlvs: Mapping[int, bytes] = field(default_factory=dict, repr=False)

    @property
    def content(self) -> bytes:
        """The user data, wherever it travels: short_message or the message_payload parameter."""
        return self.short_message or self.tlvs.get(Tag.MESSAGE_PAYLOAD, b"")


def encode_frame(command: int, status: int, sequence: int, body: bytes = b"") -> bytes:
    """A whole PDU, ready for the socket."""
    return HEADER.pack(HEADER_LENGTH + len(body), command, status, sequence) + body


def decode_frame(octets: bytes) -> Frame:
    """One PDU from exactly its octets. Raises DecodeError when command_length disagrees."""
    if len(octets) < HEADER_LENGTH:
        raise DecodeError(f"{len(octets)} octets are fewer than a header")
    length, command, status, sequence = HEADER.unpack_from(octets)
    if length != len(octets):
        raise DecodeError(f"command_length {length} on {len(octets)} octets")
    return Frame(command, status, sequence, octets[HEADER_LENGTH:])


def encode_bind(bind: Bind) -> bytes:
    """Body of any of the three bind requests."""
    return b"".join(
        (
            _c_octets("system_id", bind.system_id, 16),
            _c_octets("password", bind.password, 9),
            _c_octets("system_type", bind.system_type, 13),
            bytes((bind.interface_version, bind.addr_ton, bind.addr_npi)),
            _c_octets("address_range", bind.address_range, 41),
        )
    )


def decode_bind(body: bytes) -> Bind:
    """Inverse of encode_bind."""
    system_id, at = _take_c_octets("system_id", body, 0, 16)
    password, at = _take_c_octets("password", body, at, 9)
    system_type, at = _take_c_octets("system_type", body, at, 13)
    if len(body) < at + 3:
        raise DecodeError("bind ends before addr_npi")
    version, ton, npi = body[at : at + 3]
    address_range, at = _take_c_octets("address_range", body, at + 3, 41)
    if at != len(body):
        raise DecodeError(f"bind has {len(body) - at} octets too many")
    return Bind(system_id, password, system_type, version, ton, npi, address_range)


def encode_bind_resp(system_id: str) -> bytes:
    """Body of a bind response, with sc_interface_version 3.4."""
    return _c_octets("system_id", system_id, 16) + encode_tlvs(
        {Tag.SC_INTERFACE_VERSION: bytes((INTERFACE_VERSION,))}
    )


def decode_bind_resp(body: bytes) -> str:
    """The SMSC's system_id; empty when it left the body out, as it may on an error."""
    if not body:
        return ""
    system_id, at = _take_c_octets("system_id", body, 0, 16)
    decode_tlvs(body, at)
    return system_id


def encode_message_id(message_id: str) -> bytes:
    """Body of submit_sm_resp and deliver_sm_resp (where it is empty)."""
    return _c_octets("message_id", message_id, 65)


def decode_message_id(body: bytes) -> str:
    """message_id of a response; empty when the body was left out. Later versions' parameters pass."""
    if not body:
        return ""
    message_id, at = _take_c_octets("message_id", body, 0, 65)
    decode_tlvs(body, at)
    return message_id


def encode_short_message(message: ShortMessage) -> bytes:
    """Body of submit_sm or deliver_sm. Raises ValueError for a field that does not fit."""
    if len(message.short_message) > 254:
        raise ValueError(f"short_message of {len(message.short_message)} octets; at most 254")
    m = message
    return b"".join(
        (
            _c_octets("service_type", m.service_type, 6),
            bytes((m.source_ton, m.source_npi)),
            _c_octets("source_addr", m.source, 21),
            bytes((m.dest_ton, m.dest_npi)),
            _c_octets("destination_addr", m.destination, 21),
            bytes((m.esm_class, m.protocol_id, m.priority)),
            _c_octets("schedule_delivery_time", m.schedule_time, 17),
            _c_octets("validity_period", m.validity_period, 17),
            bytes(
                (
                    m.registered_delivery,
                    m.replace_if_present,
                    m.data_coding,
                    m.default_message_id,
                    len(m.short_message),
                )
            ),
            m.short_message,
            encode_tlvs(m.tlvs) if m.tlvs else b"",
        )
    )


def decode_short_message(body: bytes) -> ShortMessage:
    """Inverse of encode_short_message."""
    service_type, at = _take_c_octets("service_type", body, 0, 6)
    _need(body, at, 2, "source_addr_npi")
    source_ton, source_npi = body[at], body[at + 1]
    source, at = _take_c_octets("source_addr", body, at + 2, 21)
    _need(body, at, 2, "dest_addr_npi")
    dest_ton, dest_npi = body[at], body[at + 1]
    destination, at = _take_c_octets("destination_addr", body, at + 2, 21)
    _need(body, at, 3, "priority_flag")
    esm_class, protocol_id, priority = body[at : at + 3]
    schedule_time, at = _take_c_octets("schedule_delivery_time", body, at + 3, 17)
    validity_period, at = _take_c_octets("validity_period", body, at, 17)
    _need(body, at, 5, "sm_length")
    registered, replace, coding, default_id, length = body[at : at + 5]
    at += 5
    _need(body, at, length, "short_message")
    return ShortMessage(
        service_type=service_type,
        source_ton=source_ton,
        source_npi=source_npi,
        source=source,
        dest_ton=dest_ton,
        dest_npi=dest_npi,
        destination=destination,
        esm_class=esm_class,
        protocol_id=protocol_id,
        priority=priority,
        schedule_time=schedule_time,
        validity_period=validity_period,
        registered_delivery=registered,
        replace_if_present=replace,
        data_coding=coding,
        default_message_id=default_id,
        short_message=body[at : at + length],
        tlvs=decode_tlvs(body, at + length),
    )


def _c_octets(name: str, text: str, size: int) -> bytes:
    octets = text.encode("latin-1")
    if len(octets) >= size or b"\0" in octets:
        raise ValueError(f"{name} of {len(octets)} octets; at most {size - 1}, none of them zero")
    return octets + b"\0"


def _take_c_octets(name: str, body: bytes, at: int, size: int) -> tuple[str, int]:
    end = body.find(b"\0", at, at + size)
    if end < 0:
        raise DecodeError(f"{name} is not terminated within {size} octets")
    return body[at:end].decode("latin-1"), end + 1


def _need(body: bytes, at: int, count: int, name: str) -> None:
    if len(body) - at < count:
        raise DecodeError(f"the body ends before {name} does")
