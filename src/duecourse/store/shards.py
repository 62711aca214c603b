"""Shards: which lanes lie together on which node of a Citus cluster, and sessions where they lie.

A single server is a cluster of one shard that has all lanes. On Citus every table with a lane is cut into the same
shards, and the rest is copied to every node. What works many rows of some lanes does so in a session on the node that
has their shard: there temporary views named as the tables show the rows of that shard alone, so that the same SQL runs
as fast as on a single server. Everything else asks the coordinator.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import psycopg
from psycopg import sql

from .lease import LANES
from .sql import load

SQL = load("store")
CITUS = load("store/citus")

SESSION_OPTIONS: Final = "-c citus.enable_manual_changes_to_shards=on -c citus.enable_ddl_propagation=off"
"""What a session on a node needs to write to its shards, and to make views that are its own."""


@dataclass(frozen=True, slots=True)
class Node:
    """Where a node of the cluster listens."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Shard:
    """Lanes that lie together. number: 1 to the number of shards, the same wherever it lies."""

    number: int
    lanes: tuple[int, ...]
    node: Node | None = None
    """None: on the one server there is."""


BROUGHT: Final = ("receipt", "reply")
"""Tables that lie by other lanes than those of the people they speak of; a session of a shard only reads them."""
ALL_LANES: Final = Shard(1, tuple(range(LANES)))


class ShardMovedError(psycopg.OperationalError):
    """The shard of a session lies on another node now. The session is closed; nothing of its transaction was done."""


def _shown(name: str, schema: str, table: str, by_lane: bool) -> sql.Composed:
    if name in BROUGHT:
        made = "CREATE TEMPORARY TABLE {} (LIKE {} INCLUDING INDEXES) ON COMMIT DELETE ROWS"
    elif by_lane:
        made = "CREATE TEMPORARY VIEW {} AS SELECT t.* FROM {} AS t"
    else:  # of two sources it is no view to write to: what every node has is written by way of the coordinator
        made = "CREATE TEMPORARY VIEW {} AS SELECT t.* FROM {} AS t, (SELECT) AS read_only"
    return sql.SQL(made).format(sql.Identifier(name), sql.Identifier(schema, table))


def centre_of(conn: psycopg.Connection) -> psycopg.Connection:
    """Where all lanes can be asked, and written what every node has: the connection itself, or of a shard's session
    the one it has to the coordinator.
    """
    return conn.centre if isinstance(conn, ShardConnection) else conn


def sessions_of(conn: psycopg.Connection) -> list[psycopg.Connection]:
    """The connection, and the one to the coordinator where it has one; lost ones too."""
    centre = conn._centre if isinstance(conn, ShardConnection) else None
    return [conn] if centre is None else [conn, centre]


def is_cluster(conn: psycopg.Connection) -> bool:
    """Whether the book lies on a Citus cluster."""
    if not citus_version(conn):
        return False
    row = conn.execute(CITUS["is_distributed"]).fetchone()
    return bool(row and row[0])


def citus_version(conn: psycopg.Connection) -> str | None:
    """The version of the extension in this database, as in 14.0-1; None where there is none."""
    row = conn.execute(SQL["extension"], {"name": "citus"}).fetchone()
    return row[0] if row else None


def shards_of(conn: psycopg.Connection) -> list[Shard]:
    """Every shard that has lanes, by number; one with all lanes where there is no cluster. conn: not of a shard."""
    with conn.transaction():
        if not is_cluster(conn):
            return [ALL_LANES]
        rows = conn.execute(CITUS["shards"], {"lanes": LANES}).fetchall()
    return [Shard(number, tuple(lanes), Node(host, port)) for number, host, port, lanes in rows]


