"""What borrowers answer is followed as long as a worker runs, whatever becomes of the connection it is done on."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from duecourse.cli import following
from duecourse.cli.context import Context
from duecourse.cli.following import Follower
from duecourse.cli.settings import Settings
from duecourse.dispatch.replies import take_reply
from duecourse.domain.messaging import Reply
from duecourse.store.migrate import put_setting
from lender import Lender

NOW = datetime.fromisoformat("2026-03-09T12:00+08:00")


@pytest.fixture
def here(
    database_url: str, lender: Lender, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Context]:
    """A command's world on a book with one borrower."""
    monkeypatch.setattr(following, "FOLLOW_SECONDS", 0.01)
    lender.keyring.save(tmp_path / "keys.json")
    lender.book("loan due_on phone\nL-1 2026-03-10 +8613900002222")
    lender.reindex_contact_points()
    put_setting(lender.conn, "lender_zone", "Asia/Shanghai")
    lender.conn.commit()
    one = Context(Settings(home=tmp_path, database_url=SecretStr(database_url)))
    yield one
    one.close()


def answer(lender: Lender, text: str) -> None:
    take_reply(lender.conn, lender.keyring, Reply("p", "+8613900002222", "1069", text), now=NOW)
    lender.conn.commit()


def waiting(conn: psycopg.Connection) -> int:
    row = conn.execute("SELECT count(*) FROM reply_waiting").fetchone()
    conn.commit()
    assert row is not None
    return int(row[0])


async def until_followed(conn: psycopg.Connection) -> None:
    async with asyncio.timeout(120):
        while waiting(conn):
            await asyncio.sleep(0.02)


def test_a_connection_that_was_cut_is_made_anew(here: Context, lender: Lender) -> None:
    follower = Follower(here)
    lender.conn.execute(
        """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
           WHERE datname = current_database() AND pid <> pg_backend_pid()"""
    )
    lender.conn.commit()
    answer(lender, "what is this?")

    async def work() -> None:
        ending = asyncio.Event()
        keeping = asyncio.create_task(follower.keep(ending))
        await until_followed(lender.conn)
        ending.set()
        await keeping

    with capture_logs() as logs:
        asyncio.run(work())
    assert [line["event"] for line in logs][-1] == "answers followed"


def test_the_last_turn_comes_after_the_one_in_hand(here: Context, lender: Lender) -> None:
    """Told to end while a reply is being followed, it goes through with that and follows what has come since."""
    answer(lender, "what is this?")
    follower = Follower(here)
    lender.conn.execute("SELECT 1 FROM reply_waiting FOR UPDATE")

    async def work() -> None:
        ending = asyncio.Event()
        keeping = asyncio.create_task(follower.keep(ending))
        async with asyncio.timeout(120):
            while not await asyncio.to_thread(blocked, here):
                await asyncio.sleep(0.02)
        ending.set()
        lender.conn.commit()
        answer(lender, "who are you?")
        await keeping

    with capture_logs() as logs:
        asyncio.run(work())
    assert waiting(lender.conn) == 0
    assert {line["log_level"] for line in logs} == {"info"}


def blocked(here: Context) -> bool:
    """Whether somebody waits for a lock."""
    with here.store.connect(autocommit=True) as conn:
        row = conn.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        ).fetchone()
    return row is not None and row[0] > 0
