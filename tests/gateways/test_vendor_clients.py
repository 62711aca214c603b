"""Clients that are none of ours speak with the far ends: what our gateways agree with is what Stripe, Alipay and WeChat
Pay speak.
"""

from __future__ import annotations

from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

import pytest

from channels.sdks import run
from duecourse.domain.messaging import RawRequest
from duecourse.gateways.contract import NotGenuineError
from duecourse.gateways.far_end import Bill, FarEnd

from .served import FAR_ENDS, NOW, an_order, gateway_of, serving

CLIENTS = ("stripe==16.1.0", "wechatpayv3==2.0.4", "python-alipay-sdk==3.4.0")


def paid(far_end: FarEnd) -> tuple[Bill, RawRequest]:
    """An order that was paid, and its notification."""
    order = an_order()
    far_end.bills[order.order_no] = Bill(order.order_no, order.amount, "", "")
    bill = far_end.pay(order.order_no, datetime.now(UTC))
    return bill, far_end.notification(bill, datetime.now(UTC))


def test_other_clients_understand_what_ours_do() -> None:
    with ExitStack() as stack:
        ends = {
            kind: stack.enter_context(serving(FAR_ENDS[kind](NOW)))
            for kind in ("stripe", "alipay", "wechatpay")
        }
        given: dict[str, Any] = {}
        bills: dict[str, Bill] = {}
        for kind, far_end in ends.items():
            bills[kind], told = paid(far_end)
            given[kind] = {
                **far_end.settings(),
                "order": an_order().order_no,
                "paid_order": bills[kind].order_no,
                "notification": {"headers": dict(told.headers), "body": told.body.decode()},
            }
        given["alipay"]["notification"] = dict(parse_qsl(given["alipay"]["notification"]["body"]))
        given["stripe"]["body"] = '{"type":"ping","created":1700000000,"data":{"object":{}}}'
        ((key_id, key),) = given["wechatpay"].pop("platform_keys").items()
        given["wechatpay"] |= {"public_key": key, "public_key_id": key_id}
        found = run("payments", CLIENTS, given)

    assert found["stripe"]["made"].startswith(ends["stripe"].url)
    assert found["stripe"]["read"] == ["unpaid", 123456]
    assert found["stripe"]["event"] == ["checkout.session.completed", bills["stripe"].order_no]
    assert found["alipay"] == {"taken": 302, "genuine": True, "forged": False, "asked": "TRADE_SUCCESS"}
    status, made = found["wechatpay"]["made"]
    assert status == 200 and made["code_url"].startswith("weixin://")
    assert found["wechatpay"]["asked"] == [200, "SUCCESS"]
    assert found["wechatpay"]["read"] == ["TRANSACTION.SUCCESS", bills["wechatpay"].order_no]
    assert not found["wechatpay"]["forged"]

    stripe = gateway_of(ends["stripe"])
    signed = RawRequest(
        "POST", "", {"stripe-signature": found["stripe"]["signed"]}, given["stripe"]["body"].encode()
    )
    assert stripe.hear(signed, datetime.fromtimestamp(1_700_000_100, UTC)).facts == ()
    with pytest.raises(NotGenuineError):
        stripe.hear(signed, datetime.now(UTC))
