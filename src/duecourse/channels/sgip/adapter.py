"""SMS over SGIP 1.2, as SP: it submits on lines of its own, and listens for the gateway's with reports and replies.

Source: China Unicom, "短消息网关系统接口协议". A line ends when it has been idle, as 3.1 wants, and is made again
on demand.
"""

from __future__ import annotations

import asyncio
import ipaddress
import random
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import ClassVar, Self
from uuid import UUID

from pydantic import Field, SecretStr, field_validator, model_validator

from duecourse.channels.sgip import codes
from duecourse.channels.sgip.codec import (
    HEADER_LENGTH,
    MAX_LENGTH,
    Bind,
    Command,
    LoginType,
    Submit,
    decode_frame,
    encode_bind,
    encode_frame,
    encode_result,
    encode_submit,
    sequence_of,
)
from duecourse.channels.sgip.door import Door
from duecourse.channels.sgip.reports import SgipInterpreter
from duecourse.channels.wire.carrier import (
    CarrierCentre,
    CarrierConfig,
    Clock,
    Part,
    ResultClass,
    month_to_second,
)
from duecourse.channels.wire.frame import Frame
from duecourse.channels.wire.link import BindRefusedError, Links
from duecourse.channels.wire.requests import Request
from duecourse.channels.wire.session import Session
from duecourse.channels.wire.text import Format
from duecourse.domain.messaging import Outcome, ReceiptSink, ReplySink, reference_of

DRAIN_LOOK_SECONDS = 0.02
MOST_AWAITED = 50_000
"""Submits without a report that a drain still looks out for."""


class SgipConfig(CarrierConfig):
    """One SP's account at a gateway (SMG)."""

    port: int = Field(default=8801, ge=1, le=65535)
    node: int = Field(ge=1, le=0xFFFF_FFFF)
    """The SP's number among the nodes, 3AAAAQQQQQ (3.3)."""
    company: str = Field(max_length=5, pattern=r"^[0-9]+$")
    login_name: str = Field(max_length=16, pattern=r"^[!-~]+$")
    login_password: SecretStr = Field(default=SecretStr(""))
    listen_host: str = "0.0.0.0"
    listen_port: int = Field(default=8801, ge=1, le=65535)
    """Where the gateway connects to us."""
    gateway_name: str = Field(default="", max_length=16, pattern=r"^[!-~]*$")
    """What it must log in as; with an empty name anybody from `gateway_addresses` is let in."""
    gateway_password: SecretStr = Field(default=SecretStr(""))
    gateway_addresses: tuple[str, ...] = ()
    """Networks it may connect from, e.g. 10.20.0.0/24; empty: any."""
    service_type: str = Field(default="", max_length=10, pattern=r"^[!-~]*$")
    fee_type: int = Field(default=1, ge=0, le=4)
    fee: str = Field(default="0", max_length=6, pattern=r"^[0-9]+$")
    window: int = Field(default=16, ge=1, le=32)
    """3.1: at most 32."""
    idle_seconds: float = Field(default=30, gt=0, le=3600)
    """A line of ours that has been silent for so long is ended."""
    quiet_seconds: float = Field(default=1, gt=0, le=60)
    """SGIP has no probe: a drain that misses reports waits until nothing has come for so long."""

    @field_validator("login_password", "gateway_password")
    @classmethod
    def _password_fits(cls, value: SecretStr) -> SecretStr:
        if len(value.get_secret_value()) > 16 or not value.get_secret_value().isascii():
            raise ValueError("SGIP passwords have at most 16 characters, all ASCII")
        return value

    @field_validator("gateway_addresses")
    @classmethod
    def _networks_are_networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for each in value:
            ipaddress.ip_network(each)
        return value

    @model_validator(mode="after")
    def _the_gateway_is_known(self) -> Self:
        if not self.gateway_name and not self.gateway_addresses:
            raise ValueError("say by gateway_name or gateway_addresses whose reports are to be believed")
        return self


class SgipWire:
    """SGIP as the session sees it. Its sequence numbers hold the attempt's reference: reports bring it back."""

    header_length = HEADER_LENGTH
    max_length = MAX_LENGTH
    probe: int | None = None
    probe_answer = b""
    unbind: int = Command.UNBIND
    nack: int | None = None
    invalid_length = 0
    invalid_command = 0
    decode = staticmethod(decode_frame)

    def __init__(
        self, node: int, stamp: Callable[[], str], issued: Callable[[Request, int, str], None]
    ) -> None:
        """stamp: MMDDHHMMSS now. issued: told request, index and id of every submit, before it is written."""
        self._node = node
        self._stamp = stamp
        self._issued = issued
        # A random start, since the workers of one node may begin within the same second.
        self._counter = random.randrange(0x1_0000)

    def encode(self, command: int, status: int, sequence: int, body: bytes) -> bytes:
        return encode_frame(command, sequence, body)

    def next_sequence(self, request: Request | None, index: int) -> int:
        """No two that are unanswered have the same: 65,536 numbers of one second differ in the counter alone."""
        self._counter = (self._counter + 1) & 0xFFFF
        if request is None:
            return sequence_of(self._node, self._stamp(), self._counter)
        attempt_id = request.tag
        assert isinstance(attempt_id, UUID)
        number = reference_of(attempt_id) << 16 | self._counter
        sequence = sequence_of(self._node, self._stamp(), number)
        self._issued(request, index, id_of(sequence))
        return sequence

    def is_throttle(self, frame: Frame) -> bool:
        return frame.command == Command.SUBMIT_RESP and (
            codes.RESULTS.get(frame.status, codes.OTHER).kind is ResultClass.THROTTLED
        )


