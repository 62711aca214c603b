"""A described gateway's side: takes the signed redirect, answers queries, sends signed notifications."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Final
from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from duecourse.domain.messaging import RawRequest
from duecourse.domain.money import Money

from ..far_end import Bill, FarEnd
from ..signing import hmac_sign, hmac_verifies, sorted_fields

SECRET: Final = "practice-secret-0123456789"
MERCHANT: Final = "PRACTICE"


class GenericFarEnd(FarEnd):
    """With the fields' own names and amounts in minor units."""

    kind: ClassVar[str] = "generic"

    def settings(self) -> Mapping[str, Any]:
        """Of the adapter."""
        return {
            "url": f"{self.url}/pay",
            "query_url": f"{self.url}/query",
            "merchant": MERCHANT,
            "secret": SECRET,
        }

    def routes(self) -> Sequence[BaseRoute]:
        """The cashier's address, and the query's."""
        return [Route("/pay", self._take), Route("/query", self._query, methods=["POST"])]

    async def _take(self, request: Request) -> Response:
        fields = dict(request.query_params)
        if not _is_signed(fields):
            return Response("bad signature", 403)
        amount = Money(int(fields["amount"]), fields["currency"])
        self.bills.setdefault(
            fields["order"], Bill(fields["order"], amount, fields["return"], fields["notify"])
        )
        return RedirectResponse(f"{self.url}/cashier/{fields['order']}", 303)

    async def _query(self, request: Request) -> Response:
        fields = dict(parse_qsl((await request.body()).decode()))
        if not _is_signed(fields) or fields.get("merchant") != MERCHANT:
            return Response("bad signature", 403)
        bill = self.bills.get(fields["order"])
        if bill is None:
            return Response(status_code=404)
        return Response(json.dumps(_signed(_told(bill))), media_type="application/json")

    def notification(self, bill: Bill, now: datetime) -> RawRequest:
        """A form."""
        headers = {"content-type": "application/x-www-form-urlencoded"}
        return RawRequest("POST", "", headers, urlencode(_signed(_told(bill))).encode())


def _told(bill: Bill) -> dict[str, str]:
    told = {"merchant": MERCHANT, "order": bill.order_no, "currency": bill.amount.currency}
    if bill.refunds:
        number, amount, at = bill.refunds[-1]
        return {
            **told, "state": "refunded", "trade": bill.trade_no, "refund": number, "amount": f"{amount}",
            "at": at.isoformat(),
        }  # fmt: skip
    if bill.paid_at:
        amount = bill.amount.amount_minor
        return {
            **told, "state": "paid", "trade": bill.trade_no, "amount": f"{amount}", "at": bill.paid_at.isoformat(),
        }  # fmt: skip
    return {**told, "state": "closed" if bill.closed else "waiting"}


def _signed(fields: Mapping[str, str]) -> dict[str, str]:
    return {**fields, "signature": hmac_sign(SECRET, sorted_fields(fields))}


def _is_signed(fields: Mapping[str, str]) -> bool:
    return hmac_verifies(SECRET, sorted_fields(fields, ("signature",)), fields.get("signature", ""))
