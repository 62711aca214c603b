"""An SMPP 3.4 message centre for the sandbox."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from duecourse.channels.sandbox.centre import CentrePeer, Delivery, SandboxCentre, Submitted, spoken
from duecourse.channels.sandbox.rules import Behaviour
from duecourse.channels.smpp import codes
from duecourse.channels.smpp.codec import (
    HEADER_LENGTH,
    MAX_LENGTH,
    Command,
    EsmClass,
    ShortMessage,
    Tag,
    decode_bind,
    decode_frame,
    decode_short_message,
    encode_bind_resp,
    encode_frame,
    encode_message_id,
    encode_short_message,
)
from duecourse.channels.smpp.text import decode_text, split_header
from duecourse.channels.wire.frame import RESPONSE, Frame

_BINDS = (Command.BIND_TRANSCEIVER, Command.BIND_TRANSMITTER, Command.BIND_RECEIVER)
_COMES_AGAIN = (codes.TEMPORARY_APPLICATION_ERROR, codes.QUEUE_FULL, codes.SYSTEM_ERROR)
_NO_SUCH_SUBSCRIBER = bytes((3, 0, 1))


class SmppPeer(CentrePeer):
    """One connection of an ESME."""

    header_length = HEADER_LENGTH
    max_length = MAX_LENGTH
    repeats_after_silence = False
    failures: ClassVar[Mapping[Behaviour, int]] = {
        Behaviour.REFUSED: codes.INVALID_DESTINATION,
        Behaviour.BROKEN: codes.SYSTEM_ERROR,
        Behaviour.FULL: codes.QUEUE_FULL,
    }
    throttled = codes.THROTTLED
    encode = staticmethod(encode_frame)
    decode = staticmethod(decode_frame)

    def handle(self, frame: Frame) -> None:
        match frame.command:
            case Command.SUBMIT_SM if self.account is None:
                self.answer(frame, codes.INVALID_BIND_STATE, encode_message_id(""))
            case Command.SUBMIT_SM:
                self._submit(frame)
            case Command.DELIVER_SM_RESP:
                self.acknowledged(frame, again=frame.status in _COMES_AGAIN)
            case Command.ENQUIRE_LINK:
                # What stands before this in the stream is answered by now, receipts included.
                self.deliver()
                self.answer(frame)
            case Command.UNBIND:
                self.answer(frame)
                self.close()
            case command if command in _BINDS:
                self._bind(frame)
            case command if not command & RESPONSE:
                self.say(Command.GENERIC_NACK, codes.INVALID_COMMAND, frame.sequence)

    def broken(self) -> None:
        self.say(Command.GENERIC_NACK, codes.INVALID_LENGTH, 0)

    def next_id(self, frame: Frame) -> str:
        return f"{self.centre.began:x}-{next(self.centre.numbers)}"

    def accept(self, frame: Frame, message_id: str) -> None:
        self.answer(frame, codes.OK, encode_message_id(message_id))

    def refuse(self, frame: Frame, status: int) -> None:
        self.answer(frame, status)

    def receipt(self, submitted: Submitted, message_id: str, delivered: bool) -> Delivery:
        """Appendix B's text and the parameters that win over it."""
        state = "DELIVRD" if delivered else "UNDELIV"
        body = _receipt(submitted.message, message_id, state, self.centre.minute())
        return Delivery(message_id, Command.DELIVER_SM, body)

    def reply(self, submitted: Submitted, text: str) -> Delivery:
        """A plain mobile-originated message."""
        message: ShortMessage = submitted.message
        octets, coding = spoken(text)
        body = ShortMessage(
            source=message.destination,
            source_ton=1,
            destination=message.source,
            short_message=octets,
            data_coding=coding,
        )
        return Delivery("", Command.DELIVER_SM, encode_short_message(body))

    def _bind(self, frame: Frame) -> None:
        bind = decode_bind(frame.body)
        if self.centre.password and bind.password != self.centre.password:
            self.answer(frame, codes.BIND_FAILED)
            return
        self.join(bind.system_id, receives=frame.command != Command.BIND_TRANSMITTER)
        self.answer(frame, codes.OK, encode_bind_resp("sandbox"))

    def _submit(self, frame: Frame) -> None:
        message = decode_short_message(frame.body)
        octets, place = split_header(message)
        text = decode_text(octets, message.data_coding) or ""
        notes = {"coding": message.data_coding, "validity": message.validity_period}
        wants_receipt = bool(message.registered_delivery & 0x03)
        self.take(frame, Submitted(message.destination, text, place, wants_receipt, message, notes))


class SandboxSmsc(SandboxCentre):
    """The server."""

    kind = "sms.smpp"
    peer = SmppPeer

    @staticmethod
    def settings(port: int, folder: Path) -> dict[str, Any]:
        """As a provider that is near, wide and patient."""
        return {
            "host": "127.0.0.1",
            "port": port,
            "system_id": "duecourse",
            "window": 1000,
            "response_seconds": 2,
            "throttle_pause_seconds": 0,
        }


def _receipt(message: ShortMessage, message_id: str, state: str, stamp: str) -> bytes:
    delivered = state == "DELIVRD"
    text = (
        f"id:{message_id} sub:001 dlvrd:{'001' if delivered else '000'} submit date:{stamp} "
        f"done date:{stamp} stat:{state} err:{'000' if delivered else '001'} text:"
    )
    tlvs = {Tag.RECEIPTED_MESSAGE_ID: message_id.encode() + b"\0", Tag.MESSAGE_STATE: b"\x02"}
    if not delivered:
        tlvs |= {Tag.MESSAGE_STATE: b"\x05", Tag.NETWORK_ERROR_CODE: _NO_SUCH_SUBSCRIBER}
    if reference := message.tlvs.get(Tag.USER_MESSAGE_REFERENCE):
        tlvs[Tag.USER_MESSAGE_REFERENCE] = reference
    return encode_short_message(
        ShortMessage(
            source=message.destination,
            source_ton=message.dest_ton,
            source_npi=message.dest_npi,
            destination=message.source,
            dest_ton=message.source_ton,
            dest_npi=message.source_npi,
            esm_class=EsmClass.RECEIPT,
            short_message=text.encode(),
            tlvs={int(tag): value for tag, value in tlvs.items()},
        )
    )
