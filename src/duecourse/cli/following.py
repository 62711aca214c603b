"""What borrowers answer is followed while a worker or a server runs."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import datetime
from typing import Final

import psycopg
import structlog

from duecourse.planning.confirming import Confirmer
from duecourse.responses.applying import apply_replies, replies_wait
from duecourse.responses.recording import Room

from .context import Context
from .reader import reader
from .workshop import policies_in_force

FOLLOW_SECONDS: Final = 1.0
TOGETHER: Final = 5
"""Replies of one instant: an endpoint may take seconds for each, and whoever reads what was understood since (the API)
counts on its being committed within a minute of its instant.
"""
log = structlog.get_logger("duecourse.responses")


class Follower:
    """Follows the replies that wait, on a connection of its own. One thread at a time uses it."""

    def __init__(self, here: Context) -> None:
        self._here = here
        self._line = here.lifeline()

    def turn(self, now: datetime | None = None) -> int:
        """Follow all that waits; how many there were. now: the book's clock; None takes the database's."""
        return self._line.run(lambda conn: self._follow(conn, now))

    def _follow(self, conn: psycopg.Connection, now: datetime | None) -> int:
        if not replies_wait(conn):
            return 0
        plannables = policies_in_force(conn, self._here.settings.actor)
        confirmer = Confirmer(self._here.packs, lambda: plannables)
        room = Room(reader(self._here.settings), plannables, confirmer)
        total = 0
        while True:
            at = now or self._here.now()
            done = apply_replies(conn, self._here.keyring, now=at, room=room, take=TOGETHER)
            total += done.replies + done.failed
            if done.replies + done.failed < TOGETHER:
                return total

    async def keep(self, ending: asyncio.Event) -> None:
        """Turn by turn, the last one when it is to end; trouble is said, and tried again."""
        while True:
            last = ending.is_set()
            try:
                followed = await asyncio.to_thread(self.turn)
                if followed:
                    log.info("answers followed", answers=followed)
            except Exception as error:  # a worker whose replies wait still sends
                log.error("could not follow answers; tried again", error=type(error).__name__)
            if last:
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(FOLLOW_SECONDS):
                    await ending.wait()
