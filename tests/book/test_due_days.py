"""Due days: shifted off holidays, moved on request, allotted; and what the lender's next file does with them."""

from __future__ import annotations

import threading
from datetime import date
from typing import Any

import psycopg
import pytest

from duecourse.book.allotting import apply_days, propose_days
from duecourse.book.moving import Moved, apply_move, propose_move
from duecourse.book.pauses import find_loan
from duecourse.book.shifting import provisional_days, recompute_days, settle_provisional_days
from duecourse.domain import calendars
from duecourse.domain.problems import DuecourseError
from duecourse.store.connect import Store
from duecourse.store.sql import load

from .conftest import NOW, Importer

TODAY = date(2026, 3, 1)

LOANS = """
mapping = "loans"
[money]
currency = "CNY"
[borrower]
key = "{cust}"
language = "zh-CN"
region = "{region}"
zone = "Asia/Shanghai"
[loan]
ref = "{loan}"
creditor = "bank"
product = "cash-loan"
method = "given"
principal = "{principal}"
annual_rate = "{rate}"
due_day = "{due_day}"
shift = "{shift}"
"""
DUES = """
mapping = "dues"
[money]
currency = "CNY"
[[installment]]
loan = "{loan}"
creditor = "bank"
number = "{number}"
due_on = "{due_on}"
due = "{due}"
principal = "{principal}"
interest = "{interest}"
"""
ONE_LOAN = "cust,region,loan,principal,rate,due_day,shift\nC-1,CN,L-1,3000.00,0.365,,none\n"
HEAD = "loan,number,due_on,due,principal,interest\n"
THREE = (
    HEAD + "L-1,1,2026-03-10,1100.00,1000.00,100.00\n"
    "L-1,2,2026-04-10,1070.00,1000.00,70.00\n"
    "L-1,3,2026-05-10,1035.00,1000.00,35.00\n"
)


def rows(bring: Importer, columns: str = "number, due_on::text, due_minor") -> list[tuple[Any, ...]]:
    return bring.all(f"SELECT {columns} FROM installment ORDER BY loan_id, number")


def loan_row(bring: Importer) -> tuple[Any, ...]:
    return bring.all("SELECT due_day, due_day_source FROM loan")[0]


def move(
    bring: Importer, to: int, month: str = "2026-04-01", *, as_of: date = TODAY, with_interest: bool = True
) -> Moved:
    loan = find_loan(bring.conn, "L-1")
    moved = propose_move(
        bring.conn, loan, to, from_on=date.fromisoformat(month), as_of=as_of, with_interest=with_interest
    )
    apply_move(bring.conn, moved, recorded_by="me", now=NOW)
    bring.conn.commit()
    return moved


@pytest.fixture
def one(bring: Importer) -> Importer:
    """A book with the loan L-1: 3,000.00 at 36.5 % in three installments on the 10th."""
    bring(LOANS, ONE_LOAN)
    bring(DUES, THREE)
    return bring


def test_a_moved_due_day_bears_the_odd_days_interest_once(one: Importer) -> None:
    moved = move(one, 20)
    # 2,000.00 is still to be repaid: ten days of it at 36.5 % are 20.00.
    assert (moved.move.odd_days, moved.move.odd_interest_minor) == (10, 20_00)
    assert rows(one, "number, due_on::text, due_minor, principal_minor, interest_minor") == [
        (1, "2026-03-10", 1100_00, 1000_00, 100_00),
        (2, "2026-04-20", 1090_00, 1000_00, 90_00),
        (3, "2026-05-20", 1035_00, 1000_00, 35_00),
    ]
    assert loan_row(one) == (20, "request")
    was = one.all("SELECT was ->> 'due_on' FROM book_history WHERE subject = 'installment' ORDER BY 1")
    assert was == [("2026-04-10",), ("2026-05-10",)]


def test_interest_can_be_waived(one: Importer) -> None:
    move(one, 20, with_interest=False)
    assert rows(one)[1] == (2, "2026-04-20", 1070_00)


