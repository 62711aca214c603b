from __future__ import annotations

import asyncio
import email
import email.policy
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from duecourse.channels.registry import build
from duecourse.domain.messaging import Accepted, Adapter, ReceiptStatus, Refused, Throttled

from .conformance import Sink, message_to, until
from .counterparts.postfix import Postfix
from .dkim_keys import dns_record, pem

NOW = datetime(2026, 3, 10, 9, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def postfix() -> Iterator[Postfix]:
    running = Postfix()
    yield running
    running.stop()


def adapter_for(postfix: Postfix, sink: Sink, **config: Any) -> Adapter:
    settings = {
        "host": "127.0.0.1",
        "port": postfix.port,
        "security": "none",
        "from_address": "reminders@lender.example",
        "from_name": "远东消费金融",
        "return_path": "bounces@lender.example",
        "bounces_maildir": str(postfix.bounces),
        "bounces_poll_seconds": 0.05,
    } | config
    return build("email.smtp", "postfix", settings, sink.on_receipts, sink.on_reply, lambda: NOW)


def arrived(folder: Path) -> list[Path]:
    return sorted((folder / "new").iterdir()) if (folder / "new").is_dir() else []


@pytest.mark.parametrize("verp", [True, False], ids=["verp", "envid-alone"])
def test_bounce_of_a_real_mail_server_names_the_attempt_and_the_dead_box(postfix: Postfix, verp: bool):
    async def run() -> None:
        sink = Sink()
        adapter = adapter_for(postfix, sink, verp=verp)
        await adapter.open()
        outgoing = message_to("nobody@borrower.example", "您的还款日快到了。")
        (outcome,) = await adapter.send([outgoing])
        assert outcome == Accepted(outgoing.attempt_id.hex)
        await until(lambda: bool(sink.receipts))
        (receipt,) = sink.receipts
        assert (receipt.status, receipt.code, receipt.permanent) == (ReceiptStatus.FAILED, "5.1.1", True)
        assert receipt.attempt_id == outgoing.attempt_id
        await adapter.close()

    asyncio.run(run())


def test_delivery_report_of_a_real_mail_server_is_read(postfix: Postfix):
    async def run() -> None:
        sink = Sink()
        adapter = adapter_for(postfix, sink, notify="SUCCESS,FAILURE")
        await adapter.open()
        outgoing = message_to("wangwei@borrower.example", "Paid, thank you.")
        await adapter.send([outgoing])
        await until(lambda: bool(sink.receipts))
        assert (sink.receipts[0].status, sink.receipts[0].attempt_id) == (
            ReceiptStatus.DELIVERED,
            outgoing.attempt_id,
        )
        assert sink.receipts[0].occurred_at is None or sink.receipts[0].occurred_at.tzinfo is not None
        await adapter.close()

    asyncio.run(run())


def test_refusals_at_the_door_are_told_apart(postfix: Postfix):
    async def run() -> None:
        adapter = adapter_for(postfix, Sink())
        await adapter.open()
        outcomes = await adapter.send(
            [message_to("refused@borrower.example"), message_to("busy@borrower.example")]
        )
        assert isinstance(outcomes[0], Refused) and outcomes[0].permanent and outcomes[0].code == "5.1.1"
        assert isinstance(outcomes[1], Throttled) and outcomes[1].code == "4.3.2"
        await adapter.close()

    asyncio.run(run())


def test_signature_holds_after_a_real_mail_server_carried_the_message(postfix: Postfix):
    key = rsa.generate_private_key(65537, 2048)
    text = "尊敬的王伟：\n\n本期应还 1,500.00 元。\n.\n..two dots\n  trailing blanks   \n\n\n"

    async def run() -> None:
        signing = {"domain": "lender.example", "selector": "d1", "private_key": pem(key)}
        adapter = adapter_for(postfix, Sink(), dkim=[signing])
        await adapter.open()
        outgoing = message_to(
            "wangwei@borrower.example",
            text,
            html="<p>本期应还 <b>1,500.00</b> 元</p>",
            headers={"List-Unsubscribe": "<https://lender.example/u/abc>"},
        )
        before = set(arrived(postfix.inbox))
        await adapter.send([outgoing])
        await until(lambda: len(set(arrived(postfix.inbox)) - before) == 1)
        (path,) = set(arrived(postfix.inbox)) - before
        octets = path.read_bytes().replace(b"\n", b"\r\n")
        assert dkim.verify(octets, dnsfunc=lambda name, timeout=5: dns_record(key))
        message = email.message_from_bytes(octets, policy=email.policy.default)
        body = message.get_body(("plain",))
        assert body is not None and body.get_content().replace("\r\n", "\n").rstrip() == text.rstrip()
        assert message["From"] == "远东消费金融 <reminders@lender.example>"
        assert message["Date"].datetime == NOW
        await adapter.close()

    asyncio.run(run())
