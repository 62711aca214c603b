"""Several lines of one SMPP account, and transmitters with receivers beside them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from duecourse.channels.sandbox.rules import Behaviour
from duecourse.channels.smpp.codec import Command, decode_short_message
from duecourse.channels.smpp.far_end import SmppPeer
from duecourse.channels.wire.frame import Frame
from duecourse.domain.messaging import Accepted, NotWritten, Registered, Unknown

from .centre import Running, against
from .conformance import message_to, number, send_until_taken, until


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[tuple[SmppPeer, int]]:
    """Which line of the far end heard which command."""
    heard: list[tuple[SmppPeer, int]] = []
    handle = SmppPeer.handle

    def noting(peer: SmppPeer, frame: Frame) -> None:
        heard.append((peer, frame.command))
        handle(peer, frame)

    monkeypatch.setattr(SmppPeer, "handle", noting)
    return heard


def test_receipts_come_over_the_receiver_and_submits_go_over_the_transmitter(
    tmp_path: Path, heard: list[tuple[SmppPeer, int]]
):
    async def body(adapter: Any, running: Running) -> None:
        outcome = await send_until_taken(adapter, message_to(number(Behaviour.DELIVERED, 1), "到" * 100))
        assert isinstance(outcome, Accepted) and outcome.parts == 2
        await until(lambda: bool(running.sink.receipts))
        await adapter.drain()
        (receipt,) = running.sink.receipts
        assert receipt.provider_id == outcome.provider_id

    against("sms.smpp", tmp_path, body, bind_as="separate")
    by_line = [
        {command for at, command in heard if at is peer} for peer in dict.fromkeys(p for p, _ in heard)
    ]
    assert all(Command.BIND_TRANSCEIVER not in commands for commands in by_line)
    (transmits,) = [commands for commands in by_line if Command.SUBMIT_SM in commands]
    (receives,) = [commands for commands in by_line if Command.DELIVER_SM_RESP in commands]
    assert Command.BIND_TRANSMITTER in transmits and Command.BIND_RECEIVER in receives
    assert Command.DELIVER_SM_RESP not in transmits


def test_drain_hears_the_receivers_out(tmp_path: Path):
    async def body(adapter: Any, running: Running) -> None:
        await until(lambda: len(adapter._receiving.up) == 2)
        await send_until_taken(adapter, message_to(number(Behaviour.DELIVERED, 1)))
        await adapter.send([message_to(number(Behaviour.DELIVERED, at)) for at in range(300)])
        await adapter.drain()
        assert len(running.sink.receipts) == 301

    against("sms.smpp", tmp_path, body, bind_as="separate", binds=2, receivers=2)


def test_transmitter_alone_hears_no_receipt(tmp_path: Path):
    async def body(adapter: Any, running: Running) -> None:
        assert isinstance(
            await send_until_taken(adapter, message_to(number(Behaviour.DELIVERED, 1))), Accepted
        )
        await adapter.drain()
        assert running.sink.receipts == []

    assert against("sms.smpp", tmp_path, body, bind_as="transmitter").events("deliver") == []


def test_messages_are_dealt_out_over_the_lines_and_each_is_answered_in_its_place(
    tmp_path: Path, heard: list[tuple[SmppPeer, int]]
):
    async def body(adapter: Any, running: Running) -> None:
        assert adapter.window == 30
        await until(lambda: len(adapter._links.up) == 3)
        for at in range(3):
            (outcome,) = await adapter.send([message_to(number(Behaviour.DELIVERED, at))])
            assert isinstance(outcome, Accepted)
        numbers = [number(Behaviour.DELIVERED, at) for at in range(10, 100)]
        outcomes = await adapter.send([message_to(each) for each in numbers])
        ids = {"+" + event["to"]: event["id"] for event in running.events("submit")}
        assert [outcome.provider_id for outcome in outcomes] == [ids[each] for each in numbers]
        await adapter.drain()
        assert len(running.sink.receipts) == 93

    against("sms.smpp", tmp_path, body, binds=3, window=10)
    assert Counter(peer for peer, command in heard if command == Command.SUBMIT_SM).most_common()[-1][1] == 31


def test_line_that_is_lost_costs_only_what_was_on_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """One of two lines is cut in the middle of a batch; the other goes on, and the lost one is made again."""
    lines: list[SmppPeer] = []
    handle = SmppPeer.handle

    def cutting(peer: SmppPeer, frame: Frame) -> None:
        if frame.command == Command.SUBMIT_SM:
            lines.append(peer)
            if lines.count(peer) == 20 and peer is lines[0]:
                peer.abort()
        handle(peer, frame)

    monkeypatch.setattr(SmppPeer, "handle", cutting)

    async def body(adapter: Any, running: Running) -> None:
        await until(lambda: len(adapter._links.up) == 2)
        outcomes = await adapter.send([message_to(number(Behaviour.DELIVERED, at)) for at in range(400)])
        kinds = Counter(type(outcome) for outcome in outcomes)
        assert kinds[Accepted] >= 200 and kinds[NotWritten] > 0
        assert kinds[Unknown] <= 10
        await until(lambda: len(adapter._links.up) == 2)
        assert adapter._links.binds == 3

    against("sms.smpp", tmp_path, body, binds=2, window=10)


@pytest.mark.parametrize(
    ("sender", "source", "ton"),
    [("LENDER", "LENDER", 5), ("10690001", "10690001", 3), ("", "1069", 3)],
)
def test_registered_sender_is_the_source(
    sender: str, source: str, ton: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    bodies: list[bytes] = []
    submit = SmppPeer._submit

    def noting(peer: SmppPeer, frame: Frame) -> None:
        bodies.append(frame.body)
        submit(peer, frame)

    monkeypatch.setattr(SmppPeer, "_submit", noting)

    async def body(adapter: Any, running: Running) -> None:
        registered = Registered(sender=sender)
        await send_until_taken(adapter, message_to(number(Behaviour.DELIVERED, 1), registered=registered))

    against("sms.smpp", tmp_path, body, source="1069", source_ton=3)
    message = decode_short_message(bodies[0])
    assert (message.source, message.source_ton) == (source, ton)
