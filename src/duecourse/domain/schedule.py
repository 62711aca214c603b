"""Schedules: what falls due when.

Amounts are integer minor units; sums are exact; the last payment absorbs rounding.
"""

from __future__ import annotations

import calendar
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, localcontext
from enum import StrEnum
from fractions import Fraction

from .day_count import DayCount, year_fraction
from .money import round_minor

MOST_PERIODS = 1200


class Method(StrEnum):
    """How a loan is repaid."""

    ANNUITY = "annuity"
    EQUAL_PRINCIPAL = "equal-principal"
    REVOLVING = "revolving"
    GIVEN = "given"
    """The lender's file lists the installments; we compute none."""


@dataclass(frozen=True, slots=True)
class Due:
    """One installment of a schedule. What is due is principal plus interest."""

    number: int
    due_on: date
    principal_minor: int
    interest_minor: int

    @property
    def due_minor(self) -> int:
        """What must be paid by due_on."""
        return self.principal_minor + self.interest_minor


@dataclass(frozen=True, slots=True)
class Terms:
    """What a contract says.

    annual_rate: nominal, 0.045 is 4.5 % a year. started_on: pay-out, where interest begins;
    needed with a day_count.
    day_count: None means that every month bears a twelfth of the year's interest.
    """

    principal_minor: int
    annual_rate: Decimal
    periods: int
    first_due_on: date
    month_end: bool = False
    started_on: date | None = None
    day_count: DayCount | None = None

    def __post_init__(self) -> None:
        if self.principal_minor <= 0:
            raise ValueError("the principal must be above zero")
        if not 1 <= self.periods <= MOST_PERIODS:
            raise ValueError(f"the number of installments must be 1 to {MOST_PERIODS}")
        if not 0 <= self.annual_rate < 100:
            raise ValueError("the annual rate must be a fraction from 0 (0.045 is 4.5 %)")
        if self.day_count is not None and self.started_on is None:
            raise ValueError("a day count needs the day the loan started")
        if self.started_on is not None and self.started_on > self.first_due_on:
            raise ValueError("the loan starts after its first due day")


def add_months(day: date, months: int, *, month_end: bool = False) -> date:
    """The same day of another month, or that month's last day when it is shorter or month_end is set."""
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return date(year, month + 1, last if month_end else min(day.day, last))


def monthly_due_dates(first_due_on: date, periods: int, *, month_end: bool = False) -> list[date]:
    """Monthly due days, counted from the first: 31 January, 28 February, 31 March, no drift to the 28th.

    month_end: every one is the last day of its month.
    """
    return [add_months(first_due_on, i, month_end=month_end) for i in range(periods)]


def annuity_payment(principal: Decimal, periodic_rate: Decimal, periods: int) -> Decimal:
    """Level payment that repays `principal` in `periods` payments in arrears, unrounded.

    periodic_rate: per period, 0.01 is 1 %. Raises ValueError for periods < 1 or a negative rate.
    Source: standard annuity formula; agrees with numpy_financial.pmt.
    """
    if periods < 1:
        raise ValueError("periods must be 1 or more")
    if periodic_rate < 0:
        raise ValueError("the rate must not be negative")
    with localcontext() as precise:
        precise.prec = 50
        if periodic_rate == 0:
            return principal / periods
        growth = (1 + periodic_rate) ** periods
        if growth == 1:  # a rate below the precision bears no interest that money could show
            return principal / periods
        return principal * periodic_rate * growth / (growth - 1)


def annuity(terms: Terms) -> list[Due]:
    """Level payments: interest on what is owed, the rest repays; the last payment clears the balance."""
    with localcontext() as precise:
        precise.prec = 50
        monthly_rate = terms.annual_rate / 12
    level = round_minor(annuity_payment(Decimal(terms.principal_minor), monthly_rate, terms.periods))
    return _repay(terms, [None] * (terms.periods - 1), level)


def equal_principal(terms: Terms) -> list[Due]:
    """The same principal each month, with interest on what is owed; the last takes the remainder."""
    share = terms.principal_minor // terms.periods
    return _repay(terms, [share] * (terms.periods - 1), 0)


def _repay(terms: Terms, principals: Sequence[int | None], level: int) -> list[Due]:
    """Run a balance down. A None principal is what `level` leaves after interest, never negative."""
    balance = terms.principal_minor
    dues: list[Due] = []
    days = monthly_due_dates(terms.first_due_on, terms.periods, month_end=terms.month_end)
    since = terms.started_on
    for number, due_on in enumerate(days, start=1):
        interest = _interest(balance, terms, since, due_on)
        if number == terms.periods:
            principal = balance
        else:
            given = principals[number - 1]
            principal = given if given is not None else min(balance, max(0, level - interest))
        dues.append(Due(number, due_on, principal, interest))
        balance -= principal
        since = due_on
    return dues


def _interest(balance_minor: int, terms: Terms, since: date | None, due_on: date) -> int:
    """Interest of one period on the balance, half-up to the minor unit."""
    if terms.day_count is None or since is None:
        share = Fraction(1, 12)
    else:
        share = year_fraction(since, due_on, terms.day_count)
    with localcontext() as precise:
        precise.prec = 50
        return round_minor(balance_minor * terms.annual_rate * share.numerator / share.denominator)


def build_schedule(method: Method, terms: Terms) -> list[Due]:
    """The schedule by method. Raises ValueError for methods whose amounts only the lender knows."""
    if method is Method.ANNUITY:
        return annuity(terms)
    if method is Method.EQUAL_PRINCIPAL:
        return equal_principal(terms)
    raise ValueError(f"a schedule cannot be computed for method '{method}': the lender's file must list it")


def revolving_minimum(balance_minor: int, percent: Decimal, floor_minor: int) -> int:
    """Minimum due of a revolving statement: percent of the balance (10 is 10 %), at least the floor.

    Never above the balance. Rounded half-up to the minor unit; zero for a statement of zero or in credit.
    """
    if not 0 <= percent <= 100:
        raise ValueError("percent must be 0 to 100")
    if balance_minor <= 0:
        return 0
    return min(balance_minor, max(floor_minor, round_minor(balance_minor * percent / 100)))
