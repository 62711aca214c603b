from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from duecourse.channels.registry import build
from duecourse.channels.wechat.adapter import WechatAdapter
from duecourse.channels.wechat.envelope import Envelope, signature
from duecourse.channels.wechat.far_end import AES_KEY, APP_ID, LONG_TERM, SUBSCRIPTION, TOKEN, SandboxWechat
from duecourse.domain.messaging import (
    Cause,
    Channel,
    RawRequest,
    RawResponse,
    ReceiptStatus,
    ReplyKind,
)

from .conformance import Sink

NOW = datetime(2026, 3, 10, 9, tzinfo=UTC)
STAMP = str(int(NOW.timestamp()))
OPENID = "otFpruAK8D-E6EfStSYonYSBZ8_4"
HEAD = f"<ToUserName>gh_1</ToUserName><FromUserName>{OPENID}</FromUserName><CreateTime>{STAMP}</CreateTime>"


def adapter_with(sink: Sink, **changes: Any) -> WechatAdapter:
    settings = SandboxWechat.settings(1, None) | changes  # type: ignore[arg-type]
    adapter = build("wechat.service", "wx", settings, sink.on_receipts, sink.on_reply, lambda: NOW)
    assert isinstance(adapter, WechatAdapter)
    return adapter


def message(content: str) -> bytes:
    return f"<xml>{HEAD}{content}</xml>".encode()


def event(name: str, content: str = "") -> bytes:
    return message(f"<MsgType>event</MsgType><Event>{name}</Event>{content}")


def in_clear(body: bytes, *, stamp: str = STAMP, token: str = TOKEN) -> RawRequest:
    query = {"signature": signature(token, stamp, "n0nce"), "timestamp": stamp, "nonce": "n0nce"}
    return RawRequest("POST", urlencode(query), {}, body)


def sealed(body: bytes, *, app_id: str = APP_ID, key: str = AES_KEY, altered: bool = False) -> RawRequest:
    content = Envelope(key, app_id).seal(body)
    query = {
        "signature": signature(TOKEN, STAMP, "n0nce"),
        "timestamp": STAMP,
        "nonce": "n0nce",
        "encrypt_type": "aes",
        "msg_signature": signature(TOKEN, STAMP, "n0nce", content),
    }
    if altered:
        content = Envelope(key, app_id).seal(body)
    return RawRequest("POST", urlencode(query), {}, f"<xml><Encrypt>{content}</Encrypt></xml>".encode())


def heard(*requests: RawRequest, **changes: Any) -> tuple[Sink, list[RawResponse]]:
    sink = Sink()

    async def run() -> list[RawResponse]:
        adapter = adapter_with(sink, **changes)
        answers = [await adapter.receive(request) for request in requests]
        await adapter.close()
        return answers

    return sink, asyncio.run(run())


CLEAR = {"encoding_aes_key": None}


def told(body: bytes) -> Sink:
    sink, (answer,) = heard(sealed(body))
    assert (answer.status, answer.body) == (200, b"success")
    return sink


def test_address_is_verified_by_giving_the_echo_back():
    query = {"signature": signature(TOKEN, STAMP, "n"), "timestamp": STAMP, "nonce": "n", "echostr": "4212"}
    _, answers = heard(
        RawRequest("GET", urlencode(query), {}, b""),
        RawRequest("GET", urlencode(query | {"signature": "0" * 40}), {}, b""),
    )
    assert [(answer.status, answer.body) for answer in answers] == [(200, b"4212"), (403, b"")]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("success", (ReceiptStatus.DELIVERED, Cause.OTHER)),
        ("failed:user block", (ReceiptStatus.FAILED, Cause.OPTED_OUT)),
        ("failed: system failed", (ReceiptStatus.FAILED, Cause.OTHER)),
    ],
)
def test_template_message_that_was_sent_is_told_under_its_msgid(status, expected):
    sink = told(event("TEMPLATESENDJOBFINISH", f"<MsgID>200163836</MsgID><Status>{status}</Status>"))
    (receipt,) = sink.receipts
    assert (receipt.status, receipt.cause) == expected
    assert (receipt.provider_id, receipt.occurred_at, receipt.permanent) == ("200163836", NOW, False)


