"""SMS over SMPP 3.4, as ESME and transceiver. Source: SMPP Protocol Specification v3.4, Issue 1.2."""

from __future__ import annotations

import asyncio
import itertools
import random
import ssl
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar, Self
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from duecourse.channels.smpp import codes
from duecourse.channels.smpp.codec import (
    HEADER_LENGTH,
    MAX_LENGTH,
    Bind,
    Command,
    DecodeError,
    EsmClass,
    Frame,
    ShortMessage,
    Tag,
    decode_frame,
    decode_message_id,
    encode_bind,
    encode_frame,
    encode_short_message,
)
from duecourse.channels.smpp.inbound import Inbound
from duecourse.channels.smpp.link import BindRefusedError, Link
from duecourse.channels.smpp.parts import PartReceipts
from duecourse.channels.smpp.receipts import IdForm, ReceiptForm, canonical_id
from duecourse.channels.smpp.session import Limits, Request, Session, SessionLostError
from duecourse.channels.smpp.text import Alphabet, Encoded, LongMessages, encode_text
from duecourse.domain.messaging import (
    Accepted,
    Channel,
    NotWritten,
    Outcome,
    Outgoing,
    ReceiptSink,
    Refused,
    ReplySink,
    Throttled,
    Unknown,
    reference_of,
)

LONGEST_VALIDITY_SECONDS = 30 * 86_400
"""The relative form counts months too; how long one lasts is the SMSC's secret. 30 days are enough."""
DRAIN_TRIES = 3
MOST_ROUNDS = 10_000
"""A peer that never stops sending must not hold a drain for ever."""


