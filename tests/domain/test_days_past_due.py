from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duecourse.domain.days_past_due import (
    BureauRule,
    Counters,
    PastDue,
    Pause,
    counted_days,
    counters,
    month_end_on_or_before,
    paused_grace,
)

DUE = date(2026, 3, 10)


def day(number: int) -> date:
    return DUE + timedelta(number)


@st.composite
def pauses(draw: st.DrawFn) -> list[Pause]:
    """Pauses that do not overlap, around DUE."""
    marks = draw(st.lists(st.integers(-20, 80), unique=True, max_size=8).map(sorted))
    return [
        Pause(day(first), day(last), draw(st.booleans()))
        for first, last in zip(marks[::2], marks[1::2], strict=False)
    ]


@pytest.mark.parametrize(
    ("days_after", "grace", "contractual", "strategy"),
    [(-3, 0, 0, 0), (0, 0, 0, 0), (1, 0, 1, 1), (1, 5, 1, 0), (5, 5, 5, 0), (6, 5, 6, 1)],
)
def test_the_due_day_is_day_zero_and_strategy_waits_for_grace(
    days_after: int, grace: int, contractual: int, strategy: int
) -> None:
    assert counters(day(days_after), PastDue(DUE, grace)) == Counters(contractual, strategy, 0)


def test_nothing_unpaid_is_not_past_due() -> None:
    assert counters(day(40), None) == Counters(0, 0, 0)


def test_a_pause_stops_strategy_days_and_a_deferral_stops_contractual_days_too() -> None:
    late = PastDue(DUE, grace_days=2)
    pause, deferral = Pause(day(5), day(9)), Pause(day(15), day(17), deferral=True)
    assert counters(day(20), late) == Counters(20, 18, 0)
    assert counters(day(20), late, [pause]) == Counters(20, 13, 0)
    assert counters(day(20), late, [pause, deferral]) == Counters(17, 10, 0)


@pytest.mark.parametrize(
    ("rule", "days"),
    [
        (BureauRule(), 22),
        (BureauRule(pauses="none"), 25),
        (BureauRule(pauses="all"), 20),
        (BureauRule(count_from="grace"), 17),
        (BureauRule(from_days=22), 22),
        (BureauRule(from_days=23), 0),
        (BureauRule(minimum_minor={"CNY": 100_00}), 22),
        (BureauRule(minimum_minor={"CNY": 100_01}), 0),
        (BureauRule(minimum_minor={"USD": 100_01}), 22),
        (BureauRule(stand="month-end"), 18),
    ],
)
def test_bureau_days_follow_the_lenders_rule(rule: BureauRule, days: int) -> None:
    late = PastDue(DUE, grace_days=5, amount_minor=100_00, currency="CNY")
    known = [Pause(day(6), day(8), deferral=True), Pause(day(15), day(16))]
    assert counters(day(25), late, known, rule=rule, stood=late).bureau == days


def test_a_month_end_is_its_own_and_else_the_one_before() -> None:
    assert month_end_on_or_before(date(2026, 2, 28)) == date(2026, 2, 28)
    assert month_end_on_or_before(date(2026, 2, 27)) == date(2026, 1, 31)
    assert month_end_on_or_before(date(2026, 1, 1)) == date(2025, 12, 31)


@given(st.integers(-10, 90), st.integers(-10, 90), pauses())
def test_days_are_counted_one_by_one(since: int, until: int, known: Sequence[Pause]) -> None:
    counted = [
        one
        for one in range(since + 1, until + 1)
        if not any(pause.from_on <= day(one) <= pause.to_on for pause in known)
    ]
    assert counted_days(day(since), day(until), known) == len(counted)


@given(st.integers(0, 30), pauses())
def test_grace_ends_on_the_day_before_the_first_strategy_day(grace: int, known: Sequence[Pause]) -> None:
    ends = paused_grace(DUE, grace, known)
    assert ends >= grace
    assert counted_days(DUE, day(ends), known) == grace
    assert counted_days(DUE, day(ends + 1), known) == grace + 1


@given(st.integers(0, 90), st.integers(0, 30), pauses())
def test_strategy_days_never_exceed_contractual_days(until: int, grace: int, known: Sequence[Pause]) -> None:
    found = counters(day(until), PastDue(DUE, grace), known)
    assert 0 <= found.strategy <= found.contractual


@given(st.integers(0, 90), st.integers(0, 30), pauses())
def test_paused_days_take_nothing_from_grace(until: int, grace: int, known: Sequence[Pause]) -> None:
    extended = counters(day(until), PastDue(DUE, paused_grace(DUE, grace, known)), known)
    assert extended.strategy == max(0, counted_days(DUE, day(until), known) - grace)
