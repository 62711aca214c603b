"""A due day worked by desks, one for each shard, on whichever database; and how two databases are compared."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import psycopg
from psycopg import sql

from duecourse.channels.registry import build
from duecourse.dispatch.desk import Desk
from duecourse.dispatch.pace import Pace
from duecourse.dispatch.stride import Stride
from duecourse.dispatch.switchboard import Switchboard
from duecourse.dispatch.tally import Tally
from duecourse.planning.events import lanes_with_events, tell_events
from duecourse.planning.plan import plan_book
from duecourse.responses.offers.judging import judge_arrangements
from duecourse.responses.promises import judge_promises
from duecourse.rules.compiling import RuleBook
from duecourse.store.connect import Store
from duecourse.store.lease import acquire
from duecourse.store.shards import Shard
from post import Post

CHANNELS = ("sms.smpp", "email.smtp")
UNLIKE = {
    # by the clock of the wall
    "recorded_at", "applied_at", "expires_at", "owner",
    # sealed anew each time: what it says has a digest beside it
    "text_sealed",
    # the message centre counts them for both
    "provider_message_id", "receipt_id", "evidence",
}  # fmt: skip
"""Columns that two runs of one day cannot have alike."""
WHY_UNLIKE = "by the clock of the wall, sealed anew each time, or counted by the message centre for both"
PLACE = re.compile(r"'taken': \d+, ")
"""How many went before to a number, in a verdict: of several in one batch it is anyone who is first."""
BY_PROVIDER_ID = {"receipt": "lane"}
"""Lanes made of what the message centre counts."""


class WholeStride(Stride):
    """All that is due at once: how many a desk claims must not depend on how fast a machine was a moment ago."""

    def within(self, most: int) -> int:
        return most


class DueDay:
    """The desks of one database, on a clock that the test moves."""

    def __init__(self, store: Store, post: Post, shards: Sequence[Shard], rules: RuleBook) -> None:
        """shards: one desk each. rules: by which they judge."""
        self.store, self.post, self.shards, self.rules = store, post, shards, rules
        self.together = [shard.lanes for shard in shards]

    def plan(self, at: str) -> int:
        """Judge promises and arrangements and plan, each shard's lanes where they lie; how many messages."""
        now = datetime.fromisoformat(at)
        when = {"as_of": now.date(), "now": now}
        messages = 0
        for shard in self.shards:
            with self.store.connect(shard=shard) as conn:
                judge_promises(conn, lanes=shard.lanes, **when)
                judge_arrangements(conn, lanes=shard.lanes, **when)
                plannables = self.post.lender.plannables()
                report = plan_book(conn, plannables, lanes=shard.lanes, rules=self.rules, **when)
                messages += report.messages
        return messages

    def tell(self, at: str) -> int:
        """Plan what tells of all that happened by then, where it lies; how many messages."""
        now = datetime.fromisoformat(at)
        messages = 0
        for shard in self.shards:
            with self.store.connect(shard=shard) as conn:
                lanes = lanes_with_events(conn, shard.lanes, now=now)
                told = tell_events(
                    conn,
                    self.post.lender.plannables(),
                    lanes,
                    as_of=now.date(),
                    now=now,
                    rules=self.rules,
                )
                messages += told.messages
        return messages

    def work(self, *instants: str, settle_seconds: float = 1.5) -> None:
        """All that is to do at each instant in turn."""
        asyncio.run(self._work(instants, settle_seconds))

    async def _work(self, instants: Sequence[str], settle_seconds: float) -> None:
        switchboard = Switchboard(self.store.connect(), self.post.keyring, desks=len(self.shards))
        for kind in CHANNELS:
            adapter = build(
                kind, kind, self.post.config(kind), switchboard.take_receipts, switchboard.take_reply
            )
            switchboard.adapters[kind] = adapter
        with self.store.connect(autocommit=True) as leases:
            epochs = acquire(leases, "test", 600, together=self.together)
            epochs = epochs or dict(leases.execute("SELECT lane, epoch FROM lane_lease").fetchall())
        desks = [self._desk(shard, epochs, switchboard) for shard in self.shards]
        await switchboard.open()
        try:
            for instant in instants:
                await self._at(desks, switchboard, datetime.fromisoformat(instant), settle_seconds)
        finally:
            await switchboard.close()
            for desk in desks:
                desk._line.conn.close()

    def _desk(self, shard: Shard, epochs: dict[int, int], switchboard: Switchboard) -> Desk:
        desk = Desk(
            self.store.connect(shard=shard),
            self.post.keyring,
            self.post.composer(),
            switchboard,
            lender_zone="Asia/Shanghai",
            pace=Pace(),
            tally=Tally(),
            rules=self.rules,
            lanes=shard.lanes,
        )
        desk._stride = WholeStride()
        desk.epochs = {lane: epoch for lane, epoch in epochs.items() if lane in desk.lanes}
        return desk

    async def _at(
        self, desks: Sequence[Desk], switchboard: Switchboard, now: datetime, settle_seconds: float
    ) -> None:
        switchboard.now = now
        for _ in range(2):
            for desk in desks:
                while await desk.take_turn(now, 500):  # as many as the machine can judge in time at once
                    pass
            await asyncio.sleep(settle_seconds)  # what the far ends still say comes in
            await switchboard.drain()
            for desk in desks:
                await desk.receive(now)
                await desk.sweep(now)
                await desk.advance(now)


def rows_of(conn: psycopg.Connection, table: str) -> list[str]:
    """Every row of a table as text, in order, without the columns that two runs cannot have alike."""
    unlike = sorted(UNLIKE | ({BY_PROVIDER_ID[table]} if table in BY_PROVIDER_ID else set()))
    query = sql.SQL("SELECT to_jsonb(t) - %s::text[] FROM {} AS t").format(sql.Identifier(table))
    rows: list[Any] = [row[0] for row in conn.execute(query, [unlike])]
    return sorted(PLACE.sub("", str(sorted(row.items()))) for row in rows)


def tables_of(conn: psycopg.Connection) -> list[str]:
    """Every table of the book."""
    rows = conn.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
    return [name for (name,) in rows if name != "spatial_ref_sys"]


def copy_book(source: psycopg.Connection, target: psycopg.Connection) -> None:
    """Every row of one database into another that has the same empty tables."""
    for table in tables_of(source):
        if table in ("schema_migration", "lane_lease"):
            continue
        name = sql.Identifier(table)
        with (
            source.cursor().copy(sql.SQL("COPY {} TO STDOUT").format(name)) as out,
            target.cursor().copy(sql.SQL("COPY {} FROM STDIN").format(name)) as into,
        ):
            for data in out:
                into.write(data)
