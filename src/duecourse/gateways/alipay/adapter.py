"""Alipay by a signed redirect (RSA2): the mobile page on phones, the page on desktops. Renminbi alone.

Keys in the mode "public key"; certificates are not supported. See docs/reference/gateways/alipay.md.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlencode

from pydantic import Field, SecretStr

from duecourse.channels.http.jose import secret_text
from duecourse.domain.messaging import RawRequest
from duecourse.domain.money import from_minor

from ..adapter import FORM, HttpAdapter, HttpsUrl
from ..contract import Closed, Fact, GatewaySettings, NotGenuineError, Order, Paid, Refunded, Started, Trouble
from ..line import origin_of
from ..reading import a_number, form_fields, in_units
from ..signing import private_key, public_key, rsa_sign, rsa_verifies, sorted_fields
from .codes import BEIJING, BUSINESS, CLOSED, GATEWAY, GOOD, ITS_OWN, NOT_THERE, PAID, SOURCES

QUERY = "alipay.trade.query"


class AlipaySettings(GatewaySettings):
    """Of an application at Alipay's open platform."""

    app_id: str = Field(min_length=1, max_length=32)
    seller_id: str = ""
    """The merchant's number, 2088…: notifications for another are refused; '': not looked at."""
    private_key: SecretStr | None = None
    """The application's, in PEM or base64."""
    private_key_file: Path | None = None
    alipay_public_key: str
    """Alipay's, as the platform shows it for this application."""
    url: HttpsUrl = GATEWAY


class AlipayGateway(HttpAdapter[AlipaySettings]):
    """An application at Alipay."""

    kind: ClassVar[str] = "alipay"
    currencies: ClassVar[Collection[str]] = ("CNY",)

    def __init__(self, name: str, settings: AlipaySettings) -> None:
        super().__init__(name, settings)
        self.sources = (origin_of(settings.url), *(SOURCES if settings.url == GATEWAY else ()))
        self._key = private_key(secret_text(settings.private_key, settings.private_key_file, "private_key"))
        self._theirs = public_key(settings.alipay_public_key)

    def begin(self, order: Order) -> Started:
        """By the address alone: Alipay hears of the order when the payer comes."""
        content = {
            "out_trade_no": order.order_no,
            "total_amount": f"{from_minor(order.amount.amount_minor, 'CNY')}",
            "subject": self.settings.subject,
            "product_code": "QUICK_WAP_WAY" if order.phone else "FAST_INSTANT_TRADE_PAY",
            "time_expire": _instant(order.expires_at),
        }
        method = "alipay.trade.wap.pay" if order.phone else "alipay.trade.page.pay"
        fields = self._signed(
            method, content, order.now, return_url=order.return_url, notify_url=order.notify_url
        )
        return Started(f"{self.settings.url}?{urlencode(fields)}")

    def asked(self, order_no: str, reference: str, now: datetime) -> Sequence[Fact] | Trouble:
        """alipay.trade.query by our number."""
        content = urlencode(self._signed(QUERY, {"out_trade_no": order_no}, now)).encode()
        heard = self.exchange("POST", self.settings.url, content, FORM)
        return heard if isinstance(heard, Trouble) else self._answered(heard.content.decode(), now)

    def told(self, request: RawRequest, now: datetime) -> Sequence[Fact]:
        """A form, signed over its sorted fields without sign and sign_type."""
        fields = form_fields(request.body)
        signed = sorted_fields(fields, ("sign", "sign_type"))
        if fields.get("sign_type") != "RSA2" or not rsa_verifies(
            self._theirs, signed, fields.get("sign", "")
        ):
            raise NotGenuineError("the signature is not of these fields")
        if fields.get("app_id") != self.settings.app_id:
            raise NotGenuineError("it is meant for another application")
        if self.settings.seller_id and fields.get("seller_id") != self.settings.seller_id:
            raise NotGenuineError("it is meant for another merchant")
        return _facts(fields)

    def _answered(self, text: str, now: datetime) -> Sequence[Fact] | Trouble:
        whole = json.loads(text)
        name = f"{QUERY.replace('.', '_')}_response"
        told = whole.get(name) or whole.get("error_response")
        code, sub_code = told.get("code"), told.get("sub_code", "")
        if code == BUSINESS and sub_code in NOT_THERE:
            return ()
        if code != GOOD:
            return Trouble(f"it answered with code {code}", lasting=code not in (ITS_OWN, BUSINESS))
        if not rsa_verifies(self._theirs, signed_part(text, name), whole.get("sign", "")):
            return Trouble("its answer is not signed by it")
        dated = {"gmt_payment": told.get("send_pay_date", ""), **told}
        return _facts({key: value for key, value in dated.items() if isinstance(value, str)}, now)

    def _signed(self, method: str, content: Mapping[str, str], now: datetime, **more: str) -> dict[str, str]:
        fields = {
            "app_id": self.settings.app_id,
            "method": method,
            "format": "JSON",
            "charset": "utf-8",
            "sign_type": "RSA2",
            "timestamp": _instant(now),
            "version": "1.0",
            "biz_content": json.dumps(content, ensure_ascii=False, separators=(",", ":")),
            **more,
        }
        return {**fields, "sign": rsa_sign(self._key, sorted_fields(fields))}


def _facts(fields: Mapping[str, str], now: datetime | None = None) -> list[Fact]:
    """Of a notification, or of a query's answer; now: where that has no time.

    Closed without a time of payment: never paid. Closed with one: all of it went back.
    """
    order_no, status = a_number(fields.get("out_trade_no")), fields.get("trade_status")
    if status == CLOSED and not fields.get("gmt_payment"):
        return [Closed(order_no)]
    if status not in PAID and status != CLOSED:
        return []
    trade_no, total = a_number(fields.get("trade_no")), in_units(fields["total_amount"], "CNY")
    facts: list[Fact] = [Paid(order_no, trade_no, total, _at(fields, ("gmt_payment", "notify_time"), now))]
    if went_back := fields.get("refund_fee", "").strip("0.") and fields["refund_fee"]:
        total = in_units(went_back, "CNY")
    elif status != CLOSED:
        return facts
    return [*facts, Refunded(order_no, trade_no, total, _at(fields, ("gmt_refund", "notify_time"), now))]


def _at(fields: Mapping[str, str], names: Sequence[str], otherwise: datetime | None) -> datetime:
    """The first of these times that is written."""
    for name in names:
        if written := fields.get(name, ""):
            return datetime.fromisoformat(written).replace(tzinfo=BEIJING)
    if otherwise is None:
        raise ValueError("it says no time")
    return otherwise


def signed_part(text: str, name: str) -> bytes:
    """What an answer's signature is over: the text of one part of it, exactly as it was written. Raises ValueError."""
    start = text.index(f'"{name}":') + len(name) + 3
    while text[start].isspace():
        start += 1
    _, end = json.JSONDecoder().raw_decode(text, start)
    return text[start:end].encode()


def _instant(at: datetime) -> str:
    return at.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M:%S")
