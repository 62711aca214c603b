"""The intake: what providers tell us, gathered while a commit is under way and stored together in the next one.

A thousand requests a second need not be a thousand commits; a lone one waits for nothing. Whoever hands something in
goes on once it is committed, and only then is the provider answered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import psycopg
import structlog

from duecourse.book.binding import Bound
from duecourse.domain.messaging import Receipt, Reply, ReplyKind
from duecourse.planning.confirming import Confirmer
from duecourse.privacy.keyring import Keyring
from duecourse.store.sql import load

from .binding import take_binding
from .meters import Meters
from .receipts import ReceiptKey, append_told
from .replies import take_reply
from .telling import is_told, tell

SQL = load("dispatch")
log = structlog.get_logger("duecourse.dispatch")

MOST_TOGETHER = 500
"""Requests in one commit: more would hold up the first of them for no gain."""


@dataclass(slots=True)
class _Told:
    """One call of a provider, waiting for its commit."""

    provider: str
    receipts: Sequence[Receipt]
    reply: Reply | None
    stored: asyncio.Future[list[ReceiptKey]] = field(repr=False)


class Intake:
    """Stores receipts and replies; used by one event loop."""

    def __init__(
        self,
        borrow: Callable[[], AbstractContextManager[psycopg.Connection]],
        keyring: Keyring,
        now: Callable[[psycopg.Connection], datetime],
        meters: Meters | None = None,
    ) -> None:
        """borrow: an idle connection, which is committed when it is given back. now: the book's clock. meters: of the
        process; None: nobody reads them.
        """
        self._meters = meters or Meters()
        self._borrow = borrow
        self._keyring = keyring
        self._now = now
        self._waiting: list[_Told] = []
        self._working: asyncio.Task[None] | None = None
        self.confirmer: Confirmer | None = None
        """Plans the confirmation of a word to stop; None: none is sent."""

    async def append(self, provider: str, receipts: Sequence[Receipt]) -> list[ReceiptKey]:
        """Append receipts; returns their keys once they are committed. Raises what the database raised."""
        return await self._hand_in(provider, receipts, None)

    async def take_receipts(self, provider: str, receipts: Sequence[Receipt]) -> None:
        """As append: the sink of an adapter whose receipts another process applies."""
        await self.append(provider, receipts)

    async def take_reply(self, reply: Reply) -> None:
        """Keep what a person said or did, and honour a word to stop; returns once that is committed."""
        await self._hand_in(reply.provider, (), reply)

    async def drain(self) -> None:
        """Wait until nothing is waiting for its commit."""
        while self._working is not None:
            await asyncio.wait([self._working])

    async def _hand_in(
        self, provider: str, receipts: Sequence[Receipt], reply: Reply | None
    ) -> list[ReceiptKey]:
        stored: asyncio.Future[list[ReceiptKey]] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Told(provider, receipts, reply, stored))
        if self._working is None:
            self._working = asyncio.create_task(self._work())
        return await stored

    async def _work(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[:MOST_TOGETHER], self._waiting[MOST_TOGETHER:]
                try:
                    results = await asyncio.to_thread(self._store, batch)
                except Exception as error:  # nothing of it is stored, and every provider is told so
                    results = [error] * len(batch)
                for told, result in zip(batch, results, strict=True):
                    self._count(told, result)
                    if told.stored.done():  # whoever waited has gone
                        continue
                    if isinstance(result, Exception):
                        told.stored.set_exception(result)
                    else:
                        told.stored.set_result(result)
        finally:
            self._working = None

    def _count(self, told: _Told, result: list[ReceiptKey] | Exception) -> None:
        if isinstance(result, Exception):
            self._meters.not_stored.labels(told.provider).inc()
        elif told.reply is not None:
            self._meters.replies.labels(told.provider).inc()
        else:
            self._meters.receipts.labels(told.provider).inc(len(told.receipts))

    def _store(self, batch: Sequence[_Told]) -> list[list[ReceiptKey] | Exception]:
        """What became of each: the keys of its receipts, or why it was not stored."""
        with self._borrow() as conn:
            results = self._store_apart(conn, batch, self._now(conn))
            messages = self._messages_of(conn, batch, results) if is_told() else ()
        for message_id, attempt_id, what, receipt in messages:
            tell("told", message_id, attempt=str(attempt_id), what=what, receipt=receipt and str(receipt))
        return results

    @staticmethod
    def _messages_of(
        conn: psycopg.Connection, batch: Sequence[_Told], results: Sequence[list[ReceiptKey] | Exception]
    ) -> list[tuple[UUID, UUID, str, UUID | None]]:
        """Which messages (id, attempt, what was told, receipt) those that were stored speak of, where it is known."""
        keys = [key for result in results if isinstance(result, list) for key in result]
        replies = [
            told.reply for told in batch if told.reply is not None and told.reply.attempt_id is not None
        ]
        given = {
            "lanes": [lane for lane, _ in keys],
            "receipts": [receipt_id for _, receipt_id in keys],
            "attempts": [reply.attempt_id for reply in replies],
            "kinds": [reply.kind.value for reply in replies],
        }
        return conn.execute(SQL["messages_told_of"], given).fetchall()

    def _store_apart(
        self, conn: psycopg.Connection, batch: Sequence[_Told], now: datetime
    ) -> list[list[ReceiptKey] | Exception]:
        """Together where that can be, else by halves: one that is at fault must not cost the others theirs."""
        try:
            return self._store_together(conn, batch, now)
        except psycopg.OperationalError:
            raise  # nobody is at fault: the database is away, or wants it tried again
        except Exception as error:
            if len(batch) == 1:
                return [error]
        half = len(batch) // 2
        return [*self._store_apart(conn, batch[:half], now), *self._store_apart(conn, batch[half:], now)]

    def _store_together(
        self, conn: psycopg.Connection, batch: Sequence[_Told], now: datetime
    ) -> list[list[ReceiptKey] | Exception]:
        results: list[list[ReceiptKey] | Exception] = []
        with conn.transaction():
            pairs = [(told.provider, receipt) for told in batch for receipt in told.receipts]
            keys = iter(append_told(conn, self._keyring, pairs, now=now))
            for told in batch:
                if told.reply is not None:
                    with conn.transaction():
                        self._take_reply(conn, told.reply, now)
                results.append([next(keys) for _ in told.receipts])
        return results

    def _take_reply(self, conn: psycopg.Connection, reply: Reply, now: datetime) -> None:
        bound = take_binding(conn, self._keyring, reply, now=now)
        if bound is not None:
            log.info("an account was offered for a borrower", provider=reply.provider, result=bound.value)
            if reply.kind is ReplyKind.TEXT and bound is not Bound.UNKNOWN:
                return
        take_reply(conn, self._keyring, reply, now=now, confirmer=self.confirmer)
