"""Arrangements as staff and the lender's own system see them: lists, and one in full."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import psycopg
from psycopg.rows import dict_row

from duecourse.book.wishes import EVERY_LANE
from duecourse.domain.problems import DuecourseError, Problem
from duecourse.privacy.keyring import Keyring

from .agreeing import Found, append_event, arrangement_at
from .figures import Figures
from .stating import SQL, Stated, stands, statement_of

SHORTEST_ID: Final = 6
"""Digits of an id that are enough to ask for it."""


@dataclass(frozen=True, slots=True)
class Listed:
    """An arrangement without what its borrower stated."""

    arrangement_id: UUID
    borrower_key: str
    loan_ref: str
    creditor: str
    product: str
    zone: str
    state: str
    proposed_at: datetime
    agreed_at: datetime | None
    last_by: str
    reason: str
    policy: str
    policy_version: int
    figures: Figures

    @property
    def changed(self) -> Sequence[int]:
        """Places in figures.after of what is another day or amount than before, or is new."""
        before = {row.number: row for row in self.figures.before}
        return [place for place, row in enumerate(self.figures.after) if before.get(row.number) != row]


def find_arrangement(conn: psycopg.Connection, text: str) -> Found:
    """The arrangement of an id or of its first six digits or more. Raises DuecourseError D225."""
    digits = text.replace("-", "").lower()
    if not SHORTEST_ID <= len(digits) <= 32 or any(sign not in "0123456789abcdef" for sign in digits):
        raise _unknown("give an arrangement's id, or its first six digits or more")
    given = {"lanes": EVERY_LANE, "least": UUID(digits.ljust(32, "0")), "most": UUID(digits.ljust(32, "f"))}
    rows = conn.execute(SQL["find_arrangement"], given).fetchall()
    if len(rows) != 1:
        raise _unknown("several begin so; give more digits" if rows else "no arrangement has this id")
    found = arrangement_at(conn, rows[0][0], rows[0][1])
    assert found is not None
    return found


def list_arrangements(
    conn: psycopg.Connection,
    *,
    state: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    take: int = 200,
) -> list[Listed]:
    """The latest first. since, until: agreed at or after the one and before the other."""
    query = stands("list_arrangements", "of_them")
    with conn.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(
            query, {"state": state, "since": since, "until": until, "take": take}
        ).fetchall()
    return [_listed(row) for row in rows]


def show_arrangement(
    conn: psycopg.Connection, keyring: Keyring, found: Found, *, by: str, now: datetime
) -> tuple[Stated | None, list[dict[str, Any]]]:
    """What the borrower stated, None once it is erased, and what became of the arrangement; that `by` looked is noted.

    In the caller's transaction.
    """
    append_event(conn, found, "looked", by=by, now=now)
    statement = statement_of(conn, keyring, found.person.lane, found.hardship_id)
    given = {"lane": found.person.lane, "arrangement_id": found.arrangement_id}
    with conn.cursor(row_factory=dict_row) as cursor:
        events = cursor.execute(SQL["events_of_arrangement"], given).fetchall()
    return (statement.stated if statement else None), events


def count_proposed(conn: psycopg.Connection) -> Mapping[str, Any]:
    """How many wait for a person, and since when the oldest: waiting, since."""
    with conn.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(stands("count_proposed", "of_them")).fetchone()
    assert row is not None
    return row


def _listed(row: dict[str, Any]) -> Listed:
    figures = Figures.from_json(row["figures"])
    names = [name for name in Listed.__dataclass_fields__ if name != "figures"]
    return Listed(**{name: row[name] for name in names}, figures=figures)


def _unknown(found: str) -> DuecourseError:
    return DuecourseError(Problem("D225", "ID", found))