class ShardConnection(psycopg.Connection[Any]):
    """A session on the node of one shard. Each transaction holds Citus's own lock on the shard's place, so that a move
    waits for it, and fails with ShardMovedError once the shard lies elsewhere.

    What must be asked of all lanes goes by way of `centre`. A transaction that is open there ends as this one does,
    just after it: what it locks is locked until this one is committed.
    Not in autocommit: a statement alone would hold no lock.
    """

    _guard: bytes = b""
    _centre: psycopg.Connection | None = None
    lanes: tuple[int, ...] = ()

    @property
    def centre(self) -> psycopg.Connection:
        """The session's own connection to the coordinator. Raises OperationalError when it was lost: so is this."""
        if self._centre is None or self._centre.closed:
            self.close()
            raise psycopg.OperationalError("the session lost the coordinator")
        return self._centre

    def attach(self, shard: Shard, centre: psycopg.Connection) -> None:
        """Show the rows of this shard. Once, when connected. centre: to the coordinator, this session's own.

        Of what others write in any lane (BROUGHT) it shows nothing: it is brought when it is asked for, and gone with
        the transaction. Raises ShardMovedError when the shard lies on another node.
        """
        self._centre, self.lanes = centre, shard.lanes
        if self.autocommit:
            raise ValueError("a session of a shard is never in autocommit")
        rows = self._tables_here(shard.lanes[0])
        if not rows:
            self._moved()
        try:
            self.execute(sql.SQL("; ").join(_shown(*row[:4]) for row in rows))
        except psycopg.errors.UndefinedTable:  # moved just now, and cleared away
            self._moved()
        place = min(shard_id for *_, by_lane, shard_id in rows if by_lane)
        self._guard = sql.SQL(CITUS["hold_shard"]).format(place=place).as_bytes(self)
        self.commit()

    def _tables_here(self, lane: int) -> list[tuple[str, str, str, bool, int]]:
        """Every table with what has its rows for a lane here; none when the lane lies elsewhere.

        The coordinator knows of a move a moment before the node to which the shard moved: that is waited for.
        """
        for wait in ("", CITUS["await_move"]):
            if wait:
                self.execute(wait, {"lane": lane})
            rows = self.execute(CITUS["tables_here"], {"lane": lane}).fetchall()
            if any(by_lane for *_, by_lane, _ in rows):
                return rows
        return []

    @contextmanager
    def transaction(
        self, savepoint_name: str | None = None, force_rollback: bool = False
    ) -> Iterator[psycopg.Transaction]:
        """As psycopg's, and the outermost holds the shard in its place."""
        outermost = self.info.transaction_status is psycopg.pq.TransactionStatus.IDLE
        commits = False  # nor does it where psycopg.Rollback ends it, which goes no further than the `with`
        try:
            with super().transaction(savepoint_name, force_rollback) as one:
                if outermost:
                    self.hold()
                yield one
                if outermost:
                    self._see_centre()
                commits = not force_rollback
        except BaseException:
            if outermost:
                self._end_centre(commit=False)
            raise
        if outermost:
            self._end_centre(commit=commits)

    def commit(self) -> None:
        """As psycopg's, and then what is open at the centre."""
        self._see_centre()
        super().commit()
        self._end_centre(commit=True)

    def rollback(self) -> None:
        """As psycopg's, and what is open at the centre, also where this session is lost."""
        try:
            super().rollback()
        finally:
            self._end_centre(commit=False)

    def close(self) -> None:
        """As psycopg's, and the connection to the centre."""
        super().close()
        if self._centre is not None:
            self._centre.close()

    def _see_centre(self) -> None:
        """What is locked at the centre is locked yet, or nothing is committed here."""
        if self._centre_is_in_transaction():
            self.centre.execute("SELECT 1")

    def _end_centre(self, *, commit: bool) -> None:
        if self._centre_is_in_transaction():
            self.centre.commit() if commit else self.centre.rollback()

    def _centre_is_in_transaction(self) -> bool:
        idle = psycopg.pq.TransactionStatus.IDLE
        return self._centre is not None and self._centre.info.transaction_status is not idle

    def hold(self) -> None:
        """Keep the shard from moving until the transaction ends. Raises ShardMovedError when it has moved."""
        if not self._guard:
            return
        cursor = psycopg.Cursor(self)
        cursor.execute(
            self._guard, prepare=False
        )  # two statements: the second sees what the first waited for
        cursor.nextset()
        row = cursor.fetchone()
        if row is None or not row[0]:
            self._moved()

    def _moved(self) -> None:
        self.close()
        raise ShardMovedError("the shard lies on another node now")


class ShardCursor(psycopg.Cursor[Any]):
    """A cursor whose first statement of a transaction holds the shard first."""

    def _first(self) -> None:
        connection = self.connection
        assert isinstance(connection, ShardConnection)
        if connection.info.transaction_status is psycopg.pq.TransactionStatus.IDLE:
            connection.hold()

    def execute(self, query: Any, params: Any = None, **options: Any) -> ShardCursor:
        """As psycopg's."""
        self._first()
        super().execute(query, params, **options)
        return self

    def executemany(self, query: Any, params_seq: Any, **options: Any) -> None:
        """As psycopg's."""
        self._first()
        super().executemany(query, params_seq, **options)

    def copy(self, statement: Any, params: Any = None, **options: Any) -> Any:
        """As psycopg's."""
        self._first()
        return super().copy(statement, params, **options)
