"""The lender's installments beside those that its terms give, each in a file of its own, in either order."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from duecourse.book.differences import Comparison, differing_loans
from duecourse.book.moving import apply_move, propose_move
from duecourse.book.pauses import find_loan

from .conftest import BORROWER, HEAD, LOAN, Importer

TERMS = (
    HEAD
    + BORROWER
    + LOAN.replace('"given"', '"annuity"')
    + """
    principal = "{sum}"
    annual_rate = "0.12"
    started_on = "2026-03-01"
    [loan.schedule]
    periods = "{periods}"
    first_due_on = "2026-04-01"
"""
)
LISTED = (
    HEAD
    + """
    [[installment]]
    loan = "{loan}"
    creditor = "bank"
    number = "{no}"
    due_on = "{due_on}"
    due = "{due}"
"""
)
LOANS = "cust,name,loan,sum,periods\nC1,A,L1,300,3\n"
LIST = "loan,no,due_on,due\nL1,1,2026-04-02,102.01\nL1,2,2026-05-02,102.02\n"
AS_LISTED = [(1, "2026-04-02", 10201, False), (2, "2026-05-02", 10202, False)]
BY_TERMS = [(1, "2026-04-01", 10201, True), (2, "2026-05-01", 10201, True), (3, "2026-06-01", 10200, True)]
NEXT = datetime(2026, 3, 2, 4, tzinfo=UTC)


def installments(bring: Importer) -> list[tuple[Any, ...]]:
    return bring.all("SELECT number, due_on::text, due_minor, computed FROM installment ORDER BY number")


def test_terms_imported_after_the_list_change_nothing_and_say_so(bring: Importer) -> None:
    bring(TERMS, LOANS)
    bring(LISTED, LIST)
    report = bring(TERMS, LOANS.replace(",300,", ",400,"), now=NEXT)
    assert installments(bring) == AS_LISTED
    assert report.counts["loans changed"] == 1
    assert report.counts["installments left to the list"] == 3
    assert report.counts["installments changed"] == report.counts["installments new"] == 0


def test_a_list_imported_after_the_terms_takes_the_schedule_over_with_history(bring: Importer) -> None:
    bring(TERMS, LOANS)
    assert installments(bring) == BY_TERMS
    bring(LISTED, LIST, now=NEXT)
    assert (
        installments(bring) == AS_LISTED
    )  # the third, which the lender does not ask for, is asked for no more
    was = bring.all("SELECT was ->> 'number', was ->> 'computed' FROM book_history ORDER BY 1")
    assert was == [("1", "true"), ("2", "true"), ("3", "true")]


def test_a_list_that_says_what_the_terms_gave_is_the_lender_s_from_then_on(bring: Importer) -> None:
    bring(TERMS, LOANS)
    bring(
        LISTED, "loan,no,due_on,due\nL1,1,2026-04-01,102.01\nL1,2,2026-05-01,102.01\nL1,3,2026-06-01,102.00\n"
    )
    assert [row[:3] for row in installments(bring)] == [row[:3] for row in BY_TERMS]
    report = bring(TERMS, LOANS.replace(",300,", ",400,"), now=NEXT)
    assert report.counts["installments left to the list"] == 3
    assert installments(bring) == [(*row[:3], False) for row in BY_TERMS]


def test_terms_changed_without_a_list_make_a_new_schedule(bring: Importer) -> None:
    bring(TERMS, LOANS)
    bring(TERMS, LOANS.replace(",300,3", ",300,2"), now=NEXT)
    assert [(number, computed) for number, _, _, computed in installments(bring)] == [(1, True), (2, True)]


def test_a_penalty_listed_beside_the_schedule_leaves_the_schedule_computed(bring: Importer) -> None:
    bring(TERMS, LOANS)
    bring(LISTED + '    fee = "{due}"\n', "loan,no,due_on,due\nL1,1000001,2026-04-20,5.00\n")
    assert installments(bring) == [*BY_TERMS, (1000001, "2026-04-20", 500, False)]
    bring(TERMS, LOANS.replace(",300,3", ",300,2"), now=NEXT)
    assert [row[0] for row in installments(bring)] == [1, 2, 1000001]


def test_a_list_under_numbers_of_its_own_takes_the_schedule_over_too(bring: Importer) -> None:
    bring(TERMS, LOANS)
    bring(LISTED, "loan,no,due_on,due\nL1,20260401,2026-04-01,150.00\n")
    assert installments(bring) == [(20260401, "2026-04-01", 15000, False)]
    bring(TERMS, LOANS.replace(",300,", ",400,"), now=NEXT)
    assert installments(bring) == [(20260401, "2026-04-01", 15000, False)]


@pytest.mark.parametrize("batch_rows", [1, 10_000])
def test_a_list_cut_by_the_end_of_a_batch_is_taken_whole(bring: Importer, batch_rows: int) -> None:
    bring(TERMS, LOANS)
    bring(LISTED, LIST, batch_rows=batch_rows)
    assert installments(bring) == AS_LISTED


def test_a_day_moved_on_request_stays_moved_when_the_lender_lists_what_the_terms_gave(
    bring: Importer,
) -> None:
    bring(TERMS, LOANS)
    loan = find_loan(bring.conn, "L1")
    moved = propose_move(
        bring.conn, loan, 15, from_on=date(2026, 5, 1), as_of=date(2026, 3, 1), with_interest=False
    )
    apply_move(bring.conn, moved, recorded_by="a clerk", now=NEXT)
    bring.conn.commit()
    parts = bring.all("SELECT number, principal_minor, interest_minor FROM installment ORDER BY number")
    listed = "loan,no,due_on,due,p,i\n" + "".join(
        f"L1,{number},{due_on},{due / 100:.2f},{principal / 100:.2f},{interest / 100:.2f}\n"
        for (number, due_on, due, _), (_, principal, interest) in zip(BY_TERMS, parts, strict=True)
    )
    mapping = LISTED + '    principal = "{p}"\n    interest = "{i}"\n'
    report = bring(mapping, listed, now=NEXT)
    assert report.counts["installments same"] == 3
    assert [row[1] for row in installments(bring)] == ["2026-04-01", "2026-05-15", "2026-06-15"]
    assert not any(computed for *_, computed in installments(bring))


def test_differences_look_at_what_the_lender_lists_and_by_the_loan_s_day_count(bring: Importer) -> None:
    bring(TERMS, LOANS)
    comparison = Comparison()
    assert list(differing_loans(bring.conn, comparison)) == [] and comparison.compared == 0
    bring(LISTED, LIST.replace("102.01", "153.01").replace("102.02", "153.00"))
    [loan] = differing_loans(bring.conn, comparison)
    assert {(one.number, one.field, one.listed) for one in loan.differences} == {
        (1, "payment", 15301), (2, "payment", 15300),
    }  # fmt: skip


ONE_FILE = TERMS + '    due_day = 31\n    day_count = "actual/360"\n' + LISTED.removeprefix(HEAD)


def test_terms_beside_a_list_in_one_file_leave_the_loan_its_day_count_and_due_day(bring: Importer) -> None:
    mapping = ONE_FILE.replace('first_due_on = "2026-04-01"', 'first_due_on = "2026-04-30"').replace(
        'mapping = "test"', 'mapping = "test"\n    [source]\n    others = "refuse"'
    )
    report = bring(
        mapping,
        "cust,name,loan,sum,periods,no,due_on,due\n"
        "C1,A,L1,300,3,1,2026-04-30,102.01\nC1,A,L1,300,3,2,2026-05-31,102.02\n",
    )
    assert report.problems == []
    assert bring.all("SELECT day_count, due_day FROM loan") == [("actual/360", 31)]
    assert [row[2:] for row in installments(bring)] == [(10201, False), (10202, False)]
