"""Every statement is planned and run by the coordinator of a cluster, or where it says that it runs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import psycopg
import pytest
from psycopg.types.json import Jsonb

from duecourse.store.connect import Store
from duecourse.store.shards import Shard, shards_of
from duecourse.store.sql import Statement
from store.test_statements import PLANNED, STATEMENTS, filled, first_word, numbered

from . import report

IN_A_SHARD: Final = "Runs: where its lanes are."
IN_A_COPY: Final = "Runs: in a working copy."
PLANNABLE = [one for one in STATEMENTS if first_word(one.values[0]) in PLANNED]
HERE = [one for one in PLANNABLE if IN_A_SHARD in one.values[0].comment]
ASKED = [one for one in PLANNABLE if one not in HERE and IN_A_COPY not in one.values[0].comment]
ONE_SHARD: Final = "Lanes: of one shard."
"""Said of a statement that is asked of each shard in turn, with its lanes alone."""
NAMES = re.compile(r"%\((\w+)\)[sbt]")
DAY: Final = date(2026, 3, 1)
NOON: Final = datetime(2026, 3, 1, 12, tzinfo=UTC)
VALUES: Final[dict[str, tuple[Any, Any, Any]]] = {
    "smallint": (1, 2, 3),
    "integer": (1, 2, 3),
    "bigint": (1, 2, 3),
    "numeric": (Decimal(1), Decimal(2), Decimal(3)),
    "double precision": (1.0, 2.0, 3.0),
    "boolean": (True, False, True),
    "text": ("a", "b", "c"),
    "name": ("a", "b", "c"),
    "character": ("CNY", "USD", "EUR"),
    "bytea": (b"\x01", b"\x02", b"\x03"),
    "uuid": (UUID(int=1), UUID(int=2), UUID(int=3)),
    "date": (DAY, DAY, DAY),
    "time without time zone": (time(9), time(10), time(11)),
    "timestamp without time zone": (NOON.replace(tzinfo=None),) * 3,
    "timestamp with time zone": (NOON, NOON, NOON),
    "interval": (timedelta(days=1), timedelta(days=2), timedelta(days=3)),
    "jsonb": (Jsonb([]), Jsonb([]), Jsonb([])),
}
"""type -> values of it: the first for one, all for an array, so that arrays beside each other are of one length."""
KNOWN: Final = {"event": "closed"}
"""A word that the schema knows, where a cluster tells of one that it does not know as of a failure of its own."""


@pytest.fixture(scope="module")
def cluster(spread_store: Store) -> Iterator[psycopg.Connection]:
    """A connection to the coordinator, with the temporary tables that rooms make."""
    with spread_store.connect(autocommit=True) as conn:
        for statement in (one.values[0] for one in STATEMENTS):
            assert isinstance(statement, Statement)
            if re.search(r"\bCREATE (?:LOCAL )?TEMP", statement.text):
                conn.execute(statement.text.replace("ON COMMIT DROP", ""))
        yield conn


@pytest.fixture(scope="module")
def shards(cluster: psycopg.Connection) -> list[Shard]:
    return shards_of(cluster)


@pytest.fixture(scope="module")
def session(spread_store: Store, shards: list[Shard]) -> Iterator[psycopg.Connection]:
    """Where the first shard lies."""
    with spread_store.connect(shard=shards[0]) as conn:
        yield conn


@pytest.fixture
def lanes(shards: list[Shard], statement: Statement) -> list[int]:
    """Lanes of three shards: what names several is asked of several nodes. Of one, where the statement wants that."""
    if ONE_SHARD in statement.comment:
        return list(max((shard.lanes for shard in shards), key=len)[:3])
    return [shard.lanes[0] for shard in shards[:3]]


def values_of(conn: psycopg.Connection, statement: Statement, lanes: list[int]) -> dict[str, Any]:
    """A value for each parameter, of the type that the server takes it for."""
    with conn.cursor() as cursor:
        cursor.execute(f"PREPARE typed AS {numbered(statement)}")
        cursor.execute("SELECT parameter_types::text[] FROM pg_prepared_statements WHERE name = 'typed'")
        row = cursor.fetchone()
        cursor.execute("DEALLOCATE typed")
    assert row is not None
    given: dict[str, Any] = {}
    for name, kind in zip(dict.fromkeys(NAMES.findall(filled(statement))), row[0], strict=True):
        if kind.removesuffix("[]") == "smallint" and "lane" in name:
            three: list[Any] = lanes
        else:
            three = list(VALUES[kind.removesuffix("[]")])
        given[name] = three if kind.endswith("[]") else KNOWN.get(name, three[0])
    return given


@pytest.mark.parametrize("statement", ASKED)
def test_the_coordinator_plans_and_runs_it(
    cluster: psycopg.Connection, lanes: list[int], statement: Statement
) -> None:
    assert run(cluster, statement, lanes)


@pytest.mark.parametrize("statement", HERE)
def test_a_session_of_a_shard_plans_and_runs_it(
    session: psycopg.Connection, shards: list[Shard], statement: Statement
) -> None:
    assert run(session, statement, list(shards[0].lanes[:3]))


def run(conn: psycopg.Connection, statement: Statement, lanes: list[int]) -> bool:
    """Plan it and run it in an empty book; whether it came as far as the rows. Raises when the server refuses."""
    with conn.transaction(force_rollback=True):
        given = values_of(conn, statement, lanes)
    try:
        with conn.transaction(force_rollback=True):
            planned = conn.execute(f"EXPLAIN {filled(statement)}", given).fetchall()
        # Another: of a part that is run beforehand EXPLAIN leaves a node's transaction failed.
        with conn.transaction(force_rollback=True):
            conn.execute(filled(statement), given)
    except (psycopg.DataError, psycopg.IntegrityError) as error:
        # A made-up word is none that the book knows.
        return error.sqlstate is not None and error.sqlstate[:2] in ("22", "23")
    return bool(planned)


def test_what_runs_elsewhere_is_told() -> None:
    copied = len(PLANNABLE) - len(ASKED) - len(HERE)
    assert ASKED and HERE and copied
    report.note(
        f"Statements: {len(ASKED)} by the coordinator, {len(HERE)} in a session of a shard; left out: {copied} that "
        "run in a working copy, in temporary tables (they run in the imports compared)"
    )
