"""Stripe's side: Checkout Sessions made and read, events signed. Source: as codes.py."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Final
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from duecourse.domain.messaging import RawRequest

from ..far_end import Bill, FarEnd
from ..signing import hmac_sign
from .adapter import from_stripe, to_stripe

KEY: Final = "sk_test_practice"
WEBHOOK_SECRET: Final = "whsec_practice"


class StripeFarEnd(FarEnd):
    """With one key. Idempotency keys are honoured: the same key with other fields is refused."""

    kind: ClassVar[str] = "stripe"

    def __init__(self, clock: Callable[[], datetime]) -> None:
        super().__init__(clock)
        self._once: dict[str, tuple[bytes, dict[str, Any]]] = {}
        self.notify_url = ""
        """Of the webhook endpoint, which an account has beside its sessions."""

    def settings(self) -> Mapping[str, Any]:
        """Of the adapter."""
        return {"url": self.url, "pages": self.url, "key": KEY, "webhook_secret": WEBHOOK_SECRET}

    def routes(self) -> Sequence[BaseRoute]:
        """As api.stripe.com."""
        return [
            Route("/v1/checkout/sessions", self._make, methods=["POST"]),
            Route("/v1/checkout/sessions", self._list, methods=["GET"]),
            Route("/v1/checkout/sessions/{session}", self._read, methods=["GET"]),
        ]

    async def _make(self, request: Request) -> Response:
        if refusal := _refusal(request):
            return refusal
        body = await request.body()
        fields = dict(parse_qsl(body.decode(), strict_parsing=True))
        key, digest = request.headers.get("idempotency-key", ""), hashlib.sha256(body).digest()
        if key in self._once:
            before, session = self._once[key]
            return JSONResponse(session) if before == digest else _error(400, "idempotency_error")
        try:
            priced = "line_items[0][price_data]"
            amount = from_stripe(int(fields[f"{priced}[unit_amount]"]), fields[f"{priced}[currency]"])
            assert fields["mode"] == "payment" and fields[f"{priced}[product_data][name]"]
            order_no = fields["payment_intent_data[metadata][order]"]
            assert order_no == fields["client_reference_id"] and int(fields["line_items[0][quantity]"]) == 1
            self.bills[order_no] = Bill(order_no, amount, fields["success_url"], self.notify_url)
        except (KeyError, ValueError, AssertionError):
            return _error(400, "invalid_request_error")
        session = self._session(self.bills[order_no])
        self._once[key] = digest, session
        return JSONResponse(session)

    async def _list(self, request: Request) -> Response:
        return _refusal(request) or JSONResponse({"object": "list", "data": [], "has_more": False})

    async def _read(self, request: Request) -> Response:
        if refusal := _refusal(request):
            return refusal
        bill = self.bills.get(request.path_params["session"].removeprefix("cs_test_"))
        if bill is None:
            return _error(404, "invalid_request_error")
        whole = request.query_params.get("expand[]") == "payment_intent.latest_charge"
        return JSONResponse(self._session(bill, whole=whole))

    def _session(self, bill: Bill, *, whole: bool = False) -> dict[str, Any]:
        intent: Any = bill.trade_no or None
        if whole and bill.trade_no:
            intent = {"id": bill.trade_no, "object": "payment_intent", "latest_charge": _charge(bill)}
        return {
            "id": f"cs_test_{bill.order_no}",
            "object": "checkout.session",
            "mode": "payment",
            "client_reference_id": bill.order_no,
            "metadata": {"order": bill.order_no},
            "amount_total": to_stripe(bill.amount),
            "currency": bill.amount.currency.lower(),
            "payment_intent": intent,
            "payment_status": "paid" if bill.paid_at else "unpaid",
            "status": "complete" if bill.paid_at else "expired" if bill.closed else "open",
            "url": None if bill.paid_at or bill.closed else f"{self.url}/cashier/{bill.order_no}",
        }

    def notification(self, bill: Bill, now: datetime) -> RawRequest:
        """An event, signed."""
        if bill.refunds:
            kind, told = "charge.refunded", _charge(bill)
        elif bill.paid_at:
            kind, told = "checkout.session.completed", self._session(bill)
        else:
            kind, told = "checkout.session.expired", self._session(bill)
        at = int(now.timestamp())
        event = {
            "id": f"evt_{bill.order_no}",
            "object": "event",
            "type": kind,
            "created": at,
            "data": {"object": told},
        }
        body = json.dumps(event).encode()
        signature = hmac_sign(WEBHOOK_SECRET, f"{at}.".encode() + body)
        return RawRequest("POST", "", {"stripe-signature": f"t={at},v1={signature},v0=old"}, body)


def _charge(bill: Bill) -> dict[str, Any]:
    assert bill.paid_at is not None
    return {
        "id": f"ch_{bill.order_no}",
        "object": "charge",
        "created": int(bill.paid_at.timestamp()),
        "payment_intent": bill.trade_no,
        "currency": bill.amount.currency.lower(),
        "amount": to_stripe(bill.amount),
        "amount_refunded": bill.refunded_minor
        and to_stripe(type(bill.amount)(bill.refunded_minor, bill.amount.currency)),
        "metadata": {"order": bill.order_no},
    }


def _refusal(request: Request) -> Response | None:
    if request.headers.get("authorization") != f"Bearer {KEY}":
        return _error(401, "invalid_request_error")
    return None if request.headers.get("stripe-version") else _error(400, "invalid_request_error")


def _error(status: int, kind: str) -> Response:
    return JSONResponse({"error": {"type": kind}}, status)
