"""CMPP 2.0 and 3.0 protocol data units.

Source: China Mobile QB-GF-028-2003, "CMPP V3.0.0", 8.1-8.4, 8.7.1, and its list of what 3.0 changed against 2.0
(chapter 12): numbers of 32 octets instead of 21, a type behind each, statuses of 4 octets instead of 1, LinkID instead
of Reserve. Read 2026-11-25.

The decoder is strict: a length that does not add up raises DecodeError.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple

from duecourse.channels.wire.frame import DecodeError, Frame, Reader, fixed
from duecourse.channels.wire.short import proof_of, split_frame


class Command(IntEnum):
    """Command ids, 8.7.1."""

    CONNECT = 0x1
    CONNECT_RESP = 0x8000_0001
    TERMINATE = 0x2
    TERMINATE_RESP = 0x8000_0002
    SUBMIT = 0x4
    SUBMIT_RESP = 0x8000_0004
    DELIVER = 0x5
    DELIVER_RESP = 0x8000_0005
    ACTIVE_TEST = 0x8
    ACTIVE_TEST_RESP = 0x8000_0008


class Dialect(NamedTuple):
    """How wide the fields of a version are."""

    version: int
    """As in CMPP_CONNECT: major and minor, four bits each."""
    number: int
    status: int
    typed: bool
    """Whether the type of each number follows it."""
    tail: int
    """Reserve or LinkID."""


CMPP_2 = Dialect(0x20, 21, 1, False, 8)
CMPP_3 = Dialect(0x30, 32, 4, True, 20)
DIALECTS = {"2.0": CMPP_2, "3.0": CMPP_3}


class Connect(NamedTuple):
    """Body of CMPP_CONNECT, 8.4.1.1."""

    source: str
    authenticator: bytes
    version: int
    timestamp: int
    """MMDDHHMMSS as a number."""


class ConnectAnswer(NamedTuple):
    """Body of CMPP_CONNECT_RESP, 8.4.1.2."""

    status: int
    authenticator: bytes
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Submit:
    """Body of CMPP_SUBMIT to one number, 8.4.3.1. Its repr shows nothing personal."""

    destination: str = field(repr=False)
    content: bytes = field(repr=False)
    source: str
    message_source: str
    """Msg_src: the SP's id."""
    total: int = 1
    number: int = 1
    wants_report: bool = True
    level: int = 0
    service: str = ""
    fee_user_type: int = 2
    fee_type: str = "01"
    fee_code: str = "0"
    has_header: bool = False
    format: int = 0
    valid_until: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deliver:
    """Body of CMPP_DELIVER, 8.4.5.1. Its repr shows nothing personal."""

    message_id: int
    destination: str
    source: str = field(repr=False)
    content: bytes = field(repr=False)
    service: str = ""
    is_report: bool = False
    has_header: bool = False
    format: int = 0


class Report(NamedTuple):
    """What CMPP_DELIVER carries as a status report."""

    message_id: int
    state: str
    submitted: str
    done: str
    destination: str
    sequence: int = 0


def decode_frame(octets: bytes, dialect: Dialect) -> Frame:
    """One PDU from exactly its octets. A response's status, which stands in its body, is the frame's."""
    command, sequence, body = split_frame("Total_Length", octets)
    return Frame(command, _status(command, body, dialect), sequence, body)


def _status(command: int, body: bytes, dialect: Dialect) -> int:
    if command in (Command.SUBMIT_RESP, Command.DELIVER_RESP):
        if len(body) != 8 + dialect.status:
            raise DecodeError(f"a response of {len(body)} octets; expected {8 + dialect.status}")
        return int.from_bytes(body[8:])
    if command == Command.CONNECT_RESP:
        return decode_connect_answer(body).status
    return 0


def authenticator(source: str, secret: str, timestamp: str) -> bytes:
    """AuthenticatorSource: who knows the shared secret. timestamp: ten digits."""
    of_source = fixed("Source_Addr", source, 6)
    return proof_of(of_source, bytes(9), secret.encode("latin-1"), timestamp.encode())


def gateway_authenticator(status: bytes, of_source: bytes, secret: str) -> bytes:
    """AuthenticatorISMG. status: as in the response, one octet or four."""
    return proof_of(status, of_source, secret.encode("latin-1"))


def encode_connect(connect: Connect) -> bytes:
    """Body of CMPP_CONNECT."""
    return b"".join(
        (
            fixed("Source_Addr", connect.source, 6),
            connect.authenticator,
            bytes((connect.version,)),
            connect.timestamp.to_bytes(4),
        )
    )


def decode_connect(body: bytes) -> Connect:
    """Inverse of encode_connect."""
    reader = Reader("CMPP_CONNECT", body)
    connect = Connect(reader.text(6), reader.octets(16), reader.number(), reader.number(4))
    reader.end()
    return connect


def encode_connect_answer(answer: ConnectAnswer, dialect: Dialect) -> bytes:
    """Body of CMPP_CONNECT_RESP."""
    return answer.status.to_bytes(dialect.status) + answer.authenticator + bytes((answer.version,))


