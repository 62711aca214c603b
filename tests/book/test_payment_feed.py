"""What an import records of how far its payments are known."""

from __future__ import annotations

from datetime import date

import pytest

from duecourse.book.summary import summary
from duecourse.domain.problems import DuecourseError

from .conftest import BORROWER, HEAD, LOAN, Importer

DAY = date(2026, 2, 27)
PAYMENT = """
    [[payment]]
    loan = "{loan}"
    creditor = "bank"
    source = "core"
    reference = "{ref}"
    amount = "{amount}"
    paid_on = "{day}"
"""
FEED = """
    [feed]
    creditor = "bank"
    source = "core"
"""
STATED = FEED + "    complete_through = 2026-02-26\n"
ROWS = "loan,ref,amount,day\nL1,R1,1.00,2026-02-26\n"
BAD_ROWS = ROWS + "L1,R2,1.00,yesterday\n"


@pytest.fixture
def pay(bring: Importer) -> Importer:
    """bring, with a loan to pay."""
    bring(HEAD + BORROWER + LOAN, "cust,name,loan\nC1,Ann,L1\n")
    return bring


def feeds(pay: Importer) -> list[tuple[str, str, str]]:
    found = [(one["creditor"], one["source"], one["complete_through"]) for one in summary(pay.conn)["feeds"]]
    pay.conn.commit()
    return found


def test_the_day_of_the_mapping_is_recorded(pay: Importer) -> None:
    pay(HEAD + STATED + PAYMENT, ROWS)
    assert feeds(pay) == [("bank", "core", "2026-02-26")]


def test_the_day_of_the_import_comes_before_the_mappings(pay: Importer) -> None:
    pay(HEAD + STATED + PAYMENT, ROWS, complete_through=DAY)
    assert feeds(pay) == [("bank", "core", "2026-02-27")]


def test_a_day_without_payments_is_a_file_without_rows(pay: Importer) -> None:
    report = pay(HEAD + FEED + PAYMENT, "loan,ref,amount,day\n", complete_through=DAY)
    assert (report.state, report.rows) == ("done", 0)
    assert feeds(pay) == [("bank", "core", "2026-02-27")]


def test_an_older_file_takes_nothing_back(pay: Importer) -> None:
    pay(HEAD + FEED + PAYMENT, ROWS, complete_through=DAY)
    pay(HEAD + STATED + PAYMENT, ROWS)
    assert feeds(pay) == [("bank", "core", "2026-02-27")]


def test_without_a_feed_or_a_day_nothing_is_recorded(pay: Importer) -> None:
    pay(HEAD + PAYMENT, ROWS)
    pay(HEAD + FEED + PAYMENT, ROWS)
    assert feeds(pay) == []


def test_a_dry_run_records_nothing(pay: Importer) -> None:
    pay(HEAD + STATED + PAYMENT, ROWS, dry_run=True)
    assert feeds(pay) == []


@pytest.mark.parametrize(("strict", "recorded"), [(True, []), (False, [("bank", "core", "2026-02-26")])])
def test_a_refused_file_records_nothing_a_refused_row_does_not_matter(
    pay: Importer, strict: bool, recorded: list[tuple[str, str, str]]
) -> None:
    pay(HEAD + STATED + PAYMENT, BAD_ROWS, strict=strict)
    assert feeds(pay) == recorded


@pytest.mark.parametrize(
    ("mapping", "day", "code"),
    [
        pytest.param(PAYMENT, DAY, "B008", id="whose feed is not said"),
        pytest.param(FEED + PAYMENT, date(2026, 3, 3), "B009", id="a day to come"),
        pytest.param(FEED.replace("bank", "bunk") + PAYMENT, DAY, "B002", id="a creditor nobody pays"),
        pytest.param(FEED.replace("core", "cora") + PAYMENT, DAY, "B002", id="a source no payment carries"),
        pytest.param(FEED + BORROWER, DAY, "B002", id="no payments"),
    ],
)
def test_a_feed_that_cannot_be_is_said_before_the_first_row(
    pay: Importer, mapping: str, day: date, code: str
) -> None:
    with pytest.raises(DuecourseError) as caught:
        pay(HEAD + mapping, ROWS, complete_through=day)
    assert [problem.code for problem in caught.value.problems] == [code]
    assert pay.all("SELECT count(*) FROM payment") == [(0,)]
