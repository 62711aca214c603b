"""SGIP protocol data units. Source: China Unicom, "短消息网关系统接口协议", 3.3, 3.4, 4.2, 5.1, 5.2. Read 2026-11-25.

The decoder is strict: a length that does not add up raises DecodeError.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple

from duecourse.channels.wire.frame import DecodeError, Frame, Reader, fixed

HEADER = struct.Struct(">II")
HEADER_LENGTH = 20
MAX_LENGTH = 4096
"""Chapter 4 allows 2 kB."""


class Command(IntEnum):
    """Command ids, 5.1."""

    BIND = 0x1
    BIND_RESP = 0x8000_0001
    UNBIND = 0x2
    UNBIND_RESP = 0x8000_0002
    SUBMIT = 0x3
    SUBMIT_RESP = 0x8000_0003
    DELIVER = 0x4
    DELIVER_RESP = 0x8000_0004
    REPORT = 0x5
    REPORT_RESP = 0x8000_0005
    USERRPT = 0x11
    USERRPT_RESP = 0x8000_0011


_WITH_RESULT = frozenset(
    {
        Command.BIND_RESP,
        Command.SUBMIT_RESP,
        Command.DELIVER_RESP,
        Command.REPORT_RESP,
        Command.USERRPT_RESP,
    }
)


class LoginType(IntEnum):
    """Who binds to whom, 4.2.3.1.1."""

    TO_GATEWAY = 1
    TO_SP = 2


class Bind(NamedTuple):
    """Body of Bind."""

    kind: int
    name: str
    password: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Submit:
    """Body of Submit to one number, 4.2.3.3.1. Its repr shows nothing personal."""

    user: str = field(repr=False)
    content: bytes = field(repr=False)
    source: str
    company: str
    charged: str = "0" * 21
    """21 zeros: the SP pays."""
    service: str = ""
    fee_type: int = 1
    fee: str = "0"
    given: str = "0"
    agent: int = 0
    cause: int = 2
    """2: not on a phone's request."""
    priority: int = 0
    expires: str = ""
    report: int = 1
    """1: always."""
    has_header: bool = False
    coding: int = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Deliver:
    """Body of Deliver, 4.2.3.4.1. Its repr shows nothing personal."""

    user: str = field(repr=False)
    recipient: str
    content: bytes = field(repr=False)
    has_header: bool = False
    coding: int = 0


class Report(NamedTuple):
    """Body of Report, 4.2.3.5.1."""

    submit: bytes
    """The twelve octets of the submit's sequence number."""
    kind: int
    user: str
    state: int
    error: int


def encode_frame(command: int, sequence: int, body: bytes = b"") -> bytes:
    """A whole PDU. sequence: its three numbers of four octets (3.4) as one."""
    return HEADER.pack(HEADER_LENGTH + len(body), command) + sequence.to_bytes(12) + body


def decode_frame(octets: bytes) -> Frame:
    """One PDU from exactly its octets. A response's Result, the first octet of its body, is the frame's status."""
    if len(octets) < HEADER_LENGTH:
        raise DecodeError(f"{len(octets)} octets are fewer than a header")
    length, command = HEADER.unpack_from(octets)
    if length != len(octets):
        raise DecodeError(f"Message Length {length} on {len(octets)} octets")
    body = octets[HEADER_LENGTH:]
    status = 0
    if command in _WITH_RESULT:
        if not body:
            raise DecodeError("a response without a result")
        status = body[0]
    return Frame(command, status, int.from_bytes(octets[8:20]), body)


def sequence_of(node: int, stamp: str, number: int) -> int:
    """A sequence number, 3.4: the node that speaks, MMDDHHMMSS, a counter of 32 bits."""
    return (node << 64) | (int(stamp) << 32) | number


def encode_bind(bind: Bind) -> bytes:
    """Body of Bind."""
    name, password = fixed("Login Name", bind.name, 16), fixed("Login Password", bind.password, 16)
    return bytes((bind.kind,)) + name + password + bytes(8)


def decode_bind(body: bytes) -> Bind:
    """Inverse of encode_bind."""
    reader = Reader("Bind", body)
    bind = Bind(reader.number(), reader.text(16), reader.text(16))
    reader.octets(8)
    reader.end()
    return bind


def encode_result(result: int) -> bytes:
    """Body of every response but Unbind_Resp."""
    return bytes((result,)) + bytes(8)


def encode_submit(submit: Submit) -> bytes:
    """Body of Submit. Raises ValueError for a field that does not fit."""
    s = submit
    return b"".join(
        (
            fixed("SPNumber", s.source, 21),
            fixed("ChargeNumber", s.charged, 21),
            b"\1",
            fixed("UserNumber", s.user, 21),
            fixed("CorpId", s.company, 5),
            fixed("ServiceType", s.service, 10),
            bytes((s.fee_type,)),
            fixed("FeeValue", s.fee, 6),
            fixed("GivenValue", s.given, 6),
            bytes((s.agent, s.cause, s.priority)),
            fixed("ExpireTime", s.expires, 16),
            bytes(16),
            bytes((s.report, 0, s.has_header, s.coding, 0)),
            len(s.content).to_bytes(4),
            s.content,
            bytes(8),
        )
    )


def decode_submit(body: bytes) -> Submit:
    """Inverse of encode_submit. Raises DecodeError for more than one number too: we never send that."""
    reader = Reader("Submit", body)
    source, charged = reader.text(21), reader.text(21)
    if (users := reader.number()) != 1:
        raise DecodeError(f"Submit to {users} numbers")
    user, company, service = reader.text(21), reader.text(5), reader.text(10)
    fee_type, fee, given = reader.number(), reader.text(6), reader.text(6)
    agent, cause, priority = reader.octets(3)
    expires, _ = reader.text(16), reader.octets(16)
    report, _, has_header, coding, _ = reader.octets(5)
    content = reader.octets(reader.number(4))
    reader.octets(8)
    reader.end()
    return Submit(
        source=source,
        charged=charged,
        user=user,
        company=company,
        service=service,
        fee_type=fee_type,
        fee=fee,
        given=given,
        agent=agent,
        cause=cause,
        priority=priority,
        expires=expires,
        report=report,
        has_header=bool(has_header),
        coding=coding,
        content=content,
    )


def encode_deliver(deliver: Deliver) -> bytes:
    """Body of Deliver."""
    return b"".join(
        (
            fixed("UserNumber", deliver.user, 21),
            fixed("SPNumber", deliver.recipient, 21),
            bytes((0, deliver.has_header, deliver.coding)),
            len(deliver.content).to_bytes(4),
            deliver.content,
            bytes(8),
        )
    )


def decode_deliver(body: bytes) -> Deliver:
    """Inverse of encode_deliver."""
    reader = Reader("Deliver", body)
    user, recipient = reader.text(21), reader.text(21)
    _, has_header, coding = reader.octets(3)
    content = reader.octets(reader.number(4))
    reader.octets(8)
    reader.end()
    return Deliver(
        user=user, recipient=recipient, has_header=bool(has_header & 1), coding=coding, content=content
    )


def encode_report(report: Report) -> bytes:
    """Body of Report."""
    user = fixed("UserNumber", report.user, 21)
    return report.submit + bytes((report.kind,)) + user + bytes((report.state, report.error)) + bytes(8)


def decode_report(body: bytes) -> Report:
    """Inverse of encode_report."""
    reader = Reader("Report", body)
    report = Report(reader.octets(12), reader.number(), reader.text(21), reader.number(), reader.number())
    reader.octets(8)
    reader.end()
    return report
