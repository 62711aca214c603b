"""What an SMSC tells an SMPP session of its own: receipts and replies."""

from __future__ import annotations

from dataclasses import replace

import pytest

from duecourse.channels.smpp.adapter import SmppAdapter
from duecourse.channels.smpp.codec import (
    Command,
    EsmClass,
    ShortMessage,
    Tag,
    decode_short_message,
    encode_frame,
    encode_message_id,
    encode_short_message,
)
from duecourse.channels.wire.frame import Frame
from duecourse.domain.messaging import (
    Receipt,
    ReceiptStatus,
    Reply,
    Unknown,
    reference_of,
)

from .conformance import Sink, message_to, send_until_taken, until
from .scripted import ScriptedPeer, ScriptedSmsc
from .smpp_line import LONG, NUMBER, against, plain, receipt_for


def test_answer_after_the_deadline_is_counted_and_its_receipt_names_the_attempt():
    held: list[Frame] = []

    def forget(peer: ScriptedPeer, frame: Frame) -> bool:
        if frame.command == Command.SUBMIT_SM:
            held.append(frame)
        return frame.command == Command.SUBMIT_SM

    async def body(adapter: SmppAdapter, smsc: ScriptedSmsc, sink: Sink) -> None:
        outgoing = message_to(NUMBER)
        assert isinstance(await send_until_taken(adapter, outgoing), Unknown)
        peer = smsc.peers[0]
        peer.answer(held[0], 0, encode_message_id("late-1"))
        peer.deliver(receipt_for("late-1"))
        await until(lambda: bool(sink.receipts))
        assert adapter.late_responses == 1
        assert sink.receipts == [Receipt(ReceiptStatus.DELIVERED, "DELIVRD", attempt_id=outgoing.attempt_id)]

    against(forget, body)


@pytest.mark.parametrize("long_messages", ["udh8", "payload"])
def test_every_submit_carries_the_reference_of_its_attempt_and_a_receipt_brings_it_back(long_messages: str):
    async def body(adapter: SmppAdapter, smsc: ScriptedSmsc, sink: Sink) -> None:
        outgoing = message_to(NUMBER, LONG)
        await send_until_taken(adapter, outgoing)
        peer = smsc.peers[0]
        submits = [decode_short_message(frame.body) for frame in peer.submits]
        assert len(submits) == (1 if long_messages == "payload" else 3)
        assert {submit.tlvs[Tag.USER_MESSAGE_REFERENCE] for submit in submits} == {
            outgoing.attempt_id.bytes[:2]
        }
        echo = {Tag.USER_MESSAGE_REFERENCE: submits[0].tlvs[Tag.USER_MESSAGE_REFERENCE]}
        peer.deliver(replace(receipt_for("theirs"), source=submits[0].destination, tlvs=echo))
        await until(lambda: bool(sink.receipts))
        assert (sink.receipts[0].address, sink.receipts[0].reference) == (
            NUMBER,
            reference_of(outgoing.attempt_id),
        )

    against(plain, body, long_messages=long_messages)


def test_one_receipt_for_a_long_message_although_parts_report_one_by_one():
    async def body(adapter: SmppAdapter, smsc: ScriptedSmsc, sink: Sink) -> None:
        await send_until_taken(adapter, message_to(NUMBER, LONG))
        for provider_id in ("id-3", "id-1", "id-2"):
            assert sink.receipts == []
            smsc.peers[0].deliver(receipt_for(provider_id))
            await adapter.drain()
        assert [receipt.provider_id for receipt in sink.receipts] == ["id-1"]
        answers = [f for f in smsc.peers[0].heard if f.command == Command.DELIVER_SM_RESP]
        assert [answer.status for answer in answers] == [0, 0, 0]

    against(plain, body)


def test_receipts_that_arrive_together_are_committed_in_one_call():
    calls: list[int] = []

    async def body(adapter: SmppAdapter, smsc: ScriptedSmsc, sink: Sink) -> None:
        await send_until_taken(adapter, message_to(NUMBER))

        async def counting(name: str, receipts: object) -> None:
            calls.append(len(receipts))  # type: ignore[arg-type]

        adapter._inbound._on_receipts = counting
        peer = smsc.peers[0]
        body_octets = [
            encode_frame(Command.DELIVER_SM, 0, n, encode_short_message(receipt_for(f"x{n}")))
            for n in range(1, 51)
        ]
        peer.transport.write(b"".join(body_octets))
        await adapter.drain()

    against(plain, body)
    assert calls == [50]


def test_unreadable_receipt_is_refused_and_does_not_stop_the_next():
    async def body(adapter: SmppAdapter, smsc: ScriptedSmsc, sink: Sink) -> None:
        await until(lambda: adapter._links.binds == 1)
        peer = smsc.peers[0]
        bad = [
            peer.ask(Command.DELIVER_SM, b"\0\0"),
            peer.deliver(ShortMessage(destination="1", esm_class=EsmClass.RECEIPT, short_message=b"?")),
        ]
        good = peer.deliver(receipt_for("id-1"))
        await adapter.drain()
        answers = {f.sequence: f.status for f in peer.heard if f.command == Command.DELIVER_SM_RESP}
        assert answers == {bad[0]: 0x65, bad[1]: 0x65, good: 0}
        assert len(sink.receipts) == 1

    against(plain, body)


def test_reply_in_parts_is_handed_over_whole_and_then_answered():
    text = "我已经还款了，请查收。" * 10
    octets = text.encode("utf-16-be")

    async def body(adapter: SmppAdapter, smsc: ScriptedSmsc, sink: Sink) -> None:
        await until(lambda: adapter._links.binds == 1)
        peer = smsc.peers[0]
        sequences = [
            peer.deliver(
                ShortMessage(
                    source="8613800001111",
                    destination="10690",
                    esm_class=EsmClass.UDH,
                    data_coding=8,
                    short_message=bytes((5, 0, 3, 77, 2, number)) + piece,
                )
            )
            for number, piece in ((2, octets[134:]), (1, octets[:134]))
        ]
        await until(lambda: bool(sink.replies))
        await adapter.drain()
        assert sink.replies == [Reply("scripted", NUMBER, "10690", text)]
        answers = [f.sequence for f in peer.heard if f.command == Command.DELIVER_SM_RESP]
        assert answers == sequences

    against(plain, body)


def test_reply_in_the_payload_parameter_is_read():
    async def body(adapter: SmppAdapter, smsc: ScriptedSmsc, sink: Sink) -> None:
        await until(lambda: adapter._links.binds == 1)
        smsc.peers[0].deliver(
            ShortMessage(source="8613800001111", destination="10690", tlvs={Tag.MESSAGE_PAYLOAD: b"STOP"})
        )
        await until(lambda: bool(sink.replies))
        assert sink.replies[0].text == "STOP"

    against(plain, body)
