"""Certificates that policies promise at settlement are issued while a worker runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

import psycopg
import structlog

from duecourse.domain.problems import DuecourseError
from duecourse.evidence.issuing import TOLD_FOR, Issuer, promising

from .context import Context
from .seals import issuer

LOOK_SECONDS: Final = 30.0
NO_LANES_SECONDS: Final = 1.0
AFTER_TROUBLE_SECONDS: Final = 300.0
OVERLAP: Final = timedelta(minutes=5)
"""What was committed late is found by the next look."""
WHOLE_EVERY: Final = timedelta(hours=1)
"""How often all that may still be due is looked at, and not only what is new."""
log = structlog.get_logger("duecourse.certificates")


class Certifier:
    """Issues what is due in the lanes that a worker holds, on a connection of its own. One thread at a time uses it."""

    def __init__(self, here: Context) -> None:
        self.lanes: Sequence[int] = ()
        """Those held now, as the worker says."""
        self._here = here
        self._line = here.lifeline(autocommit=True)
        self._issuer: Issuer | None = None
        self._looked_at: tuple[frozenset[int], datetime] | None = None
        """In which lanes, and when, the last look was that left nothing."""
        self._whole_at: datetime | None = None

    def turn(self, ending: Callable[[], bool]) -> int:
        """Issue what is due; how many. Raises DuecourseError as Issuer.issue_due."""
        return self._line.run(lambda conn: self._issue(conn, ending))

    def _issue(self, conn: psycopg.Connection, ending: Callable[[], bool]) -> int:
        if not promising(conn):
            return 0
        self._issuer = replace(self._issuer, conn=conn) if self._issuer else issuer(self._here, conn)
        now, lanes = self._here.now(), list(self.lanes)
        since = self._since(frozenset(lanes), now)
        self._looked_at = None
        as_of = self._here.book_day()
        done = self._issuer.issue_due(lanes, since=since, as_of=as_of, now=now, ending=ending)
        self._looked_at = (frozenset(lanes), now)
        if done.problems:
            log.warning("certificates that cannot be issued", problems=[one.code for one in done.problems])
        return done.issued

    def _since(self, lanes: frozenset[int], now: datetime) -> datetime:
        if self._looked_at and self._whole_at and now - self._whole_at < WHOLE_EVERY:
            known, before = self._looked_at
            if lanes <= known:
                return before - OVERLAP
        self._whole_at = now
        return now - TOLD_FOR

    async def keep(self, ending: asyncio.Event, *, last: bool) -> None:
        """Turn by turn until it is to end; trouble is said, and tried again later.

        last: once more at the end, all of it, for a worker that ends when nothing is left to do.
        """
        while not ending.is_set():
            pause = await self._try(ending.is_set)
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await ending.wait()
        if last:
            await self._try(lambda: False)

    async def _try(self, ending: Callable[[], bool]) -> float:
        """One turn; after how many seconds the next is."""
        if not self.lanes:
            return NO_LANES_SECONDS
        try:
            issued = await asyncio.to_thread(self.turn, ending)
        except Exception as error:  # a worker whose certificates wait still sends
            codes = [one.code for one in error.problems] if isinstance(error, DuecourseError) else []
            log.error("could not issue certificates; tried again", error=type(error).__name__, problems=codes)
            return AFTER_TROUBLE_SECONDS
        if issued:
            log.info("certificates issued", certificates=issued)
        return LOOK_SECONDS
