"""Paying on the page, by the practice bank and by a gateway whose far end answers on this machine."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import parse_qs, urlencode, urlsplit
from uuid import UUID

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient
from structlog.testing import capture_logs

from duecourse.gateways.generic.adapter import GenericGateway, GenericSettings
from duecourse.gateways.sandbox.adapter import SandboxGateway, SandboxSettings
from duecourse.gateways.signing import hmac_sign, sorted_fields
from duecourse.gateways.till import Till
from duecourse.policy.templates import Templates, TemplateText
from duecourse.policy.versions import publish
from duecourse.portal.notified import notify_routes
from duecourse.portal.paying import pay_pages
from duecourse.responses.asking import ask_about_due
from duecourse.responses.sandbox_bank import bank_tells
from duecourse.store.migrate import put_setting
from duecourse.web.site import Site
from lender import borrower_id_of
from sent_links import NINE
from visiting import PUBLIC, Portal, hidden

SECRET = "shared with the bank alone"
PAID = """SELECT p.amount_minor, p.source FROM payment p JOIN loan l ON l.lane = p.lane AND l.loan_id = p.loan_id
          WHERE l.borrower_id = %s ORDER BY p.reference"""


def till_of(portal: Portal) -> Till:
    """The practice bank and one that is described."""
    sandbox = SandboxGateway("practice", SandboxSettings(only=("CNY",)))

    def tells(order_no: str, wall: object) -> object:
        with portal.pool.connection() as conn:
            return bank_tells(conn, order_no, wall)  # type: ignore[arg-type]

    sandbox.ledger = tells  # type: ignore[assignment]
    described = GenericSettings(
        url="https://pay.bank.example/cashier", merchant="M-1", secret=SECRET, label={"en": "Harbour Pay"}
    )
    return Till({"practice": sandbox, "described": GenericGateway("described", described)}, PUBLIC)


@pytest.fixture(scope="module")
def till(portal: Portal) -> Iterator[Till]:
    """The pages, with those to pay."""
    made = till_of(portal)
    portal.more = pay_pages(made)
    with portal.lender.conn.transaction():
        put_setting(portal.lender.conn, "lender_zone", "Asia/Shanghai")
    return made


def notify(
    portal: Portal, till: Till, name: str, body: bytes, kind: str = "application/x-www-form-urlencoded"
) -> int:
    """What our answer to a notification was."""
    site = Site(portal.pool, portal.lender.keyring, lambda _conn: portal.now, PUBLIC)
    client = TestClient(Starlette(routes=notify_routes(site, till)), base_url=PUBLIC)
    return client.post(f"/callbacks/pay/{name}", content=body, headers={"content-type": kind}).status_code


def signed(**fields: str) -> bytes:
    """A notification of the described bank."""
    return urlencode({**fields, "signature": hmac_sign(SECRET, sorted_fields(fields))}).encode()


def begun(portal: Portal, borrower: str, gateway: str = "practice") -> tuple[object, str, str]:
    """A visitor who went off to pay: visitor, where to, the order's number."""
    visitor = portal.visitor(borrower)
    answer = visitor.post("/me/pay", gateway=gateway)
    assert answer.status_code == 303
    ((order_no,),) = portal.rows(
        "SELECT replace(request_id::text, '-', '') FROM payment_request WHERE borrower_id = %s AND state = 'open'",
        borrower_id_of(borrower),
    )
    return visitor, answer.headers["location"], order_no


def payments(portal: Portal, borrower: str) -> list[tuple[object, ...]]:
    return portal.rows(PAID, borrower_id_of(borrower))


