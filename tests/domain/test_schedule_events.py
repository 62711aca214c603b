"""New rates and prepayments by example, holiday shifts, and a lender's installments beside ours."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from duecourse.domain.calendars import Shift
from duecourse.domain.schedule import (
    Difference,
    Due,
    Every,
    Method,
    Prepayment,
    PrepaymentError,
    Repricing,
    Terms,
    TermsError,
    Then,
    build_schedule,
    compare_with_lender,
    run_schedule,
)
from duecourse.domain.schedule.shifting import shift_dues

YEAR = Terms(12_000_00, Decimal("0.12"), 12, date(2026, 2, 15), started_on=date(2026, 1, 15))


def prepaid(*prepayments: tuple[str, int, Then], terms: Terms = YEAR) -> Terms:
    return replace(
        terms,
        prepayments=tuple(
            Prepayment(date.fromisoformat(day), minor, then) for day, minor, then in prepayments
        ),
    )


def test_several_prepayments_are_taken_by_day_whatever_their_order() -> None:
    events = [("2026-03-20", 100_000, Then.LOWER), ("2026-02-20", 200_000, Then.SHORTEN)]
    forth, back = (build_schedule(Method.ANNUITY, prepaid(*order)) for order in (events, events[::-1]))
    assert forth == back
    assert [row.due_on.isoformat() for row in forth if row.is_prepayment] == ["2026-02-20", "2026-03-20"]


def test_a_prepayment_on_a_due_day_comes_after_the_installment_and_pays_no_interest() -> None:
    rows = build_schedule(Method.EQUAL_PRINCIPAL, prepaid(("2026-02-15", 550_000, Then.SHORTEN)))
    assert [(r.number, r.is_prepayment, r.principal_minor, r.interest_minor) for r in rows[:3]] == [
        (1, False, 100_000, 12_000),
        (2, True, 550_000, 0),
        (2, False, 100_000, 5_500),
    ]
    assert len(rows) == 1 + 1 + 6  # 5,500 left, at 1,000 a month
    assert rows[-1].principal_minor == 50_000


def test_a_prepayment_smaller_than_the_accrued_interest_repays_no_principal() -> None:
    rows = build_schedule(Method.ANNUITY, prepaid(("2026-02-05", 1_000, Then.LOWER)))
    assert (rows[0].principal_minor, rows[0].interest_minor) == (0, 1_000)
    plain = build_schedule(Method.ANNUITY, YEAR)
    assert rows[1].interest_minor == plain[0].interest_minor - 1_000
    assert [row.principal_minor for row in rows[1:]] == [row.principal_minor for row in plain]


def test_interest_in_grace_is_accrued_interest_and_paid_first() -> None:
    terms = replace(YEAR, interest_grace=2)
    rows = build_schedule(Method.INTEREST_ONLY, prepaid(("2026-03-15", 30_000, Then.LOWER), terms=terms))
    assert [(row.interest_minor, row.principal_minor) for row in rows[:4]] == [
        (0, 0),
        (0, 0),
        (24_000, 6_000),
        (11_940, 0),
    ]


@pytest.mark.parametrize(
    ("day", "minor", "why"),
    [
        ("2026-01-14", 1, "lies outside the loan's 2026-01-15 to 2027-01-15"),
        ("2027-01-15", 1, "lies outside"),
        ("2026-03-01", 0, "must be above zero"),
        ("2026-02-15", 12_000_00, "is more than is owed"),
    ],
)
def test_a_prepayment_that_cannot_be_taken_is_refused(day: str, minor: int, why: str) -> None:
    with pytest.raises(PrepaymentError, match=why):
        build_schedule(Method.ANNUITY, prepaid((day, minor, Then.LOWER)))


def test_nothing_can_be_prepaid_when_nothing_is_owed() -> None:
    settled = ("2026-02-15", 11_000_00, Then.SHORTEN)
    with pytest.raises(PrepaymentError, match="nothing is owed any more") as refused:
        build_schedule(Method.EQUAL_PRINCIPAL, prepaid(settled, ("2026-03-01", 1, Then.LOWER)))
    assert refused.value.at_most_minor == 0


def test_rates_change_again_and_on_a_due_day_from_the_next_payment() -> None:
    terms = replace(
        YEAR,
        repricings=(
            Repricing(date(2026, 5, 15), Decimal("0.06")),
            Repricing(date(2026, 3, 15), Decimal("0.24")),
        ),
    )
    interest = [row.interest_minor for row in build_schedule(Method.INTEREST_ONLY, terms)]
    assert interest == [12_000] * 2 + [24_000] * 2 + [6_000] * 8
    levels = [row.due_minor for row in build_schedule(Method.ANNUITY, terms)]
    assert levels[0] == levels[1] < levels[2] == levels[3] > levels[4] == levels[-2]


def test_a_rate_that_changes_outside_the_loan_is_refused() -> None:
    with pytest.raises(TermsError, match="2027-01-15 lies outside the loan's 2026-01-15 to 2027-01-15"):
        build_schedule(
            Method.ANNUITY, replace(YEAR, repricings=(Repricing(date(2027, 1, 15), Decimal("0.1")),))
        )


def test_a_flat_loan_s_interest_falls_in_proportion_to_what_is_prepaid() -> None:
    rows = build_schedule(Method.FLAT, prepaid(("2026-02-15", 550_000, Then.LOWER)))
    assert [(row.principal_minor, row.interest_minor) for row in rows[:3]] == [
        (100_000, 12_000),
        (550_000, 0),
        (50_000, 6_000),  # half of the rest was prepaid
    ]


def test_weeks_are_counted_from_the_first_due_day() -> None:
    terms = Terms(1_000, Decimal(0), 3, date(2026, 2, 26), every=Every(weeks=2))
    days = [row.due_on for row in build_schedule(Method.EQUAL_PRINCIPAL, terms)]
    assert days == [date(2026, 2, 26), date(2026, 3, 12), date(2026, 3, 26)]


def test_a_shift_moves_the_day_of_payment_and_not_the_interest() -> None:
    terms = replace(YEAR, first_due_on=date(2026, 2, 16), started_on=date(2026, 1, 16))
    plain = build_schedule(Method.ANNUITY, terms)
    moved = shift_dues(plain, Shift.FOLLOWING, "CN")
    assert moved[0].due_on == date(2026, 2, 24)  # the first working day after the Spring Festival
    assert moved[0].contract_day == date(2026, 2, 16)
    assert [row.interest_minor for row in moved] == [row.interest_minor for row in plain]
    assert moved[-1].provisional and moved[-1].due_on == date(2027, 1, 16)


def test_methods_whose_amounts_only_the_lender_knows_are_refused() -> None:
    for method in (Method.GIVEN, Method.REVOLVING):
        with pytest.raises(ValueError, match=f"'{method}': the lender's file must list it"):
            run_schedule(method, YEAR)


def due(number: int, day: int, principal: int, interest: int) -> Due:
    on = date(2026, 1, day)
    return Due(number, on, principal, interest, on, 0, 0)


def test_a_lender_s_installments_are_compared_by_number() -> None:
    ours = [due(1, 10, 100, 10), due(2, 20, 100, 5)]
    assert compare_with_lender(ours[::-1], ours) == []
    theirs = [due(1, 11, 101, 10), due(3, 30, 7, 0)]
    assert compare_with_lender(theirs, ours) == [
        Difference(1, "due_on", date(2026, 1, 11), date(2026, 1, 10)),
        Difference(1, "principal", 101, 100),
        Difference(1, "payment", 111, 110),
        Difference(2, "missing", None, 105),
        Difference(3, "extra", 7, None),
    ]
    assert [one.field for one in compare_with_lender(theirs, ours, tolerance_minor=1)] == [
        "due_on", "missing", "extra",
    ]  # fmt: skip
    with pytest.raises(ValueError, match="must not be negative"):
        compare_with_lender([], [], tolerance_minor=-1)
