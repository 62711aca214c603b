"""Ending a loan early on the page: the amount of a day, paid there, or a person to ask; of one's own loans alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape

import pytest

from duecourse.gateways.sandbox.adapter import SandboxGateway, SandboxSettings
from duecourse.gateways.till import Till
from duecourse.portal.paying import pay_pages
from lender import borrower_id_of
from visiting import ID_NUMBER, PUBLIC, Portal, hidden

from .early_book import lend_on_terms

HEARD = "SELECT intents FROM response_reading r JOIN response p USING (lane, response_id) WHERE p.borrower_id = %s"


def said(text: str) -> str:
    """The words of a page, without its marks."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", text.split("<main")[1].split("</main")[0])).split())


@pytest.fixture
def owing(portal: Portal, borrow: str) -> str:
    """The borrower, who has a loan of known terms beside the other."""
    lend_on_terms(portal.lender, f"CL-{borrow}", borrow)
    return borrow


@pytest.fixture
def pays(portal: Portal) -> Iterator[None]:
    """With the practice bank."""
    portal.more = pay_pages(Till({"practice": SandboxGateway("practice", SandboxSettings())}, PUBLIC))
    yield
    portal.more = ()


def test_the_bill_leads_to_what_ends_each_loan_today(portal: Portal, owing: str) -> None:
    visitor = portal.visitor(owing)
    assert 'href="/me/early"' in visitor.get("/me").text
    page = said(visitor.get("/me/early").text)
    # 22 days of 28 since 15 February, of 3.00 a month; one per cent of 300.00; 306.00 if paid as it falls due.
    assert "To pay on 9 March CN¥305.36" in page
    assert "Interest on it, 22 days CN¥2.36 Fee for paying early CN¥3.00 All together CN¥305.36" in page
    assert "You save CN¥0.64" in page
    assert "This amount is for 9 March and holds through that day" in page
    assert page.count("We cannot work this amount out here") == 1, "of the other loan the book knows no rate"


def test_another_day_is_another_amount_with_what_falls_due_until_then(portal: Portal, owing: str) -> None:
    visitor = portal.visitor(owing)
    page = said(visitor.post("/me/early", on="2026-03-16").text)
    assert "To pay on 16 March CN¥305.06" in page
    assert "Falls due until then CN¥103.00 What falls due later, without interest CN¥200.00" in page
    assert "Interest on it, 1 day CN¥0.06 Fee for paying early CN¥2.00" in page
    assert "On 16 March you can pay it here" in page


@pytest.mark.parametrize("day", ["2026-03-08", "2026-03-17", "", "soon", "9999-99-99"])
def test_a_day_out_of_reach_is_told_and_today_shown(portal: Portal, owing: str, day: str) -> None:
    answer = portal.visitor(owing).post("/me/early", on=day)
    assert answer.status_code == 422
    assert "To pay on 9 March CN¥305.36" in said(answer.text)


def test_who_is_quoted_nothing_can_ask_a_person_once(portal: Portal, borrow: str) -> None:
    visitor = portal.visitor(borrow)
    page = visitor.get("/me/early").text
    fields = {name: hidden(page, name) for name in ("csrf", "request", "do", "loan")}
    answers = [visitor.send("/me/early", **fields).headers["location"] for _ in range(2)]
    assert answers == ["/me?done=early.asked_done"] * 2
    assert "A person will work out the amount" in visitor.get(answers[0]).text
    assert portal.rows(HEARD, borrower_id_of(borrow)) == [(["call-me"],)]


def test_nobody_asks_or_sees_of_anothers_loan(portal: Portal, owing: str) -> None:
    portal.lender.book(
        "loan due_on amount\nHT-other 2026-03-10 1.00 CNY", borrower="B-other", id_number=ID_NUMBER
    )
    ((other,),) = portal.rows("SELECT loan_id FROM loan WHERE loan_ref = 'HT-other'")
    visitor = portal.visitor(owing)
    assert visitor.post("/me/early", do="ask", loan=str(other)).status_code == 422
    assert portal.rows(HEARD, borrower_id_of("B-other")) == portal.rows(HEARD, borrower_id_of(owing)) == []
    assert "305.36" not in portal.visitor("B-other").get("/me/early").text


def test_todays_amount_is_paid_by_the_page(portal: Portal, owing: str, pays: None) -> None:
    visitor = portal.visitor(owing)
    assert 'href="/me/pay"' in visitor.get("/me/early").text
    page = unescape(visitor.get("/me/pay").text)
    assert "contract" in page and "paid early today: CN¥305.36" in page
    (choice,) = re.findall(r'value="([^"]+ early)"', page)
    assert visitor.post("/me/pay", what=choice).status_code == 303
    orders = "SELECT amount_minor, shares FROM payment_request WHERE borrower_id = %s"
    assert portal.rows(orders, borrower_id_of(owing)) == [(305_36, [["bank", f"CL-{owing}", 305_36]])]


def test_without_terms_in_a_policy_there_is_no_such_button(portal: Portal, owing: str) -> None:
    taken = "UPDATE policy_version SET parsed = parsed #- '{policy,early_settlement}' RETURNING 1"
    ((parsed,),) = portal.rows("SELECT parsed::text FROM policy_version")
    portal.rows(taken)
    try:
        visitor = portal.visitor(owing)
        assert "/me/early" not in visitor.get("/me").text
        assert "305.36" not in visitor.get("/me/early").text
    finally:
        portal.rows("UPDATE policy_version SET parsed = %s::jsonb RETURNING 1", parsed)
