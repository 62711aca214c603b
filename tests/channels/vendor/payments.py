"""Clients of Stripe, Alipay and WeChat Pay: each makes an order, asks about one, and reads a notification."""

import json
import sys
import urllib.error
import urllib.request

import stripe
from alipay import AliPay
from wechatpayv3 import WeChatPay, WeChatPayType

given = json.load(sys.stdin)


def of_stripe(at):
    client = stripe.StripeClient(at["key"], base_addresses={"api": at["url"]})
    made = client.v1.checkout.sessions.create(
        {
            "mode": "payment",
            "line_items": [
                {
                    "quantity": 1,
                    "price_data": {
                        "currency": "cny",
                        "unit_amount": 123456,
                        "product_data": {"name": "Payment"},
                    },
                }
            ],
            "client_reference_id": at["order"],
            "metadata": {"order": at["order"]},
            "payment_intent_data": {"metadata": {"order": at["order"]}},
            "success_url": "https://lender.example/",
            "cancel_url": "https://lender.example/",
        },
        {"idempotency_key": at["order"]},
    )
    read = client.v1.checkout.sessions.retrieve(made.id)
    told = at["notification"]
    event = client.construct_event(
        told["body"].encode(), told["headers"]["stripe-signature"], at["webhook_secret"]
    )
    time = "1700000000"
    signed = stripe.WebhookSignature._compute_signature(f"{time}.{at['body']}", at["webhook_secret"])
    return {
        "made": made.url,
        "read": [read.payment_status, read.amount_total],
        "event": [event.type, event.data.object["client_reference_id"]],
        "signed": f"t={time},v1={signed}",
    }


class Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args):
        return None


def of_alipay(at):
    client = AliPay(
        appid=at["app_id"],
        app_notify_url="https://lender.example/notify",
        app_private_key_string=at["private_key"],
        alipay_public_key_string=at["alipay_public_key"],
    )
    client._gateway = at["url"]
    query = client.api_alipay_trade_page_pay(
        subject="还款", out_trade_no=at["order"], total_amount="1234.56", return_url="https://lender.example/"
    )
    try:
        urllib.request.build_opener(Stay).open(f"{at['url']}?{query}")
        taken = 200
    except urllib.error.HTTPError as answer:
        taken = answer.code
    told = dict(at["notification"])
    sign = told.pop("sign")
    genuine = client.verify(dict(told), sign)
    forged = client.verify({**told, "total_amount": "1.00"}, sign)
    asked = client.api_alipay_trade_query(out_trade_no=at["paid_order"])
    return {"taken": taken, "genuine": genuine, "forged": forged, "asked": asked["trade_status"]}


def of_wechatpay(at):
    client = WeChatPay(
        wechatpay_type=WeChatPayType.NATIVE,
        mchid=at["mchid"],
        private_key=at["private_key"]
        .replace("-----BEGIN PRIVATE KEY-----", "")
        .replace("-----END PRIVATE KEY-----", ""),
        cert_serial_no=at["serial"],
        apiv3_key=at["api_v3_key"],
        appid=at["app_id"],
        notify_url="https://lender.example/notify",
        public_key=at["public_key"],
        public_key_id=at["public_key_id"],
    )
    client._core._gate_way = at["url"]
    made = client.pay(
        description="还款", out_trade_no=at["order"], amount={"total": 123456, "currency": "CNY"}
    )
    asked = client.query(out_trade_no=at["paid_order"])
    told = at["notification"]
    headers = {name.title(): value for name, value in told["headers"].items()}
    read = client.callback(headers, told["body"])
    forged = client.callback(headers, told["body"].replace("encrypt-resource", "encrypt-resourcf"))
    return {
        "made": [made[0], json.loads(made[1])],
        "asked": [asked[0], json.loads(asked[1])["trade_state"]],
        "read": [read["event_type"], read["resource"]["out_trade_no"]],
        "forged": forged,
    }


print(
    json.dumps(
        {
            "stripe": of_stripe(given["stripe"]),
            "alipay": of_alipay(given["alipay"]),
            "wechatpay": of_wechatpay(given["wechatpay"]),
        }
    )
)
