"""What holds for every schedule: sums, balances, the last payment, prepayments, settlement."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from duecourse.domain.day_count import DayCount
from duecourse.domain.schedule import (
    Every,
    Method,
    Minimum,
    Prepayment,
    PrepaymentError,
    Repricing,
    Terms,
    Then,
    build_schedule,
    run_schedule,
)
from duecourse.domain.schedule.level import level_minor
from duecourse.domain.schedule.periods import periods_of

COMPUTED = [method for method in Method if method is not Method.GIVEN]
MINIMUM = Minimum(Decimal(10), 1000)
SHORT_FIRST = Terms(1_000_000, Decimal("0.12"), 12, date(2024, 1, 15), started_on=date(2024, 1, 10))


def minimum_of(method: Method) -> Minimum | None:
    return MINIMUM if method is Method.REVOLVING else None


@st.composite
def contracts(draw: st.DrawFn) -> Terms:
    """Terms of every kind, with stubs, grace, balloons and new rates, without prepayments."""
    every = draw(st.sampled_from([Every(months=1), Every(months=3), Every(weeks=1), Every(weeks=2)]))
    first = draw(st.dates(date(2024, 1, 1), date(2032, 12, 31)))
    principal = draw(st.integers(1, 10**9))
    periods = draw(st.integers(1, 30))
    span = timedelta(days=20 * periods)
    return Terms(
        principal,
        draw(st.decimals(0, 1, places=4)),
        periods,
        first,
        month_end=draw(st.booleans()) and every.weeks == 0,
        started_on=first - timedelta(days=draw(st.integers(0, 100))),
        day_count=draw(st.sampled_from([None, *DayCount])),
        every=every,
        balloon_minor=draw(st.sampled_from([0, 0, principal // 3, principal])),
        principal_grace=draw(st.integers(0, periods - 1)) // 2,
        interest_grace=draw(st.sampled_from([0, 0, min(2, periods - 1)])),
        repricings=tuple(
            Repricing(day, rate)
            for day, rate in draw(
                st.lists(
                    st.tuples(st.dates(first, first + span), st.decimals(0, 1, places=4)), max_size=2
                )
            )
            if periods > 1 and every.months and day < first + timedelta(days=27 * (periods - 1))
        ),
    )  # fmt: skip


def prepaid(terms: Terms, share: float, then: Then, day_share: float) -> Terms:
    """The contract with one prepayment of a share of the principal."""
    assert terms.started_on is not None
    step = 7 * terms.every.weeks or 28 * terms.every.months
    end = terms.first_due_on + timedelta(days=step * (terms.periods - 1))
    length = (end - terms.started_on).days
    assume(length > 0)
    day = terms.started_on + timedelta(days=int(day_share * (length - 1)))
    amount = max(1, int(terms.principal_minor * share))
    return replace(terms, prepayments=(Prepayment(day, amount, then),))


@given(contracts(), st.sampled_from(COMPUTED))
def test_every_schedule_adds_up_and_runs_down_to_nothing(terms: Terms, method: Method) -> None:
    rows = build_schedule(method, terms, minimum_of(method))
    assert sum(row.principal_minor for row in rows) == terms.principal_minor
    balance = terms.principal_minor
    for row in rows:
        assert row.principal_minor >= 0 and row.interest_minor >= 0
        assert row.due_minor == row.principal_minor + row.interest_minor
        balance -= row.principal_minor
        assert row.balance_minor == balance
    assert rows[-1].balance_minor == 0
    assert [row.number for row in rows] == list(range(1, len(rows) + 1))
    assert all(before.due_on < after.due_on for before, after in pairwise(rows))
    assert sum(row.days for row in rows) == (rows[-1].due_on - terms.started_on).days  # type: ignore[operator]


@settings(suppress_health_check=[HealthCheck.filter_too_much])
@given(
    contracts(),
    st.sampled_from(COMPUTED),
    st.floats(0.001, 0.9),
    st.sampled_from(Then),
    st.floats(0, 1),
)
def test_a_prepayment_pays_accrued_interest_first_and_the_schedule_still_adds_up(
    terms: Terms, method: Method, share: float, then: Then, day_share: float
) -> None:
    with_one = prepaid(terms, share, then, day_share)
    try:
        rows = build_schedule(method, with_one, minimum_of(method))
    except PrepaymentError:  # more than is owed by then
        assume(False)
    day = with_one.prepayments[0].day
    asked = run_schedule(method, terms, settle_on=day, minimum=minimum_of(method)).settlement
    assert asked is not None
    [paid] = [row for row in rows if row.is_prepayment]
    assert paid.due_minor == with_one.prepayments[0].amount_minor
    assert paid.interest_minor == min(asked.interest_minor, paid.due_minor)
    assert sum(row.principal_minor for row in rows) == terms.principal_minor
    assert min(row.principal_minor for row in rows) >= 0
    assert min(row.interest_minor for row in rows) >= 0
    assert rows[-1].balance_minor == 0


@settings(suppress_health_check=[HealthCheck.filter_too_much])
@given(contracts(), st.sampled_from(COMPUTED), st.floats(0.001, 0.9), st.floats(0, 1))
@example(SHORT_FIRST, Method.ANNUITY, 0.25, 0.0)
def test_shortening_never_lengthens_and_keeps_payments_lowering_keeps_their_number(
    terms: Terms, method: Method, share: float, day_share: float
) -> None:
    terms = replace(terms, repricings=())
    before = build_schedule(method, terms, minimum_of(method))
    try:
        shorter, lower = (
            [
                row
                for row in build_schedule(method, prepaid(terms, share, then, day_share), minimum_of(method))
                if not row.is_prepayment
            ]
            for then in (Then.SHORTEN, Then.LOWER)
        )
    except PrepaymentError:
        assume(False)
    assert len(shorter) <= len(before)
    if method is not Method.REVOLVING and lower and lower[-1].balance_minor == 0:  # not all that was owed
        assert len(lower) == len(before)
    if terms.principal_minor * (1 - share) < terms.periods**2:
        return  # so small that rounded parts repay it before its end
    by_number = {row.number: row.due_minor for row in before}
    if method is Method.ANNUITY and terms.balloon_minor == 0:
        # The last payment absorbs rounding; all others are at most what they were.
        assert all(row.due_minor <= by_number[row.number] for row in lower[:-1])
        # But a first period that is short lacks interest, less of it on a lower balance: up to the level payment.
        factors = [Fraction(terms.annual_rate) * period.regular_share for period in periods_of(terms)]
        most = by_number | {1: max(by_number[1], level_minor(terms.principal_minor, 0, factors))}
        assert all(row.due_minor <= most[row.number] for row in shorter[:-1])
    if method in (Method.INTEREST_ONLY, Method.BULLET, Method.EQUAL_PRINCIPAL):
        assert all(row.due_minor <= by_number[row.number] for row in lower[:-1])


@given(contracts(), st.sampled_from(COMPUTED), st.floats(0, 1))
def test_what_settles_a_loan_and_what_was_paid_make_the_principal(
    terms: Terms, method: Method, day_share: float
) -> None:
    rows = build_schedule(method, terms, minimum_of(method))
    assert terms.started_on is not None
    on = terms.started_on + timedelta(days=int(day_share * (rows[-1].due_on - terms.started_on).days))
    settlement = run_schedule(method, terms, settle_on=on, minimum=minimum_of(method)).settlement
    assert settlement is not None
    paid = sum(row.principal_minor for row in rows if row.due_on <= on)
    assert settlement.principal_minor + paid == terms.principal_minor
    assert settlement.amount_minor >= settlement.principal_minor
    if on == rows[-1].due_on:
        assert settlement.amount_minor == 0


@settings(suppress_health_check=[HealthCheck.filter_too_much])
@given(contracts(), st.sampled_from(COMPUTED), st.floats(0, 0.99))
def test_paying_what_settles_a_loan_settles_it(terms: Terms, method: Method, day_share: float) -> None:
    asked = prepaid(terms, 0.5, Then.SHORTEN, day_share).prepayments[0].day
    settlement = run_schedule(method, terms, settle_on=asked, minimum=minimum_of(method)).settlement
    assert settlement is not None
    assume(settlement.principal_minor > 0)
    settled = replace(terms, prepayments=(Prepayment(asked, settlement.amount_minor, Then.SHORTEN),))
    rows = build_schedule(method, settled, minimum_of(method))
    assert rows[-1].is_prepayment and rows[-1].balance_minor == 0
    assert rows[-1].principal_minor == settlement.principal_minor
    assert rows[-1].interest_minor == settlement.interest_minor


@given(
    st.integers(1, 10**9),
    st.decimals(0, 1, places=4),
    st.integers(1, 60),
    st.sampled_from([1, 3]),
    st.dates(date(2024, 1, 1), date(2030, 1, 1)),
)
def test_flat_interest_is_principal_times_rate_times_years(
    principal: int, rate: Decimal, periods: int, months: int, first: date
) -> None:
    terms = Terms(principal, rate, periods, first, every=Every(months=months))
    rows = build_schedule(Method.FLAT, terms)
    exact = principal * Fraction(rate) * Fraction(months * periods, 12)
    assert abs(sum(row.interest_minor for row in rows) - exact) <= Fraction(1, 2)
    if exact > periods**2:  # else the cents of rounding are more than one payment
        assert len({row.interest_minor for row in rows[:-1]}) <= 1
    assert len({row.principal_minor for row in rows if row.balance_minor}) <= 1


@given(
    st.integers(10**4, 10**9),
    st.decimals("0.01", "0.36", places=4),
    st.integers(2, 120),
    st.sampled_from(DayCount),
)
def test_payments_by_a_day_count_are_level_but_for_the_last(
    principal: int, rate: Decimal, periods: int, day_count: DayCount
) -> None:
    terms = Terms(
        principal, rate, periods, date(2026, 3, 15), started_on=date(2026, 2, 15), day_count=day_count
    )
    rows = build_schedule(Method.ANNUITY, terms)
    step = 1 + float(rate) / 11
    drift = (step**periods - 1) / (step - 1)
    assume(drift + 1 < rows[0].due_minor)
    assert len({row.due_minor for row in rows[:-1]}) == 1
    assert abs(rows[-1].due_minor - rows[0].due_minor) <= drift + 1


@given(contracts(), st.sampled_from([Method.INTEREST_ONLY, Method.EQUAL_PRINCIPAL, Method.ANNUITY]))
def test_interest_of_each_row_is_what_its_days_bear(terms: Terms, method: Method) -> None:
    """Independently, day by day: the rate of each day on the balance of that day."""
    terms = replace(terms, day_count=DayCount.ACTUAL_365, interest_grace=0)
    balance, since = terms.principal_minor, terms.started_on
    assert since is not None
    rates = sorted(terms.repricings, key=lambda one: one.day)
    for row in build_schedule(method, terms):
        exact = Fraction(0)
        for day in (since + timedelta(days=i) for i in range((row.due_on - since).days)):
            current = [Fraction(one.annual_rate) for one in rates if one.day <= day]
            exact += balance * (current[-1] if current else Fraction(terms.annual_rate)) / 365
        assert abs(row.interest_minor - exact) <= Fraction(1, 2)
        balance, since = balance - row.principal_minor, row.due_on
