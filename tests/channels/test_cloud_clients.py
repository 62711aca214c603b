"""Each far end first takes what the vendor's own client sends, and refuses it with another secret: our adapters are
then held to the same by the conformance suite."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from duecourse.channels.aliyun.far_end import now as beijing_now
from duecourse.channels.http.listener import Listener
from duecourse.channels.registry import build
from duecourse.channels.sandbox.process import SandboxProcess
from duecourse.channels.twilio.signing import signature
from duecourse.domain.messaging import Accepted, RawRequest

from . import sdks
from .conformance import Journal, Sink, digest, message_to

ALIYUN = ("alibabacloud-dysmsapi20170525==4.6.0", "alibabacloud-dyvmsapi20170525==5.3.0")
TENCENT = ("tencentcloud-sdk-python-sms==3.1.153", "tencentcloud-sdk-python-vms==3.0.1459")
TWILIO = ("twilio==9.13.0",)
WEBHOOKS = ("standardwebhooks==1.1.0",)
TEXT = "您好，您的贷款将于 3 月 10 日到期。"
KINDS = ("sms.aliyun", "voice.aliyun", "sms.tencent", "voice.tencent", "sms.twilio", "voice.twilio")


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    with SandboxProcess(tmp_path_factory.mktemp("sandbox"), ports=dict.fromkeys(KINDS, 0)) as running:
        yield running


@pytest.fixture
def journal(sandbox: SandboxProcess) -> Journal:
    journal = Journal(sandbox.log)
    journal.set_mark()
    return journal


def texts(journal: Journal, kind: str) -> list[str]:
    return [e["text_sha256"] for e in journal.events() if e["event"] == "taken" and e["kind"] == kind]


def urls(sandbox: SandboxProcess, provider: str) -> dict[str, str]:
    return {
        f"{channel}_url": sandbox.settings(f"{channel}.{provider}")["url"] for channel in ("sms", "voice")
    }


def test_the_sandboxes_alibaba_cloud_takes_what_its_own_clients_send(sandbox, journal):
    given = sandbox.settings("sms.aliyun") | urls(sandbox, "aliyun")
    numbers = ["13800001000", "13800000002", "13800000008"]
    day, millis = beijing_now()[:10].replace("-", ""), int(time.time() * 1000) - 60_000
    told = sdks.run(
        "aliyun", ALIYUN, given | {"numbers": numbers, "text": TEXT, "day": day, "millis": millis}
    )
    assert told["codes"] == ["OK", "isv.MOBILE_NUMBER_ILLEGAL", "isp.SYSTEM_ERROR"]
    assert told["status"] == 3
    assert told["refused"] == "SignatureDoesNotMatch"
    assert (told["called"], told["state"]) == ("OK", "200000")
    assert texts(journal, "sms.aliyun") == texts(journal, "voice.aliyun") == [digest(TEXT)]


def test_the_sandboxes_tencent_cloud_takes_what_its_own_clients_send(sandbox, journal):
    given = sandbox.settings("sms.tencent") | urls(sandbox, "tencent")
    numbers = ["+8613800001000", "+8613800000002", "+8613800000008"]
    told = sdks.run("tencent", TENCENT, given | {"numbers": numbers, "text": TEXT})
    assert told["codes"] == [
        "Ok", "InvalidParameterValue.IncorrectPhoneNumber", "InternalError.OtherError",
    ]  # fmt: skip
    assert told["states"] == [["SUCCESS", "+8613800001000"]]
    assert told["refused"] == "AuthFailure.SignatureFailure"
    assert told["called"]
    assert texts(journal, "sms.tencent") == texts(journal, "voice.tencent") == [digest(TEXT)]


def test_the_sandboxes_twilio_takes_what_its_own_client_sends_and_it_takes_our_signature(sandbox, journal):
    given = sandbox.settings("sms.twilio") | urls(sandbox, "twilio")
    callback, fields = (
        "https://lender.example/callbacks/twilio?attempt=1",
        {"MessageSid": "SM1", "Body": "好 +"},
    )
    ours = signature(given["auth_token"], callback, list(fields.items()))
    told = sdks.run(
        "twilio_client",
        TWILIO,
        given
        | {"numbers": ["+8613800001000", "+8613800000002", "+8613800000008"], "text": TEXT}
        | {"callback": callback, "fields": fields, "signatures": [ours, ours.swapcase()]},
    )
    assert told["messages"] == ["queued", 21211, 20500]
    assert told["refused"] == 20003
    assert told["called"] == "queued"
    assert told["valid"] == [True, False]
    assert texts(journal, "sms.twilio") == [digest(TEXT)]


def secret_of(octets: bytes) -> str:
    return f"whsec_{base64.b64encode(octets).decode()}"


def test_the_published_library_verifies_our_webhooks_by_either_secret_and_we_take_what_it_signs():
    present, former, other = (secret_of(each * 32) for each in (b"a", b"b", b"c"))
    requests: list[dict[str, Any]] = []

    async def receiver(scope: Any, receive: Any, send: Any) -> None:
        body = (await receive())["body"]
        headers = {key.decode(): value.decode() for key, value in scope["headers"]}
        requests.append({"body": body.decode(), "headers": headers})
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def run() -> tuple[Any, Sink]:
        listener, sink = Listener(receiver), Sink()
        port = await listener.start()
        settings = {"url": f"http://127.0.0.1:{port}/", "secret": present, "former_secret": former}
        adapter: Any = build(
            "sms.webhook", "w", settings, sink.on_receipts, sink.on_reply, lambda: datetime.now(UTC)
        )
        await adapter.open()
        outgoing = message_to("+8613800001000", TEXT)
        assert await adapter.send([outgoing]) == [Accepted(outgoing.attempt_id.hex)]
        now, callback = (
            int(time.time()),
            json.dumps({"receipts": [{"attempt": outgoing.attempt_id.hex, "status": "delivered"}]}),
        )
        given = {"secrets": [present, former, other], "requests": requests, "now": now, "callback": callback}
        told = await asyncio.to_thread(sdks.run, "webhooks", WEBHOOKS, given)
        assert told["verified"] == [[True, True, False]]
        headers = {
            "webhook-id": "msg_1", "webhook-timestamp": str(now), "webhook-signature": told["signature"],
        }  # fmt: skip
        answer = await adapter.receive(RawRequest("POST", "", headers, callback.encode()))
        assert answer.status == 200 and sink.receipts[0].attempt_id == outgoing.attempt_id
        await adapter.close()
        await listener.stop()
        return told, sink

    asyncio.run(run())
    assert requests[0]["headers"]["webhook-id"] == json.loads(requests[0]["body"])["data"]["attempt"]
