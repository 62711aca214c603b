"""The bill says what is to be paid, when, how much and why."""

from __future__ import annotations

from visiting import Portal


def test_the_bill_names_the_amount_and_the_day(portal: Portal, borrow: str) -> None:
    page = portal.visitor(borrow).get("/me").text
    assert "¥1,234.56" in page and "by Tuesday 10 March" in page
    assert "Cash loan" in page and "Harbour Bank" in page
