from __future__ import annotations

import asyncio
import time

import pytest

from duecourse.channels.smpp import codes
from duecourse.channels.smpp.adapter import SmppAdapter
from duecourse.channels.smpp.codec import (
    Command,
    decode_short_message,
    encode_frame,
    encode_message_id,
)
from duecourse.channels.wire.frame import Frame
from duecourse.domain.messaging import (
    Accepted,
    AccountTrouble,
    Cause,
    NotWritten,
    Refused,
    Throttled,
    Unknown,
)

from .conformance import Sink, message_to, send_until_taken, until
from .scripted import ScriptedPeer, ScriptedSmsc
from .smpp_line import LONG, NUMBER, against, plain


def test_window_is_never_exceeded():
    most = 0

    def hold(peer: ScriptedPeer, frame: Frame) -> bool:
        nonlocal most
        if frame.command != Command.SUBMIT_SM:
            return False
        held.append(frame)
        most = max(most, len(held))
        if len(held) == 1:
            asyncio.get_running_loop().call_later(0.01, release, peer)
        return True

    def release(peer: ScriptedPeer) -> None:
        while held:
            peer.answer(held.pop(), 0, encode_message_id("x"))

    held: list[Frame] = []

    async def body(adapter: SmppAdapter, smsc: ScriptedSmsc, sink: Sink) -> None:
        await send_until_taken(adapter, message_to(NUMBER))
        outcomes = await adapter.send([message_to(NUMBER) for _ in range(100)])
        assert {type(outcome) for outcome in outcomes} == {Accepted}

    against(hold, body, window=7)
    assert most == 7


def test_answers_out_of_order_reach_their_own_messages():
    held: list[Frame] = []

    def backwards(peer: ScriptedPeer, frame: Frame) -> bool:
        if frame.command != Command.SUBMIT_SM:
            return False
        held.append(frame)
        if len(held) == 5:
            for each in reversed(held):
                peer.answer(
                    each, 0, encode_message_id(decode_short_message(each.body).short_message.decode())
                )
        return True

    async def body(adapter: SmppAdapter, smsc: ScriptedSmsc, sink: Sink) -> None:
        await until(lambda: adapter._links.binds == 1)
        outcomes = await adapter.send([message_to(NUMBER, text) for text in "abcde"])
        assert [outcome.provider_id for outcome in outcomes if isinstance(outcome, Accepted)] == list("abcde")

    against(backwards, body)


def test_reference_can_be_left_out_for_an_smsc_that_refuses_it():
    async def body(adapter: SmppAdapter, smsc: ScriptedSmsc, sink: Sink) -> None:
        await send_until_taken(adapter, message_to(NUMBER))
        assert decode_short_message(smsc.peers[0].submits[0].body).tlvs == {}

    against(plain, body, reference=False)


def test_throttling_pauses_the_session_and_resends_nothing_by_itself():
    times: list[float] = []

    def throttle_first(peer: ScriptedPeer, frame: Frame) -> bool:
        if frame.command != Command.SUBMIT_SM:
            return False
        times.append(time.monotonic())
        if len(times) == 1:
            peer.answer(frame, codes.THROTTLED)
        return len(times) == 1

    async def body(adapter: SmppAdapter, smsc: ScriptedSmsc, sink: Sink) -> None:
        await until(lambda: adapter._links.binds == 1)
        outcomes = await adapter.send([message_to(NUMBER) for _ in range(3)])
        assert [type(outcome) for outcome in outcomes] == [Throttled, Accepted, Accepted]

    against(throttle_first, body, window=1)
    assert len(times) == 3 and times[1] - times[0] >= 0.4


def test_message_whose_time_passes_in_the_queue_is_not_written():
    def throttle_all(peer: ScriptedPeer, frame: Frame) -> bool:
        if frame.command == Command.SUBMIT_SM:
            peer.answer(frame, codes.QUEUE_FULL)
        return frame.command == Command.SUBMIT_SM

    async def body(adapter: SmppAdapter, smsc: ScriptedSmsc, sink: Sink) -> None:
        await until(lambda: adapter._links.binds == 1)
        began = time.monotonic()
        outcomes = await adapter.send([message_to(NUMBER, write_before=began + 0.15) for _ in range(3)])
        assert [type(outcome) for outcome in outcomes] == [Throttled, NotWritten, NotWritten]
        assert time.monotonic() - began < 0.4
        assert len(smsc.peers[0].submits) == 1

    against(throttle_all, body, window=1)


@pytest.mark.parametrize(
    ("statuses", "outcome"),
    [
        ([0, 0, 0], Accepted("id-1", 3)),
        ([0, 0, codes.THROTTLED], Unknown("2 of 3 parts were accepted")),
        ([codes.THROTTLED] * 3, Throttled("ESME_RTHROTTLED", 0.4)),
        (
            [0x0B, codes.THROTTLED, 0x0B],
            Refused("ESME_RINVDSTADR", "invalid destination address", True, Cause.DEAD),
        ),
        ([0x08, 0x08, None], Unknown("no response within 0.3 s")),
    ],
)
def test_long_message_has_one_outcome(statuses: list[int | None], outcome: object):
    def by_part(peer: ScriptedPeer, frame: Frame) -> bool:
        if frame.command != Command.SUBMIT_SM:
            return False
        status = statuses[len(peer.submits) - 1]
        if status:
            peer.answer(frame, status)
        return status is None or bool(status)

    async def body(adapter: SmppAdapter, smsc: ScriptedSmsc, sink: Sink) -> None:
        assert await send_until_taken(adapter, message_to(NUMBER, LONG)) == outcome

    against(by_part, body)


