"""A node and a worker join, shards move, a node leaves while `duecourse work` sends: nothing is lost or sent twice."""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from soak.workers import start_worker

from duecourse.channels.sandbox.process import SandboxProcess
from duecourse.channels.sandbox.rules import SandboxRules
from duecourse.privacy.keyring import Keyring
from duecourse.store.connect import Store
from duecourse.store.migrate import migrate, prepare_lanes
from duecourse.store.shards import Node, shards_of
from duecourse.store.spreading import nodes_of, spread
from lender import Lender
from post import Post
from workers import fill, noon_zone, submits, wait_for, write_providers

from . import report
from .conftest import cluster_database, nodes_of_cluster
from .due_day import copy_book
from .moving import move

MESSAGES = 512
"""Two for each lane."""
SHARDS = 4
OVER_SECONDS = 45
"""For how long one third of the lanes goes on falling due: the moves must fall into the work."""
LEASE_SECONDS = 5
PATIENCE_SECONDS = 180
ENDED = {"delivered", "unknown"}
PLAIN = SandboxRules(numbers={}, local_parts={})
"""Every number is delivered to."""
MODES = ("block_writes", "force_logical", "block_writes", "block_writes", "force_logical", "block_writes")
"""Of the moves, one after the other: more than there are shards, so that some move back."""


@pytest.fixture
def coordinator(lender: Lender) -> Iterator[psycopg.Connection]:
    """A book spread over one node of the cluster, whose messages are all planned; none is due yet."""
    fill(lender, MESSAGES, noon_zone())
    lender.conn.execute(
        "UPDATE message SET not_before = now() + interval '1 day', useful_until = now() + interval '2 days'"
    )
    lender.conn.commit()
    with (
        cluster_database(with_nodes=1) as url,
        Store(url, None) as store,
        store.connect(autocommit=True) as conn,
    ):
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


