"""The switchboard: every adapter of a worker, which of them takes messages now, and what they hand in."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from uuid import UUID

import psycopg

from duecourse.channels.http.listener import Listener, callbacks
from duecourse.domain.messaging import (
    Adapter,
    NotWritten,
    Outcome,
    Receipt,
    Receives,
    Reply,
    Throttled,
    Unknown,
)
from duecourse.privacy.keyring import Keyring
from duecourse.store.connect import ask
from duecourse.store.lifeline import Lifeline
from duecourse.store.shards import centre_of

from .carried_clock import CarriedClock
from .intake import Intake
from .lines import Line, Registration, Routing
from .meters import Meters
from .receipts import ReceiptKey


class Switchboard:
    """The adapters, which of them takes messages now, and the receipts they hand in.

    Receipts are appended and committed on a connection of their own before the adapter acknowledges them.
    """

    def __init__(
        self,
        conn: psycopg.Connection | Lifeline,
        keyring: Keyring,
        *,
        desks: int,
        meters: Meters | None = None,
    ) -> None:
        """desks: how many share the providers' windows. meters: of the process; None: nobody reads them."""
        self._line = Lifeline.of(conn)
        self._desks = desks
        self._paused_until: dict[str, float] = {}
        self.adapters: dict[str, Adapter] = {}
        self.registrations: dict[str, Registration] = {}
        """Of each provider by name; of one that is not here nothing is known against it."""
        self.routings: dict[str, Routing] = {}
        """What each provider is chosen by; one that is not here has no limit and serves all."""
        self.pending: dict[UUID, tuple[ReceiptKey, float]] = {}
        self.intake = Intake(
            self._own_connection, keyring, lambda conn: self.now or database_now(conn), meters
        )
        """Where receipts and replies are stored."""
        self._receivers: dict[str, Receives] = {}
        self._listener: Listener | None = None
        self.clock = CarriedClock()
        """What adapters sign and date with, in a replay too."""
        self.now: datetime | None = None
        """The book's clock while a replay runs; None takes the database's."""

    async def take_receipts(self, provider: str, receipts: Sequence[Receipt]) -> None:
        """Append receipts; returns when they are committed."""
        keys = await self.intake.append(provider, receipts)
        arrived = time.monotonic()
        self.pending.update({key[1]: (key, arrived) for key in keys})

    async def take_reply(self, reply: Reply) -> None:
        """Keep what a person said or did, and honour a word to stop, before the adapter acknowledges it."""
        await self.intake.take_reply(reply)

    @contextmanager
    def _own_connection(self) -> Iterator[psycopg.Connection]:
        conn = self._line.conn
        try:
            yield conn
        except BaseException:
            with suppress(psycopg.OperationalError):  # lost: then nothing is left to roll back
                conn.rollback()
            raise
        conn.commit()

    def lines(self) -> list[Line]:
        """Every provider, with each of its senders, and whether this worker may use it now."""
        lines: list[Line] = []
        for name, adapter in self.adapters.items():
            ready = not self.is_paused(name) and adapter.window > 0
            known = self.registrations.get(name, Registration())
            routing = self.routings.get(name, Routing())
            room = max(1, adapter.window // self._desks // max(1, len(routing.senders)))
            lines += [
                Line(adapter.channel, name, ready, room, known, routing, sender)
                for sender in routing.senders or ("",)
            ]
        return lines

    def is_paused(self, provider: str) -> bool:
        """Whether this process leaves it alone for a while, as it asked for or because it took nothing."""
        return self._paused_until.get(provider, 0.0) > time.monotonic()

    @property
    def channels(self) -> dict[str, str]:
        """Channel of each provider by name."""
        return {name: adapter.channel.value for name, adapter in self.adapters.items()}

    def deduplicating(self) -> set[str]:
        """The providers that drop a second submission of the same id."""
        return {name for name, adapter in self.adapters.items() if adapter.deduplicates}

    def share_between(self, desks: int) -> None:
        """So many desks use the providers from now on: those that have lanes, at least one."""
        self._desks = max(1, desks)

    def take(self, most: int) -> int:
        """How many messages a desk claims at once: what the providers have room for, `most` over all desks."""
        return max(1, min(most // self._desks, sum(line.room for line in self.lines())))

    def ease(self, provider: str, outcomes: Sequence[Outcome]) -> None:
        """Leave a provider alone for as long as it asked, or briefly when it took nothing."""
        pauses = [outcome.after_seconds for outcome in outcomes if isinstance(outcome, Throttled)]
        if outcomes and all(isinstance(outcome, (NotWritten, Unknown)) for outcome in outcomes):
            pauses.append(1.0)
        if pauses and self.now is None:  # a replay's waits are on the book's clock, message by message
            self._paused_until[provider] = time.monotonic() + max(pauses)

    async def listen(self, host: str = "127.0.0.1", port: int = 0, public_url: str = "") -> int:
        """Take what providers send us, at /callbacks/NAME; returns the port. See channels.http.listener."""
        self._listener = Listener(callbacks(self._receivers, public_url))
        return await self._listener.start(host, port)

    async def open(self) -> None:
        """Open every adapter, and let those that receive be called."""
        for name, adapter in self.adapters.items():
            await adapter.open()
            if isinstance(adapter, Receives):
                self._receivers[name] = adapter

    async def drain(self) -> None:
        """Wait until what the far ends have sent is committed."""
        for adapter in self.adapters.values():
            await adapter.drain()

    async def close(self) -> None:
        """Stop listening, then close every adapter."""
        if self._listener is not None:
            await self._listener.stop()
        for adapter in self.adapters.values():
            await adapter.close()


def database_now(conn: psycopg.Connection) -> datetime:
    """The database's clock."""
    row = ask(centre_of(conn), "SELECT clock_timestamp()")  # one clock for all nodes
    assert row is not None
    return row[0]  # type: ignore[no-any-return]
