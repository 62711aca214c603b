"""Shards move between nodes, and a worker joins, while `duecourse work` sends: nothing is lost or sent twice."""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from soak.workers import start_worker

from duecourse.channels.sandbox.process import SandboxProcess
from duecourse.channels.sandbox.rules import SandboxRules
from duecourse.privacy.keyring import Keyring
from duecourse.store.connect import Store
from duecourse.store.migrate import migrate, prepare_lanes
from duecourse.store.shards import shards_of
from duecourse.store.spreading import nodes_of, spread
from lender import Lender
from post import Post
from workers import fill, noon_zone, submits, wait_for, write_providers

from . import report
from .conftest import cluster_database
from .due_day import copy_book
from .moving import move

MESSAGES = 512
"""Two for each lane."""
SHARDS = 4
OVER_SECONDS = 45
"""For how long messages go on falling due: the moves must fall into the work."""
LEASE_SECONDS = 5
PATIENCE_SECONDS = 180
ENDED = {"delivered", "unknown"}
PLAIN = SandboxRules(numbers={}, local_parts={})
"""Every number is delivered to."""
MODES = ("block_writes", "force_logical", "block_writes", "block_writes", "force_logical", "block_writes")
"""Of the moves, one after the other: more than there are shards, so that some move back."""


@pytest.fixture
def coordinator(lender: Lender) -> Iterator[psycopg.Connection]:
    """A spread book whose messages are all planned; none is due yet."""
    fill(lender, MESSAGES, noon_zone())
    lender.conn.execute(
        "UPDATE message SET not_before = now() + interval '1 day', useful_until = now() + interval '2 days'"
    )
    lender.conn.commit()
    with cluster_database() as url, Store(url, None) as store, store.connect(autocommit=True) as conn:
        migrate(conn)
        prepare_lanes(conn)
        copy_book(lender.conn, conn)
        lender.conn.commit()
        spread(conn, SHARDS)
        yield conn


@pytest.fixture
def home(tmp_path: Path, keyring: Keyring) -> Path:
    keyring.save(tmp_path / "keys.json")
    return tmp_path


@pytest.fixture
def smsc(home: Path) -> Iterator[SandboxProcess]:
    write_to = home / "sandbox"
    with SandboxProcess(write_to, rules=PLAIN) as sandbox:
        write_providers(home, sandbox)
        yield sandbox


@contextmanager
def worker(home: Path, url: str) -> Iterator[subprocess.Popen[bytes]]:
    """`duecourse work` until it is asked to stop; it must then end as it should."""
    process = start_worker(home, url, lease_seconds=LEASE_SECONDS)
    try:
        yield process
        process.terminate()
        assert process.wait(60) == 0, (home / "worker.log").read_text()[-3000:]
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def let_fall_due(conn: psycopg.Connection) -> None:
    """From now on, one second after the other, in every shard early and late."""
    now = datetime.now(UTC)
    for second in range(OVER_SECONDS):
        conn.execute(
            "UPDATE message SET useful_until = %s, not_before = %s WHERE lane %% %s = %s",
            (now + timedelta(hours=1), now + timedelta(seconds=second), OVER_SECONDS, second),
        )


def held(conn: psycopg.Connection) -> dict[str, int]:
    """How many lanes each worker holds."""
    query = (
        "SELECT owner, count(*) FROM lane_lease WHERE owner IS NOT NULL AND expires_at > %s GROUP BY owner"
    )
    return dict(conn.execute(query, [datetime.now(UTC)]).fetchall())


def all_ended(conn: psycopg.Connection) -> bool:
    """Whether no message is open. What is unknown would be for as long as it is of use: that is brought forward."""
    now = datetime.now(UTC)
    conn.execute(
        "UPDATE message SET next_at = %s WHERE state = 'in_flight' AND next_at > %s AND changed_at < %s",
        (now + timedelta(seconds=5), now + timedelta(seconds=5), now - timedelta(seconds=20)),
    )
    return standing(conn).keys() <= ENDED


def standing(conn: psycopg.Connection) -> Counter[str]:
    """How many messages ended how, or in which state others are."""
    return Counter(dict(conn.execute("SELECT coalesce(outcome, state), count(*) FROM message GROUP BY 1")))


def move_one(conn: psycopg.Connection, number: int, mode: str) -> int:
    """Move the shard of this number to another node that may have shards; that node's port."""
    shard = shards_of(conn)[number - 1]
    assert shard.node
    others = [node for node in nodes_of(conn) if (node.host, node.port) != (shard.node.host, shard.node.port)]
    move(conn, shard, others[0].host, others[0].port, mode)
    return others[0].port


def test_shards_that_move_and_a_worker_that_joins_lose_nothing_and_send_nothing_twice(
    coordinator: psycopg.Connection, lender: Lender, home: Path, smsc: SandboxProcess, keyring: Keyring
) -> None:
    url = coordinator.info.dsn
    post = Post(None, keyring, lender, smsc)  # type: ignore[arg-type]
    moved: list[tuple[int, str, int, int]] = []
    with worker(home, url) as first:
        wait_for(lambda: sum(held(coordinator).values()) == 256, PATIENCE_SECONDS, first, home)
        let_fall_due(coordinator)
        wait_for(lambda: bool(submits(post)), PATIENCE_SECONDS, first, home)
        with worker(home, url) as second:
            for place, mode in enumerate(MODES):
                before = sum(submits(post).values())
                moved.append(
                    (place % SHARDS + 1, mode, move_one(coordinator, place % SHARDS + 1, mode), before)
                )
            wait_for(lambda: all_ended(coordinator), PATIENCE_SECONDS, second, home)
            # Nobody has left a lane: two share them all.
            wait_for(lambda: sum(held(coordinator).values()) == 256, PATIENCE_SECONDS, first, home)
            assert len(held(coordinator)) == 2
    assert sum(before < MESSAGES for *_, before in moved) >= 3, moved
    handed_over, ended = submits(post), standing(coordinator)
    assert max(handed_over.values()) == 1
    # Who got nothing has an attempt of which it is said that nobody knows.
    assert MESSAGES - len(handed_over) <= ended["unknown"]
    attempts = Counter(dict(coordinator.execute("SELECT state, count(*) FROM attempt GROUP BY 1")))
    assert attempts.keys() <= ENDED | {"released"}
    assert sum(attempts[state] for state in ENDED) == MESSAGES == sum(ended.values())
    assert held(coordinator) == {}, "who is asked to stop gives its lanes back"
    told = ", ".join(f"{shard} {how} to {port} at {sent}" for shard, how, port, sent in moved)
    report.note(
        f"Shards that move while two workers send {MESSAGES} messages: {len(handed_over)} handed over, none twice; "
        f"attempts {dict(attempts)}"
    )
    report.note(f"  moves of shards, and how many were sent before each: {told}")
