"""What names an amount waits while a debit is in process or the book is stale; what names none goes out."""

from __future__ import annotations

import pytest

from duecourse.store.sql import load
from lender import POLICY_HEAD, REMINDER, Lender
from post import Post

BOOK = load("book")
FRESH = POLICY_HEAD + "max_book_age: 36h\n"
PLAIN = REMINDER.replace("due-soon", "due-soon-plain")
NINE = "2026-03-09T09:00+08:00"


@pytest.fixture
def bank(lender: Lender) -> Lender:
    """A lender in Shanghai whose plain template names no amount."""
    lender.conn.execute("INSERT INTO setting (key, value) VALUES ('lender_zone', '\"Asia/Shanghai\"')")
    lender.conn.commit()
    lender.silent_templates = {"due-soon-plain"}
    return lender


def planned(bank: Lender, steps: str = REMINDER, head: str = POLICY_HEAD, rows: str = "") -> None:
    """Something due on the 10th, its reminder planned for nine o'clock on the 9th."""
    bank.book(rows or "loan due_on\nL-1 2026-03-10")
    bank.policy(steps, head=head)


def feed(bank: Lender, through: str) -> None:
    bank.conn.execute(
        BOOK["record_feed"], {"creditor": "bank", "source": "core", "complete_through": through}
    )
    bank.conn.commit()


def delivery(bank: Lender, at: str, state: str = "done") -> None:
    bank.conn.execute(
        """INSERT INTO book_import (import_id, mapping, file_name, file_digest, rows_read, rows_rejected, totals,
               state, started_at, finished_at)
           VALUES (gen_random_uuid(), 'm', 'f', '', 0, 0, '{}', %s, %s, %s)""",
        (state, at, at),
    )
    bank.conn.commit()


def standing(bank: Lender) -> list[tuple[object, ...]]:
    return bank.messages("state", "outcome", "rule", "reason")


PENDING = "the debit of 2026-03-09 awaits its result until 2026-03-12"


def test_a_debit_in_process_withholds_at_planning_and_at_the_claim_until_its_result(
    bank: Lender, post: Post
) -> None:
    planned(bank)
    bank.debit("L-1", "2026-03-09", "2026-03-12")
    bank.plan("2026-03-09T00:00+08:00")
    assert standing(bank) == [("planned", None, "DEBIT-PENDING", PENDING)]
    post.work(NINE)
    assert standing(bank) == [("planned", None, "DEBIT-PENDING", PENDING)]
    assert post.journal() == []
    bank.debit("L-1", "2026-03-09", "2026-03-12", state="failed", result_on="2026-03-09")
    post.work("2026-03-09T09:10+08:00")
    assert post.outcomes() == [("L-1", "delivered", None)]


def test_a_debit_submitted_after_planning_withholds_at_the_claim(bank: Lender, post: Post) -> None:
    planned(bank)
    bank.plan("2026-03-09T00:00+08:00")
    assert standing(bank) == [("planned", None, None, None)]
    bank.debit("L-1", "2026-03-09", "2026-03-12")
    post.work(NINE)
    assert standing(bank) == [("planned", None, "DEBIT-PENDING", PENDING)]


@pytest.mark.parametrize(
    ("submitted", "until", "state", "result", "waits"),
    [
        pytest.param("2026-03-05", "2026-03-08", "submitted", None, False, id="waited for long enough"),
        pytest.param("2026-03-05", "2026-03-09", "submitted", None, True, id="the last day of waiting"),
        pytest.param("2026-03-10", "2026-03-12", "submitted", None, False, id="submitted tomorrow"),
        pytest.param("2026-03-05", "2026-03-12", "cancelled", "2026-03-08", False, id="cancelled"),
        pytest.param("2026-03-05", "2026-03-12", "failed", "2026-03-10", True, id="a result of tomorrow"),
        pytest.param("2026-03-05", "2026-03-06", "paid", "2026-03-06", True, id="paid, payment to come"),
        pytest.param("2026-03-05", "2026-03-06", "paid", "2026-03-05", False, id="paid, payment never came"),
    ],
)
def test_a_debit_withholds_from_its_submission_to_its_result_or_as_long_as_stated(
    bank: Lender, post: Post, submitted: str, until: str, state: str, result: str | None, waits: bool
) -> None:
    planned(bank)
    bank.debit("L-1", submitted, until, state=state, result_on=result)
    bank.plan("2026-03-09T00:00+08:00")
    post.work(NINE)
    assert post.outcomes() == [("L-1", "planned", "DEBIT-PENDING") if waits else ("L-1", "delivered", None)]


def test_a_paid_debit_waits_no_longer_than_its_feed(bank: Lender, post: Post) -> None:
    planned(bank)
    bank.debit("L-1", "2026-03-06", "2026-03-09", state="paid", result_on="2026-03-07")
    feed(bank, "2026-03-06")
    bank.plan("2026-03-09T00:00+08:00")
    post.work(NINE)
    assert post.outcomes() == [("L-1", "planned", "DEBIT-PENDING")]
    feed(bank, "2026-03-07")
    post.work("2026-03-09T09:10+08:00")
    assert post.outcomes() == [("L-1", "delivered", None)]


