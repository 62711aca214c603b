"""What a file may say of money that comes in: payments, reversals, debits, money without a loan, several feeds."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest

from duecourse.book.importing import import_book
from duecourse.book.mapping import parse_mapping
from duecourse.book.payments import (
    add_payment,
    find_loan,
    payments_of_loan,
    place_suspended,
    reverse_payment,
    suspended,
)
from duecourse.book.summary import owed, summary
from duecourse.domain.problems import DuecourseError
from duecourse.privacy.keyring import Keyring

from .conftest import BORROWER, HEAD, LOAN, NOW, Importer
from .test_crash import IMPORT

DUES = """
    [[installment]]
    number = "{number}"
    due_on = "{due_on}"
    due = "{due}"
"""
PAYMENT = """
    [[payment]]
    loan = "{loan}"
    creditor = "bank"
    source = "core"
    reference = "{ref}"
    amount = "{amount}"
    paid_on = "{day}"
"""
REVERSAL = """
    [[reversal]]
    loan = "{loan}"
    creditor = "bank"
    source = "core"
    reference = "{ref}"
    reversed_on = "{day}"
    reason = "{why}"
"""
DEBIT = """
    [[debit]]
    loan = "{loan}"
    creditor = "bank"
    source = "core"
    reference = "{ref}"
    submitted_on = "{sent}"
    state = { column = "state", lookup = "states", default = "submitted" }
    result_on = "{result}"
    code = "{code}"
    [lookup.states]
    S = "paid"
    F = "failed"
