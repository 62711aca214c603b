"""A windowed request and response session over length-prefixed PDUs, on one connection.

It knows no more of the protocol than a `Wire` tells it, so that SMPP, CMPP, SGIP and SMGP can share it. It lives on one
event loop and makes no task and no timer per message: requests wait in a queue, `_pump` writes as many as the
window allows in one go, responses free the window, and one tick looks after deadlines, pauses and probes.

What it promises: every request handed to `exchange` ends exactly once, either answered, or written and
unanswered (`lost` says why), or never written (`unwritten` says why). A response after its deadline is
counted and passed on.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from duecourse.channels.wire.frame import RESPONSE, DecodeError, Frame
from duecourse.channels.wire.requests import Exchange, Request, never_written, part_ended

log = logging.getLogger(__name__)

TICK_SECONDS = 0.1
LATE_REMEMBERED = 10_000


class Wire(Protocol):
    """What the session must know of a protocol: its header and the commands that keep a line alive.

    One instance for each connection: it numbers what is written there.
    """

    header_length: int
    max_length: int
    probe: int | None
    """None where the protocol has none: such a line ends when it is silent, and is made anew on demand."""
    probe_answer: bytes
    unbind: int
    nack: int | None
    """None where what cannot be understood stays unanswered."""
    invalid_length: int
    invalid_command: int

    def encode(self, command: int, status: int, sequence: int, body: bytes) -> bytes: ...
    def decode(self, octets: bytes) -> Frame: ...

    def next_sequence(self, request: Request | None, index: int) -> int:
        """A sequence number that no unanswered PDU has. request, index: what it is for; None of bind, probe, unbind."""

    def is_throttle(self, frame: Frame) -> bool:
        """Whether this response asks us to slow down."""


def cycle(first: int, last: int) -> Iterator[int]:
    """Numbers from `first` to `last`, then from `first` again, without end."""
    return itertools.chain.from_iterable(itertools.repeat(range(first, last + 1)))


class Listener(Protocol):
    """Who owns the session."""

    def on_requests(self, session: Session, frames: Sequence[Frame]) -> None:
        """Requests from the peer, all that arrived together; to be answered with `respond`."""

    def on_part(self, request: Request, index: int, frame: Frame, late: bool) -> None:
        """A response to one PDU of a request with several, or (late) of one that was given up already."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one session allows. Times are in seconds."""

    window: int
    """PDUs unanswered at once."""
    response_seconds: float
    """From write to response."""
    probe_seconds: float
    """Silence before a probe."""
    throttle_pause_seconds: float


class SessionLostError(Exception):
    """The connection ended, or the peer stopped answering, before the response came."""


@dataclass(slots=True)
class Counters:
    """Of one connection, or of all that share it."""

    late_responses: int = 0
    unexpected_responses: int = 0
    deadlines_missed: int = 0


