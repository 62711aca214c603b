"""A CMPP gateway (ISMG) for the sandbox: both versions, told apart by what each connection asks for."""

from __future__ import annotations

import hmac
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from duecourse.channels.cmpp import codes
from duecourse.channels.cmpp.codec import (
    CMPP_2,
    CMPP_3,
    Command,
    ConnectAnswer,
    Deliver,
    Dialect,
    Report,
    Submit,
    authenticator,
    decode_connect,
    decode_frame,
    decode_submit,
    encode_answer,
    encode_connect_answer,
    encode_deliver,
    encode_report,
    gateway_authenticator,
)
from duecourse.channels.sandbox.centre import CentrePeer, Delivery, SandboxCentre, Submitted, spoken
from duecourse.channels.sandbox.rules import Behaviour
from duecourse.channels.wire.frame import DecodeError, Frame
from duecourse.channels.wire.short import HEADER_LENGTH, MAX_LENGTH, encode_pdu
from duecourse.channels.wire.text import decode_carrier_text, split_user_data

PASSWORD = "secret"
"""The shared secret of every SP, where the sandbox was given no other."""


class CmppPeer(CentrePeer):
    """One connection of an SP."""

    header_length = HEADER_LENGTH
    encode = staticmethod(encode_pdu)
    max_length = MAX_LENGTH
    failures: ClassVar[Mapping[Behaviour, int]] = {
        Behaviour.REFUSED: codes.DESTINATION_WRONG,
        Behaviour.BROKEN: codes.BUSY,
        Behaviour.FULL: codes.FLOW_CONTROL,
    }
    throttled = codes.FLOW_CONTROL
    _dialect: Dialect = CMPP_2

    def decode(self, octets: bytes) -> Frame:
        return decode_frame(octets, self._dialect)

    def handle(self, frame: Frame) -> None:
        match frame.command:
            case Command.CONNECT:
                self._connect(frame)
            case Command.SUBMIT if self.account is not None:
                self._submit(frame)
            case Command.DELIVER_RESP:
                self.acknowledged(frame)
            case Command.ACTIVE_TEST:
                # What stands before this in the stream is answered by now, receipts included.
                self.deliver()
                self.answer(frame, body=b"\0")
            case Command.TERMINATE:
                self.answer(frame)
                self.close()
            case Command.ACTIVE_TEST_RESP | Command.TERMINATE_RESP:
                pass
            case _:
                raise DecodeError("not now")

    def next_id(self, frame: Frame) -> str:
        return str(_message_id(self.centre.began, next(self.centre.numbers)))

    def accept(self, frame: Frame, message_id: str) -> None:
        self.answer(frame, body=encode_answer(int(message_id).to_bytes(8), 0, self._dialect))

    def refuse(self, frame: Frame, status: int) -> None:
        self.answer(frame, body=encode_answer(bytes(8), status, self._dialect))

    def receipt(self, submitted: Submitted, message_id: str, delivered: bool) -> Delivery:
        """A status report: DELIVRD, or the network's unknown subscriber."""
        stamp, state = self.centre.minute(8), "DELIVRD" if delivered else "MK:0001"
        report = Report(int(message_id), state, stamp, stamp, submitted.message.destination)
        return self._delivery(submitted.message, message_id, encode_report(report, self._dialect), 0, True)

    def reply(self, submitted: Submitted, text: str) -> Delivery:
        return self._delivery(submitted.message, "", *spoken(text))

    def _delivery(
        self, submit: Submit, message_id: str, content: bytes, coding: int, is_report: bool = False
    ) -> Delivery:
        deliver = Deliver(
            message_id=_message_id(self.centre.began, next(self.centre.numbers)),
            destination=submit.source,
            source=submit.destination,
            content=content,
            format=coding,
            is_report=is_report,
        )
        return Delivery(message_id, Command.DELIVER, encode_deliver(deliver, self._dialect))

    def _connect(self, frame: Frame) -> None:
        connect = decode_connect(frame.body)
        secret = self.centre.password or PASSWORD
        self._dialect = CMPP_3 if connect.version >= CMPP_3.version else CMPP_2
        proof = authenticator(connect.source, secret, f"{connect.timestamp:010d}")
        known = hmac.compare_digest(connect.authenticator, proof)
        status = 0 if known else 3
        mine = (
            gateway_authenticator(status.to_bytes(self._dialect.status), proof, secret)
            if known
            else bytes(16)
        )
        answer = ConnectAnswer(status, mine, self._dialect.version)
        self.answer(frame, body=encode_connect_answer(answer, self._dialect))
        if known:
            # What waits is written in the version of who asked for it.
            self.join(f"{connect.source} {self._dialect.version:x}", receives=True)

    def _submit(self, frame: Frame) -> None:
        submit = decode_submit(frame.body, self._dialect)
        octets, place = split_user_data(submit.content, has_header=submit.has_header)
        text = decode_carrier_text(octets, submit.format) or ""
        notes = {"coding": submit.format, "validity": submit.valid_until, "from": submit.source}
        self.take(frame, Submitted(submit.destination, text, place, submit.wants_report, submit, notes))


class SandboxIsmg(SandboxCentre):
    """The server."""

    kind = "sms.cmpp"
    peer = CmppPeer

    @staticmethod
    def settings(port: int, folder: Path) -> dict[str, Any]:
        """As a gateway that is near, wide and patient."""
        return {
            "host": "127.0.0.1",
            "port": port,
            "sp_id": "901234",
            "shared_secret": PASSWORD,
            "source": "10690001",
            "window": 1000,
            "response_seconds": 2,
            "throttle_pause_seconds": 0,
        }


def _message_id(began: int, number: int) -> int:
    """Msg_Id, 8.4.3.2: month to second in 26 bits, the gateway in 22, a counter in 16. Unique beyond the counter's end,
    and over a restart: the seconds go on with the counter, and the gateway's code is the milliseconds' of the start.
    """
    when = time.gmtime(began // 1000 + number // 0x1_0000)
    stamp = (
        (when.tm_mon << 22) | (when.tm_mday << 17) | (when.tm_hour << 12) | (when.tm_min << 6) | when.tm_sec
    )
    return (stamp << 38) | (began % 1000 << 16) | (number & 0xFFFF)