def test_the_bill_leads_to_the_bank_and_back_to_a_receipt(portal: Portal, till: Till, borrow: str) -> None:
    visitor = portal.visitor(borrow)
    assert 'href="/me/pay"' in visitor.get("/me").text
    page = visitor.get("/me/pay")
    assert "1,234.56" in page.text and "Harbour Pay" in page.text
    assert page.headers["content-security-policy"].count("https://pay.bank.example") == 1
    visitor, bank, order_no = begun(portal, borrow)
    assert bank == f"{PUBLIC}/bank/{order_no}"
    assert "1,234.56" in visitor.get(bank).text
    assert visitor.post(bank, press="pay").headers["location"] == f"/me/pay/{order_no}"
    receipt = visitor.get(f"/me/pay/{order_no}").text
    assert "Thank you, your payment has arrived" in receipt and "SANDBOX-" in receipt
    assert payments(portal, borrow) == [(123456, "gateway practice")]
    assert "Nothing to pay now" in visitor.get("/me").text and 'href="/me/pay"' not in visitor.get("/me").text


def test_a_double_press_is_one_order(portal: Portal, till: Till, borrow: str) -> None:
    visitor, bank, _ = begun(portal, borrow)
    assert visitor.post("/me/pay", gateway="practice").headers["location"] == bank
    assert portal.rows(
        "SELECT count(*) FROM payment_request WHERE borrower_id = %s", borrower_id_of(borrow)
    ) == [(1,)]


def test_another_way_chosen_on_a_page_of_before_is_the_way_taken(
    portal: Portal, till: Till, borrow: str
) -> None:
    visitor = portal.visitor(borrow)
    form = hidden(visitor.get("/me/pay").text, "request")
    visitor.post("/me/pay", gateway="practice", request=form)
    away = visitor.post("/me/pay", gateway="described", request=form).headers["location"]
    (order_no,) = parse_qs(urlsplit(away).query)["order"]
    assert portal.rows(
        "SELECT gateway FROM payment_request WHERE request_id = %s AND state = 'open'", UUID(order_no)
    ) == [("described",)]


def test_a_refused_payment_can_be_made_again(portal: Portal, till: Till, borrow: str) -> None:
    visitor, bank, order_no = begun(portal, borrow)
    visitor.post(bank, press="refuse")
    page = visitor.get(f"/me/pay/{order_no}").text
    assert "We are waiting for your payment" in page and payments(portal, borrow) == []
    assert visitor.post(f"/me/pay/{order_no}", do="start").headers["location"] == bank


def test_a_payment_told_of_late_is_found_by_asking(portal: Portal, till: Till, borrow: str) -> None:
    visitor, bank, order_no = begun(portal, borrow)
    visitor.post(bank, press="late")
    assert "waiting for your payment" in visitor.get(f"/me/pay/{order_no}").text
    with portal.lender.conn.transaction():
        portal.lender.conn.execute("UPDATE sandbox_trade SET known_at = known_at - interval '1 hour'")
        portal.lender.conn.execute("UPDATE payment_request SET ask_at = ask_at - interval '1 hour'")
    while ask_about_due(portal.pool, till, lambda _conn: portal.now):
        pass
    assert payments(portal, borrow) == [(123456, "gateway practice")]
    assert "has arrived" in visitor.get(f"/me/pay/{order_no}").text


def test_who_comes_back_is_told_what_the_gateway_answers(portal: Portal, till: Till, borrow: str) -> None:
    visitor, bank, order_no = begun(portal, borrow)
    visitor.post(bank, press="late")
    with portal.lender.conn.transaction():
        portal.lender.conn.execute("UPDATE sandbox_trade SET known_at = known_at - interval '1 hour'")
    assert "has arrived" in visitor.get(f"/me/pay/{order_no}").text
    assert payments(portal, borrow) == [(123456, "gateway practice")]


def test_paying_twice_is_booked_twice_and_flagged(portal: Portal, till: Till, borrow: str) -> None:
    visitor, bank, order_no = begun(portal, borrow)
    visitor.post(bank, press="twice")
    assert [amount for amount, _ in payments(portal, borrow)] == [123456, 123456]
    assert visitor.get(f"/me/pay/{order_no}").text.count("Receipt number") == 2


