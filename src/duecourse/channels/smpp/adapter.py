"""SMS over SMPP 3.4, as ESME. Source: SMPP Protocol Specification v3.4, Issue 1.2."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import ClassVar, Self
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr, field_validator, model_validator

from duecourse.channels.smpp import codes
from duecourse.channels.smpp.codec import (
    HEADER_LENGTH,
    MAX_LENGTH,
    Bind,
    Command,
    EsmClass,
    ShortMessage,
    Tag,
    decode_frame,
    decode_message_id,
    encode_bind,
    encode_frame,
    encode_short_message,
)
from duecourse.channels.smpp.receipts import IdForm, ReceiptForm, SmppInterpreter, canonical_id
from duecourse.channels.smpp.text import Alphabet, Encoded, LongMessages, encode_text
from duecourse.channels.wire.centre import CentreConfig, MessageCentre
from duecourse.channels.wire.frame import DecodeError, Frame
from duecourse.channels.wire.link import BindRefusedError, Links
from duecourse.channels.wire.requests import Request
from duecourse.channels.wire.session import Session, cycle
from duecourse.domain.messaging import (
    Cause,
    Deferred,
    NotWritten,
    Outcome,
    Outgoing,
    ReceiptSink,
    Refused,
    ReplySink,
    Throttled,
    reference_of,
)

LONGEST_VALIDITY_SECONDS = 30 * 86_400
"""The relative form counts months too; how long one lasts is the SMSC's secret. 30 days are enough."""
ALPHANUMERIC_TON = 5


class BindAs(StrEnum):
    """Which of the three binds the lines make (2.2)."""

    TRANSCEIVER = "transceiver"
    SEPARATE = "separate"  # transmitters, and receivers beside them
    TRANSMITTER = "transmitter"  # receipts go somewhere else


class SmppConfig(CentreConfig):
    """One SMSC account."""

    port: int = Field(default=2775, ge=1, le=65535)
    system_id: str = Field(max_length=15, pattern=r"^[ -~]+$")
    password: SecretStr = Field(default=SecretStr(""))
    system_type: str = Field(default="", max_length=12, pattern=r"^[ -~]*$")
    bind_as: BindAs = BindAs.TRANSCEIVER
    receivers: int = Field(default=1, ge=1, le=64)
    """Lines that only receive, where transmitters and receivers are separate."""
    tls: bool = False
    ca_file: Path | None = None
    server_name: str = ""
    """The name in the peer's certificate; empty: the host."""
    source: str = Field(default="", max_length=20, pattern=r"^[ -~]*$")
    """Sender: a number, a short code or up to eleven letters."""
    source_ton: int = Field(default=0, ge=0, le=6)
    source_npi: int = Field(default=0, ge=0, le=18)
    service_type: str = Field(default="", max_length=5, pattern=r"^[ -~]*$")
    alphabet: Alphabet = Alphabet.GSM
    long_messages: LongMessages = LongMessages.UDH8
    window: int = Field(default=50, ge=1, le=10_000)
    submit_ids: IdForm = IdForm.TEXT
    receipt_ids: IdForm = IdForm.TEXT
    receipt_zone: str | None = None
    reference: bool = True
    """Whether submits carry user_message_reference. Some SMSCs refuse optional parameters they do not know."""

    @field_validator("password")
    @classmethod
    def _password_fits(cls, value: SecretStr) -> SecretStr:
        if len(value.get_secret_value()) > 8 or not value.get_secret_value().isascii():
            raise ValueError("SMPP 3.4 passwords have at most 8 characters, all ASCII")
        return value

    @field_validator("receipt_zone")
    @classmethod
    def _zone_is_known(cls, value: str | None) -> str | None:
        if value is not None:
            ZoneInfo(value)
        return value

    @model_validator(mode="after")
    def _tls_settings_belong_to_tls(self) -> Self:
        if not self.tls and (self.ca_file is not None or self.server_name):
            raise ValueError("ca_file and server_name have no meaning without tls = true")
        return self


class SmppWire:
    """SMPP as the session sees it."""

    header_length = HEADER_LENGTH
    max_length = MAX_LENGTH
    probe: int | None = Command.ENQUIRE_LINK
    probe_answer = b""
    unbind: int = Command.UNBIND
    nack: int | None = Command.GENERIC_NACK
    invalid_length = codes.INVALID_LENGTH
    invalid_command = codes.INVALID_COMMAND
    encode = staticmethod(encode_frame)
    decode = staticmethod(decode_frame)

    def __init__(self) -> None:
        self._sequences = cycle(1, 0x7FFF_FFFF)

    def next_sequence(self, request: Request | None, index: int) -> int:
        return next(self._sequences)

    def is_throttle(self, frame: Frame) -> bool:
        return frame.status in (codes.THROTTLED, codes.QUEUE_FULL)