@pytest.mark.parametrize(
    ("to", "month", "change", "said"),
    [
        (20, "2026-06-01", "", "no installment from 2026-06 on"),
        (20, "2026-03-01", "UPDATE loan SET state = 'closed'", "closed"),
        (20, "2026-03-01", "UPDATE loan SET annual_rate = NULL", "does not know its rate"),
        (20, "2026-03-01", "UPDATE installment SET statement_on = due_on - 20, balance_minor = due_minor", "with its"),
        (20, "2026-03-01", "UPDATE installment SET settled_on = '2026-02-20' WHERE number = 1", "has been paid on"),
        (1, "2026-03-01", "", "would be due by 2026-03-01"),
        (5, "2026-04-01", "UPDATE installment SET due_on = '2026-04-06' WHERE number = 1", "one month"),
        (5, "2026-05-01", "UPDATE installment SET due_on = '2026-05-01' WHERE number = 2", "one month"),
    ],
)  # fmt: skip
def test_a_due_day_that_cannot_be_moved_is_refused(
    one: Importer, to: int, month: str, change: str, said: str
) -> None:
    if change:
        one.conn.execute(change)  # type: ignore[call-overload]
    before = rows(one)
    with pytest.raises(DuecourseError, match=said) as refused:
        move(one, to, month)
    assert refused.value.problems[0].code == "B047"
    assert rows(one) == before


def test_the_same_file_again_does_not_undo_a_move(one: Importer) -> None:
    move(one, 20)
    before = rows(one)
    report = one(DUES, THREE)
    assert rows(one) == before
    assert (report.counts["installments same"], report.counts["moved days overruled"]) == (3, 0)
    assert loan_row(one) == (20, "request")


def test_a_file_that_says_something_new_has_the_last_word_and_says_so(one: Importer) -> None:
    move(one, 20)
    report = one(DUES, THREE.replace("2026-04-10,1070.00,1000.00,70.00", "2026-04-12,1072.00,1000.00,72.00"))
    assert rows(one) == [(1, "2026-03-10", 1100_00), (2, "2026-04-12", 1072_00), (3, "2026-05-20", 1035_00)]
    assert report.counts["moved days overruled"] == 1
    assert loan_row(one) == (None, "contract")
    one(DUES, THREE)  # from here on an older file is a newer word like any other
    assert rows(one)[1] == (2, "2026-04-10", 1070_00)


def test_a_file_that_takes_the_move_over_makes_it_its_own(one: Importer) -> None:
    move(one, 20)
    adopted = THREE.replace("2026-04-10,1070.00,1000.00,70.00", "2026-04-20,1090.00,1000.00,90.00").replace(
        "2026-05-10", "2026-05-20"
    )
    before = rows(one)
    report = one(DUES, adopted)
    assert rows(one) == before
    assert (report.counts["installments same"], report.counts["moved days overruled"]) == (3, 0)
    assert one.all("SELECT count(*) FROM due_move") == [(0,)]
    one(DUES, THREE)  # and now it is the lender who moves back
    assert rows(one)[1] == (2, "2026-04-10", 1070_00)


def test_a_second_move_remembers_what_the_file_said_first(one: Importer) -> None:
    move(one, 20)
    move(one, 15)
    assert rows(one)[1] == (2, "2026-04-15", 1080_00)  # five of the ten days were given back
    one(DUES, THREE)
    assert rows(one)[1] == (2, "2026-04-15", 1080_00)


SHIFTED = ONE_LOAN.replace(",none\n", ",following\n")
GOLDEN_WEEK = HEAD + (
    "L-1,1,2026-09-20,100.00,100.00,0.00\n"  # a Sunday, and a working day made up for the holiday
    "L-1,2,2026-10-01,100.00,100.00,0.00\n"  # National Day
    "L-1,3,2031-10-01,100.00,100.00,0.00\n"  # beyond every calendar
)
COLUMNS = "number, due_on::text, contract_due_on::text, due_provisional"