def test_parts_go_together_even_through_a_window_smaller_than_the_message():
    async def body(adapter: SmppAdapter, smsc: ScriptedSmsc, sink: Sink) -> None:
        await until(lambda: adapter._links.binds == 1)
        outcomes = await adapter.send(
            [message_to(NUMBER, LONG), message_to(NUMBER), message_to(NUMBER, LONG)]
        )
        assert [outcome.parts for outcome in outcomes if isinstance(outcome, Accepted)] == [3, 1, 3]

    against(plain, body, window=2)


def test_peers_probe_is_answered():
    async def body(adapter: SmppAdapter, smsc: ScriptedSmsc, sink: Sink) -> None:
        await until(lambda: adapter._links.binds == 1)
        sequence = smsc.peers[0].ask(Command.ENQUIRE_LINK)
        await until(lambda: bool(smsc.peers[0].heard[1:]))
        assert smsc.peers[0].heard[-1] == Frame(Command.ENQUIRE_LINK_RESP, 0, sequence, b"")

    against(plain, body)


def test_peer_deaf_to_probes_is_left_and_bound_again():
    def deaf(peer: ScriptedPeer, frame: Frame) -> bool:
        return frame.command == Command.ENQUIRE_LINK and len(smsc_peers(peer)) == 1

    def smsc_peers(peer: ScriptedPeer) -> list[ScriptedPeer]:
        return peer._smsc.peers

    async def body(adapter: SmppAdapter, smsc: ScriptedSmsc, sink: Sink) -> None:
        await until(lambda: adapter._links.binds == 2)
        assert isinstance(await send_until_taken(adapter, message_to(NUMBER)), Accepted)

    against(deaf, body, probe_seconds=0.2)


@pytest.mark.parametrize("octets", [b"\0\0\0\x05abcd", b"\xff\xff\xff\xff", b"\0\0\0\0"])
def test_peer_that_breaks_the_framing_is_left_and_bound_again(octets: bytes):
    async def body(adapter: SmppAdapter, smsc: ScriptedSmsc, sink: Sink) -> None:
        await until(lambda: adapter._links.binds == 1)
        smsc.peers[0].transport.write(octets)
        await until(lambda: adapter._links.binds == 2)
        assert isinstance(await send_until_taken(adapter, message_to(NUMBER)), Accepted)

    against(plain, body)


def test_peer_that_unbinds_is_answered_and_bound_again():
    async def body(adapter: SmppAdapter, smsc: ScriptedSmsc, sink: Sink) -> None:
        await until(lambda: adapter._links.binds == 1)
        sequence = smsc.peers[0].ask(Command.UNBIND)
        await until(lambda: adapter._links.binds == 2)
        assert Frame(Command.UNBIND_RESP, 0, sequence, b"") in smsc.peers[0].heard

    against(plain, body)


def test_unknown_request_gets_a_generic_nack():
    async def body(adapter: SmppAdapter, smsc: ScriptedSmsc, sink: Sink) -> None:
        await until(lambda: adapter._links.binds == 1)
        sequence = smsc.peers[0].ask(0x0103)
        await until(lambda: len(smsc.peers[0].heard) > 1)
        assert smsc.peers[0].heard[-1] == Frame(Command.GENERIC_NACK, codes.INVALID_COMMAND, sequence, b"")

    against(plain, body)


def test_generic_nack_of_a_submit_is_a_refusal():
    def nack(peer: ScriptedPeer, frame: Frame) -> bool:
        if frame.command == Command.SUBMIT_SM:
            peer.transport.write(encode_frame(Command.GENERIC_NACK, codes.INVALID_COMMAND, frame.sequence))
        return frame.command == Command.SUBMIT_SM

    async def body(adapter: SmppAdapter, smsc: ScriptedSmsc, sink: Sink) -> None:
        outcome = await send_until_taken(adapter, message_to(NUMBER))
        assert isinstance(outcome, Refused) and not outcome.permanent

    against(nack, body)


def test_refused_bind_is_told_with_its_code_and_without_the_password(caplog: pytest.LogCaptureFixture):
    def refuse(peer: ScriptedPeer, frame: Frame) -> bool:
        if frame.command == Command.BIND_TRANSCEIVER:
            peer.answer(frame, 0x0E)
        return frame.command == Command.BIND_TRANSCEIVER

    async def body(adapter: SmppAdapter, smsc: ScriptedSmsc, sink: Sink) -> None:
        await until(lambda: adapter._links.refusal is not None)
        outcomes = await adapter.send([message_to(NUMBER)])
        assert outcomes == [AccountTrouble("ESME_RINVPASWD", "the provider refuses our credentials")]

    against(refuse, body, bind_wait_seconds=0.3)
    assert "ESME_RINVPASWD" in caplog.text and "C010" in caplog.text
    assert "hush" not in caplog.text


def test_cancelled_send_writes_nothing_more():
    def hold(peer: ScriptedPeer, frame: Frame) -> bool:
        return frame.command == Command.SUBMIT_SM

    async def body(adapter: SmppAdapter, smsc: ScriptedSmsc, sink: Sink) -> None:
        await until(lambda: adapter._links.binds == 1)
        batch = [message_to(NUMBER) for _ in range(100)]
        sending = asyncio.ensure_future(adapter.send(batch))
        await until(lambda: len(smsc.peers[0].submits) == 5)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        await asyncio.sleep(0.5)
        assert len(smsc.peers[0].submits) == 5

    against(hold, body, window=5)
