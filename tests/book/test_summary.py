"""The book in figures."""

from __future__ import annotations

import psycopg

from duecourse.book.summary import summary

from .conftest import BORROWER, HEAD, LOAN, Importer

MAPPING = (
    HEAD.replace('"USD"', '"{cur}"')
    + BORROWER
    + LOAN
    + """
    [[installment]]
    number = 1
    due_on = "2026-03-10"
    due = "{due}"
"""
)


def test_an_empty_book_sums_to_nothing(database: psycopg.Connection) -> None:
    found = summary(database)
    assert found["borrowers"] == 0
    assert found["installments_amount"] == "0"
    assert found["imports"] == []


def test_amounts_are_decimal_strings(bring: Importer, database: psycopg.Connection) -> None:
    bring(MAPPING, "cust,name,loan,cur,due\nC1,A,L1,USD,10.50\nC2,B,L2,USD,0\n")
    found = summary(database)
    assert (found["loans"], found["installments"], found["installments_amount"]) == (2, 1, "10.50")
    assert found["imports"][0]["rows"] == 2


def test_unlike_currencies_do_not_add(bring: Importer, database: psycopg.Connection) -> None:
    bring(MAPPING, "cust,name,loan,cur,due\nC1,A,L1,USD,10.50\nC2,B,L2,JPY,700\n")
    found = summary(database)
    assert found["installments"] == 2
    assert "installments_amount" not in found
    assert {name: money["installments_amount"] for name, money in found["currencies"].items()} == {
        "JPY": "700",
        "USD": "10.50",
    }
