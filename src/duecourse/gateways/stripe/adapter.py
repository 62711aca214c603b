"""Stripe's hosted payment page. The order's number travels as client_reference_id and as metadata of the payment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar, Final
from urllib.parse import quote, urlencode

from pydantic import SecretStr

from duecourse.domain.messaging import RawRequest, RawResponse
from duecourse.domain.money import Money, minor_digits

from ..adapter import FORM, HttpAdapter, HttpsBase, an_object
from ..contract import Closed, Fact, GatewaySettings, NotGenuineError, Order, Paid, Refunded, Started, Trouble
from ..line import origin_of
from ..reading import a_number, in_minor
from ..signing import hmac_verifies
from .codes import CLOSED_EVENTS, PAID_EVENTS, PLACES, REFUND_EVENTS, THOUSANDTHS, VERSION, WHOLE

TOLERANCE_SECONDS: Final = 300
"""A notification signed longer ago is somebody's replay. Stripe signs anew each time it sends one again."""


class StripeSettings(GatewaySettings):
    """Of a Stripe account."""

    key: SecretStr
    """The secret or restricted key, `sk_…` or `rk_…`."""
    webhook_secret: SecretStr
    """Of the webhook endpoint, `whsec_…`."""
    url: HttpsBase = "https://api.stripe.com"
    pages: HttpsBase = "https://checkout.stripe.com"
    """Where payers are sent; another with a domain of your own."""


