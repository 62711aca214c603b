"""The lender's installments beside what the terms give."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from duecourse.book.differences import Comparison, LoanDifferences, differing_loans
from duecourse.domain.day_count import DayCount
from duecourse.domain.schedule import Difference

from .conftest import BORROWER, HEAD, LOAN, Importer

LISTED = (
    HEAD
    + BORROWER
    + LOAN.replace('"given"', '"{method}"')
    + """
    rate_type = "{type}"
    principal = "{sum}"
    annual_rate = "{rate}"
    started_on = "{started}"

    [[installment]]
    number = "{no}"
    due_on = "{due_on}"
    due = "{due}"
    principal = "{p}"
    interest = "{i}"
    fee = "{fee}"
"""
)
COLUMNS = "cust,name,loan,method,type,sum,rate,started,no,due_on,due,p,i,fee\n"
GOOD = """\
C1,A,L1,annuity,fixed,10000,0.12,2025-12-31,1,2026-01-31,3400.22,3300.22,100.00,
C1,A,L1,annuity,fixed,10000,0.12,2025-12-31,2,2026-02-28,3410.22,3333.22,67.00,10.00
C1,A,L1,annuity,fixed,10000,0.12,2025-12-31,3,2026-03-31,3400.23,3366.56,33.67,
"""


def compared(
    bring: Importer, rows: str, *, tolerance_minor: int = 0, day_count: DayCount | None = None
) -> tuple[Comparison, list[LoanDifferences]]:
    report = bring(LISTED, COLUMNS + rows)
    assert report.problems == []
    comparison = Comparison()
    found = differing_loans(bring.conn, comparison, tolerance_minor=tolerance_minor, day_count=day_count)
    return comparison, list(found)


def test_installments_that_follow_from_the_terms_differ_in_nothing_and_fees_do_not_count(
    bring: Importer,
) -> None:
    comparison, found = compared(bring, GOOD)
    assert (comparison.compared, comparison.differing, found) == (1, 0, [])


def test_differences_are_named_by_number_and_figure(bring: Importer) -> None:
    rows = GOOD.replace("2026-02-28,3410.22,3333.22,67.00", "2026-02-27,3410.23,3333.20,67.03")
    _, found = compared(bring, rows)
    assert found == [
        LoanDifferences(
            "bank",
            "L1",
            "USD",
            [
                Difference(2, "due_on", date(2026, 2, 27), date(2026, 2, 28)),
                Difference(2, "principal", 333320, 333322),
                Difference(2, "interest", 6703, 6700),
                Difference(2, "payment", 340023, 340022),
            ],
        )
    ]


def test_amounts_within_the_tolerance_are_the_same(bring: Importer) -> None:
    rows = GOOD.replace("3410.22,3333.22,67.00", "3410.23,3333.20,67.03")
    comparison, found = compared(bring, rows, tolerance_minor=3)
    assert (comparison.compared, found) == (1, [])


def test_the_lender_s_day_count_and_rhythm_are_taken(bring: Importer) -> None:
    rows = """\
C1,A,L1,interest-only,fixed,10000,0.365,2026-01-01,1,2026-01-15,140.00,0,140.00,
C1,A,L1,interest-only,fixed,10000,0.365,2026-01-01,2,2026-01-29,10140.00,10000.00,140.00,
"""
    assert compared(bring, rows, day_count=DayCount.ACTUAL_365)[1] == []
    _, [loan] = compared(bring, rows)  # a 26th of a year is a little more than fourteen days
    assert [(one.number, one.field, one.computed) for one in loan.differences] == [
        (1, "interest", 14038), (1, "payment", 14038), (2, "interest", 14038), (2, "payment", 1014038),
    ]  # fmt: skip


def test_loans_whose_terms_are_not_known_are_left_out_and_counted_by_reason(bring: Importer) -> None:
    rows = """\
C1,A,L1,annuity,floating,10000,0.12,2025-12-31,1,2026-01-31,1,,,
C2,B,L2,annuity,fixed,,0.12,2025-12-31,1,2026-01-31,1,,,
C3,C,L3,annuity,fixed,10000,0.12,2025-12-31,2,2026-01-31,1,,,
C4,D,L4,annuity,fixed,10000,0.12,2026-02-01,1,2026-01-31,1,,,
C5,E,L5,given,fixed,10000,0.12,2025-12-31,1,2026-01-31,1,,,
C6,F,L6,bullet,fixed,10000,0.12,,1,2026-01-31,1,,,
"""
    comparison, found = compared(bring, rows)
    assert (comparison.compared, found) == (0, [])
    assert comparison.left_out == {
        "floating rate": 1,
        "terms not in the book": 2,
        "not every installment listed": 1,
        "impossible terms": 1,
    }


@pytest.mark.parametrize("loans", [400])
def test_every_lane_is_walked(loans: int, bring: Importer, tmp_path: Path) -> None:
    rows = "".join(
        f"C{n},N{n},L{n},annuity,fixed,100,0,2025-12-31,1,2026-01-31,{'100.00' if n % 4 else '99.00'},,,\n"
        for n in range(loans)
    )
    comparison, found = compared(bring, rows)
    assert (comparison.compared, comparison.differing) == (loans, loans // 4)
    assert {loan.loan_ref for loan in found} == {f"L{n}" for n in range(0, loans, 4)}
