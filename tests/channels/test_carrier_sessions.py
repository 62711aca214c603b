"""The adapters of the Chinese carriers against their far ends: what the conformance suite does not ask."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest

from duecourse.channels.sandbox.rules import Behaviour
from duecourse.channels.sgip import codec as sgip
from duecourse.channels.wire.frame import RESPONSE
from duecourse.domain.messaging import (
    Accepted,
    AccountTrouble,
    Cause,
    Deferred,
    ReceiptStatus,
    Refused,
    Registered,
    Unknown,
    reference_of,
)
from duecourse.domain.problems import DuecourseError

from .centre import Running, against
from .conformance import digest, message_to, number, send_until_taken, until

CARRIERS = ["sms.cmpp", "sms.sgip", "sms.smgp"]
each_carrier = pytest.mark.parametrize("kind", CARRIERS)
LONG = "您的车贷本期应还款将于三日后到期，请确保账户余额充足。" * 6


@each_carrier
def test_person_who_answers_stop_is_heard(kind: str, tmp_path: Path):
    async def body(adapter: Any, running: Running) -> None:
        await send_until_taken(adapter, message_to(number(Behaviour.STOPS, 1)))
        await until(lambda: bool(running.sink.replies))
        (reply,) = running.sink.replies
        assert (reply.text, reply.sender) == ("STOP", number(Behaviour.STOPS, 1))
        assert reply.recipient == "10690001"

    against(kind, tmp_path, body)


@each_carrier
def test_reply_that_is_repeated_because_its_answer_was_lost_has_the_same_name(kind: str, tmp_path: Path):
    """So that it is told from another reply of the same words."""

    async def body(adapter: Any, running: Running) -> None:
        running.sink.lost_replies = 1
        await send_until_taken(adapter, message_to(number(Behaviour.STOPS, 1)))
        await until(lambda: len(running.sink.replies) == 2)
        first, second = running.sink.replies
        assert first.reference and first == second

    against(kind, tmp_path, body)


@each_carrier
def test_report_that_comes_late_is_heard_without_another_submit(kind: str, tmp_path: Path):
    async def body(adapter: Any, running: Running) -> None:
        await send_until_taken(adapter, message_to(number(Behaviour.LATE, 1)))
        await until(lambda: bool(running.sink.receipts))
        assert running.sink.receipts[0].status is ReceiptStatus.DELIVERED

    against(kind, tmp_path, body)


@each_carrier
def test_signature_and_sub_port_come_from_the_registration(kind: str, tmp_path: Path):
    text = "您的贷款将于3月10日到期，应还1500.00元。"

    async def body(adapter: Any, running: Running) -> None:
        registered = Registered(signature="远东消费金融", sender="77")
        await send_until_taken(
            adapter, message_to(number(Behaviour.DELIVERED, 1), text, registered=registered)
        )

    (submit,) = against(kind, tmp_path, body).events("submit")
    assert submit["from"] == "1069000177"
    assert submit["whole_sha256"] == digest("【远东消费金融】" + text)


@each_carrier
def test_validity_goes_along_in_beijings_time(kind: str, tmp_path: Path):
    async def body(adapter: Any, running: Running) -> None:
        await send_until_taken(adapter, message_to(number(Behaviour.DELIVERED, 1), valid_for_seconds=7200))

    (submit,) = against(kind, tmp_path, body).events("submit")
    assert submit["validity"] == "260310110000032+"


@each_carrier
@pytest.mark.parametrize("alphabet", ["ucs2", "gbk"])
def test_long_message_has_one_receipt_and_arrives_whole(kind: str, alphabet: str, tmp_path: Path):
    async def body(adapter: Any, running: Running) -> None:
        outgoing = message_to(number(Behaviour.DELIVERED, 1), LONG)
        outcome = await send_until_taken(adapter, outgoing)
        assert isinstance(outcome, Accepted) and outcome.parts == 3
        await adapter.drain()
        (receipt,) = running.sink.receipts
        assert receipt.status is ReceiptStatus.DELIVERED
        assert receipt.provider_id == outcome.provider_id or receipt.attempt_id == outgoing.attempt_id

    submits = against(kind, tmp_path, body, alphabet=alphabet).events("submit")
    assert {submit["coding"] for submit in submits} == {8 if alphabet == "ucs2" else 15}
    assert [submit["part"][1:] for submit in submits] == [[3, 1], [3, 2], [3, 3]]
    assert submits[-1]["whole_sha256"] == digest(LONG)


@each_carrier
def test_number_of_another_country_is_not_the_numbers_fault(kind: str, tmp_path: Path):
    async def body(adapter: Any, running: Running) -> None:
        (outcome,) = await adapter.send([message_to("+639171234567")])
        assert outcome == Refused("address", "not a mobile number of mainland China", permanent=False)

    against(kind, tmp_path, body)


@each_carrier
def test_refused_number_is_kept_unless_the_settings_say_it_is_dead(kind: str, tmp_path: Path):
    code = {"sms.cmpp": "SUBMIT:13", "sms.sgip": "SUBMIT:6", "sms.smgp": "SUBMIT:47"}[kind]

    async def kept(adapter: Any, running: Running) -> None:
        outcome = await send_until_taken(adapter, message_to(number(Behaviour.REFUSED, 1)))
        assert isinstance(outcome, Refused) and (outcome.code, outcome.permanent) == (code, False)

    async def dead(adapter: Any, running: Running) -> None:
        outcome = await send_until_taken(adapter, message_to(number(Behaviour.REFUSED, 1)))
        assert isinstance(outcome, Refused) and (outcome.permanent, outcome.cause) == (True, Cause.DEAD)

    against(kind, tmp_path, kept)
    against(kind, tmp_path, dead, permanent_errors=[code])


@each_carrier
def test_trouble_of_the_gateway_leaves_the_message_for_later(kind: str, tmp_path: Path):
    async def body(adapter: Any, running: Running) -> None:
        outcome = await send_until_taken(adapter, message_to(number(Behaviour.BROKEN, 1)))
        assert isinstance(outcome, Deferred)

    against(kind, tmp_path, body)


@each_carrier
def test_wrong_credentials_are_trouble_with_the_account(
    kind: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    wrong = {"login_password" if kind == "sms.sgip" else "shared_secret": "hush-hush"}

    async def body(adapter: Any, running: Running) -> None:
        await adapter.send([message_to(number(Behaviour.DELIVERED, 1))])
        await until(lambda: adapter._links.refusal is not None)
        (outcome,) = await adapter.send([message_to(number(Behaviour.DELIVERED, 1))])
        assert isinstance(outcome, AccountTrouble)

    against(kind, tmp_path, body, **wrong)
    assert "C010" in caplog.text and "hush-hush" not in caplog.text


@pytest.mark.parametrize("kind", ["sms.cmpp", "sms.smgp"])
def test_gateway_that_does_not_know_the_secret_gets_no_message(
    kind: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    """A gateway that lets everybody in, and proves nothing."""

    async def run() -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            head = await reader.readexactly(12)
            await reader.readexactly(int.from_bytes(head[:4]) - 12)
            body = bytes(1 + 16) + b"\x20" if kind == "sms.cmpp" else bytes(4 + 16) + b"\x30"
            command = (int.from_bytes(head[4:8]) | RESPONSE).to_bytes(4)
            writer.write((12 + len(body)).to_bytes(4) + command + head[8:12] + body)
            assert await reader.read() == b"", "nothing follows the bind"
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        running = Running(kind, server.sockets[0].getsockname()[1], tmp_path)
        adapter = running.adapter()
        await adapter.open()
        await until(lambda: adapter._links.refusal is not None)
        (outcome,) = await adapter.send([message_to(number(Behaviour.DELIVERED, 1))])
        assert isinstance(outcome, AccountTrouble) and outcome.code == "PROOF"
        await adapter.close()
        trusting = running.adapter(verify_gateway=False)
        await trusting.open()
        await until(lambda: trusting._links.binds > 0)
        server.close()
        await trusting.close()

    asyncio.run(run())
    assert "C061" in caplog.text


@each_carrier
def test_what_is_repeated_while_it_is_being_stored_is_stored_once(kind: str, tmp_path: Path):
    """The far end repeats after a second of silence, and again."""

    async def body(adapter: Any, running: Running) -> None:
        running.sink.gate = asyncio.Event()
        await send_until_taken(adapter, message_to(number(Behaviour.STOPS, 1)))
        await until(lambda: len(running.events("deliver")) >= 4)
        running.sink.gate.set()
        await until(lambda: len(running.events("answered")) == 2)
        await adapter.drain()
        assert (len(running.sink.receipts), len(running.sink.replies)) == (1, 1)

    against(kind, tmp_path, body)


@each_carrier
def test_several_lines_share_the_messages(kind: str, tmp_path: Path):
    async def body(adapter: Any, running: Running) -> None:
        await send_until_taken(adapter, message_to(number(Behaviour.DELIVERED, 1)))
        await until(lambda: len(adapter._links.up) == 3)
        outcomes = await adapter.send([message_to(number(Behaviour.DELIVERED, at)) for at in range(90)])
        assert all(isinstance(outcome, Accepted) for outcome in outcomes)
        await adapter.drain()
        assert len(running.sink.receipts) == 91

    against(kind, tmp_path, body, binds=3)


def test_smgp_receives_over_lines_of_its_own(tmp_path: Path):
    async def body(adapter: Any, running: Running) -> None:
        outcome = await send_until_taken(adapter, message_to(number(Behaviour.DELIVERED, 1)))
        await until(lambda: bool(running.sink.receipts))
        assert isinstance(outcome, Accepted)
        (receipt,) = running.sink.receipts
        assert (receipt.status, receipt.provider_id) == (ReceiptStatus.DELIVERED, outcome.provider_id)
        assert (len(adapter._links.up), len(adapter._receiving.up)) == (1, 2)

    against("sms.smgp", tmp_path, body, login_as="separate", receivers=2)


# SGIP: the gateway connects to us


def test_sgip_report_on_a_lost_answer_names_its_attempt(tmp_path: Path):
    async def body(adapter: Any, running: Running) -> None:
        outgoing = message_to(number(Behaviour.LOST_ANSWER, 1), LONG)
        assert isinstance(await send_until_taken(adapter, outgoing), Unknown)
        await until(lambda: bool(running.sink.receipts))
        (receipt,) = running.sink.receipts
        assert (receipt.status, receipt.attempt_id) == (ReceiptStatus.DELIVERED, outgoing.attempt_id)

    against("sms.sgip", tmp_path, body)


def test_sgip_report_after_a_crash_tells_number_and_reference(tmp_path: Path):
    """The process that sent could not store the report; another, which knows nothing of the attempt, hears it again."""

    async def body(adapter: Any, running: Running) -> None:
        running.sink.failures_left = 1_000_000
        outgoing = message_to(number(Behaviour.LOST_ANSWER, 1))
        assert isinstance(await send_until_taken(adapter, outgoing), Unknown)
        await until(lambda: running.sink.failed > 0)
        await adapter.close()
        running.sink.failures_left = 0
        same_door = {key: getattr(adapter._config, key) for key in ("login_name", "listen_port")}
        other = running.adapter(**same_door)
        await other.open()
        await until(lambda: len(running.sink.receipts) == 1)
        (receipt,) = running.sink.receipts
        assert receipt.attempt_id is None
        assert receipt.address == number(Behaviour.LOST_ANSWER, 1)
        assert receipt.reference == reference_of(outgoing.attempt_id)
        await other.close()

    against("sms.sgip", tmp_path, body)


async def call(adapter: Any, *pdus: bytes) -> bytes:
    """What a caller at the adapter's door hears until the door is shut or nothing comes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", adapter._config.listen_port)
    heard = b""
    for pdu in pdus:
        writer.write(pdu)
    try:
        async with asyncio.timeout(0.5):
            while octets := await reader.read(4096):
                heard += octets
    except TimeoutError:
        heard += b"still open"
    writer.close()
    return heard


