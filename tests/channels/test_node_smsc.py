from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from duecourse.channels.registry import build
from duecourse.domain.messaging import (
    Accepted,
    Adapter,
    Cause,
    Outcome,
    Outgoing,
    ReceiptStatus,
    Refused,
    Throttled,
)

from .conformance import Sink, message_to, send_until_taken, until
from .counterparts.node_smsc import NodeSmsc


def exchange(body: Callable[[Adapter, Sink], Awaitable[None]], **config: object) -> list[dict[str, Any]]:
    """Run `body` against the independent server; returns what that server saw."""
    smsc = NodeSmsc()

    async def run() -> None:
        sink = Sink()
        settings = {"host": "127.0.0.1", "port": smsc.port, "system_id": "lender", "source": "10690"} | config
        adapter = build("sms.smpp", "node", settings, sink.on_receipts, sink.on_reply)
        await adapter.open()
        try:
            await body(adapter, sink)
        finally:
            await adapter.close()

    try:
        asyncio.run(run())
    finally:
        events = smsc.stop()
    return events


async def outcomes_of(adapter: Adapter, *messages: Outgoing) -> list[Outcome]:
    first = await send_until_taken(adapter, messages[0])
    return [first, *await adapter.send(messages[1:])]


def test_scripted_numbers_end_as_the_server_says():
    async def body(adapter: Adapter, sink: Sink) -> None:
        numbers = ["+8613800001111", "+8613800000001", "+8613800000002", "+8613800000003"]
        outcomes = await outcomes_of(adapter, *map(message_to, numbers))
        assert [type(outcome) for outcome in outcomes] == [Accepted, Accepted, Refused, Throttled]
        assert outcomes[2] == Refused(
            "ESME_RINVDSTADR", "invalid destination address", permanent=True, cause=Cause.DEAD
        )
        assert isinstance(await send_until_taken(adapter, message_to(numbers[3])), Accepted)
        await adapter.drain()
        assert [receipt.status for receipt in sink.receipts] == [
            ReceiptStatus.DELIVERED,
            ReceiptStatus.FAILED,
            ReceiptStatus.DELIVERED,
        ]
        assert sink.receipts[1].code == "UNDELIV:001"

    events = exchange(body)
    assert [event["status"] for event in events if event["event"] == "answered"] == [0, 0, 0]


@pytest.mark.parametrize("long_messages", ["udh8", "udh16", "payload"])
@pytest.mark.parametrize(
    "text", ["您的车贷本期应还款将于三日后到期，" * 12, "Your instalment of {1,500} is due. " * 8]
)
def test_long_text_is_read_whole_by_somebody_elses_decoder(long_messages: str, text: str):
    async def body(adapter: Adapter, sink: Sink) -> None:
        outcome = await send_until_taken(adapter, message_to("+8613800001111", text))
        assert isinstance(outcome, Accepted) and outcome.parts > 1
        await adapter.drain()
        assert len(sink.receipts) == 1 and sink.receipts[0].provider_id == outcome.provider_id

    submits = [e for e in exchange(body, long_messages=long_messages) if e["event"] == "submit"]
    if long_messages != "payload":
        assert [submit["udh"][1:] for submit in submits] == [
            [len(submits), number + 1] for number in range(len(submits))
        ]
    assert "".join(submit["text"] for submit in submits) == text


def test_a_thousand_messages_through_the_window_are_each_told_once():
    async def body(adapter: Adapter, sink: Sink) -> None:
        messages = [message_to(f"+86138{1000 + at:04d}{4000 + at:04d}") for at in range(1000)]
        outcomes = await outcomes_of(adapter, *messages)
        assert len({o.provider_id for o in outcomes if isinstance(o, Accepted)}) == 1000
        await adapter.drain()
        assert {r.provider_id for r in sink.receipts} == {o.provider_id for o in outcomes}

    events = exchange(body, window=20)
    assert len([event for event in events if event["event"] == "submit"]) == 1000


def test_receipts_of_separate_transmitters_come_over_the_receiver():
    async def body(adapter: Adapter, sink: Sink) -> None:
        await until(lambda: bool(adapter._receiving.up))
        numbers = [f"+86138{1000 + at:04d}{4000 + at:04d}" for at in range(200)]
        outcomes = await outcomes_of(adapter, *map(message_to, numbers))
        assert {type(outcome) for outcome in outcomes} == {Accepted}
        await adapter.drain()
        assert {r.provider_id for r in sink.receipts} == {o.provider_id for o in outcomes}

    events = exchange(body, bind_as="separate", binds=2, window=20)
    assert sorted(event["kind"] for event in events if event["event"] == "bind") == [
        "receiver",
        "transmitter",
        "transmitter",
    ]
    assert len([event for event in events if event["event"] == "answered"]) == 200
