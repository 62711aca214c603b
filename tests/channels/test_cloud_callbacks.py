"""What the clouds post to us: samples from their documents, and callers who are not them."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import pytest

from duecourse.channels.aliyun.far_end import SandboxAliyunSms
from duecourse.channels.registry import build
from duecourse.channels.tencent.far_end import SandboxTencentSms
from duecourse.channels.twilio.far_end import ACCOUNT, AUTH_TOKEN, SENDER
from duecourse.channels.twilio.signing import signature
from duecourse.domain.messaging import (
    Cause,
    Channel,
    RawRequest,
    RawResponse,
    Receipt,
    ReceiptStatus,
    Reply,
    ReplyKind,
)

from .conformance import Sink

SAMPLES = Path(__file__).parent / "samples"
ATTEMPT = UUID("0123456789abcdef0123456789abcdef")
TOKEN = "token=sandbox-callback-token"
CALLBACK = "https://lender.example/callbacks/twilio"
SETTINGS: dict[str, dict[str, Any]] = {
    "sms.aliyun": SandboxAliyunSms.settings(1, Path()),
    "voice.aliyun": SandboxAliyunSms.settings(1, Path()),
    "sms.tencent": SandboxTencentSms.settings(1, Path()),
    "voice.tencent": SandboxTencentSms.settings(1, Path()),
    "sms.twilio": {
        "account_sid": ACCOUNT,
        "auth_token": AUTH_TOKEN,
        "sender": SENDER,
        "callback_url": CALLBACK,
    },
}


def sample(family: str, name: str) -> Any:
    return json.loads((SAMPLES / family / "callbacks.json").read_text("utf-8"))[name]


def take(
    kind: str, request: RawRequest, sink: Sink | None = None, **changes: Any
) -> tuple[RawResponse, Sink]:
    sink = sink or Sink()
    adapter: Any = build(
        kind, "p", SETTINGS[kind] | changes, sink.on_receipts, sink.on_reply, lambda: datetime.now(UTC)
    )
    return asyncio.run(adapter.receive(request)), sink


def posted(body: Any, query: str = TOKEN, peer: str = "") -> RawRequest:
    return RawRequest("POST", query, {}, json.dumps(body).encode(), peer=peer)


def form(
    fields: dict[str, str], query: str = f"attempt={ATTEMPT.hex}", token: str = AUTH_TOKEN
) -> RawRequest:
    url = f"{CALLBACK}?{query}" if query else CALLBACK
    headers = {"x-twilio-signature": signature(token, url, list(fields.items()))}
    return RawRequest("POST", query, headers, urlencode(fields).encode())


def test_alibaba_clouds_sms_reports():
    answer, sink = take("sms.aliyun", posted(sample("aliyun", "sms_report")))
    assert (answer.status, answer.body) == (200, b'{"code":0,"msg":"OK"}')
    midnight = datetime.fromisoformat("2017-01-01T00:00:00+08:00")
    assert sink.receipts == [
        Receipt(ReceiptStatus.DELIVERED, "DELIVERED", "12345", occurred_at=midnight),
        Receipt(
            ReceiptStatus.FAILED, "MOBILE_IN_BLACK", "12346", ATTEMPT, cause=Cause.BLOCKED,
            occurred_at=midnight.replace(second=5),
        ),
    ]  # fmt: skip


def test_alibaba_clouds_sms_reply():
    _, sink = take("sms.aliyun", posted(sample("aliyun", "sms_up")))
    assert sink.replies == [Reply("p", "+8613811110000", "1234", "内容", reference="1234567890")]


def test_alibaba_clouds_call_reports_and_keys():
    _, sink = take("voice.aliyun", posted(sample("aliyun", "voice_report")))
    assert [(r.status, r.cause, r.attempt_id, r.permanent) for r in sink.receipts] == [
        (ReceiptStatus.DELIVERED, Cause.OTHER, ATTEMPT, False),
        (ReceiptStatus.FAILED, Cause.OFF, None, False),
    ]
    assert sink.replies == [
        Reply(
            "p",
            "",
            "",
            key,
            Channel.VOICE,
            ReplyKind.KEY,
            ATTEMPT,
            reference=f"100001616500^100001871490 {place}",
        )
        for place, key in enumerate("19")
    ]


def test_alibaba_clouds_states_of_a_call_are_acknowledged_and_tell_nothing_twice():
    answer, sink = take("voice.aliyun", posted(sample("aliyun", "voice_call_report")))
    assert (answer.status, sink.receipts, sink.replies) == (200, [], [])


def test_tencent_clouds_sms_states():
    answer, sink = take("sms.tencent", posted(sample("tencent", "states")))
    assert answer.body == b'{"result":0,"errmsg":"OK"}'
    at = datetime.fromisoformat("2015-10-17T08:03:04+08:00")
    assert sink.receipts == [
        Receipt(ReceiptStatus.DELIVERED, "DELIVRD", "xxxxxxx", occurred_at=at),
        Receipt(
            ReceiptStatus.FAILED, "MK:0001", "yyyyyyy", permanent=True, cause=Cause.DEAD, occurred_at=at
        ),
    ]  # fmt: skip


def test_tencent_clouds_sms_reply():
    _, sink = take("sms.tencent", posted(sample("tencent", "reply")))
    assert sink.replies == [Reply("p", "+8613800000000", "扩展码", "用户回复的内容", reference="1457336869")]


@pytest.mark.parametrize(
    ("name", "status", "code", "cause", "dead"),
    [
        ("prompt", ReceiptStatus.DELIVERED, "result 0", Cause.OTHER, False),
        ("prompt_unanswered", ReceiptStatus.FAILED, "result 1", Cause.NO_ANSWER, False),
        ("failure", ReceiptStatus.FAILED, "8", Cause.DEAD, True),
    ],
)
def test_tencent_clouds_calls(name, status, code, cause, dead):
    _, sink = take("voice.tencent", posted(sample("tencent", name)))
    (receipt,) = sink.receipts
    assert (receipt.provider_id, receipt.status, receipt.code) == ("xxxxxx", status, code)
    assert (receipt.cause, receipt.permanent) == (cause, dead)


def test_tencent_clouds_key_press():
    _, sink = take("voice.tencent", posted(sample("tencent", "key")))
    assert sink.replies == [
        Reply("p", "+8613800000000", "", "2", Channel.VOICE, ReplyKind.KEY, reference="xxxxxx 0")
    ]


@pytest.mark.parametrize(
    ("name", "status", "code", "cause", "dead"),
    [
        ("delivered", ReceiptStatus.DELIVERED, "delivered", Cause.OTHER, False),
        ("undelivered", ReceiptStatus.FAILED, "30006", Cause.DEAD, True),
        ("filtered", ReceiptStatus.FAILED, "30007", Cause.BLOCKED, False),
        ("too_late", ReceiptStatus.EXPIRED, "30036", Cause.OTHER, False),
    ],
)
def test_twilios_statuses(name, status, code, cause, dead):
    answer, sink = take("sms.twilio", form(sample("twilio", name)))
    assert (answer.status, answer.media_type) == (200, "text/xml")
    expected = Receipt(status, code, "SM2xxxxxx", ATTEMPT, permanent=dead, cause=cause)
    assert sink.receipts == [expected]


def test_twilios_message_under_way_tells_nothing():
    answer, sink = take("sms.twilio", form(sample("twilio", "sent")))
    assert (answer.status, sink.receipts) == (200, [])


def test_message_to_a_twilio_number_is_a_reply_even_when_it_says_stop():
    _, sink = take("sms.twilio", form(sample("twilio", "incoming"), query=""))
    assert sink.replies == [Reply("p", "+15558675310", "+15017122661", "STOP", reference="SM9xxxxxx")]


@pytest.mark.parametrize("kind", ["sms.aliyun", "voice.aliyun", "sms.tencent", "voice.tencent"])
@pytest.mark.parametrize("query", ["", "token=", "token=wrong", "other=sandbox-callback-token"])
def test_caller_without_the_token_is_not_believed(kind, query):
    family, name = kind.partition(".")[2], {"aliyun": "sms_report", "tencent": "states"}
    answer, sink = take(kind, posted(sample(family, name[family]), query))
    assert (answer.status, sink.receipts) == (403, [])


@pytest.mark.parametrize("kind", ["sms.aliyun", "sms.tencent"])
def test_without_token_and_networks_nobody_is_believed(kind):
    answer, _ = take(kind, posted([], "token="), callback_token="")
    assert answer.status == 403


def test_caller_from_the_providers_net_is_believed_and_another_is_not():
    changes = {"callback_token": "", "callback_networks": ["203.0.113.0/24", "2001:db8::/32"]}
    peers = {"203.0.113.9": 200, "2001:db8::1": 200, "203.0.114.9": 403, "": 403, "nonsense": 403}
    for peer, status in peers.items():
        answer, _ = take("sms.aliyun", posted(sample("aliyun", "sms_report"), "", peer), **changes)
        assert answer.status == status, peer


def test_twilios_signature_covers_the_address_and_every_field():
    fields = sample("twilio", "delivered")
    good = form(fields)
    changed = urlencode(fields | {"MessageStatus": "failed"}).encode()
    for request in (
        form(fields, token="another"),
        RawRequest("POST", "attempt=ff", good.headers, good.body),
        RawRequest("POST", good.query, good.headers, changed),
        RawRequest("POST", good.query, {}, good.body),
        RawRequest("POST", good.query, good.headers, b"\xff"),
    ):
        answer, sink = take("sms.twilio", request)
        assert (answer.status, sink.receipts) == (403, [])


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("sms.aliyun", b"no json"),
        ("sms.aliyun", b'[{"success": true}]'),
        ("sms.aliyun", b'"text"'),
        ("voice.aliyun", b'[{"status_code": "200000"}]'),
        ("sms.tencent", b'[{"sid": "1"}]'),
        ("sms.tencent", b"7"),
        ("voice.tencent", b'{"voicecode_callback": {"callid": "1"}}'),
        ("voice.tencent", b"{}"),
    ],
)
def test_what_is_not_understood_is_told_so_and_hands_in_nothing(kind, body):
    answer, sink = take(kind, RawRequest("POST", TOKEN, {}, body))
    assert (answer.status, sink.receipts, sink.replies) == (400, [], [])


@pytest.mark.parametrize("kind", ["sms.aliyun", "sms.tencent", "sms.twilio"])
def test_what_could_not_be_stored_is_to_be_sent_again(kind):
    requests = {
        "sms.aliyun": posted(sample("aliyun", "sms_report")),
        "sms.tencent": posted(sample("tencent", "states")),
        "sms.twilio": form(sample("twilio", "delivered")),
    }
    sink = Sink()
    sink.failures_left = 1
    answer, _ = take(kind, requests[kind], sink)
    assert (answer.status, sink.receipts) == (503, [])
