"""What every gateway must do, each against a far end that speaks its protocol."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest

from duecourse.domain.messaging import RawRequest
from duecourse.domain.money import Money
from duecourse.domain.problems import DuecourseError
from duecourse.gateways.contract import Closed, NotGenuineError, Order, Paid, Refunded, Started, Trouble
from duecourse.gateways.far_end import Bill, FarEnd
from duecourse.gateways.line import within
from duecourse.gateways.registry import KINDS, build

from .served import FAR_ENDS, NOW, an_order, gateway_of, serving


@pytest.fixture(scope="module", params=FAR_ENDS)
def far_end(request: pytest.FixtureRequest) -> Iterator[FarEnd]:
    with serving(FAR_ENDS[request.param](NOW)) as served:
        yield served


def begun(far_end: FarEnd, **how: Any) -> tuple[Any, Order, Started]:
    """A gateway, an order it has taken, how it began: the payer's browser has been there."""
    gateway, order = gateway_of(far_end), an_order(**how)
    started = gateway.begin(order)
    assert isinstance(started, Started)
    if started.way == "redirect" and order.order_no not in far_end.bills:
        assert httpx2.get(started.url, trust_env=False).status_code in (302, 303)
    return gateway, order, started


def heard(far_end: FarEnd, gateway: Any, order: Order, now: datetime | None = None) -> list[Any]:
    at = now or datetime.now(UTC)
    return list(gateway.hear(far_end.notification(far_end.bills[order.order_no], at), at).facts)


def test_every_kind_but_the_practice_bank_has_a_far_end() -> None:
    assert set(KINDS) - {"sandbox"} == set(FAR_ENDS)


def test_an_order_reaches_the_far_end_whole_and_says_nothing_of_the_payer(far_end: FarEnd) -> None:
    gateway, order, started = begun(far_end)
    bill = far_end.bills[order.order_no]
    assert bill.amount == order.amount
    assert started.way == "link" or bill.return_url == order.return_url
    assert within(started.url, list(gateway.sources))
    assert "203.0.113.9" not in started.url


def test_the_same_order_again_is_the_same_one(far_end: FarEnd) -> None:
    gateway, order, started = begun(far_end)
    again = gateway.begin(order)
    assert isinstance(again, Started)
    assert again.url.partition("?")[0] == started.url.partition("?")[0]
    assert len([one for one in far_end.bills if one == order.order_no]) == 1


def test_a_payment_is_told_and_answered_alike(far_end: FarEnd) -> None:
    gateway, order, started = begun(far_end)
    now = datetime.now(UTC).replace(microsecond=0)
    assert list(gateway.ask(order.order_no, started.reference, now)) == []
    bill = far_end.pay(order.order_no, now)
    (told,) = heard(far_end, gateway, order, now)
    assert told == Paid(order.order_no, bill.trade_no, order.amount, now)
    (answered,) = gateway.ask(order.order_no, started.reference, datetime.now(UTC))
    assert answered == told


def test_a_refund_is_told(far_end: FarEnd) -> None:
    gateway, order, _ = begun(far_end)
    now = datetime.now(UTC).replace(microsecond=0)
    bill = far_end.pay(order.order_no, now)
    far_end.refund(order.order_no, 100_00, now + timedelta(seconds=1))
    refunds = [one for one in heard(far_end, gateway, order) if isinstance(one, Refunded)]
    assert [(one.order_no, one.trade_no, one.amount) for one in refunds] == [
        (order.order_no, bill.trade_no, Money(100_00, "CNY"))
    ]


def test_the_end_of_an_order_is_told_by_asking(far_end: FarEnd) -> None:
    gateway, order, started = begun(far_end)
    far_end.bills[order.order_no].closed = True
    assert list(gateway.ask(order.order_no, started.reference, datetime.now(UTC))) == [Closed(order.order_no)]


