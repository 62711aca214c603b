"""The days on which payments fall due, before any holiday shift."""

from __future__ import annotations

import calendar
from datetime import date


def clipped(month: date, day: int) -> date:
    """A day of the month in which `month` lies, or the month's last when it is shorter."""
    if day > 28:
        day = min(day, calendar.monthrange(month.year, month.month)[1])
    return month.replace(day=day)


def add_months(day: date, months: int, *, month_end: bool = False) -> date:
    """The same day of another month, or that month's last day when it is shorter or month_end is set."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return clipped(date(year, month + 1, 1), 31 if month_end else day.day)


def monthly_due_dates(first_due_on: date, periods: int, *, month_end: bool = False) -> list[date]:
    """Monthly due days, counted from the first: 31 January, 28 February, 31 March, no drift to the 28th.

    month_end: every one is the last day of its month.
    """
    return [add_months(first_due_on, i, month_end=month_end) for i in range(periods)]