def test_a_debt_with_a_debit_in_process_drops_out_of_its_bundle(bank: Lender, post: Post) -> None:
    planned(
        bank,
        rows="""
        loan  borrower  due_on      amount
        L-1   B         2026-03-10  10.00 CNY
        L-2   B         2026-03-10  5.00 CNY
        """,
    )
    bank.debit("L-2", "2026-03-09", "2026-03-12")
    bank.plan("2026-03-09T00:00+08:00")
    post.work(NINE)
    assert [post.text(attempt) for attempt in post.sent()] == ["Test Bank: CN¥10.00 is due on 10 March."]


def test_a_debit_of_one_installment_leaves_the_others_alone(bank: Lender, post: Post) -> None:
    planned(bank)
    bank.debit("L-1", "2026-03-09", "2026-03-12", number=2)
    bank.plan("2026-03-09T00:00+08:00")
    post.work(NINE)
    assert post.outcomes() == [("L-1", "delivered", None)]


def test_a_text_without_an_amount_does_not_wait(bank: Lender, post: Post) -> None:
    planned(bank, steps=PLAIN, head=FRESH)
    bank.debit("L-1", "2026-03-09", "2026-03-12")
    bank.plan("2026-03-09T00:00+08:00")
    post.work(NINE)
    assert [post.text(attempt) for attempt in post.sent()] == ["Test Bank: your payment is due on 10 March."]


def test_a_stale_book_withholds_amounts_until_the_feed_comes(bank: Lender, post: Post) -> None:
    planned(bank, head=FRESH)
    feed(bank, "2026-03-06")
    bank.plan("2026-03-08T13:00+08:00")  # 37 hours after the feed's last day
    stale = ("planned", None, "BOOK-STALE", "the book is of 2026-03-07 00:00, older than 1 day 12:00:00")
    assert standing(bank) == [stale]
    post.work(NINE)
    assert standing(bank) == [stale]
    assert post.journal() == []
    feed(bank, "2026-03-08")
    post.work("2026-03-09T09:10+08:00")
    assert post.outcomes() == [("L-1", "delivered", None)]


def test_a_book_goes_stale_between_planning_and_the_claim(bank: Lender, post: Post) -> None:
    planned(bank, head=FRESH)
    feed(bank, "2026-03-06")
    bank.plan("2026-03-08T11:00+08:00")
    assert standing(bank) == [("planned", None, None, None)]
    post.work(NINE)
    assert post.outcomes() == [("L-1", "planned", "BOOK-STALE")]


@pytest.mark.parametrize(
    ("at", "state", "goes"),
    [
        pytest.param("2026-03-08T00:00+08:00", "done", True, id="delivered yesterday"),
        pytest.param("2026-03-07T08:00+08:00", "done", False, id="delivered two days ago"),
        pytest.param("2026-03-08T00:00+08:00", "refused", False, id="the delivery was refused"),
    ],
)
def test_without_a_feed_the_last_delivery_says_how_old_the_book_is(
    bank: Lender, post: Post, at: str, state: str, goes: bool
) -> None:
    planned(bank, head=FRESH)
    delivery(bank, at, state)
    bank.plan("2026-03-09T00:00+08:00")
    post.work(NINE)
    assert post.outcomes() == [("L-1", "delivered", None) if goes else ("L-1", "planned", "BOOK-STALE")]


def test_a_book_of_no_known_age_is_too_old_where_the_policy_asks(bank: Lender, post: Post) -> None:
    planned(bank, head=FRESH)
    bank.plan("2026-03-09T00:00+08:00")
    assert standing(bank) == [("planned", None, "BOOK-STALE", "no delivery says of when the book is")]


def test_an_old_book_withholds_nothing_where_the_policy_does_not_ask(bank: Lender, post: Post) -> None:
    planned(bank)
    feed(bank, "2025-01-01")
    bank.plan("2026-03-09T00:00+08:00")
    post.work(NINE)
    assert post.outcomes() == [("L-1", "delivered", None)]


def test_whatever_waits_for_the_book_expires_with_that_reason(bank: Lender, post: Post) -> None:
    planned(bank, head=FRESH)
    bank.plan("2026-03-09T00:00+08:00")
    post.work(NINE, "2026-03-10T00:00+08:00")
    assert post.outcomes() == [("L-1", "expired", "BOOK-STALE")]


def test_of_messages_that_merge_the_stricter_age_holds_for_all(bank: Lender, post: Post) -> None:
    planned(
        bank,
        rows="""
        loan  borrower  due_on      product
        L-1   B         2026-03-10  cash-loan
        L-2   B         2026-03-10  card
        """,
        head=FRESH + "applies_to: {product: [card]}\n",
    )
    bank.policy(
        REMINDER,
        head=POLICY_HEAD.replace("policy: test", "policy: other") + "applies_to: {product: [cash-loan]}\n",
    )
    feed(bank, "2026-03-08")
    bank.plan("2026-03-09T00:00+08:00")
    assert bank.messages("loans", "rule") == [("L-1,L-2", None)]
    bank.conn.execute("UPDATE payment_feed SET complete_through = '2026-03-06'")
    bank.conn.commit()
    post.work(NINE)
    assert post.outcomes() == [("L-1,L-2", "planned", "BOOK-STALE")]
