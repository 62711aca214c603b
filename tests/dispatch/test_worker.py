"""A worker's own troubles: it tries again what may work again, and does not live on half dead."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import psycopg
import pytest

from counter import Counter
from duecourse.dispatch import worker as worker_module
from duecourse.dispatch.worker import Worker, WorkerPlan
from duecourse.store.connect import Store
from duecourse.store.lease import release
from duecourse.store.lifeline import Lifeline
from lender import Lender
from post import Post
from workers import fill, noon_zone


def work(store: Store, post: Post, plan_lanes: Callable[[Any, date, Any], None]) -> Counter:
    """A worker of one desk until it is idle."""
    counter = Counter(post)
    with store.connect(autocommit=True) as leases:
        release(leases, "counter")
        counter.desk.epochs = {}
        plan = WorkerPlan(owner="test", lease_seconds=1, take=10, until_idle=True)
        one = Worker(plan, [counter.desk], counter.switchboard, leases, plan_lanes)
        asyncio.run(asyncio.wait_for(one.run(), 20))
        held = leases.execute("SELECT count(*) FROM lane_lease WHERE owner IS NOT NULL").fetchone()
    assert held == (0,)
    return counter


def test_a_planner_that_met_a_deadlock_plans_again(
    store: Store, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "PLAN_AGAIN_SECONDS", 0.05)
    calls: list[datetime] = []

    def plan_lanes(now: datetime, as_of: date, lanes: Any) -> None:
        calls.append(now)
        if len(calls) == 1:
            raise psycopg.errors.DeadlockDetected

    work(store, post, plan_lanes)
    assert len(calls) == 2


def test_a_worker_whose_planner_died_ends_and_gives_its_lanes_back(store: Store, post: Post) -> None:
    def plan_lanes(now: datetime, as_of: date, lanes: Any) -> None:
        raise RuntimeError("a fault in planning")

    with pytest.raises(RuntimeError, match="a fault in planning"):
        work(store, post, plan_lanes)
    with store.connect() as conn:
        assert conn.execute("SELECT count(*) FROM lane_lease WHERE owner = 'test'").fetchone() == (0,)


def test_a_worker_whose_lease_keeper_died_ends_and_gives_its_lanes_back(
    store: Store, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else it would live on, without lanes, and nobody would be told why."""
    renew, renewed = worker_module.renew, []

    def renew_once(*arguments: Any) -> dict[int, int]:
        if renewed:
            raise RuntimeError("a fault in keeping leases")
        renewed.append("renewed")
        return renew(*arguments)

    monkeypatch.setattr(worker_module, "renew", renew_once)
    counter = Counter(post)
    with store.connect(autocommit=True) as leases:
        release(leases, "counter")
        counter.desk.epochs = {}
        plan = WorkerPlan(owner="test", lease_seconds=1, take=10)
        one = Worker(plan, [counter.desk], counter.switchboard, leases, lambda now, as_of, lanes: None)
        with pytest.raises(RuntimeError, match="a fault in keeping leases"):
            asyncio.run(asyncio.wait_for(one.run(), 20))
        assert leases.execute("SELECT count(*) FROM lane_lease WHERE owner = 'test'").fetchone() == (0,)


def test_the_desks_that_have_lanes_share_the_windows_of_providers(
    store: Store, lender: Lender, post: Post
) -> None:
    """On a cluster a worker has a desk for each shard, and lanes of some."""
    fill(lender, 40, noon_zone())
    counter, batches, workers = Counter(post), [], []
    sms = counter.ends["sms"]
    send = sms.send

    async def note(batch: Any) -> Any:
        batches.append(len(batch))
        if sum(batches) == 40:
            workers[0].stop()
        return await send(batch)

    sms.send = note  # type: ignore[method-assign]
    without = [Counter(post) for _ in range(3)]
    for one in without:
        one.desk.lanes, one.desk.epochs = frozenset(), {}
    counter.switchboard.share_between(4)
    with store.connect(autocommit=True) as leases:
        release(leases, "counter")
        counter.desk.epochs = {}
        plan = WorkerPlan(owner="test", lease_seconds=5, take=1000)
        desks = [counter.desk, *(one.desk for one in without)]
        workers.append(Worker(plan, desks, counter.switchboard, leases, lambda now, as_of, lanes: None))
        asyncio.run(asyncio.wait_for(workers[0].run(), 20))
    assert batches == [40]
    assert counter.switchboard.lines()[0].room == sms.window


def test_a_desk_that_is_given_no_lane_asks_the_database_nothing(store: Store, post: Post) -> None:
    first, idle = Counter(post), Counter(post)
    asked: list[str] = []

    def connect() -> psycopg.Connection:
        asked.append("a connection")
        return store.connect()

    idle.desk.lanes, idle.desk.epochs = frozenset(), {}
    idle.desk._line = Lifeline(None, connect)
    with store.connect(autocommit=True) as leases:
        release(leases, "counter")
        first.desk.epochs = {}
        plan = WorkerPlan(owner="test", lease_seconds=1, take=10, until_idle=True)
        one = Worker(plan, [first.desk, idle.desk], first.switchboard, leases, lambda now, as_of, lanes: None)
        asyncio.run(asyncio.wait_for(one.run(), 20))
    assert not asked


def test_lanes_whose_recovery_failed_are_recovered_at_the_next_renewal(
    store: Store, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    from_desk = worker_module.Desk.recover
    failures = [psycopg.errors.DeadlockDetected()]

    async def recover(self: Any, epochs: Any, now: datetime) -> int:
        if failures:
            raise failures.pop()
        return await from_desk(self, epochs, now)

    monkeypatch.setattr(worker_module.Desk, "recover", recover)
    worked: list[int] = []

    def plan_lanes(now: datetime, as_of: date, lanes: Any) -> None:
        worked.append(len(lanes))

    async def run() -> None:
        counter = Counter(post)
        with store.connect(autocommit=True) as leases:
            release(leases, "counter")
            counter.desk.epochs = {}
            one = Worker(
                WorkerPlan(owner="test", lease_seconds=1, take=10),
                [counter.desk],
                counter.switchboard,
                leases,
                plan_lanes,
            )
            running = asyncio.create_task(one.run())
            for _ in range(100):
                await asyncio.sleep(0.05)
                if counter.desk.epochs:
                    break
            assert len(counter.desk.epochs) == 256
            one.stop()
            await running

    asyncio.run(run())
    assert not failures
