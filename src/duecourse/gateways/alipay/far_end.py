"""Alipay's side: gateway.do with its pages and its query, notifications signed. Source: as codes.py."""

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

from ..far_end import Bill, KeyedFarEnd
from ..reading import in_units
from ..signing import public_pem, rsa_sign, rsa_verifies, secret_pem, sorted_fields
from .codes import BEIJING

APP_ID: Final = "2021000000000000"
SELLER_ID: Final = "2088000000000000"


class AlipayFarEnd(KeyedFarEnd):
    """With one merchant."""

    kind: ClassVar[str] = "alipay"

    def settings(self) -> Mapping[str, Any]:
        """Of the adapter."""
        return {
            "url": f"{self.url}/gateway.do",
            "app_id": APP_ID,
            "seller_id": SELLER_ID,
            "private_key": secret_pem(self._merchant),
            "alipay_public_key": public_pem(self._own.public_key()),
        }

    def routes(self) -> Sequence[BaseRoute]:
        """One address for everything."""
        return [Route("/gateway.do", self._take, methods=["GET", "POST"])]

    async def _take(self, request: Request) -> Response:
        fields = dict(request.query_params) | dict(parse_qsl((await request.body()).decode()))
        # A request is signed with its sign_type, unlike a notification.
        if not rsa_verifies(
            self._merchant.public_key(), sorted_fields(fields, ("sign",)), fields.get("sign", "")
        ):
            return self._answer("error", {"code": "40002", "sub_code": "isv.invalid-signature"})
        content = json.loads(fields["biz_content"])
        if fields["method"] == "alipay.trade.query":
            return self._query(content["out_trade_no"])
        wanted = {"alipay.trade.wap.pay": "QUICK_WAP_WAY", "alipay.trade.page.pay": "FAST_INSTANT_TRADE_PAY"}
        if content["product_code"] != wanted.get(fields["method"]):
            return Response("ILLEGAL_ARGUMENT", 400)
        order_no, amount = content["out_trade_no"], in_units(content["total_amount"], "CNY")
        self.bills.setdefault(order_no, Bill(order_no, amount, fields["return_url"], fields["notify_url"]))
        return RedirectResponse(f"{self.url}/cashier/{order_no}", 302)

    def _query(self, order_no: str) -> Response:
        bill = self.bills.get(order_no)
        if bill is None or not (bill.paid_at or bill.closed):
            return self._answer(
                "alipay_trade_query_response",
                {
                    "code": "40004",
                    "msg": "Business Failed",
                    "sub_code": "ACQ.TRADE_NOT_EXIST",
                    "sub_msg": "交易不存在",
                },
            )
        told = {
            "code": "10000",
            "msg": "Success",
            "out_trade_no": order_no,
            "total_amount": f"{bill.amount.amount}",
        }
        told |= {"trade_no": bill.trade_no, "trade_status": _status(bill)}
        if bill.paid_at:
            told["send_pay_date"] = _instant(bill.paid_at)
        return self._answer("alipay_trade_query_response", told)

    def _answer(self, name: str, told: Mapping[str, str]) -> Response:
        if name == "error":
            return Response(json.dumps({"error_response": told}), media_type="application/json")
        part = json.dumps(told, ensure_ascii=False)
        body = f'{{"{name}":{part},"sign":"{rsa_sign(self._own, part.encode())}"}}'
        return Response(body.encode(), media_type="application/json;charset=utf-8")

    def notification(self, bill: Bill, now: datetime) -> RawRequest:
        """A form with its sign and sign_type, which are not signed."""
        fields = {
            "notify_type": "trade_status_sync",
            "notify_id": bill.order_no,
            "notify_time": _instant(now),
            "charset": "utf-8",
            "version": "1.0",
            "app_id": APP_ID,
            "seller_id": SELLER_ID,
            "out_trade_no": bill.order_no,
            "trade_no": bill.trade_no,
            "subject": "还款 & more=less",
            "total_amount": f"{bill.amount.amount}",
            "trade_status": _status(bill),
        }
        if bill.paid_at:
            fields["gmt_payment"] = _instant(bill.paid_at)
        if bill.refunds:
            fields["refund_fee"] = f"{Money(bill.refunded_minor, 'CNY').amount}"
            fields["gmt_refund"] = _instant(bill.refunds[-1][2]) + ".123"
        signed = {**fields, "sign": rsa_sign(self._own, sorted_fields(fields)), "sign_type": "RSA2"}
        headers = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
        return RawRequest("POST", "", headers, urlencode(signed).encode())


def _status(bill: Bill) -> str:
    if bill.closed or (bill.paid_at and bill.refunded_minor == bill.amount.amount_minor):
        return "TRADE_CLOSED"
    return "TRADE_SUCCESS" if bill.paid_at else "WAIT_BUYER_PAY"


def _instant(at: datetime) -> str:
    return at.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M:%S")