"""
BOOK = "cust,name,loan,number,due_on,due\nC1,Ann,L1,1,2026-02-10,100\nC1,Ann,L1,2,2026-03-10,100\n"


@pytest.fixture
def pay(bring: Importer) -> Importer:
    """bring, with a loan that has two installments of 100.00."""
    bring(HEAD + BORROWER + LOAN + DUES, BOOK)
    return bring


def standing(pay: Importer) -> list[tuple[Any, ...]]:
    return pay.all("SELECT number, settled_on::text FROM installment ORDER BY number")


def payments(pay: Importer) -> list[tuple[Any, ...]]:
    found = payments_of_loan(pay.conn, find_loan(pay.conn, "L1"), date(2027, 1, 1))
    pay.conn.commit()
    return [(line.reference, line.amount_minor, line.unallocated_minor) for line in found]


def test_the_same_reference_with_another_amount_is_refused_and_named(pay: Importer) -> None:
    pay(HEAD + PAYMENT, "loan,ref,amount,day\nL1,R1,100,2026-02-09\n")
    report = pay(HEAD + PAYMENT, "loan,ref,amount,day\nL1,R1,90,2026-02-09\nL1,R2,5,2026-02-09\n")
    assert [(p.code, p.where) for p in report.problems] == [("B050", "book.csv:2")]
    assert sorted(payments(pay)) == [("R1", 10000, 0), ("R2", 500, 0)]


def test_the_same_payment_again_changes_nothing(pay: Importer) -> None:
    rows = "loan,ref,amount,day\nL1,R1,100,2026-02-09\n"
    pay(HEAD + PAYMENT, rows)
    report = pay(HEAD + PAYMENT, rows)
    assert (report.counts["payments same"], report.counts["payments new"]) == (1, 0)
    assert pay.all("SELECT count(*) FROM book_history") == [(0,)]


def test_another_day_of_a_payment_moves_it(pay: Importer) -> None:
    pay(HEAD + PAYMENT, "loan,ref,amount,day\nL1,R1,100,2026-02-12\n")
    pay(HEAD + PAYMENT, "loan,ref,amount,day\nL1,R1,100,2026-02-09\n")
    assert standing(pay) == [(1, "2026-02-09"), (2, None)]
    assert pay.all("SELECT subject, was ->> 'paid_on' FROM book_history") == [("payment", "2026-02-12")]


def test_where_the_mapping_allows_it_another_amount_replaces_the_first(pay: Importer) -> None:
    pay(HEAD + PAYMENT, "loan,ref,amount,day\nL1,R1,100,2026-02-09\n")
    update = PAYMENT + '    if_changed = "update"\n'
    report = pay(HEAD + update, "loan,ref,amount,day\nL1,R1,90,2026-02-09\n")
    assert (report.problems, report.counts["payments changed"]) == ([], 1)
    assert standing(pay) == [(1, None), (2, None)]


@pytest.mark.parametrize("first", ["payment", "reversal"])
def test_a_reversal_opens_what_its_payment_settled_whichever_comes_first(pay: Importer, first: str) -> None:
    files = [
        (HEAD + PAYMENT, "loan,ref,amount,day\nL1,R1,100,2026-02-09\n"),
        (HEAD + REVERSAL, "loan,ref,day,why\nL1,R1,2026-02-12,returned\n"),
    ]
    for mapping, rows in files if first == "payment" else reversed(files):
        assert pay(mapping, rows).problems == []
    assert standing(pay) == [(1, None), (2, None)]
    assert owed(pay.conn, date(2026, 2, 11))[0].past_due_minor == 0  # while it counted
    assert owed(pay.conn, date(2026, 2, 12))[0].past_due_minor == 10000
    pay.conn.commit()


def test_a_payment_row_may_bring_its_reversal(pay: Importer) -> None:
    mapping = HEAD + PAYMENT + '    reversed_on = "{back}"\n    reason = "booked twice"\n'
    pay(mapping, "loan,ref,amount,day,back\nL1,R1,100,2026-02-09,2026-02-11\nL1,R2,40,2026-02-09,\n")
    assert pay.all("SELECT reference, reversed_on::text, reason FROM reversal") == [
        ("R1", "2026-02-11", "booked twice")
    ]
    assert sorted(payments(pay)) == [("R1", 10000, 0), ("R2", 4000, 0)]


def test_a_negative_amount_may_be_a_reversal(pay: Importer) -> None:
    when = '    when = {{ column = "amount", {test} = 0 }}\n'
    mapping = (
        HEAD
        + PAYMENT.replace("[[payment]]\n", "[[payment]]\n" + when.format(test="greater"))
        + REVERSAL.replace("[[reversal]]\n", "[[reversal]]\n" + when.format(test="less"))
    )
    rows = "loan,ref,amount,day,why\nL1,R1,100,2026-02-09,\nL1,R1,-100,2026-02-12,bounced\n"
    assert pay(mapping, rows).problems == []
    assert standing(pay) == [(1, None), (2, None)]


def test_a_reversal_of_a_loan_nobody_knows_is_refused(pay: Importer) -> None:
    report = pay(HEAD + REVERSAL, "loan,ref,day,why\nL9,R1,2026-02-12,\n")
    assert dict(report.codes) == {"B032": 1}


SUSPENSE = PAYMENT + '    if_unknown = "suspense"\n'


def test_a_payment_without_a_known_loan_is_refused_where_the_mapping_says_nothing(pay: Importer) -> None:
    assert dict(pay(HEAD + PAYMENT, "loan,ref,amount,day\nL9,R1,5,2026-02-09\n").codes) == {"B032": 1}


def test_money_without_a_loan_is_kept_and_placed_when_the_loan_comes(pay: Importer) -> None:
    rows = "loan,ref,amount,day\nL2,R1,100,2026-02-09\n"
    report = pay(HEAD + SUSPENSE, rows)
    assert (report.problems, report.counts["suspense new"]) == ([], 1)
    pay(HEAD + SUSPENSE, rows)
    assert [(one.loan_ref, one.amount_minor) for one in suspended(pay.conn)] == [("L2", 10000)]
    assert summary(pay.conn)["suspense"] == 1
    pay.conn.commit()
    report = pay(HEAD + BORROWER + LOAN + DUES, BOOK.replace("L1", "L2"))
    assert report.counts["suspense placed"] == 1
    assert suspended(pay.conn) == []
    assert pay.all("""SELECT l.loan_ref, i.number, i.settled_on::text FROM installment i
                      JOIN loan l USING (lane, loan_id) WHERE i.settled_on IS NOT NULL""") == [
        ("L2", 1, "2026-02-09")
    ]
    assert pay(HEAD + SUSPENSE, rows).counts["payments same"] == 1


def test_money_that_names_no_loan_is_placed_by_hand(pay: Importer) -> None:
    rows = "loan,ref,amount,day\n,R1,100,2026-02-09\n"
    pay(HEAD + SUSPENSE, rows)
    loan = find_loan(pay.conn, "L1")
    assert place_suspended(pay.conn, loan, source="core", reference="R1", now=NOW) == 10000
    assert standing(pay) == [(1, "2026-02-09"), (2, None)]
    pay(HEAD + SUSPENSE, rows)  # the file again: it has its place
    assert suspended(pay.conn) == []
    with pytest.raises(DuecourseError) as caught:
        place_suspended(pay.conn, loan, source="core", reference="R1", now=NOW)
    assert [problem.code for problem in caught.value.problems] == ["D064"]


def test_money_in_suspense_under_the_same_reference_with_another_amount_is_refused(pay: Importer) -> None:
    pay(HEAD + SUSPENSE, "loan,ref,amount,day\n,R1,100,2026-02-09\n")
    report = pay(HEAD + SUSPENSE, "loan,ref,amount,day\n,R1,90,2026-02-09\n")
    assert dict(report.codes) == {"B050": 1}


def test_what_is_over_meets_what_falls_due_later(pay: Importer) -> None:
    pay(HEAD + PAYMENT, "loan,ref,amount,day\nL1,R1,250,2026-02-09\n")
    assert payments(pay) == [("R1", 25000, 5000)]
    assert summary(pay.conn)["currencies"]["USD"]["unallocated_amount"] == "50"
    pay.conn.commit()
    pay(HEAD + BORROWER + LOAN + DUES, "cust,name,loan,number,due_on,due\nC1,Ann,L1,3,2026-04-10,30\n")
    assert payments(pay) == [("R1", 25000, 2000)]
    assert standing(pay)[2] == (3, "2026-02-09")


def debits(pay: Importer) -> list[tuple[Any, ...]]:
    return pay.all("""SELECT reference, submitted_on::text, wait_until::text, state, result_on::text, code FROM debit
                      ORDER BY reference""")


INSTRUCTIONS = "loan,ref,sent,state,result,code\nL1,D1,2026-02-10,,,\n"
RESULTS = "loan,ref,sent,state,result,code\nL1,D1,,F,2026-02-11,4004\n"


@pytest.mark.parametrize("order", [(0, 1), (1, 0), (0, 1, 0), (1, 0, 1)])
def test_a_debits_instruction_and_result_make_one_in_either_order(
    pay: Importer, order: tuple[int, ...]
) -> None:
    for which in order:
        assert pay(HEAD + DEBIT, (INSTRUCTIONS, RESULTS)[which]).problems == []
    assert debits(pay) == [("D1", "2026-02-10", "2026-02-13", "failed", "2026-02-11", "4004")]


def test_of_several_results_the_latest_holds(pay: Importer) -> None:
    pay(HEAD + DEBIT, INSTRUCTIONS + "L1,D1,,S,2026-02-12,0000\n")
    pay(HEAD + DEBIT, RESULTS)
    assert debits(pay) == [("D1", "2026-02-10", "2026-02-13", "paid", "2026-02-12", "0000")]


@pytest.mark.parametrize(
    "row",
    [
        pytest.param("L1,D1,,,,", id="submitted on no day"),
        pytest.param("L1,D1,2026-02-10,F,,", id="failed on no day"),
        pytest.param("L1,D1,2026-02-10,,2026-02-11,", id="a day of no result"),
        pytest.param("L1,D1,2026-02-10,F,2026-02-09,", id="answered before it was asked"),
    ],
)
def test_a_debit_whose_days_and_state_contradict_each_other_is_refused(pay: Importer, row: str) -> None:
    report = pay(HEAD + DEBIT, f"loan,ref,sent,state,result,code\n{row}\n")
    assert dict(report.codes) == {"B051": 1}
    assert debits(pay) == []


def test_a_file_may_carry_several_feeds(pay: Importer) -> None:
    feeds = """
    [[feed]]
    creditor = "bank"
    source = "core"
    complete_through = 2026-02-26
    [[feed]]
    creditor = "bank"
    source = "desk"
    """
    mapping = HEAD + feeds + PAYMENT.replace('"core"', '"{source}"')
    pay(mapping, "loan,ref,amount,day,source\nL1,R1,1,2026-02-09,desk\n", complete_through=date(2026, 2, 27))
    assert [(one["source"], one["complete_through"]) for one in summary(pay.conn)["feeds"]] == [
        ("core", "2026-02-27"),
        ("desk", "2026-02-27"),
    ]
    with pytest.raises(DuecourseError) as caught:
        parse_mapping(textwrap.dedent(mapping.replace("desk", "core")), "m")
    assert caught.value.problems[0].code == "B002"


def test_one_payment_added_and_reversed_by_hand_is_as_a_file_says_it(pay: Importer) -> None:
    loan = find_loan(pay.conn, "L1")
    paid: dict[str, Any] = {
        "amount_minor": 10000, "currency": "USD", "paid_on": date(2026, 2, 9), "source": "core",
        "reference": "R1", "now": NOW,
    }  # fmt: skip
    back: dict[str, Any] = {
        "source": "core", "reference": "R1", "reversed_on": date(2026, 2, 12), "reason": "returned", "now": NOW,
    }  # fmt: skip
    assert [add_payment(pay.conn, loan, **paid) for _ in range(2)] == ["new", "same"]
    assert [reverse_payment(pay.conn, loan, **back) for _ in range(2)] == ["new", "same"]
    assert pay(HEAD + PAYMENT, "loan,ref,amount,day\nL1,R1,100,2026-02-09\n").counts["payments same"] == 1
    report = pay(HEAD + REVERSAL, "loan,ref,day,why\nL1,R1,2026-02-12,returned\n")
    assert report.counts["reversals same"] == 1
    for wrong, code in (({"amount_minor": 1}, "B050"), ({"currency": "EUR"}, "B034")):
        with pytest.raises(DuecourseError) as caught:
            add_payment(pay.conn, loan, **(paid | wrong))
        assert [problem.code for problem in caught.value.problems] == [code]
    with pytest.raises(DuecourseError) as caught:
        reverse_payment(pay.conn, loan, **(back | {"reference": "R9"}))
    assert [problem.code for problem in caught.value.problems] == ["D062"]


MONEY = """
mapping = "money"
[money]
currency = "CNY"
[borrower]
key = "C{row:04d}"
language = "zh-CN"
region = "CN"
zone = "Asia/Shanghai"
[loan]
ref = "L{row:04d}"
creditor = "bank"
product = "cash-loan"
method = "given"
[[installment]]
repeat = [{ month = "2026-01" }, { month = "2026-02" }]
number = "{i}"
due_on = { month = "{month}", day = 10 }
due = 100
[[payment]]
source = "core"
reference = "P{row}"
amount = { column = "paid" }
paid_on = "2026-01-09"
reversed_on = "{back}"
[[payment]]
loan = "L{other:04d}"
source = "core"
reference = "other"
amount = 30
paid_on = "2026-01-08"
if_unknown = "suspense"
[[debit]]
source = "core"
reference = "D{row}"
submitted_on = "2026-02-10"
"""
FIGURES = """
SELECT l.loan_ref, i.number, i.settled_on, (SELECT sum(a.amount_minor) FROM allocation a
        WHERE (a.lane, a.loan_id, a.number) = (i.lane, i.loan_id, i.number) AND a.until_on = 'infinity'),
       (SELECT count(*) FROM installment_was w WHERE (w.lane, w.loan_id, w.number) = (i.lane, i.loan_id, i.number)),
       (SELECT count(*) FROM debit d WHERE (d.lane, d.loan_id) = (i.lane, i.loan_id)),
       (SELECT count(*) FROM suspense WHERE placed_at IS NULL)
