"""Moving a shard from node to node."""

from __future__ import annotations

import psycopg

from duecourse.store.shards import Shard


def move(conn: psycopg.Connection, shard: Shard, host: str, port: int, mode: str = "block_writes") -> None:
    """Move a shard to another node. mode: `block_writes`, or `force_logical` for one that is written meanwhile."""
    assert shard.node
    conn.execute(
        "SELECT citus_move_shard_placement(get_shard_id_for_distribution_column('lane_lease', %s::smallint),"
        " %s, %s, %s, %s, shard_transfer_mode => %s::citus.shard_transfer_mode)",
        (shard.lanes[0], shard.node.host, shard.node.port, host, port, mode),
    )
