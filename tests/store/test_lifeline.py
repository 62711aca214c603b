"""What was lost with a connection is told, and the next piece of work has another one."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path

import psycopg
import pytest

from duecourse.domain.problems import DuecourseError, Problem
from duecourse.store.connect import Store, open_store
from duecourse.store.lifeline import DatabaseLostError, Lifeline
from duecourse.store.postmaster import find_postmaster


def lifeline(store: Store, **options: float) -> Lifeline:
    """A lifeline of a store."""
    return Lifeline(store.connect(), store.connect, **options)


def backend(conn: psycopg.Connection) -> int:
    """The server process behind it."""
    row = conn.execute("SELECT pg_backend_pid()").fetchone()
    conn.commit()
    return int(row[0]) if row else 0


def end(store: Store, pid: int) -> None:
    """End a server process, as a restart of the server would."""
    with store.connect(autocommit=True) as conn:
        conn.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))


def test_a_piece_of_work_whose_connection_died_is_lost_and_the_next_has_another(store: Store) -> None:
    line = lifeline(store)
    first = line.run(backend)
    end(store, first)
    with pytest.raises(DatabaseLostError, match="AdminShutdown"):
        line.run(backend)
    assert line.run(backend) not in (0, first)
    line.conn.close()


def test_a_connection_may_be_made_only_when_there_is_work(store: Store) -> None:
    made: list[psycopg.Connection] = []

    def connect() -> psycopg.Connection:
        made.append(store.connect())
        return made[-1]

    line = Lifeline(None, connect)
    assert not made
    assert line.run(backend) == line.run(backend)
    assert len(made) == 1
    line.conn.close()
    with pytest.raises(ValueError):
        Lifeline(None)


def test_what_the_server_refuses_for_its_own_reasons_is_lost_and_the_connection_goes_on(store: Store) -> None:
    line = lifeline(store)
    first = line.run(backend)
    with pytest.raises(DatabaseLostError, match="DiskFull"):
        line.run(lambda conn: conn.execute("DO $$ BEGIN RAISE SQLSTATE '53100'; END $$"))
    assert line.run(backend) == first
    line.conn.close()


def test_a_session_that_idled_too_long_in_a_transaction_is_lost_like_any_other(store: Store) -> None:
    line = Lifeline(store.connect(idle_in_transaction_seconds=0.1), store.connect)

    def sleep_within(conn: psycopg.Connection) -> None:
        conn.execute("SELECT 1")
        time.sleep(0.5)
        conn.execute("SELECT 1")

    with pytest.raises(DatabaseLostError, match="IdleInTransactionSessionTimeout"):
        line.run(sleep_within)
    assert line.run(backend)
    line.conn.close()


def test_a_deadlock_and_a_faulty_statement_are_told_as_they_are(store: Store) -> None:
    line = lifeline(store)
    with pytest.raises(psycopg.errors.DeadlockDetected):
        line.run(lambda conn: conn.execute("DO $$ BEGIN RAISE SQLSTATE '40P01'; END $$"))
    with pytest.raises(psycopg.errors.UndefinedTable):
        line.run(lambda conn: conn.execute("SELECT * FROM no_such_table"))
    assert line.run(backend)
    line.conn.close()


def test_a_fault_of_the_work_itself_leaves_no_transaction_open(store: Store) -> None:
    line = lifeline(store)

    def look_and_fail(conn: psycopg.Connection) -> None:
        conn.execute("SELECT pg_advisory_xact_lock(7)")
        raise ValueError("a fault")

    with pytest.raises(ValueError):
        line.run(look_and_fail)
    assert line.conn.info.transaction_status is psycopg.pq.TransactionStatus.IDLE
    line.conn.close()


def test_work_that_nobody_answers_is_cut_and_given_longer_the_next_time(store: Store) -> None:
    line = lifeline(store, patience_seconds=0.05)

    async def work() -> tuple[int, list[str]]:
        lost = []
        while True:
            try:
                await line.within(lambda conn: conn.execute("SELECT pg_sleep(0.3)"))
                return await line.within(backend), lost
            except DatabaseLostError as error:
                lost.append(str(error))

    pid, lost = asyncio.run(work())
    assert pid
    assert 0 < len(lost) <= 5
    line.conn.close()


def test_a_session_that_was_cut_while_it_waits_for_a_lock_does_not_stay_behind(store: Store) -> None:
    line = lifeline(store, patience_seconds=0.2)
    waiting = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'advisory'"
    )
    with store.connect(autocommit=True) as holder:
        holder.execute("SELECT pg_advisory_lock(7)")
        with pytest.raises(DatabaseLostError):
            asyncio.run(line.within(lambda conn: conn.execute("SELECT pg_advisory_lock(7)")))
        assert holder.execute(waiting).fetchone() == (1,)
        for _ in range(300):
            if holder.execute(waiting).fetchone() == (0,):
                break
            time.sleep(0.1)
        assert holder.execute(waiting).fetchone() == (0,)
    assert line.run(backend)
    line.conn.close()


def test_a_database_that_cannot_be_reached_is_away_and_one_of_another_version_is_a_fault(
    store: Store,
) -> None:
    ended = store.connect()
    ended.close()

    def away() -> psycopg.Connection:
        raise DuecourseError(Problem("S010", "there", "the database cannot be reached"), exit_code=3)

    def older() -> psycopg.Connection:
        raise DuecourseError(Problem("D001", "there", "this database holds no book of this version"))

    with pytest.raises(DatabaseLostError, match="unreachable"):
        Lifeline(ended, away).run(backend)
    with pytest.raises(DuecourseError, match="D001"):
        Lifeline(ended, older).run(backend)
    with pytest.raises(DatabaseLostError):
        Lifeline.of(ended).run(backend)
    with pytest.raises(DatabaseLostError, match="unreachable"):
        Lifeline(None, away).run(backend)


def test_an_embedded_server_that_died_is_started_again_by_whoever_comes_first(
    short_home: Path, postgres_major: int
) -> None:
    with open_store(None, short_home, major=postgres_major) as store:
        line = lifeline(store)
        data_dir = short_home.resolve() / f"postgres-{postgres_major}"
        postmaster = find_postmaster(data_dir)
        assert postmaster is not None
        os.kill(postmaster.pid, signal.SIGQUIT)
        with pytest.raises(DatabaseLostError):
            while True:
                line.run(backend)
        assert line.run(backend)
        line.conn.close()