def test_a_due_day_on_a_holiday_is_shifted_and_the_contracts_day_kept(bring: Importer) -> None:
    bring(LOANS, SHIFTED)
    bring(DUES, GOLDEN_WEEK)
    assert rows(bring, COLUMNS) == [
        (1, "2026-09-20", None, False),
        (2, "2026-10-08", "2026-10-01", False),
        (3, "2031-10-01", "2031-10-01", True),
    ]


def test_by_default_nothing_is_shifted(bring: Importer) -> None:
    bring(LOANS, ONE_LOAN)
    bring(DUES, GOLDEN_WEEK)
    assert rows(bring, COLUMNS)[1] == (2, "2026-10-01", None, False)


def test_the_calendar_is_the_borrowers_regions(bring: Importer) -> None:
    bring(LOANS, SHIFTED.replace(",CN,", ",US-MA,"))
    bring(DUES, HEAD + "L-1,1,2026-10-01,100.00,100.00,0.00\nL-1,2,2026-10-12,100.00,100.00,0.00\n")
    assert rows(bring, COLUMNS) == [
        (1, "2026-10-01", None, False),
        (2, "2026-10-13", "2026-10-12", False),  # Columbus Day
    ]


def test_the_same_file_again_changes_no_shifted_day(bring: Importer) -> None:
    bring(LOANS, SHIFTED)
    bring(DUES, GOLDEN_WEEK)
    report = bring(DUES, GOLDEN_WEEK)
    assert report.counts["installments same"] == 3
    assert rows(bring, COLUMNS)[1] == (2, "2026-10-08", "2026-10-01", False)


def test_a_loan_that_gives_up_its_shift_gets_the_contracts_days_back(bring: Importer) -> None:
    bring(LOANS, SHIFTED)
    bring(DUES, GOLDEN_WEEK)
    bring(LOANS, ONE_LOAN)
    assert [row[1:] for row in rows(bring, COLUMNS)] == [
        ("2026-09-20", None, False), ("2026-10-01", None, False), ("2031-10-01", None, False),
    ]  # fmt: skip


