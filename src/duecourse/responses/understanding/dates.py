"""Days counted on the calendar: the next 15th, the Friday of next week, the last of the month."""

from __future__ import annotations

from calendar import monthrange
from datetime import date, timedelta
from functools import cache
from typing import Final

from babel import Locale, UnknownLocaleError
from babel.core import get_global

_OFFICIAL: Final = ("official", "de_facto_official")
_YEAR_FIRST: Final = ("zh", "zh_Hant", "ja", "ko", "hu", "mn")
"""Languages that write years first in daily life too, not in standards alone: 3/12 is March there."""
_FAR: Final = 183
"""Days ahead beyond which a day without a year is taken for one that is past."""


def last_of_month(today: date, ahead: int) -> date:
    """The last day of the month, `ahead` months on."""
    year, month = _months_on(today, ahead)
    return date(year, month, monthrange(year, month)[1])


def next_day_of_month(today: date, day: int, ahead: int = 0) -> tuple[date, ...]:
    """The next such day of a month, today's included; of the month `ahead` on where that is not 0. Empty for the
    31st of a month of thirty days.
    """
    year, month = _months_on(today, ahead or (1 if day < today.day else 0))
    return (date(year, month, day),) if 1 <= day <= monthrange(year, month)[1] else ()


def next_date(today: date, month: int, day: int, year: int | None = None) -> tuple[date, ...]:
    """That day of this year or the next, whichever is to come within half a year; else of this one. Empty for 2/30."""
    made: list[date] = []
    for tried in (year,) if year else (today.year, today.year + 1):
        try:
            made.append(date(tried, month, day))
        except ValueError:
            continue
    coming = [one for one in made if today <= one <= today + timedelta(days=_FAR)]
    return tuple(coming[:1] or made[:1])


def next_weekday(today: date, weekday: int) -> date:
    """The first such day after today. weekday: 0 is Monday."""
    return today + timedelta(days=(weekday - today.weekday() - 1) % 7 + 1)


def of_week(today: date, ahead: int, weekday: int) -> date:
    """A day of this calendar week, or of one `ahead`; weeks begin on Monday."""
    return today + timedelta(days=7 * ahead + weekday - today.weekday())


@cache
def month_first(region: str) -> bool | None:
    """Whether 3/12 is March where people live, as CLDR has it; None where that is unknown or both are usual."""
    spoken = get_global("territory_languages").get(region, {})
    official = [name for name, facts in spoken.items() if facts.get("official_status") in _OFFICIAL]
    orders = {_order(name, region) for name in official} - {None}
    return orders.pop() if len(orders) == 1 else None


def _order(language: str, region: str) -> bool | None:
    try:
        pattern: str = Locale.parse(f"{language}_{region}").date_formats["short"].pattern
    except (UnknownLocaleError, ValueError):
        return None
    if pattern.startswith("y") and language not in _YEAR_FIRST:
        return None
    return pattern.index("M") < pattern.index("d")


def _months_on(today: date, months: int) -> tuple[int, int]:
    years, month = divmod(today.month - 1 + months, 12)
    return today.year + years, month + 1
