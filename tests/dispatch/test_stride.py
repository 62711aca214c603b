"""How much is claimed at once follows how long claims take, and what the server has planned it keeps."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import pytest

from counter import Counter
from duecourse.dispatch.claimed import HAND_OVER_SECONDS
from duecourse.dispatch.stride import CLAIM_SECONDS, FIRST, Stride
from duecourse.domain.messaging import NotWritten
from duecourse.store.connect import ask
from duecourse.store.lifeline import DatabaseLostError
from lender import Lender
from post import Post
from workers import fill, noon_zone


@pytest.fixture
def counter(lender: Lender, post: Post) -> Iterator[Counter]:
    """A desk with eight messages that are due now."""
    fill(lender, 8, noon_zone())
    counter = Counter(post)
    yield counter
    counter.desk._line._conn.close()


def test_quick_full_claims_grow_to_what_may_be_in_hand_and_slow_ones_shrink_to_one() -> None:
    stride, grown = Stride(), []
    for _ in range(6):
        grown.append(stride.within(1000))
        stride.took(grown[-1], grown[-1], CLAIM_SECONDS / 10)
    assert grown[0] == FIRST
    assert grown == sorted(grown)
    assert grown[-1] == 1000
    for _ in range(12):
        stride.took(stride.within(1000), 1000, HAND_OVER_SECONDS)
    assert stride.within(1000) == 1


def test_a_claim_that_was_cut_for_taking_too_long_is_made_of_half_as_many_the_next_time(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk, asked, within = counter.desk, [], counter.desk._stride.within

    def note(most: int) -> int:
        asked.append(within(most))
        return asked[-1]

    def wait(*_arguments: Any) -> Any:
        desk._conn.execute("SELECT pg_sleep(30)")

    monkeypatch.setattr(desk._stride, "within", note)

    async def work() -> None:
        with monkeypatch.context() as slow:
            slow.setattr(desk, "_claim_on", wait)
            held, now = desk.epochs, await desk.clock()
            desk._line._patience = 0.05
            with pytest.raises(DatabaseLostError):
                await desk.take_turn(now, 1000)
            desk.epochs, desk.in_doubt = held, {}
        desk._line._patience = 60.0
        await desk.take_turn(await desk.clock(), 1000)

    asyncio.run(work())
    assert asked == [FIRST, FIRST // 2]
    assert len(counter.ends["sms"].taken) == 8


def test_a_claim_that_found_little_says_nothing_of_a_great_one() -> None:
    stride = Stride()
    for _ in range(10):
        stride.took(stride.within(1000), 3, CLAIM_SECONDS / 100)
    assert stride.within(1000) == FIRST


def test_a_machine_on_which_a_message_takes_its_time_is_given_what_it_can_do() -> None:
    """Fifty milliseconds for each claim whatever it holds, and two for each message."""
    stride = Stride()
    for _ in range(30):
        asked = stride.within(1000)
        stride.took(asked, asked, 0.05 + 0.002 * asked)
    assert 0.05 + 0.002 * stride.within(1000) == pytest.approx(CLAIM_SECONDS, rel=0.1)


def test_claims_too_slow_for_their_hand_over_come_to_be_small_enough_and_all_goes_out_once(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk, sms, sizes = counter.desk, counter.ends["sms"], []
    claim_on = desk._claim_on

    def slow(*arguments: Any) -> Any:
        result, followed = claim_on(*arguments)
        sizes.append(len(result.claimed))
        # What is left of the time of more than two is nothing.
        time.sleep(HAND_OVER_SECONDS + 0.01 if len(result.claimed) > 2 else CLAIM_SECONDS)
        return result, followed

    async def send(batch: Any) -> Any:
        """As a session does: what is late is not written."""
        late = time.monotonic() > min(one.write_before for one in batch)
        return [NotWritten("its time had passed")] * len(batch) if late else await on_time(batch)

    on_time = sms.send
    monkeypatch.setattr(desk, "_claim_on", slow)
    monkeypatch.setattr(sms, "send", send)

    async def work() -> None:
        async with asyncio.timeout(120):
            while len(sms.taken) < 8:
                await desk.take_turn(await desk.clock(), 8)
                await asyncio.sleep(0.05)

    asyncio.run(work())
    assert sizes[0] == 8
    assert len({one.attempt_id for one in sms.taken}) == len(sms.taken) == 8


def test_what_a_desk_asks_again_and_again_stays_planned(counter: Counter) -> None:
    """A rollback would drop it, and every claim would cost the server some forty milliseconds more."""

    async def work() -> None:
        for _ in range(8):
            now = await counter.desk.clock()
            assert await counter.desk.has_due(now)
            await counter.desk.take_turn(now, 1)

    asyncio.run(work())
    kept = ask(
        counter.desk._conn,
        """SELECT count(*) FILTER (WHERE statement LIKE '%%dispatch.claim_messages%%'),
                  count(*) FILTER (WHERE statement LIKE '%%dispatch.settle_attempts%%')
           FROM pg_prepared_statements""",
        {},
    )
    assert kept == (1, 1)
    assert len(counter.ends["sms"].taken) == 8
