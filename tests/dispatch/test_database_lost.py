"""A worker whose database went away goes on when it is back: what was answered is recorded, what was never handed over
counts for nothing."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from counter import Counter
from duecourse.dispatch import desk as desk_module
from duecourse.dispatch import worker as worker_module
from duecourse.dispatch.worker import Worker, WorkerPlan
from duecourse.store.connect import Store
from duecourse.store.lease import acquire, release
from duecourse.store.lifeline import Lifeline
from lender import Lender
from post import Post
from workers import fill, noon_zone

MESSAGES = 3


@pytest.fixture
def counter(lender: Lender, post: Post) -> Iterator[Counter]:
    """A desk with messages that are due now."""
    fill(lender, MESSAGES, noon_zone())
    counter = Counter(post)
    yield counter
    counter.desk._line._conn.close()


def end_sessions(store: Store, *, but: int = 0) -> None:
    """Every session of this database ends, as when its server crashes."""
    with store.connect(autocommit=True) as conn:
        conn.execute(
            """SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
               WHERE datname = current_database() AND pid NOT IN (pg_backend_pid(), %s)""",
            (but,),
        )


def work_until(store: Store, counter: Counter, holds: Callable[[], bool], lease_seconds: int = 1) -> None:
    """A worker with this desk, until something holds."""

    async def run() -> None:
        leases = Lifeline(store.connect(autocommit=True), lambda: store.connect(autocommit=True))
        plan = WorkerPlan(owner="test", lease_seconds=lease_seconds, take=10)
        one = Worker(plan, [counter.desk], counter.switchboard, leases, lambda now, as_of, lanes: None)
        running = asyncio.create_task(one.run())
        async with asyncio.timeout(60):
            while not await asyncio.to_thread(holds):
                assert not running.done(), running.exception()
                await asyncio.sleep(0.02)
        one.stop()
        await running
        leases.conn.close()

    with store.connect(autocommit=True) as conn:
        release(conn, "counter")
    counter.desk.epochs = {}
    asyncio.run(run())


def states(store: Store) -> dict[str, int]:
    """How many attempts are in each state."""
    with store.connect() as conn:
        return dict(conn.execute("SELECT state, count(*) FROM attempt GROUP BY 1").fetchall())


def weights(store: Store) -> int:
    """How many contacts count."""
    with store.connect() as conn:
        row = conn.execute("SELECT coalesce(sum(weight), 0) FROM contact").fetchone()
        return int(row[0]) if row else -1


def test_answers_that_come_while_the_database_is_away_are_recorded_when_it_is_back(
    store: Store, lender: Lender, counter: Counter
) -> None:
    sms = counter.ends["sms"]
    sms.meanwhile = lambda: end_sessions(store, but=lender.conn.info.backend_pid)
    work_until(store, counter, lambda: states(store).get("sent", 0) == MESSAGES)
    assert states(store) == {"sent": MESSAGES}
    assert len(sms.taken) == MESSAGES


def test_a_claim_whose_commit_was_not_heard_of_is_released_and_goes_out_once(
    store: Store, counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim, lost = counter.desk._claim, []

    def lose_the_answer(*arguments: Any) -> Any:
        result, followed = claim(*arguments)
        if result.claimed and not lost:
            lost.extend(result.claimed)
            counter.desk._conn.close()
            raise psycopg.OperationalError("the connection is lost")
        return result, followed

    monkeypatch.setattr(counter.desk, "_claim", lose_the_answer)
    work_until(store, counter, lambda: states(store).get("sent", 0) == MESSAGES)
    assert len(lost) == MESSAGES
    assert states(store) == {"released": MESSAGES, "sent": MESSAGES}
    assert len(counter.ends["sms"].taken) == MESSAGES
    assert weights(store) == MESSAGES


def test_a_claim_whose_unused_leave_meets_a_deadlock_goes_out_once(
    store: Store, counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To claim again because of it would leave what was claimed to nobody."""
    met: list[str] = []

    def meet(*_arguments: Any) -> None:
        met.append("deadlock")
        raise psycopg.errors.DeadlockDetected("deadlock detected")

    monkeypatch.setattr(desk_module, "give_back", meet)
    work_until(store, counter, lambda: states(store).get("sent", 0) == MESSAGES)
    assert met
    assert states(store) == {"sent": MESSAGES}
    assert len(counter.ends["sms"].taken) == MESSAGES


