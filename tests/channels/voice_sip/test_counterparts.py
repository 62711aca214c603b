"""Against telephones that others wrote."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from duecourse.domain.messaging import Accepted, Adapter, ReceiptStatus, Refused

from ..conformance import Sink, send_until_taken, until
from ..counterparts import program
from ..counterparts.telephones import AnsweringBaresip, Sipp
from .calling import QUICK, SCRIPT, a_call, hears, with_adapter

NUMBER = "+8613812345678"
BUSY_AFTER_CHALLENGE = """<?xml version="1.0" encoding="ISO-8859-1" ?>
<scenario name="busy, after a challenge">
  <recv request="INVITE" crlf="true"/>
  <send retrans="500"><![CDATA[
    SIP/2.0 407 Proxy Authentication Required
    [last_Via:]
    [last_From:]
    [last_To:];tag=[pid]a[call_number]
    [last_Call-ID:]
    [last_CSeq:]
    Proxy-Authenticate: Digest realm="trunk", nonce="47364c23432d2e131a5fb210812c", algorithm=MD5
    Content-Length: 0
  ]]></send>
  <recv request="ACK"/>
  <recv request="INVITE">
    <action>
      <ereg regexp="username=.lender..*response=.[0-9a-f]+" search_in="hdr" header="Proxy-Authorization:"
        check_it="true" assign_to="proof"/>
    </action>
  </recv>
  <Reference variables="proof"/>
  <send retrans="500"><![CDATA[
    SIP/2.0 486 Busy Here
    [last_Via:]
    [last_From:]
    [last_To:];tag=[pid]b[call_number]
    [last_Call-ID:]
    [last_CSeq:]
    Content-Length: 0
  ]]></send>
  <recv request="ACK"/>
</scenario>
"""


def trunk(port: int, **changes: object) -> dict[str, object]:
    return (
        QUICK
        | {
            "host": "127.0.0.1",
            "port": port,
            "caller": "4001234567",
            "local_address": "127.0.0.1",
            "lines": 1,
        }
        | changes
    )


@pytest.mark.parametrize("encrypted", [False, True], ids=["clear", "srtp"])
def test_another_user_agent_hears_the_notice_after_its_key_and_its_keys_are_heard(
    tmp_path: Path, encrypted: bool
):
    program("espeak-ng")

    async def run() -> None:
        telephone = AnsweringBaresip(tmp_path / "telephone", NUMBER, encrypted=encrypted)
        await telephone.start()
        # However late a key comes on a busy machine, it is still waited for.
        settings = trunk(telephone.port, encrypt_sound=encrypted, key_seconds=30)

        async def body(adapter: Adapter, sink: Sink) -> None:
            assert isinstance(await send_until_taken(adapter, a_call(NUMBER), 60), Accepted)
            await telephone.until(lambda: hears(telephone.heard(), SCRIPT.greeting))
            await telephone.press("1")
            await telephone.until(lambda: hears(telephone.heard(), SCRIPT.notice) and len(sink.receipts) == 2)
            await telephone.press("9")
            await telephone.until(lambda: "CALL_CLOSED" in telephone.events and adapter.window == 1)
            await adapter.drain()
            assert [receipt.status for receipt in sink.receipts] == [
                ReceiptStatus.DELIVERED,
                ReceiptStatus.READ,
            ]
            assert [reply.text for reply in sink.replies] == ["9"]

        try:
            await with_adapter(settings, body)
        finally:
            await telephone.stop()
        assert not hears(telephone.heard(), SCRIPT.voicemail)

    asyncio.run(run())


def test_sipp_finds_the_whole_call_by_the_protocol(tmp_path: Path):
    program("baresip")

    async def body(adapter: Adapter, sink: Sink) -> None:
        assert isinstance(await send_until_taken(adapter, a_call(NUMBER, valid_for_seconds=3), 60), Accepted)
        await until(lambda: bool(sink.receipts), 30)
        assert [receipt.code for receipt in sink.receipts] == ["no-key"]

    with Sipp(tmp_path) as sipp:
        asyncio.run(with_adapter(trunk(sipp.port), body))
        assert sipp.verdict() == 0


def test_sipp_is_given_a_proof_of_the_password_and_its_busy_is_heard(tmp_path: Path):
    program("baresip")

    async def body(adapter: Adapter, sink: Sink) -> None:
        outcome = await send_until_taken(adapter, a_call(NUMBER), 60)
        assert isinstance(outcome, Refused) and (outcome.code, outcome.cause) == ("486", "busy")

    with Sipp(tmp_path, BUSY_AFTER_CHALLENGE) as sipp:
        asyncio.run(with_adapter(trunk(sipp.port, username="lender", password="geheim"), body))
        assert sipp.verdict() == 0
