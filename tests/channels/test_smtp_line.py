"""What is told of a message when the mail server behaves badly at each step of the dialogue."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from duecourse.channels.registry import build
from duecourse.channels.smtp.line import xtext
from duecourse.domain.messaging import (
    Accepted,
    Cause,
    Deferred,
    NotWritten,
    Outcome,
    Outgoing,
    Refused,
    Throttled,
    Unknown,
)

from .conformance import Sink, message_to

ADDRESS = "wangwei@borrower.example"
PLAIN = {
    "EHLO": "250-test\r\n250-DSN\r\n250 ENHANCEDSTATUSCODES",
    "MAIL": "250 2.1.0 Ok",
    "RCPT": "250 2.1.5 Ok",
    "DATA": "354 Go on",
    ".": "250 2.0.0 Ok",
    "RSET": "250 2.0.0 Ok",
    "QUIT": "221 Bye",
}
CLOSE = "close the connection"
WAIT = "never answer"


class ScriptedRelay:
    """Answers each verb as told; `.` stands for the end of the text. Keeps the lines it heard."""

    def __init__(self, **answers: str) -> None:
        self.answers = PLAIN | {verb.replace("END", "."): answer for verb, answer in answers.items()}
        self.heard: list[str] = []
        self.connections = 0

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        writer.write(b"220 test\r\n")
        in_text = False
        while octets := await reader.readline():
            line = octets.decode().rstrip("\r\n")
            if in_text and line != ".":
                continue
            in_text = False
            self.heard.append(line)
            answer = self.answers.get(line.split(" ")[0].split(":")[0].upper(), "500 What?")
            if answer == CLOSE:
                break
            if answer == WAIT:
                await asyncio.sleep(3)
                break
            in_text = answer.startswith("354")
            writer.write(answer.encode() + b"\r\n")
        writer.close()


def outcomes_against(
    relay: ScriptedRelay, messages: list[Outgoing], **config: Any
) -> tuple[list[Outcome], float]:
    """Outcomes of one batch and how long it took."""

    async def run() -> tuple[list[Outcome], float]:
        server = await asyncio.start_server(relay.talk, "127.0.0.1", 0)
        settings = {
            "host": "127.0.0.1",
            "port": server.sockets[0].getsockname()[1],
            "security": "none",
            "from_address": "reminders@lender.example",
            "return_path": "bounces@lender.example",
            "response_seconds": 0.5,
            "connections": 1,
        } | config
        sink = Sink()
        adapter = build("email.smtp", "relay", settings, sink.on_receipts, sink.on_reply)
        await adapter.open()
        began = time.monotonic()
        outcomes = list(await adapter.send(messages))
        took = time.monotonic() - began
        await adapter.close()
        server.close()
        return outcomes, took

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("answers", "outcome"),
    [
        ({"MAIL": CLOSE}, NotWritten),
        ({"RCPT": CLOSE}, NotWritten),
        ({"DATA": CLOSE}, NotWritten),
        ({"DATA": WAIT}, NotWritten),
        ({"END": CLOSE}, Unknown),
        ({"END": WAIT}, Unknown),
        ({"END": "gibberish"}, Unknown),
        ({"QUIT": CLOSE}, Accepted),
    ],
    ids=str,
)
def test_text_that_may_have_been_taken_is_unknown_and_nothing_else_is(answers: dict[str, str], outcome: type):
    outcomes, _ = outcomes_against(ScriptedRelay(**answers), [message_to(ADDRESS)])
    assert [type(each) for each in outcomes] == [outcome]


@pytest.mark.parametrize(
    ("answers", "outcome"),
    [
        (
            {"RCPT": "550 5.1.1 <wangwei@borrower.example> unknown"},
            Refused("5.1.1", "no such mailbox", True, Cause.DEAD),
        ),
        ({"RCPT": "550 no such user here"}, Refused("550", "reply 550", False)),
        ({"RCPT": "550 5.7.1 blocked"}, Refused("5.7.1", "delivery is not authorised", False, Cause.BLOCKED)),
        ({"RCPT": "452 4.2.2 full"}, Refused("4.2.2", "the mailbox is full", False, Cause.FULL)),
        ({"MAIL": "550 5.7.23 SPF"}, Refused("5.7.23", "SPF did not pass", False, Cause.BLOCKED)),
        (
            {"END": "554 5.7.1 looks like spam"},
            Refused("5.7.1", "delivery is not authorised", False, Cause.BLOCKED),
        ),
        ({"END": "451 4.3.0 later"}, Deferred("4.3.0", "trouble in the mail system")),
        ({"MAIL": "421 4.7.0 slow down"}, Throttled("421", 30)),
        ({"RCPT": "450 4.7.1 greylisted"}, Throttled("4.7.1", 30)),
        ({"DATA": "451 4.3.2 closing for a while"}, Throttled("4.3.2", 30)),
    ],
    ids=lambda value: " ".join(value.values()) if isinstance(value, dict) else "",
)
def test_refusals_are_classed_by_their_enhanced_status(answers: dict[str, str], outcome: Outcome):
    outcomes, _ = outcomes_against(ScriptedRelay(**answers), [message_to(ADDRESS)])
    assert outcomes == [outcome]


def test_refused_message_does_not_cost_the_next_its_connection():
    relay = ScriptedRelay(RCPT="550 5.1.1 no")
    outcomes, _ = outcomes_against(relay, [message_to(ADDRESS), message_to(ADDRESS)])
    assert [type(outcome) for outcome in outcomes] == [Refused, Refused]
    assert relay.connections == 1


def test_relay_that_asks_everybody_to_wait_hears_nothing_more():
    relay = ScriptedRelay(MAIL="421 closing")
    outcomes, _ = outcomes_against(relay, [message_to(ADDRESS) for _ in range(5)])
    assert [type(outcome) for outcome in outcomes] == [Throttled] + [NotWritten] * 4
    assert relay.connections == 1


def test_relay_that_cannot_be_reached_costs_a_batch_one_attempt():
    async def run() -> None:
        sink = Sink()
        settings = {"host": "127.0.0.1", "port": 1, "security": "none", "from_address": "a@lender.example"}
        adapter = build("email.smtp", "relay", settings, sink.on_receipts, sink.on_reply)
        await adapter.open()
        outcomes = await adapter.send([message_to(ADDRESS) for _ in range(1000)])
        assert {type(outcome) for outcome in outcomes} == {NotWritten}
        await adapter.close()

    asyncio.run(run())


def test_message_whose_time_passes_during_the_dialogue_is_not_written():
    relay = ScriptedRelay()

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.3)
        await ScriptedRelay.talk(relay, reader, writer)

    relay.talk = slow  # type: ignore[method-assign]
    outcomes, _ = outcomes_against(relay, [message_to(ADDRESS, write_before=time.monotonic() + 0.2)])
    assert [type(outcome) for outcome in outcomes] == [NotWritten]
    assert "DATA" not in relay.heard


def test_message_whose_time_passes_before_the_server_wants_the_text_is_not_written():
    relay = ScriptedRelay()

    class Late(dict[str, str]):
        def get(self, verb: str, default: str = "") -> str:  # type: ignore[override]
            if verb == "DATA":
                time.sleep(0.3)  # the adapter shares the loop: its next look at the clock comes after
            return super().get(verb, default)

    relay.answers = Late(relay.answers)
    outcomes, _ = outcomes_against(relay, [message_to(ADDRESS, write_before=time.monotonic() + 0.2)])
    assert [type(outcome) for outcome in outcomes] == [NotWritten]
    assert "DATA" in relay.heard
    assert "." not in relay.heard


def test_envelope_carries_the_attempt_and_asks_for_reports():
    relay = ScriptedRelay()
    outgoing = message_to("wang+wei@borrower.example")
    outcomes_against(relay, [outgoing])
    attempt = outgoing.attempt_id.hex
    assert f"MAIL FROM:<bounces+{attempt}@lender.example> RET=HDRS ENVID={attempt}" in relay.heard
    assert (
        "RCPT TO:<wang+wei@borrower.example> NOTIFY=FAILURE,DELAY ORCPT=rfc822;wang+2Bwei@borrower.example"
        in relay.heard
    )


def test_reports_are_not_asked_of_a_server_that_does_not_offer_them():
    relay = ScriptedRelay(EHLO="250 test")
    outcomes_against(relay, [message_to(ADDRESS)], verp=False)
    assert "MAIL FROM:<bounces@lender.example>" in relay.heard
    assert f"RCPT TO:<{ADDRESS}>" in relay.heard


@pytest.mark.parametrize(
    ("offer", "outcome"), [("250-test\r\n250 SMTPUTF8", Accepted), ("250 test", Refused)]
)
def test_address_beyond_ascii_needs_a_server_that_takes_it(offer: str, outcome: type):
    relay = ScriptedRelay(EHLO=offer)
    outcomes, _ = outcomes_against(relay, [message_to("王伟@例子.example")])
    assert [type(each) for each in outcomes] == [outcome]
    if outcome is Accepted:
        assert any(line.startswith("RCPT TO:<王伟@xn--fsqu00a.example>") for line in relay.heard)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "wangwei",
        "a b@c.example",
        "a@b.example>\r\nDATA",
        "@b.example",
        "a@..b",
        "(@b.example",
        "a..b@c.example",
    ],
)
def test_what_is_no_address_never_reaches_the_server(address: str):
    relay = ScriptedRelay()
    outcomes, _ = outcomes_against(relay, [message_to(address)])
    assert outcomes == [Refused("5.1.3", outcomes[0].reason, True)]  # type: ignore[union-attr]
    assert relay.heard == []


@pytest.mark.parametrize(
    "headers", [{"X-A": "b\r\nBcc: c@d.example"}, {"From": "x@y.example"}, {"Content-Type": "a"}]
)
def test_headers_cannot_be_smuggled(headers: dict[str, str]):
    outcomes, _ = outcomes_against(ScriptedRelay(), [message_to(ADDRESS, headers=headers)])
    assert isinstance(outcomes[0], Refused) and not outcomes[0].permanent


def test_xtext_escapes_what_it_must():
    assert xtext("a+b=c d@é") == "a+2Bb+3Dc+20d@+C3+A9"


def test_password_in_clear_over_the_net_is_a_misconfiguration():
    settings = {
        "host": "mail.example",
        "security": "none",
        "username": "u",
        "password": "p",
        "from_address": "a@b.c",
    }
    build_error: Callable[[], object] = lambda: build(  # noqa: E731
        "email.smtp", "relay", settings, Sink().on_receipts, Sink().on_reply
    )
    with pytest.raises(Exception, match=r"never crosses the net in clear.*C002"):
        build_error()


def test_key_file_that_is_missing_is_a_misconfiguration(tmp_path: Path):
    dkim = [{"domain": "lender.example", "selector": "d1", "private_key_file": str(tmp_path / "none.pem")}]
    settings = {"host": "127.0.0.1", "from_address": "a@lender.example", "dkim": dkim}
    with pytest.raises(Exception, match="C003"):
        build("email.smtp", "relay", settings, Sink().on_receipts, Sink().on_reply)
