"""A call over Twilio: who hears what, and what it tells."""

from __future__ import annotations

import asyncio
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from duecourse.channels.http.line import Ask
from duecourse.channels.http.listener import Listener, callbacks
from duecourse.channels.registry import build
from duecourse.channels.sandbox.process import SandboxProcess
from duecourse.channels.sandbox.room import provider_name
from duecourse.channels.sandbox.rules import Behaviour
from duecourse.channels.twilio.far_end import ACCOUNT, AUTH_TOKEN, SENDER
from duecourse.channels.twilio.script import Sealed, seal, unseal
from duecourse.channels.twilio.signing import signature
from duecourse.domain.messaging import (
    Accepted,
    Cause,
    RawRequest,
    ReceiptStatus,
    Refused,
    ReplyKind,
    VoiceScript,
)

from .conformance import Journal, Sink, call_to, digest, message_to, number
from .test_conformance import LISTENING

CALLBACK = "https://lender.example/callbacks/twilio"
NOTICE = "You owe 1,234.56 on your car loan."
GREETING, VOICEMAIL, KEYS = (
    "Are you Wang Wei? Press 1, or 2.",
    "Please call Far East back.",
    "Press 1, 2, 9 or 0.",
)
SCRIPT = VoiceScript(GREETING, NOTICE, VOICEMAIL, KEYS)
HUMAN, MACHINE = {"AnsweredBy": "human"}, {"AnsweredBy": "machine_end_beep"}


class Call:
    """One call, as Twilio would lead it: each step posts to where the last answer said."""

    def __init__(self, **changes: Any) -> None:
        self.sink = Sink()
        self.clock = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)
        settings = {
            "account_sid": ACCOUNT,
            "auth_token": AUTH_TOKEN,
            "caller_id": SENDER,
            "callback_url": CALLBACK,
        }
        self.adapter: Any = build(
            "voice.twilio",
            "t",
            settings | changes,
            self.sink.on_receipts,
            self.sink.on_reply,
            lambda: self.clock,
        )
        self.outgoing = message_to("+8613800001000", NOTICE, script=SCRIPT, language="zh-CN")
        ask = asyncio.run(self.adapter.ask_for(self.outgoing))
        assert isinstance(ask, Ask)
        self.form = {key: values[0] for key, values in parse_qs(ask.content.decode()).items()}
        self.next = self.form["Url"]

    def step(self, url: str = "", **fields: str) -> list[str]:
        """What is said next; `next` becomes where a key goes, '' at the end."""
        url = urlsplit(url or self.next)._replace(fragment="").geturl()
        fields = {"CallSid": "CA1", "To": "+8613800001000", "From": SENDER, **fields}
        headers = {"x-twilio-signature": signature(AUTH_TOKEN, url, list(fields.items()))}
        request = RawRequest("POST", urlsplit(url).query, headers, urlencode(fields).encode())
        answer = asyncio.run(self.adapter.receive(request))
        assert (answer.status, answer.media_type) == (200, "text/xml")
        document = ET.fromstring(answer.body)
        self.next = next((gather.attrib["action"] for gather in document.iter("Gather")), "")
        self.interruptible = [said.text or "" for gather in document.iter("Gather") for said in gather]
        return [said.text or "" for said in document.iter("Say")]

    @property
    def told(self) -> list[tuple[ReceiptStatus, Cause]]:
        return [(receipt.status, receipt.cause) for receipt in self.sink.receipts]


def test_notice_is_spoken_only_after_the_person_has_confirmed():
    call = Call()
    assert call.step(**HUMAN) == [GREETING]
    assert call.told == []
    assert call.step(Digits="1") == [NOTICE, KEYS]
    assert call.interruptible == [KEYS], "no key cuts the notice short"
    assert call.told == [], "it has begun, nobody knows whether it is heard"
    assert call.step(Digits="9") == []
    assert call.told == [(ReceiptStatus.READ, Cause.OTHER)]
    (reply,) = call.sink.replies
    assert (reply.kind, reply.text, reply.attempt_id) == (ReplyKind.KEY, "9", call.outgoing.attempt_id)
    assert (reply.sender, reply.reference) == ("+8613800001000", "CA1 1")
    call.step(url=call.form["StatusCallback"], CallStatus="completed", **HUMAN)
    assert len(call.told) == 1, "the end adds nothing"