def test_a_signed_notification_is_taken_once_and_answered_as_the_gateway_wants(
    portal: Portal, till: Till, borrow: str
) -> None:
    visitor, away, order_no = begun(portal, borrow, "described")
    query = {name: values[0] for name, values in parse_qs(urlsplit(away).query).items()}
    assert away.startswith("https://pay.bank.example/cashier?")
    assert (query["order"], query["amount"], query["currency"]) == (order_no, "123456", "CNY")
    assert (
        query["return"] == f"{PUBLIC}/me/pay/{order_no}"
        and query["notify"] == f"{PUBLIC}/callbacks/pay/described"
    )
    body = signed(
        merchant="M-1", order=order_no, trade="T-1", state="paid", amount="123456", currency="CNY",
        at="2026-03-09T10:00:00+08:00",
    )  # fmt: skip
    assert [notify(portal, till, "described", body) for _ in range(2)] == [200, 200]
    assert payments(portal, borrow) == [(123456, "gateway described")]
    assert "has arrived" in visitor.get(f"/me/pay/{order_no}").text


def test_nothing_personal_goes_to_the_gateway_or_stands_in_an_address(
    portal: Portal, till: Till, borrow: str
) -> None:
    _, away, order_no = begun(portal, borrow, "described")
    for personal in ("Test", borrow, "139", "person", "HT-"):
        assert personal not in away
    assert re.fullmatch(r"[0-9a-f]{32}", order_no)


FORGED = {
    "another-key": lambda fields: urlencode(
        {**fields, "signature": hmac_sign("x" * 16, sorted_fields(fields))}
    ),
    "no-signature": urlencode,
    "another-amount": lambda fields: urlencode(
        {**fields, "signature": hmac_sign(SECRET, sorted_fields(fields)), "amount": "1"}
    ),
    "a-field-more": lambda fields: urlencode(
        {**fields, "signature": hmac_sign(SECRET, sorted_fields(fields)), "refund": "R"}
    ),
    "a-field-twice": lambda fields: (
        urlencode({**fields, "signature": hmac_sign(SECRET, sorted_fields(fields))}) + "&order=other"
    ),
    "another-merchant": lambda fields: signed(**{**fields, "merchant": "M-2"}).decode(),
}


@pytest.mark.parametrize("how", FORGED)
def test_a_forged_notification_is_refused_and_changes_nothing(
    portal: Portal, till: Till, borrow: str, how: str
) -> None:
    _, _, order_no = begun(portal, borrow, "described")
    fields = {
        "merchant": "M-1", "order": order_no, "trade": "T-1", "state": "paid", "amount": "123456", "currency": "CNY",
        "at": "2026-03-09T10:00:00+08:00",
    }  # fmt: skip
    with capture_logs() as logs:
        assert notify(portal, till, "described", FORGED[how](fields).encode()) == 403
    assert payments(portal, borrow) == []
    assert [one["code"] for one in logs] == ["C112"] and order_no not in f"{logs}"


def test_the_signed_redirect_replayed_as_a_notification_pays_nothing(
    portal: Portal, till: Till, borrow: str
) -> None:
    _, away, _ = begun(portal, borrow, "described")
    assert notify(portal, till, "described", urlsplit(away).query.encode()) == 400
    assert payments(portal, borrow) == []


@pytest.mark.parametrize(
    ("field", "value"),
    [("amount", "1.5"), ("amount", "-1"), ("at", "yesterday"), ("currency", "XXX"), ("trade", "")],
)
def test_a_signed_notification_that_says_nothing_sensible_is_refused(
    portal: Portal, till: Till, borrow: str, field: str, value: str
) -> None:
    _, _, order_no = begun(portal, borrow, "described")
    fields = {
        "merchant": "M-1", "order": order_no, "trade": "T-1", "state": "paid", "amount": "5", "currency": "CNY",
        "at": "2026-03-09T10:00:00+08:00",
    }  # fmt: skip
    assert notify(portal, till, "described", signed(**{**fields, field: value})) == 400
    assert payments(portal, borrow) == []


def test_too_long_a_notification_and_an_unknown_gateway_are_refused(portal: Portal, till: Till) -> None:
    assert notify(portal, till, "described", b"x" * 70_000) == 413
    assert notify(portal, till, "nobody", b"") == 404
    assert notify(portal, till, "described", b"[" * 60_000, "application/json") == 400


