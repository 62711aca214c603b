"""What every message centre of the sandbox does, whichever of the four protocols it speaks.

Its subscribers behave by their numbers. Receipts and replies leave in the same write as the response, or stand in
the account's queue until a connection of it has room; what was not acknowledged goes out again.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from abc import ABC, abstractmethod
from collections import Counter, OrderedDict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple, Self

from duecourse.channels.sandbox.journal import digest
from duecourse.channels.sandbox.room import Room
from duecourse.channels.sandbox.rules import Behaviour
from duecourse.channels.sandbox.streams import Streams
from duecourse.channels.wire.frame import RESPONSE, DecodeError, Frame
from duecourse.channels.wire.text import Concatenation

WINDOW = 1000
"""Deliveries unanswered at once on one connection."""
COME_AGAIN_SECONDS = 0.2
"""After the answer that it shall come again."""
SILENCE_SECONDS = 1.0
"""Without an answer; the carriers' documents say 60 or 30."""
MOST_OPEN_TEXTS = 10_000


UCS2 = 8
"""The coding of text that is not plain ASCII, the same in all four protocols."""


def spoken(text: str) -> tuple[bytes, int]:
    """What a person types, as a phone sends it: octets and their coding."""
    return (text.encode(), 0) if text.isascii() else (text.encode("utf-16-be"), UCS2)


class Delivery(NamedTuple):
    """A receipt or a reply that waits for its account. id: of the message it is about, '' for a reply."""

    id: str
    command: int
    body: bytes


class Submitted(NamedTuple):
    """A submit, as the protocol's peer has read it."""

    number: str
    text: str
    place: Concatenation | None
    wants_receipt: bool
    message: Any
    """The body as its codec gives it, for what is built from it."""
    notes: Mapping[str, Any] = {}
    """What else the journal keeps."""


@dataclass(slots=True)
class Account:
    """What waits for one customer of the centre, and who is bound as it."""

    name: str
    waiting: deque[Delivery] = field(default_factory=deque)
    peers: list[CentreLine] = field(default_factory=list)


class SandboxCentre:
    """The server. One event loop, any number of connections."""

    kind: ClassVar[str]
    peer: ClassVar[type[CentrePeer]]

    @classmethod
    def of(cls, room: Room) -> Self:
        """Not yet listening."""
        return cls(room)

    def __init__(self, room: Room) -> None:
        self.rules = room.rules
        self.journal = room.journal
        self.password = room.password
        self.throttled: Counter[str] = Counter()
        self.texts: OrderedDict[tuple[str, int, int], dict[int, str]] = OrderedDict()
        self.numbers = itertools.count(1)
        self.began = time.time_ns() // 1_000_000
        """Milliseconds since 1970. A restarted sandbox must not give an id again: an old attempt would take its
        receipt."""
        self._accounts: dict[str, Account] = {}
        self._streams = Streams(lambda: self.peer(self))

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> int:
        """Listen; returns the port."""
        return await self._streams.start(host, port)

    async def stop(self) -> None:
        """Close the listener and every connection."""
        await self._streams.stop()
        self.journal.flush()

    def minute(self, hours_east: int = 0) -> str:
        """The minute that it is, YYMMDDhhmm, so many hours east of Greenwich."""
        return time.strftime("%y%m%d%H%M", time.gmtime(time.time() + hours_east * 3600))

    def second(self) -> str:
        """The second that it is in Beijing, MMDDHHMMSS."""
        return time.strftime("%m%d%H%M%S", time.gmtime(time.time() + 8 * 3600))

    def account(self, name: str) -> Account:
        """The account of this name; whoever comes has one."""
        return self._accounts.setdefault(name, Account(name))

    def wake(self, account: Account) -> None:
        """Something waits for this account: let its connections take what they have room for."""
        for peer in account.peers:
            peer.deliver()
            peer.flush()

    def joined(self, peer: CentreLine, there: bool) -> None:
        """Note a connection that has come or gone."""
        self._streams.joined(peer, there)

    def whole_text(self, number: str, text: str, place: Concatenation | None) -> str | None:
        """The whole text once its last part has come; None before."""
        if place is None:
            return text
        key = (number, place.reference, place.total)
        texts = self.texts.setdefault(key, {})
        texts[place.number] = text
        if len(texts) == place.total:
            del self.texts[key]
            return "".join(texts[at] for at in range(1, place.total + 1))
        if len(self.texts) > MOST_OPEN_TEXTS:
            self.texts.popitem(last=False)
        return None