def test_machine_hears_the_voicemail_text_alone():
    call = Call()
    assert call.step(**MACHINE) == [VOICEMAIL]
    assert call.next == ""
    assert call.told == [(ReceiptStatus.FAILED, Cause.VOICEMAIL)]
    call.step(url=call.form["StatusCallback"], CallStatus="completed", **MACHINE)
    assert len(call.told) == 1


def test_somebody_else_hears_nothing_more():
    call = Call()
    call.step(**HUMAN)
    assert call.step(Digits="2") == []
    assert (call.told, call.next) == ([(ReceiptStatus.FAILED, Cause.WRONG_PARTY)], "")


@pytest.mark.parametrize("key", ["", "3", "#"])
def test_without_a_confirmation_the_greeting_comes_twice_and_then_the_voicemail_text(key):
    call = Call()
    said = call.step(**HUMAN) + call.step(Digits=key) + call.step(Digits=key)
    assert said == [GREETING, GREETING, VOICEMAIL]
    assert call.next == ""
    call.step(url=call.form["StatusCallback"], CallStatus="completed", **HUMAN)
    assert call.told == [(ReceiptStatus.DELIVERED, Cause.OTHER)]


def test_keys_are_explained_twice_and_the_notice_is_read_once():
    call = Call()
    call.step(**HUMAN)
    call.step(Digits="1")
    assert call.step(Digits="") == [KEYS]
    assert call.step(Digits="7") == []
    assert (call.told, call.sink.replies) == ([(ReceiptStatus.READ, Cause.OTHER)], [])


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"CallStatus": "busy"}, (ReceiptStatus.FAILED, Cause.BUSY, False)),
        ({"CallStatus": "no-answer"}, (ReceiptStatus.FAILED, Cause.NO_ANSWER, False)),
        ({"CallStatus": "failed", "SipResponseCode": "404"}, (ReceiptStatus.FAILED, Cause.DEAD, True)),
        ({"CallStatus": "failed", "SipResponseCode": "503"}, (ReceiptStatus.FAILED, Cause.OTHER, False)),
        ({"CallStatus": "completed", **MACHINE}, (ReceiptStatus.FAILED, Cause.VOICEMAIL, False)),
    ],
)
def test_end_of_a_call_that_nobody_took_says_why(fields, expected):
    call = Call()
    call.step(url=call.form["StatusCallback"], **fields)
    (receipt,) = call.sink.receipts
    assert (receipt.status, receipt.cause, receipt.permanent) == expected
    assert receipt.attempt_id == call.outgoing.attempt_id


def test_recording_is_linked():
    call = Call()
    assert call.form["Record"] == "true"
    call.step(url=call.form["RecordingStatusCallback"], RecordingStatus="completed", RecordingSid="RE12")
    (receipt,) = call.sink.receipts
    assert (receipt.status, receipt.evidence) == (ReceiptStatus.BUFFERED, "twilio RE12")


def test_request_shows_nothing_of_what_the_call_says_and_nothing_personal_but_the_number():
    call = Call()
    for words in (GREETING, NOTICE, VOICEMAIL, KEYS, "Wang", "1,234"):
        assert words not in repr(call.form)
    assert "86138" not in call.form["Url"] + call.form["StatusCallback"]


def test_another_worker_goes_on_with_the_call():
    first, second = Call(), Call()
    first.step(**HUMAN)
    second.next = first.next
    assert second.step(Digits="1") == [NOTICE, KEYS]


