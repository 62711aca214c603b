"""Lanes lie in shards; what works a shard does so on its node, and never on one that it has left."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from duecourse.cli.context import Context
from duecourse.cli.settings import Settings
from duecourse.privacy.keyring import Keyring
from duecourse.store import connect
from duecourse.store.connect import Store
from duecourse.store.lease import acquire, hold_fence, release, renew, retake
from duecourse.store.lifeline import DatabaseLostError
from duecourse.store.migrate import put_setting
from duecourse.store.shards import Node, Shard, ShardMovedError, centre_of, shards_of
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


def test_session_waits_for_a_node_that_is_told_only_now_what_moved_to_it(
    spread_store: Store, shards: list[Shard]
) -> None:
    shard = shards[6]
    assert shard.node
    there = make_conninfo(spread_store.conninfo, host=shard.node.host, port=shard.node.port)
    with psycopg.connect(there) as node, ThreadPoolExecutor(1) as elsewhere:
        own = node.execute("SELECT groupid FROM pg_dist_local_group").fetchone()
        together = """SELECT shardid FROM pg_dist_shard JOIN pg_dist_partition USING (logicalrelid)
            WHERE partmethod = 'h' AND shardid = get_shard_id_for_distribution_column(logicalrelid, %s::smallint)"""
        places = [place for (place,) in node.execute(together, [shard.lanes[0]])]
        lies = "UPDATE pg_dist_placement SET groupid = %s WHERE shardid = ANY(%s)"
        node.execute(lies, (0, places))
        node.commit()
        # As it is when the coordinator has committed a move and this node has not: the lock ends with the commit.
        node.execute("SELECT lock_shard_metadata(7, %s::bigint[])", [places])
        node.execute(lies, (*own, places))
        opened = elsewhere.submit(spread_store.connect, shard=shard)
        try:
            with pytest.raises(TimeoutError):
                opened.result(1)
        finally:
            node.commit()
        with opened.result(30) as conn:
            assert conn.execute("SELECT count(*) FROM lane_lease").fetchone() == (len(shard.lanes),)


def test_lanes_whose_node_is_away_are_worked_once_it_is_back(
    spread_store: Store, shards: list[Shard], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = Context(settings=Settings(home=tmp_path, database_url=spread_store.conninfo))  # type: ignore[arg-type]
    ((line, lanes),) = here.by_shard({}, shards[0].lanes)
    nobody = [replace(one, node=Node("127.0.0.1", 1)) for one in shards]
    with monkeypatch.context() as away:
        away.setattr(connect, "shards_of", lambda conn: nobody)
        with pytest.raises(DatabaseLostError):
            line.run(centre_of)
    worked = line.run(lambda conn: conn.execute("SELECT lane FROM lane_lease ORDER BY lane").fetchall())
    assert [lane for (lane,) in worked] == lanes
    here.close()


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