FROM installment i JOIN loan l USING (lane, loan_id) ORDER BY 1, 2
"""


@pytest.mark.parametrize("batches", [2, 5])
def test_a_killed_import_of_payments_and_reversals_is_completed_by_the_next(
    database_url: str, empty_book: str, tmp_path: Path, batches: int
) -> None:
    keyring = Keyring.new()
    keyring.save(tmp_path / "keys.json")
    (tmp_path / "mapping.toml").write_text(MONEY)
    path = tmp_path / "money.csv"
    # Payments of loans that come in a later batch, and of some that never come.
    lines = (f"{40 + i % 80},{'2026-01-12' if i % 3 == 0 else ''},{(i * 11) % 420 + 1}" for i in range(400))
    path.write_text("paid,back,other\n" + "\n".join(lines) + "\n")
    arguments = [
        database_url,
        tmp_path / "keys.json",
        tmp_path / "mapping.toml",
        path,
        NOW.isoformat(),
        batches,
    ]
    killed = subprocess.run([sys.executable, "-c", IMPORT, *map(str, arguments)], check=False)
    assert killed.returncode == -signal.SIGKILL
    mapping = parse_mapping(MONEY, "m")
    with psycopg.connect(database_url, autocommit=True) as conn:
        assert conn.execute("SELECT count(*) FROM loan").fetchone() == (batches * 50,)
        import_book(conn, keyring, path, mapping, now=NOW, batch_rows=50)
        mended = conn.execute(FIGURES).fetchall()
    with psycopg.connect(empty_book, autocommit=True) as conn:
        import_book(conn, keyring, path, mapping, now=NOW)
        assert conn.execute(FIGURES).fetchall() == mended
