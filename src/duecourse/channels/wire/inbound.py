"""What a peer sends us: receipts and replies, answered only after they are committed.

One task takes everything that arrived together: one sink call for all receipts, then one write for each line with all
answers. When the sink fails, the peer is told, or left, to send it again, whichever its protocol has.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol, TypeAlias, TypeVar

from duecourse.channels.wire.frame import DecodeError, Frame
from duecourse.channels.wire.parts import Asked, Incoming, IncomingParts, PartReceipts, Whole
from duecourse.channels.wire.session import Session
from duecourse.domain.messaging import Receipt, ReceiptSink, Reply, ReplySink

log = logging.getLogger(__name__)

MOST_WAITING = 10_000
"""Above this the peer is told to come again later, so that memory stays bounded while the store is slow."""
REPLY_PATIENCE_SECONDS = 60.0
KEYS_REMEMBERED = 10_000


Heard: TypeAlias = tuple[Session, int]
"""A line and a sequence number of the peer on it."""
_Key = TypeVar("_Key")


class Verdict(Enum):
    """What becomes of a request of the peer."""

    TAKEN = auto()
    AGAIN = auto()  # not now: it shall come again
    NEVER = auto()  # unreadable: it shall not come again


class Interpreter(Protocol):
    """How one protocol says what Inbound takes."""

    repeats: bool
    """Whether the peer sends again, under the same sequence number, what it waited for too long."""
    notices: frozenset[int]
    """Commands that have no response and mean nothing here."""
    bringing: frozenset[int]
    """Commands that bring a receipt or a reply."""

    def read(self, frame: Frame) -> Receipt | Incoming | None:
        """What it brings; None for a receipt that names no message or no known state. Raises DecodeError."""

    def answer(self, frame: Frame, verdict: Verdict) -> tuple[int, bytes] | None:
        """Status and body of the response; None where silence says it."""


@dataclass(slots=True)
class InboundCounters:
    """Since the adapter was opened."""

    receipts: int = 0
    replies: int = 0
    refused: int = 0
    sink_failures: int = 0


class Inbound:
    """The queue between the sessions and the sinks."""

    def __init__(
        self,
        name: str,
        interpreter: Interpreter,
        parts: PartReceipts,
        on_receipts: ReceiptSink,
        on_reply: ReplySink,
    ) -> None:
        self.counters = InboundCounters()
        self.taken = 0
        self._name = name
        self._interpreter = interpreter
        self._parts = parts
        self._on_receipts = on_receipts
        self._on_reply = on_reply
        self._replies = IncomingParts(REPLY_PATIENCE_SECONDS)
        self._keys: OrderedDict[object, None] = OrderedDict()
        self._in_hand: set[Heard] = set()
        self._taken: OrderedDict[Heard, None] = OrderedDict()
        self._waiting: list[tuple[Session, list[Frame]]] = []
        self._queued = 0
        self._arrived = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin taking."""
        if self._task is None:
            self._task = asyncio.create_task(self._take(), name=f"inbound {self._name}")

    def put(self, session: Session, frames: Sequence[Frame]) -> None:
        """Requests of the peer, as they arrived."""
        interpreter = self._interpreter
        bringing, repeats = interpreter.bringing, interpreter.repeats
        room = MOST_WAITING - self._queued
        brought: list[Frame] = []
        for frame in frames:
            if frame.command in bringing:
                if repeats and not self._is_new(session, frame):
                    continue
                if len(brought) < room:
                    brought.append(frame)
                else:
                    self._answer(session, [frame], Verdict.AGAIN)
            elif frame.command not in interpreter.notices:
                session.refuse(frame)
        if brought:
            self.taken += len(brought)
            self._queued += len(brought)
            self._waiting.append((session, brought))
            self._idle.clear()
            self._arrived.set()

    def _is_new(self, session: Session, frame: Frame) -> bool:
        """Whether this is not the repetition of what is in hand, or was taken and its answer crossed it."""
        heard = (session, frame.sequence)
        if heard in self._taken:
            self._answer(session, [frame], Verdict.TAKEN)
            return False
        if heard in self._in_hand:
            return False
        self._in_hand.add(heard)
        return True

    async def idle(self) -> None:
        """Wait until nothing is queued or being committed. Replies that lack a part do not count."""
        await self._idle.wait()

    async def stop(self) -> None:
        """Commit and answer what arrived, then end."""
        await self.idle()
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _take(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(REPLY_PATIENCE_SECONDS / 4):
                    await self._arrived.wait()
            self._arrived.clear()
            batches, self._waiting, self._queued = self._waiting, [], 0
            await self._settle(batches)
            if not self._waiting:
                self._idle.set()

    async def _settle(self, batches: Sequence[tuple[Session, list[Frame]]]) -> None:
        receipts: list[Receipt] = []
        of_receipts: list[tuple[Session, list[Frame]]] = []
        replies: list[Whole] = []
        for session, frames in batches:
            if session.lost.done():
                # Nobody can answer what a former connection brought: the peer sends it again on another.
                self._in_hand.difference_update((session, frame.sequence) for frame in frames)
                continue
            read_here: list[Frame] = []
            for frame in frames:
                read = self._read(session, frame)
                if isinstance(read, Receipt):
                    read_here.append(frame)
                    combined = self._parts.combine(read)
                    if combined is not None:
                        receipts.append(combined)
                elif read is not None:
                    replies.extend(self._reply(read, Asked(session, frame)))
            of_receipts.append((session, read_here))
        await self._commit_receipts(receipts, of_receipts)
        replies.extend(self._replies.overdue(time.monotonic()))
        for reply in replies:
            await self._commit_reply(reply)

    def _read(self, session: Session, frame: Frame) -> Receipt | Incoming | None:
        """What a request brings; one that cannot be read is refused here."""
        try:
            read = self._interpreter.read(frame)
        except Exception as error:
            # One strange PDU must not stop the rest. Only our own error quotes no content.
            what = error if isinstance(error, DecodeError) else type(error).__name__
            log.warning("%s: a delivery cannot be read: %s. Refused. (%s)", self._name, what, "C014")
        else:
            if read is not None:
                return read
            log.warning("%s: a receipt names no message or no known state. Refused. (%s)", self._name, "C014")
        self.counters.refused += 1
        self._answer(session, [frame], Verdict.NEVER)
        return None

    async def _commit_receipts(
        self, receipts: list[Receipt], asked: list[tuple[Session, list[Frame]]]
    ) -> None:
        verdict = Verdict.TAKEN
        if receipts:
            try:
                await self._on_receipts(self._name, receipts)
                self.counters.receipts += len(receipts)
            except Exception as error:
                # Its text may quote what could not be stored: the type is enough here.
                verdict = self._sink_failed(error)
        for session, frames in asked:
            self._answer(session, frames, verdict)

    def _reply(self, part: Incoming, asked: Asked) -> list[Whole]:
        if part.place is None or part.place.total == 1:
            return [Whole(part.sender, part.recipient, part.text, [asked], [part.key])]
        if part.key in self._keys:
            return [Whole(part.sender, part.recipient, "", [asked])]
        whole = self._replies.add(part, part.place, asked, time.monotonic())
        return [] if whole is None else [whole]

    async def _commit_reply(self, reply: Whole) -> None:
        verdict = Verdict.TAKEN
        keys = [key for key in reply.keys if key is not None]
        if reply.text and not (keys and self._keys.keys() >= set(keys)):
            try:
                name = " ".join(sorted({str(key) for key in keys}))
                sender, recipient, text = _e164(reply.sender), reply.recipient, reply.text
                await self._on_reply(Reply(self._name, sender, recipient, text, reference=name))
                self.counters.replies += 1
                _remember(self._keys, keys)
            except Exception as error:
                verdict = self._sink_failed(error)
        by_line: dict[Session, list[Frame]] = {}
        for session, frame in reply.asked:
            by_line.setdefault(session, []).append(frame)
        for session, frames in by_line.items():
            self._answer(session, frames, verdict)

    def _answer(self, session: Session, frames: list[Frame], verdict: Verdict) -> None:
        if self._interpreter.repeats:
            heard = [(session, frame.sequence) for frame in frames]
            self._in_hand.difference_update(heard)
            if verdict is Verdict.TAKEN:
                _remember(self._taken, heard)
        answer = self._interpreter.answer
        session.respond((frame, *said) for frame in frames if (said := answer(frame, verdict)) is not None)

    def _sink_failed(self, error: Exception) -> Verdict:
        self.counters.sink_failures += 1
        log.error(
            "%s: what the provider sent could not be stored (%s). It will send it again. (%s)",
            self._name,
            type(error).__name__,
            "C015",
        )
        return Verdict.AGAIN


def _remember(memory: OrderedDict[_Key, None], keys: Iterable[_Key]) -> None:
    memory.update(dict.fromkeys(keys))
    while len(memory) > KEYS_REMEMBERED:
        memory.popitem(last=False)


def _e164(sender: str) -> str:
    return f"+{sender}" if sender.isdigit() else sender
