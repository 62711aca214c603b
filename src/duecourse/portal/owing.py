"""What a visitor owes, as the book has it on their day: each amount with when, for what and how it is made up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from uuid import UUID

import psycopg
from psycopg.rows import dict_row

from duecourse.book.counting import pauses_of
from duecourse.book.reading import Installment, Loan, installments_of, loans_of
from duecourse.book.wishes import EVERY_LANE, Person
from duecourse.domain.days_past_due import Pause, counted_days
from duecourse.domain.money import Money

from .lender import SQL

PARTS: Final = ("principal", "interest", "fee", "penalty")
"""Of an installment, where the book knows them."""


@dataclass(frozen=True, slots=True)
class Owed:
    """One amount that is open. Personal: never logged."""

    lane: int
    loan_id: UUID
    number: int
    loan_ref: str
    creditor: str
    product: str
    role: str
    """As what it is asked of the visitor: borrower, co-borrower, guarantor."""
    due_on: date
    open: Money
    """Still to be paid of it."""
    paid: Money
    """Of it, already."""
    parts: tuple[tuple[str, Money], ...]
    """A word of PARTS and what it is; empty where the book does not know."""
    balance: Money | None
    """Revolving: the whole statement, of which `open` is the least to be paid."""
    days_late: int
    """Days past due, only once its grace is over; 0 before."""
    autopay: bool

    def is_due(self, today: date) -> bool:
        """Whether its day has come."""
        return self.due_on <= today


@dataclass(frozen=True, slots=True)
class Standing:
    """What is to be paid first, in one currency."""

    total: Money
    due_on: date
    """The earliest day of it."""
    days_late: int
    """The most of any of it."""


def owed_by(conn: psycopg.Connection, person: Person, *, today: date) -> list[Owed]:
    """Everything open whose day has come, and of each loan the next that will; the earliest first.

    Loans of others whom the person answers for are among them: a co-borrower's as their own, a guarantor's once they
    are overdue.
    """
    found = _of_borrower(conn, person.lane, person.borrower_id, today, "borrower", None)
    answered = conn.execute(
        SQL["answered_for"], {"lanes": EVERY_LANE, "borrower_id": person.borrower_id, "today": today}
    ).fetchall()
    for lane, borrower_id, role, loan_ids in answered:
        theirs = _of_borrower(conn, lane, borrower_id, today, role, frozenset(loan_ids))
        found += [one for one in theirs if role != "guarantor" or one.days_late]
    return sorted(found, key=lambda one: (one.due_on, one.loan_ref, one.number))


def standing(owed: Iterable[Owed], *, today: date) -> list[Standing]:
    """By currency what is due, or where nothing is what falls due next."""
    by_currency: dict[str, list[Owed]] = {}
    for one in owed:
        by_currency.setdefault(one.open.currency, []).append(one)
    return [_standing(currency, of, today) for currency, of in sorted(by_currency.items())]


def first_due(owed: Sequence[Owed], *, today: date) -> list[Owed]:
    """What `standing` sums up: the due ones of each currency, else the earliest."""
    return [
        one
        for currency in sorted({one.open.currency for one in owed})
        for one in _first([other for other in owed if other.open.currency == currency], today)
    ]


def _first(owed: Sequence[Owed], today: date) -> list[Owed]:
    earliest = min(one.due_on for one in owed)
    return [one for one in owed if one.due_on <= max(today, earliest)]


def _standing(currency: str, owed: Sequence[Owed], today: date) -> Standing:
    due = _first(owed, today)
    return Standing(
        Money(sum(one.open.amount_minor for one in due), currency),
        min(one.due_on for one in due),
        max(one.days_late for one in due),
    )


def _of_borrower(
    conn: psycopg.Connection,
    lane: int,
    borrower_id: UUID,
    today: date,
    role: str,
    only: frozenset[UUID] | None,
) -> list[Owed]:
    place: dict[str, Any] = {"lane": lane, "borrower_id": borrower_id}
    loans = {loan.loan_id: loan for loan in loans_of(conn, **place) if only is None or loan.loan_id in only}
    pauses = pauses_of(conn, **place)
    with conn.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(SQL["installment_parts"], place).fetchall()
    parts = {(row["loan_id"], row["number"]): row for row in rows}
    found: list[Owed] = []
    coming: set[UUID] = set()
    for one in installments_of(conn, **place, as_of=today):
        loan = loans.get(one.loan_id)
        if loan is None or not one.is_open or one.due_minor <= one.paid_minor:
            continue
        if one.due_on > today:
            if one.loan_id in coming:
                continue
            coming.add(one.loan_id)
        made_of = parts[one.loan_id, one.number]
        found.append(_owed(lane, loan, one, made_of, pauses.get(one.loan_id, ()), today, role))
    return found


def _owed(
    lane: int,
    loan: Loan,
    one: Installment,
    made_of: dict[str, Any],
    pauses: Sequence[Pause],
    today: date,
    role: str,
) -> Owed:
    amounts = {part: made_of[f"{part}_minor"] for part in PARTS}
    whole = None not in amounts.values() and sum(amounts.values()) == one.due_minor
    days = 0
    if one.grace_days is not None and (today - one.due_on).days > one.grace_days:
        since = one.past_due_from or one.due_on
        days = counted_days(since, today, [pause for pause in pauses if pause.deferral])
    return Owed(
        lane=lane,
        loan_id=loan.loan_id,
        number=one.number,
        loan_ref=loan.loan_ref,
        creditor=loan.creditor,
        product=loan.product,
        role=role,
        due_on=one.due_on,
        open=Money(one.due_minor - one.paid_minor, loan.currency),
        paid=Money(one.paid_minor, loan.currency),
        parts=tuple(
            (part, Money(amount, loan.currency)) for part, amount in amounts.items() if whole and amount
        ),
        balance=None if one.balance_minor is None else Money(one.balance_minor, loan.currency),
        days_late=days,
        autopay=loan.autopay,
    )
