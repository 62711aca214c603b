"""Due days allotted by the system: spread over the month, on top of what the book already brings."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

import psycopg

from duecourse.domain.levelling import DAYS, Load, ToAllot, allot
from duecourse.store.sql import load

from .moving import record_due_days

SQL = load("book/days")
LOCK_BOOK = load("book/importing")["lock_book"]


@dataclass(frozen=True, slots=True)
class Allotted:
    """A loan and the day it would get. amount_minor: what it is expected to pay a month, 0 where nobody knows."""

    lane: int
    loan_id: UUID
    creditor: str
    loan_ref: str
    currency: str
    amount_minor: int
    due_day: int


@dataclass(frozen=True, slots=True)
class DayLoad:
    """What a day of the month bears of one currency, before and after: minor units and messages."""

    day: int
    currency: str
    cash_before_minor: int
    cash_after_minor: int
    messages_before: int
    messages_after: int


def propose_days(
    conn: psycopg.Connection, *, as_of: date, months: int
) -> tuple[list[Allotted], list[DayLoad]]:
    """A due day for every loan that waits for one, and what each day then bears. Writes nothing; imports wait.

    as_of: what falls due in the year after it is the load that is levelled. months: how many payments a loan
    without installments is taken to have.
    """
    given = {"as_of": as_of, "months": months}
    conn.execute(LOCK_BOOK)
    load_now = Load()
    for day, currency, amount, messages in conn.execute(SQL["load_by_day"], given):
        load_now.add(day, currency, amount, messages)
    cash_before = {currency: dict(by_day) for currency, by_day in load_now.cash_minor.items()}
    messages_before = dict(load_now.messages)
    rows = conn.execute(SQL["loans_to_allot"], given).fetchall()
    chosen = allot(
        (
            ToAllot(loan_id, f"{creditor}\x1f{ref}", currency, amount)
            for _, loan_id, creditor, ref, currency, amount in rows
        ),
        load_now,
    )
    allotted = [
        Allotted(lane, loan_id, creditor, ref, currency, amount, chosen[loan_id])
        for lane, loan_id, creditor, ref, currency, amount in rows
    ]
    loads = [
        DayLoad(
            day,
            currency,
            cash_before.get(currency, {}).get(day, 0),
            by_day.get(day, 0),
            messages_before.get(day, 0),
            load_now.messages.get(day, 0),
        )
        for currency, by_day in sorted(load_now.cash_minor.items())
        for day in DAYS
    ]
    return allotted, loads


def apply_days(conn: psycopg.Connection, allotted: list[Allotted], *, now: datetime) -> None:
    """Write allotted days to their loans, in the caller's transaction; old rows go to book_history."""
    record_due_days(
        conn, [(one.lane, one.loan_id, one.due_day) for one in allotted], source="allotted", now=now
    )
