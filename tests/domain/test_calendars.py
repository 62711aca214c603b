from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duecourse.domain.calendars import (
    DEFAULT_SHIFT,
    Shift,
    ShiftedDay,
    UncoveredYearError,
    UnknownRegionError,
    covered_years,
    is_covered,
    is_working_day,
    shift_day,
)

REGIONS = ["CN", "TW", "US", "US-MA", "BR-SP", "SG", "QA", "GB-SCT", "IN-MH"]


def shifted(day: str, shift: str, region: str) -> str:
    found = shift_day(date.fromisoformat(day), Shift(shift), region)
    return found.day.isoformat() + (" provisional" if found.provisional else "")


@pytest.mark.parametrize(
    ("day", "region", "works"),
    [
        ("2026-02-14", "CN", True),  # a Saturday that is worked for the Spring Festival
        ("2026-02-15", "CN", False),
        ("2026-02-23", "CN", False),
        ("2026-02-24", "CN", True),
        ("2026-10-10", "CN", True),  # a Saturday that is worked for the National Day
        ("2026-10-10", "TW", False),
        ("2025-02-08", "TW", True),  # the last make-up Saturday of Taiwan
        ("2014-12-27", "TW", True),  # made up for a holiday of the next year
        ("2026-04-20", "US-MA", False),  # Patriots' Day
        ("2026-04-20", "US", True),
        ("2026-07-09", "BR-SP", False),
        ("2026-07-09", "BR", True),
        ("2026-01-02", "QA", False),  # a Friday
        ("2026-01-04", "QA", True),  # a Sunday
        ("2027-12-31", "US", False),  # New Year's Day of 2028, observed on the Friday before
    ],
)
def test_each_region_has_its_own_working_days(day: str, region: str, works: bool) -> None:
    assert is_working_day(date.fromisoformat(day), region) is works


@pytest.mark.parametrize(
    ("day", "shift", "region", "due"),
    [
        ("2026-02-28", "none", "CN", "2026-02-28"),
        ("2026-02-14", "following", "CN", "2026-02-14"),
        ("2026-02-16", "following", "CN", "2026-02-24"),
        ("2026-02-16", "preceding", "CN", "2026-02-14"),
        ("2026-01-31", "following", "US", "2026-02-02"),
        ("2026-01-31", "modified-following", "US", "2026-01-30"),
        ("2026-01-24", "modified-following", "US", "2026-01-26"),
        ("2027-07-04", "following", "US", "2027-07-06"),
        ("2026-05-31", "modified-following", "US-MA", "2026-05-29"),
    ],
)
def test_a_due_day_on_a_holiday_moves_as_the_contract_says(
    day: str, shift: str, region: str, due: str
) -> None:
    assert shifted(day, shift, region) == due


@pytest.mark.parametrize(
    ("day", "shift", "region"),
    [
        ("2030-05-01", "following", "CN"),
        ("2030-05-08", "modified-following", "CN"),  # a plain Wednesday: nobody knows that yet
        ("2030-05-01", "following", "TW"),
        ("2026-12-26", "following", "KW"),  # the library estimates Kuwait's feasts for every year
        ("2026-12-26", "following", "KP"),  # no library has the country
        ("2026-12-26", "following", "US-ZZ"),  # no library has the state
        ("2004-01-01", "preceding", "CN"),  # the answer lies before the first covered year
    ],
)
def test_beyond_the_covered_years_the_contract_date_stands_provisionally(
    day: str, shift: str, region: str
) -> None:
    assert shifted(day, shift, region) == f"{day} provisional"


def test_a_shift_that_needs_no_uncovered_year_is_not_provisional() -> None:
    last = covered_years("TW")[-1]
    saturday = next(d for d in (date(last, 12, 25 + i) for i in range(7)) if d.weekday() == 5)
    assert not shift_day(saturday, Shift.MODIFIED_FOLLOWING, "TW").provisional
    assert shifted("2030-05-01", "none", "CN") == "2030-05-01"
    assert DEFAULT_SHIFT is Shift.NONE


def test_years_whose_feasts_are_estimated_are_not_covered() -> None:
    assert is_covered(2026, "AE")
    assert 2015 in covered_years("AE") and not is_covered(2015, "AE")
    assert not is_covered(2027, "IN-MH")
    with pytest.raises(UncoveredYearError, match="no calendar covers 2040 in US"):
        is_working_day(date(2040, 1, 1), "US")


@pytest.mark.parametrize("region", ["China", "cn", "ZX", "EU", "US_MA", "001", ""])
def test_what_is_no_region_is_refused(region: str) -> None:
    with pytest.raises(UnknownRegionError, match="use an ISO 3166 code like CN or US-MA"):
        shift_day(date(2026, 1, 1), Shift.FOLLOWING, region)


@given(st.dates(date(2020, 1, 1), date(2028, 12, 31)), st.sampled_from(REGIONS), st.sampled_from(Shift))
def test_shifted_days_are_the_nearest_working_days(day: date, region: str, shift: Shift) -> None:
    found = shift_day(day, shift, region)
    if shift is Shift.NONE or found.provisional:
        assert found.day == day
        return
    assert is_working_day(found.day, region)
    between = [min(day, found.day) + timedelta(days=i) for i in range(1, abs((found.day - day).days))]
    assert not any(is_working_day(one, region) for one in between)
    if shift is Shift.FOLLOWING:
        assert found.day >= day
    if shift is Shift.PRECEDING:
        assert found.day <= day
    if shift is Shift.MODIFIED_FOLLOWING:
        assert found.day.month == day.month
    assert shift_day(found.day, shift, region) == ShiftedDay(found.day)
