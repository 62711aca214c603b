"""What every adapter over HTTP does alike; a family says how to ask and what an answer means."""

from __future__ import annotations

import asyncio
import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import ClassVar, Generic, TypeVar

from duecourse.channels.configured import Configured
from duecourse.channels.http.line import Answer, Ask, Heard, HttpLine, HttpSettings
from duecourse.domain.messaging import (
    Channel,
    LineState,
    NotWritten,
    Outcome,
    Outgoing,
    Receipt,
    ReceiptSink,
    Refused,
    Reply,
    ReplySink,
    Unknown,
)

log = logging.getLogger(__name__)

DRAIN_SECONDS = 60.0

S = TypeVar("S", bound=HttpSettings)


class HttpAdapter(Configured, ABC, Generic[S]):
    """One message a request. A subclass gives its class variables, `ask_for` and `outcome_of`."""

    kind: ClassVar[str]
    channel: ClassVar[Channel]
    deduplicates: ClassVar[bool] = False
    http2: ClassVar[bool] = False
    settings_type: ClassVar[type[HttpSettings]]

    def __init__(
        self,
        name: str,
        settings: S,
        on_receipts: ReceiptSink,
        on_reply: ReplySink,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        self.name = name
        self.window = settings.window
        self.settings = settings
        self.clock = clock
        self.line = HttpLine(name, settings, http2=self.http2)
        self._on_receipts = on_receipts
        self._on_reply = on_reply
        self._turns = asyncio.Semaphore(settings.window)
        self._puller: asyncio.Task[None] | None = None

    @abstractmethod
    async def ask_for(self, outgoing: Outgoing) -> Ask | Outcome:
        """The request that hands a message over, or why there can be none (Refused: the address, the text)."""

    @abstractmethod
    def outcome_of(self, outgoing: Outgoing, answer: Answer) -> Outcome:
        """What the provider's answer means."""

    async def renew(self, ask: Ask, answer: Answer) -> bool:
        """Whether the answer refused our credential and there is another one now: then it is asked once more, anew."""
        return False

    async def ask_line(self, ask: Ask, write_before: float) -> Heard:
        """Hand the request over. One whose provider drops what it has already may try more than once."""
        return await self.line.ask(ask, write_before)

    def now(self) -> datetime:
        """The wall clock, for what is signed or dated. Raises RuntimeError where the entry point gave none."""
        if self.clock is None:
            raise RuntimeError(f"{self.kind} signs its requests with the time and was given no clock")
        return self.clock()

    async def pull(self) -> bool:
        """Ask once for receipts and hand them in; whether there may be more. Families that can, override it."""
        return False

    async def open(self) -> None:
        """Connections are made when the first message needs them."""
        self.line.open()
        if self.settings.pull_seconds:
            self._puller = asyncio.create_task(self._keep_pulling())

    async def send(self, batch: Sequence[Outgoing]) -> Sequence[Outcome]:
        """All at once, as many as the window lets; one outcome each, in order."""
        return await asyncio.gather(*(self._send_one(outgoing) for outgoing in batch))

    async def drain(self) -> None:
        """Take what the provider has for us. Of a sandbox: wait until it owes nothing, at most DRAIN_SECONDS."""
        until, misses = time.monotonic() + DRAIN_SECONDS, 0
        while self.settings.drain_url and self.line.is_open and misses < 3 and time.monotonic() < until:
            heard = await self.line.ask(Ask(self.settings.drain_url, method="GET"))
            if isinstance(heard, Answer):
                break
            if isinstance(heard, NotWritten):
                misses += 1
                await asyncio.sleep(self.settings.rest_seconds)
        while await self._pull_once():
            pass

    async def close(self) -> None:
        """Stop asking for receipts and close every connection."""
        puller, self._puller = self._puller, None
        if puller is not None:
            puller.cancel()
            with suppress(asyncio.CancelledError):
                await puller
        await self.line.close()

    def line_state(self) -> LineState:
        """Connections are made on demand: it is away while a failed one rests."""
        return LineState(self.line.is_open and not self.line.is_resting)

    async def hand_in(self, receipts: Sequence[Receipt], replies: Sequence[Reply] = ()) -> bool:
        """Whether all of it was committed; a caller acknowledges to the provider only then."""
        try:
            if receipts:
                await self._on_receipts(self.name, receipts)
            for reply in replies:
                await self._on_reply(reply)
        except Exception as error:
            log.error("%s: receipts were not stored (%s). (%s)", self.name, type(error).__name__, "C070")
            return False
        return True

    async def _send_one(self, outgoing: Outgoing) -> Outcome:
        if not self.line.is_open:
            return NotWritten("closed")
        if outgoing.valid_for_seconds < 1:
            return NotWritten("its validity had passed")
        async with self._turns:
            ask = await self.ask_for(outgoing)
            if not isinstance(ask, Ask):
                return ask
            heard = await self.ask_line(ask, outgoing.write_before)
            if isinstance(heard, Answer) and await self.renew(ask, heard):
                ask = await self.ask_for(outgoing)
                if not isinstance(ask, Ask):
                    return ask
                heard = await self.ask_line(ask, outgoing.write_before)
        if not isinstance(heard, Answer):
            return heard
        try:
            return self.outcome_of(outgoing, heard)
        except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
            # The answer is not what the provider's documents say: whether it took the message nobody knows.
            return Unknown(f"the answer of status {heard.status} is not understood ({type(error).__name__})")

    async def _pull_once(self) -> bool:
        try:
            return await self.pull()
        except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
            log.error(
                "%s: the list of receipts is not understood (%s). (%s)",
                self.name,
                type(error).__name__,
                "C071",
            )
            return False

    async def _keep_pulling(self) -> None:
        while True:
            if not await self._pull_once():
                await asyncio.sleep(self.settings.pull_seconds)


def refused_address(reason: str) -> Refused:
    """For an address that this channel cannot have; the reason never quotes it."""
    return Refused("address", reason, permanent=True)
