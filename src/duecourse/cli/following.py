"""What borrowers answer is followed while a worker or a server runs."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Final

import psycopg
import structlog

from duecourse.planning.compile import Plannable
from duecourse.responses.applying import TAKE, apply_replies, replies_wait
from duecourse.responses.recording import Room

from .context import Context
from .reader import reader
from .workshop import confirmer, policies_in_force

FOLLOW_SECONDS: Final = 1.0
log = structlog.get_logger("duecourse.responses")


class Follower:
    """Follows the replies that wait, on a connection of its own. One thread at a time uses it."""

    def __init__(self, here: Context) -> None:
        self._here = here
        self._conn = here.connect()
        self._confirmer = confirmer(here)

    def room(self, plannables: list[Plannable]) -> Room:
        """What recording an answer works with here."""
        return Room(reader(self._here.settings), plannables, self._confirmer)

    def turn(self, now: datetime | None = None) -> int:
        """Follow all that waits; how many there were. now: the book's clock; None takes the database's."""
        if not replies_wait(self._conn):
            return 0
        room = self.room(policies_in_force(self._conn, self._here.settings.actor))
        total = 0
        while True:
            done = apply_replies(self._conn, self._here.keyring, now=now or self._here.now(), room=room)
            total += done.replies + done.failed
            if done.replies + done.failed < TAKE:
                return total

    async def keep(self) -> None:
        """Turn by turn until cancelled; trouble with the database is said and tried again."""
        while True:
            try:
                followed = await asyncio.to_thread(self.turn)
                if followed:
                    log.info("answers followed", answers=followed)
            except psycopg.Error as error:
                log.error("could not follow answers; tried again", error=type(error).__name__)
            await asyncio.sleep(FOLLOW_SECONDS)
