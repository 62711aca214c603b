"""WeChat Pay: phones get a link to its page (H5), desktops a code to scan (Native). Renminbi alone.

H5 looks at the site its payers come from: the page that links to it says so (`Referrer-Policy: origin` on that link),
and its domain must be registered with the merchant. A link lives five minutes, so that every start asks for a new one.
JSAPI, within WeChat's own browser, needs a script and is not offered. See docs/reference/gateways/wechatpay.md.
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar, Final
from urllib.parse import quote, urlencode

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import Field, SecretStr, field_validator

from duecourse.channels.http.jose import secret_text
from duecourse.domain.messaging import RawRequest, RawResponse

from ..adapter import HttpAdapter, HttpsBase, an_object
from ..contract import Closed, Fact, GatewaySettings, NotGenuineError, Order, Paid, Refunded, Started, Trouble
from ..line import origin_of
from ..reading import a_number, in_minor
from ..signing import private_key, public_key, rsa_sign, rsa_verifies
from .codes import API, CLOSED, PAGES, PAID, PAID_EVENT, REFUND_EVENT, REFUNDED, SCHEMA

TOLERANCE_SECONDS: Final = 300
"""A notification or an answer signed longer ago is somebody's replay."""


class WechatPaySettings(GatewaySettings):
    """Of a merchant."""

    mchid: str = Field(min_length=1, max_length=32)
    app_id: str = Field(min_length=1, max_length=32)
    serial: str = Field(pattern=r"^[0-9A-Fa-f]{8,64}$")
    """Of the merchant's own certificate."""
    private_key: SecretStr | None = None
    """The merchant's, in PEM."""
    private_key_file: Path | None = None
    api_v3_key: SecretStr
    """32 characters: opens notifications."""
    platform_keys: Mapping[str, str] = Field(min_length=1)
    """WeChat Pay's public keys (`PUB_KEY_ID_…`) and platform certificates (serial), each in PEM, by that id. During a
    change both stand here."""
    url: HttpsBase = API
    pages: HttpsBase = PAGES

    @field_validator("api_v3_key")
    @classmethod
    def _is_32_octets(cls, key: SecretStr) -> SecretStr:
        if len(key.get_secret_value().encode()) != 32:
            raise ValueError("expected 32 characters")
        return key