def let_fall_due(conn: psycopg.Connection, third: int) -> None:
    """Of the lanes, from now on, one second after the other, in every shard early and late. third: 0, 1 or 2."""
    now = datetime.now(UTC)
    for second in range(OVER_SECONDS):
        conn.execute(
            "UPDATE message SET useful_until = %s, not_before = %s WHERE lane %% 3 = %s AND lane / 3 %% %s = %s",
            (now + timedelta(hours=1), now + timedelta(seconds=second), third, OVER_SECONDS, second),
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


def lanes_on(conn: psycopg.Connection, node: Node) -> list[int]:
    """The lanes that lie on a node."""
    return [lane for shard in shards_of(conn) if shard.node == node for lane in shard.lanes]


def is_rebalanced(conn: psycopg.Connection) -> bool:
    """Whether the last rebalancing is over. Fails when it failed."""
    row = conn.execute("SELECT state::text, details FROM citus_rebalance_status()").fetchone()
    assert row and row[0] in ("scheduled", "running", "finished"), row
    return bool(row[0] == "finished")


def sessions_on(conn: psycopg.Connection, node: Node) -> int:
    """How many sessions workers have on a node."""
    query = """SELECT count(*) FROM pg_stat_activity
               WHERE datname = current_database() AND application_name = 'duecourse' AND pid <> pg_backend_pid()"""
    with psycopg.connect(make_conninfo(conn.info.dsn, host=node.host, port=node.port)) as there:
        row = there.execute(query).fetchone()
    return row[0] if row else 0


def sessions_needed(conn: psycopg.Connection) -> int:
    """One for each shard of which a worker holds lanes, and one for each worker besides, which tells it the time."""
    shard_of = {lane: shard.number for shard in shards_of(conn) for lane in shard.lanes}
    rows = conn.execute("SELECT owner, lane FROM lane_lease WHERE owner IS NOT NULL").fetchall()
    return len({(owner, shard_of[lane]) for owner, lane in rows}) + len({owner for owner, _ in rows})


def claimed_in(conn: psycopg.Connection, lanes: Sequence[int], since: datetime) -> int:
    """How many attempts were claimed in these lanes from an instant on."""
    query = "SELECT count(*) FROM attempt WHERE lane = ANY(%s) AND claimed_at >= %s"
    row = conn.execute(query, (list(lanes), since)).fetchone()
    return row[0] if row else 0


@dataclass(frozen=True, slots=True)
class Move:
    """Of a shard, or of as many as were on a node too many: how, to which port, after how many were sent."""

    what: str
    how: str
    port: int
    sent: int


def add_node(conn: psycopg.Connection, node: Node, working: Callable[[Callable[[], bool]], None]) -> None:
    """As the pages tell: add it, and let shards move to it. working: until something holds, while workers work."""
    conn.execute("SELECT citus_add_node(%s, %s)", (node.host, node.port))
    assert lanes_on(conn, node) == []
    conn.execute("SELECT citus_rebalance_start()")
    working(lambda: is_rebalanced(conn))
    assert len([shard for shard in shards_of(conn) if shard.node == node]) == SHARDS // 2
    working(lambda: sessions_on(conn, node) > 0)


def take_node_away(
    conn: psycopg.Connection, node: Node, working: Callable[[Callable[[], bool]], None]
) -> None:
    """As the pages tell: let its shards move to the others, and remove it. working: as of add_node."""
    conn.execute("SELECT citus_drain_node(%s, %s)", (node.host, node.port))
    assert lanes_on(conn, node) == []

    def is_removed() -> bool:
        try:
            conn.execute("SELECT citus_remove_node(%s, %s)", (node.host, node.port))
        except psycopg.errors.DeadlockDetected:  # it met a worker's write to what every node has: said again
            return False
        return True

    working(is_removed)


def test_nodes_and_a_worker_that_come_and_go_and_shards_that_move_lose_nothing_and_send_nothing_twice(
    coordinator: psycopg.Connection, lender: Lender, home: Path, smsc: SandboxProcess, keyring: Keyring
) -> None:
    url = coordinator.info.dsn
    post = Post(None, keyring, lender, smsc)  # type: ignore[arg-type]
    _, (old, new, *_) = nodes_of_cluster()
    assert len(lanes_on(coordinator, old)) == 256
    moved: list[Move] = []
    with worker(home, url) as first:

        def working(holds: Callable[[], bool]) -> None:
            wait_for(holds, PATIENCE_SECONDS, first, home)

        working(lambda: sum(held(coordinator).values()) == 256)
        let_fall_due(coordinator, 0)
        working(lambda: bool(submits(post)))
        moved.append(Move(f"{SHARDS // 2} shards", "rebalanced", new.port, submits(post).total()))
        add_node(coordinator, new, working)
        rebalanced_at, there = datetime.now(UTC), lanes_on(coordinator, new)
        let_fall_due(coordinator, 1)
        working(lambda: claimed_in(coordinator, there, rebalanced_at) > 0)
        with worker(home, url) as second:
            for place, mode in enumerate(MODES):
                before, number = submits(post).total(), place % SHARDS + 1
                moved.append(Move(f"shard {number}", mode, move_one(coordinator, number, mode), before))
            let_fall_due(coordinator, 2)
            moved.append(Move("the first node's shards", "drained", new.port, submits(post).total()))
            take_node_away(coordinator, old, working)
            assert len(lanes_on(coordinator, new)) == 256
            wait_for(lambda: all_ended(coordinator), PATIENCE_SECONDS, second, home)
            # Nobody has left a lane: two share them all.
            working(lambda: sum(held(coordinator).values()) == 256)
            assert len(held(coordinator)) == 2
            working(lambda: sessions_on(coordinator, new) <= sessions_needed(coordinator))
    assert moved[0].sent < MESSAGES // 3, moved
    assert sum(one.sent < MESSAGES for one in moved[1:]) >= 3, moved
    from_there = claimed_in(coordinator, there, rebalanced_at)
    assert_each_ended_once(coordinator, post, moved, from_there)


def assert_each_ended_once(
    conn: psycopg.Connection, post: Post, moved: Sequence[Move], from_there: int
) -> None:
    handed_over, ended = submits(post), standing(conn)
    assert max(handed_over.values()) == 1
    # Who got nothing has an attempt of which it is said that nobody knows.
    assert MESSAGES - len(handed_over) <= ended["unknown"]
    attempts = Counter(dict(conn.execute("SELECT state, count(*) FROM attempt GROUP BY 1")))
    assert attempts.keys() <= ENDED | {"released"}
    assert sum(attempts[state] for state in ENDED) == MESSAGES == sum(ended.values())
    assert held(conn) == {}, "who is asked to stop gives its lanes back"
    told = ", ".join(f"{one.what} {one.how} to {one.port} at {one.sent}" for one in moved)
    report.note(
        f"A node and a worker join, shards move and a node leaves while {MESSAGES} messages are sent: "
        f"{len(handed_over)} handed over, none twice; attempts {dict(attempts)}, {from_there} of them in lanes that "
        "had moved to the new node"
    )
    report.note(f"  moves of shards, and how many were sent before each: {told}")
