"""WeChat Pay's side: H5 and Native orders, the query, notifications signed and sealed. Source: as codes.py."""

from __future__ import annotations

import base64
import json
import re
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from duecourse.domain.messaging import RawRequest
from duecourse.domain.money import Money

from ..far_end import Bill, KeyedFarEnd
from ..signing import public_pem, rsa_sign, rsa_verifies, secret_pem
from .codes import SCHEMA

MCHID: Final = "1900000001"
APP_ID: Final = "wx0000000000000000"
SERIAL: Final = "444F4864EA9B34415BBBCA9E2D6B0A9A3FBA2F3C"
API_V3_KEY: Final = "practice-practice-practice-12345"
KEY_ID: Final = "PUB_KEY_ID_0119000000012026112600000000000000"
_SAID: Final = re.compile(r'(\w+)="([^"]*)"')


class WechatPayFarEnd(KeyedFarEnd):
    """With one merchant."""

    kind: ClassVar[str] = "wechatpay"

    def settings(self) -> Mapping[str, Any]:
        """Of the adapter."""
        return {
            "url": self.url,
            "pages": self.url,
            "mchid": MCHID,
            "app_id": APP_ID,
            "serial": SERIAL,
            "private_key": secret_pem(self._merchant),
            "api_v3_key": API_V3_KEY,
            "platform_keys": {KEY_ID: public_pem(self._own.public_key())},
        }

    def routes(self) -> Sequence[BaseRoute]:
        """As api.mch.weixin.qq.com."""
        return [
            Route("/v3/pay/transactions/out-trade-no/{order_no}", self._query, methods=["GET"]),
            Route("/v3/pay/transactions/{way}", self._make, methods=["POST"]),
        ]

    async def _make(self, request: Request) -> Response:
        body = await request.body()
        if not self._is_merchant(request, body):
            return Response('{"code":"SIGN_ERROR"}', 401)
        asked, way = json.loads(body), request.path_params["way"]
        if asked["mchid"] != MCHID or asked["appid"] != APP_ID or len(asked["out_trade_no"]) > 32:
            return Response('{"code":"PARAM_ERROR"}', 400)
        if way == "h5" and not asked["scene_info"]["payer_client_ip"]:
            return Response('{"code":"PARAM_ERROR"}', 400)
        order_no, amount = asked["out_trade_no"], Money(asked["amount"]["total"], asked["amount"]["currency"])
        self.bills.setdefault(order_no, Bill(order_no, amount, "", asked["notify_url"]))
        if way == "h5":
            return self._answer({"h5_url": f"{self.url}/cashier/{order_no}?prepay_id={secrets.token_hex(8)}"})
        return self._answer({"code_url": f"weixin://wxpay/bizpayurl?pr={order_no[:9]}"})

    async def _query(self, request: Request) -> Response:
        if not self._is_merchant(request, b"") or request.query_params.get("mchid") != MCHID:
            return Response('{"code":"SIGN_ERROR"}', 401)
        bill = self.bills.get(request.path_params["order_no"])
        return self._answer(_transaction(bill)) if bill else Response('{"code":"ORDER_NOT_EXIST"}', 404)

    def _is_merchant(self, request: Request, body: bytes) -> bool:
        schema, _, rest = request.headers.get("authorization", "").partition(" ")
        said = dict(_SAID.findall(rest))
        path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        signed = (
            f"{request.method}\n{path}\n{said.get('timestamp')}\n{said.get('nonce_str')}\n".encode()
            + body
            + b"\n"
        )
        return (
            schema == SCHEMA
            and (said.get("mchid"), said.get("serial_no")) == (MCHID, SERIAL)
            and rsa_verifies(self._merchant.public_key(), signed, said.get("signature", ""))
        )

    def _answer(self, told: Mapping[str, Any]) -> Response:
        body = json.dumps(told).encode()
        return Response(body, 200, dict(self._headers(body, self.clock())), "application/json")

    def _headers(self, body: bytes, now: datetime) -> Mapping[str, str]:
        time, nonce = f"{int(now.timestamp())}", secrets.token_hex(16)
        return {
            "wechatpay-timestamp": time,
            "wechatpay-nonce": nonce,
            "wechatpay-serial": KEY_ID,
            "wechatpay-signature-type": SCHEMA,
            "wechatpay-signature": rsa_sign(self._own, f"{time}\n{nonce}\n".encode() + body + b"\n"),
        }

    def notification(self, bill: Bill, now: datetime) -> RawRequest:
        """Sealed for the merchant and signed."""
        told, event, kind = _transaction(bill), "TRANSACTION.SUCCESS", "transaction"
        if bill.refunds:
            told, event, kind = _refund(bill), "REFUND.SUCCESS", "refund"
        nonce = secrets.token_hex(6)
        sealed = AESGCM(API_V3_KEY.encode()).encrypt(nonce.encode(), json.dumps(told).encode(), kind.encode())
        resource = {
            "original_type": kind,
            "algorithm": "AEAD_AES_256_GCM",
            "ciphertext": base64.b64encode(sealed).decode(),
            "associated_data": kind,
            "nonce": nonce,
        }
        body = json.dumps(
            {
                "id": bill.order_no,
                "create_time": now.isoformat(timespec="seconds"),
                "resource_type": "encrypt-resource",
                "event_type": event,
                "summary": "支付成功",
                "resource": resource,
            }
        ).encode()
        return RawRequest("POST", "", {"content-type": "application/json", **self._headers(body, now)}, body)


def _transaction(bill: Bill) -> dict[str, Any]:
    told: dict[str, Any] = {
        "mchid": MCHID,
        "appid": APP_ID,
        "out_trade_no": bill.order_no,
        "trade_type": "MWEB",
        "trade_state": "REFUND"
        if bill.refunds
        else "SUCCESS"
        if bill.paid_at
        else "CLOSED"
        if bill.closed
        else "NOTPAY",
        "amount": {"total": bill.amount.amount_minor, "currency": "CNY"},
    }
    if bill.paid_at:
        told |= {"transaction_id": bill.trade_no, "success_time": bill.paid_at.isoformat(timespec="seconds")}
    return told


def _refund(bill: Bill) -> dict[str, Any]:
    number, amount, at = bill.refunds[-1]
    return {
        "mchid": MCHID,
        "out_trade_no": bill.order_no,
        "transaction_id": bill.trade_no,
        "refund_id": number,
        "refund_status": "SUCCESS",
        "success_time": at.isoformat(timespec="seconds"),
        "amount": {"total": bill.amount.amount_minor, "refund": amount},
    }
