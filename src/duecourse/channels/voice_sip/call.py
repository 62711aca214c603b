"""One call: dialled, rung, talked through, recorded, told of."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from duecourse.channels.voice.sound import RATE, Samples, samples_of, seconds_of, silence, wav_of
from duecourse.channels.voice_sip import codes
from duecourse.channels.voice_sip.detector import Detector, Heard
from duecourse.channels.voice_sip.dialogue import (
    Action,
    BeQuiet,
    Dialogue,
    HangUp,
    Manners,
    Part,
    Pressed,
    Say,
    State,
    Tell,
    Told,
    Wait,
)
from duecourse.channels.voice_sip.line import Event, Line, LineLostError
from duecourse.domain.messaging import (
    Accepted,
    Cause,
    NotWritten,
    Outcome,
    Outgoing,
    Receipt,
    ReceiptStatus,
    Unknown,
)

log = logging.getLogger(__name__)

TAIL_SECONDS: Final = 10.0
"""Silence at the end of every prompt beyond the time a key is waited for; at its end baresip would hang up."""
UNREACHABLE: Final = "the exchange cannot be reached"
_LISTEN_SECONDS: Final = 0.1
_AFTER_PROMPT_SECONDS: Final = 0.1
_CLOSE_SECONDS: Final = 3.0
_HEADER: Final = 44
_SENDING_SECONDS: Final = 30.0
"""How much longer than it lasts a prompt may take to be sent: so far behind is no telephone, or its disk is full."""
_NOT_CONNECTED: Final = re.compile(
    r"connection refused|no route to host|network is unreachable", re.IGNORECASE
)
"""Of the user agent's reasons only these say that nothing was written: a connection that died after the INVITE ends as
"no such file", since there is no other address to try.
"""
_RECEIPTS: Final[Mapping[Told, Receipt]] = {
    Told.ANSWERED: Receipt(ReceiptStatus.DELIVERED, "no-key"),
    Told.CONFIRMED: Receipt(ReceiptStatus.DELIVERED, "confirmed"),
    Told.HEARD: Receipt(ReceiptStatus.READ, "heard"),
    Told.STOPPED: Receipt(ReceiptStatus.DELIVERED, "stopped"),
    Told.WRONG_PARTY: Receipt(ReceiptStatus.FAILED, "wrong-party", cause=Cause.WRONG_PARTY),
    Told.MACHINE: Receipt(ReceiptStatus.FAILED, "machine", cause=Cause.VOICEMAIL),
}
_RANG_OUT: Final = Receipt(ReceiptStatus.FAILED, "rang-out", cause=Cause.NO_ANSWER)
_CUT_OFF: Final = Receipt(ReceiptStatus.FAILED, "cut-off", cause=Cause.NO_ANSWER)
_LINE_LOST: Final = Receipt(ReceiptStatus.FAILED, "line-lost")


@dataclass(frozen=True, slots=True)
class CallLimits:
    """How long a call may take. Seconds."""

    response_seconds: float
    """From the INVITE to a first sign of the exchange; later the outcome is Unknown."""
    ring_seconds: float
    call_seconds: float
    """From the answer to the end."""
    machine_seconds: float
    """How long a machine's words are waited out."""
    throttle_pause_seconds: float
    first_write_seconds: float
    """Within this time of dialling nothing is written twice. Over UDP the INVITE is sent again after half a second: a
    refusal then may be of the second, when the first was taken.
    """
    manners: Manners


