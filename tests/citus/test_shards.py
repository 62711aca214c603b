"""Lanes lie in shards; what works a shard does so on its node, and never on one that it has left."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from duecourse.privacy.keyring import Keyring
from duecourse.store import connect
from duecourse.store.connect import Store
from duecourse.store.lease import acquire, hold_fence, release, renew, retake
from duecourse.store.migrate import put_setting
from duecourse.store.shards import Shard, ShardMovedError, shards_of
from duecourse.store.spreading import nodes_of, spread

from .moving import move

LEASE = 15.0


@pytest.fixture
def coordinator(spread_store: Store) -> psycopg.Connection:
    return spread_store.connect(autocommit=True)


@pytest.fixture
def shards(coordinator: psycopg.Connection) -> list[Shard]:
    return shards_of(coordinator)


def test_every_lane_lies_in_one_shard(shards: list[Shard]) -> None:
    assert sorted(lane for shard in shards for lane in shard.lanes) == list(range(256))
    assert [shard.number for shard in shards] == list(range(1, len(shards) + 1))


def test_spreading_a_spread_book_does_nothing(coordinator: psycopg.Connection) -> None:
    assert spread(coordinator) == []
    assert sum(node.shards for node in nodes_of(coordinator)) == 8


def test_session_sees_and_writes_the_lanes_of_its_shard_alone(
    spread_store: Store, coordinator: psycopg.Connection, shards: list[Shard]
) -> None:
    shard = shards[0]
    with spread_store.connect(shard=shard) as conn:
        assert [lane for (lane,) in conn.execute("SELECT lane FROM lane_lease ORDER BY lane")] == list(
            shard.lanes
        )
        conn.execute("UPDATE lane_lease SET epoch = epoch + 100")
        conn.commit()
    raised = coordinator.execute("SELECT lane FROM lane_lease WHERE epoch >= 100 ORDER BY lane")
    assert [lane for (lane,) in raised] == list(shard.lanes)


def test_session_reads_what_every_node_has_and_cannot_write_it(
    spread_store: Store, coordinator: psycopg.Connection, shards: list[Shard]
) -> None:
    coordinator.execute("INSERT INTO setting (key, value) VALUES ('told', '1')")
    with spread_store.connect(shard=shards[0]) as conn:
        assert conn.execute("SELECT value FROM setting WHERE key = 'told'").fetchone() == (1,)
        with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState):
            conn.execute("UPDATE setting SET value = '2' WHERE key = 'told'")


def test_leases_are_taken_kept_and_given_back_across_shards(
    coordinator: psycopg.Connection, shards: list[Shard]
) -> None:
    together = [shard.lanes for shard in shards]
    held = acquire(coordinator, "ada", LEASE, 100, together)
    assert len(held) == 100
    assert renew(coordinator, "ada", held, LEASE, together) == held
    anew = retake(coordinator, "ada", held, LEASE, together)
    assert {lane: epoch - 1 for lane, epoch in anew.items()} == held
    release(coordinator, "ada", None, together)
    held_yet = coordinator.execute("SELECT count(*) FROM lane_lease WHERE owner = 'ada'")
    assert held_yet.fetchone() == (0,)


def test_worker_takes_whole_shards_first(coordinator: psycopg.Connection, shards: list[Shard]) -> None:
    held = set(acquire(coordinator, "bob", LEASE, 100, [shard.lanes for shard in shards]))
    begun = [shard for shard in shards if held & set(shard.lanes)]
    assert sum(not held >= set(shard.lanes) for shard in begun) <= 1
    release(coordinator, "bob", None, [shard.lanes for shard in shards])


def test_fence_of_a_session_holds_against_a_takeover_by_way_of_the_coordinator(
    spread_store: Store, coordinator: psycopg.Connection, shards: list[Shard]
) -> None:
    lanes = list(shards[1].lanes)
    epochs = dict(
        coordinator.execute("SELECT lane, epoch FROM lane_lease WHERE lane = ANY(%s)", [lanes]).fetchall()
    )
    with spread_store.connect(shard=shards[1]) as conn:
        assert hold_fence(conn, epochs) == epochs
        coordinator.execute("SET statement_timeout = '300ms'")
        with pytest.raises(psycopg.errors.QueryCanceled):
            acquire(coordinator, "eve", LEASE, 256, [shard.lanes for shard in shards])
        coordinator.execute("RESET statement_timeout")
        held = coordinator.execute(
            "SELECT lane FROM lane_lease WHERE owner = 'eve' AND lane = ANY(%s)", [lanes]
        )
        assert held.fetchall() == []
        conn.rollback()
    release(coordinator, "eve", None, [shard.lanes for shard in shards])


def test_session_of_a_shard_that_moved_is_closed_and_writes_nothing(
    spread_store: Store, coordinator: psycopg.Connection, shards: list[Shard]
) -> None:
    shard = shards[2]
    assert shard.node
    (target,) = [node for node in nodes_of(coordinator) if node.port != shard.node.port]
    with spread_store.connect(shard=shard) as conn:
        conn.execute("SELECT count(*) FROM lane_lease")
        conn.commit()
        move(coordinator, shard, target.host, target.port)
        with pytest.raises(ShardMovedError):
            conn.execute("UPDATE lane_lease SET epoch = epoch + 1000")
        assert conn.closed
    with spread_store.connect(shard=shard) as conn:  # it is looked for anew
        assert conn.info.port == target.port
        assert conn.execute("SELECT count(*) FROM lane_lease").fetchone() == (len(shard.lanes),)
    assert coordinator.execute("SELECT count(*) FROM lane_lease WHERE epoch >= 1000").fetchone() == (0,)


def test_move_of_a_shard_waits_for_the_transaction_of_a_session(
    spread_store: Store, coordinator: psycopg.Connection, shards: list[Shard]
) -> None:
    shard = shards[3]
    assert shard.node
    (target,) = [node for node in nodes_of(coordinator) if node.port != shard.node.port]
    with spread_store.connect(shard=shard) as conn:
        conn.execute("UPDATE lane_lease SET epoch = epoch + 2000")
        coordinator.execute("SET statement_timeout = '5s'")
        with pytest.raises(psycopg.Error):
            move(coordinator, shard, target.host, target.port)
        coordinator.execute("RESET statement_timeout")
        conn.commit()
    moved = coordinator.execute("SELECT count(*) FROM lane_lease WHERE epoch >= 2000").fetchone()
    assert moved == (len(shard.lanes),)


def test_session_that_opens_while_its_shard_moves_is_where_the_shard_lies(
    spread_store: Store, shards: list[Shard], monkeypatch: pytest.MonkeyPatch
) -> None:
    shard = shards[5]
    (other,) = {one.node for one in shards} - {shard.node}
    told = [[replace(one, node=other) for one in shards]]
    monkeypatch.setattr(connect, "shards_of", lambda conn: told.pop() if told else shards_of(conn))
    with spread_store.connect(shard=shard) as conn:
        assert conn.execute("SELECT count(*) FROM lane_lease").fetchone() == (len(shard.lanes),)
    assert told == []


def test_days_are_not_replayed_on_a_cluster(spread_store: Store, tmp_path: Path) -> None:
    Keyring.new().save(tmp_path / "keys.json")
    with spread_store.connect() as conn:
        put_setting(conn, "simulated", True)
        put_setting(conn, "lender_zone", "Asia/Shanghai")
    given = os.environ | {"DUECOURSE_HOME": str(tmp_path), "DUECOURSE_DATABASE_URL": spread_store.conninfo}
    days = ["--from", "2026-03-01", "--to", "2026-03-02"]
    ran = subprocess.run(
        [sys.executable, "-m", "duecourse.cli.main", "run", *days],
        env=given,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 1
    assert "S045" in ran.stderr
