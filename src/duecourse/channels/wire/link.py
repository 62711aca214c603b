"""Keeps sessions to a peer: connects, binds, and does it again with back-off when a line is lost."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from duecourse.channels.wire.session import Session

log = logging.getLogger(__name__)

STEADY_SECONDS = 10.0
"""A session that lived this long resets the back-off."""

ENDED_IN_GOOD_ORDER = ("closing", "closed", "the peer unbound")


class BindRefusedError(Exception):
    """The peer answered the bind with an error: its name, as the code table has it."""

    def __init__(
        self, name: str, *, account: bool = False, reason: str = "the provider refuses our credentials"
    ) -> None:
        """account: no bind will succeed before a person has acted, for this reason."""
        super().__init__(name)
        self.name = name
        self.account = account
        self.reason = reason


class Link:
    """One supervised session. `bind` connects, binds and returns a session open for traffic.

    idle_seconds: None keeps a line up; a number makes one only when a session is asked for, and ends it after so long
    a silence.
    """

    def __init__(
        self,
        name: str,
        bind: Callable[[], Awaitable[Session]],
        first_seconds: float,
        most_seconds: float,
        idle_seconds: float | None = None,
    ) -> None:
        self._name = name
        self._bind = bind
        self._first_seconds = first_seconds
        self._most_seconds = most_seconds
        self._idle_seconds = idle_seconds
        self._session: Session | None = None
        self._wanted = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.on_change: Callable[[], None] = lambda: None
        """Called when the line has come up or gone down."""
        self.binds = 0
        self.refusal: BindRefusedError | None = None
        """Why the last bind failed, if the peer refused it."""
        self._failed = False

    @property
    def up(self) -> Session | None:
        """The bound session, without waiting."""
        return self._session

    @property
    def ready(self) -> bool:
        """Whether it is bound, or is made on demand and the last try did not fail."""
        on_demand = self._idle_seconds is not None and self._task is not None
        return self._session is not None or (on_demand and not self._failed)

    def start(self) -> None:
        """Begin in the background. A second call does nothing."""
        if self._task is None:
            self._task = asyncio.create_task(self._keep(), name=f"link {self._name}")

    def want(self) -> None:
        """Something is to be sent: a line that is made on demand is made now."""
        self._wanted.set()

    async def stop(self) -> None:
        """Unbind and end. Bounded by the session's deadlines."""
        task, self._task = self._task, None
        if task is None:
            return
        if self._session is not None:
            await self._session.unbind()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    async def _keep(self) -> None:
        delay = self._first_seconds
        while True:
            if self._idle_seconds is not None:
                await self._wanted.wait()
            bound_at = time.monotonic()
            try:
                session = await self._bind()
            except BindRefusedError as refusal:
                self.refusal = refusal
                self._failed = True
                log.error("%s: the bind was refused with %s. Trying again. (%s)", self._name, refusal, "C010")
                delay = self._most_seconds
            except Exception as error:
                self._failed = True
                # Whatever it was: a link that gave up for good would strand every message of its channel.
                log.warning(
                    "%s: no session (%s). Trying again. (%s)", self._name, type(error).__name__, "C011"
                )
            else:
                self.binds += 1
                self.refusal, self._failed = None, False
                self._wanted.clear()
                self._turned(session)
                why = await self._until_lost(session)
                if self._idle_seconds is not None and why in ENDED_IN_GOOD_ORDER:
                    continue
                log.warning("%s: the session ended: %s. Binding again. (%s)", self._name, why, "C011")
                if time.monotonic() - bound_at > STEADY_SECONDS:
                    delay = self._first_seconds
            await asyncio.sleep(delay * random.uniform(0.5, 1.0))
            delay = min(delay * 2, self._most_seconds)

    async def _until_lost(self, session: Session) -> str:
        try:
            while self._idle_seconds is not None and not session.lost.done():
                left = self._idle_seconds - session.idle_seconds
                if left <= 0:
                    self._turned(None)
                    await session.unbind()
                    break
                await asyncio.wait((session.lost,), timeout=max(left, 0.05))
            return await asyncio.shield(session.lost)
        finally:
            self._turned(None)

    def _turned(self, session: Session | None) -> None:
        self._session = session
        self.on_change()


class Links:
    """Several lines to one account."""

    def __init__(self, links: Sequence[Link]) -> None:
        self.links = links
        self._some_up = asyncio.Event()
        self._started = False
        for link in links:
            link.on_change = self._on_change

    @property
    def binds(self) -> int:
        """How often any of them was bound."""
        return sum(link.binds for link in self.links)

    @property
    def up(self) -> list[Session]:
        """The sessions that are bound now."""
        return [link.up for link in self.links if link.up is not None]

    @property
    def connected(self) -> bool:
        """Whether some line is ready for a message."""
        return any(link.ready for link in self.links)

    @property
    def refusal(self) -> BindRefusedError | None:
        """Why the peer refuses us, when no line is up and it does."""
        return next((link.refusal for link in self.links if link.refusal), None) if not self.up else None

    def start(self) -> None:
        """Begin in the background."""
        self._started = True
        for link in self.links:
            link.start()

    async def sessions(self, wait_seconds: float) -> list[Session]:
        """The sessions that are bound, waiting at most `wait_seconds` for the first."""
        for link in self.links:
            link.want()
        if self._started and not self._some_up.is_set() and wait_seconds > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_seconds):
                    await self._some_up.wait()
        return self.up

    async def stop(self) -> None:
        """Unbind and end all of them at once."""
        self._started = False
        await asyncio.gather(*(link.stop() for link in self.links))

    def _on_change(self) -> None:
        if self.up:
            self._some_up.set()
        else:
            self._some_up.clear()
