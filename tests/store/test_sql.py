"""How a room's .sql file is read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from duecourse.store import sql
from duecourse.store.sql import Statements, load

Write = Callable[..., None]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Rooms of a package made for the test."""
    monkeypatch.setattr(sql, "files", lambda _package: tmp_path)
    sql._raw.cache_clear()
    load.cache_clear()

    def write(**rooms: str) -> None:
        for room, text in rooms.items():
            (tmp_path / room).mkdir()
            (tmp_path / room / f"{room}.sql").write_text(text, encoding="utf-8")

    yield write
    sql._raw.cache_clear()
    load.cache_clear()


def test_statement_has_text_comment_and_tables(write: Write) -> None:
    write(
        planning="-- About the room.\n\n-- name: plan\n-- Plan a lane, 100 %.\n"
        "-- Writes: message (inserts),\n-- history. Runs twice.\n"
        "INSERT INTO message\n-- a reason, 5 %\nSELECT 1;\n\n-- name: other\nSELECT 2"
    )
    statements = load("duecourse.planning")
    assert isinstance(statements, Statements)
    assert list(statements) == ["plan", "other"]
    assert statements["plan"] == "/* planning.plan */\nINSERT INTO message\nSELECT 1"
    assert statements.about("plan").writes == ("message", "history")
    assert statements.about("plan").comment.startswith("Plan a lane, 100 %.")


def test_include_puts_another_rooms_fragment_in_place(write: Write) -> None:
    write(
        rules="-- fragment: judge\n-- Needs candidate.\n-- include: fragment_open\nverdict AS (SELECT 1)\n"
        "-- name: fragment_open\nopened AS (SELECT 0),\n",
        planning="-- name: plan\nWITH\n-- include: rules.judge\nSELECT * FROM verdict",
    )
    assert load("planning")["plan"] == (
        "/* planning.plan */\nWITH\nopened AS (SELECT 0),\nverdict AS (SELECT 1)\nSELECT * FROM verdict"
    )
    assert all(load("rules").about(name).fragment for name in load("rules"))


def test_fragment_with_open_words_is_filled_by_who_includes_it(write: Write) -> None:
    write(
        store="-- fragment: kept(id, at)\n-- Of {id}.\nSELECT {id}, {at}, '{}', {items}\n-- include: by({id})\n"
        "-- fragment: by(id)\nGROUP BY {id}",
        book="-- name: texts\n-- include: store.kept(a.attempt_id, %(now)s::date)\n"
        "-- name: points\n-- include: store.kept(point_id, lower(at))\n",
    )
    assert load("book")["texts"] == (
        "/* book.texts */\nSELECT a.attempt_id, %(now)s::date, '{}', {items}\nGROUP BY a.attempt_id"
    )
    assert load("book")["points"] == (
        "/* book.points */\nSELECT point_id, lower(at), '{}', {items}\nGROUP BY point_id"
    )
    assert load("store")["kept"] == "SELECT {id}, {at}, '{}', {items}\nGROUP BY {id}"


def test_unknown_name_names_the_known_ones(write: Write) -> None:
    write(book="-- name: one\nSELECT 1\n-- name: two\nSELECT 2\n")
    with pytest.raises(KeyError, match="it has: one, two"):
        load("book")["three"]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("-- name: a\nSELECT 1\n-- name: a\nSELECT 2", "names 'a' twice"),
        ("-- name: a\n-- include: missing\n", "does not exist"),
        ("-- name: a\n-- include: b\n-- name: b\nSELECT 1", "not a fragment"),
        ("-- fragment: a\n-- include: b\n-- fragment: b\n-- include: a\n", "circle"),
        (
            "-- name: a\n-- include: b\n-- fragment: b(id)\nSELECT {id}",
            "book.a includes book.b, which takes 1 words",
        ),
        ("-- name: a\n-- include: b(id)\n-- fragment: b\nSELECT 1", "takes 0 words, not 1"),
        ("-- name: a(id)\nSELECT {id}", "only a fragment"),
    ],
)
def test_file_that_is_not_well_formed_is_refused(write: Write, text: str, fault: str) -> None:
    write(book=text)
    with pytest.raises(ValueError, match=fault):
        load("book")
