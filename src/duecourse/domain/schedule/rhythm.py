"""How often payments fall due, and on which day of the month, read from the due days themselves."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from .due_days import clipped
from .terms import MONTHLY, Every


class Rhythm(NamedTuple):
    """As Terms takes it. due_day: None where the first day does not lie on the latest day of any month of them."""

    every: Every
    due_day: int | None


def rhythm_of(days: Sequence[date]) -> Rhythm:
    """The rhythm of due days in order, at least one; of a single one monthly."""
    if len(days) == 1:
        return Rhythm(MONTHLY, None)
    first, second = days[0], days[1]
    weeks, rest = divmod((second - first).days, 7)
    months = (second.year - first.year) * 12 + second.month - first.month
    if rest == 0 and 1 <= weeks <= 3:
        return Rhythm(Every(weeks=weeks), None)
    latest = max(day.day for day in days)
    due_day = latest if clipped(first, latest) == first else None
    return Rhythm(Every(months=min(max(months, 1), 12)), due_day)
