from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duecourse.domain.days_past_due import DaysPastDue, days_past_due

DUE = date(2026, 3, 10)


@pytest.mark.parametrize(
    ("days_after", "grace", "contractual", "strategy"),
    [(-3, 0, 0, 0), (0, 0, 0, 0), (1, 0, 1, 1), (1, 5, 1, 0), (5, 5, 5, 0), (6, 5, 6, 1)],
)
def test_the_due_day_is_day_zero_and_strategy_waits_for_grace(
    days_after: int, grace: int, contractual: int, strategy: int
) -> None:
    assert days_past_due(DUE + timedelta(days_after), DUE, grace) == DaysPastDue(contractual, strategy)


def test_nothing_unpaid_is_not_past_due() -> None:
    assert days_past_due(DUE, None) == DaysPastDue(0, 0)
    with pytest.raises(ValueError):
        days_past_due(DUE, DUE, -1)


@given(st.dates(), st.dates(), st.integers(0, 366))
def test_strategy_days_never_exceed_contractual_days(as_of: date, due_on: date, grace: int) -> None:
    days = days_past_due(as_of, due_on, grace)
    assert 0 <= days.strategy <= days.contractual
