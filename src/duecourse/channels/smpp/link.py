"""Keeps one session to a peer: connects, binds, and does it again with back-off when the line is lost."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

from duecourse.channels.smpp.session import Session

log = logging.getLogger(__name__)

STEADY_SECONDS = 10.0
"""A session that lived this long resets the back-off."""


class BindRefusedError(Exception):
    """The peer answered the bind with an error: its name, as the code table has it."""


class Link:
    """One supervised session. `bind` connects, binds and returns a session open for traffic."""

    def __init__(
        self, name: str, bind: Callable[[], Awaitable[Session]], first_seconds: float, most_seconds: float
    ) -> None:
        self._name = name
        self._bind = bind
        self._first_seconds = first_seconds
        self._most_seconds = most_seconds
        self._session: Session | None = None
        self._bound = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.binds = 0

    def start(self) -> None:
        """Begin in the background. A second call does nothing."""
        if self._task is None:
            self._task = asyncio.create_task(self._keep(), name=f"link {self._name}")

    async def session(self, wait_seconds: float) -> Session | None:
        """The bound session, waiting at most `wait_seconds` for one."""
        if self._session is None and self._task is not None and wait_seconds > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._bound.wait(), wait_seconds)
        return self._session

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
            bound_at = time.monotonic()
            try:
                session = await self._bind()
            except BindRefusedError as refusal:
                log.error("%s: the bind was refused with %s. Trying again. (%s)", self._name, refusal, "C010")
                delay = self._most_seconds
            except Exception as error:
                # Whatever it was: a link that gave up for good would strand every message of its channel.
                log.warning(
                    "%s: no session (%s). Trying again. (%s)", self._name, type(error).__name__, "C011"
                )
            else:
                self.binds += 1
                self._session = session
                self._bound.set()
                why = await self._until_lost(session)
                log.warning("%s: the session ended: %s. Binding again. (%s)", self._name, why, "C011")
                if time.monotonic() - bound_at > STEADY_SECONDS:
                    delay = self._first_seconds
            await asyncio.sleep(delay * random.uniform(0.5, 1.0))
            delay = min(delay * 2, self._most_seconds)

    async def _until_lost(self, session: Session) -> str:
        try:
            return await asyncio.shield(session.lost)
        finally:
            self._session = None
            self._bound.clear()
