"""A payment that is taken back brings its reminder back; a replay knows a reversal from its day on only."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from duecourse.book.importing import import_rows
from duecourse.book.mapping import parse_mapping
from duecourse.book.payments import add_payment, find_loan, reverse_payment
from lender import REMINDER, Lender
from post import Post

MAPPING = """
mapping = "m"
[money]
currency = "CNY"
[borrower]
key = "C-1"
language = "en"
region = "CN"
zone = "Asia/Shanghai"
[[contact_point]]
channel = "sms"
address = "+8613900001111"
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
ON_THE_DAY = """
  - id: due-today
    when: due at 09:00
    purpose: reminder
    route: [sms]
    template: due-today
"""
LONG_BEFORE = datetime.fromisoformat("2026-03-01T00:00+08:00")


@pytest.fixture
def book(lender: Lender) -> Lender:
    """A loan with 100.00 due on the 10th, and reminders of the 9th and the 10th."""
    import_rows(lender.conn, lender.keyring, [{}], parse_mapping(MAPPING, "m"), columns=(), now=LONG_BEFORE)
    lender.conn.commit()
    lender.policy(REMINDER + ON_THE_DAY)
    lender.plan("2026-03-08T00:00+08:00")
    return lender


def pay(book: Lender, on: str, amount: int = 10000) -> None:
    loan = find_loan(book.conn, "L-1")
    add_payment(
        book.conn, loan, amount_minor=amount, currency="CNY", paid_on=date.fromisoformat(on), source="desk",
        reference="R", now=LONG_BEFORE,
    )  # fmt: skip
    book.conn.commit()


def reverse(book: Lender, on: str) -> None:
    loan = find_loan(book.conn, "L-1")
    reverse_payment(
        book.conn, loan, source="desk", reference="R", reversed_on=date.fromisoformat(on), reason="returned",
        now=LONG_BEFORE,
    )  # fmt: skip
    book.conn.commit()


def standing(book: Lender) -> list[tuple[object, ...]]:
    return book.messages("step", "coalesce(outcome, state)", "rule")


def test_a_reversal_brings_the_withheld_reminder_back(book: Lender, post: Post) -> None:
    pay(book, "2026-03-08")
    post.work("2026-03-09T09:00+08:00")
    assert standing(book)[0] == ("due-in-1", "planned", "PAID")
    reverse(book, "2026-03-09")
    post.work("2026-03-09T09:20+08:00")
    assert standing(book)[0] == ("due-in-1", "delivered", None)
    assert [post.text(attempt) for attempt in post.sent()] == ["Test Bank: CN¥100.00 is due on 10 March."]


def test_on_the_days_while_it_counted_a_payment_still_counts_after_its_reversal(
    book: Lender, post: Post
) -> None:
    pay(book, "2026-03-09")
    reverse(book, "2026-03-10")
    post.work("2026-03-09T09:00+08:00", "2026-03-10T09:00+08:00")
    assert standing(book) == [("due-in-1", "expired", "PAID"), ("due-today", "delivered", None)]


def test_the_amount_said_is_that_of_the_payments_that_count(book: Lender, post: Post) -> None:
    pay(book, "2026-03-08", amount=4000)
    reverse(book, "2026-03-10")
    post.work("2026-03-09T09:00+08:00", "2026-03-10T09:00+08:00")
    assert [post.text(attempt) for attempt in post.sent()] == [
        "Test Bank: CN¥60.00 is due on 10 March.",
        "Test Bank: CN¥100.00 is due today.",
    ]


def test_planning_sees_what_is_open_on_its_day(book: Lender) -> None:
    pay(book, "2026-03-08")
    reverse(book, "2026-03-10")
    book.conn.execute("DELETE FROM message")
    book.conn.execute("DELETE FROM message_item")
    book.conn.commit()
    assert book.plan("2026-03-09T00:00+08:00").messages == 0
    assert book.plan("2026-03-10T00:00+08:00").messages == 1