class Session(asyncio.Protocol):
    """One connection. Made by `loop.create_connection`, opened for traffic by its owner once bound."""

    def __init__(
        self, wire: Wire, limits: Limits, listener: Listener, counters: Counters | None = None
    ) -> None:
        """counters: of the owner, who adds its connections up; None: of this connection alone."""
        self.counters = counters or Counters()
        self._wire = wire
        self._limits = limits
        self._listener = listener
        self._loop = asyncio.get_running_loop()
        self.lost: asyncio.Future[str] = self._loop.create_future()
        self._transport: asyncio.Transport | None = None
        self._tail = b""
        self._pending: deque[Request] = deque()
        self._in_flight: OrderedDict[int, tuple[Request, int, float]] = OrderedDict()
        self._late: OrderedDict[int, tuple[Request, int]] = OrderedDict()
        self._calls: dict[int, tuple[int, asyncio.Future[Frame]]] = {}
        self._out: list[bytes] = []
        self._open = False
        self._why_closed = "not bound"
        self._write_blocked = False
        self._resume_at = 0.0
        self._heard_at = self._wrote_at = time.monotonic()
        self._probe_sent_at: float | None = None
        self._tick: asyncio.TimerHandle | None = None

    # Traffic

    def open_traffic(self) -> None:
        """Bound: requests may be written from now on."""
        self._open = True
        self._pump()

    async def exchange(self, requests: Sequence[Request]) -> None:
        """Write the requests in order through the window and return when each of them has ended."""
        if not requests:
            return
        exchange = Exchange(len(requests), self._loop.create_future())
        for request in requests:
            request.exchange = exchange
            request.replies = [None] * len(request.bodies)
            if self._open:
                self._pending.append(request)
            else:
                never_written(request, self._why_closed)
        self._pump()
        try:
            await exchange.waiter
        except asyncio.CancelledError:
            gone = set(map(id, requests))
            self._pending = deque(each for each in self._pending if id(each) not in gone)
            raise

    async def call(self, command: int, body: bytes = b"") -> Frame:
        """One request outside the window (bind, probe, unbind). Raises SessionLostError."""
        if self._transport is None or self.lost.done():
            raise SessionLostError("the connection is closed")
        sequence = self._wire.next_sequence(None, 0)
        future: asyncio.Future[Frame] = self._loop.create_future()
        self._calls[sequence] = (command, future)
        self._out.append(self._wire.encode(command, 0, sequence, body))
        self._flush()
        try:
            # Not wait_for: until Python 3.12 it loses a cancellation that comes together with the answer.
            async with asyncio.timeout(self._limits.response_seconds):
                return await future
        except TimeoutError:
            raise SessionLostError(f"no response within {self._limits.response_seconds:g} s") from None
        finally:
            self._calls.pop(sequence, None)

    async def probe(self) -> None:
        """A round trip: everything the peer wrote before its answer has been taken when this returns.

        Does nothing where the protocol has no probe.
        """
        if self._wire.probe is not None:
            await self.call(self._wire.probe)

    @property
    def idle_seconds(self) -> float:
        """How long nothing has come from the peer, nor waits to be answered; 0 while something does."""
        busy = self._pending or self._in_flight or self._calls
        return 0.0 if busy else time.monotonic() - max(self._heard_at, self._wrote_at)

    def respond(self, responses: Iterable[tuple[Frame, int, bytes]]) -> None:
        """Answer requests of the peer: (request, status, body). Does nothing once the connection is gone."""
        for frame, status, body in responses:
            self._out.append(self._wire.encode(frame.command | RESPONSE, status, frame.sequence, body))
        self._flush()

    async def unbind(self) -> None:
        """Stop writing, wait for what is unanswered, unbind and close. Bounded by twice response_seconds."""
        self.stop_traffic("closing")
        until = time.monotonic() + self._limits.response_seconds
        while self._in_flight and not self.lost.done() and time.monotonic() < until:
            await asyncio.sleep(TICK_SECONDS / 4)
        with suppress(SessionLostError):
            await self.call(self._wire.unbind)
        self.abort("closed")
        await self.lost

    def stop_traffic(self, why: str) -> None:
        """Write no further request; those that wait end as never written."""
        self._open = False
        self._why_closed = why
        while self._pending:
            never_written(self._pending.popleft(), why)

    def close(self) -> None:
        """End the connection once what is under way has been written. What is unanswered ends as lost."""
        self.stop_traffic("closed")
        if self._transport is not None:
            self._transport.close()

    @property
    def peer_host(self) -> str:
        """The address of the other side."""
        assert self._transport is not None
        host: str = self._transport.get_extra_info("peername")[0]
        return host

    def abort(self, why: str) -> None:
        """Drop the connection. What is unanswered ends as lost."""
        self.stop_traffic(why)
        if self._transport is not None:
            self._transport.abort()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        # A full socket must hold back _pump: what waits in our own buffer is not yet handed over.
        transport.set_write_buffer_limits(high=0)
        self._tick = self._loop.call_later(TICK_SECONDS, self._on_tick)

    def connection_lost(self, exc: Exception | None) -> None:
        why = self._why_closed if not self._open else "the connection was lost"
        self._transport = None
        if self._tick is not None:
            self._tick.cancel()
        self.stop_traffic(why)
        for request, _, _ in self._in_flight.values():
            part_ended(request, "the connection was lost")
        self._in_flight.clear()
        for _, future in self._calls.values():
            if not future.done():
                future.set_exception(SessionLostError(why))
        if not self.lost.done():
            self.lost.set_result(why)

    def pause_writing(self) -> None:
        self._write_blocked = True

    def resume_writing(self) -> None:
        self._write_blocked = False
        self._pump()

    def data_received(self, data: bytes) -> None:
        self._heard_at = time.monotonic()
        octets = self._tail + data if self._tail else data
        at, requests = 0, []
        wire = self._wire
        try:
            while len(octets) - at >= 4:
                length = int.from_bytes(octets[at : at + 4])
                if not wire.header_length <= length <= wire.max_length:
                    raise DecodeError(f"a length of {length}")
                if len(octets) - at < length:
                    break
                frame = wire.decode(octets[at : at + length])
                at += length
                if frame.command & RESPONSE:
                    self._take_response(frame)
                elif not self._keep_alive(frame):
                    requests.append(frame)
        except DecodeError as error:
            log.warning("The peer sent what is not a PDU: %s. The connection is dropped. (%s)", error, "C013")
            if wire.nack is not None:
                self._out.append(wire.encode(wire.nack, wire.invalid_length, 0, b""))
                self._flush()
            self.abort("the peer broke the protocol")
            return
        self._tail = octets[at:]
        if requests:
            self._listener.on_requests(self, requests)
        self._pump()
        self._flush()

    # Inside

    def _take_response(self, frame: Frame) -> None:
        entry = self._in_flight.get(frame.sequence)
        if entry is not None:
            request, index, _ = entry
            if frame.command not in (request.command | RESPONSE, self._wire.nack):
                self.counters.unexpected_responses += 1
                return
            del self._in_flight[frame.sequence]
            if self._wire.is_throttle(frame):
                self._resume_at = time.monotonic() + self._limits.throttle_pause_seconds
            request.replies[index] = frame
            if len(request.bodies) > 1:
                self._listener.on_part(request, index, frame, False)
            part_ended(request, None)
        elif frame.sequence in self._calls:
            command, future = self._calls[frame.sequence]
            if not future.done() and frame.command in (command | RESPONSE, self._wire.nack):
                future.set_result(frame)
        elif frame.sequence in self._late:
            request, index = self._late.pop(frame.sequence)
            self.counters.late_responses += 1
            self._listener.on_part(request, index, frame, True)
        elif self._probe_sent_at is not None and frame.command == (self._wire.probe or 0) | RESPONSE:
            self._probe_sent_at = None
        else:
            self.counters.unexpected_responses += 1

    def _keep_alive(self, frame: Frame) -> bool:
        if frame.command == self._wire.probe:
            self._out.append(
                self._wire.encode(frame.command | RESPONSE, 0, frame.sequence, self._wire.probe_answer)
            )
            return True
        if frame.command == self._wire.unbind:
            self._out.append(self._wire.encode(frame.command | RESPONSE, 0, frame.sequence, b""))
            self.stop_traffic("the peer unbound")
            self._loop.call_later(1.0, self.abort, "the peer unbound")
            return True
        return False

    def refuse(self, frame: Frame) -> None:
        """Answer a request that nobody here understands, where the protocol has an answer to that."""
        wire = self._wire
        if wire.nack is not None:
            self._out.append(wire.encode(wire.nack, wire.invalid_command, frame.sequence, b""))
            self._flush()

    def _pump(self) -> None:
        pending = self._pending
        if not pending or self._write_blocked or time.monotonic() < self._resume_at:
            return
        room = self._limits.window - len(self._in_flight)
        while pending and room > 0:
            request = pending[0]
            # All parts of a long message go together; one longer than the window waits for it to be empty.
            if len(request.bodies) > room and self._in_flight:
                break
            pending.popleft()
            now = time.monotonic()
            if now > request.write_before:
                never_written(request, "its time to be written had passed")
                continue
            request.unanswered = len(request.bodies)
            self._wrote_at = now
            deadline = now + self._limits.response_seconds
            for index, body in enumerate(request.bodies):
                sequence = self._wire.next_sequence(request, index)
                self._in_flight[sequence] = (request, index, deadline)
                self._out.append(self._wire.encode(request.command, 0, sequence, body))
            room -= len(request.bodies)
        self._flush()

    def _flush(self) -> None:
        if self._out and self._transport is not None and not self._transport.is_closing():
            octets = b"".join(self._out)
            self._out.clear()
            self._transport.write(octets)

    def _on_tick(self) -> None:
        self._tick = self._loop.call_later(TICK_SECONDS, self._on_tick)
        now = time.monotonic()
        while self._in_flight:
            sequence, (request, index, deadline) = next(iter(self._in_flight.items()))
            if deadline > now:
                break
            del self._in_flight[sequence]
            self.counters.deadlines_missed += 1
            self._late[sequence] = (request, index)
            if len(self._late) > LATE_REMEMBERED:
                self._late.popitem(last=False)
            part_ended(request, f"no response within {self._limits.response_seconds:g} s")
        if any(request.write_before < now for request in self._pending):
            waiting, self._pending = self._pending, deque()
            for request in waiting:
                if request.write_before < now:
                    never_written(request, "its time to be written had passed")
                else:
                    self._pending.append(request)
        self._probe_if_silent(now)
        self._pump()

    def _probe_if_silent(self, now: float) -> None:
        probe = self._wire.probe
        if self._probe_sent_at is not None:
            if self._heard_at > self._probe_sent_at:
                self._probe_sent_at = None
            elif now - self._probe_sent_at > self._limits.response_seconds:
                log.warning("The peer does not answer probes. The connection is dropped. (%s)", "C012")
                self.abort("the peer stopped answering")
        elif probe is not None and self._open and now - self._heard_at > self._limits.probe_seconds:
            self._probe_sent_at = now
            self._out.append(self._wire.encode(probe, 0, self._wire.next_sequence(None, 0), b""))
            self._flush()
