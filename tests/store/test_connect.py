"""Connections are all alike; what cannot be reached is named without its password."""

from __future__ import annotations

import time
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from duecourse.domain.problems import DuecourseError
from duecourse.store import connect
from duecourse.store.connect import Store, open_store

PASSWORD = "correct-horse"


def fault(url: str) -> DuecourseError:
    with pytest.raises(DuecourseError) as raised, open_store(url, Path("/nonexistent")):
        pass
    return raised.value


def test_embedded_store_runs_its_server_while_it_is_open(short_home: Path, postgres_major: int) -> None:
    with open_store(None, short_home, major=postgres_major) as store:
        assert store.embedded
        with store.connect() as connection:
            assert connection.execute("SELECT current_database()").fetchone() == ("duecourse",)
        conninfo = store.conninfo
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(conninfo)
    with pytest.raises(RuntimeError):
        store.connect()


def test_session_is_set_up_without_a_round_trip(database_url: str) -> None:
    url = make_conninfo(database_url, options="-c timezone=Asia/Tokyo -c work_mem=5MB")
    with Store(url, None) as store, store.connect() as connection:
        assert connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
        shown = {
            name: connection.execute(f"SHOW {name}").fetchone()
            for name in (
                "timezone",
                "application_name",
                "work_mem",
                "jit",
                "idle_in_transaction_session_timeout",
            )
        }
    assert shown == {
        "timezone": ("UTC",),
        "application_name": ("duecourse",),
        "work_mem": ("5MB",),
        "jit": ("off",),
        "idle_in_transaction_session_timeout": ("10s",),
    }


def test_session_that_idles_in_a_transaction_is_ended(store: Store) -> None:
    with store.connect(idle_in_transaction_seconds=0.1) as connection:
        connection.execute("SELECT 1")
        time.sleep(0.5)
        with pytest.raises(psycopg.errors.IdleInTransactionSessionTimeout):
            connection.execute("SELECT 1")


def test_pool_gives_the_same_connections(store: Store) -> None:
    with store.pool(3) as pool, pool.connection() as one, pool.connection() as other:
        assert one.info.backend_pid != other.info.backend_pid
        assert one.execute("SHOW timezone").fetchone() == ("UTC",)
        assert one.execute("SHOW idle_in_transaction_session_timeout").fetchone() == ("10s",)


def test_unreachable_server_is_named_without_the_password() -> None:
    error = fault(f"postgresql://ann:{PASSWORD}@127.0.0.1:1/book")
    assert [problem.code for problem in error.problems] == ["S010"]
    assert "127.0.0.1:1/book" in str(error)
    assert PASSWORD not in str(error)
    assert error.__cause__ is None


@pytest.mark.parametrize("url", [f"ann:{PASSWORD}@host/book", f"postgresql://ann:{PASSWORD}%zz@host/book"])
def test_what_is_no_url_is_not_repeated(url: str) -> None:
    error = fault(url)
    assert [problem.code for problem in error.problems] == ["S012"]
    assert PASSWORD not in str(error)


def test_server_too_old_is_refused(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connect, "OLDEST_SERVER", 99)
    assert [problem.code for problem in fault(database_url).problems] == ["S011"]


def test_place_never_holds_a_password() -> None:
    place = Store(f"postgresql://ann:{PASSWORD}@db.example:6543/book", None).place
    assert place == "db.example:6543/book"
