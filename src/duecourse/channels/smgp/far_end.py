"""An SMGP 3.0 gateway (SMGW) for the sandbox."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from duecourse.channels.sandbox.centre import CentrePeer, Delivery, SandboxCentre, Submitted, spoken
from duecourse.channels.sandbox.rules import Behaviour
from duecourse.channels.smgp import codes
from duecourse.channels.smgp.codec import (
    Command,
    Deliver,
    LoginAnswer,
    LoginMode,
    Report,
    Submit,
    Tag,
    authenticator,
    decode_frame,
    decode_login,
    decode_submit,
    encode_answer,
    encode_deliver,
    encode_login_answer,
    encode_report,
    server_authenticator,
)
from duecourse.channels.wire.frame import DecodeError, Frame
from duecourse.channels.wire.short import HEADER_LENGTH, MAX_LENGTH, encode_pdu
from duecourse.channels.wire.text import decode_carrier_text, split_user_data

PASSWORD = "secret"
"""The shared secret of every SP, where the sandbox was given no other."""


class SmgpPeer(CentrePeer):
    """One connection of an SP."""

    header_length = HEADER_LENGTH
    encode = staticmethod(encode_pdu)
    max_length = MAX_LENGTH
    failures: ClassVar[Mapping[Behaviour, int]] = {
        Behaviour.REFUSED: codes.DESTINATION_WRONG,
        Behaviour.BROKEN: codes.MAKERS_OWN,
        Behaviour.FULL: codes.BUSY,
    }
    throttled = codes.BUSY
    decode = staticmethod(decode_frame)

    def handle(self, frame: Frame) -> None:
        match frame.command:
            case Command.LOGIN:
                self._login(frame)
            case Command.SUBMIT if self.account is not None:
                self._submit(frame)
            case Command.DELIVER_RESP:
                self.acknowledged(frame)
            case Command.ACTIVE_TEST:
                # What stands before this in the stream is answered by now, receipts included.
                self.deliver()
                self.answer(frame)
            case Command.EXIT:
                self.answer(frame)
                self.close()
            case Command.ACTIVE_TEST_RESP | Command.EXIT_RESP:
                pass
            case _:
                raise DecodeError("not now")

    def next_id(self, frame: Frame) -> str:
        return _message_id(self.centre.began, next(self.centre.numbers)).hex()

    def accept(self, frame: Frame, message_id: str) -> None:
        self.answer(frame, body=encode_answer(bytes.fromhex(message_id), 0))

    def refuse(self, frame: Frame, status: int) -> None:
        self.answer(frame, body=encode_answer(bytes(10), status))

    def receipt(self, submitted: Submitted, message_id: str, delivered: bool) -> Delivery:
        """A status report: DELIVRD, or UNDELIV with 004."""
        state, error = ("DELIVRD", "000") if delivered else ("UNDELIV", "004")
        minute = self.centre.minute(8)
        report = Report(bytes.fromhex(message_id), state, error, minute, minute)
        return self._delivery(submitted.message, message_id, encode_report(report, b"017"), 0, True)

    def reply(self, submitted: Submitted, text: str) -> Delivery:
        return self._delivery(submitted.message, "", *spoken(text))

    def _delivery(
        self, submit: Submit, message_id: str, content: bytes, coding: int, is_report: bool = False
    ) -> Delivery:
        deliver = Deliver(
            message_id=_message_id(self.centre.began, next(self.centre.numbers)),
            source=submit.destination,
            destination=submit.source,
            content=content,
            format=coding,
            is_report=is_report,
            received=f"20{self.centre.minute(8)}00",
        )
        return Delivery(message_id, Command.DELIVER, encode_deliver(deliver))

    def _login(self, frame: Frame) -> None:
        login, secret = decode_login(frame.body), self.centre.password or PASSWORD
        proof = authenticator(login.client, secret, f"{login.timestamp:010d}")
        known = hmac.compare_digest(login.authenticator, proof)
        status = 0 if known else codes.AUTHENTICATION_FAILED
        mine = server_authenticator(status, proof, secret) if known else bytes(16)
        self.answer(frame, body=encode_login_answer(LoginAnswer(status, mine)))
        if known:
            self.join(login.client, receives=login.mode != LoginMode.SEND)

    def _submit(self, frame: Frame) -> None:
        submit = decode_submit(frame.body)
        has_header = submit.tlvs.get(Tag.TP_UDHI) == b"\1"
        octets, place = split_user_data(submit.content, has_header=has_header)
        text = decode_carrier_text(octets, submit.format) or ""
        notes = {"coding": submit.format, "validity": submit.valid_until, "from": submit.source}
        self.take(frame, Submitted(submit.destination, text, place, submit.needs_report, submit, notes))


class SandboxSmgw(SandboxCentre):
    """The server."""

    kind = "sms.smgp"
    peer = SmgpPeer

    @staticmethod
    def settings(port: int, folder: Path) -> dict[str, Any]:
        """As a gateway that is near, wide and patient."""
        return {
            "host": "127.0.0.1",
            "port": port,
            "client_id": "12345678",
            "shared_secret": PASSWORD,
            "source": "10690001",
            "permanent_errors": ["004"],
            "window": 1000,
            "response_seconds": 2,
            "throttle_pause_seconds": 0,
        }


def _message_id(began: int, number: int) -> bytes:
    """MsgID, 6.2.26: 20 digits in BCD. The gateway's six are of the start, so that no id comes again."""
    return bytes.fromhex(
        f"{began // 1000 % 1_000_000:06d}{number // 1_000_000 % 100_000_000:08d}{number % 1_000_000:06d}"
    )
