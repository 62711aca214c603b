from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from duecourse.domain.lateness import EARLIEST, LATEST, ON_TIME, LatenessCurve, lateness_curve


def shares(curve: LatenessCurve, age: int = EARLIEST - 1) -> dict[int, Decimal]:
    return dict(curve.expected(age))


def test_nothing_seen_is_no_curve_and_on_time_is_the_due_day() -> None:
    assert lateness_curve({}, {}) is None
    assert shares(ON_TIME) == {0: 1}
    assert ON_TIME.unpaid_share == 0


def test_money_that_was_watched_to_the_end_comes_as_it_came() -> None:
    curve = lateness_curve({-2: 10, 0: 50, 5: 20}, {LATEST + 1: 20})
    assert curve is not None
    assert {lag: round(share, 10) for lag, share in shares(curve).items()} == {
        -2: Decimal("0.1"),
        0: Decimal("0.5"),
        5: Decimal("0.2"),
    }
    assert round(curve.unpaid_share, 10) == Decimal("0.2")


def test_money_not_yet_old_enough_is_not_taken_for_unpaid() -> None:
    # Half of what was due came on its day. Of the other half the one part was watched long enough to come, all of
    # it on day 5, and the other fell due only yesterday.
    curve = lateness_curve({0: 100, 5: 50}, {1: 50})
    assert curve is not None
    assert round(curve.unpaid_share, 10) == 0
    assert round(shares(curve)[5], 10) == Decimal("0.5")


def test_what_is_still_unpaid_at_an_age_comes_later_than_it() -> None:
    curve = lateness_curve({0: 50, 5: 25}, {LATEST + 1: 25})
    assert curve is not None
    assert {lag: round(share, 10) for lag, share in shares(curve, 0).items()} == {5: Decimal("0.5")}
    assert shares(curve, 5) == {}


def test_early_money_counts_on_the_first_day_and_very_late_money_as_unpaid() -> None:
    curve = lateness_curve({-200: 30, 300: 70}, {})
    assert curve is not None
    assert {lag: round(share, 10) for lag, share in shares(curve).items()} == {EARLIEST: Decimal("0.3")}
    assert round(curve.unpaid_share, 10) == Decimal("0.7")


amounts = st.dictionaries(st.integers(-40, 120), st.integers(0, 10**12), max_size=30)


@given(amounts, amounts, st.integers(-60, 100))
def test_the_shares_and_the_unpaid_rest_are_a_whole(
    paid: dict[int, int], left: dict[int, int], age: int
) -> None:
    curve = lateness_curve(paid, left)
    if curve is None:
        return
    assert all(0 <= hazard <= 1 for hazard in curve.hazard)
    assert abs(sum(shares(curve).values()) + curve.unpaid_share - 1) < Decimal("1e-20")
    assert sum(shares(curve, age).values()) <= 1 + Decimal("1e-20")