def decode_connect_answer(body: bytes) -> ConnectAnswer:
    """Inverse of encode_connect_answer, of either version: a gateway may answer in another than was asked."""
    if len(body) not in (18, 21):
        raise DecodeError(f"CMPP_CONNECT_RESP of {len(body)} octets")
    reader = Reader("CMPP_CONNECT_RESP", body)
    return ConnectAnswer(reader.number(len(body) - 17), reader.octets(16), reader.number())


def encode_submit(submit: Submit, dialect: Dialect) -> bytes:
    """Body of CMPP_SUBMIT. Raises ValueError for a field that does not fit."""
    s, typed = submit, b"\0" if dialect.typed else b""
    if len(s.content) > 255:
        raise ValueError(f"Msg_Content of {len(s.content)} octets; at most 255")
    return b"".join(
        (
            bytes(8),
            bytes((s.total, s.number, s.wants_report, s.level)),
            fixed("Service_Id", s.service, 10),
            bytes((s.fee_user_type,)),
            bytes(dialect.number),
            typed,
            bytes((0, s.has_header, s.format)),
            fixed("Msg_src", s.message_source, 6),
            fixed("FeeType", s.fee_type, 2),
            fixed("FeeCode", s.fee_code, 6),
            fixed("ValId_Time", s.valid_until, 17),
            bytes(17),
            fixed("Src_Id", s.source, 21),
            b"\1",
            fixed("Dest_terminal_Id", s.destination, dialect.number),
            typed,
            bytes((len(s.content),)),
            s.content,
            bytes(dialect.tail),
        )
    )


def decode_submit(body: bytes, dialect: Dialect) -> Submit:
    """Inverse of encode_submit. Raises DecodeError for more than one number too: we never send that."""
    reader = Reader("CMPP_SUBMIT", body)
    reader.octets(8)
    total, number, wants_report, level = reader.octets(4)
    service = reader.text(10)
    fee_user_type = reader.number()
    reader.octets(dialect.number + dialect.typed)
    _, has_header, form = reader.octets(3)
    message_source, fee_type, fee_code = reader.text(6), reader.text(2), reader.text(6)
    valid_until, _, source = reader.text(17), reader.octets(17), reader.text(21)
    if (numbers := reader.number()) != 1:
        raise DecodeError(f"CMPP_SUBMIT to {numbers} numbers")
    destination, _ = reader.text(dialect.number), reader.octets(dialect.typed)
    content = reader.octets(reader.number())
    reader.octets(dialect.tail)
    reader.end()
    return Submit(
        total=total,
        number=number,
        wants_report=bool(wants_report),
        level=level,
        service=service,
        fee_user_type=fee_user_type,
        has_header=bool(has_header),
        format=form,
        message_source=message_source,
        fee_type=fee_type,
        fee_code=fee_code,
        valid_until=valid_until,
        source=source,
        destination=destination,
        content=content,
    )


def encode_answer(message_id: bytes, status: int, dialect: Dialect) -> bytes:
    """Body of CMPP_SUBMIT_RESP and CMPP_DELIVER_RESP. message_id: its eight octets."""
    return message_id + status.to_bytes(dialect.status)


def encode_deliver(deliver: Deliver, dialect: Dialect) -> bytes:
    """Body of CMPP_DELIVER."""
    d = deliver
    return b"".join(
        (
            d.message_id.to_bytes(8),
            fixed("Dest_Id", d.destination, 21),
            fixed("Service_Id", d.service, 10),
            bytes((0, d.has_header, d.format)),
            fixed("Src_terminal_Id", d.source, dialect.number),
            b"\0" if dialect.typed else b"",
            bytes((d.is_report, len(d.content))),
            d.content,
            bytes(dialect.tail),
        )
    )


def decode_deliver(body: bytes, dialect: Dialect) -> Deliver:
    """Inverse of encode_deliver."""
    reader = Reader("CMPP_DELIVER", body)
    message_id, destination, service = reader.number(8), reader.text(21), reader.text(10)
    _, has_header, form = reader.octets(3)
    source, _ = reader.text(dialect.number), reader.octets(dialect.typed)
    is_report = reader.number()
    content = reader.octets(reader.number())
    reader.octets(dialect.tail)
    reader.end()
    return Deliver(
        message_id=message_id,
        destination=destination,
        service=service,
        has_header=bool(has_header & 1),
        format=form,
        source=source,
        is_report=bool(is_report),
        content=content,
    )


def encode_report(report: Report, dialect: Dialect) -> bytes:
    """Msg_Content of a status report."""
    return b"".join(
        (
            report.message_id.to_bytes(8),
            fixed("Stat", report.state, 7),
            fixed("Submit_time", report.submitted, 10),
            fixed("Done_time", report.done, 10),
            fixed("Dest_terminal_Id", report.destination, dialect.number),
            report.sequence.to_bytes(4),
        )
    )


def decode_report(content: bytes) -> Report:
    """Inverse of encode_report, of either version: some gateways keep 21 octets in 3.0."""
    width = len(content) - 39
    if width not in (CMPP_2.number, CMPP_3.number):
        raise DecodeError(f"a status report of {len(content)} octets; expected 60 or 71")
    reader = Reader("a status report", content)
    return Report(
        reader.number(8),
        reader.text(7),
        reader.text(10),
        reader.text(10),
        reader.text(width),
        reader.number(4),
    )
