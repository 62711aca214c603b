"""Migrations: numbered SQL files, applied once each and in order; and the store's own settings and lanes.

The first migration is a frozen copy of schema.sql. Until the first release it follows it:

    python -m duecourse.store.migrate --freeze
"""

from __future__ import annotations

import argparse
import hashlib
import re
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import psycopg
from psycopg.types.json import Jsonb

from duecourse.domain.problems import DuecourseError, Problem

from .sql import load

SQL = load("store")

_FILE = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql")
_FROZEN_HEADER = (
    "-- A copy of schema.sql, made by `python -m duecourse.store.migrate --freeze`. Do not edit.\n"
)


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered file of store/migrations/."""

    version: int
    name: str
    text: str

    @property
    def digest(self) -> bytes:
        """SHA-256 of the text: a released migration never changes."""
        return hashlib.sha256(self.text.encode()).digest()


def migrations() -> list[Migration]:
    """All that this program knows, oldest first."""
    known = []
    for entry in files("duecourse.store").joinpath("migrations").iterdir():
        if match := _FILE.fullmatch(entry.name):
            known.append(Migration(int(match[1]), match[2], entry.read_text(encoding="utf-8")))
    return sorted(known, key=lambda migration: migration.version)


def migrate(conn: psycopg.Connection) -> list[str]:
    """Bring the database up to this program, all or nothing. Returns the names of what was applied now.

    conn must not be in a transaction. Safe when several processes do it at once: one does, the others wait.
    Raises S020 when the database is newer than this program, S021 when an applied migration has changed.
    """
    known = migrations()
    _make_ledger(conn, known[0])
    applied_now: list[str] = []
    with conn.transaction():
        # Against itself only, so that everybody else may go on reading which migrations there are.
        conn.execute("LOCK TABLE schema_migration IN SHARE ROW EXCLUSIVE MODE")
        applied = _applied(conn)
        _require_known(applied, known)
        for migration in known:
            if migration.version not in applied:
                conn.execute(migration.text)
                _record(conn, migration)
                applied_now.append(f"{migration.version:04d}_{migration.name}")
    return applied_now


def is_current(conn: psycopg.Connection) -> bool:
    """Whether `migrate` would apply nothing. Raises as `migrate` does."""
    if not _has_ledger(conn):
        return False
    applied, known = _applied(conn), migrations()
    _require_known(applied, known)
    return len(applied) == len(known)


def get_setting(conn: psycopg.Connection, key: str) -> object:
    """The JSON value of one key of the installation, or None when it is not set."""
    row = conn.execute(SQL["get_setting"], {"key": key}).fetchone()
    return row[0] if row else None


def put_setting(conn: psycopg.Connection, key: str, value: object) -> None:
    """Set one key of the installation. value: anything JSON can hold, but not None."""
    conn.execute(SQL["put_setting"], {"key": key, "value": Jsonb(value)})


def prepare_lanes(conn: psycopg.Connection) -> None:
    """Make the lease rows of lanes 0..255; does nothing to those that exist."""
    with conn.transaction():
        conn.execute("LOCK TABLE schema_migration IN SHARE ROW EXCLUSIVE MODE")  # one initializer at a time
        there = [lane for (lane,) in conn.execute(SQL["lanes_there"])]
        conn.execute(SQL["prepare_lanes"], {"there": there})


def _make_ledger(conn: psycopg.Connection, first: Migration) -> None:
    """Apply the first migration to a database that has none; it makes the table that records them all.

    Of several processes at once one wins; the others fail on a name that exists and go on with its result.
    """
    if _has_ledger(conn):
        return
    try:
        with conn.transaction():
            # The table's own name is the lock: its index entry makes the second process wait for the first.
            conn.execute(first.text)
            _record(conn, first)
    except (psycopg.errors.UniqueViolation, psycopg.errors.DuplicateTable, psycopg.errors.DuplicateFunction):
        if not _has_ledger(conn):
            raise


def _has_ledger(conn: psycopg.Connection) -> bool:
    with conn.transaction():
        row = conn.execute("SELECT to_regclass('schema_migration') IS NOT NULL").fetchone()
    return bool(row and row[0])


def _applied(conn: psycopg.Connection) -> dict[int, tuple[str, bytes]]:
    with conn.transaction():
        rows = conn.execute(SQL["applied_migrations"]).fetchall()
    return {version: (name, bytes(digest)) for version, name, digest in rows}


def _record(conn: psycopg.Connection, migration: Migration) -> None:
    conn.execute(
        SQL["record_migration"],
        {"version": migration.version, "name": migration.name, "digest": migration.digest},
    )


def _require_known(applied: dict[int, tuple[str, bytes]], known: list[Migration]) -> None:
    ours = {migration.version: migration for migration in known}
    problems = []
    for version, (name, digest) in applied.items():
        where = f"migration {version:04d}_{name}"
        if version not in ours:
            problems.append(
                Problem(
                    "S020",
                    where,
                    f"the database has it, this program knows only up to {max(ours):04d}. "
                    "Use the newer program, or a database of its own for this one.",
                    "Nothing was done.",
                )
            )
        elif ours[version].digest != digest:
            problems.append(
                Problem(
                    "S021",
                    where,
                    "it was changed since it was applied to this database. Use the program that made the "
                    "database, or make a new one.",
                    "Nothing was done.",
                )
            )
    if problems:
        raise DuecourseError(problems)


def freeze() -> Path:
    """Copy schema.sql into the first migration, in a source checkout. Only while nothing was released."""
    folder = Path(__file__).parent
    frozen = folder / "migrations" / "0001_first.sql"
    frozen.write_text(_FROZEN_HEADER + (folder / "schema.sql").read_text(encoding="utf-8"), encoding="utf-8")
    return frozen


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m duecourse.store.migrate")
    parser.add_argument("--freeze", action="store_true", required=True, help="copy schema.sql into 0001")
    parser.parse_args()
    print(freeze())
