"""What a contract says, and the rows that follow from it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from ..day_count import DayCount
from .due_days import clipped

MOST_PERIODS = 1200


class Method(StrEnum):
    """How a loan is repaid."""

    ANNUITY = "annuity"
    """Level payments (等额本息)."""
    EQUAL_PRINCIPAL = "equal-principal"
    """The same principal each time, interest on the rest (等额本金)."""
    INTEREST_ONLY = "interest-only"
    """Interest each time, the principal with the last (先息后本)."""
    BULLET = "bullet"
    """One payment of everything at the end (到期一次还本付息); interest is simple."""
    FLAT = "flat"
    """The same principal and the same interest each time, on the amount first lent (等本等息)."""
    REVOLVING = "revolving"
    """A minimum of what is owed."""
    GIVEN = "given"
    """The lender's file lists the installments; we compute none."""


@dataclass(frozen=True, slots=True)
class Every:
    """How often a payment falls due: each so many months, or each so many weeks. Exactly one is above zero."""

    months: int = 0
    weeks: int = 0

    def __post_init__(self) -> None:
        counts = (self.months, self.weeks)
        if min(counts) < 0 or (self.months > 0) == (self.weeks > 0) or self.months > 12 or self.weeks > 52:
            raise ValueError("payments fall due every 1 to 12 months or every 1 to 52 weeks")

    @classmethod
    def of(cls, text: str) -> Every:
        """From text like 1m, 3m, 1w, 2w. Raises ValueError."""
        match = re.fullmatch(r"([0-9]{1,2})([mw])", text)
        if match is None:
            raise ValueError(f"'{text}' is no interval; use 1m, 3m, 1w, 2w")
        count = int(match[1])
        return cls(months=count) if match[2] == "m" else cls(weeks=count)


MONTHLY = Every(months=1)


@dataclass(frozen=True, slots=True)
class Repricing:
    """A new yearly rate from a day on, that day included. 0.045 is 4.5 % a year."""

    day: date
    annual_rate: Decimal


class Then(StrEnum):
    """What a prepayment changes. Interest-only and bullet loans have one principal payment: either word lowers it."""

    SHORTEN = "shorten"
    """Payments stay as they are, and end earlier."""
    LOWER = "lower"
    """As many payments as before, each lower."""


@dataclass(frozen=True, slots=True)
class Prepayment:
    """Money paid between due days: accrued interest first, then principal. On a due day the installment comes first."""

    day: date
    amount_minor: int
    then: Then


class TermsError(ValueError):
    """Terms that cannot be, or contradict each other. field: of Terms, the one to mend."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(text)
        self.field = field


class PrepaymentError(ValueError):
    """A prepayment that the loan cannot take. at_most_minor: what settles the loan that day, when it is too much."""

    def __init__(self, text: str, prepayment: Prepayment, at_most_minor: int | None = None) -> None:
        super().__init__(text)
        self.prepayment = prepayment
        self.at_most_minor = at_most_minor


class Due(NamedTuple):
    """One row of a schedule: an installment, or a prepayment on its own day. It pays principal plus interest.

    number: of the installment; a prepayment has the number of the installment it comes before.
    due_on: after the holiday shift; contract_day before it. Interest runs by the contract's days.
    days: since the row before, or since pay-out. balance_minor: principal still owed after it.
    provisional: no calendar covers the year yet, see `calendars.ShiftedDay`.
    """

    number: int
    due_on: date
    principal_minor: int
    interest_minor: int
    contract_day: date
    days: int
    balance_minor: int
    provisional: bool = False
    is_prepayment: bool = False

    @property
    def due_minor(self) -> int:
        """What must be paid by due_on."""
        return self.principal_minor + self.interest_minor


_RATE = "the annual rate must be a fraction from 0 (0.045 is 4.5 %)"
_GRACE = "grace must end before the last installment"


@dataclass(frozen=True, slots=True)
class Terms:
    """What a contract says. Raises TermsError for terms that cannot be or contradict each other.

    annual_rate: nominal, 0.045 is 4.5 % a year. started_on: pay-out, where interest begins; without it the first
    period is a regular one. Needed with a day_count.
    day_count: None means that a regular period bears its equal share of a year (a twelfth for a month, a 52nd for a
    week) and a first period of another length actual/365. By 30/360 a whole month bears thirty days, also to or
    from the end of February.
    due_day: 1 to 31, clipped to the month; None is the day of first_due_on. month_end: each due day, also the
    first, is moved to the last day of its month.
    balloon_minor: principal left for the last payment, on top of its own.
    principal_grace, interest_grace: the first so many payments repay no principal; or nothing at all, and their
    interest falls due with the first payment after them, without interest on it.
    """

    principal_minor: int
    annual_rate: Decimal
    periods: int
    first_due_on: date
    month_end: bool = False
    started_on: date | None = None
    day_count: DayCount | None = None
    every: Every = MONTHLY
    due_day: int | None = None
    balloon_minor: int = 0
    principal_grace: int = 0
    interest_grace: int = 0
    repricings: tuple[Repricing, ...] = ()
    prepayments: tuple[Prepayment, ...] = ()

    def __post_init__(self) -> None:
        for field, fits, text in (
            ("principal_minor", self.principal_minor > 0, "the principal must be above zero"),
            (
                "periods",
                1 <= self.periods <= MOST_PERIODS,
                f"the number of installments must be 1 to {MOST_PERIODS}",
            ),
            (
                "periods",
                self.first_due_on.year + self.periods * (self.every.months or 1) // 12 < 9999,
                "the loan must end before the year 9999",
            ),
            ("annual_rate", 0 <= self.annual_rate < 100, _RATE),
            ("repricings", all(0 <= one.annual_rate < 100 for one in self.repricings), _RATE),
            (
                "balloon_minor",
                0 <= self.balloon_minor <= self.principal_minor,
                "the balloon must be from zero to the principal",
            ),
            ("principal_grace", 0 <= self.principal_grace < self.periods, _GRACE),
            ("interest_grace", 0 <= self.interest_grace < self.periods, _GRACE),
        ):
            if not fits:
                raise TermsError(field, text)
        if self.day_count is not None and self.started_on is None:
            raise TermsError("started_on", "a day count needs the day the loan started")
        if self.started_on is not None and self.started_on > self.first_due_on:
            raise TermsError("first_due_on", "the loan starts after its first due day")
        self._check_due_day()

    def _check_due_day(self) -> None:
        if self.due_day is None:
            return
        if self.every.weeks:
            raise TermsError(
                "due_day", "a due day belongs to months; weeks are counted from the first due day"
            )
        if not 1 <= self.due_day <= 31:
            raise TermsError("due_day", "the due day must be 1 to 31")
        if clipped(self.first_due_on, self.due_day) != self.first_due_on:
            raise TermsError("due_day", "the first due day lies on another day of its month")