def bind(name: str = "sandbox", password: str = "secret", kind: int = 2) -> bytes:
    return sgip.encode_frame(sgip.Command.BIND, 1, sgip.encode_bind(sgip.Bind(kind, name, password)))


REPORT = sgip.encode_frame(
    sgip.Command.REPORT, 2, sgip.encode_report(sgip.Report(b"x" * 12, 0, "8613000001111", 0, 0))
)


@pytest.mark.parametrize(
    "pdus",
    [
        (REPORT,),
        (bind(password="guess"), REPORT),
        (bind(name="stranger"), REPORT),
        (bind(kind=1), REPORT),
        (bind(), bind(), REPORT),
        (sgip.encode_frame(sgip.Command.BIND, 1, b"short"), REPORT),
        (b"\0\0\0\5x", REPORT),
    ],
)
def test_sgip_believes_no_report_of_somebody_who_is_not_the_gateway(
    pdus: tuple[bytes, ...], tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    async def body(adapter: Any, running: Running) -> None:
        heard = await call(adapter, *pdus)
        assert b"still open" not in heard
        assert running.sink.receipts == []

    against("sms.sgip", tmp_path, body)
    assert "C063" in caplog.text or "C013" in caplog.text


def test_sgip_door_is_shut_to_other_networks(tmp_path: Path):
    async def body(adapter: Any, running: Running) -> None:
        heard = await call(adapter, bind(name="anybody"), REPORT)
        assert sgip.decode_frame(heard).status == 1 and running.sink.receipts == []

    against("sms.sgip", tmp_path, body, gateway_name="", gateway_addresses=["10.20.0.0/24"])


def test_sgip_gateway_known_by_its_network_needs_no_name(tmp_path: Path):
    async def body(adapter: Any, running: Running) -> None:
        await call(adapter, bind(name="anybody"), REPORT)
        assert len(running.sink.receipts) == 1

    against("sms.sgip", tmp_path, body, gateway_name="", gateway_addresses=["127.0.0.0/8"])


def test_sgip_wants_to_know_whom_to_believe(tmp_path: Path):
    with pytest.raises(DuecourseError, match="whose reports are to be believed"):
        Running("sms.sgip", 1, tmp_path).adapter(gateway_name="")


def test_sgip_tells_a_port_that_it_cannot_listen_at(tmp_path: Path):
    async def run() -> None:
        taken = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
        adapter = Running("sms.sgip", 1, tmp_path).adapter(listen_port=taken.sockets[0].getsockname()[1])
        with pytest.raises(DuecourseError, match="C062"):
            await adapter.open()
        taken.close()

    asyncio.run(run())


def test_sgip_line_ends_when_idle_and_is_made_again_on_demand(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.WARNING)

    async def body(adapter: Any, running: Running) -> None:
        assert adapter._links.binds == 0
        await send_until_taken(adapter, message_to(number(Behaviour.DELIVERED, 1)))
        await until(lambda: not adapter._links.up)
        assert isinstance(
            await send_until_taken(adapter, message_to(number(Behaviour.DELIVERED, 2))), Accepted
        )
        assert adapter._links.binds == 2

    against("sms.sgip", tmp_path, body, idle_seconds=0.2)
    assert caplog.text == ""


def test_sgip_drain_returns_at_once_when_every_submit_has_its_report(tmp_path: Path):
    async def body(adapter: Any, running: Running) -> None:
        outcomes = [await send_until_taken(adapter, message_to(number(Behaviour.DELIVERED, 1)))]
        outcomes += await adapter.send([message_to(number(Behaviour.REFUSED, 2))])
        async with asyncio.timeout(30):
            await adapter.drain()
        assert len(running.sink.receipts) == 1 and not adapter._awaited

    against("sms.sgip", tmp_path, body, quiet_seconds=60)


@pytest.mark.parametrize("kind", ["sms.smpp", "sms.cmpp", "sms.sgip", "sms.smgp"])
def test_a_line_that_is_closed_while_it_binds_ends(tmp_path: Path, kind: str):
    async def body(adapter: Any, _running: Running) -> None:
        async with asyncio.timeout(60):
            for turn in range(120):
                await adapter.close()
                assert not adapter._links.up
                await adapter.open()
                for _ in range(turn % 40):
                    await asyncio.sleep(0)

    against(kind, tmp_path, body)
