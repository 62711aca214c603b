"""Moving the due day of a monthly schedule, with the interest of the odd days."""

from __future__ import annotations

import calendar
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, localcontext

from .day_count import DayCount, year_fraction
from .money import round_minor

MONTH_END = 31


@dataclass(frozen=True, slots=True)
class Upcoming:
    """An installment that has not fallen due. principal_minor: None where the lender's file does not say."""

    number: int
    due_on: date
    principal_minor: int | None = None


@dataclass(frozen=True, slots=True)
class Move:
    """The moved days, and what the first of them bears for it.

    odd_days: by which the first period became longer; negative when it became shorter. odd_interest_minor has its
    sign. balance_minor: the principal that bore it; None when nobody asked for interest.
    """

    days: Sequence[tuple[Upcoming, date]]
    odd_days: int
    odd_interest_minor: int = 0
    balance_minor: int | None = None


def day_in_month(year: int, month: int, due_day: int) -> date:
    """The due day of a month; its last day where the month is shorter. Raises ValueError unless 1 to 31."""
    if not 1 <= due_day <= MONTH_END:
        raise ValueError(f"a due day is 1 to {MONTH_END}, not {due_day}")
    return date(year, month, min(due_day, calendar.monthrange(year, month)[1]))


def move_due_day(
    installments: Sequence[Upcoming],
    due_day: int,
    *,
    annual_rate: Decimal | None,
    day_count: DayCount = DayCount.ACTUAL_365,
) -> Move:
    """Every installment on due_day of its own month, in order; later periods keep their length.

    installments: all that remain, of which the first bears the odd days, on the principal they repay together.
    annual_rate: a fraction; None leaves the interest out.
    Raises ValueError when two fall in one month, the balance is not known, or due_day is not 1 to 31.
    """
    months = {(one.due_on.year, one.due_on.month) for one in installments}
    if len(months) < len(installments):
        raise ValueError("two installments fall in one month: a due day is of monthly installments")
    days = [(one, day_in_month(one.due_on.year, one.due_on.month, due_day)) for one in installments]
    if not days:
        return Move((), 0)
    first, moved_to = days[0]
    odd_days = (moved_to - first.due_on).days
    if annual_rate is None:
        return Move(days, odd_days)
    parts = [one.principal_minor for one in installments if one.principal_minor is not None]
    if len(parts) < len(installments):
        raise ValueError(
            "the principal of an installment is not known, so neither is what bears the interest"
        )
    balance = sum(parts)
    early, late = sorted((first.due_on, moved_to))
    share = year_fraction(early, late, day_count)
    with localcontext() as precise:
        precise.prec = 50
        interest = round_minor(balance * annual_rate * share.numerator / share.denominator)
    return Move(days, odd_days, interest if odd_days > 0 else -interest, balance)