def test_a_stranger_sees_what_became_of_an_order_but_no_amount(
    portal: Portal, till: Till, borrow: str
) -> None:
    visitor, bank, order_no = begun(portal, borrow)
    visitor.post(bank, press="pay")
    page = portal.visitor().get(f"/me/pay/{order_no}")
    assert page.status_code == 200 and "has arrived" in page.text
    for personal in ("1,234.56", "SANDBOX-", "Practice bank"):
        assert personal not in page.text


def test_another_borrower_cannot_start_an_order_that_is_not_theirs(
    portal: Portal, till: Till, borrow: str
) -> None:
    _, _, order_no = begun(portal, borrow)
    portal.lender.book(
        "loan due_on amount\nHT-other 2026-03-10 5.00 CNY", borrower="B-other", id_number="11010519491231002X"
    )
    other = portal.visitor("B-other")
    assert other.post(f"/me/pay/{order_no}", do="start").headers["location"] == f"/me/pay/{order_no}"
    assert "1,234.56" not in other.get(f"/me/pay/{order_no}").text


def test_somebody_elses_debt_or_an_amount_of_ones_own_is_not_offered(
    portal: Portal, till: Till, borrow: str
) -> None:
    portal.lender.book(f"loan due_on amount\nHT-2-{borrow} 2026-03-11 10.00 CNY", borrower=borrow)
    visitor = portal.visitor(borrow)
    for forged in ("part", "all USD", "00000000-0000-0000-0000-000000000000 1", ""):
        assert visitor.post("/me/pay", what=forged, amount="1", gateway="practice").status_code == 422
    assert visitor.post("/me/pay", what="all CNY", gateway="elsewhere").status_code == 422
    assert portal.rows("SELECT 1 FROM payment_request WHERE borrower_id = %s", borrower_id_of(borrow)) == []


def test_an_order_that_is_no_longer_open_is_not_begun_again(portal: Portal, till: Till, borrow: str) -> None:
    visitor, _, order_no = begun(portal, borrow)
    with portal.lender.conn.transaction():
        portal.lender.conn.execute("UPDATE payment_request SET expires_at = now() - interval '1 minute'")
    assert visitor.post(f"/me/pay/{order_no}", do="start").headers["location"] == f"/me/pay/{order_no}"
    page = visitor.get(f"/me/pay/{order_no}").text
    assert "The time for this payment is over" in page
    portal.now += timedelta(minutes=1)


@pytest.mark.parametrize("path", ["/me/pay/" + "0" * 32, "/me/pay/x", "/bank/" + "0" * 32, "/bank/x"])
def test_what_is_no_order_is_not_found(portal: Portal, till: Till, path: str) -> None:
    assert portal.visitor().get(path).status_code == 404


def test_another_amount_is_taken_where_the_policy_allows_it_and_goes_to_what_is_due_longest(
    portal: Portal, till: Till, borrow: str
) -> None:
    portal.lender.book(f"loan due_on amount\nHT-1-{borrow} 2026-03-05 10.00 CNY", borrower=borrow)
    (policy,) = portal.lender.policies
    allowing = policy.model_copy(update={"part_payments": "allowed"})
    texts = [TemplateText(name, "en", {"sms": "Please pay."}) for name in policy.templates]
    with portal.lender.conn.transaction():
        publish(portal.lender.conn, allowing, Templates(texts), "", now=NINE, user="test")
    visitor = portal.visitor(borrow)
    assert "Another amount" in visitor.get("/me/pay").text
    for wrong in ("", "0", "-5", "99999", "1.005", "<b>"):
        assert visitor.post("/me/pay", what="part", amount=wrong, gateway="practice").status_code == 422
    bank = visitor.post("/me/pay", what="part", amount="15.50", gateway="practice").headers["location"]
    visitor.post(bank, press="pay")
    assert sorted(payments(portal, borrow)) == [(5_50, "gateway practice"), (10_00, "gateway practice")]
