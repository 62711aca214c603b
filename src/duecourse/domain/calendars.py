"""Working days of a region, and what a contract does with a due day that falls on a holiday.

The calendars are those of two libraries: `chinesecalendar` for mainland China, with the days off and the make-up
Saturdays and Sundays that the State Council announces each autumn for the next year; `holidays` for everywhere
else. Beyond the announced years the first raises and the second silently estimates, so what it is trusted for is
stated here, country by country: `covered_years`. Outside these years, and for countries not listed, nothing is
guessed: the contract's day stands and is marked provisional, to be computed again when a newer calendar is there.

Weekends are the region's own (Friday and Saturday in Qatar). A country is ISO 3166-1 (`CN`), a subdivision ISO 3166-2
(`US-MA`, `BR-SP`); where holidays differ by state, the country alone carries only those that all states share.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from functools import cache

import chinese_calendar  # type: ignore[import-untyped]
from babel import Locale
from chinese_calendar.constants import holidays as announced_in_china  # type: ignore[import-untyped]
from holidays import country_holidays, list_supported_countries
from holidays.holiday_base import HolidayBase

_FIRST_YEAR = 2000
"""Older entries of the libraries were never compared with the official lists of their time."""

_BY_LAW_THROUGH = 2035
# A law names the days, by date, weekday or Easter, for good. Laws change (Juneteenth in 2021), so these end too.
# ruff: noqa: SIM905
_BY_LAW = frozenset(
    "AT BE BR CA CH CL CO CZ DE DK EE FI FR GB GR HR IE IS IT LT LU MX NL NO NZ PE PL PT RO SE SI SK US ZA".split()
)
# Each year is announced by decree, gazette or almanac: the last year whose announcement the library's sources name.
# Read in the sources of holidays 0.109; raise a year only after reading them again.
_ANNOUNCED_THROUGH = {
    "AE": 2026, "AR": 2026, "AU": 2026, "BG": 2026, "BH": 2026, "ES": 2026, "GH": 2026, "HK": 2026, "HU": 2026,
    "ID": 2026, "IN": 2026, "JP": 2027, "KE": 2026, "KR": 2026, "LK": 2026, "LV": 2026, "MO": 2026, "MY": 2027,
    "OM": 2026, "PH": 2026, "PK": 2026, "QA": 2026, "SG": 2027, "TH": 2026, "TR": 2026, "TW": 2026, "UZ": 2026,
    "VN": 2026,
}  # fmt: skip

_NO_COUNTRIES = frozenset("EU EZ QO UN XA XB ZZ".split())
"""Two letters that Unicode's list of territories has beside ISO 3166."""
_REGION = re.compile(r"([A-Z]{2})(?:-([A-Z0-9]{1,3}))?")


class Shift(StrEnum):
    """What becomes of a due day that is no working day."""

    NONE = "none"
    """It stands. The default everywhere, and the custom of China's lenders: they debit on the contract's day."""
    FOLLOWING = "following"
    """The next working day."""
    MODIFIED_FOLLOWING = "modified-following"
    """The next working day, or the last one before when the next lies in another month."""
    PRECEDING = "preceding"
    """The last working day before."""


DEFAULT_SHIFT = Shift.NONE


@dataclass(frozen=True, slots=True)
class ShiftedDay:
    """A due day after the shift.

    provisional: no calendar covers a year that had to be asked; `day` is then the contract's day. Shift it again
    once a newer calendar is there.
    """

    day: date
    provisional: bool = False


class UnknownRegionError(ValueError):
    """A region that is no ISO 3166 code. Its text quotes the code and says what was expected."""


class UncoveredYearError(ValueError):
    """No calendar covers the year in this region."""


def shift_day(contract_day: date, shift: Shift, region: str) -> ShiftedDay:
    """The day on which what falls due on `contract_day` is due in `region`.

    With `Shift.NONE` the contract's day, never provisional, whatever the region. Otherwise a year that is not covered,
    of the contract's day or of a neighbour that had to be asked, leaves the contract's day and marks it provisional.
    Raises UnknownRegionError for what is no ISO 3166 code.
    """
    if shift is Shift.NONE:
        return ShiftedDay(contract_day)
    try:
        return ShiftedDay(_shifted(contract_day, shift, region))
    except UncoveredYearError:
        return ShiftedDay(contract_day, provisional=True)


