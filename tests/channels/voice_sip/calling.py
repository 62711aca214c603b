"""Calls to the sandbox's telephones, and what was heard there."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from duecourse.channels.registry import build
from duecourse.channels.sandbox.process import SandboxProcess
from duecourse.channels.voice.sound import Samples, samples_of
from duecourse.channels.voice.speech import EspeakSpeech
from duecourse.domain.messaging import Accepted, Adapter, Outcome, Outgoing, Receipt, Unknown, VoiceScript

from ..conformance import Journal, Sink, message_to, send_until_taken, until

SPEECH = EspeakSpeech(words_per_minute=160)
SCRIPT = VoiceScript(
    greeting="Acme Bank. If you are Wang Wei press one",
    notice="Your payment of $980.00 is due on March 3.",
    voicemail="Please call Acme Bank",
)
QUICK = {
    "speech": {"engine": "espeak", "words_per_minute": 160},
    "response_seconds": 60,
    "ring_seconds": 60,
    "key_seconds": 2,
    "greetings": 2,
    "repeats": 1,
    "shortest_seconds": 1,
    "line_wait_seconds": 60,
}


@dataclass
class Called:
    """What became of one call."""

    outcome: Outcome
    receipts: list[Receipt] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    call: dict[str, Any] = field(default_factory=dict)
    """The journal's last word on it."""
    heard: Samples = field(default_factory=lambda: np.zeros(0))

    @property
    def told(self) -> list[tuple[str, str, str]]:
        """Status, code and cause of each receipt, without that of the recording."""
        return [
            (each.status.value, each.code, each.cause.value)
            for each in self.receipts
            if each.code != "recorded"
        ]


def person(ending: str, index: int = 0) -> str:
    return f"+86139{index:04d}{ending}"


def a_call(address: str, script: VoiceScript = SCRIPT, **changes: Any) -> Outgoing:
    return message_to(address, script.notice, **{"script": script, "language": "en"} | changes)


async def with_adapter(
    settings: dict[str, Any], body: Callable[[Adapter, Sink], Awaitable[None]], sink: Sink | None = None
) -> None:
    """Run `body` with an open adapter, and close it."""
    sink = sink or Sink()
    adapter = build("voice.sip", "under-test", settings, sink.on_receipts, sink.on_reply)
    await adapter.open()
    try:
        await body(adapter, sink)
    finally:
        await asyncio.wait_for(adapter.close(), 30)


async def until_over(adapter: Adapter, journal: Journal, count: int, lines: int = 1) -> list[dict[str, Any]]:
    """How so many calls ended, once they have, no line has a call, and all that was told is committed.

    Each side knows of the end in its own time: that one of them does says nothing of the other.
    """
    await until(lambda: len(ended(journal)) >= count, 90)
    await until(lambda: adapter.window == lines, 90)
    await adapter.drain()
    return ended(journal)


def ended(journal: Journal) -> list[dict[str, Any]]:
    """The "ended" events of the calls since its mark: one that an earlier test began may end late."""
    begun = {each["id"] for each in of(journal, "call")}
    return [each for each in of(journal, "ended") if each["id"] in begun]


def of(journal: Journal, event: str) -> list[dict[str, Any]]:
    """Its events of one kind."""
    return [each for each in journal.events() if each["event"] == event]


def calls(sandbox: SandboxProcess, outgoings: list[Outgoing], **changes: Any) -> dict[str, Called]:
    """Make these calls, as many at once as there are lines, to their ends; by the last four digits."""
    called: dict[str, Called] = {}
    journal = Journal(sandbox.log)
    journal.set_mark()

    async def one(adapter: Adapter, outgoing: Outgoing) -> None:
        called[outgoing.address[-4:]] = Called(await send_until_taken(adapter, outgoing, 60))

    async def body(adapter: Adapter, sink: Sink) -> None:
        await asyncio.gather(*(one(adapter, outgoing) for outgoing in outgoings))
        rang = [each for each in called.values() if isinstance(each.outcome, Accepted | Unknown)]
        over = await until_over(adapter, journal, len(rang), len(outgoings))
        for outgoing in outgoings:
            mine = called[outgoing.address[-4:]]
            mine.receipts = [each for each in sink.receipts if each.attempt_id == outgoing.attempt_id]
            mine.keys = [each.text for each in sink.replies if each.attempt_id == outgoing.attempt_id]
            mine.call = next((each for each in over if each["to"] == outgoing.address), {})
            if mine.call.get("heard"):
                mine.heard = samples_of((sandbox.folder / "heard" / mine.call["heard"]).read_bytes())

    settings = sandbox.settings("voice.sip") | QUICK | {"lines": len(outgoings)} | changes
    asyncio.run(with_adapter(settings, body))
    return called


def hears(sound: Samples, text: str, language: str = "en", speech: EspeakSpeech = SPEECH) -> bool:
    """Whether a text was said in it, whole: the sound of it stands there, as far as a telephone keeps it."""
    wanted = speech.say(text, language)
    if len(sound) < len(wanted):
        return False
    size = 1 << (len(sound) + len(wanted)).bit_length()
    product = np.fft.irfft(np.fft.rfft(sound, size) * np.conj(np.fft.rfft(wanted, size)), size)
    total = np.concatenate([[0.0], np.cumsum(sound**2)])
    energy = total[len(wanted) :] - total[: -len(wanted)]
    likeness = product[: len(energy)] / (np.sqrt(np.maximum(energy, 1e-6)) * np.linalg.norm(wanted))
    return float(likeness.max()) > 0.8
