"""How much of a year lies between two days, by the conventions loan contracts name.

Exact: every share is a Fraction.
"""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from fractions import Fraction


class DayCount(StrEnum):
    """A contract's day-count convention. Under each, a span split at any day is worth as much as the whole."""

    THIRTY_360 = "30/360"
    """30E/360 (ISDA 2006 section 4.16(g)): every month has thirty days, the 31st counts as the 30th."""
    ACTUAL_360 = "actual/360"
    ACTUAL_365 = "actual/365"
    """Fixed: 365 also in a leap year."""
    ACTUAL_ACTUAL = "actual/actual"
    """ISDA 2006 section 4.16(b): days in a leap year over 366, the others over 365."""


def year_fraction(start: date, end: date, convention: DayCount) -> Fraction:
    """Share of a year from start (counted) to end (not counted), exactly.

    Raises ValueError when end is before start.
    """
    if end < start:
        raise ValueError(f"{end} is before {start}")
    if convention is DayCount.ACTUAL_360:
        return Fraction((end - start).days, 360)
    if convention is DayCount.ACTUAL_365:
        return Fraction((end - start).days, 365)
    if convention is DayCount.ACTUAL_ACTUAL:
        return _years_to(end) - _years_to(start)
    days = (
        (end.year - start.year) * 360
        + (end.month - start.month) * 30
        + (min(end.day, 30) - min(start.day, 30))
    )
    return Fraction(days, 360)


def _years_to(day: date) -> Fraction:
    """Years since the first of January of year 0, each year's days being equal shares of it."""
    first, after = date(day.year, 1, 1), date(day.year, 12, 31)
    return day.year + Fraction((day - first).days, (after - first).days + 1)