def test_person_who_blocks_the_accounts_messages_has_stopped_them():
    sink = told(event("TEMPLATESENDJOBFINISH", "<MsgID>1</MsgID><Status>failed:user block</Status>"))
    assert [(reply.kind, reply.sender, reply.channel) for reply in sink.replies] == [
        (ReplyKind.UNSUBSCRIBED, OPENID, Channel.WECHAT)
    ]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (event("subscribe"), (ReplyKind.SUBSCRIBED, "", 0)),
        (event("subscribe", "<EventKey>qrscene_abc</EventKey>"), (ReplyKind.SUBSCRIBED, "abc", 0)),
        (event("SCAN", "<EventKey>abc</EventKey>"), (ReplyKind.SUBSCRIBED, "abc", 0)),
        (event("unsubscribe"), (ReplyKind.UNSUBSCRIBED, "", 1)),
        (
            message("<MsgType>text</MsgType><Content>已还款 &amp; 谢谢</Content><MsgId>7</MsgId>"),
            (ReplyKind.TEXT, "已还款 & 谢谢", 1),
        ),
    ],
)
def test_what_a_person_does_is_heard(content, expected):
    (reply,) = told(content).replies
    assert (reply.kind, reply.text, reply.count) == expected
    assert (reply.sender, reply.recipient, reply.provider) == (OPENID, "gh_1", "wx")


def popup(template: str, answer: str, name: str = "subscribe_msg_popup_event") -> bytes:
    element = {
        "subscribe_msg_popup_event": "SubscribeMsgPopupEvent",
        "subscribe_msg_change_event": "SubscribeMsgChangeEvent",
    }[name]
    one = f"<TemplateId>{template}</TemplateId><SubscribeStatusString>{answer}</SubscribeStatusString>"
    return event(
        name, f"<{element}><List>{one}</List><List>{one.replace(template, 'other')}</List></{element}>"
    )


def test_one_time_consent_counts_one_and_long_term_has_no_end():
    sink, _ = heard(sealed(popup(SUBSCRIPTION, "accept")), sealed(popup(LONG_TERM, "accept")))
    assert [(reply.kind, reply.text, reply.count) for reply in sink.replies] == [
        (ReplyKind.SUBSCRIBED, SUBSCRIPTION, 1),
        (ReplyKind.SUBSCRIBED, LONG_TERM, 0),
    ], "the second template of each popup is not one that we send"


def test_subscription_refused_in_the_settings_is_a_stop_and_a_no_when_asked_is_none():
    (stop,) = told(popup(SUBSCRIPTION, "reject", "subscribe_msg_change_event")).replies
    assert (stop.kind, stop.text, stop.sender) == (ReplyKind.UNSUBSCRIBED, SUBSCRIPTION, OPENID)
    assert told(popup(SUBSCRIPTION, "reject")).replies == []
    assert told(popup("anothers", "reject", "subscribe_msg_change_event")).replies == []


def test_subscription_message_that_was_sent_is_told_under_its_msgid():
    def listed(code: int) -> str:
        return f"<List><TemplateId>t</TemplateId><MsgID>1700{abs(code)}</MsgID><ErrorCode>{code}</ErrorCode></List>"

    content = f"<SubscribeMsgSentEvent>{listed(0)}{listed(43101)}{listed(-1)}</SubscribeMsgSentEvent>"
    receipts = told(event("subscribe_msg_sent_event", content)).receipts
    assert [(one.status, one.provider_id, one.cause) for one in receipts] == [
        (ReceiptStatus.DELIVERED, "17000", Cause.OTHER),
        (ReceiptStatus.FAILED, "170043101", Cause.NO_CONSENT),
        (ReceiptStatus.FAILED, "17001", Cause.OTHER),
    ]


