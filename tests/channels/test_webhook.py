"""Messages for lenders who send by themselves: what is posted, when it is posted again, and what comes back."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from duecourse.channels.registry import KINDS, build
from duecourse.channels.webhook.signing import is_signed, key_of, signed_headers
from duecourse.domain.messaging import (
    Accepted,
    AccountTrouble,
    Attachment,
    Cause,
    Channel,
    Deferred,
    NotWritten,
    Outcome,
    RawRequest,
    ReceiptStatus,
    Refused,
    Registered,
    ReplyKind,
    Throttled,
    Unknown,
    VoiceScript,
)
from duecourse.domain.problems import DuecourseError

from .conformance import Sink, message_to
from .scripted_http import ScriptedHttp, answer, read_request

SECRET, FORMER, OTHER = (f"whsec_{base64.b64encode(each * 32).decode()}" for each in (b"a", b"b", b"c"))
KINDS_OF_WEBHOOK = [kind for kind in KINDS if kind.endswith(".webhook")]
NUMBER = "+8613800001000"


def webhook(
    url: str = "http://127.0.0.1:9/", kind: str = "sms.webhook", sink: Sink | None = None, **more: Any
) -> Any:
    sink = sink or Sink()
    config = {"url": url, "secret": SECRET, "response_seconds": 20, **more}
    return build(kind, "w", config, sink.on_receipts, sink.on_reply, lambda: datetime.now(UTC))


Post = tuple[dict[str, str], bytes]


def against(
    answers: list[bytes | None],
    body: Callable[[Any], Awaitable[Outcome]],
    **more: Any,
) -> tuple[Outcome, list[Post]]:
    """The outcome, and what was posted. None answers nothing and closes; the last answer is repeated."""
    posts: list[Post] = []

    async def visit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head, content = await read_request(reader)
            lines = head.decode().split("\r\n")[1:]
            posts.append(
                (
                    {key.lower(): value.strip() for key, _, value in (line.partition(":") for line in lines)},
                    content,
                )
            )
            given = answers[min(len(posts), len(answers)) - 1]
            if given is None:
                return
            writer.write(given)

    async def run() -> Outcome:
        server = ScriptedHttp(visit)
        adapter = webhook(await server.start(), **more)
        await adapter.open()
        try:
            return await asyncio.wait_for(body(adapter), 30)
        finally:
            await adapter.close()
            await server.stop()

    return asyncio.run(run()), posts


async def send(adapter: Any, **changes: Any) -> Outcome:
    (outcome,) = await adapter.send([message_to(NUMBER, **changes)])
    return outcome


def test_every_channel_has_its_webhook():
    channels = {kind.partition(".")[0] for kind in KINDS_OF_WEBHOOK}
    assert channels == {"sms", "email", "wechat", "app", "voice", "letter"}


@pytest.mark.parametrize("kind", KINDS_OF_WEBHOOK)
def test_whole_message_is_posted_and_signed(kind):
    outgoing = message_to(
        NUMBER, "您好", html="<p>", language="zh-CN", purpose="reminder", link="https://l.example/x",
        registered=Registered("T", "S", "1069", (("amount", "¥1"),)),
        script=VoiceScript("Hello.", "You owe.", "Call us.", "Press 1."),
        attachments=(Attachment("bill.png", "image/png", b"\x89PNG"),), valid_for_seconds=60,
    )  # fmt: skip

    async def body(adapter: Any) -> Outcome:
        (outcome,) = await adapter.send([outgoing])
        return outcome

    outcome, ((headers, content),) = against([answer(b'{"id": "42"}')], body, kind=kind)
    assert outcome == Accepted("42")
    assert is_signed([key_of(SECRET)], headers, content, time.time())
    assert headers["webhook-id"] == outgoing.attempt_id.hex
    message = json.loads(content)
    assert message["type"] == "message.send"
    assert message["data"] == {
        "attempt": outgoing.attempt_id.hex,
        "channel": kind.partition(".")[0],
        "to": NUMBER,
        "text": "您好",
        "subject": "Payment due",
        "html": "<p>",
        "language": "zh-CN",
        "purpose": "reminder",
        "link": "https://l.example/x",
        "valid_for_seconds": 60,
        "registered": {"template": "T", "signature": "S", "sender": "1069", "values": {"amount": "¥1"}},
        "script": {
            "greeting": "Hello.", "notice_after_confirmation": "You owe.",
            "voicemail": "Call us.", "repeat": "Press 1.",
        },
        "attachments": [{"name": "bill.png", "media_type": "image/png", "content_base64": "iVBORw=="}],
    }  # fmt: skip


def test_while_a_secret_changes_both_sign():
    _, ((headers, content),) = against([answer()], send, former_secret=FORMER)
    assert [is_signed([key_of(each)], headers, content, time.time()) for each in (SECRET, FORMER, OTHER)] == [
        True, True, False,
    ]  # fmt: skip


@pytest.mark.parametrize(
    "first", [None, answer(status=b"500 Internal Server Error"), answer(status=b"503 Away")]
)
def test_post_without_an_answer_or_with_5xx_is_made_again_under_the_same_id(first):
    outcome, posts = against([first, first, answer()], send, retry_seconds=20)
    assert isinstance(outcome, Accepted)
    assert len(posts) == 3
    assert len({headers["webhook-id"] for headers, _ in posts}) == 1
    assert len({content for _, content in posts}) == 1


def test_posts_end_with_the_time_to_hand_over():
    async def body(adapter: Any) -> Outcome:
        return await send(adapter, write_before=time.monotonic() + 3)

    outcome, posts = against([None], body, retry_seconds=60)
    assert isinstance(outcome, Unknown)
    assert 1 <= len(posts) <= 8


def test_post_that_was_made_once_and_then_finds_nobody_is_unknown():
    """Never NotWritten: the first may have been taken."""

    async def body(adapter: Any) -> Outcome:
        real, calls = adapter.line.ask, 0

        async def once(*arguments: Any) -> Any:
            nonlocal calls
            calls += 1
            return await real(*arguments) if calls == 1 else NotWritten("no connection")

        adapter.line.ask = once
        return await send(adapter)

    outcome, posts = against([None], body)
    assert (type(outcome), len(posts)) == (Unknown, 1)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (answer(b"", b"204 No Content"), Accepted),
        (answer(b"not json"), Accepted),
        (answer(status=b"500 Trouble"), Deferred),
        (answer(status=b"429 Slow", extra=b"retry-after: 9\r\n"), Throttled),
        (answer(status=b"401 No"), AccountTrouble),
        (answer(status=b"410 Gone"), AccountTrouble),
        (answer(status=b"404 No"), AccountTrouble),
        (answer(status=b"307 Elsewhere", extra=b"location: /\r\n"), Refused),
        (None, Unknown),
    ],
)
def test_answers(given, expected):
    outcome, _ = against([given], send, retry_seconds=0)
    assert type(outcome) is expected
    if isinstance(outcome, Throttled):
        assert outcome.after_seconds == 9


def test_receiver_may_say_why_not():
    no = answer(b'{"code": "no-such", "permanent": true, "cause": "dead"}', b"422 No")
    outcome, _ = against([no], send)
    assert outcome == Refused("no-such", "the receiver says no", True, Cause.DEAD)
    outcome, _ = against([answer(b'{"cause": "nonsense", "permanent": "yes"}', b"422 No")], send)
    assert outcome == Refused("422", "the receiver says no", False, Cause.OTHER)


def told(
    body: Any, kind: str = "sms.webhook", secret: str = SECRET, age: int = 0, **more: Any
) -> tuple[int, Sink]:
    sink = Sink()
    octets = json.dumps(body).encode()
    headers = signed_headers([key_of(secret)], "msg_1", int(time.time()) - age, octets)
    given = webhook(kind=kind, sink=sink, **more).receive(RawRequest("POST", "", headers, octets))
    return asyncio.run(given).status, sink


ATTEMPT = "0123456789abcdef0123456789abcdef"
RECEIPT = {
    "attempt": ATTEMPT,
    "status": "failed",
    "code": "X",
    "cause": "full",
    "occurred_at": "2026-03-10T09:00:00Z",
}


def test_receipts_and_replies_come_back():
    status, sink = told(
        {"receipts": [RECEIPT], "replies": [{"attempt": ATTEMPT, "kind": "key", "text": "9", "id": "k1"}]},
        "voice.webhook",
    )
    assert status == 200
    (receipt,), (reply,) = sink.receipts, sink.replies
    assert (receipt.status, receipt.cause, receipt.permanent) == (ReceiptStatus.FAILED, Cause.FULL, False)
    assert receipt.occurred_at == datetime(2026, 3, 10, 9, tzinfo=UTC)
    assert (reply.channel, reply.kind, reply.text) == (Channel.VOICE, ReplyKind.KEY, "9")
    assert reply.reference == "k1"


def test_replies_without_an_id_have_one_of_the_call_that_told_them_and_of_nothing_else():
    def named(*texts: str) -> list[str]:
        _, sink = told({"replies": [{"attempt": ATTEMPT, "text": text} for text in texts]})
        return [reply.reference for reply in sink.replies]

    assert named("YES", "YES") == named("YES", "YES")
    assert len({*named("YES", "YES"), *named("NO")}) == 3


def test_caller_with_another_secret_or_an_old_signature_is_not_believed():
    for changes in ({"secret": OTHER}, {"age": 400}, {"age": -400}):
        status, sink = told({"receipts": [RECEIPT]}, **changes)
        assert (status, sink.receipts) == (403, [])
    assert told({"receipts": [RECEIPT]}, secret=FORMER, former_secret=FORMER)[0] == 200


@pytest.mark.parametrize(
    "body",
    [[], {"receipts": [{}]}, {"receipts": [RECEIPT | {"status": "nice"}]}, {"receipts": [RECEIPT | {"attempt": "x"}]},
     {"receipts": [RECEIPT | {"occurred_at": "2026-03-10T09:00:00"}]}, {"replies": [{"kind": "nice"}]}],
)  # fmt: skip
def test_what_is_not_as_described_hands_in_nothing(body):
    status, sink = told(body)
    assert (status, sink.receipts, sink.replies) == (400, [], [])


@pytest.mark.parametrize("secret", ["", "plain", "whsec_!", "whsec_YQ=="])
def test_secret_that_is_none_is_refused_without_quoting_it(secret):
    with pytest.raises(DuecourseError) as refused:
        webhook(secret=secret)
    assert {problem.code for problem in refused.value.problems} == {"C002"}
