"""What was agreed with a borrower, put into the book: other days and amounts of open installments.

The lender's book is the truth. Beside each changed installment stands what the file last said of it (`due_move`): the
same file again leaves what was agreed, another word about any of it ends all of it (importing.sql).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import class_row

from duecourse.domain.arranging import Open
from duecourse.store.sql import load

from .events import note_move
from .pauses import FoundLoan
from .shifting import shift_loan

SQL = load("book/arranging")
KEEP = load("book/days")["keep_moved"]


@dataclass(frozen=True, slots=True)
class Standing:
    """A loan as figures for its borrower need it. due_before: the last due day before what is open; None: none.

    debit: a debit is under way. statements: it falls due by statements. gap: something after the first open installment
    is settled.
    """

    lane: int
    loan_id: UUID
    borrower_id: UUID
    loan_ref: str
    creditor: str
    product: str
    method: str
    currency: str
    annual_rate: Any
    day_count: str | None
    due_day: int | None
    shift: str
    region: str
    state: str
    due_before: date | None
    debit: bool
    statements: bool
    gap: bool

    @property
    def found(self) -> FoundLoan:
        """As commands about its days take it."""
        return FoundLoan(
            self.lane, self.loan_id, self.loan_ref, self.creditor, self.currency, self.annual_rate,
            self.day_count, self.state,
        )  # fmt: skip


def standing_of(conn: psycopg.Connection, lane: int, loan_id: UUID, *, today: date) -> Standing | None:
    """A loan with what figures need; None when there is none."""
    with conn.cursor(row_factory=class_row(Standing)) as cursor:
        given = {"lane": lane, "loan_id": loan_id, "today": today}
        return cursor.execute(SQL["standing"], given).fetchone()


def open_of(conn: psycopg.Connection, lane: int, loan_id: UUID) -> list[Open]:
    """What is still to be paid of a loan, in order of number.

    What was paid of an installment without saying of which part met penalty and fee, then interest, then principal. Of
    one that was arranged after it was paid on, the parts are read anew by that; its amount stays.
    """
    rows = conn.execute(SQL["open_rows"], {"lane": lane, "loan_id": loan_id}).fetchall()
    return [Open(*row) for row in rows]


@dataclass(frozen=True, slots=True)
class Arranged:
    """What is arranged.

    before: what is open of the loan, as open_of gives it; after: what takes its place, with further
    numbers where it has more rows.
    """

    arrangement_id: UUID
    before: Sequence[Open]
    after: Sequence[Open]
    today: date
    by: str
    now: datetime

    def given(self, standing: Standing, rows: Sequence[Open], known: dict[int, Open]) -> dict[str, Any]:
        """For the statements: rows, by how much they differ from what is known."""
        return {
            **standing.found.place,
            **_columns(rows, known),
            "arrangement_id": self.arrangement_id,
            "today": self.today,
            "recorded_by": self.by,
            "now": self.now,
        }


def rearrange(conn: psycopg.Connection, standing: Standing, arranged: Arranged) -> None:
    """Write other days and amounts, in the caller's transaction, which holds the book's lock.

    Old rows go to book_history. What was paid of an installment stays paid.
    """
    known = {row.number: row for row in arranged.before}
    changed = [row for row in arranged.after if row.number in known and row != known[row.number]]
    added = [row for row in arranged.after if row.number not in known]
    given = arranged.given(standing, changed, known)
    conn.execute(KEEP, given)
    conn.execute(SQL["remember_arranged"], given)
    conn.execute(SQL["write_arranged"], given)
    if added:
        more = given | _columns(added, {}) | {"borrower_id": standing.borrower_id}
        conn.execute(SQL["add_arranged"], more)
        conn.execute(SQL["remember_added"], more)
    _tell_moved(conn, standing, [*changed, *added], known, arranged)


def take_back(conn: psycopg.Connection, standing: Standing, arranged: Arranged) -> bool:
    """Make a loan again what it was before an arrangement; False where it is no longer what was arranged.

    In the caller's transaction, which holds the book's lock.
    """
    now_open = open_of(conn, standing.lane, standing.loan_id)
    if [_told(row) for row in now_open] != [_told(row) for row in arranged.after]:
        return False
    known = {row.number: row for row in arranged.after}
    again = [row for row in arranged.before if row != known[row.number]]
    given = arranged.given(standing, again, known)
    conn.execute(KEEP, given | {"numbers": [row.number for row in arranged.after]})
    conn.execute(SQL["write_arranged"], given)
    for name in ("return_charges", "drop_added", "forget_added", "forget_arranged", "leave_moved"):
        conn.execute(SQL[name], given)
    _tell_moved(conn, standing, again, known, arranged)
    return True


def _told(row: Open) -> tuple[int, date, int]:
    """What a borrower was told of it."""
    return row.number, row.due_on, row.amount_minor


def _columns(rows: Sequence[Open], known: dict[int, Open]) -> dict[str, list[Any]]:
    """Side by side: numbers, days, and by how much each part changes."""
    nothing = Open(0, date.min, 0, 0, 0)
    was = [known.get(row.number, nothing) for row in rows]
    both = list(zip(rows, was, strict=True))
    return {
        "numbers": [row.number for row in rows],
        "days": [row.due_on for row in rows],
        "amounts": [row.amount_minor - old.amount_minor for row, old in both],
        "principals": [(row.principal_minor or 0) - (old.principal_minor or 0) for row, old in both],
        "interests": [
            row.amount_minor - old.amount_minor
            if row.interest_minor is None
            else row.interest_minor - (old.interest_minor or 0)
            for row, old in both
        ],
    }


def _tell_moved(
    conn: psycopg.Connection,
    standing: Standing,
    changed: Sequence[Open],
    known: dict[int, Open],
    arranged: Arranged,
) -> None:
    """Shift the new days off holidays, and note that a due day changed, for the steps that tell of it."""
    if not changed:
        return
    shift_loan(conn, standing.lane, standing.loan_id, min(row.due_on for row in changed))
    for row in changed:
        old = known.get(row.number)
        if old is not None and old.due_on != row.due_on:
            note_move(conn, standing.found.place, row.number, old.due_on, by=arranged.by, now=arranged.now)
            return
