"""The periods of a loan: from one due day to the next, and which share of a year's interest each bears."""

from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction
from typing import NamedTuple

from ..day_count import DayCount, year_fraction
from .due_days import add_months, clipped
from .terms import Terms


class Period(NamedTuple):
    """One period, start counted, end not. Days are the contract's, before any shift.

    share: of a year, what this period bears. regular_share: what it would bear were it of regular length;
    another number only for a first period that is shorter or longer.
    day_count: None when the share is spread evenly over its days.
    """

    number: int
    start: date
    end: date
    share: Fraction
    regular_share: Fraction
    day_count: DayCount | None

    def share_between(self, since: date, until: date) -> Fraction:
        """Share of a year of a part of the period. The parts of a period add up to its share."""
        if (since, until) == (self.start, self.end):
            return self.share
        if self.day_count is DayCount.THIRTY_360:
            # A whole month bears thirty days also where February ends it, and its parts share them.
            whole = year_fraction(self.start, self.end, self.day_count)
            return self.share * year_fraction(since, until, self.day_count) / whole
        if self.day_count is not None:
            return year_fraction(since, until, self.day_count)
        return self.share * Fraction((until - since).days, (self.end - self.start).days)


def periods_of(terms: Terms) -> list[Period]:
    """Every period of the contract, in order."""
    before, *ends = _due_days(terms)
    start, made = terms.started_on or before, []
    whole = _whole(terms, before)
    even = _even_share(terms)
    for number, end in enumerate(ends, start=1):
        if number == 1 and not whole:
            regular = even or year_fraction(before, end, terms.day_count or DayCount.ACTUAL_365)
            share = year_fraction(start, end, terms.day_count or DayCount.ACTUAL_365)
        else:
            share = regular = even or year_fraction(start, end, terms.day_count or DayCount.ACTUAL_365)
        made.append(Period(number, start, end, share, regular, terms.day_count))
        start = end
    return made


def _due_days(terms: Terms) -> list[date]:
    """The due days, and in front of them the day on which a regular first period begins."""
    counts = range(-1, terms.periods)
    if terms.every.weeks:
        return [terms.first_due_on + timedelta(weeks=terms.every.weeks * i) for i in counts]
    due_day = 31 if terms.month_end else terms.due_day or terms.first_due_on.day
    first = terms.first_due_on.replace(day=1)
    return [clipped(add_months(first, terms.every.months * i), due_day) for i in counts]


def _whole(terms: Terms, before: date) -> bool:
    """Whether the first period is a regular one: from the due day before, or the same day of the month before."""
    start = terms.started_on
    return (
        start is None
        or start == before
        or (terms.every.months > 0 and add_months(start, terms.every.months) == terms.first_due_on)
    )


def _even_share(terms: Terms) -> Fraction | None:
    """What every regular period bears where its days do not matter: without a day count, and months by 30/360."""
    if terms.day_count is not None and (terms.day_count is not DayCount.THIRTY_360 or terms.every.weeks):
        return None
    return Fraction(terms.every.months, 12) if terms.every.months else Fraction(terms.every.weeks, 52)
