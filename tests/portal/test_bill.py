"""The bill says what is to be paid, when, how much and why: as the book has it, and late only after grace."""

from __future__ import annotations

import re
from typing import Any

import pytest

from lender import LONG_AGO, borrower_id_of
from visiting import ID_NUMBER, Portal


def bill(portal: Portal, borrower: str) -> str:
    """The text of the bill, its markup taken out."""
    page = portal.visitor(borrower).get("/me").text.split("<main")[1].split("</main>")[0]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def change(portal: Portal, statement: str, **values: Any) -> None:
    """Of the book, as an import would leave it."""
    with portal.lender.conn.transaction():
        portal.lender.conn.execute(statement, values)  # type: ignore[call-overload]


def test_the_bill_names_the_amount_the_day_the_lender_and_the_end_of_the_contract(
    portal: Portal, borrow: str
) -> None:
    text = bill(portal, borrow)
    assert "To pay CN¥1,234.56 by Tuesday 10 March" in text
    assert f"Cash loan CN¥1,234.56 Contract …\N{WORD JOINER}{borrow[-4:]} Due on 10 March coming up" in text


def test_what_it_is_made_of_is_shown_where_it_adds_up_and_not_where_it_does_not(
    portal: Portal, borrow: str
) -> None:
    parts = "UPDATE installment SET principal_minor = %(p)s, interest_minor = 23456 WHERE borrower_id = %(b)s"
    change(portal, parts, p=100_000, b=borrower_id_of(borrow))
    assert "Principal CN¥1,000.00 Interest CN¥234.56" in bill(portal, borrow)
    change(portal, parts, p=100_001, b=borrower_id_of(borrow))
    assert "Principal" not in bill(portal, borrow)


@pytest.mark.parametrize(
    ("grace", "said", "never"),
    [
        ("NULL", "was due on Saturday 7 March; we have not seen your payment yet", "overdue"),
        ("2", "was due on Saturday 7 March; we have not seen your payment yet", "overdue"),
        ("1", "was due on Saturday 7 March, 2 days overdue", "not seen"),
    ],
)
def test_late_is_said_only_once_grace_is_over(
    portal: Portal, borrow: str, grace: str, said: str, never: str
) -> None:
    change(
        portal,
        f"UPDATE installment SET due_on = '2026-03-07', grace_days = {grace} WHERE borrower_id = %(b)s",
        b=borrower_id_of(borrow),
    )
    text = bill(portal, borrow)
    assert said in text and never not in text


def test_what_is_due_comes_before_what_falls_due_and_each_currency_stands_alone(portal: Portal) -> None:
    portal.lender.book(
        """
        loan       due_on      amount
        HT-sum-1   2026-03-09  100.00 CNY
        HT-sum-2   2026-03-01  50.50 CNY
        HT-sum-3   2026-04-01  999.00 CNY
        HT-sum-4   2026-03-20  3000 JPY
        """,
        borrower="B-sum",
        id_number=ID_NUMBER,
    )
    text = bill(portal, "B-sum")
    assert "To pay CN¥150.50 was due on Sunday 1 March" in text and "¥3,000 by Friday 20 March" in text
    assert text.index("¥999.00") > text.index("Coming up") > text.index("¥50.50")


def test_payments_are_taken_off_and_shown(portal: Portal, borrow: str) -> None:
    change(
        portal,
        """INSERT INTO allocation (lane, loan_id, number, payment_id, part, from_on, until_on, amount_minor)
           SELECT lane, loan_id, number, loan_id, 'due', '2026-03-05', 'infinity', 100000
           FROM installment WHERE borrower_id = %(b)s""",
        b=borrower_id_of(borrow),
    )
    text = bill(portal, borrow)
    assert "To pay CN¥234.56" in text and "Asked for CN¥1,234.56 Already paid -CN¥1,000.00" in text


def test_nothing_to_pay_says_so_and_offers_no_promise(portal: Portal, borrow: str) -> None:
    change(
        portal,
        "UPDATE installment SET settled_on = '2026-03-08' WHERE borrower_id = %(b)s",
        b=borrower_id_of(borrow),
    )
    text = bill(portal, borrow)
    assert "Nothing to pay now" in text and "I will pay on" not in text and "Something is wrong" in text
    assert portal.visitor(borrow).get("/me/promise").headers["location"] == "/me"


@pytest.mark.parametrize(
    ("role", "due_on", "shown"),
    [
        ("co-borrower", "2026-03-10", True),
        ("guarantor", "2026-03-10", False),
        ("guarantor", "2026-03-01", True),
    ],
)
def test_a_co_borrower_owes_and_a_guarantor_only_what_is_overdue(
    portal: Portal, borrow: str, role: str, due_on: str, shown: bool
) -> None:
    """The loan of somebody else lives in their lane, where the party has a presence."""
    other = f"{borrow}-other"
    portal.lender.book(f"loan due_on amount\nHT-{other} {due_on} 777.00 CNY", borrower=other)
    change(portal, "UPDATE installment SET grace_days = 3 WHERE borrower_id = %(b)s", b=borrower_id_of(other))
    change(
        portal,
        """INSERT INTO loan_party (lane, loan_id, borrower_id, role, effective_at, recorded_at)
           SELECT lane, loan_id, %(me)s, %(role)s, %(at)s, %(at)s FROM loan WHERE borrower_id = %(b)s""",
        me=borrower_id_of(borrow),
        role=role,
        at=LONG_AGO,
        b=borrower_id_of(other),
    )
    text = bill(portal, borrow)
    assert ("CN¥777.00" in text) is shown and (f"You are a {role} of this loan" in text) is shown


def test_the_day_through_which_payments_count_is_said(portal: Portal, borrow: str) -> None:
    feed = f"feed-{borrow}"
    change(portal, "INSERT INTO payment_feed VALUES (%(c)s, 'bank', '2026-03-08', now())", c=feed)
    change(
        portal, "UPDATE loan SET creditor = %(c)s WHERE borrower_id = %(b)s", c=feed, b=borrower_id_of(borrow)
    )
    assert "Payments we received up to 8 March are counted here" in bill(portal, borrow)
