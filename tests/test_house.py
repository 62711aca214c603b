"""Limits that keep the code readable: sizes, docstrings, who reads the clock, who writes which table."""

from __future__ import annotations

import ast
import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

from repository import ROOT, SOURCE, modules, own_files, shown

MODULE_LINES = 500
FUNCTION_LINES = 80
WITHOUT_DOCSTRING = frozenset({"main", *dir(asyncio.Protocol)})
"""Names whose words stand elsewhere."""
ENVIRONMENT_OF_CHILDREN = frozenset({"store/server_user.py", "store/socket_dir.py"})
"""They hand an environment to the server they start, or ask where sockets may be; no setting of ours."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(tree: ast.AST) -> Iterator[Function]:
    """Every function and method, nested ones too."""
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def test_no_module_is_longer_than_one_sitting() -> None:
    long = {
        shown(path): lines
        for path in own_files()
        if path.suffix == ".py" and (lines := len(path.read_text("utf-8").splitlines())) > MODULE_LINES
    }
    assert long == {}, f"more than {MODULE_LINES} lines; split by noun"


def test_no_function_is_longer_than_a_screen_or_two() -> None:
    long = {
        f"{shown(path)}:{node.lineno} {node.name}": lines
        for path, tree in modules().items()
        for node in functions(tree)
        if (lines := (node.end_lineno or node.lineno) - node.lineno + 1) > FUNCTION_LINES
    }
    assert long == {}, f"more than {FUNCTION_LINES} lines"


def test_every_module_says_what_lives_there() -> None:
    silent = [shown(path) for path, tree in modules().items() if not ast.get_docstring(tree)]
    assert not silent, "\n".join(silent)


def public(body: list[ast.stmt]) -> Iterator[ast.ClassDef | Function]:
    """Public classes, functions and methods of public classes; overrides inherit their words."""
    for node in body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield node
            yield from (
                n for n in public(node.body) if isinstance(n, ast.ClassDef) or not _speaks_for(node, n)
            )
        elif isinstance(node, Function) and not node.name.startswith("_"):
            yield node


def _speaks_for(owner: ast.ClassDef, method: Function) -> bool:
    """Whether the words for a method stand elsewhere: an override, or a setter."""
    marks = {ast.unparse(mark) for mark in method.decorator_list}
    return bool(marks & {"override", "overload", f"{method.name}.setter"})


def _says_it_all(node: ast.ClassDef | Function) -> bool:
    """Whether a function is one statement, which is as short as its docstring would be."""
    return isinstance(node, Function) and len(node.body) == 1


def test_every_public_name_has_a_docstring() -> None:
    silent = [
        f"{shown(path)}:{node.lineno} {node.name}"
        for path, tree in modules().items()
        for node in public(tree.body)
        if not ast.get_docstring(node) and node.name not in WITHOUT_DOCSTRING and not _says_it_all(node)
    ]
    assert not silent, "\n".join(silent)


def test_only_the_entry_points_read_the_clock_and_the_environment() -> None:
    """Elsewhere `now` and settings are arguments. time.monotonic measures a duration and is no clock."""
    clocks = {"datetime.now", "datetime.utcnow", "date.today", "datetime.today", "time.time", "time.time_ns"}
    environment = {"os.environ", "os.getenv"}
    entry_points = {"cli", "sandbox"}
    found = [
        f"{shown(path)}:{node.lineno} {ast.unparse(node)}"
        for path, tree in modules().items()
        if not entry_points & set(path.relative_to(SOURCE).parts)
        and path.relative_to(SOURCE).as_posix() not in ENVIRONMENT_OF_CHILDREN
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and (ast.unparse(node) in environment or ".".join(ast.unparse(node).split(".")[-2:]) in clocks)
    ]
    assert not found, "\n".join(found)


def written_tables(statement: str) -> set[str]:
    """Tables that a piece of SQL inserts into, updates or deletes from."""
    bare = re.sub(r"--[^\n]*|'(?:[^']|'')*'", " ", statement)
    verbs = r"INSERT\s+INTO|(?<!FOR )(?<!DO )(?<!KEY )UPDATE(?:\s+ONLY)?|DELETE\s+FROM|TRUNCATE(?:\s+TABLE)?"
    return set(re.findall(rf"\b(?:{verbs})\s+([a-z_]+)\b", bare)) - {"of", "set", "nothing", "skip"}


def table_owners() -> dict[str, set[str]]:
    """Table to the rooms that its comment in schema.sql lets write it."""
    schema = (SOURCE / "store" / "schema.sql").read_text("utf-8")
    owners: dict[str, set[str]] = {}
    for rooms, table in re.findall(r"^-- Writes: ([^\n]+)\nCREATE TABLE ([a-z_]+)", schema, re.MULTILINE):
        owners[table] = {room.split()[0] for room in re.sub(r"\([^)]*\)", "", rooms).split(",")}
    return owners


def test_every_table_names_the_room_that_writes_it() -> None:
    schema = (SOURCE / "store" / "schema.sql").read_text("utf-8")
    assert set(re.findall(r"^CREATE TABLE ([a-z_]+)", schema, re.MULTILINE)) == set(table_owners())


def sql_files() -> list[Path]:
    """The rooms' statement files."""
    return [path for path in sorted(SOURCE.glob("*/*.sql")) if path.name != "schema.sql"]


def test_a_room_writes_only_the_tables_that_are_its_own() -> None:
    owners = table_owners()
    trespasses = [
        f"{shown(path)} writes {table}"
        for path in sql_files()
        for table in sorted(written_tables(path.read_text("utf-8")) & set(owners))
        if path.parent.name not in owners[table]
    ]
    assert not trespasses, "\n".join(trespasses)


def test_the_ignored_folders_hold_nothing_of_the_project() -> None:
    assert not [shown(p) for p in own_files() if "__pycache__" in p.parts or p.is_relative_to(ROOT / "build")]
