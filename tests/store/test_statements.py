"""Every statement of every room runs on the real schema and writes what its comment says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import psycopg
import pytest

from duecourse.store.sql import Statement, load

PACKAGE = files("duecourse")
ROOMS = sorted(
    room.name if file.name == f"{room.name}.sql" else f"{room.name}/{file.name.removesuffix('.sql')}"
    for room in PACKAGE.iterdir()
    if room.is_dir()
    for file in room.iterdir()
    if file.name.endswith(".sql") and file.name not in ("schema.sql", "citus.sql")
)
"""Every file of statements, as `load` takes it: a room's own by the room alone. store/citus.sql asks a catalog that
only a cluster has; tests/citus runs it."""
SCHEMA = PACKAGE.joinpath("store", "schema.sql").read_text(encoding="utf-8")

STEPS_TOLD_TOGETHER = {"book/importing", "book/allocation"}
"""Long rows of like steps, whose files and callers say what they are for."""

# What EXPLAIN takes; the rest (temporary tables, COPY, locks) is run or looked at as it stands.
PLANNED = ("SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "WITH", "VALUES")


def writers() -> dict[str, set[str]]:
    """table -> rooms that schema.sql lets write it."""
    found: dict[str, set[str]] = {}
    comment = ""
    for line in SCHEMA.splitlines():
        if line.startswith("--"):
            comment += " " + line.removeprefix("--")
        elif match := re.match(r"CREATE TABLE (\w+)", line):
            said = re.search(r"Writes: (.*)", comment)
            assert said, f"schema.sql does not say who writes {match[1]}"
            found[match[1]] = {word.split()[0] for word in re.sub(r"\([^)]*\)", "", said[1]).split(",")}
            comment = ""
        else:
            comment = ""
    return found


def filled(statement: Statement) -> str:
    """The statement with its compiled parts: for {items} stands the room's fragment `items`; a part without one is a
    condition, for which TRUE stands.
    """

    def stand_in(match: re.Match[str]) -> str:
        return load(statement.room).get(match[1], "TRUE")

    return re.sub(r"(?<!\{)\{([a-z_]+)\}(?!\})", stand_in, statement.text)


def numbered(statement: Statement) -> str:
    """The statement as PostgreSQL gets it: $1 for %(first)s, no doubled per-cent, compiled parts filled."""
    names: list[str] = []

    def number(match: re.Match[str]) -> str:
        if match[1] not in names:
            names.append(match[1])
        return f"${names.index(match[1]) + 1}"

    return re.sub(r"%\((\w+)\)[sbt]", number, filled(statement)).replace("%%", "%")


def first_word(statement: Statement) -> str:
    bare = re.sub(r"/\*.*?\*/|--[^\n]*", "", statement.text, flags=re.DOTALL)
    return bare.split()[0].upper()


def written(plan: Any) -> Iterator[str]:
    """The tables that a plan changes, temporary ones left out."""
    if isinstance(plan, dict):
        if plan.get("Node Type") == "ModifyTable" and not plan.get("Schema", "").startswith("pg_temp"):
            yield plan["Relation Name"]
        for below in plan.values():
            yield from written(below)
    elif isinstance(plan, list):
        for below in plan:
            yield from written(below)


STATEMENTS = [
    pytest.param(load(room).about(name), id=f"{room}.{name}")
    for room in ROOMS
    for name in load(room)
    if not load(room).about(name).fragment
]


@pytest.fixture(scope="module")
def schema(server_conninfo: str, _template: str) -> Iterator[psycopg.Connection]:
    """A connection to a migrated database, with the temporary tables that rooms make."""
    with psycopg.connect(server_conninfo, autocommit=True) as maker:
        maker.execute(f"CREATE DATABASE statements TEMPLATE {_template}")
        try:
            with psycopg.connect(server_conninfo, dbname="statements", autocommit=True) as connection:
                for statement in (parameter.values[0] for parameter in STATEMENTS):
                    assert isinstance(statement, Statement)
                    if re.search(r"\bCREATE (?:LOCAL )?TEMP", statement.text):
                        connection.execute(statement.text.replace("ON COMMIT DROP", ""))
                yield connection
        finally:
            maker.execute("DROP DATABASE statements WITH (FORCE)")


@pytest.mark.parametrize("statement", STATEMENTS)
def test_statement_runs_on_the_schema_and_writes_what_it_says(
    schema: psycopg.Connection, statement: Statement
) -> None:
    if first_word(statement) not in PLANNED:
        assert not statement.writes
        return
    row = schema.execute(f"EXPLAIN (GENERIC_PLAN, VERBOSE, FORMAT JSON) {numbered(statement)}").fetchone()
    assert row is not None
    assert set(written(row[0])) == set(statement.writes)


@pytest.mark.parametrize("room", ROOMS)
def test_room_writes_only_its_own_tables(room: str) -> None:
    allowed = writers()
    statements = load(room)
    for name in statements:
        for table in statements.about(name).writes:
            assert room.partition("/")[0] in allowed.get(table, set()), f"{room}.{name} writes {table}"


def test_every_statement_says_what_it_is_for() -> None:
    silent = [
        f"{room}.{name}"
        for room in ROOMS
        if room not in STEPS_TOLD_TOGETHER
        for name in load(room)
        if not load(room).about(name).comment.strip()
    ]
    assert silent == []