class Call:
    """One attempt on one line."""

    def __init__(
        self,
        outgoing: Outgoing,
        prompts: Mapping[Part, Samples],
        limits: CallLimits,
        tell: Callable[[Receipt], None],
        press: Callable[[str], None],
    ) -> None:
        """tell: called with each receipt, which names no attempt yet; press: with each key that answers."""
        self.outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self.is_answered = False
        self._outgoing = outgoing
        self._prompts = prompts
        self._limits = limits
        self._tell = tell
        self._press = press
        self._events: asyncio.Queue[Event] = asyncio.Queue()
        self._dialogue = Dialogue(limits.manners, explains_keys=Part.REPEAT in prompts)
        self._detector = Detector()
        self._listened = _HEADER
        self._heard_early = False
        self._said_at: float | None = None
        self._sent_at_said = 0
        self._sent_until = 0.0
        self._wait_until: float | None = None
        self._is_over = False
        self._is_done = False

    def on_event(self, event: Event) -> None:
        """What the line tells while this call has it."""
        if not self._is_done:
            self._events.put_nowait(event)

    def hang_up(self) -> None:
        """End it before its time: the worker stops."""
        self.on_event(Event("STOP", ""))

    async def caught_up(self) -> None:
        """Return once what the line has told so far has been taken."""
        await self._events.join()

    async def run(self, line: Line, uri: str) -> None:
        """Make the call; returns when it is over. `outcome` is set on the way.

        A line that does not do as it is told is ended, lest the next call speak to the one it still has.
        """
        try:
            await self._run(line, uri)
        except LineLostError:
            self._lost()
            await line.stop()
        finally:
            if not self.outcome.done():
                self.outcome.set_result(Unknown("the call was cut off"))
            self._is_done = True
            while not self._events.empty():
                self._events.get_nowait()
                self._events.task_done()

    async def _run(self, line: Line, uri: str) -> None:
        try:
            # It would begin with what it last played, and that may be a notice: to whoever picks up, or while it rings.
            await self._play(line, line.folder / "quiet.wav")
        except LineLostError:
            self._settle(NotWritten("the line is not up"))
            await line.stop()
            return
        if time.monotonic() >= self._outgoing.write_before:
            self._settle(NotWritten("its time to be handed over had passed"))
            return
        began = time.monotonic()
        try:
            answer = line.write_command("dial", uri)
        except LineLostError:
            self._settle(NotWritten("the line is not up"))
            return
        try:
            if await self._ring(line, began):
                await self._talk(line, began + self._outgoing.valid_for_seconds)
        finally:
            answer.cancel()

    async def _next(self, until: float) -> Event | None:
        try:
            async with asyncio.timeout_at(until):
                return await self._events.get()
        except TimeoutError:
            return None

    # Ringing

    async def _ring(self, line: Line, began: float) -> bool:
        """Whether somebody picked up."""
        limits = self._limits
        rings_until = began + min(limits.ring_seconds, self._outgoing.valid_for_seconds)
        while True:
            until = rings_until if self.outcome.done() else began + limits.response_seconds
            event = await self._next(min(until, rings_until))
            if event is None:
                if time.monotonic() < rings_until:
                    self._settle(
                        Unknown("no sign of the exchange")
                    )  # the call goes on: a receipt tells its end
                    continue
                self._settle(Unknown("no sign of the exchange"))
                await self._cancel(line)
                self._tell(_RANG_OUT)
                return False
            try:
                match event.kind:
                    case "CALL_RINGING" | "CALL_PROGRESS":
                        self._heard_early = self._heard_early or event.kind == "CALL_PROGRESS"
                        self._settle(Accepted(self._outgoing.attempt_id.hex))
                    case "CALL_ESTABLISHED":
                        self._settle(Accepted(self._outgoing.attempt_id.hex))
                        self.is_answered = True
                        return True
                    case "CALL_CLOSED":
                        self._not_answered(event.parameter, time.monotonic() - began)
                        return False
                    case "STOP":
                        await self._cancel(line)
                        self._settle(Unknown("the worker stopped"))
                        self._tell(_CUT_OFF)
                        return False
                    case "LOST":
                        raise LineLostError("while ringing")
            finally:
                self._events.task_done()

    def _not_answered(self, reason: str, after_seconds: float) -> None:
        code = codes.code_in(reason)
        if self.outcome.done():
            self._tell(codes.failure(code) if code else Receipt(ReceiptStatus.FAILED, "closed"))
        elif code is not None:
            self._settle(codes.outcome(code, self._limits.throttle_pause_seconds))
        elif _NOT_CONNECTED.search(reason) and after_seconds < self._limits.first_write_seconds:
            self._settle(NotWritten(UNREACHABLE))
        else:
            self._settle(Unknown("the line to the exchange died"))

    async def _cancel(self, line: Line) -> None:
        """Hang up, and wait until the user agent says that it is done."""
        line.write_command("hangup").add_done_callback(_looked_at)
        until = time.monotonic() + _CLOSE_SECONDS
        while (event := await self._next(until)) is not None:
            self._events.task_done()
            if event.kind in ("CALL_CLOSED", "LOST"):
                return
        raise LineLostError("it does not hang up")

    def _settle(self, outcome: Outcome) -> None:
        if not self.outcome.done():
            self.outcome.set_result(outcome)

    def _lost(self) -> None:
        if not self.outcome.done():
            self._settle(Unknown("the user agent ended"))
        elif self.is_answered:
            for action in self._dialogue.closed():
                if isinstance(action, Tell):
                    self._tell(_RECEIPTS[action.what])
        else:
            self._tell(_LINE_LOST)

    # Talking

    async def _talk(self, line: Line, window_ends: float) -> None:
        ends = min(time.monotonic() + self._limits.call_seconds, window_ends)
        if self._heard_early and (files := line.sound_files("dec")):
            self._listened = files[-1].stat().st_size  # what rang before is not what is said
        await self._do(line, self._dialogue.answered())
        while not self._is_over:
            listens = self._dialogue.state in (State.GREETING, State.MACHINE)
            due = [ends, *(at for at in (self._said_at, self._wait_until) if at is not None)]
            if listens:
                due.append(time.monotonic() + _LISTEN_SECONDS)
            event = await self._next(min(due))
            try:
                if event is not None:
                    await self._told(line, event)
            finally:
                if event is not None:
                    self._events.task_done()
            if self._is_over:
                break
            await self._on_time(line, ends)
            if listens and not self._is_over:
                await self._listen(line)

    async def _told(self, line: Line, event: Event) -> None:
        match event.kind:
            case "CALL_DTMF_START":
                await self._do(line, self._dialogue.key(event.parameter, time.monotonic()))
            case "CALL_CLOSED":
                await self._do(line, self._dialogue.closed())
                self._is_over = True
            case "STOP":
                await self._do(line, [*self._dialogue.closed(), HangUp()])
            case "LOST":
                raise LineLostError("while talking")

    async def _on_time(self, line: Line, ends: float) -> None:
        now = time.monotonic()
        if now >= ends:
            await self._do(line, [*self._dialogue.closed(), HangUp()])
        elif self._said_at is not None and now >= self._said_at:
            missing = (self._sent_at_said - _sent(line)) / RATE
            if missing > 0 and now < self._sent_until:
                # The machine is busy: what is not yet sent is not yet said.
                self._said_at = now + missing
                return
            self._said_at = None
            await self._do(line, self._dialogue.said())
        elif self._wait_until is not None and now >= self._wait_until:
            self._wait_until = None
            machine = self._dialogue.state is State.MACHINE
            await self._do(line, self._dialogue.machine_waits() if machine else self._dialogue.waited())

    async def _listen(self, line: Line) -> None:
        """Look at what was heard since the last time."""
        files = line.sound_files("dec")
        if not files:
            return
        with files[-1].open("rb") as file:
            file.seek(self._listened)
            octets = file.read()
        octets = octets[: len(octets) - len(octets) % 2]
        self._listened += len(octets)
        for heard in self._detector.feed(np.frombuffer(octets, "<i2") / 32768):
            machine = heard is Heard.MACHINE
            await self._do(line, self._dialogue.machine() if machine else self._dialogue.machine_waits())

    async def _do(self, line: Line, actions: list[Action]) -> None:
        for action in actions:
            match action:
                case Say(part):
                    path, prompt, sent = self._prompt(line, part), self._prompts[part], _sent(line)
                    await self._play(line, path)
                    self._said_at = time.monotonic() + seconds_of(prompt) + _AFTER_PROMPT_SECONDS
                    self._sent_at_said = sent + len(prompt)
                    self._sent_until = self._said_at + _SENDING_SECONDS
                    self._wait_until = None
                case BeQuiet():
                    await self._play(line, line.folder / "quiet.wav")
                    self._said_at = None
                    self._wait_until = time.monotonic() + self._limits.machine_seconds
                case Wait(seconds):
                    self._wait_until = time.monotonic() + seconds
                case Tell(what):
                    self._tell(_RECEIPTS[what])
                case Pressed(key):
                    self._press(key)
                case HangUp():
                    self._is_over = True
                    await self._cancel(line)

    def _prompt(self, line: Line, part: Part) -> Path:
        """The file of a part, written when it is first said: most calls need few of them."""
        path = line.folder / f"say-{part}.wav"
        if not path.exists():
            tail = silence(self._limits.manners.key_seconds + TAIL_SECONDS)
            path.touch(mode=0o600)
            path.write_bytes(wav_of(np.concatenate([self._prompts[part], tail])))
        return path

    async def _play(self, line: Line, path: Path) -> None:
        answer = await line.command("ausrc", f"aufile,{path}")
        if "failed" in answer:
            raise LineLostError("it plays nothing")


def _sent(line: Line) -> int:
    """Samples of this call's sound that went out so far."""
    return sum(max(0, path.stat().st_size - _HEADER) for path in line.sound_files("enc")) // 2


def recorded(line: Line, folder: Path, name: str) -> str:
    """Keep a call's sound, ours on the left and theirs on the right; returns `PATH sha256:DIGEST`, '' without sound.

    PATH is below `folder`, whose files only this user can read. Blocks; raises OSError.
    """
    sides = []
    for direction in ("enc", "dec"):
        pieces = [samples_of(path.read_bytes()) for path in line.sound_files(direction)]
        sides.append(np.concatenate(pieces) if pieces else np.zeros(0))
    if max(map(len, sides)) < RATE // 10:
        return ""
    wav = wav_of(*sides)
    path = folder / name[:2] / f"{name}.wav"
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.touch(mode=0o600)
    path.write_bytes(wav)
    return f"{path.relative_to(folder)} sha256:{hashlib.sha256(wav).hexdigest()}"


def _looked_at(answer: asyncio.Future[str]) -> None:
    if not answer.cancelled():
        answer.exception()
