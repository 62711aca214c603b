"""What was agreed stands in the book until the lender's file says something else of any of it; then none of it does."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest

from duecourse.book.arranging import Arranged, open_of, rearrange, standing_of, take_back
from duecourse.book.differences import Comparison, differing_loans
from duecourse.domain.arranging import Open, Replan

from .conftest import NOW, Importer
from .test_due_days import DUES, HEAD, LOANS, ONE_LOAN, THREE, TODAY, loan_row, move
from .test_listed_installments import LOANS as LOANS_BY_TERMS
from .test_listed_installments import NEXT, TERMS

COLUMNS = "number, due_on::text, due_minor, principal_minor, interest_minor"
AS_FILED = [
    (1, "2026-03-10", 1100_00, 1000_00, 100_00),
    (2, "2026-04-10", 1070_00, 1000_00, 70_00),
    (3, "2026-05-10", 1035_00, 1000_00, 35_00),
]
ONE = UUID(int=1)


def rows(bring: Importer, columns: str = COLUMNS) -> list[tuple[Any, ...]]:
    return bring.all(f"SELECT {columns} FROM installment ORDER BY 1")


@pytest.fixture
def one(bring: Importer) -> Importer:
    """A book with the loan L-1: 3,000.00 at 36.5 % in three installments on the 10th."""
    bring(LOANS, ONE_LOAN)
    bring(DUES, THREE)
    return bring


def place(bring: Importer) -> tuple[int, UUID]:
    (found,) = bring.all("SELECT lane, loan_id FROM loan")
    return found[0], found[1]


def plan_five(bring: Importer) -> tuple[list[Open], list[Open]]:
    """Five payments in place of three, as they were agreed and written."""
    standing = standing_of(bring.conn, *place(bring), today=TODAY)
    assert standing is not None
    before = open_of(bring.conn, *place(bring))
    after = Replan(before, TODAY, None, Decimal("0.24"), None).payments(5)
    rearrange(bring.conn, standing, Arranged(ONE, before, after, TODAY, "me", NOW))
    bring.conn.commit()
    return before, after


def test_a_plan_is_in_the_book_as_it_was_agreed(one: Importer) -> None:
    _, after = plan_five(one)
    assert open_of(one.conn, *place(one)) == after
    assert [row[:3] for row in rows(one)] == [
        (1, "2026-03-10", 636_48), (2, "2026-04-10", 636_48), (3, "2026-05-10", 636_48),
        (4, "2026-06-10", 636_48), (5, "2026-07-10", 636_45),
    ]  # fmt: skip
    was = one.all("SELECT was ->> 'due_minor' FROM book_history WHERE subject = 'installment' ORDER BY 1")
    assert was == [("103500",), ("107000",), ("110000",)]


def test_the_same_file_again_leaves_what_was_agreed(one: Importer) -> None:
    plan_five(one)
    agreed = rows(one)
    report = one(DUES, THREE)
    assert rows(one) == agreed
    assert report.counts["installments same"] == 3
    assert "arrangements overruled" not in report.counts


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_new_word_about_any_of_it_ends_all_of_it(one: Importer, number: int) -> None:
    plan_five(one)
    lines = THREE.splitlines(keepends=True)
    said = lines[number].replace("-10,", "-12,")
    report = one(DUES, HEAD + said)
    expected = [
        (row[0], row[1].replace("-10", "-12"), *row[2:]) if row[0] == number else row for row in AS_FILED
    ]
    assert rows(one) == expected
    assert (report.counts["arrangements overruled"], report.counts["moved days overruled"]) == (1, 1)
    assert one.all("SELECT count(*) FROM due_move") == [(0,)]
    kept = one.all(
        "SELECT count(DISTINCT subject_id) FROM book_history WHERE was ->> 'due_minor' LIKE '6364_'"
    )
    assert kept == [(5,)]


def test_a_file_that_lists_the_plan_makes_it_its_own(one: Importer) -> None:
    _, after = plan_five(one)
    money = [
        f"L-1,{row.number},{row.due_on},{row.amount_minor / 100:.2f},{(row.principal_minor or 0) / 100:.2f},"
        f"{(row.interest_minor or 0) / 100:.2f}\n"
        for row in after
    ]
    one(DUES, HEAD + "".join(money))
    assert open_of(one.conn, *place(one)) == after
    assert one.all("SELECT count(*) FROM due_move") == [(0,)]
    one(DUES, HEAD + "".join(money).replace("2026-07-10", "2026-07-12"))
    assert rows(one)[4][:2] == (5, "2026-07-12")


def test_what_was_arranged_is_taken_back_whole(one: Importer) -> None:
    before, after = plan_five(one)
    standing = standing_of(one.conn, *place(one), today=TODAY)
    assert standing is not None
    arranged = Arranged(ONE, before, after, TODAY, "me", NOW)
    assert take_back(one.conn, standing, arranged)
    assert rows(one) == AS_FILED
    assert one.all("SELECT count(*) FROM due_move") == [(0,)]
    assert not take_back(one.conn, standing, arranged)
    assert rows(one) == AS_FILED


def test_a_day_moved_before_is_still_moved_when_an_arrangement_is_taken_back(one: Importer) -> None:
    move(one, 20)
    moved = rows(one)
    before, after = plan_five(one)
    standing = standing_of(one.conn, *place(one), today=TODAY)
    assert standing is not None
    assert take_back(one.conn, standing, Arranged(ONE, before, after, TODAY, "me", NOW))
    assert rows(one) == moved
    one(DUES, THREE)
    assert (rows(one), loan_row(one)) == (moved, (20, "request"))


def test_what_was_paid_of_an_installment_stays_paid(one: Importer) -> None:
    """150.00 of the first: its interest, and 50.00 of its principal."""
    one.conn.execute(
        """INSERT INTO allocation (lane, loan_id, number, payment_id, part, from_on, until_on, amount_minor)
           SELECT lane, loan_id, 1, %s, 'due', '2026-02-20', 'infinity', 15000 FROM loan""",
        (uuid4(),),
    )
    assert open_of(one.conn, *place(one))[0] == Open(1, date(2026, 3, 10), 950_00, 950_00, 0)
    _, after = plan_five(one)
    assert sum(row.principal_minor or 0 for row in after) == 2950_00
    amounts = [(row.number, row.amount_minor) for row in after]
    assert [(row.number, row.amount_minor) for row in open_of(one.conn, *place(one))] == amounts
    assert rows(one, "sum(principal_minor)::int") == [(3000_00,)]


def test_fees_and_penalties_are_carried_along_and_come_back_apart(one: Importer) -> None:
    one.conn.execute(
        "UPDATE installment SET fee_minor = 500, penalty_minor = 300, due_minor = due_minor + 800 WHERE number = 1"
    )
    charges = "number, fee_minor, penalty_minor"
    before, after = plan_five(one)
    assert rows(one, charges) == [(number, 160, 0) for number in range(1, 6)]
    standing = standing_of(one.conn, *place(one), today=TODAY)
    assert standing is not None
    assert take_back(one.conn, standing, Arranged(ONE, before, after, TODAY, "me", NOW))
    assert rows(one, charges) == [(1, 500, 300), (2, 0, 0), (3, 0, 0)]


def test_grace_of_a_day_that_moves_ahead_begins_anew_and_other_grace_stays(one: Importer) -> None:
    one.conn.execute("UPDATE installment SET grace_days = 3, grace_granted = 3")
    standing = standing_of(one.conn, *place(one), today=TODAY)
    assert standing is not None
    before = open_of(one.conn, *place(one))
    after = [replace(before[0], due_on=date(2026, 3, 25)), *before[1:]]
    rearrange(one.conn, standing, Arranged(ONE, before, after, TODAY, "me", NOW))
    assert rows(one, "number, grace_days") == [(1, None), (2, 3), (3, 3)]


def test_terms_of_a_contract_are_compared_with_what_the_file_lists_and_not_with_what_was_agreed(
    one: Importer,
) -> None:
    one.conn.execute("UPDATE loan SET method = 'equal-principal', started_on = '2026-02-10'")
    one.conn.commit()
    told = list(differing_loans(one.conn, Comparison()))
    assert told
    plan_five(one)
    assert list(differing_loans(one.conn, Comparison())) == told


def test_a_schedule_by_the_loans_terms_leaves_what_was_agreed_until_the_terms_change(bring: Importer) -> None:
    """No file lists an installment: the terms say the same again, and then another sum."""
    bring(TERMS, LOANS_BY_TERMS)
    plan_five(bring)
    agreed = rows(bring)
    assert len(agreed) == 5
    report = bring(TERMS, LOANS_BY_TERMS)
    assert rows(bring) == agreed
    assert "arrangements overruled" not in report.counts
    report = bring(TERMS, LOANS_BY_TERMS.replace(",300,", ",400,"), now=NEXT)
    assert rows(bring, "number, due_minor, computed") == [
        (1, 13601, True), (2, 13601, True), (3, 13601, True),
    ]  # fmt: skip
    assert report.counts["arrangements overruled"] == 1


def test_whoever_tells_of_changed_days_hears_of_an_arrangement(one: Importer) -> None:
    plan_five(one)
    assert one.all("SELECT count(*) FROM event WHERE kind = 'date.changed'") == [(0,)]
    standing = standing_of(one.conn, *place(one), today=TODAY)
    assert standing is not None
    before = open_of(one.conn, *place(one))
    after = [replace(before[0], due_on=date(2026, 3, 25)), *before[1:]]
    rearrange(one.conn, standing, Arranged(ONE, before, after, TODAY, "me", NOW))
    assert one.all("SELECT count(*) FROM event WHERE kind = 'date.changed'") == [(1,)]
