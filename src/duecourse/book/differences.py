"""Where the lender's installments differ from what the loans' own terms give. The lender's win; this only reports.

Lane by lane, one statement each: a book of any size is compared in the memory of one lane.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import NamedTuple

import psycopg
from psycopg.rows import class_row

from duecourse.domain.day_count import DayCount
from duecourse.domain.schedule import (
    Difference,
    Method,
    Terms,
    TermsError,
    build_schedule,
    compare_with_lender,
    rhythm_of,
)
from duecourse.store.sql import load

SQL = load("book/differences")

_METHODS = [method.value for method in Method if method not in (Method.GIVEN, Method.REVOLVING)]
"""Whose schedules follow from terms alone."""


class LoanDifferences(NamedTuple):
    """One loan whose installments are not what its terms give."""

    creditor: str
    loan_ref: str
    currency: str
    differences: list[Difference]


@dataclass(slots=True)
class Comparison:
    """How many loans were compared, and why others could not be. Counts grow while the book is walked.

    left_out: by reason, one of LEFT_OUT.
    """

    compared: int = 0
    differing: int = 0
    left_out: Counter[str] = field(default_factory=Counter)


LEFT_OUT = ("floating rate", "terms not in the book", "not every installment listed", "impossible terms")


class _Listed(NamedTuple):
    number: int
    due_on: date
    due_minor: int
    principal_minor: int | None
    interest_minor: int | None


@dataclass(frozen=True, slots=True)
class _Loan:
    """A row of loans_as_listed."""

    creditor: str
    loan_ref: str
    currency: str
    method: str
    rate_type: str
    principal_minor: int | None
    annual_rate: Decimal | None
    started_on: date | None
    day_count: str | None
    numbers: list[int]
    due_on: list[date]
    due_minor: list[int]
    listed_principal_minor: list[int | None]
    listed_interest_minor: list[int | None]

    def listed(self) -> list[_Listed]:
        """The lender's installments, by number."""
        columns = (self.numbers, self.due_on, self.due_minor)
        parts = (self.listed_principal_minor, self.listed_interest_minor)
        return [_Listed(*row) for row in zip(*columns, *parts, strict=True)]


def differing_loans(
    conn: psycopg.Connection,
    comparison: Comparison,
    *,
    tolerance_minor: int = 0,
    day_count: DayCount | None = None,
) -> Iterator[LoanDifferences]:
    """Every loan whose installments differ, lane by lane; `comparison` counts on the way.

    tolerance_minor: amounts this far apart are the same. day_count: the lender's convention for loans that name none
    themselves; None as in Terms. What the book computed from terms itself is no word of the lender's and not looked at.
    Fees are no part of a schedule and are left out of what is compared. How often payments fall due, and on which day
    of the month, is read from the lender's own days.
    """
    lanes = [lane for (lane,) in conn.execute(SQL["lanes_with_loans"]).fetchall()]
    for lane in lanes:
        with conn.cursor(row_factory=class_row(_Loan)) as cursor:
            loans = cursor.execute(SQL["loans_as_listed"], {"lane": lane, "methods": _METHODS}).fetchall()
        for loan in loans:
            try:
                terms = _terms(loan, DayCount(loan.day_count) if loan.day_count else day_count)
                if isinstance(terms, str):
                    comparison.left_out[terms] += 1
                    continue
                computed = build_schedule(Method(loan.method), terms)
            except TermsError:
                comparison.left_out["impossible terms"] += 1
                continue
            comparison.compared += 1
            if found := compare_with_lender(loan.listed(), computed, tolerance_minor=tolerance_minor):
                comparison.differing += 1
                yield LoanDifferences(loan.creditor, loan.loan_ref, loan.currency, found)


def _terms(loan: _Loan, day_count: DayCount | None) -> Terms | str:
    """The loan's terms, or the reason why they are not known."""
    if loan.rate_type == "floating":
        return "floating rate"  # the book has today's rate, not those before
    needs_start = day_count is not None or loan.method == Method.BULLET
    if loan.principal_minor is None or loan.annual_rate is None or (needs_start and loan.started_on is None):
        return "terms not in the book"
    if loan.numbers != list(range(1, len(loan.numbers) + 1)):
        return "not every installment listed"
    rhythm = rhythm_of(loan.due_on)
    return Terms(
        loan.principal_minor,
        loan.annual_rate,
        len(loan.numbers),
        loan.due_on[0],
        started_on=loan.started_on,
        day_count=day_count,
        every=rhythm.every,
        due_day=rhythm.due_day,
    )
