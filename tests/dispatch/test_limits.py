"""Limits of messages a second hold for all workers together."""

from __future__ import annotations

import threading
import time
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from duecourse.dispatch import limits
from duecourse.dispatch.limits import bucket_of, give_back, reserve
from duecourse.dispatch.lines import Line, Routing
from duecourse.domain.messaging import Channel
from duecourse.store.connect import Store

NOON = datetime.fromisoformat("2026-03-09T12:00+08:00")


def line(per_second: int | None = None, sender: str = "", per_sender: int | None = None) -> Line:
    """A line with room for a thousand and these limits."""
    routing = Routing(rate_per_second=per_second, rate_per_sender=per_sender)
    return Line(Channel.SMS, "one", True, 1000, routing=routing, sender=sender)


def room(conn: psycopg.Connection, *lines: Line, at: float = 0.0, take: int = 1000) -> list[int]:
    """What each line may carry, so many seconds after noon."""
    now = NOON + timedelta(seconds=at)
    return [each.room for each in reserve(conn, lines, take=take, now=now)]


def test_a_bucket_and_what_flows_into_it_in_a_second_are_what_the_limit_says() -> None:
    for per_second in range(1, 400):
        bucket = bucket_of(per_second)
        assert bucket.burst - 1 + bucket.rate <= per_second
        assert bucket.rate >= 0.8 * per_second


def test_a_line_without_a_limit_keeps_its_room(database: psycopg.Connection) -> None:
    assert room(database, line()) == [1000]


def test_an_empty_bucket_fills_with_time(database: psycopg.Connection) -> None:
    assert room(database, line(10)) == [2]
    assert room(database, line(10)) == [0]
    assert room(database, line(10), at=0.12) == [1]
    assert room(database, line(10), at=9.0) == [2]


def test_what_was_not_used_is_given_back(database: psycopg.Connection) -> None:
    lines = reserve(database, [line(100)], take=1000, now=NOON)
    give_back(database, lines, lines * 5)
    assert room(database, line(100)) == [15]


def test_senders_are_limited_each_and_the_provider_over_all(database: psycopg.Connection) -> None:
    lines = [line(50, "1069001", 20), line(50, "1069002", 20), line(50, "1069003", 20)]
    assert room(database, *lines) == [4, 4, 2]  # 4 a sender, 10 in all
    assert room(database, *lines) == [0, 0, 0]


MOMENTS = st.lists(
    st.lists(st.tuples(st.integers(0, 300), st.integers(1, 40), st.integers(0, 40)), min_size=1, max_size=8),
    min_size=4,
    max_size=4,
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(per_second=st.integers(1, 60), moments=MOMENTS)
def test_four_workers_together_never_exceed_the_limit_in_any_second(
    store: Store, per_second: int, moments: list[list[tuple[int, int, int]]]
) -> None:
    """Each worker claims at its own hundredths of seconds, wants so many, and uses a part of what it got."""
    used: list[tuple[float, int]] = []
    noting = threading.Lock()

    def work(mine: list[tuple[int, int, int]]) -> None:
        with store.connect(idle_in_transaction_seconds=0) as conn:
            at = 0.0
            for after, want, uses in mine:
                at += after / 100
                now = NOON + timedelta(seconds=at)
                lines = reserve(conn, [line(per_second)], take=want, now=now)
                gone = min(uses, lines[0].room)
                give_back(conn, lines, lines * gone)
                with noting:
                    used.append((at, gone))

    with store.connect(autocommit=True) as conn:
        conn.execute("DELETE FROM provider_bucket")
    threads = [threading.Thread(target=work, args=(mine,)) for mine in moments]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for begin, _ in used:
        assert sum(number for at, number in used if begin <= at < begin + 0.9999) <= per_second


def test_who_gives_back_and_who_reserves_wait_for_each_other_and_never_in_a_circle(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A deadlock would cost what was claimed with the leave that is given back."""
    lines = [line(50, "1069001", 20), line(50, "1069002", 20)]
    take, failed = limits._take, []
    waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    with store.connect() as giving, store.connect() as taking, store.connect(autocommit=True) as watching:
        reserved = reserve(giving, lines, take=1000, now=NOON)

        def return_it() -> None:
            try:
                give_back(giving, reserved, [])
            except psycopg.errors.DeadlockDetected as error:
                failed.append(error)

        other = threading.Thread(target=return_it)

        def take_slowly(conn: psycopg.Connection, *rest: Any) -> Any:
            granted = take(conn, *rest)
            if not other.ident:  # the senders' buckets are taken, the provider's is not
                other.start()
                while watching.execute(waits).fetchone() == (0,):
                    assert other.is_alive()
                    time.sleep(0.01)
            return granted

        monkeypatch.setattr(limits, "_take", take_slowly)
        assert room(taking, *lines, at=9.0) == [4, 4]
        other.join()
    assert not failed


@pytest.mark.parametrize("workers", [4])
def test_workers_at_the_same_instant_share_one_bucket(store: Store, workers: int) -> None:
    got: list[int] = []

    def work() -> None:
        with store.connect(idle_in_transaction_seconds=0) as conn:
            got.append(room(conn, line(100))[0])

    threads = [threading.Thread(target=work) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(got) == 20
