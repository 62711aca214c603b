from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duecourse.domain.day_count import DayCount
from duecourse.domain.due_day import Upcoming, day_in_month, move_due_day
from duecourse.domain.schedule import add_months

RATE = Decimal("0.365")


def upcoming(first: str, count: int = 3, principal: int | None = 1_000_00) -> list[Upcoming]:
    return [Upcoming(n + 1, add_months(date.fromisoformat(first), n), principal) for n in range(count)]


def test_later_by_ten_days_costs_ten_days_on_the_whole_balance() -> None:
    move = move_due_day(upcoming("2026-04-10"), 20, annual_rate=RATE)
    assert [day for _, day in move.days] == [date(2026, 4, 20), date(2026, 5, 20), date(2026, 6, 20)]
    assert (move.odd_days, move.balance_minor) == (10, 3_000_00)
    assert move.odd_interest_minor == 3_000  # 3,000.00 * 0.365 * 10/365


def test_earlier_gives_the_interest_back() -> None:
    move = move_due_day(upcoming("2026-04-10"), 5, annual_rate=RATE)
    assert (move.odd_days, move.odd_interest_minor) == (-5, -1_500)


def test_the_loans_own_day_count_counts() -> None:
    move = move_due_day(
        upcoming("2026-04-10", 1), 20, annual_rate=Decimal("0.36"), day_count=DayCount.ACTUAL_360
    )
    assert move.odd_interest_minor == 1_000  # 1,000.00 * 0.36 * 10/360


def test_without_a_rate_the_interest_is_left_out() -> None:
    move = move_due_day(upcoming("2026-04-10", principal=None), 20, annual_rate=None)
    assert (move.odd_days, move.odd_interest_minor, move.balance_minor) == (10, 0, None)


def test_the_end_of_the_month_is_its_own_last_day() -> None:
    move = move_due_day(upcoming("2026-01-10", 4), 31, annual_rate=None)
    assert [day.day for _, day in move.days] == [31, 28, 31, 30]


@pytest.mark.parametrize(
    ("installments", "said"),
    [
        (upcoming("2026-04-10", principal=None), "not known"),
        ([Upcoming(1, date(2026, 4, 1), 1), Upcoming(2, date(2026, 4, 15), 1)], "one month"),
    ],
)
def test_what_cannot_be_moved_is_refused(installments: list[Upcoming], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        move_due_day(installments, 20, annual_rate=RATE)


def test_a_due_day_is_1_to_31() -> None:
    with pytest.raises(ValueError, match="1 to 31"):
        day_in_month(2026, 4, 32)


@given(
    st.dates(date(2024, 1, 1), date(2030, 1, 1)), st.integers(1, 40), st.integers(1, 31), st.integers(1, 31)
)
def test_moved_days_stay_in_their_month_and_in_order(first: date, count: int, there: int, back: int) -> None:
    moved = move_due_day(upcoming(first.isoformat(), count), there, annual_rate=RATE)
    days = [day for _, day in moved.days]
    assert [(d.year, d.month) for d in days] == [(o.due_on.year, o.due_on.month) for o, _ in moved.days]
    assert days == sorted(set(days))
    again = move_due_day(
        [Upcoming(o.number, day, o.principal_minor) for o, day in moved.days], back, annual_rate=RATE
    )
    assert all(
        day.day == min(back, (add_months(day.replace(day=1), 1) - day.replace(day=1)).days)
        for _, day in again.days
    )


@given(st.integers(1, 28), st.integers(1, 28))
def test_moving_there_and_back_costs_nothing(here: int, there: int) -> None:
    first = [Upcoming(1, date(2026, 4, here), 777_77)]
    out = move_due_day(first, there, annual_rate=RATE)
    back = move_due_day([Upcoming(1, out.days[0][1], 777_77)], here, annual_rate=RATE)
    assert out.odd_interest_minor + back.odd_interest_minor == 0