class SmppConfig(BaseModel):
    """One SMSC account. Times are in seconds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str
    port: int = Field(default=2775, ge=1, le=65535)
    system_id: str = Field(max_length=15, pattern=r"^[ -~]+$")
    password: SecretStr = Field(default=SecretStr(""))
    system_type: str = Field(default="", max_length=12, pattern=r"^[ -~]*$")
    tls: bool = False
    ca_file: Path | None = None
    source: str = Field(default="", max_length=20, pattern=r"^[ -~]*$")
    """Sender: a number, a short code or up to eleven letters."""
    source_ton: int = Field(default=0, ge=0, le=6)
    source_npi: int = Field(default=0, ge=0, le=18)
    service_type: str = Field(default="", max_length=5, pattern=r"^[ -~]*$")
    alphabet: Alphabet = Alphabet.GSM
    long_messages: LongMessages = LongMessages.UDH8
    window: int = Field(default=50, ge=1, le=10_000)
    connect_seconds: float = Field(default=10, gt=0, le=120)
    response_seconds: float = Field(default=10, gt=0, le=120)
    """From the write of a submit to its response; later it is Unknown."""
    probe_seconds: float = Field(default=30, gt=0, le=3600)
    throttle_pause_seconds: float = Field(default=1, ge=0, le=600)
    bind_wait_seconds: float = Field(default=1, ge=0, le=60)
    """How long a send waits for a session that is being bound."""
    rebind_first_seconds: float = Field(default=0.5, gt=0, le=60)
    rebind_most_seconds: float = Field(default=30, gt=0, le=3600)
    submit_ids: IdForm = IdForm.TEXT
    receipt_ids: IdForm = IdForm.TEXT
    receipt_zone: str | None = None
    permanent_errors: frozenset[str] = frozenset()
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


class SmppWire:
    """SMPP as the session sees it."""

    header_length = HEADER_LENGTH
    max_length = MAX_LENGTH
    probe: int = Command.ENQUIRE_LINK
    unbind: int = Command.UNBIND
    nack: int = Command.GENERIC_NACK
    invalid_length = codes.INVALID_LENGTH
    invalid_command = codes.INVALID_COMMAND
    encode = staticmethod(encode_frame)
    decode = staticmethod(decode_frame)


class SmppAdapter:
    """One transceiver session to one SMSC."""

    kind: ClassVar[str] = "sms.smpp"
    channel: ClassVar[Channel] = Channel.SMS
    deduplicates: ClassVar[bool] = False

    def __init__(self, name: str, config: SmppConfig, on_receipts: ReceiptSink, on_reply: ReplySink) -> None:
        self.name = name
        self.window = config.window
        self._config = config
        self._tls = ssl.create_default_context(cafile=config.ca_file) if config.tls else None
        self._form = ReceiptForm(
            config.submit_ids,
            config.receipt_ids,
            ZoneInfo(config.receipt_zone) if config.receipt_zone else None,
            config.permanent_errors,
        )
        self._on_receipts = on_receipts
        self._on_reply = on_reply
        self._parts = PartReceipts()
        self._references = itertools.count(random.randrange(0x10000))
        self._link = Link(name, self._bind, config.rebind_first_seconds, config.rebind_most_seconds)
        self._inbound = Inbound(name, self._form, self._parts, on_receipts, on_reply)
        self.late_responses = 0

    @classmethod
    def configured(
        cls,
        name: str,
        config: Mapping[str, Any],
        on_receipts: ReceiptSink,
        on_reply: ReplySink,
        clock: Callable[[], datetime] | None = None,
    ) -> Self:
        """From settings as written; an SMS carries no date, so `clock` is not used.

        Raises pydantic.ValidationError, or OSError for an unreadable certificate.
        """
        return cls(name, SmppConfig.model_validate(config), on_receipts, on_reply)

    async def open(self) -> None:
        """Bind in the background."""
        self._inbound.start()
        self._link.start()

    async def send(self, batch: Sequence[Outgoing]) -> Sequence[Outcome]:
        """Pipeline the whole batch through the window; one outcome each, in order."""
        prepared = [self._prepare(each) for each in batch]
        session = await self._link.session(self._config.bind_wait_seconds)
        if session is None:
            return [NotWritten("not bound") if isinstance(p, Request) else p for p in prepared]
        await session.exchange([each for each in prepared if isinstance(each, Request)])
        return [self._outcome(each) if isinstance(each, Request) else each for each in prepared]

    async def drain(self) -> None:
        """Commit what the SMSC sent before its answer to a probe, until a probe brings nothing more."""
        for _ in range(DRAIN_TRIES):
            session = await self._link.session(self._config.bind_wait_seconds)
            if session is None:
                break
            try:
                for _ in range(MOST_ROUNDS):
                    await self._inbound.idle()
                    taken = self._inbound.taken
                    await session.probe()
                    if self._inbound.taken == taken:
                        return
            except SessionLostError:
                continue
        await self._inbound.idle()

    async def close(self) -> None:
        """Commit what arrived, unbind, stop."""
        await self._inbound.idle()
        await self._link.stop()
        await self._inbound.stop()

    # session.Listener

    def on_requests(self, session: Session, frames: Sequence[Frame]) -> None:
        """deliver_sm and whatever else the SMSC asks."""
        self._inbound.put(session, frames)

    def on_part(self, request: Request, index: int, frame: Frame, late: bool) -> None:
        """Remember under which id a part was taken, before its receipt can arrive."""
        attempt_id = request.tag
        assert isinstance(attempt_id, UUID)
        self.late_responses += late
        if frame.status == codes.OK and frame.command == Command.SUBMIT_SM_RESP:
            provider_id = self._message_id(frame)
            if provider_id:
                self._parts.accepted(attempt_id, len(request.bodies), index, provider_id)
            if late:
                self._parts.unsettled(attempt_id)

    # Inside

    async def _bind(self) -> Session:
        config = self._config
        limits = Limits(
            config.window, config.response_seconds, config.probe_seconds, config.throttle_pause_seconds
        )
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(config.connect_seconds):
            _, session = await loop.create_connection(
                lambda: Session(SmppWire(), limits, self, _is_throttle),
                config.host,
                config.port,
                ssl=self._tls,
            )
        bind = Bind(config.system_id, config.password.get_secret_value(), config.system_type)
        try:
            answer = await session.call(Command.BIND_TRANSCEIVER, encode_bind(bind))
        except BaseException:
            session.abort("the bind was not answered")
            raise
        if answer.status != codes.OK:
            session.abort("the bind was refused")
            raise BindRefusedError(codes.status(answer.status).name)
        session.open_traffic()
        return session

    def _prepare(self, outgoing: Outgoing) -> Request | Outcome:
        digits = outgoing.address.removeprefix("+")
        if not (digits.isascii() and digits.isdigit() and len(digits) <= 15):
            return Refused("address", "not a number in E.164", permanent=True)
        if outgoing.valid_for_seconds < 1:
            return NotWritten("its validity had passed")
        config = self._config
        try:
            encoded = encode_text(
                outgoing.text, config.alphabet, config.long_messages, next(self._references)
            )
        except ValueError as error:
            return Refused("length", str(error), permanent=False)
        return Request(
            Command.SUBMIT_SM,
            [self._submit(digits, encoded, body, outgoing) for body in encoded.bodies],
            outgoing.write_before,
            outgoing.attempt_id,
            encoded.parts,
        )

    def _submit(self, digits: str, encoded: Encoded, body: bytes, outgoing: Outgoing) -> bytes:
        config = self._config
        tlvs: dict[int, bytes] = {Tag.MESSAGE_PAYLOAD: body} if encoded.payload else {}
        if config.reference:
            tlvs[Tag.USER_MESSAGE_REFERENCE] = reference_of(outgoing.attempt_id).to_bytes(2)
        return encode_short_message(
            ShortMessage(
                service_type=config.service_type,
                source=config.source,
                source_ton=config.source_ton,
                source_npi=config.source_npi,
                destination=digits,
                esm_class=EsmClass.UDH if len(encoded.bodies) > 1 else 0,
                validity_period=relative_time(outgoing.valid_for_seconds),
                registered_delivery=1,
                data_coding=encoded.data_coding,
                short_message=b"" if encoded.payload else body,
                tlvs=tlvs,
            )
        )

    def _outcome(self, request: Request) -> Outcome:
        if request.unwritten is not None:
            return NotWritten(request.unwritten)
        replies = request.replies
        accepted = [f for f in replies if f and f.status == codes.OK and f.command == Command.SUBMIT_SM_RESP]
        if len(accepted) == len(replies):
            return Accepted(self._message_id(accepted[0]), request.weight)
        attempt_id = request.tag
        assert isinstance(attempt_id, UUID)
        if accepted:
            self._parts.unsettled(attempt_id)
            return Unknown(f"{len(accepted)} of {len(replies)} parts were accepted")
        refusals = [codes.status(frame.status) for frame in replies if frame]
        if len(refusals) < len(replies):
            self._parts.unsettled(attempt_id)
            return Unknown(request.lost or "no response")
        worst = next((each for each in refusals if each.kind is not codes.StatusClass.THROTTLED), refusals[0])
        if worst.kind is codes.StatusClass.THROTTLED:
            return Throttled(worst.name, self._config.throttle_pause_seconds)
        return Refused(worst.name, worst.meaning, permanent=worst.kind is codes.StatusClass.ADDRESS)

    def _message_id(self, frame: Frame) -> str:
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


def _is_throttle(frame: Frame) -> bool:
    return frame.status in (codes.THROTTLED, codes.QUEUE_FULL)
