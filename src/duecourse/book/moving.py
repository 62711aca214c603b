"""Due days moved on a borrower's request, with the interest of the odd days."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import psycopg

from duecourse.domain.day_count import DayCount
from duecourse.domain.due_day import Move, Upcoming, move_due_day
from duecourse.domain.problems import DuecourseError, Problem
from duecourse.store.sql import load

from .events import note_move
from .pauses import FoundLoan
from .shifting import shift_loan

SQL = load("book/days")


@dataclass(frozen=True, slots=True)
class Moved:
    """A move, proposed or done. from_number: of the first installment, which bears the odd days."""

    loan: FoundLoan
    due_day: int
    day_count: DayCount
    move: Move

    @property
    def from_number(self) -> int:
        """Of the first installment that moves."""
        return self.move.days[0][0].number


def propose_move(
    conn: psycopg.Connection,
    loan: FoundLoan,
    due_day: int,
    *,
    from_on: date,
    as_of: date,
    with_interest: bool = True,
) -> Moved:
    """What moving to due_day of each month would change, from the month of from_on on.

    as_of: the lender's date; what is due by then, or would be, cannot be moved. with_interest: False waives it.
    Raises DuecourseError B047 for a loan that cannot be moved and says why.
    """
    if loan.state != "open":
        raise _refused("the loan is closed")
    rows = conn.execute(SQL["installments_to_move"], loan.place).fetchall()
    columns = ("number", "due_on", "due", "principal", "interest", "statement_on", "settled_on", "paid")
    known = [dict(zip(columns, row, strict=True)) for row in rows]
    if any(one["statement_on"] is not None for one in known):
        raise _refused("its due days come with its statements; ask the issuer to move the statement day")
    moving = [one for one in known if one["due_on"] >= from_on.replace(day=1)]
    if not moving:
        raise _refused(f"it has no installment from {from_on:%Y-%m} on")
    first = moving[0]
    if first["settled_on"] is not None or first["paid"]:
        raise _refused(f"installment {first['number']} has been paid on; begin with the month after it")
    count = DayCount(loan.day_count) if loan.day_count else DayCount.ACTUAL_365
    if with_interest and loan.annual_rate is None:
        raise _refused("the book does not know its rate; waive the interest, or import the rate")
    upcoming = [Upcoming(one["number"], one["due_on"], one["principal"]) for one in moving]
    try:
        move = move_due_day(
            upcoming, due_day, annual_rate=loan.annual_rate if with_interest else None, day_count=count
        )
    except ValueError as error:
        raise _refused(str(error)) from None
    day = move.days[0][1]
    before = [one["due_on"] for one in known if one["number"] < first["number"]]
    if min(first["due_on"], day) <= as_of:
        raise _refused(
            f"installment {first['number']} is or would be due by {as_of}; begin with a later month"
        )
    if before and day <= max(before):
        raise _refused(f"installment {first['number']} would be due on {day}, not after the one before it")
    if first["due"] + move.odd_interest_minor < 0:
        raise _refused("the odd days are worth more than the installment")
    return Moved(loan, due_day, count, move)


def apply_move(conn: psycopg.Connection, moved: Moved, *, recorded_by: str, now: datetime) -> None:
    """Write a proposed move, in the caller's transaction. Old rows go to book_history.

    What the lender's file last said is remembered: the same file again leaves the move, another word of it ends it.
    """
    loan, days = moved.loan, moved.move.days
    given: dict[str, Any] = {
        **loan.place,
        "numbers": [one.number for one, _ in days],
        "days": [day for _, day in days],
        "interests": [moved.move.odd_interest_minor if place == 0 else 0 for place in range(len(days))],
        "recorded_by": recorded_by,
        "now": now,
    }
    for name in ("keep_moved", "remember_given", "move_installments"):
        conn.execute(SQL[name], given)
    shift_loan(conn, loan.lane, loan.loan_id, min(day for _, day in days))
    record_due_days(conn, [(loan.lane, loan.loan_id, moved.due_day)], source="request", now=now)
    note_move(conn, loan.place, moved.from_number, days[0][0].due_on, by=recorded_by, now=now)


def record_due_days(
    conn: psycopg.Connection, days: list[tuple[int, Any, int]], *, source: str, now: datetime
) -> None:
    """Write the due day of loans, each (lane, loan_id, day), with where it comes from: 'allotted' or 'request'."""
    given = {
        "lanes": [lane for lane, _, _ in days],
        "loan_ids": [loan_id for _, loan_id, _ in days],
        "due_days": [day for _, _, day in days],
        "source": source,
        "now": now,
    }
    conn.execute(SQL["keep_loan"], given)
    conn.execute(SQL["set_due_days"], given)


def _refused(found: str) -> DuecourseError:
    return DuecourseError(Problem("B047", "due day", found, "Nothing was moved."))
