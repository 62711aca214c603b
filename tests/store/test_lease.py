"""One worker at a time holds a lane; one that lost it cannot write."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import psycopg
import pytest

from duecourse.store.connect import Store
from duecourse.store.lease import acquire, fair_share, hold_fence, release, renew

LEASE_SECONDS = 15.0


@pytest.fixture
def ada(store: Store) -> Iterator[psycopg.Connection]:
    with store.connect(autocommit=True) as connection:
        yield connection


@pytest.fixture
def bob(store: Store) -> Iterator[psycopg.Connection]:
    with store.connect(autocommit=True) as connection:
        yield connection


def expire(connection: psycopg.Connection) -> None:
    """Let all leases run out, as after a worker froze."""
    connection.execute("UPDATE lane_lease SET expires_at = now() - interval '1 second'")
    connection.execute("UPDATE worker SET expires_at = now() - interval '1 second'")


def test_lone_worker_gets_every_lane(ada: psycopg.Connection) -> None:
    assert acquire(ada, "ada", LEASE_SECONDS) == dict.fromkeys(range(256), 1)
    assert acquire(ada, "ada", LEASE_SECONDS) == {}


def test_held_lane_is_nobody_elses(ada: psycopg.Connection, bob: psycopg.Connection) -> None:
    acquire(ada, "ada", LEASE_SECONDS)
    assert acquire(bob, "bob", LEASE_SECONDS) == {}


def test_worker_takes_no_more_than_it_wants(ada: psycopg.Connection) -> None:
    first = acquire(ada, "ada", LEASE_SECONDS, 10)
    assert len(first) == 10
    assert acquire(ada, "ada", LEASE_SECONDS, 10) == {}


def test_share_halves_when_a_second_worker_shows_itself(
    ada: psycopg.Connection, bob: psycopg.Connection
) -> None:
    held = acquire(ada, "ada", LEASE_SECONDS)
    assert acquire(bob, "bob", LEASE_SECONDS) == {}
    assert fair_share(ada) == 128
    surplus = sorted(held)[fair_share(ada) :]
    release(ada, "ada", surplus)
    assert acquire(ada, "ada", LEASE_SECONDS) == {}
    assert acquire(bob, "bob", LEASE_SECONDS) == dict.fromkeys(surplus, 2)


def test_share_grows_when_a_worker_ends(ada: psycopg.Connection, bob: psycopg.Connection) -> None:
    acquire(ada, "ada", LEASE_SECONDS, 128)
    acquire(bob, "bob", LEASE_SECONDS)
    release(bob, "bob")
    assert fair_share(ada) == 256
    assert len(acquire(ada, "ada", LEASE_SECONDS)) == 128


def test_renewal_keeps_only_what_was_not_taken_over(ada: psycopg.Connection, bob: psycopg.Connection) -> None:
    held = acquire(ada, "ada", LEASE_SECONDS)
    expire(ada)
    taken = acquire(bob, "bob", LEASE_SECONDS, 100)
    assert set(taken.values()) == {2}
    kept = renew(ada, "ada", held, LEASE_SECONDS)
    assert kept == {lane: 1 for lane in range(256) if lane not in taken}
    assert acquire(bob, "bob", LEASE_SECONDS) == {}


def test_old_epoch_cannot_write(ada: psycopg.Connection, bob: psycopg.Connection) -> None:
    held = acquire(ada, "ada", LEASE_SECONDS)
    expire(ada)
    acquire(bob, "bob", LEASE_SECONDS)
    with ada.transaction():
        assert hold_fence(ada, held) == {}


def test_takeover_waits_for_a_fenced_transaction_and_then_shuts_it_out(
    ada: psycopg.Connection, bob: psycopg.Connection
) -> None:
    held = acquire(ada, "ada", LEASE_SECONDS)
    expire(ada)
    taken: dict[int, int] = {}
    takeover = threading.Thread(target=lambda: taken.update(acquire(bob, "bob", LEASE_SECONDS)))
    with ada.transaction():
        assert hold_fence(ada, {7: held[7]}) == {7: 1}
        takeover.start()
        time.sleep(0.3)
        assert takeover.is_alive()
        assert taken == {}
    takeover.join(timeout=10)
    assert taken == dict.fromkeys(range(256), 2)
    with ada.transaction():
        assert hold_fence(ada, held) == {}


def test_fence_that_waited_for_a_takeover_finds_the_new_epoch(
    ada: psycopg.Connection, bob: psycopg.Connection
) -> None:
    held = acquire(ada, "ada", LEASE_SECONDS)
    found: dict[int, int] = {-1: -1}

    def write() -> None:
        with ada.transaction():
            fenced = hold_fence(ada, held)
            found.clear()
            found.update(fenced)

    with bob.transaction():
        bob.execute("UPDATE lane_lease SET epoch = epoch + 1, owner = 'bob' WHERE lane < 10")
        writer = threading.Thread(target=write)
        writer.start()
        time.sleep(0.3)
        assert writer.is_alive()
    writer.join(timeout=10)
    assert found == dict.fromkeys(range(10, 256), 1)


def test_renewal_passes_a_fenced_transaction(ada: psycopg.Connection, bob: psycopg.Connection) -> None:
    held = acquire(ada, "ada", LEASE_SECONDS)
    with ada.transaction():
        hold_fence(ada, held)
        bob.execute("SET lock_timeout = '2s'")
        assert renew(bob, "ada", held, LEASE_SECONDS) == held


def test_workers_that_start_at_once_share_all_lanes_and_hold_none_twice(store: Store) -> None:
    names = [f"worker-{number}" for number in range(6)]
    taken: dict[str, dict[int, int]] = {}
    start = threading.Barrier(len(names))

    def work(name: str) -> None:
        with store.connect(autocommit=True) as connection:
            start.wait()
            mine = acquire(connection, name, LEASE_SECONDS)
            for _ in range(10):  # as a worker does at every renewal
                mine = renew(connection, name, mine, LEASE_SECONDS)
                surplus = sorted(mine)[fair_share(connection) :]
                release(connection, name, surplus)
                mine = {lane: epoch for lane, epoch in mine.items() if lane not in surplus}
                mine |= acquire(connection, name, LEASE_SECONDS)
                time.sleep(0.02)
            taken[name] = mine

    threads = [threading.Thread(target=work, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lanes = [lane for mine in taken.values() for lane in mine]
    assert sorted(lanes) == list(range(256))
    assert max(map(len, taken.values())) <= 43