def test_a_provisional_day_is_recomputed_when_its_calendar_comes(
    bring: Importer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as old:
        old.setattr(calendars, "announced_in_china", {date(2025, 1, 1): "", date(2025, 12, 31): ""})
        bring(LOANS, SHIFTED)
        bring(DUES, GOLDEN_WEEK)
        assert rows(bring, COLUMNS)[1] == (2, "2026-10-01", "2026-10-01", True)
    bring.conn.commit()
    bring.conn.autocommit = True
    assert recompute_days(bring.conn, from_on=TODAY) == 2
    assert recompute_days(bring.conn, from_on=TODAY) == 0
    assert rows(bring, COLUMNS) == [
        (1, "2026-09-20", None, False),
        (2, "2026-10-08", "2026-10-01", False),
        (3, "2031-10-01", "2031-10-01", True),
    ]
    assert [(one.region, one.installments) for one in provisional_days(bring.conn, TODAY)] == [("CN", 1)]
    assert bring.all("SELECT count(*) FROM book_history WHERE subject = 'installment'") == [(2,)]


def test_planning_recomputes_what_is_near_and_provisional(
    bring: Importer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as old:
        old.setattr(calendars, "announced_in_china", {date(2025, 1, 1): "", date(2025, 12, 31): ""})
        bring(LOANS, SHIFTED)
        bring(DUES, GOLDEN_WEEK)
        bring.conn.commit()
        assert settle_provisional_days(bring.conn, from_on=date(2026, 9, 1), lanes=range(256)) == 0
    assert (
        settle_provisional_days(bring.conn, from_on=date(2026, 7, 1), lanes=range(256)) == 0
    )  # too far ahead
    assert settle_provisional_days(bring.conn, from_on=date(2026, 9, 1), lanes=range(256)) == 2
    assert rows(bring, COLUMNS)[1] == (2, "2026-10-08", "2026-10-01", False)


def test_what_has_fallen_due_is_not_shifted_again(bring: Importer) -> None:
    bring(LOANS, ONE_LOAN)
    bring(DUES, GOLDEN_WEEK)
    bring.conn.execute("UPDATE loan SET shift = 'following'")
    bring.conn.commit()
    bring.conn.autocommit = True
    assert recompute_days(bring.conn, from_on=date(2026, 10, 2)) == 1  # the provisional one alone


def test_a_moved_day_is_shifted_like_any_other(bring: Importer) -> None:
    bring(LOANS, SHIFTED)
    bring(DUES, HEAD + "L-1,1,2026-10-15,100.00,100.00,0.00\n")
    move(bring, 3, "2026-10-01", with_interest=False)
    assert rows(bring, COLUMNS) == [(1, "2026-10-08", "2026-10-03", False)]


def test_a_day_that_is_none_refuses_the_row(bring: Importer) -> None:
    report = bring(LOANS, ONE_LOAN.replace(",,none", ",32,none") + "C-2,CN,L-2,1.00,0,,sideways\n")
    assert (report.codes["B024"], report.rejected) == (1, 2)


def allot(conn: psycopg.Connection, *, write: bool = True) -> dict[str, int]:
    allotted, _ = propose_days(conn, as_of=TODAY, months=12)
    if write:
        apply_days(conn, allotted, now=NOW)
        conn.commit()
    return {one.loan_ref: one.due_day for one in allotted}


def test_loans_that_wait_for_a_due_day_are_spread_over_the_month(bring: Importer) -> None:
    waiting = "".join(f"C-{n},CN,L-{n},1200.00,0,allotted,none\n" for n in range(2, 30))
    bring(LOANS, ONE_LOAN + waiting)
    bring(DUES, THREE)
    assert allot(bring.conn, write=False) == allot(bring.conn)
    days = bring.all("SELECT due_day, count(*) FROM loan WHERE due_day_source = 'allotted' GROUP BY 1")
    assert sum(count for _, count in days) == 28
    assert (
        max(count for _, count in days) == 2
    )  # one for each day, but the 10th, on which L-1 pays, is spared
    assert 10 not in dict(days)
    assert allot(bring.conn) == {}


def test_an_allotted_day_counts_as_load_before_the_lender_has_made_the_schedule(bring: Importer) -> None:
    bring(LOANS, ONE_LOAN.replace("L-1", "L-2").replace(",,", ",allotted,"))
    assert allot(bring.conn) == {"L-2": 1}
    bring(
        LOANS, ONE_LOAN.replace("C-1", "C-3").replace("L-1", "L-3")
    )  # no day and no installment: it waits too
    assert allot(bring.conn) == {"L-3": 2}


def test_an_allotted_day_stays_until_the_file_names_one(bring: Importer) -> None:
    waiting = ONE_LOAN.replace(",,", ",allotted,")
    bring(LOANS, waiting)
    allot(bring.conn)
    bring(LOANS, waiting.replace("3000.00", "2999.00"))
    assert loan_row(bring) == (1, "allotted")
    bring(LOANS, waiting.replace("allotted", "17"))
    assert loan_row(bring) == (17, "contract")


def test_a_move_waits_for_an_import_that_has_begun(one: Importer, store: Store) -> None:
    with store.connect() as importing:
        importing.execute(load("book/importing")["lock_book"])
        importing.execute("UPDATE installment SET due_on = '2026-04-15' WHERE number = 2")
        found: list[Moved] = []
        with store.connect() as moving:
            mover = threading.Thread(
                target=lambda: found.append(
                    propose_move(moving, find_loan(moving, "L-1"), 20, from_on=date(2026, 4, 1), as_of=TODAY)
                )
            )
            mover.start()
            mover.join(0.5)
            assert mover.is_alive()
            importing.commit()
            mover.join(10)
            assert not mover.is_alive()
    assert found[0].move.odd_days == 5
