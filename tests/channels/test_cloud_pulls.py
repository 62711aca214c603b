"""Where no callback reaches us, receipts are asked for; none is lost that could not be stored."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from duecourse.channels.http.outstanding import MOST_ASKED, Outstanding
from duecourse.channels.registry import build
from duecourse.channels.sandbox.process import SandboxProcess
from duecourse.channels.sandbox.rules import Behaviour
from duecourse.domain.messaging import Accepted, ReceiptStatus

from .conformance import Sink, call_that_says, number, registered_message, until

MESSAGES: dict[str, Any] = {
    "sms.aliyun": registered_message,
    "voice.aliyun": call_that_says,
    "sms.tencent": registered_message,
}
CHANGES = {
    "sms.aliyun": {"ask_after_seconds": 0.05},
    "voice.aliyun": {"ask_after_seconds": 0.05, "tts_code": "TTS_1"},
    "sms.tencent": {"pull_replies": True},
}


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    folder = tmp_path_factory.mktemp("pulled")
    with SandboxProcess(folder, ports=dict.fromkeys(MESSAGES, 0)) as running:
        yield running


@pytest.mark.parametrize("kind", MESSAGES)
def test_receipts_are_asked_for_and_asked_again_when_they_could_not_be_stored(kind, sandbox):
    async def run() -> None:
        sink = Sink()
        config = sandbox.settings(kind) | {"pull_seconds": 0.05, "response_seconds": 20} | CHANGES[kind]
        adapter: Any = build(kind, "p", config, sink.on_receipts, sink.on_reply, lambda: datetime.now(UTC))
        sink.failures_left = 1
        await adapter.open()
        behaviours = [Behaviour.DELIVERED, Behaviour.UNDELIVERABLE, Behaviour.SILENT, Behaviour.STOPS]
        outcomes = await adapter.send([MESSAGES[kind](number(each, 1)) for each in behaviours])
        assert all(isinstance(each, Accepted) for each in outcomes)
        await until(lambda: len(sink.receipts) == 3)
        assert sink.failed == 1
        told = {receipt.provider_id: receipt.status for receipt in sink.receipts}
        good, bad, silent, stops = (each.provider_id for each in outcomes)
        assert told == {
            good: ReceiptStatus.DELIVERED, bad: ReceiptStatus.FAILED, stops: ReceiptStatus.DELIVERED,
        }  # fmt: skip
        assert silent not in told
        if kind == "sms.tencent":
            await until(lambda: [reply.text for reply in sink.replies] == ["STOP"])
            assert sink.replies[0].reference.isdigit(), "the second of it"
        await adapter.drain()
        assert len(sink.receipts) == 3, "each once"
        await adapter.close()

    asyncio.run(run())


def test_message_is_asked_about_at_growing_intervals_until_it_is_settled_or_old():
    outstanding: Outstanding[str] = Outstanding(first_seconds=10, for_seconds=100)
    outstanding.add("a", "A", 0)
    asked = [now for now in range(0, 120) if outstanding.due(now)]
    assert asked == [10, 30, 70]
    outstanding.add("b", "B", 200)
    outstanding.settle("b")
    assert outstanding.due(300) == [] and len(outstanding) == 0


def test_what_could_not_be_stored_is_asked_about_at_once():
    outstanding: Outstanding[str] = Outstanding(first_seconds=10, for_seconds=100)
    outstanding.add("a", "A", 0)
    assert outstanding.due(10) == [("a", "A")]
    outstanding.again("a", 11)
    assert outstanding.due(11) == [("a", "A")]


def test_one_pull_asks_a_bounded_number_of_questions():
    outstanding: Outstanding[int] = Outstanding(first_seconds=10, for_seconds=100)
    for at in range(120):
        outstanding.add(str(at), at, 0)
    assert [len(outstanding.due(10)) for _ in range(4)] == [MOST_ASKED, MOST_ASKED, 20, 0]