class SgipAdapter(CarrierCentre):
    """Lines of ours that submit, and a door for the gateway's."""

    kind: ClassVar[str] = "sms.sgip"
    settings_type = SgipConfig
    submit: ClassVar[int] = Command.SUBMIT
    results = codes.RESULTS

    def __init__(
        self,
        name: str,
        config: SgipConfig,
        on_receipts: ReceiptSink,
        on_reply: ReplySink,
        clock: Clock | None,
    ) -> None:
        self._config = config
        self._awaited: OrderedDict[str, None] = OrderedDict()
        """Submits that no report has come for, by id."""
        super().__init__(name, config, SgipInterpreter(config, self._heard), on_receipts, on_reply, clock)
        self._links = Links([self._link(self._bind, config.idle_seconds) for _ in range(config.binds)])
        self._receiving = self._links
        self._door = Door(
            name,
            lambda: Session(self._wire(), self._limits, self, self._counters),
            (config.gateway_name, config.gateway_password.get_secret_value()),
            config.gateway_addresses,
        )

    async def open(self) -> None:
        """Listen, and bind on demand. Raises DuecourseError C062."""
        await self._door.open(self._config.listen_host, self._config.listen_port)
        await super().open()

    async def drain(self) -> None:
        """Commit what came, until every submit has its report or nothing has come for `quiet_seconds`."""
        while True:
            await self._inbound.idle()
            if not self._awaited:
                return
            taken = self._inbound.taken
            quiet_until = time.monotonic() + self._config.quiet_seconds
            while self._inbound.taken == taken and self._awaited:
                if time.monotonic() >= quiet_until:
                    return
                await asyncio.sleep(DRAIN_LOOK_SECONDS)

    async def close(self) -> None:
        """Unbind, commit what arrived, stop listening."""
        await self._inbound.idle()
        await self._links.stop()
        await self._inbound.idle()
        await self._door.close()
        await self._inbound.stop()

    # session.Listener

    def on_requests(self, session: Session, frames: Sequence[Frame]) -> None:
        """Reports and replies, whichever side made the line."""
        if self._door.has(session):
            frames = self._door.admit(session, frames)
        for frame in frames:
            if frame.command == Command.USERRPT:
                session.respond([(frame, 0, encode_result(0))])
        self._inbound.put(session, [frame for frame in frames if frame.command != Command.USERRPT])

    # What the family gives

    async def _bind(self) -> Session:
        config = self._config
        session = await self._connected(self._wire())
        bind = Bind(LoginType.TO_GATEWAY, config.login_name, config.login_password.get_secret_value())
        return await self._bound(session, Command.BIND, encode_bind(bind), _check_bind)

    def _wire(self) -> SgipWire:
        return SgipWire(self._config.node, lambda: month_to_second(self._clock()), self._issued)

    def _body(self, number: str, source: str, form: Format, part: Part, expires: str) -> bytes:
        config = self._config
        return encode_submit(
            Submit(
                source=source,
                user=f"86{number}",
                company=config.company,
                service=config.service_type,
                fee_type=config.fee_type,
                fee=config.fee,
                expires=expires,
                has_header=part.total > 1,
                coding=form,
                content=part.octets,
            )
        )

    def _provider_id(self, frame: Frame) -> str:
        return id_of(frame.sequence)

    def _refusal(self, frame: Frame) -> Outcome:
        self._heard(id_of(frame.sequence))
        return super()._refusal(frame)

    # Inside

    def _issued(self, request: Request, index: int, provider_id: str) -> None:
        """The id is ours, so a report names its attempt even when the submit is never answered."""
        attempt_id = request.tag
        assert isinstance(attempt_id, UUID)
        self._parts.accepted(attempt_id, len(request.bodies), index, provider_id)
        self._parts.unsettled(attempt_id)
        self._awaited[provider_id] = None
        if len(self._awaited) > MOST_AWAITED:
            self._awaited.popitem(last=False)

    def _heard(self, provider_id: str) -> None:
        self._awaited.pop(provider_id, None)


def id_of(sequence: int) -> str:
    """A submit's id: the twelve octets of its sequence number, in hex."""
    return sequence.to_bytes(12).hex()


def _check_bind(answer: Frame) -> None:
    if answer.status != 0:
        meaning = codes.RESULTS.get(answer.status, codes.OTHER).meaning
        raise BindRefusedError(
            f"BIND:{answer.status} ({meaning})", account=answer.status == codes.LOGIN_REFUSED
        )
