"""What a claim reads is some of what is due, however much that is, and nothing is left behind by it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import pytest

from counter import Counter
from lender import Lender
from post import Post
from workers import STEP, fill, noon_zone

DUE = 8000
TAKE = 20
SUPERSEDING = STEP.replace("purpose:", "earlier: supersede\n    purpose:")


@pytest.fixture
def counter(lender: Lender, post: Post, request: pytest.FixtureRequest) -> Iterator[Counter]:
    """A desk with many messages that are due now."""
    fill(lender, DUE, noon_zone(), steps=getattr(request, "param", STEP))
    counter = Counter(post)
    yield counter
    counter.desk._line._conn.close()


@pytest.mark.parametrize("tried", [False, True], ids=["new", "tried before"])
@pytest.mark.parametrize("counter", [STEP, SUPERSEDING], ids=["waits", "supersedes"], indirect=True)
def test_a_claim_reads_a_share_of_each_lane_and_not_all_that_is_due(
    counter: Counter, lender: Lender, tried: bool
) -> None:
    desk = counter.desk
    if tried:
        lender.conn.execute("UPDATE message SET tries = 1")
        lender.conn.commit()
    with desk._conn.transaction(force_rollback=True):
        now = desk._conn.execute("SELECT now()").fetchone()[0]  # type: ignore[index]
        desk._switchboard.now = now
        began = time.monotonic()
        lines = desk._switchboard.lines()
        places = desk._reach.places(lines, TAKE)
        result, _ = desk._claim_on(lines, now, TAKE, places, began + 60, began)
        read = desk._conn.execute(
            "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = 'message'"
        ).fetchone()
    assert len(result.claimed) == TAKE
    assert read is not None
    assert read[0] < DUE / 3


def test_where_most_of_it_is_in_one_lane_a_claim_knows_that_there_is_more(counter: Counter) -> None:
    desk, conn = counter.desk, counter.desk._conn
    lanes = [
        row[0] for row in conn.execute("SELECT lane FROM message GROUP BY 1 ORDER BY count(*) DESC LIMIT 4")
    ]
    conn.execute(
        """UPDATE message m SET not_before = not_before + interval '1 day'
           WHERE lane = ANY(%s) AND EXISTS (SELECT 1 FROM message o
                                            WHERE o.lane = m.lane AND o.message_id < m.message_id)""",
        (lanes[1:],),
    )
    conn.commit()
    left = conn.execute("SELECT count(*) FROM message WHERE lane = %s", (lanes[0],)).fetchone()
    conn.commit()
    desk.epochs = {lane: epoch for lane, epoch in desk.epochs.items() if lane in lanes}
    turns = []

    async def work() -> None:
        while not turns or turns[-1]:
            turns.append(await desk.take_turn(await desk.clock(), TAKE))

    asyncio.run(work())
    assert left is not None
    assert left[0] > TAKE / 2  # more than the first lane's share of the first claim
    assert turns[0]
    assert len(counter.ends["sms"].taken) == left[0] + 3
