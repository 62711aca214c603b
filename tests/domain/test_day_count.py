"""Shares of a year by each convention, beside independent formulas and the published examples."""

from datetime import date, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duecourse.domain.day_count import DayCount, year_fraction

days = st.dates(date(1990, 1, 1), date(2060, 12, 31))


@pytest.mark.parametrize(
    ("start", "end", "convention", "share"),
    [
        ("2026-01-31", "2026-02-28", DayCount.THIRTY_360, Fraction(28, 360)),
        ("2026-01-30", "2026-03-31", DayCount.THIRTY_360, Fraction(60, 360)),
        ("2026-01-15", "2026-02-15", DayCount.THIRTY_360, Fraction(30, 360)),
        ("2028-01-01", "2029-01-01", DayCount.ACTUAL_365, Fraction(366, 365)),
        ("2026-01-01", "2026-01-31", DayCount.ACTUAL_360, Fraction(30, 360)),
        ("2028-01-01", "2029-01-01", DayCount.ACTUAL_ACTUAL, Fraction(1)),
        ("2027-12-31", "2028-01-01", DayCount.ACTUAL_ACTUAL, Fraction(1, 365)),
    ],
)
def test_day_counts(start: str, end: str, convention: DayCount, share: Fraction) -> None:
    assert year_fraction(date.fromisoformat(start), date.fromisoformat(end), convention) == share


@pytest.mark.parametrize(
    ("start", "end", "interest"),
    [("2003-11-01", "2004-05-01", "497.72"), ("1999-02-01", "1999-07-01", "410.96"),
     ("1999-07-01", "2000-07-01", "1001.38")],
)  # fmt: skip
def test_actual_actual_gives_the_examples_of_isda(start: str, end: str, interest: str) -> None:
    """10,000 at 10 %. Source: ISDA, "The Actual/Actual Day Count Fraction", 1999 (and its 2003-2004 example)."""
    share = year_fraction(date.fromisoformat(start), date.fromisoformat(end), DayCount.ACTUAL_ACTUAL)
    assert f"{float(10_000 * Fraction(1, 10) * share):.2f}" == interest


@given(days, st.integers(0, 1500))
def test_actual_conventions_count_day_by_day(start: date, length: int) -> None:
    span = [start + timedelta(days=i) for i in range(length)]
    end = start + timedelta(days=length)
    leap = [(d.replace(month=12, day=31) - d.replace(month=1, day=1)).days == 365 for d in span]
    by_year = Fraction(sum(leap), 366) + Fraction(length - sum(leap), 365)
    assert year_fraction(start, end, DayCount.ACTUAL_ACTUAL) == by_year
    assert year_fraction(start, end, DayCount.ACTUAL_360) * 360 == length
    assert year_fraction(start, end, DayCount.ACTUAL_365) * 365 == length


@given(days, st.integers(0, 1500))
def test_thirty_360_counts_every_day_of_a_month_of_thirty(start: date, length: int) -> None:
    """Independently: each day moves the count on by one, save into a 31st, and out of February by what it lacks."""
    count, day = 0, start
    for _ in range(length):
        after = day + timedelta(days=1)
        if after.day != 31:
            count += 31 - min(day.day, 30) if after.day == 1 else 1
        day = after
    assert year_fraction(start, day, DayCount.THIRTY_360) == Fraction(count, 360)


@given(days, st.integers(0, 400), st.integers(0, 400), st.sampled_from(DayCount))
def test_a_span_is_worth_its_parts(start: date, first: int, second: int, convention: DayCount) -> None:
    middle, end = start + timedelta(days=first), start + timedelta(days=first + second)
    parts = year_fraction(start, middle, convention) + year_fraction(middle, end, convention)
    assert parts == year_fraction(start, end, convention)


def test_a_span_that_ends_before_it_starts_is_refused() -> None:
    with pytest.raises(ValueError, match="2026-01-01 is before 2026-01-02"):
        year_fraction(date(2026, 1, 2), date(2026, 1, 1), DayCount.ACTUAL_365)