class StripeGateway(HttpAdapter[StripeSettings]):
    """A Stripe account."""

    kind: ClassVar[str] = "stripe"
    taken = RawResponse(200, b"taken")
    failed = RawResponse(503, b"not stored; send it again")

    def __init__(self, name: str, settings: StripeSettings) -> None:
        super().__init__(name, settings)
        self.sources = (origin_of(settings.pages),)

    def takes(self, currency: str) -> bool:
        """Of up to three places."""
        return minor_digits(currency) <= 3 and super().takes(currency)

    def begin(self, order: Order) -> Started | Trouble:
        """A Checkout Session. The order's number is the idempotency key too: the same order is the same session."""
        try:
            amount = to_stripe(order.amount)
        except ValueError as error:
            return Trouble(f"{error}", lasting=True)
        heard = self._ask(
            "POST",
            "/v1/checkout/sessions",
            {
                "mode": "payment",
                "line_items[0][quantity]": "1",
                "line_items[0][price_data][currency]": order.amount.currency.lower(),
                "line_items[0][price_data][unit_amount]": f"{amount}",
                "line_items[0][price_data][product_data][name]": self.settings.subject,
                "client_reference_id": order.order_no,
                "metadata[order]": order.order_no,
                "payment_intent_data[metadata][order]": order.order_no,
                "success_url": order.return_url,
                "cancel_url": order.return_url,
                "expires_at": f"{int(order.expires_at.timestamp())}",
            },
            {"idempotency-key": order.order_no},
        )
        if isinstance(heard, Trouble):
            return heard
        url, session = heard.get("url"), heard.get("id")
        if not isinstance(url, str) or not isinstance(session, str):
            return Trouble("it made no session that can be paid")
        return Started(url, reference=session)

    def asked(self, order_no: str, reference: str, now: datetime) -> Sequence[Fact] | Trouble:
        """By the session's id, with the charge, which knows of refunds."""
        if not reference:
            return ()
        expanded = urlencode({"expand[]": "payment_intent.latest_charge"})
        heard = self._ask("GET", f"/v1/checkout/sessions/{quote(reference, safe='')}?{expanded}")
        if isinstance(heard, Trouble):
            return heard
        if heard.get("client_reference_id") != order_no:
            return Trouble("its answer is about another order")
        charge = _inside(_inside(heard, "payment_intent"), "latest_charge")
        return [*_of_session(heard, now), *(_of_charge(charge, now) if charge else ())]

    def check(self, now: datetime) -> Trouble | None:
        """By asking for the newest session, which shows that the key is taken."""
        heard = self._ask("GET", "/v1/checkout/sessions?limit=1")
        return heard if isinstance(heard, Trouble) else None

    def told(self, request: RawRequest, now: datetime) -> Sequence[Fact]:
        """An event, its signature `t=…,v1=…` over time and body."""
        self._verify(request, now)
        event = an_object(request.body)
        kind, told = event["type"], event["data"]["object"]
        at = datetime.fromtimestamp(int(event["created"]), UTC)
        if kind in PAID_EVENTS:
            return _of_session(told, at)
        if kind in CLOSED_EVENTS and told.get("client_reference_id"):
            return [Closed(a_number(told["client_reference_id"]))]
        return _of_charge(told, at) if kind in REFUND_EVENTS else ()

    def _verify(self, request: RawRequest, now: datetime) -> None:
        times, signatures = [], []
        for part in request.headers.get("stripe-signature", "").split(","):
            name, _, value = part.strip().partition("=")
            if name == "t" and value.isdecimal() and len(value) < 12:
                times.append(value)
            elif name == "v1":
                signatures.append(value)
        if len(times) != 1 or not signatures:
            raise NotGenuineError("it is not signed")
        secret = self.settings.webhook_secret.get_secret_value()
        signed = times[0].encode() + b"." + request.body
        if not any(hmac_verifies(secret, signed, one) for one in signatures):
            raise NotGenuineError("the signature is not of this body")
        if abs(now.timestamp() - int(times[0])) > TOLERANCE_SECONDS:
            raise NotGenuineError("it was signed too long ago")

    def _ask(
        self,
        method: str,
        path: str,
        fields: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> dict[str, Any] | Trouble:
        sent = {
            **FORM,
            "authorization": f"Bearer {self.settings.key.get_secret_value()}",
            "stripe-version": VERSION,
            **(headers or {}),
        }
        heard = self.exchange(method, self.settings.url + path, urlencode(fields or {}).encode(), sent)
        if isinstance(heard, Trouble):
            return heard
        try:
            return an_object(heard.content)
        except ValueError:
            return Trouble("its answer is no JSON")


def to_stripe(amount: Money) -> int:
    """An amount as Stripe counts it. Raises ValueError for one it cannot take."""
    currency, minor = amount.currency, amount.amount_minor
    if currency in THOUSANDTHS:
        if minor % 10:
            raise ValueError("its last decimal place must be 0 there")
        return minor
    places = 0 if currency in WHOLE else PLACES
    apart = places - minor_digits(currency)
    if apart >= 0:
        return minor * int(10**apart)
    whole, rest = divmod(minor, int(10**-apart))
    if rest:
        raise ValueError("it takes no fractions of this currency")
    return whole


def from_stripe(amount: object, currency: object) -> Money:
    """Its inverse. Raises ValueError."""
    if not isinstance(amount, int) or not isinstance(currency, str):
        raise ValueError("an amount is missing")
    code = currency.upper()
    if code in THOUSANDTHS:
        return in_minor(amount, code)
    apart = (0 if code in WHOLE else PLACES) - minor_digits(code)
    if apart > 0 and amount % int(10**apart):
        raise ValueError("an amount has places that its currency has not")
    return in_minor(amount // int(10**apart) if apart >= 0 else amount * int(10**-apart), code)


def _of_session(session: Mapping[str, Any], at: datetime) -> list[Fact]:
    order_no = session.get("client_reference_id")
    if session.get("mode") != "payment" or not order_no:
        return []  # of another program on the same account
    if session.get("payment_status") == "paid":
        intent = session["payment_intent"]
        trade_no = a_number(intent["id"] if isinstance(intent, Mapping) else intent)
        charge = _inside(_inside(session, "payment_intent"), "latest_charge")
        paid_at = datetime.fromtimestamp(int(charge["created"]), UTC) if charge else at
        return [
            Paid(
                a_number(order_no),
                trade_no,
                from_stripe(session["amount_total"], session["currency"]),
                paid_at,
            )
        ]
    if session.get("status") == "expired":
        return [Closed(a_number(order_no))]
    return []


def _of_charge(charge: Mapping[str, Any], at: datetime) -> list[Fact]:
    """What of a charge has gone back so far."""
    order_no = (charge.get("metadata") or {}).get("order")
    if not order_no or not charge.get("amount_refunded"):
        return []
    intent = charge["payment_intent"]
    trade_no = a_number(intent["id"] if isinstance(intent, Mapping) else intent)
    return [
        Refunded(a_number(order_no), trade_no, from_stripe(charge["amount_refunded"], charge["currency"]), at)
    ]


def _inside(found: Mapping[str, Any] | None, name: str) -> Mapping[str, Any] | None:
    """A part that was asked for whole; None where there is only its id, or nothing."""
    part = found.get(name) if found else None
    return part if isinstance(part, Mapping) else None