def test_an_order_that_nobody_made_is_no_trouble(far_end: FarEnd) -> None:
    gateway = gateway_of(far_end)
    assert list(gateway.ask("0" * 32, "", datetime.now(UTC))) == []
    assert gateway.check(datetime.now(UTC)) is None


def changed(request: RawRequest, how: str) -> RawRequest:
    """A genuine notification, forged."""
    body, headers = request.body, dict(request.headers)
    if how == "the body":
        at = body.index(b"3456") if b"3456" in body else len(body) // 2
        flipped = b"4" if body[at : at + 1] != b"4" else b"5"
        body = body[:at] + flipped + body[at + 1 :]
    elif how == "no signature":
        headers = {name: value for name, value in headers.items() if "sign" not in name}
        body = b"&".join(part for part in body.split(b"&") if not part.startswith(b"sign"))
    elif how == "an empty body":
        body = b""
    elif how == "another's signature":
        headers = {name: value[::-1] if "signature" in name else value for name, value in headers.items()}
        body = b"&".join(
            part[:-6] + b"AAAAAA" if part.startswith(b"sign") else part for part in body.split(b"&")
        )
    return replace(request, body=body, headers=headers)


@pytest.mark.parametrize("how", ["the body", "no signature", "another's signature", "an empty body"])
def test_a_forged_notification_is_not_genuine(far_end: FarEnd, how: str) -> None:
    gateway, order, _ = begun(far_end)
    now = datetime.now(UTC)
    genuine = far_end.notification(far_end.pay(order.order_no, now), now)
    assert gateway.hear(genuine, now).facts
    with pytest.raises((NotGenuineError, ValueError)) as raised:
        gateway.hear(changed(genuine, how), now)
    assert raised.type is NotGenuineError


def test_a_notification_of_another_account_is_not_genuine(far_end: FarEnd) -> None:
    _, order, _ = begun(far_end)
    stranger = FAR_ENDS[far_end.kind](NOW)
    stranger.url, stranger.bills = far_end.url, far_end.bills
    now = datetime.now(UTC)
    bill = far_end.pay(order.order_no, now)
    theirs = gateway_of(stranger, **ANOTHER.get(far_end.kind, {}))
    told = far_end.notification(bill, now)
    with pytest.raises(NotGenuineError):
        theirs.hear(told, now)


ANOTHER = {"generic": {"secret": "another secret of ours"}, "stripe": {"webhook_secret": "whsec_other"}}


@pytest.mark.parametrize("kind", ["stripe", "wechatpay"])
def test_a_signed_notification_is_not_taken_when_it_is_old(kind: str) -> None:
    far_end = FAR_ENDS[kind](NOW)
    far_end.url = "http://127.0.0.1:9"
    gateway, order = gateway_of(far_end), an_order()
    far_end.bills[order.order_no] = Bill(order.order_no, order.amount, "", "")
    now = datetime.now(UTC)
    told = far_end.notification(far_end.pay(order.order_no, now), now)
    assert gateway.hear(told, now + timedelta(minutes=4)).facts
    with pytest.raises(NotGenuineError):
        gateway.hear(told, now + timedelta(minutes=6))


def test_a_gateway_that_is_away_is_trouble_and_nothing_is_raised(far_end: FarEnd) -> None:
    _, order, started = begun(far_end)
    away = gateway_of(far_end, **_away(far_end), connect_seconds=1)
    told = away.ask(order.order_no, started.reference, datetime.now(UTC))
    assert isinstance(told, Trouble) and not told.lasting
    assert order.order_no not in told.reason


def test_only_the_currencies_that_are_configured_are_taken(far_end: FarEnd) -> None:
    assert gateway_of(far_end).takes("CNY")
    assert not gateway_of(far_end, only=["USD"]).takes("CNY")


