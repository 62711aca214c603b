"""Spreading a book over the nodes of a Citus cluster: table by table, so that one that was stopped goes on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

import psycopg

from duecourse.domain.problems import OUTSIDE, DuecourseError, Problem

from .shards import CITUS, SQL, citus_version, is_cluster

OLDEST_CITUS: Final = 13
MOST_SHARDS: Final = 256
"""As many as there are lanes: more would be empty."""
DEFAULT_SHARDS: Final = 32
_AGAIN: Final = "What was spread stays so and works; run the same again to go on."


@dataclass(frozen=True, slots=True)
class ClusterNode:
    """A node that has shards of the book, or may have them."""

    host: str
    port: int
    shards: int
    active: bool


def nodes_of(conn: psycopg.Connection) -> list[ClusterNode]:
    """The cluster's nodes; none where the book lies on a single server."""
    if not is_cluster(conn):
        return []
    return [ClusterNode(*row) for row in conn.execute(CITUS["nodes"])]


def require_cluster(conn: psycopg.Connection, place: str) -> None:
    """place: of the database, for people. conn: in autocommit, to the coordinator.

    Raises DuecourseError S040 when this server has no Citus, S041 when its Citus is too old, S042 when no node may have
    shards.
    """
    version = citus_version(conn)
    if version is None:
        there = conn.execute(SQL["extension_available"], {"name": "citus"}).fetchone()
        said = (
            "this server has Citus, and this database does not use it yet. On every node run in it CREATE EXTENSION "
            "citus, then on this one citus_set_coordinator_host and citus_add_node for each other"
            if there and there[0]
            else "this server has no Citus; install it on every node and name it in shared_preload_libraries"
        )
        raise DuecourseError(Problem("S040", place, said, "Nothing was spread."), exit_code=OUTSIDE)
    if int(version.split(".")[0]) < OLDEST_CITUS:
        said = f"this is Citus {version}; version {OLDEST_CITUS} or later is needed"
        raise DuecourseError(Problem("S041", place, said, "Nothing was spread."), exit_code=OUTSIDE)
    row = conn.execute(CITUS["may_have_shards"]).fetchone()
    if not row or not row[0]:
        said = "no node of this cluster may have shards; add one on this coordinator with citus_add_node"
        raise DuecourseError(Problem("S042", place, said, "Nothing was spread."), exit_code=OUTSIDE)


def spread(
    conn: psycopg.Connection,
    shards: int = DEFAULT_SHARDS,
    on_progress: Callable[[str, int], None] = lambda table, left: None,
) -> list[str]:
    """Cut tables that have a lane into shards by it, and give every node the others. Returns those spread now.

    What was spread before is left, so that running it again goes on where it stopped. A filled table is copied, under a
    lock against writes: no worker may hold lanes.
    conn: in autocommit, to the coordinator; require_cluster has passed. shards: 1 to 256; what is cut already keeps its
    number. on_progress: the table begun, and how many come after it.
    Raises DuecourseError S043 when workers hold lanes, S044 naming the table at which it stopped.
    """
    tables = conn.execute(CITUS["not_spread"]).fetchall()
    if tables and _lanes_are_held(conn):
        said = "workers hold lanes of this book; stop them first: what they write would wait, and their leases end"
        raise DuecourseError(Problem("S043", "init --citus", said, "Nothing was spread."))
    for (function,) in conn.execute(CITUS["functions_not_spread"]).fetchall():
        _step(function, partial(conn.execute, CITUS["give_function"], {"name": function}))
    for place, (name, by) in enumerate(tables, start=1):
        on_progress(name, len(tables) - place)
        _step(name, partial(_spread_table, conn, name, by, shards))
    return [name for name, _ in tables]


def _spread_table(conn: psycopg.Connection, name: str, by: str | None, shards: int) -> None:
    with conn.transaction():
        if by is None:
            conn.execute(CITUS["copy_to_every_node"], {"name": name})
        elif name == "lane_lease":
            conn.execute(CITUS["cut_first"], {"name": name, "by": by, "shards": shards})
        else:
            conn.execute(CITUS["cut_alike"], {"name": name, "by": by})
        conn.execute(CITUS["empty_here"], {"name": name})


def _step(what: str, work: Callable[[], object]) -> None:
    try:
        work()
    except psycopg.Error as error:
        said = f"the cluster refused it: {error.diag.message_primary or type(error).__name__}"
        raise DuecourseError(Problem("S044", what, said, _AGAIN), exit_code=OUTSIDE) from None


def _lanes_are_held(conn: psycopg.Connection) -> bool:
    row = conn.execute(SQL["lanes_held"]).fetchone()
    return bool(row and row[0])