class WechatPayGateway(HttpAdapter[WechatPaySettings]):
    """A merchant at WeChat Pay."""

    kind: ClassVar[str] = "wechatpay"
    currencies: ClassVar[Collection[str]] = ("CNY",)
    taken = RawResponse(200, b'{"code":"SUCCESS"}', "application/json")
    failed = RawResponse(503, b'{"code":"FAIL","message":"not stored; send it again"}', "application/json")

    def __init__(self, name: str, settings: WechatPaySettings) -> None:
        super().__init__(name, settings)
        self.sources = (origin_of(settings.pages),)
        self._key = private_key(secret_text(settings.private_key, settings.private_key_file, "private_key"))
        self._theirs = {key_id: public_key(pem) for key_id, pem in settings.platform_keys.items()}
        self._seal = AESGCM(settings.api_v3_key.get_secret_value().encode())

    def begin(self, order: Order) -> Started | Trouble:
        """An order; the same one again is the same, with a new link."""
        body: dict[str, Any] = {
            "appid": self.settings.app_id,
            "mchid": self.settings.mchid,
            "description": self.settings.subject,
            "out_trade_no": order.order_no,
            "time_expire": order.expires_at.isoformat(timespec="seconds"),
            "notify_url": order.notify_url,
            "amount": {"total": order.amount.amount_minor, "currency": "CNY"},
        }
        if order.phone:
            body["scene_info"] = {"payer_client_ip": order.peer or "127.0.0.1", "h5_info": {"type": "Wap"}}
        kind, named = ("h5", "h5_url") if order.phone else ("native", "code_url")
        heard = self._ask("POST", f"/v3/pay/transactions/{kind}", order.now, body)
        if heard is None or isinstance(heard, Trouble):
            return heard or Trouble("it knows no such order")
        url = heard.get(named)
        if not isinstance(url, str):
            return Trouble("it made no order that can be paid")
        if not order.phone:
            return (
                Started(url, "code")
                if url.startswith("weixin://")
                else Trouble("its code is none of its own")
            )
        joint = "&" if "?" in url else "?"
        return Started(f"{url}{joint}{urlencode({'redirect_url': order.return_url})}", "link")

    def asked(self, order_no: str, reference: str, now: datetime) -> Sequence[Fact] | Trouble:
        """By our number. What went back is not in its answer: refunds are told by notifications."""
        named = f"{quote(order_no, safe='')}?{urlencode({'mchid': self.settings.mchid})}"
        heard = self._ask("GET", f"/v3/pay/transactions/out-trade-no/{named}", now)
        if heard is None or isinstance(heard, Trouble):
            return heard or ()
        return self._of_transaction(heard)

    def told(self, request: RawRequest, now: datetime) -> Sequence[Fact]:
        """Signed by the platform, its contents sealed with the merchant's key."""
        if not self._is_signed(request.headers, request.body, now):
            raise NotGenuineError("it is not signed by the platform")
        event = an_object(request.body)
        resource = event["resource"]
        if resource["algorithm"] != "AEAD_AES_256_GCM":
            raise ValueError("it is sealed in a way nobody documented")
        try:
            opened = self._seal.decrypt(
                resource["nonce"].encode(),
                base64.b64decode(resource["ciphertext"], validate=True),
                resource.get("associated_data", "").encode(),
            )
        except InvalidTag:
            raise NotGenuineError("it is sealed with another key") from None
        told = an_object(opened)
        if event["event_type"] == PAID_EVENT:
            return self._of_transaction(told)
        return self._of_refund(told) if event["event_type"] == REFUND_EVENT else ()

    def _of_transaction(self, told: Mapping[str, Any]) -> list[Fact]:
        self._is_ours(told)
        order_no, state = a_number(told["out_trade_no"]), told["trade_state"]
        if state in CLOSED:
            return [Closed(order_no)]
        if state not in (PAID, REFUNDED):
            return []
        amount = told["amount"]
        total = in_minor(amount["total"], amount.get("currency", "CNY"))
        return [Paid(order_no, a_number(told["transaction_id"]), total, _instant(told["success_time"]))]

    def _of_refund(self, told: Mapping[str, Any]) -> list[Fact]:
        self._is_ours(told)
        amount = told["amount"]
        return [
            Refunded(
                a_number(told["out_trade_no"]),
                a_number(told["transaction_id"]),
                in_minor(amount["refund"], "CNY"),
                _instant(told["success_time"]),
                a_number(told["refund_id"]),
            )
        ]

    def _is_ours(self, told: Mapping[str, Any]) -> None:
        if told.get("mchid") != self.settings.mchid:
            raise NotGenuineError("it is meant for another merchant")

    def _is_signed(self, headers: Mapping[str, str], body: bytes, now: datetime) -> bool:
        time, nonce = headers.get("wechatpay-timestamp", ""), headers.get("wechatpay-nonce", "")
        key = self._theirs.get(headers.get("wechatpay-serial", ""))
        kind = headers.get("wechatpay-signature-type", SCHEMA)
        if key is None or kind != SCHEMA or not time.isdecimal() or len(time) > 12:
            return False
        if abs(now.timestamp() - int(time)) > TOLERANCE_SECONDS:
            return False
        signed = f"{time}\n{nonce}\n".encode() + body + b"\n"
        return rsa_verifies(key, signed, headers.get("wechatpay-signature", ""))

    def _ask(
        self, method: str, path: str, now: datetime, body: Mapping[str, Any] | None = None
    ) -> dict[str, Any] | Trouble | None:
        """The answer, its signature checked; None: it knows no such order."""
        content = json.dumps(body, ensure_ascii=False).encode() if body is not None else b""
        headers = {
            "authorization": self._authorization(method, path, content, now),
            "accept": "application/json",
            "content-type": "application/json",
        }
        if any(key_id.startswith("PUB_KEY_ID_") for key_id in self._theirs):
            headers["wechatpay-serial"] = next(one for one in self._theirs if one.startswith("PUB_KEY_ID_"))
        heard = self.exchange(method, self.settings.url + path, content, headers, answers=(200, 404))
        if isinstance(heard, Trouble) or heard.status == 404:
            return heard if isinstance(heard, Trouble) else None
        if not self._is_signed(heard.headers, heard.content, now):
            return Trouble("its answer is not signed by the platform")
        try:
            return an_object(heard.content)
        except ValueError:
            return Trouble("its answer is no JSON")

    def _authorization(self, method: str, path: str, content: bytes, now: datetime) -> str:
        time, nonce = f"{int(now.timestamp())}", secrets.token_hex(16)
        signed = f"{method}\n{path}\n{time}\n{nonce}\n".encode() + content + b"\n"
        said = {
            "mchid": self.settings.mchid,
            "nonce_str": nonce,
            "signature": rsa_sign(self._key, signed),
            "timestamp": time,
            "serial_no": self.settings.serial,
        }
        return f"{SCHEMA} " + ",".join(f'{name}="{value}"' for name, value in said.items())


def _instant(written: str) -> datetime:
    at = datetime.fromisoformat(written)
    if at.tzinfo is None:
        raise ValueError("its time has no zone")
    return at
