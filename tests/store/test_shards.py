"""A session of a shard and the one it has to the coordinator end together; here both are on one server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import psycopg
import pytest

from duecourse.domain.problems import DuecourseError
from duecourse.store.connect import Store
from duecourse.store.lifeline import DatabaseLostError, Lifeline
from duecourse.store.shards import SQL, ShardConnection, ShardCursor
from duecourse.store.spreading import require_cluster


@pytest.fixture
def connect(store: Store) -> Callable[[], ShardConnection]:
    """Makes sessions that show the tables as they are, each with another for what is of all lanes."""

    def make() -> ShardConnection:
        session = ShardConnection.connect(store.conninfo, cursor_factory=ShardCursor)
        session._centre = store.connect()
        return session

    with store.connect(autocommit=True) as conn:
        conn.execute("CREATE TABLE noted (what text PRIMARY KEY)")
    return make


def note(conn: psycopg.Connection, what: str) -> None:
    """A write."""
    conn.execute("INSERT INTO noted VALUES (%s)", (what,))


def noted(store: Store) -> list[str]:
    """What was committed."""
    with store.connect() as conn:
        return [what for (what,) in conn.execute("SELECT what FROM noted ORDER BY what")]


def test_a_transaction_that_is_rolled_back_on_purpose_takes_what_was_written_at_the_centre_along(
    store: Store, connect: Callable[[], ShardConnection]
) -> None:
    with connect() as session:
        with session.transaction() as whole:
            note(session, "here")
            note(session.centre, "there")
            raise psycopg.Rollback(whole)
        assert noted(store) == []
        with session.transaction():
            note(session, "here")
            note(session.centre, "there")
        assert noted(store) == ["here", "there"]


def test_a_session_whose_server_process_died_leaves_none_behind_at_the_centre(
    store: Store, connect: Callable[[], ShardConnection]
) -> None:
    line = Lifeline(connect(), connect)
    centre = line.run(lambda conn: conn.centre)
    dying = line.conn.info.backend_pid
    with store.connect(autocommit=True) as conn:
        conn.execute("SELECT pg_terminate_backend(%s, 5000)", (dying,))

    def write(conn: psycopg.Connection) -> None:
        note(centre, "there")
        note(conn, "here")

    with pytest.raises(DatabaseLostError):
        line.run(write)
    assert centre.info.transaction_status is psycopg.pq.TransactionStatus.IDLE
    line.run(lambda conn: note(conn, "here"))
    assert line.conn.info.backend_pid != dying
    assert centre.closed
    line.conn.close()
    assert noted(store) == []


def test_work_that_nobody_answers_is_cut_also_where_the_centre_is_lost_already(
    connect: Callable[[], ShardConnection],
) -> None:
    line = Lifeline(connect(), connect, patience_seconds=0.2)

    def wait(conn: psycopg.Connection) -> None:
        assert isinstance(conn, ShardConnection)
        conn.centre.close()
        conn.execute("SELECT pg_sleep(30)")

    with pytest.raises(DatabaseLostError):
        asyncio.run(line.within(wait))
    line.conn.close()


def test_whether_a_server_has_and_loads_an_extension_may_be_asked_by_everybody(store: Store) -> None:
    with store.connect(autocommit=True) as conn:
        conn.execute("DO $$ BEGIN END $$")  # loads this one
        conn.execute("CREATE ROLE plain")
        try:
            conn.execute("SET ROLE plain")
            assert conn.execute(SQL["extension_available"], {"name": "plpgsql"}).fetchone() == (True,)
            assert conn.execute(SQL["extension_available"], {"name": "citus"}).fetchone() == (False,)
            with pytest.raises(DuecourseError, match="S040"):
                require_cluster(conn, "here")
        finally:
            conn.execute("RESET ROLE")
            conn.execute("DROP ROLE plain")
