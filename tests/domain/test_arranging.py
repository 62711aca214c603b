"""Whatever is arranged, the principal stays what it was to the cent, and figures are those of the schedule engine."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from duecourse.domain.arranging import (
    ArrangementError,
    Open,
    Replan,
    coming,
    extended,
    fewest_fitting,
    largest,
    paused,
)
from duecourse.domain.day_count import DayCount
from duecourse.domain.schedule import Method, Terms, build_schedule

TODAY = date(2026, 3, 9)
RATE = Decimal("0.12")


def loan(principal: int = 1_200_000, periods: int = 12, first: date = date(2026, 3, 15)) -> list[Open]:
    """Monthly level payments at 12 % a year."""
    dues = build_schedule(Method.ANNUITY, Terms(principal, RATE, periods, first))
    return [
        Open(due.number, due.due_on, due.due_minor, due.principal_minor, due.interest_minor) for due in dues
    ]


def principal_of(rows: list[Open]) -> int:
    return sum(row.principal_minor or 0 for row in rows)


def test_an_extension_bears_the_interest_of_what_is_paid_later_and_of_nothing_else() -> None:
    rows = loan()
    later = extended(rows, days=10, today=TODAY, rate=RATE, day_count=DayCount.ACTUAL_365)
    assert (rows[0].due_on, later[0].due_on) == (date(2026, 3, 15), date(2026, 3, 25))
    assert rows[0].principal_minor == 94_619
    assert later[0].amount_minor - rows[0].amount_minor == 311  # 946.19 at 12 % for ten days
    assert later[1:] == rows[1:]


@pytest.mark.parametrize("days", [31, 40])
def test_an_extension_ends_before_the_next_installment(days: int) -> None:
    with pytest.raises(ArrangementError, match="one after it"):
        extended(loan(), days=days, today=TODAY, rate=None, day_count=DayCount.ACTUAL_365)


def test_a_pause_moves_what_is_to_come_and_spreads_the_interest_of_its_months() -> None:
    rows = loan(first=date(2026, 2, 15))
    later = paused(rows, months=2, today=TODAY, rate=RATE, day_count=None)
    assert [row.due_on for row in later[:3]] == [date(2026, 2, 15), date(2026, 5, 15), date(2026, 6, 15)]
    assert later[0] == rows[0]
    left = principal_of(rows[1:])
    assert sum(row.amount_minor for row in later) - sum(row.amount_minor for row in rows) == round(
        left * 0.02
    )


def test_a_plan_of_as_many_payments_is_the_contract_itself() -> None:
    rows = loan()
    assert Replan(rows, TODAY, None, RATE, None).payments(12) == rows


def test_arrears_of_a_plan_bear_no_interest() -> None:
    rows = loan(first=date(2026, 2, 15))
    rows[0] = Open(
        1, rows[0].due_on, rows[0].amount_minor + 5_000, rows[0].principal_minor, rows[0].interest_minor
    )
    plan = Replan(rows, TODAY, rows[0].due_on, RATE, None).payments(20)
    engine = build_schedule(Method.ANNUITY, Terms(1_200_000, RATE, 20, date(2026, 3, 15)))
    arrears = 5_000 + 12_000
    assert sum(row.amount_minor for row in plan) == sum(due.due_minor for due in engine) + arrears
    assert plan[0].amount_minor == engine[0].due_minor + 250 + 600
    assert [row.number for row in plan] == list(range(1, 21))


def test_a_loan_that_is_all_due_is_paid_from_the_next_due_day() -> None:
    rows = loan(periods=2, first=date(2026, 1, 31))
    plan = Replan(rows, TODAY, None, RATE, None).payments(4)
    assert [row.due_on for row in plan] == [
        date(2026, 3, 31), date(2026, 4, 30), date(2026, 5, 31), date(2026, 6, 30),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([], "principal and interest"),
        ([Open(1, date(2026, 4, 1), 500)], "principal and interest"),
        ([Open(1, date(2026, 4, 1), 500, 0, 500)], "no principal"),
        ([Open(1, date(2026, 4, 1), 500, 400, 100), Open(2, date(2026, 7, 1), 500, 400, 100)], "monthly"),
    ],
)
def test_figures_that_cannot_be_known_are_not_guessed(rows: list[Open], why: str) -> None:
    with pytest.raises(ArrangementError, match=why):
        Replan(rows, TODAY, None, RATE, None).payments(6)


@settings(max_examples=150)
@given(
    principal=st.integers(1, 50_000_000),
    periods=st.integers(1, 36),
    more=st.integers(0, 36),
    begun=st.integers(0, 40),
    charge=st.integers(0, 90_000),
    count=st.sampled_from([None, *DayCount]),
)
def test_a_plan_adds_up_to_the_cent_whatever_is_open(
    principal: int, periods: int, more: int, begun: int, charge: int, count: DayCount | None
) -> None:
    """begun: how many months ago the first of what is open fell due."""
    month = 12 * 2026 + 2 - begun
    rows = loan(principal, periods, date(month // 12, month % 12 + 1, 28))
    rows[0] = Open(
        1, rows[0].due_on, rows[0].amount_minor + charge, rows[0].principal_minor, rows[0].interest_minor
    )
    past = [row for row in rows if row not in coming(rows, TODAY)]
    plan = Replan(rows, TODAY, past[-1].due_on if past else None, RATE, count).payments(periods + more)
    assert len(plan) == periods + more
    assert principal_of(plan) == principal
    assert sum(row.charges_minor for row in plan) == charge
    assert all(
        row.amount_minor == (row.principal_minor or 0) + (row.interest_minor or 0) + row.charges_minor
        and row.charges_minor >= 0 and (row.interest_minor or 0) >= 0
        for row in plan
    )  # fmt: skip
    assert all(row.due_on > TODAY for row in plan)
    assert sorted({row.due_on for row in plan}) == [row.due_on for row in plan]


@settings(max_examples=30)
@given(most=st.integers(20_000, 130_000), longest=st.integers(12, 60))
def test_the_shortest_plan_that_fits_is_found(most: int, longest: int) -> None:
    plan = Replan(loan(), TODAY, None, RATE, None)
    found = fewest_fitting(plan.payments, plan.fewest(), longest, most)
    fitting = [count for count in range(12, longest + 1) if largest(plan.payments(count)) <= most]
    assert (len(found) if found else None) == (min(fitting) if fitting else None)


@settings(max_examples=100)
@given(days=st.integers(1, 27), months=st.integers(1, 3), share=st.integers(0, 30))
def test_extensions_and_pauses_leave_the_principal_and_the_order(days: int, months: int, share: int) -> None:
    rows = loan(first=TODAY + timedelta(share))
    for later in (
        extended(rows, days=days, today=TODAY, rate=RATE, day_count=DayCount.ACTUAL_360),
        paused(rows, months=months, today=TODAY, rate=RATE, day_count=DayCount.ACTUAL_ACTUAL),
    ):
        assert principal_of(later) == principal_of(rows)
        assert [row.number for row in later] == [row.number for row in rows]
        assert sorted(later, key=lambda row: row.due_on) == later
        assert sum(row.amount_minor for row in later) >= sum(row.amount_minor for row in rows)