def test_a_claim_is_released_after_which_batches_could_not_be_opened(
    store: Store, counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim, claimed, met = counter.desk._claim, [], []

    def want_a_batch(*arguments: Any) -> Any:
        result, followed = claim(*arguments)
        if result.claimed and not claimed:
            claimed.extend(result.claimed)
            return replace(result, unopened=frozenset({uuid4()})), followed
        return result, followed

    def meet(*_arguments: Any, **_options: Any) -> None:
        met.append("deadlock")
        raise psycopg.errors.DeadlockDetected("deadlock detected")

    monkeypatch.setattr(counter.desk, "_claim", want_a_batch)
    monkeypatch.setattr(desk_module, "open_batches", meet)
    work_until(store, counter, lambda: states(store).get("sent", 0) == MESSAGES)
    assert len(claimed) == MESSAGES and met
    assert states(store) == {"released": MESSAGES, "sent": MESSAGES}
    assert len(counter.ends["sms"].taken) == MESSAGES


@pytest.mark.parametrize("committed", [False, True])
def test_a_lost_claim_is_released_also_when_the_database_goes_away_again_while_it_is_given_back(
    store: Store, counter: Counter, monkeypatch: pytest.MonkeyPatch, committed: bool
) -> None:
    """Else its messages, of which nobody has heard, would be taken for such as may have been sent."""
    claim, lost = counter.desk._claim, []
    given_back, broken = desk_module.release_unspoken, []

    def lose_the_answer(*arguments: Any) -> Any:
        result, followed = claim(*arguments)
        if result.claimed and not lost:
            lost.extend(result.claimed)
            raise psycopg.OperationalError("the connection is lost")
        return result, followed

    def lose_the_next_too(*arguments: Any, **options: Any) -> Any:
        if broken:
            return given_back(*arguments, **options)
        broken.append(given_back(*arguments, **options) if committed else None)
        raise psycopg.OperationalError("the connection is lost again")

    monkeypatch.setattr(counter.desk, "_claim", lose_the_answer)
    monkeypatch.setattr(desk_module, "release_unspoken", lose_the_next_too)
    work_until(store, counter, lambda: states(store).get("sent", 0) == MESSAGES)
    assert len(broken) == 1
    assert states(store) == {"released": MESSAGES, "sent": MESSAGES}
    assert len(counter.ends["sms"].taken) == MESSAGES


def test_a_claim_that_commits_only_after_its_connection_was_given_up_is_released_too(
    store: Store, counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server may go on with what it has been sent: only the fence of the old epoch says when it is done."""
    claim_on, line = counter.desk._claim_on, counter.desk._line
    slow: list[threading.Timer] = []

    def commit_later(*arguments: Any) -> Any:
        if slow:
            return claim_on(*arguments)
        own, line._conn = line._conn, store.connect(idle_in_transaction_seconds=0)
        server = line._conn
        server.execute("SELECT 1")
        result, _ = claim_on(*arguments)  # a savepoint of a transaction that is still open
        assert result.claimed
        line._conn = own

        def commit() -> None:
            server.commit()
            server.close()

        slow.append(threading.Timer(1.5, commit))
        slow[0].start()
        own.close()
        raise psycopg.OperationalError("the connection is lost")

    monkeypatch.setattr(counter.desk, "_claim_on", commit_later)
    work_until(store, counter, lambda: states(store).get("sent", 0) == MESSAGES, lease_seconds=3)
    slow[0].join()
    assert states(store) == {"released": MESSAGES, "sent": MESSAGES}
    assert len(counter.ends["sms"].taken) == MESSAGES


def test_answers_of_lanes_that_somebody_took_over_meanwhile_change_nothing(
    store: Store, lender: Lender, counter: Counter
) -> None:
    def lose_lanes() -> None:
        end_sessions(store, but=lender.conn.info.backend_pid)
        with store.connect(autocommit=True) as conn:
            conn.execute("UPDATE lane_lease SET expires_at = now()")
            conn.execute("DELETE FROM worker")
        other = Counter(counter.post)
        assert len(other.desk.epochs) == 256
        asyncio.run(other.desk.recover(other.desk.epochs, datetime.now(UTC)))
        other.conn.close()

    def lose() -> None:
        thread = threading.Thread(target=lose_lanes)
        thread.start()
        thread.join()

    counter.ends["sms"].meanwhile = lose
    work_until(store, counter, lambda: states(store).get("unknown", 0) == MESSAGES)
    assert states(store) == {"unknown": MESSAGES}


def test_a_worker_that_is_stopped_while_the_database_is_away_ends(
    store: Store, counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "AWAY_SECONDS", (0.05, 0.05))
    away = threading.Event()

    def connect() -> psycopg.Connection:
        if away.is_set():
            raise psycopg.OperationalError("away")
        return store.connect(autocommit=True)

    async def run() -> None:
        leases = Lifeline(connect(), connect)
        counter.desk._line = Lifeline(counter.conn, connect)
        plan = WorkerPlan(owner="test", lease_seconds=1, take=10)
        one = Worker(plan, [counter.desk], counter.switchboard, leases, lambda now, as_of, lanes: None)

        def vanish() -> None:
            away.set()
            counter.conn.close()
            leases.conn.close()
            one.stop()

        counter.ends["sms"].meanwhile = vanish
        async with asyncio.timeout(60):
            await one.run()

    with store.connect(autocommit=True) as conn:
        release(conn, "counter")
    counter.desk.epochs = {}
    asyncio.run(run())
    assert states(store) == {"claimed": MESSAGES}


def test_lanes_that_come_into_doubt_during_a_renewal_are_not_worked_before_they_are_taken_anew(
    store: Store, counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else what is claimed meanwhile under the old epoch would be taken for lost, and sent again."""
    desk = counter.desk
    worked: list[dict[int, int]] = []

    def lose_a_claim(*arguments: Any) -> dict[int, int]:
        if desk.epochs and not worked:
            worked.append(desk.epochs)
            desk.in_doubt, desk.epochs = desk.epochs, {}
        return acquire(*arguments)

    monkeypatch.setattr(worker_module, "acquire", lose_a_claim)
    seen: list[dict[int, int]] = []
    recover = desk.recover

    async def note(epochs: Any, now: datetime) -> int:
        seen.append(dict(epochs))
        return await recover(epochs, now)

    monkeypatch.setattr(desk, "recover", note)
    work_until(store, counter, lambda: len(seen) == 2)
    (before,) = worked
    assert seen == [before, {lane: epoch + 1 for lane, epoch in before.items()}]
