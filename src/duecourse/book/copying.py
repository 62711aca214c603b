"""A working copy: how a transaction with big statements over many lanes runs on a cluster.

A cluster does not join a session's temporary tables with tables that are spread over nodes, nor one lane's rows with
another's, as an import does in nearly each of its steps. So there the rows that the transaction is about are brought
into temporary tables named as the book's own, which stand before these while the work is under way; the work runs
unchanged; at its end what it changed, and that alone, is written back. On a single server there is no copy.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, LiteralString
from weakref import WeakKeyDictionary

import psycopg
from psycopg import sql

from duecourse.store.shards import ShardConnection, is_cluster
from duecourse.store.sql import load

SQL = load("book/copying")

FIRST_HOLDS: Final = frozenset(
    (
        "borrower_key",
        "consent",
        "hold",
        "preference",
        "notice",
        "suspense",
        "event",
        "book_history",
        "suppression",
    )
)
"""Where a row that somebody else has written meanwhile under the same key stays as they wrote it."""

_known: WeakKeyDictionary[psycopg.Connection, bool] = WeakKeyDictionary()


def on_cluster(conn: psycopg.Connection) -> bool:
    """Whether this session's tables are spread over nodes: never where it sees one shard alone. Asked once of each."""
    if conn not in _known:
        _known[conn] = not isinstance(conn, ShardConnection) and is_cluster(conn)
    return _known[conn]


@dataclass(frozen=True, slots=True)
class _Table:
    """Where a table stands, its copy, and its copy as it was filled; its columns in their order, and its key."""

    real: sql.Identifier
    copy: sql.Identifier
    before: sql.Identifier
    columns: tuple[str, ...]
    key: tuple[str, ...]

    def parts(self) -> dict[str, sql.Composable]:
        """What the statements that write back are filled with."""
        rest = [column for column in self.columns if column not in self.key]
        return {
            "real": self.real,
            "copy": self.copy,
            "before": self.before,
            "changes": _listed(
                _CHANGE.format(c=sql.Identifier(c), was=sql.Identifier(f"was_{c}")) for c in rest
            ),
            "columns": _listed(
                (
                    *(sql.Identifier("m", column) for column in self.key),
                    *(_BOTH.format(c=sql.Identifier(c), was=sql.Identifier(f"was_{c}")) for c in rest),
                )
            ),
            "old": _columns("w", self.columns),
            "unchanged": sql.SQL(" AND ").join(
                [sql.SQL("true"), *(_UNCHANGED.format(c=sql.Identifier(c)) for c in rest)]
            ),
            "names": _listed(map(sql.Identifier, self.columns)),
            "new": _columns("m", self.columns),
            "same_before": _same("w", "m", self.key),
            "same_row": _same("d", "t", self.key),
        }


_CHANGE: Final = sql.SQL("{c} = CASE WHEN d.{c} IS DISTINCT FROM d.{was} THEN d.{c} ELSE t.{c} END")
_BOTH: Final = sql.SQL("m.{c}, w.{c} AS {was}")
_UNCHANGED: Final = sql.SQL("t.{c} IS NOT DISTINCT FROM d.{c}")


