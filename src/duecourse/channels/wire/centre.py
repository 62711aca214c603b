"""What an adapter to a message centre is, whichever of the four protocols it speaks.

A family gives a `Wire` (its framing), says how to bind a line, writes a message into requests, and reads the answers.
"""

from __future__ import annotations

import asyncio
import itertools
import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from duecourse.channels.configured import Configured
from duecourse.channels.wire.frame import RESPONSE, Frame
from duecourse.channels.wire.inbound import Inbound, Interpreter
from duecourse.channels.wire.link import BindRefusedError, Link, Links
from duecourse.channels.wire.parts import PartReceipts
from duecourse.channels.wire.requests import Request
from duecourse.channels.wire.session import Counters, Limits, Session, SessionLostError, Wire
from duecourse.domain.messaging import (
    Accepted,
    AccountTrouble,
    Cause,
    Channel,
    LineState,
    NotWritten,
    Outcome,
    Outgoing,
    ReceiptSink,
    ReplySink,
    Throttled,
    Unknown,
)

DRAIN_TRIES = 3
MOST_ROUNDS = 10_000
"""A peer that never stops sending must not hold a drain for ever."""


class CentreConfig(BaseModel):
    """What every account at a message centre has. Times are in seconds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str
    port: int = Field(ge=1, le=65535)
    window: int = Field(default=16, ge=1, le=10_000)
    """Submits unanswered at once on one line."""
    binds: int = Field(default=1, ge=1, le=64)
    """Lines that submit, all of one account."""
    connect_seconds: float = Field(default=10, gt=0, le=120)
    response_seconds: float = Field(default=10, gt=0, le=120)
    """From the write of a submit to its response; later it is Unknown."""
    probe_seconds: float = Field(default=30, gt=0, le=3600)
    throttle_pause_seconds: float = Field(default=1, ge=0, le=600)
    bind_wait_seconds: float = Field(default=1, ge=0, le=60)
    """How long a send waits for a line that is being bound."""
    rebind_first_seconds: float = Field(default=0.5, gt=0, le=60)
    rebind_most_seconds: float = Field(default=30, gt=0, le=3600)
    permanent_errors: frozenset[str] = frozenset()
    """Codes by which this provider says that a number is dead."""
    causes: Mapping[str, Cause] = Field(default_factory=dict)
    """What codes of this provider mean, where it differs from the table."""


class MessageCentre(Configured, ABC):
    """Lines to one account: deals batches out over them, and makes outcomes of what comes back."""

    channel: ClassVar[Channel] = Channel.SMS
    deduplicates: ClassVar[bool] = False
    submit: ClassVar[int]
    """The command of a submit."""

    def __init__(
        self,
        name: str,
        config: CentreConfig,
        interpreter: Interpreter,
        on_receipts: ReceiptSink,
        on_reply: ReplySink,
    ) -> None:
        self.name = name
        self.window = config.window * config.binds
        self.late_responses = 0
        self._line = config
        self._limits = Limits(
            config.window, config.response_seconds, config.probe_seconds, config.throttle_pause_seconds
        )
        self._counters = Counters()
        self._parts = PartReceipts()
        self._references = itertools.count(random.randrange(0x10000))
        self._taken = self.submit | RESPONSE  # with status 0: the centre has taken what was submitted
        self._turn = 0
        self._inbound = Inbound(name, interpreter, self._parts, on_receipts, on_reply)
        self._links = Links([self._link(self._bind) for _ in range(config.binds)])
        self._receiving: Links = self._links
        """The lines over which receipts come: the same, unless a family has others for them."""

    async def open(self) -> None:
        """Bind in the background."""
        self._inbound.start()
        for links in self._all_links():
            links.start()

    async def send(self, batch: Sequence[Outgoing]) -> Sequence[Outcome]:
        """Pipeline the whole batch through the windows of all lines; one outcome each, in order."""
        prepared = [self._prepare(each) for each in batch]
        requests = [each for each in prepared if isinstance(each, Request)]
        sessions = await self._links.sessions(self._line.bind_wait_seconds)
        if not sessions:
            unsent = self._unbound()
            return [unsent if isinstance(each, Request) else each for each in prepared]
        if len(sessions) == 1:
            await sessions[0].exchange(requests)
        else:
            # Dealt like cards, and the next hand begins where this one ended: no line gets all the short batches.
            self._turn += len(requests)
            shares = [
                requests[(at - self._turn) % len(sessions) :: len(sessions)] for at in range(len(sessions))
            ]
            await asyncio.gather(
                *(session.exchange(share) for session, share in zip(sessions, shares, strict=True))
            )
        return [self._outcome(each) if isinstance(each, Request) else each for each in prepared]

    async def drain(self) -> None:
        """Commit what the centre sent before its answers to probes, until a round of probes brings nothing more."""
        for _ in range(DRAIN_TRIES):
            sessions = await self._receiving.sessions(self._line.bind_wait_seconds)
            if not sessions:
                break
            try:
                for _ in range(MOST_ROUNDS):
                    await self._inbound.idle()
                    taken = self._inbound.taken
                    await asyncio.gather(*(session.probe() for session in sessions))
                    if self._inbound.taken == taken:
                        return
            except SessionLostError:
                continue
        await self._inbound.idle()

    async def close(self) -> None:
        """Commit what arrived, unbind, stop."""
        await self._inbound.idle()
        for links in self._all_links():
            await links.stop()
        await self._inbound.stop()

    def line_state(self) -> LineState:
        """Its lines and what they counted. One that is made on demand is missed only once it was refused or failed."""
        every = self._all_links()
        counts = {
            "binds": sum(links.binds for links in every),
            "late_responses": self._counters.late_responses,
            "unexpected_responses": self._counters.unexpected_responses,
            "deadlines_missed": self._counters.deadlines_missed,
            "deliveries_refused": self._inbound.counters.refused,
        }
        return LineState(self._links.connected, sum(len(links.up) for links in every), counts)

    # session.Listener

    def on_requests(self, session: Session, frames: Sequence[Frame]) -> None:
        """Deliveries and whatever else the centre asks."""
        self._inbound.put(session, frames)

    def on_part(self, request: Request, index: int, frame: Frame, late: bool) -> None:
        """Remember under which id a part was taken, before its receipt can arrive."""
        attempt_id = request.tag
        assert isinstance(attempt_id, UUID)
        self.late_responses += late
        if frame.status == 0 and frame.command == self._taken:
            provider_id = self._provider_id(frame)
            if provider_id:
                self._parts.accepted(attempt_id, len(request.bodies), index, provider_id)
            if late:
                self._parts.unsettled(attempt_id)

    # What a family gives

    @abstractmethod
    def _prepare(self, outgoing: Outgoing) -> Request | Outcome:
        """The message as requests, or why it cannot be one."""

    @abstractmethod
    async def _bind(self) -> Session:
        """A line that is connected, bound and open for traffic. Raises BindRefusedError."""

    @abstractmethod
    def _provider_id(self, frame: Frame) -> str:
        """Under which id the centre took a submit; '' when it does not say."""

    @abstractmethod
    def _refusal(self, frame: Frame) -> Outcome:
        """What the refusal of a submit means."""

    # For families

    def _link(self, bind: Any, idle_seconds: float | None = None) -> Link:
        line = self._line
        return Link(self.name, bind, line.rebind_first_seconds, line.rebind_most_seconds, idle_seconds)

    def _all_links(self) -> Sequence[Links]:
        return [self._links] if self._receiving is self._links else [self._receiving, self._links]

    async def _connected(self, wire: Wire, **options: Any) -> Session:
        """A connection on which nothing has been said yet. options: of `create_connection`."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(self._line.connect_seconds):
            _, session = await loop.create_connection(
                lambda: Session(wire, self._limits, self, self._counters),
                self._line.host,
                self._line.port,
                **options,
            )
        return session

    async def _bound(
        self, session: Session, command: int, body: bytes, check: Callable[[Frame], None]
    ) -> Session:
        """The session, bound and open for traffic. check: raises BindRefusedError for an answer that is a no."""
        try:
            check(await session.call(command, body))
        except SessionLostError:
            session.abort("the bind was not answered")
            raise
        except BaseException:
            session.abort("the bind was refused")
            raise
        session.open_traffic()
        return session

    # Inside

    def _unbound(self) -> Outcome:
        refusal: BindRefusedError | None = self._links.refusal
        if refusal is not None and refusal.account:
            return AccountTrouble(refusal.name, refusal.reason)
        return NotWritten("not bound")

    def _outcome(self, request: Request) -> Outcome:
        if request.unwritten is not None:
            return NotWritten(request.unwritten)
        replies = request.replies
        taken = self._taken
        accepted = [frame for frame in replies if frame and frame.status == 0 and frame.command == taken]
        if len(accepted) == len(replies):
            return Accepted(self._provider_id(accepted[0]), request.weight)
        attempt_id = request.tag
        assert isinstance(attempt_id, UUID)
        if accepted:
            self._parts.unsettled(attempt_id)
            return Unknown(f"{len(accepted)} of {len(replies)} parts were accepted")
        refusals = [self._refusal(frame) for frame in replies if frame]
        if len(refusals) < len(replies):
            self._parts.unsettled(attempt_id)
            return Unknown(request.lost or "no response")
        return next((each for each in refusals if not isinstance(each, Throttled)), refusals[0])
