"""Monthly reports count payments as they stood at the end of what is asked, not as later reversals left them."""

from __future__ import annotations

from datetime import date

import psycopg
import pytest

from duecourse.book.importing import import_rows
from duecourse.book.mapping import parse_mapping
from duecourse.book.payments import add_payment, find_loan, reverse_payment
from duecourse.dispatch.reading import months, read_rows
from lender import LONG_AGO, Lender

MAPPING = """
mapping = "m"
[money]
currency = "CNY"
[borrower]
key = "C-1"
language = "en"
region = "CN"
zone = "Asia/Shanghai"
[borrower.attributes.pay_state]
"2026-03" = { value = "0", as = "integer" }
[loan]
ref = "L-1"
creditor = "bank"
product = "cash-loan"
method = "given"
[[installment]]
number = 1
due_on = "2026-03-10"
due = 100
"""


@pytest.fixture
def taken_back(lender: Lender) -> psycopg.Connection:
    """100.00 due on 10 March, paid that day, and taken back on 5 April."""
    conn = lender.conn
    import_rows(conn, lender.keyring, [{}], parse_mapping(MAPPING, "m"), columns=(), now=LONG_AGO)
    loan = find_loan(conn, "L-1")
    add_payment(
        conn, loan, amount_minor=10000, currency="CNY", paid_on=date(2026, 3, 10), source="desk", reference="R",
        now=LONG_AGO,
    )  # fmt: skip
    reverse_payment(
        conn,
        loan,
        source="desk",
        reference="R",
        reversed_on=date(2026, 4, 5),
        reason="returned",
        now=LONG_AGO,
    )
    conn.commit()
    return conn


@pytest.mark.parametrize(
    ("through", "met", "overdue", "payments"),
    [(date(2026, 3, 31), 1, 0, 1), (date(2026, 4, 4), 1, 0, 1), (date(2026, 4, 5), 0, 1, 0)],
)
def test_a_month_is_told_as_it_stood(
    taken_back: psycopg.Connection, through: date, met: int, overdue: int, payments: int
) -> None:
    march = months(taken_back, date(2026, 3, 1), through)[0]
    assert (march["due"], march["met_by_due"], march["overdue"], march["payments"]) == (
        1,
        met,
        overdue,
        payments,
    )


def test_the_lender_s_state_of_a_month_is_set_against_ours_of_that_month_s_end(
    taken_back: psycopg.Connection,
) -> None:
    given = {"from_on": date(2026, 3, 1), "to_on": date(2026, 4, 30), "attribute": "pay_state"}
    assert [row["ours"] for row in read_rows(taken_back, "lender_states", **given)] == ["met"]