class CentreLine(asyncio.Protocol, ABC):
    """One connection with a customer, by which what waits for its account is delivered."""

    header_length: ClassVar[int]
    max_length: ClassVar[int]
    repeats_after_silence: ClassVar[bool] = True
    """Whether a delivery without an answer goes out again on the same connection."""

    def __init__(self, centre: Any) -> None:
        self.centre = centre
        self.account: Account | None = None
        self.receives = False
        self._transport: asyncio.Transport | None = None
        self._tail = b""
        self._out: list[bytes] = []
        self._sequences = itertools.count(1)
        self._unanswered: dict[int, Delivery] = {}
        self._loop = asyncio.get_running_loop()

    # What a protocol gives

    @abstractmethod
    def encode(self, command: int, status: int, sequence: int, body: bytes) -> bytes:
        """A whole PDU."""

    @abstractmethod
    def decode(self, octets: bytes) -> Frame:
        """One PDU from exactly its octets."""

    @abstractmethod
    def handle(self, frame: Frame) -> None:
        """One PDU of the customer."""

    def broken(self) -> None:
        """What is said to a customer whose framing is broken, before the connection is dropped."""

    def next_sequence(self) -> int:
        return next(self._sequences) & 0x7FFF_FFFF or next(self._sequences)

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self.centre.joined(self, True)

    def connection_lost(self, exc: Exception | None) -> None:
        self.centre.joined(self, False)
        self._transport = None
        account, self.account = self.account, None
        if account is not None:
            account.peers.remove(self)
            account.waiting.extendleft(reversed(self._unanswered.values()))
            self._unanswered.clear()
            self.centre.wake(account)

    def data_received(self, data: bytes) -> None:
        octets = self._tail + data if self._tail else data
        at = 0
        try:
            while len(octets) - at >= 4:
                length = int.from_bytes(octets[at : at + 4])
                if not self.header_length <= length <= self.max_length:
                    raise DecodeError("length")
                if len(octets) - at < length:
                    break
                self.handle(self.decode(octets[at : at + length]))
                at += length
        except DecodeError:
            self.broken()
            self.flush()
            self.abort()
            return
        self._tail = octets[at:]
        account = self.account
        if account is not None and account.waiting and not self.receives:
            self.centre.wake(account)
        self.deliver()
        self.flush()

    # For protocols

    def join(self, name: str, *, receives: bool) -> None:
        """Bound: this connection belongs to the account of this name."""
        if self.account is None:
            self.account = self.centre.account(name)
            self.account.peers.append(self)
        self.receives = receives

    def say(self, command: int, status: int, sequence: int, body: bytes = b"") -> None:
        """Put a PDU into the next write."""
        self._out.append(self.encode(command, status, sequence, body))

    def answer(self, frame: Frame, status: int = 0, body: bytes = b"") -> None:
        """Put a response into the next write."""
        self.say(frame.command | RESPONSE, status, frame.sequence, body)

    def acknowledged(self, frame: Frame, *, again: bool = False) -> None:
        """The customer has answered a delivery. again: it shall come again later."""
        delivery = self._unanswered.pop(frame.sequence, None)
        if delivery is None or self.account is None:
            return
        self.centre.journal.add("answered", kind=self.centre.kind, id=delivery.id, status=frame.status)
        if again:
            self._loop.call_later(COME_AGAIN_SECONDS, self.enqueue, self.account, delivery)

    def deliver(self) -> None:
        """Put what waits for this account into the next write, as far as the window goes."""
        account = self.account
        if account is None or not self.receives:
            return
        while account.waiting and len(self._unanswered) < WINDOW:
            delivery = account.waiting.popleft()
            sequence = self.next_sequence()
            self._unanswered[sequence] = delivery
            self._tell(sequence, delivery)

    def flush(self) -> None:
        """Write. The journal first: what a client knows, the journal must know too."""
        self.centre.journal.flush()
        if self._out and self._transport is not None and not self._transport.is_closing():
            self._transport.write(b"".join(self._out))
        self._out.clear()

    def close(self) -> None:
        """Write what is to be said, and end in good order."""
        self.flush()
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Drop the connection."""
        if self._transport is not None:
            self._transport.abort()

    # Inside

    def _tell(self, sequence: int, delivery: Delivery) -> None:
        self.centre.journal.add("deliver", id=delivery.id)
        self.say(delivery.command, 0, sequence, delivery.body)
        if self.repeats_after_silence:
            self._loop.call_later(SILENCE_SECONDS, self._repeat, sequence)

    def _repeat(self, sequence: int) -> None:
        delivery = self._unanswered.get(sequence)
        if delivery is not None and self._transport is not None:
            self._tell(sequence, delivery)
            self.flush()

    def enqueue(self, account: Account, delivery: Delivery) -> None:
        """Let it wait for whichever connection of the account has room."""
        account.waiting.append(delivery)
        self.centre.wake(account)


class CentrePeer(CentreLine):
    """A connection of a customer, who submits over it."""

    failures: ClassVar[Mapping[Behaviour, int]]
    """Status by which a submit is refused at once."""
    throttled: ClassVar[int]

    @abstractmethod
    def next_id(self, frame: Frame) -> str:
        """Under which id a submit is taken."""

    @abstractmethod
    def accept(self, frame: Frame, message_id: str) -> None:
        """Answer a submit that was taken."""

    @abstractmethod
    def refuse(self, frame: Frame, status: int) -> None:
        """Answer a submit that was not taken."""

    @abstractmethod
    def receipt(self, submitted: Submitted, message_id: str, delivered: bool) -> Delivery:
        """The word on a message; not delivered: nobody has this number."""

    @abstractmethod
    def reply(self, submitted: Submitted, text: str) -> Delivery:
        """What the subscriber answers."""

    def take(self, frame: Frame, submitted: Submitted) -> None:
        """A submit of a bound customer: journal, answer, and what follows by the number's behaviour."""
        centre, number = self.centre, submitted.number
        behaviour = centre.rules.of_number(number)
        status = self.failures.get(behaviour, 0)
        if behaviour is Behaviour.THROTTLED and centre.throttled[number] < centre.rules.throttled_times:
            centre.throttled[number] += 1
            status = self.throttled
        if status:
            centre.journal.add("refused", to=number, status=status)
            self.refuse(frame, status)
            return
        message_id = self.next_id(frame)
        place = submitted.place
        whole = centre.whole_text(number, submitted.text, place)
        centre.journal.add(
            "submit",
            id=message_id,
            to=number,
            part=place and (place.reference, place.total, place.number),
            text_sha256=digest(submitted.text),
            whole_sha256=None if whole is None else digest(whole),
            behaviour=behaviour,
            **submitted.notes,
        )
        if behaviour not in (Behaviour.UNANSWERED, Behaviour.LOST_ANSWER):
            self.accept(frame, message_id)
        account = self.account
        if account is None or behaviour in (Behaviour.SILENT, Behaviour.UNANSWERED):
            return
        if submitted.wants_receipt:
            receipt = self.receipt(submitted, message_id, behaviour is not Behaviour.UNDELIVERABLE)
            if behaviour is Behaviour.LATE:
                self._loop.call_later(centre.rules.late_seconds, self.enqueue, account, receipt)
            else:
                account.waiting.append(receipt)
        said = centre.rules.reply_of(number)
        if said and behaviour is not Behaviour.UNDELIVERABLE:
            account.waiting.append(self.reply(submitted, said))
