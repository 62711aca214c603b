"""Judging what was read: each contact as the past was, then without what would have been withheld.

The second figure is exact: to withhold a contact only ever frees caps and cool-offs. So what is allowed in the first
walk is allowed in the second, what anything but a cap refuses is withheld in both, and only contacts that nothing but
caps refuse are judged again, each person's in their order. Caps that people share through a number are the exception:
they are counted as the past was in both.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from duecourse.rules.compiling import RuleBook
from duecourse.rules.model import Level
from duecourse.rules.packs import Packs
from duecourse.store.sql import load

from .book_copy import enter_past

SQL = load("audit")
AT_A_TIME = 8_000
"""Contacts judged by one statement, about: what it holds in memory grows with them."""


def level_of(packs: Packs, rule: str) -> str:
    """law, draft or policy: a lender must not take a convention, or the book's own word, for law."""
    known = packs.rules.get(rule)
    if known is None or known.level is Level.POLICY:
        return "policy"
    return "draft" if known.level is Level.DRAFT or known.status == "draft" else "law"


def judge_contacts(
    conn: psycopg.Connection, book: RuleBook, *, progress: Callable[[float], None] | None = None
) -> None:
    """Judge every contact that was read. progress: is told 0 to 1."""
    parameters = dict(book.parameters)
    conn.execute(SQL["analyze_rows"])
    conn.execute(SQL["place_people"], parameters)
    conn.execute(SQL["analyze_past"])
    conn.execute(SQL["label_people"])
    parts = list(_parts(conn.execute(SQL["shares"]).fetchall()))
    copy = enter_past(conn)
    for place, (first, last) in enumerate(parts, start=1):
        conn.execute(SQL["judge_past"], parameters | {"first": first, "last": last, "kept": False})
        if progress:
            progress(0.8 * place / len(parts))
    by_number = dict(book.number_parameters)
    by_number["days"] = _look_back(by_number["rules"])
    for first, last in parts:
        conn.execute(SQL["judge_shared_numbers"], by_number | {"first": first, "last": last})
    conn.execute(SQL["note_texts"])
    levels = {rule: level_of(book.packs, rule) for rule in book.packs.rules}
    conn.execute(SQL["sum_up"], {"levels": Jsonb(levels)})
    _judge_open(conn, parameters, progress)
    if copy is not None:
        copy.leave()
    if progress:
        progress(1.0)


def _judge_open(
    conn: psycopg.Connection, parameters: dict[str, Any], progress: Callable[[float], None] | None
) -> None:
    """Those that hang on what else was withheld, turn by turn."""
    conn.execute(SQL["queue_open"])
    conn.execute(SQL["analyze_verdicts"])
    rows = conn.execute(SQL["turns"]).fetchall()
    turns = [
        (turn, first, last)
        for turn, counted in groupby(rows, key=lambda row: row[0])
        for first, last in _parts((share, count) for _, share, count in counted)
    ]
    for place, (turn, first, last) in enumerate(turns, start=1):
        given = {"turn": turn, "first": first, "last": last, "kept": True}
        conn.execute(SQL["judge_turn"], parameters | given)
        if progress:
            progress(0.8 + 0.2 * place / len(turns))


def _look_back(rules: str) -> int:
    """Days that caps can ask for, and two for zones that differ. rules: compiled, as JSON."""
    spans = [(one.get("days") or 0, str(one.get("span") or "0").split()[0]) for one in json.loads(rules)]
    return max((max(days, int(seconds) // 86_400 + 1) for days, seconds in spans), default=0) + 2


def _parts(counted: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """First and last share of each part of about AT_A_TIME contacts. counted: (share, contacts) in order."""
    first, held, last = None, 0, 0
    for share, count in counted:
        if first is not None and held + count > AT_A_TIME:
            yield first, last
            first, held = None, 0
        first = share if first is None else first
        held += count
        last = share
    if first is not None:
        yield first, last