def test_script_is_opened_by_its_token_within_its_time_alone():
    now = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)
    outgoing = call_to("+1")
    assert outgoing.script is not None
    sealed = Sealed(outgoing.attempt_id, "en", outgoing.script, int((now + timedelta(hours=1)).timestamp()))
    text = seal("token", sealed)
    assert unseal("token", text, now) == sealed
    assert unseal("another", text, now) is None
    assert unseal("token", text, now + timedelta(hours=2)) is None
    assert unseal("token", text[:-2] + "xx", now) is None
    assert unseal("token", "", now) is None


@pytest.mark.parametrize("step", ["", "heard2", "notice"])
def test_step_that_there_is_not_says_nothing(step):
    call = Call()
    token = parse_qs(urlsplit(call.form["Url"]).query)["call"][0]
    url = f"{CALLBACK}?step={step}&call={token}"
    headers = {"x-twilio-signature": signature(AUTH_TOKEN, url, [("CallSid", "CA1")])}
    answer = asyncio.run(
        call.adapter.receive(RawRequest("POST", urlsplit(url).query, headers, b"CallSid=CA1"))
    )
    assert (answer.status, NOTICE.encode() in answer.body) == (400, False)


def test_forged_step_is_answered_with_nothing():
    call = Call()
    query = urlsplit(call.form["Url"]).query.replace("answered", "asked")
    for headers in ({}, {"x-twilio-signature": signature("another", f"{CALLBACK}?{query}", [])}):
        answer = asyncio.run(call.adapter.receive(RawRequest("POST", query, headers, b"")))
        assert (answer.status, answer.body) == (403, b"forbidden")


@pytest.mark.parametrize(
    "script",
    [None, VoiceScript("", NOTICE, VOICEMAIL), VoiceScript("g" * 9000 + "é" * 900, NOTICE, VOICEMAIL)],
)
def test_script_that_cannot_be_spoken_is_refused(script):
    call = Call()
    if script and len(script.greeting) > 10:
        script = VoiceScript("".join(chr(0x4E00 + at * 7 % 20000) for at in range(3000)), NOTICE, VOICEMAIL)
    refused = asyncio.run(call.adapter.ask_for(message_to("+8613800001000", script=script)))
    assert isinstance(refused, Refused) and refused.cause is Cause.CONTENT


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    url = f"http://127.0.0.1:{LISTENING.getsockname()[1]}/callbacks"
    folder = tmp_path_factory.mktemp("twilio")
    with SandboxProcess(folder, ports={"voice.twilio": 0}, callbacks_url=url) as running:
        yield running


@pytest.mark.parametrize(
    ("behaviour", "heard", "read", "keys"),
    [
        (Behaviour.DELIVERED, ["greeting", "notice", "repeat"], True, ["1"]),
        (Behaviour.STOPS, ["greeting", "notice", "repeat"], True, ["0"]),
        (Behaviour.SILENT, ["voicemail"], False, []),
    ],
)
def test_call_through_the_sandbox_is_heard_as_it_should_be(exchange, behaviour, heard, read, keys):
    journal, sink = Journal(exchange.log), Sink()
    journal.set_mark()

    async def run() -> Any:
        adapter: Any = build(
            "voice.twilio", "t", exchange.settings("voice.twilio") | {"response_seconds": 20},
            sink.on_receipts, sink.on_reply, lambda: datetime.now(UTC),
        )  # fmt: skip
        await adapter.open()
        listener = Listener(callbacks({provider_name("voice.twilio"): adapter}))
        await listener.start(listening=LISTENING.dup())
        outgoing = call_to(number(behaviour, 1), NOTICE)
        (outcome,) = await adapter.send([outgoing])
        assert isinstance(outcome, Accepted)
        await adapter.drain()
        await listener.stop()
        await adapter.close()
        return outgoing.script

    script = asyncio.run(run())
    said = [event["text_sha256"] for event in journal.events() if event["event"] == "said"]
    assert said == [digest(getattr(script, part)) for part in heard]
    after = [event["after"] for event in journal.events() if event["event"] == "said"]
    assert after[:2] == ["", "1"][: len(after)], "the notice follows the confirmation"
    assert any(receipt.status is ReceiptStatus.READ for receipt in sink.receipts) is read
    assert [reply.text for reply in sink.replies] == keys
