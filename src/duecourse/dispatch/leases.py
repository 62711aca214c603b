"""Waiting for the owners of lanes from without: for what must not run beside a claim or a planner."""

from __future__ import annotations

from collections.abc import Sequence

import psycopg

from duecourse.book.copying import on_cluster
from duecourse.store.sql import load

SQL = load("dispatch/merging")


def lock_leases(conn: psycopg.Connection, lanes: Sequence[int]) -> None:
    """Whoever holds these lanes finishes its transaction, and waits until the caller's ends.

    On a cluster lane by lane, since no one statement locks rows of several nodes; in rising order, so that two who do
    it wait for each other rather than in a circle.
    """
    for some in [[lane] for lane in sorted(lanes)] if on_cluster(conn) else [list(lanes)]:
        conn.execute(SQL["lock_leases"], {"lanes": some})


def lock_planning(conn: psycopg.Connection, lanes: Sequence[int]) -> None:
    """Whoever plans these lanes on the node where they lie finishes its transaction, and waits until the caller's ends.

    On a cluster alone: on a single server the lock of the table, which relocating.hold_off takes, keeps planners off. A
    session of a shard does not see that one, but begins by locking the lane's rows.
    """
    if on_cluster(conn):
        for lane in sorted(lanes):
            conn.execute(SQL["lock_planned"], {"lane": lane})
