"""What every adapter owes dispatch. A new adapter adds a module with its `CASES` to `cases`; the
rules are in test_conformance.py."""

from __future__ import annotations

import asyncio
import hashlib
import json
import socket
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from duecourse.channels.registry import build
from duecourse.channels.sandbox.process import SandboxProcess
from duecourse.channels.sandbox.rules import NUMBER_ENDINGS, Behaviour
from duecourse.domain.messaging import (
    Adapter,
    NotWritten,
    Outcome,
    Outgoing,
    Receipt,
    ReceiptStatus,
    Registered,
    Reply,
    VoiceScript,
)

RESPONSE_SECONDS = 20
"""What cases configure: more than a busy machine keeps anything waiting."""
SILENT_SECONDS = 0.6
"""`response_seconds` where a test waits for an answer that never comes."""


class Sink:
    """A receipt and reply sink that keeps what it was given, and can be told to fail or to take its time."""

    def __init__(self) -> None:
        self.receipts: list[Receipt] = []
        self.replies: list[Reply] = []
        self.failures_left = 0
        self.failed = 0
        self.lost_replies = 0
        """How many are kept with no answer to whom they came from."""
        self.gate: asyncio.Event | None = None
        self.entered = asyncio.Event()

    async def on_receipts(self, name: str, receipts: Sequence[Receipt]) -> None:
        self.entered.set()
        if self.gate is not None:
            await self.gate.wait()
        if self.failures_left:
            self.failures_left -= 1
            self.failed += 1
            raise RuntimeError("the store is away")
        self.receipts.extend(receipts)

    async def on_reply(self, reply: Reply) -> None:
        self.replies.append(reply)
        if self.lost_replies:
            self.lost_replies -= 1
            raise OSError("stored, and nobody was told")


def message_to(address: str, text: str = "Your payment is due.", **changes: Any) -> Outgoing:
    """One attempt."""
    return Outgoing(attempt_id=uuid4(), address=address, text=text, subject="Payment due", **changes)


@dataclass(frozen=True)
class Case:
    """One adapter and the far end it is judged against."""

    kind: str
    config: Callable[[SandboxProcess], dict[str, Any]]
    address: Callable[[Behaviour, int], str]
    """An address that behaves so; the index makes it another person's."""
    message: Callable[..., Outgoing] = message_to
    """(address, text, **changes): one attempt as this channel needs it."""
    takes_event: str = "taken"
    """Name of the journal's event when the far end took a message whole."""
    text_key: str = "text_sha256"
    """Where that event holds the digest of the whole text; null for a part."""
    delivered: ReceiptStatus = ReceiptStatus.DELIVERED
    """The receipt of a message that arrives."""
    tells_delivery: bool = True
    """Whether receipts come. Where none do, accepted is all one ever hears."""
    tells_failure: bool = True
    """Whether a receipt says so when a message did not arrive; some providers tell of arrivals alone."""
    tells_dead: bool = True
    """Whether such a receipt tells a dead address from one that is only out of reach."""
    acknowledges: bool = True
    """Whether receipts are acknowledged to the provider; False where we only ask for them."""
    free_text: bool = True
    """Whether the text itself is handed over, whatever it is; False for templates filled in by the provider."""
    lacks: frozenset[Behaviour] = frozenset()
    """What no address of this channel can be made to do."""
    needs_peer: bool = True
    """False where a message is handed over to a folder or a table: nobody need be there to answer."""
    size: float = 0.3
    """Share of the usual crowds of messages: a call takes seconds where a message takes a moment."""
    mark: Callable[[Outgoing], str] = lambda outgoing: digest(outgoing.text)
    """What stands under `text_key` for a message."""
    acknowledged: Callable[[SandboxProcess, list[dict[str, Any]]], int] | None = None
    """How many receipts the far end knows to be in our hands; None counts its "acknowledged" events."""

    def many(self, usual: int) -> int:
        """So many messages, where others take `usual`."""
        return max(1, round(usual * self.size))

    def in_hand(self, sandbox: SandboxProcess, events: list[dict[str, Any]]) -> int:
        """Receipts that the far end knows to be in our hands."""
        if self.acknowledged is not None:
            return self.acknowledged(sandbox, events)
        return sum(each["event"] == "acknowledged" and each["kind"] == self.kind for each in events)


@dataclass
class Journal:
    """The far end's own account, from a mark on."""

    path: Path
    mark: int = field(default=0)

    def set_mark(self) -> None:
        self.mark = self.path.stat().st_size if self.path.exists() else 0

    def events(self) -> list[dict[str, Any]]:
        if not self.path.exists():
            return []
        octets = self.path.read_bytes()[self.mark :]
        return [json.loads(line) for line in octets.splitlines() if line.endswith(b"}")]


def number(behaviour: Behaviour, index: int) -> str:
    ending = next((e for e, b in NUMBER_ENDINGS.items() if b is behaviour), f"{1000 + index % 9000}")
    return f"+86138{index:04d}{ending}"


def registered_message(address: str, text: str = "Your payment is due.", **changes: Any) -> Outgoing:
    """One attempt whose text a provider fills into an approved template; the sandbox's template is its values."""
    registered = Registered(template="TEMPLATE_1", signature="远东消费金融", values=(("text", text),))
    return message_to(address, text, registered=registered, **changes)


def call_to(address: str, text: str = "Your payment is due.", **changes: Any) -> Outgoing:
    """One call whose notice is the text."""
    script = VoiceScript(
        "This is Far East Finance. The call is recorded. Are you the person named? Press 1.",
        text,
        "This is Far East Finance. Please call us back.",
        "Press 1 if you have heard us.",
    )
    return message_to(address, text, script=script, language="en", **changes)


def call_that_says(address: str, text: str = "Your payment is due.", **changes: Any) -> Outgoing:
    """One call of a provider that cannot ask who listens: the text is what anybody may hear."""
    return message_to(address, text, script=VoiceScript("Hello.", "You owe 1234.56.", text), **changes)


def adapter_of(case: Case, sandbox: SandboxProcess, sink: Sink, **changes: Any) -> Adapter:
    """The adapter under test, configured for the sandbox."""
    config = case.config(sandbox) | changes
    return build(case.kind, "under-test", config, sink.on_receipts, sink.on_reply, lambda: datetime.now(UTC))


def taken(case: Case, events: Iterable[dict[str, Any]]) -> list[str]:
    """Text digests of the messages the far end took whole, in its order."""
    key = case.text_key
    return [e[key] for e in events if e["event"] == case.takes_event and e[key] is not None]


def free_port() -> int:
    """A port of loopback that nobody has now."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


async def send_until_taken(adapter: Adapter, outgoing: Outgoing, seconds: float = 30) -> Outcome:
    """Send as dispatch would: again as long as nothing was written."""
    async with asyncio.timeout(seconds):
        while True:
            (outcome,) = await adapter.send([outgoing])
            if not isinstance(outcome, NotWritten):
                return outcome
            await asyncio.sleep(0.05)


async def until(condition: Callable[[], bool], seconds: float = 30) -> None:
    """Wait for what the far end does in its own time."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)