class WorkingCopy:
    """The copy of some tables on one connection, made once and filled anew by each transaction.

    `begin`, then `bring` what the work is about, `enter`, the work, and `write_back` or `leave`. The caller holds the
    transaction; one that ends early leaves nothing behind.
    """

    def __init__(self, conn: psycopg.Connection, tables: Sequence[str]) -> None:
        """tables: all that the work reads or writes. Makes their copies, for this session."""
        self._conn = conn
        row = conn.execute("SELECT current_schema()").fetchone()
        self._schema = str(row[0]) if row else "public"
        self._tables = self._shapes(tables)
        self._outside = sql.SQL("SET search_path = {}, pg_temp").format(sql.Identifier(self._schema))
        make = sql.SQL(
            "CREATE TABLE IF NOT EXISTS {copy} (LIKE {real} INCLUDING ALL);"
            " CREATE TABLE IF NOT EXISTS {before} (LIKE {real})"
        )
        self._all(self._outside, make)
        conn.execute(SQL["create_scope"])

    def begin(self) -> None:
        """Empty it."""
        self._all(self._outside, sql.SQL("TRUNCATE {copy}, {before}"))
        self._conn.execute(SQL["clear_scope"])
        # Every shard over one connection: what is written back reads what was read, and waits for nobody of its own.
        self._conn.execute("SELECT set_config('citus.multi_shard_modify_mode', 'sequential', true)")

    def bring(
        self,
        table: str,
        statement: LiteralString,
        parts: Mapping[str, sql.Composable] | None = None,
        given: Mapping[str, Any] | None = None,
    ) -> int:
        """Copy the rows that a statement answers, which are whole rows of the table; how many were not there yet.

        statement: its text. parts: what it is filled with; given: its parameters.
        """
        rows = sql.SQL(statement).format(**(parts or {}))
        filled = sql.SQL(SQL["bring"]).format(copy=self._tables[table].copy, rows=rows)
        return self._conn.execute(filled, given).rowcount

    def bring_persons(self) -> bool:
        """Copy all rows of those in scope, of whom took their place, and put these in scope; whether there are any."""
        any_row = False
        while self.bring("borrower", SQL["persons"]):
            any_row = True
            if not self.look(SQL["scope_rows"]):
                break
        return any_row

    def look(self, statement: LiteralString, given: Mapping[str, Any] | None = None) -> int:
        """Run a statement, its text, inside the copy; how many rows it wrote."""
        self._conn.execute("SET search_path = pg_temp")
        written = self._conn.execute(statement, given).rowcount
        self.leave()
        return written

    def enter(self) -> None:
        """From here on the tables' names mean the copies."""
        inside = sql.SQL("SET search_path = pg_temp, {}").format(sql.Identifier(self._schema))
        self._all(inside, sql.SQL("INSERT INTO {before} SELECT * FROM {copy}; ANALYZE {copy}"))

    def leave(self) -> None:
        """From here on the tables' names mean the tables again."""
        self._conn.execute(self._outside)

    def write_back(self) -> None:
        """Write what changed, and leave. Raises SerializationFailure when others made or took away such a row, or
        changed one that is to go."""
        self.leave()
        counted = sql.SQL(" UNION ALL ").join(
            sql.SQL(SQL["differences"]).format(name=sql.Literal(name), **table.parts())
            for name, table in self._tables.items()
        )
        for name, changed, gone, new in self._conn.execute(counted).fetchall():
            self._write_back(name, changed, gone, new)

    def _write_back(self, name: str, changed: int, gone: int, new: int) -> None:
        parts = self._tables[name].parts()

        def written(statement: str) -> int:
            return self._conn.execute(sql.SQL(SQL[statement]).format(**parts)).rowcount

        if gone and written("drop_back") != gone:
            raise psycopg.errors.SerializationFailure(f"a row of {name} that goes was changed meanwhile")
        if changed and written("change_back") != changed:
            raise psycopg.errors.SerializationFailure(f"a row of {name} was taken away meanwhile")
        if new and written("add_back") != new and name not in FIRST_HOLDS:
            raise psycopg.errors.SerializationFailure(f"a row of {name} was made meanwhile")

    def _shapes(self, tables: Sequence[str]) -> dict[str, _Table]:
        rows = self._conn.execute(SQL["shapes"], {"schema": self._schema, "tables": list(tables)}).fetchall()
        return {
            name: _Table(
                sql.Identifier(self._schema, name),
                sql.Identifier("pg_temp", name),
                sql.Identifier("pg_temp", f"was_{name}"),
                tuple(columns),
                tuple(key),
            )
            for name, columns, key in rows
        }

    def _all(self, first: sql.Composable, each: sql.SQL) -> None:
        """Send a statement and another for each table, at one go."""
        every = (each.format(real=t.real, copy=t.copy, before=t.before) for t in self._tables.values())
        self._conn.execute(sql.SQL("; ").join((first, *every)), prepare=False)


def _columns(alias: LiteralString, columns: Iterable[str]) -> sql.Composable:
    return _listed(sql.Identifier(alias, column) for column in columns)


def _same(one: LiteralString, other: LiteralString, key: Iterable[str]) -> sql.Composable:
    return sql.SQL(" AND ").join(
        sql.SQL("{} = {}").format(sql.Identifier(one, column), sql.Identifier(other, column))
        for column in key
    )


def _listed(parts: Iterable[sql.Composable]) -> sql.Composable:
    return sql.SQL(", ").join(parts)