def test_an_answer_about_another_merchant_is_trouble_and_nothing_is_raised(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    theirs = {"mchid": "another", "out_trade_no": "0" * 32, "trade_state": "NOTPAY"}
    monkeypatch.setattr("duecourse.gateways.wechatpay.far_end._transaction", lambda bill: theirs)
    with serving(FAR_ENDS["wechatpay"](NOW)) as far_end:
        gateway, order, _ = begun(far_end)
        assert isinstance(gateway.ask(order.order_no, "", datetime.now(UTC)), Trouble)


def _away(far_end: FarEnd) -> dict[str, Any]:
    nowhere = "http://127.0.0.1:9"
    return (
        {"query_url": f"{nowhere}/query"} if far_end.kind == "generic" else {"url": f"{nowhere}/gateway.do"}
    )


REFUSED = {
    "generic": {"secret": "another secret of ours"},
    "stripe": {"key": "sk_test_other"},
    "wechatpay": {"serial": "00000000"},
}


@pytest.mark.parametrize("kind", REFUSED)
def test_a_refused_key_is_trouble_that_lasts(kind: str) -> None:
    with serving(FAR_ENDS[kind](NOW)) as far_end:
        trouble = gateway_of(far_end, **REFUSED[kind]).check(datetime.now(UTC))
    assert isinstance(trouble, Trouble) and trouble.lasting


def test_no_secret_is_shown_or_logged(far_end: FarEnd, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    gateway, order, started = begun(far_end)
    gateway.ask(order.order_no, started.reference, datetime.now(UTC))
    ours = [
        one.getMessage() for one in caplog.records if not one.name.startswith("uvicorn")
    ]  # the far end's own
    shown = f"{gateway.settings!r} {gateway!r} {ours}"
    for name in ("secret", "key", "webhook_secret", "private_key", "api_v3_key"):
        if name in far_end.settings():
            assert str(far_end.settings()[name])[:60] not in shown
    assert order.order_no not in shown and "203.0.113.9" not in shown


@pytest.mark.parametrize(
    ("kind", "setting", "value"),
    [
        ("generic", "url", "http://pay.bank.example/"),
        ("generic", "secret", "short"),
        ("generic", "fields", {"order": "x", "trade": "x"}),
        ("generic", "fields", {"colour": "x"}),
        ("generic", "lasts_minutes", 5),
        ("stripe", "url", "ftp://api.stripe.com"),
        ("stripe", "colour", "red"),
        ("alipay", "private_key", "no key"),
        ("alipay", "alipay_public_key", "MIIB"),
        ("wechatpay", "api_v3_key", "too short"),
        ("wechatpay", "platform_keys", {}),
        ("wechatpay", "serial", "not hex"),
    ],
)
def test_a_bad_setting_is_named_and_no_secret_quoted(kind: str, setting: str, value: Any) -> None:
    far_end = FAR_ENDS[kind](NOW)
    far_end.url = "http://127.0.0.1:9"
    with pytest.raises(DuecourseError) as raised:
        gateway_of(far_end, **{setting: value})
    assert {one.code for one in raised.value.problems} == {"C111"}
    assert "no key" not in f"{raised.value}" and "too short" not in f"{raised.value}"


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(DuecourseError, match=r"known: generic.*C110"):
        build("barter", "shop", {})


@pytest.mark.parametrize(
    ("url", "sources", "inside"),
    [
        ("https://pay.example/x?y", ["https://pay.example"], True),
        ("https://pay.example:8443/x", ["https://pay.example"], False),
        ("http://pay.example/x", ["http://pay.example"], False),
        ("https://pay.example.evil.example/", ["https://pay.example"], False),
        ("https://mclient.alipay.com/h5", ["https://*.alipay.com"], True),
        ("https://evilalipay.com/", ["https://*.alipay.com"], False),
        ("https://evil.example@x.alipay.com/", ["https://*.alipay.com"], False),
        ("https://pay.example@evil.example/", ["https://pay.example"], False),
        ("javascript:alert(1)", ["https://pay.example"], False),
        ("//pay.example/", ["https://pay.example"], False),
    ],
)
def test_a_payer_is_sent_to_configured_origins_alone(url: str, sources: list[str], inside: bool) -> None:
    assert within(url, sources) is inside
