"""Public holidays, for contact windows that are shut on them.

A year that no calendar covers is taken on the stricter side.
"""

from __future__ import annotations

from datetime import date
from functools import cache

from holidays import country_holidays

from duecourse.domain.calendars import country_of, is_covered

FIRST_YEAR = 2020
LAST_YEAR = 2040
"""Judged beyond it, a window that is shut on holidays is shut on the same days of the calendar as in covered years."""


@cache
def days_off(region: str) -> tuple[date, ...]:
    """Every public holiday of a region from FIRST_YEAR to LAST_YEAR, in order. region: ISO 3166-1 or 3166-2.

    Of a year that is not covered (not announced yet, or with a feast that is only estimated) both the estimates and
    every day of the year that was a holiday in some covered year. For a region without a calendar there is none.
    """
    country, subdivision = country_of(region), region[3:] or None
    years = range(FIRST_YEAR, LAST_YEAR + 1)
    try:
        listed = set(country_holidays(country, subdiv=subdivision, years=years))
    except NotImplementedError:
        return ()
    covered = {year for year in years if is_covered(year, region)}
    seen = {(day.month, day.day) for day in listed if day.year in covered}
    for year in set(years) - covered:
        listed |= {date(year, month, day) for month, day in seen if (month, day) != (2, 29)}
    return tuple(sorted(listed))
