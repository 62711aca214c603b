"""Reading back what happened: one message, one borrower's messages, the funnel of some days."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import dict_row

from duecourse.domain.problems import DuecourseError, Problem
from duecourse.store.sql import load

SQL = load("dispatch/reading")

LANES = list(range(256))
SHORTEST_PREFIX = 6


def read_rows(conn: psycopg.Connection, statement: str, **parameters: object) -> list[dict[str, Any]]:
    """The rows of one of the room's reading statements, as dictionaries."""
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(SQL[statement], parameters).fetchall()


def find_message(conn: psycopg.Connection, prefix: str) -> tuple[int, UUID]:
    """Lane and id of the message whose id begins with `prefix`, at least six hexadecimal digits.

    Raises DuecourseError D030 (not an id), D031 (none), D032 (several).
    """
    digits = prefix.replace("-", "").lower()
    if len(digits) < SHORTEST_PREFIX or len(digits) > 32 or set(digits) - set("0123456789abcdef"):
        raise DuecourseError(
            Problem("D030", "ID", f"expected a message id or at least its first {SHORTEST_PREFIX} digits"),
            exit_code=2,
        )
    rows = conn.execute(
        SQL["find_message"],
        {"lanes": LANES, "least": UUID(digits.ljust(32, "0")), "most": UUID(digits.ljust(32, "f"))},
    ).fetchall()
    if not rows:
        raise DuecourseError(Problem("D031", "ID", "no message has an id that begins so"))
    if len(rows) > 1:
        raise DuecourseError(
            Problem("D032", "ID", "several messages have an id that begins so; give more of it")
        )
    return rows[0]


def funnel(conn: psycopg.Connection, first: date, last: date) -> list[dict[str, Any]]:
    """Messages by step and standing for local days first to last."""
    return read_rows(conn, "funnel", from_on=first, to_on=last)


def attempts_by_channel(conn: psycopg.Connection, first: date, last: date) -> list[dict[str, Any]]:
    """Attempts by step, channel and state for local days first to last."""
    return read_rows(conn, "attempts_by_channel", from_on=first, to_on=last)


def standing_now(conn: psycopg.Connection, now: datetime) -> Mapping[str, Any]:
    """Counts of the whole installation."""
    return read_rows(conn, "standing_now", now=now)[0]


def months(conn: psycopg.Connection, first: date, last: date) -> Sequence[Mapping[str, Any]]:
    """Month by month: who was due, reminded, overdue, contacted, and what was paid."""
    return read_rows(conn, "months", from_on=first, to_on=last)


def count_touched(
    conn: psycopg.Connection,
    people: Sequence[tuple[int, UUID]],
    *,
    now: datetime,
    purpose: str | None = None,
    channel: str | None = None,
    loan_id: UUID | None = None,
) -> int:
    """Planned messages of these borrowers (lane, id) that a word of this scope is about; None is every one."""
    rows = read_rows(
        conn,
        "count_touched",
        lanes=[lane for lane, _ in people],
        borrowers=[borrower for _, borrower in people],
        now=now,
        purpose=purpose,
        channel=channel,
        loan_id=loan_id,
    )
    return int(rows[0]["count"])


def waiting_for(
    conn: psycopg.Connection, people: Sequence[tuple[int, UUID]], *, now: datetime
) -> dict[UUID, int]:
    """Planned messages of each of these borrowers (lane, id)."""
    rows = read_rows(
        conn,
        "waiting_for",
        lanes=[lane for lane, _ in people],
        borrowers=[borrower for _, borrower in people],
        now=now,
    )
    return {row["borrower_id"]: row["messages"] for row in rows}
