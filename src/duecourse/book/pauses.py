"""Pauses: days of a loan that do not count, also back-dated, also ended early."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

import psycopg

from duecourse.domain.problems import DuecourseError, Problem
from duecourse.store.sql import load

from .grace import pause_grace

SQL = load("book/days")
LOCK_BOOK = load("book/importing")["lock_book"]

LONGEST_PAUSE_DAYS = 1830


@dataclass(frozen=True, slots=True)
class FoundLoan:
    """A loan by the lender's reference, as commands about its days need it."""

    lane: int
    loan_id: UUID
    loan_ref: str
    creditor: str
    currency: str
    annual_rate: Decimal | None
    day_count: str | None
    state: str

    @property
    def place(self) -> dict[str, Any]:
        """Its key, as parameters."""
        return {"lane": self.lane, "loan_id": self.loan_id}


def find_loan(conn: psycopg.Connection, loan_ref: str, creditor: str | None = None) -> FoundLoan:
    """The loan of a reference, to be changed in this transaction: no import writes until it ends.

    Raises DuecourseError B045 when there is none, or several creditors have it.
    """
    conn.execute(LOCK_BOOK)
    rows = conn.execute(SQL["find_loan"], {"loan_ref": loan_ref, "creditor": creditor}).fetchall()
    if not rows:
        raise DuecourseError(Problem("B045", "LOAN", "no loan of the book has this reference"))
    if len(rows) > 1:
        named = ", ".join(row[3] for row in rows)
        raise DuecourseError(
            Problem("B045", "LOAN", f"several creditors have this reference; add --creditor: {named}")
        )
    return FoundLoan(*rows[0])


def pause_loan(
    conn: psycopg.Connection,
    loan: FoundLoan,
    *,
    from_on: date,
    to_on: date,
    kind: Literal["deferral", "pause"],
    evidence: str,
    recorded_by: str,
    now: datetime,
) -> int:
    """Pause the days from_on to to_on, both included; answers how many installments got a longer grace by it.

    Counters of every day, also of past ones, follow at once. Raises DuecourseError B046 when the days are not in
    order, are more than LONGEST_PAUSE_DAYS, or overlap another pause.
    """
    if not from_on <= to_on <= from_on + timedelta(LONGEST_PAUSE_DAYS):
        found = f"a pause of {from_on} to {to_on}; expected at most {LONGEST_PAUSE_DAYS} days, in order"
        raise _refused(found)
    for known_from, known_to, _kind in conn.execute(SQL["pauses_of_loan"], loan.place).fetchall():
        if known_from <= to_on and from_on <= known_to:
            raise _refused(f"the loan is paused from {known_from} to {known_to} already; end that one first")
    given = {
        **loan.place,
        "from_on": from_on,
        "to_on": to_on,
        "kind": kind,
        "evidence": evidence,
        "recorded_by": recorded_by,
        "now": now,
    }
    conn.execute(SQL["add_pause"], given)
    return pause_grace(conn, [loan.lane], loan.loan_id)


def end_pause(
    conn: psycopg.Connection, loan: FoundLoan, *, end_on: date, evidence: str, recorded_by: str, now: datetime
) -> tuple[date, date] | None:
    """Let the pause that holds the day after end_on end on end_on; answers its days, or None if it was withdrawn whole.

    A pause that would end before it begins is withdrawn. Grace that it has extended stays extended.
    Raises DuecourseError B046 when no pause holds beyond end_on.
    """
    beyond = [
        (from_on, to_on)
        for from_on, to_on, _kind in conn.execute(SQL["pauses_of_loan"], loan.place).fetchall()
        if to_on > end_on
    ]
    if not beyond:
        raise _refused(f"the loan has no pause that goes beyond {end_on}")
    from_on = beyond[0][0]
    given = {**loan.place, "from_on": from_on}
    conn.execute(SQL["keep_pause"], given)
    if end_on < from_on:
        conn.execute(SQL["withdraw_pause"], given)
        return None
    conn.execute(
        SQL["end_pause"],
        {**given, "to_on": end_on, "evidence": evidence, "recorded_by": recorded_by, "now": now},
    )
    return from_on, end_on


def _refused(found: str) -> DuecourseError:
    return DuecourseError(Problem("B046", "pause", found, "Nothing was changed."))
