"""SMGP 3.0 protocol data units. Source: China Telecom SMGP V3.0.3 (2008-08-15), 5.2, 6.1-6.3. Read 2026-11-25.

The decoder is strict: a length that does not add up raises DecodeError.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple

from duecourse.channels.wire.frame import DecodeError, Frame, Reader, fixed
from duecourse.channels.wire.short import proof_of, split_frame
from duecourse.channels.wire.tlv import decode_tlvs, encode_tlvs

VERSION = 0x30


class Command(IntEnum):
    """RequestID, 6.1.2."""

    LOGIN = 0x1
    LOGIN_RESP = 0x8000_0001
    SUBMIT = 0x2
    SUBMIT_RESP = 0x8000_0002
    DELIVER = 0x3
    DELIVER_RESP = 0x8000_0003
    ACTIVE_TEST = 0x4
    ACTIVE_TEST_RESP = 0x8000_0004
    EXIT = 0x6
    EXIT_RESP = 0x8000_0006


class Tag(IntEnum):
    """Optional parameters used here, 6.3.1."""

    TP_UDHI = 0x0002
    PK_TOTAL = 0x0009
    PK_NUMBER = 0x000A
    MSG_SRC = 0x0010
    M_SERVICE_ID = 0x0012


class LoginMode(IntEnum):
    """LoginMode, 6.2.3."""

    SEND = 0
    RECEIVE = 1
    TRANSMIT = 2  # both


class Login(NamedTuple):
    """Body of Login, 5.2.2.1.1."""

    client: str
    authenticator: bytes
    mode: int
    timestamp: int
    """MMDDHHMMSS as a number."""
    version: int = VERSION


class LoginAnswer(NamedTuple):
    """Body of Login_Resp, 5.2.2.1.2."""

    status: int
    authenticator: bytes
    version: int = VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class Submit:
    """Body of Submit to one number, 5.2.2.2.1. Its repr shows nothing personal."""

    destination: str = field(repr=False)
    content: bytes = field(repr=False)
    source: str
    message_type: int = 6
    """6: from an SP to a phone."""
    needs_report: bool = True
    priority: int = 1
    service: str = ""
    fee_type: str = "00"
    fee_code: str = "0"
    fixed_fee: str = "0"
    format: int = 15
    valid_until: str = ""
    charged: str = field(default="", repr=False)
    tlvs: Mapping[int, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deliver:
    """Body of Deliver, 5.2.2.3.1. Its repr shows nothing personal."""

    message_id: bytes
    source: str = field(repr=False)
    destination: str
    content: bytes = field(repr=False)
    is_report: bool = False
    format: int = 0
    received: str = ""
    """YYYYMMDDHHMMSS."""
    tlvs: Mapping[int, bytes] = field(default_factory=dict)


class Report(NamedTuple):
    """What Deliver carries as a status report, 6.2.63."""

    message_id: bytes
    state: str
    error: str
    submitted: str = ""
    done: str = ""


def decode_frame(octets: bytes) -> Frame:
    """One PDU from exactly its octets. A response's Status, which stands in its body, is the frame's."""
    command, sequence, body = split_frame("PacketLength", octets)
    status = 0
    if command in (Command.SUBMIT_RESP, Command.DELIVER_RESP):
        if len(body) < 14:
            raise DecodeError(f"a response of {len(body)} octets; expected 14")
        status = int.from_bytes(body[10:14])
    elif command == Command.LOGIN_RESP:
        status = decode_login_answer(body).status
    return Frame(command, status, sequence, body)


def authenticator(client: str, secret: str, timestamp: str) -> bytes:
    """AuthenticatorClient, 6.2.2. timestamp: ten digits."""
    of_client = fixed("ClientID", client, 8)
    return proof_of(of_client, bytes(7), secret.encode("latin-1"), timestamp.encode())


def server_authenticator(status: int, of_client: bytes, secret: str) -> bytes:
    """AuthenticatorServer, 6.2.7."""
    return proof_of(status.to_bytes(4), of_client, secret.encode("latin-1"))


def encode_login(login: Login) -> bytes:
    """Body of Login."""
    return b"".join(
        (
            fixed("ClientID", login.client, 8),
            login.authenticator,
            bytes((login.mode,)),
            login.timestamp.to_bytes(4),
            bytes((login.version,)),
        )
    )


def decode_login(body: bytes) -> Login:
    """Inverse of encode_login."""
    reader = Reader("Login", body)
    login = Login(reader.text(8), reader.octets(16), reader.number(), reader.number(4), reader.number())
    reader.end()
    return login


def encode_login_answer(answer: LoginAnswer) -> bytes:
    """Body of Login_Resp."""
    return answer.status.to_bytes(4) + answer.authenticator + bytes((answer.version,))


def decode_login_answer(body: bytes) -> LoginAnswer:
    """Inverse of encode_login_answer."""
    reader = Reader("Login_Resp", body)
    answer = LoginAnswer(reader.number(4), reader.octets(16), reader.number())
    reader.end()
    return answer


def encode_submit(submit: Submit) -> bytes:
    """Body of Submit. Raises ValueError for a field that does not fit."""
    s = submit
    if len(s.content) > 140:
        raise ValueError(f"MsgContent of {len(s.content)} octets; at most 140")
    return b"".join(
        (
            bytes((s.message_type, s.needs_report, s.priority)),
            fixed("ServiceID", s.service, 10),
            fixed("FeeType", s.fee_type, 2),
            fixed("FeeCode", s.fee_code, 6),
            fixed("FixedFee", s.fixed_fee, 6),
            bytes((s.format,)),
            fixed("ValidTime", s.valid_until, 17),
            bytes(17),
            fixed("SrcTermID", s.source, 21),
            fixed("ChargeTermID", s.charged, 21),
            b"\1",
            fixed("DestTermID", s.destination, 21),
            bytes((len(s.content),)),
            s.content,
            bytes(8),
            encode_tlvs(s.tlvs),
        )
    )


def decode_submit(body: bytes) -> Submit:
    """Inverse of encode_submit. Raises DecodeError for more than one number too: we never send that."""
    reader = Reader("Submit", body)
    message_type, needs_report, priority = reader.octets(3)
    service, fee_type, fee_code, fixed_fee = reader.text(10), reader.text(2), reader.text(6), reader.text(6)
    form, valid_until, _ = reader.number(), reader.text(17), reader.octets(17)
    source, charged = reader.text(21), reader.text(21)
    if (numbers := reader.number()) != 1:
        raise DecodeError(f"Submit to {numbers} numbers")
    destination = reader.text(21)
    content = reader.octets(reader.number())
    reader.octets(8)
    return Submit(
        message_type=message_type,
        needs_report=bool(needs_report),
        priority=priority,
        service=service,
        fee_type=fee_type,
        fee_code=fee_code,
        fixed_fee=fixed_fee,
        format=form,
        valid_until=valid_until,
        source=source,
        charged=charged,
        destination=destination,
        content=content,
        tlvs=decode_tlvs(reader.rest(), 0),
    )


def encode_answer(message_id: bytes, status: int) -> bytes:
    """Body of Submit_Resp and Deliver_Resp."""
    return message_id + status.to_bytes(4)


def encode_deliver(deliver: Deliver) -> bytes:
    """Body of Deliver."""
    d = deliver
    return b"".join(
        (
            d.message_id,
            bytes((d.is_report, d.format)),
            fixed("RecvTime", d.received, 14),
            fixed("SrcTermID", d.source, 21),
            fixed("DestTermID", d.destination, 21),
            bytes((len(d.content),)),
            d.content,
            bytes(8),
            encode_tlvs(d.tlvs),
        )
    )


def decode_deliver(body: bytes) -> Deliver:
    """Inverse of encode_deliver."""
    reader = Reader("Deliver", body)
    message_id = reader.octets(10)
    is_report, form = reader.octets(2)
    received, source, destination = reader.text(14), reader.text(21), reader.text(21)
    content = reader.octets(reader.number())
    reader.octets(8)
    return Deliver(
        message_id=message_id,
        is_report=bool(is_report),
        format=form,
        received=received,
        source=source,
        destination=destination,
        content=content,
        tlvs=decode_tlvs(reader.rest(), 0),
    )


_FIELD = re.compile(
    r"\b(done[ _]date|submit[ _]date|stat|err)\s*:\s*([^\s:]*)",
    re.IGNORECASE,
)
_TEXT = re.compile(rb"\b(text|txt)\s*:", re.IGNORECASE)


def encode_report(report: Report, text: bytes = b"") -> bytes:
    """MsgContent of a status report. text: the beginning of the message, 20 octets are kept."""
    words = (
        f" sub:001 dlvrd:001 Submit date:{report.submitted} done date:{report.done}"
        f" stat:{report.state} err:{report.error} Text:"
    )
    return b"id:" + report.message_id + words.encode("ascii") + text[:20]


def decode_report(content: bytes) -> Report:
    """Inverse of encode_report. The id is ten octets as they are, which some gateways write as twenty hex digits."""
    if content[:3].lower() != b"id:":
        raise DecodeError("a status report that does not begin with its id")
    wide = content[23:27] == b" sub" and content[13:17] != b" sub"
    end = 23 if wide else 13
    try:
        message_id = bytes.fromhex(content[3:end].decode("ascii")) if wide else content[3:end]
    except ValueError:
        raise DecodeError("a status report whose id is neither ten octets nor twenty hex digits") from None
    if len(message_id) != 10:
        raise DecodeError("a status report that ends within its id")
    rest = content[end:]
    text = _TEXT.search(rest)
    words = (rest[: text.start()] if text else rest).decode("latin-1")
    fields = {name.lower().replace("_", " "): value for name, value in _FIELD.findall(words)}
    return Report(
        message_id,
        fields.get("stat", "").upper(),
        fields.get("err", ""),
        fields.get("submit date", ""),
        fields.get("done date", ""),
    )