def test_events_that_say_nothing_to_us_are_answered_and_hand_in_nothing():
    for body in (
        event("VIEW", "<EventKey>https://x</EventKey>"),
        message("<MsgType>image</MsgType><MsgId>9</MsgId>"),
    ):
        sink = told(body)
        assert (sink.receipts, sink.replies) == ([], [])


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (in_clear(event("unsubscribe"), token="guessed"), 403),
        (in_clear(event("unsubscribe"), stamp=str(int((NOW - timedelta(minutes=11)).timestamp()))), 403),
        (in_clear(event("unsubscribe"), stamp="soon"), 403),
        (in_clear(event("unsubscribe")), 403),  # in clear, where the account seals
        (sealed(event("unsubscribe"), altered=True), 403),
        (sealed(event("unsubscribe"), app_id="wx0000000000000000"), 400),
        (sealed(event("unsubscribe"), key="A" * 43), 400),
        (sealed(b"no xml"), 400),
        (sealed(b"<xml/>"), 400),
        (sealed(b'<!DOCTYPE x [<!ENTITY a "aa">]><xml>&a;</xml>'), 400),
    ],
)
def test_forged_stale_or_unreadable_call_hands_in_nothing(request_, status):
    sink, (answer,) = heard(request_)
    assert answer.status == status
    assert (sink.receipts, sink.replies) == ([], [])


def test_account_without_encryption_is_heard_in_clear():
    sink, (answer,) = heard(in_clear(event("unsubscribe")), **CLEAR)
    assert answer.body == b"success"
    assert [reply.kind for reply in sink.replies] == [ReplyKind.UNSUBSCRIBED]


def test_what_is_told_again_is_committed_once():
    text = message("<MsgType>text</MsgType><Content>STOP</Content><MsgId>7</MsgId>")
    accepted, other = popup(SUBSCRIPTION, "accept"), popup(LONG_TERM, "accept")
    sink, answers = heard(*[sealed(text)] * 3, *[sealed(accepted)] * 3)
    assert {answer.body for answer in answers} == {b"success"}
    assert [reply.text for reply in sink.replies] == ["STOP", SUBSCRIPTION]
    assert sink.replies[0].reference == "7"
    assert (
        told(accepted).replies[0].reference == sink.replies[1].reference != told(other).replies[0].reference
    )


def test_what_could_not_be_committed_is_taken_when_it_is_told_again():
    async def body(adapter: WechatAdapter, sink: Sink) -> None:
        sink.failures_left = 1
        request = sealed(event("TEMPLATESENDJOBFINISH", "<MsgID>1</MsgID><Status>success</Status>"))
        assert [(await adapter.receive(request)).status for _ in range(3)] == [503, 200, 200]
        assert len(sink.receipts) == 1

    run(body)


def test_told_again_while_the_first_is_being_committed_waits_for_that_one():
    async def body(adapter: WechatAdapter, sink: Sink) -> None:
        sink.gate = asyncio.Event()
        request = sealed(event("TEMPLATESENDJOBFINISH", "<MsgID>1</MsgID><Status>success</Status>"))
        first, second = (asyncio.create_task(adapter.receive(request)) for _ in range(2))
        await sink.entered.wait()
        assert not first.done() and not second.done()
        sink.gate.set()
        assert [answer.body for answer in await asyncio.gather(first, second)] == [b"success", b"success"]
        assert len(sink.receipts) == 1

    run(body)


def test_answer_comes_before_wechat_gives_up_even_while_the_store_is_slow(monkeypatch):
    monkeypatch.setattr("duecourse.channels.wechat.adapter.ANSWER_SECONDS", 0.05)

    async def body(adapter: WechatAdapter, sink: Sink) -> None:
        sink.gate = asyncio.Event()
        request = sealed(event("TEMPLATESENDJOBFINISH", "<MsgID>1</MsgID><Status>success</Status>"))
        assert (await adapter.receive(request)).status == 503
        sink.gate.set()
        assert (await adapter.receive(request)).body == b"success"
        assert len(sink.receipts) == 1

    run(body)


def run(body: Callable[[WechatAdapter, Sink], Awaitable[None]]) -> None:
    async def main() -> None:
        sink = Sink()
        adapter = adapter_with(sink)
        try:
            await body(adapter, sink)
        finally:
            await adapter.close()

    asyncio.run(main())
