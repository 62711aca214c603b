from datetime import date
from decimal import Decimal
from fractions import Fraction

import numpy_financial
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from duecourse.domain.day_count import DayCount, year_fraction
from duecourse.domain.schedule import (
    Every,
    Method,
    Repricing,
    Terms,
    TermsError,
    add_months,
    annuity_payment,
    build_schedule,
    monthly_due_dates,
    revolving_minimum,
)

terms = st.builds(
    Terms,
    principal_minor=st.integers(1, 10**13),
    annual_rate=st.decimals(0, 2, places=6),
    periods=st.integers(1, 120),
    first_due_on=st.dates(date(2000, 1, 1), date(2060, 12, 31)),
    month_end=st.booleans(),
    started_on=st.just(date(1999, 12, 15)),
    day_count=st.sampled_from([None, *DayCount]),
)


@given(terms, st.sampled_from([Method.ANNUITY, Method.EQUAL_PRINCIPAL]))
def test_principal_parts_add_up_to_the_principal(terms: Terms, method: Method) -> None:
    dues = build_schedule(method, terms)
    assert sum(due.principal_minor for due in dues) == terms.principal_minor
    assert [due.number for due in dues] == list(range(1, terms.periods + 1))
    assert all(due.principal_minor >= 0 and due.interest_minor >= 0 for due in dues)


@given(terms, st.sampled_from([Method.ANNUITY, Method.EQUAL_PRINCIPAL]))
def test_interest_is_borne_by_what_is_still_owed(terms: Terms, method: Method) -> None:
    balance, since = terms.principal_minor, terms.started_on
    for due in build_schedule(method, terms):
        assert since is not None
        if terms.day_count is DayCount.THIRTY_360 and due.number > 1:
            share = Fraction(1, 12)  # also to and from the end of February
        elif terms.day_count is not None:
            share = year_fraction(since, due.due_on, terms.day_count)
        else:  # the first period began in 1999 and is no month
            share = Fraction((due.due_on - since).days, 365) if due.number == 1 else Fraction(1, 12)
        exact = balance * Fraction(terms.annual_rate) * share
        assert abs(due.interest_minor - exact) <= Fraction(1, 2)
        balance, since = balance - due.principal_minor, due.due_on
    assert balance == 0


@given(st.integers(10**5, 10**11), st.decimals("0.000001", "0.05", places=6), st.integers(1, 420))
def test_level_payment_agrees_with_numpy_financial(principal: int, rate: Decimal, periods: int) -> None:
    ours = annuity_payment(Decimal(principal), rate, periods)
    theirs = -numpy_financial.pmt(float(rate), periods, principal)
    assert float(ours) == pytest.approx(float(theirs), rel=1e-6)


@given(st.integers(10**6, 10**10), st.decimals("0.01", "0.36", places=4), st.integers(2, 360))
def test_annuity_payments_are_level_but_for_the_last(principal: int, rate: Decimal, periods: int) -> None:
    dues = build_schedule(Method.ANNUITY, Terms(principal, rate, periods, date(2026, 1, 31)))
    drift = ((1 + float(rate) / 12) ** periods - 1) / (float(rate) / 12)
    assume(drift + 1 < dues[0].due_minor)  # else half a unit, compounded for decades, pays the loan off early
    assert len({due.due_minor for due in dues[:-1]}) == 1
    assert abs(dues[-1].due_minor - dues[0].due_minor) <= drift + 1


def test_rounding_that_pays_a_long_loan_off_early_leaves_nothing_due_at_its_end() -> None:
    dues = build_schedule(Method.ANNUITY, Terms(10**6, Decimal("0.2449"), 356, date(2026, 1, 31)))
    assert [due.due_minor for due in dues[-4:]] == [204_24, 204_24, 198_18, 0]


def test_a_known_annuity() -> None:
    dues = build_schedule(Method.ANNUITY, Terms(10_000_00, Decimal("0.12"), 3, date(2026, 1, 31)))
    assert [(d.due_on.isoformat(), d.principal_minor, d.interest_minor) for d in dues] == [
        ("2026-01-31", 330022, 10000),
        ("2026-02-28", 333322, 6700),
        ("2026-03-31", 336656, 3367),
    ]


def test_month_end_days_do_not_drift() -> None:
    assert monthly_due_dates(date(2027, 12, 31), 4) == [
        date(2027, 12, 31),
        date(2028, 1, 31),
        date(2028, 2, 29),
        date(2028, 3, 31),
    ]
    assert monthly_due_dates(date(2026, 2, 28), 2, month_end=True)[1] == date(2026, 3, 31)
    assert monthly_due_dates(date(2026, 2, 28), 2)[1] == date(2026, 3, 28)
    assert add_months(date(2026, 1, 15), -1) == date(2025, 12, 15)


@given(st.integers(-(10**9), 10**12), st.decimals(0, 100, places=2), st.integers(0, 10**6))
def test_revolving_minimum_is_never_above_the_statement(balance: int, percent: Decimal, floor: int) -> None:
    minimum = revolving_minimum(balance, percent, floor)
    assert 0 <= minimum <= max(0, balance)
    assert minimum >= min(max(0, balance), floor)


def test_revolving_minimum_by_example() -> None:
    assert [revolving_minimum(b, Decimal(10), 1000) for b in (0, 500, 5000, 50_005)] == [0, 500, 1000, 5001]


@pytest.mark.parametrize(
    "fault",
    [
        {"principal_minor": 0},
        {"periods": 0},
        {"annual_rate": Decimal(-1)},
        {"day_count": DayCount.ACTUAL_365},
        {"started_on": date(2026, 1, 2)},
        {"due_day": 2},
        {"due_day": 32},
        {"due_day": 1, "every": Every(weeks=1)},
        {"balloon_minor": 2},
        {"principal_grace": 1},
        {"interest_grace": -1},
        {"repricings": (Repricing(date(2026, 1, 1), Decimal(-1)),)},
        {"periods": 1200, "every": Every(months=12), "first_due_on": date(9000, 1, 1)},
    ],
)
def test_impossible_terms_are_refused(fault: dict[str, object]) -> None:
    known = {"principal_minor": 1, "annual_rate": Decimal(0), "periods": 1, "first_due_on": date(2026, 1, 1)}
    with pytest.raises(TermsError):
        Terms(**{**known, **fault})  # type: ignore[arg-type]