def is_working_day(day: date, region: str) -> bool:
    """Whether people work in the region on that day; make-up Saturdays are working days.

    Raises UncoveredYearError where no calendar says, UnknownRegionError for what is no ISO 3166 code.
    """
    if not is_covered(day.year, region):
        raise UncoveredYearError(f"no calendar covers {day.year} in {region}")
    if country_of(region) == "CN":
        return bool(chinese_calendar.is_workday(day))
    return _calendar(region, day.year).is_working_day(day)


def is_covered(year: int, region: str) -> bool:
    """Whether the calendar of the region is known, not estimated, for the whole year."""
    years = covered_years(region)
    return year in years and (country_of(region) == "CN" or not _has_estimates(region, year))


def covered_years(region: str) -> range:
    """Years for which a calendar is installed; empty for a region without one.

    A year inside may still hold an estimated feast (a moon not yet sighted) and is then not covered: ask `is_covered`.
    A subdivision that the library does not know has no calendar, unless its country has one calendar for all.
    Raises UnknownRegionError for what is no ISO 3166 code.
    """
    country = country_of(region)
    if country == "CN":
        return range(min(announced_in_china).year, max(announced_in_china).year + 1)
    last = _BY_LAW_THROUGH if country in _BY_LAW else _ANNOUNCED_THROUGH.get(country)
    subdivisions = _subdivisions().get(country)
    if last is None or subdivisions is None:
        return range(0)
    if region[3:] and subdivisions and region[3:] not in subdivisions:
        return range(0)
    bounds = _bounds(country)
    return range(max(_FIRST_YEAR, bounds.start), min(last + 1, bounds.stop))


@cache
def country_of(region: str) -> str:
    """The country of an ISO 3166 code: US of US-MA. Raises UnknownRegionError."""
    match = _REGION.fullmatch(region)
    if match is None or match[1] not in Locale("en").territories or match[1] in _NO_COUNTRIES:
        raise UnknownRegionError(f"'{region}' is not a region; use an ISO 3166 code like CN or US-MA")
    return match[1]


def _shifted(day: date, shift: Shift, region: str) -> date:
    if shift is Shift.PRECEDING:
        return _walk(day, -1, region)
    if shift is Shift.FOLLOWING:
        return _walk(day, 1, region)
    after = day
    while after.month == day.month:  # the next month, perhaps of an uncovered year, need not be asked
        if is_working_day(after, region):
            return after
        after += timedelta(days=1)
    return _walk(day, -1, region)


def _walk(day: date, step: int, region: str) -> date:
    while not is_working_day(day, region):
        day += timedelta(days=step)
    return day


@cache
def _subdivisions() -> dict[str, frozenset[str]]:
    return {country: frozenset(codes) for country, codes in list_supported_countries().items()}


@cache
def _bounds(country: str) -> range:
    calendar = country_holidays(country)
    return range(calendar.start_year, calendar.end_year + 1)


def _calendar(region: str, year: int) -> HolidayBase:
    country = country_of(region)
    return _filled(country, region[3:] if _subdivisions()[country] else "", year)


@cache
def _filled(country: str, subdivision: str, year: int) -> HolidayBase:
    # A make-up day is entered with the year of its holiday, which may be the next (27 December 2014 in Taiwan).
    years = [one for one in (year, year + 1) if one in _bounds(country)]
    return country_holidays(country, subdiv=subdivision or None, years=years, expand=False)


def _has_estimates(region: str, year: int) -> bool:
    country = country_of(region)
    return _estimated(country, region[3:] if _subdivisions()[country] else "", year)


@cache
def _estimated(country: str, subdivision: str, year: int) -> bool:
    """Whether the library itself marks a holiday of the year as estimated, which it does in the country's language."""
    calendar = _filled(country, subdivision, year)
    label = getattr(calendar, "estimated_label", None)
    if label is None:
        return False
    mark = calendar.tr(label).replace("%s", "").strip("()（） ")
    return any(mark in name for day, name in calendar.items() if day.year == year)