class SmppAdapter(MessageCentre):
    """Lines to one SMSC: transceivers, or transmitters with receivers beside them."""

    kind: ClassVar[str] = "sms.smpp"
    settings_type = SmppConfig
    submit: ClassVar[int] = Command.SUBMIT_SM

    def __init__(
        self,
        name: str,
        config: SmppConfig,
        on_receipts: ReceiptSink,
        on_reply: ReplySink,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        """clock: not used, an SMS carries no date. Raises OSError for an unreadable certificate."""
        self._config = config
        self._tls = ssl.create_default_context(cafile=config.ca_file) if config.tls else None
        form = ReceiptForm(
            config.submit_ids,
            config.receipt_ids,
            ZoneInfo(config.receipt_zone) if config.receipt_zone else None,
            config.permanent_errors,
            config.causes,
        )
        super().__init__(name, config, SmppInterpreter(form), on_receipts, on_reply)
        if config.bind_as is BindAs.SEPARATE:
            self._receiving = Links([self._link(self._bind_receiver) for _ in range(config.receivers)])

    async def _bind(self) -> Session:
        transceiver = self._config.bind_as is BindAs.TRANSCEIVER
        return await self._bind_as(Command.BIND_TRANSCEIVER if transceiver else Command.BIND_TRANSMITTER)

    async def _bind_receiver(self) -> Session:
        return await self._bind_as(Command.BIND_RECEIVER)

    async def _bind_as(self, command: Command) -> Session:
        config = self._config
        options = {"ssl": self._tls, "server_hostname": config.server_name or None} if self._tls else {}
        session = await self._connected(SmppWire(), **options)
        bind = Bind(config.system_id, config.password.get_secret_value(), config.system_type)
        return await self._bound(session, command, encode_bind(bind), _check_bind)

    def _prepare(self, outgoing: Outgoing) -> Request | Outcome:
        digits = outgoing.address.removeprefix("+")
        if not (digits.isascii() and digits.isdigit() and len(digits) <= 15):
            return Refused("address", "not a number in E.164", permanent=True, cause=Cause.DEAD)
        if outgoing.valid_for_seconds < 1:
            return NotWritten("its validity had passed")
        config = self._config
        try:
            encoded = encode_text(
                outgoing.text, config.alphabet, config.long_messages, next(self._references)
            )
            bodies = [self._submit(digits, encoded, body, outgoing) for body in encoded.bodies]
        except ValueError as error:
            return Refused("length", str(error), permanent=False, cause=Cause.CONTENT)
        return Request(self.submit, bodies, outgoing.write_before, outgoing.attempt_id, encoded.parts)

    def _submit(self, digits: str, encoded: Encoded, body: bytes, outgoing: Outgoing) -> bytes:
        config = self._config
        tlvs: dict[int, bytes] = {Tag.MESSAGE_PAYLOAD: body} if encoded.payload else {}
        if config.reference:
            tlvs[Tag.USER_MESSAGE_REFERENCE] = reference_of(outgoing.attempt_id).to_bytes(2)
        source, ton, npi = config.source, config.source_ton, config.source_npi
        if outgoing.registered is not None and outgoing.registered.sender:
            source = outgoing.registered.sender.removeprefix("+")
            if not source.isdigit():
                ton, npi = ALPHANUMERIC_TON, 0
            elif ton == ALPHANUMERIC_TON:
                ton, npi = (
                    0,
                    0,
                )  # the configured sender has letters, this one is a number: its kind is not told
        return encode_short_message(
            ShortMessage(
                service_type=config.service_type,
                source=source,
                source_ton=ton,
                source_npi=npi,
                destination=digits,
                esm_class=EsmClass.UDH if len(encoded.bodies) > 1 else 0,
                validity_period=relative_time(outgoing.valid_for_seconds),
                registered_delivery=1,
                data_coding=encoded.data_coding,
                short_message=b"" if encoded.payload else body,
                tlvs=tlvs,
            )
        )

    def _refusal(self, frame: Frame) -> Outcome:
        status = codes.status(frame.status)
        match status.kind:
            case codes.StatusClass.THROTTLED:
                return Throttled(status.name, self._config.throttle_pause_seconds)
            case codes.StatusClass.TEMPORARY:
                return Deferred(status.name, status.meaning)
            case codes.StatusClass.ADDRESS:
                return Refused(status.name, status.meaning, permanent=True, cause=Cause.DEAD)
            case codes.StatusClass.CONTENT:
                return Refused(status.name, status.meaning, permanent=False, cause=Cause.CONTENT)
            case _:
                return Refused(status.name, status.meaning, permanent=False)

    def _provider_id(self, frame: Frame) -> str:
        try:
            return canonical_id(decode_message_id(frame.body), self._config.submit_ids)
        except DecodeError:
            return ""


def relative_time(seconds: int) -> str:
    """validity_period in the relative form YYMMDDhhmmss000R (7.1.1), between 1 second and 30 days."""
    seconds = max(1, min(seconds, LONGEST_VALIDITY_SECONDS))
    days, rest = divmod(seconds, 86_400)
    hours, rest = divmod(rest, 3600)
    minutes, rest = divmod(rest, 60)
    return f"0000{days:02d}{hours:02d}{minutes:02d}{rest:02d}000R"


def _check_bind(answer: Frame) -> None:
    if answer.status != codes.OK:
        raise BindRefusedError(
            codes.status(answer.status).name, account=answer.status in codes.OF_THE_ACCOUNT
        )
