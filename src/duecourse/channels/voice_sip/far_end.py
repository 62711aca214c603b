"""The sandbox's telephone network: a SIP server on UDP and TCP whose subscribers behave by their numbers.

It answers calls, hears them out, presses keys, keeps what it heard as WAV files, and reaches nobody. Its journal knows
every call before the caller hears of it.

Sources: RFC 3261 (server transactions, dialogs, digest), RFC 4566, RFC 3550, RFC 4733.
"""

from __future__ import annotations

import asyncio
import itertools
import secrets
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Self, cast

from duecourse.channels.sandbox.journal import Journal
from duecourse.channels.sandbox.room import Room
from duecourse.channels.sandbox.rules import Behaviour, SandboxRules
from duecourse.channels.sandbox.streams import Streams
from duecourse.channels.voice.sound import wav_of
from duecourse.channels.voice_sip import sip
from duecourse.channels.voice_sip.personas import Persona, act, persona_of
from duecourse.channels.voice_sip.rtp import Telephone

_FIRST_RESEND_SECONDS: Final = 0.5
_LAST_RESEND_SECONDS: Final = 32.0
REALM: Final = "sandbox"
BIND_TRIES: Final = 20


class SandboxExchange:
    """The server. One event loop, any number of callers."""

    @classmethod
    def of(cls, room: Room) -> Self:
        """Not yet listening; what was heard is kept in the folder `heard`."""
        return cls(room.rules, room.journal, room.folder / "heard", room.password)

    @staticmethod
    def settings(port: int, folder: Path) -> dict[str, Any]:
        """As a trunk that is near; calls are recorded beside what its subscribers heard."""
        return {
            "host": "127.0.0.1",
            "port": port,
            "transport": "tcp",
            "caller": "4001234567",
            "local_address": "127.0.0.1",
            "recordings_folder": str(folder / "recordings"),
            "throttle_pause_seconds": 0,
        }

    def __init__(self, rules: SandboxRules, journal: Journal, folder: Path, password: str = "") -> None:
        self.rules = rules
        self.journal = journal
        self.folder = folder
        self.password = password
        self.throttled: Counter[str] = Counter()
        self.nonce = secrets.token_hex(8)
        self.calls: dict[str, _Call] = {}
        self.host = "127.0.0.1"
        self.port = 0
        self._ids = itertools.count(1)
        self._epoch = secrets.token_hex(4)  # a restarted one must not give an id again
        self._datagrams: asyncio.DatagramTransport | None = None
        self._streams = Streams(lambda: _Stream(self))

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> int:
        """Listen on TCP and UDP; returns the port."""
        self.folder.mkdir(parents=True, exist_ok=True)
        loop = asyncio.get_running_loop()
        for attempt in range(BIND_TRIES):
            bound = await self._streams.start(host, port)
            try:
                self._datagrams, _ = await loop.create_datagram_endpoint(
                    lambda: _Datagrams(self), local_addr=(host, bound)
                )
                break
            except OSError:
                # Free for TCP and taken for UDP: another, unless just this one was asked for.
                await self._streams.stop()
                if port or attempt == BIND_TRIES - 1:
                    raise
        self.host, self.port = host, bound
        return bound

    async def stop(self) -> None:
        """End every call and close."""
        for call in list(self.calls.values()):
            call.end("stopped")
        if self._datagrams is not None:
            self._datagrams.close()
        await self._streams.stop()
        self.journal.flush()

    def joined(self, stream: asyncio.Transport, there: bool) -> None:
        self._streams.joined(stream, there)

    def next_id(self) -> str:
        return f"{self._epoch}-{next(self._ids)}"

    def take(self, request: sip.Message, reply: Callable[[bytes], None], over: str) -> None:
        """Answer one message. over: UDP or TCP."""
        call = self.calls.get(request.header("call-id"))
        match request.method:
            case "SIP/2.0":  # an answer to our BYE
                return
            case "INVITE" if call is not None:
                call.repeat()
            case "INVITE":
                self._invite(request, reply, over)
            case "ACK":
                if call is not None:
                    call.acknowledged()
            case "BYE" | "CANCEL" if call is not None:
                reply(sip.response(request, 200, call.tag))
                call.left(request.method)
            case "BYE" | "CANCEL":
                reply(sip.response(request, 481, "none"))
            case "OPTIONS" | "REGISTER":
                reply(sip.response(request, 200, "none"))
            case _:
                reply(sip.response(request, 405, "none"))

    def _invite(self, request: sip.Message, reply: Callable[[bytes], None], over: str) -> None:
        number = request.user
        behaviour = self.rules.of_number(number)
        if self.password and not sip.digest_is_right(request, self.password, self.nonce):
            challenge = f'Digest realm="{REALM}", nonce="{self.nonce}", algorithm=MD5, qop="auth"'
            reply(sip.response(request, 407, "none", [("Proxy-Authenticate", challenge)]))
            return
        refusal = None
        if behaviour is Behaviour.THROTTLED and self.throttled[number] < self.rules.throttled_times:
            self.throttled[number] += 1
            refusal = 503
        persona = persona_of(number, behaviour, self.rules.late_seconds)
        if not persona.rings and persona.final not in (None, 200):
            refusal = persona.final
        if refusal is not None:
            self.journal.add("refused", to=number, status=refusal)
            self.journal.flush()
            reply(sip.response(request, refusal, "none"))
            return
        call = _Call(self, request, reply, over, persona)
        self.calls[call.call_id] = call
        self.journal.add("call", id=call.id, to=number, behaviour=behaviour)
        self.journal.flush()
        call.ring()


class _Call:
    """One call from its INVITE to its end."""

    def __init__(
        self,
        exchange: SandboxExchange,
        invite: sip.Message,
        reply: Callable[[bytes], None],
        over: str,
        persona: Persona,
    ) -> None:
        self.id = exchange.next_id()
        self.tag = secrets.token_hex(4)
        self.call_id = invite.header("call-id")
        self._exchange = exchange
        self._invite = invite
        self._reply = reply
        self._over = over
        self._persona = persona
        self._last = b""
        self._telephone: Telephone | None = None
        self._answered_at: float | None = None
        self._early_sound = 0.0
        self._tasks: list[asyncio.Task[None]] = []
        self._acknowledged = asyncio.Event()

    def ring(self) -> None:
        """Say that it rings, and answer when the person does."""
        rings = [sip.response(self._invite, code, self.tag) for code in self._persona.rings]
        final = self._persona.final
        if final not in (None, 200) and not self._persona.ring_seconds:
            # In one write, so that who hears the ringing can hear the end too.
            self._last = sip.response(self._invite, final, self.tag)
            self._send(b"".join([*rings, self._last]) if self._over == "TCP" else b"", *rings, self._last)
            self._over_with(f"{final}")
            return
        self._last = b"".join(rings[-1:])
        self._send(b"".join(rings) if self._over == "TCP" else b"", *rings)
        if final is not None:
            self._tasks.append(asyncio.create_task(self._answer()))

    def repeat(self) -> None:
        """The caller asks again: our last answer was lost."""
        if self._last:
            self._reply(self._last)

    def acknowledged(self) -> None:
        """The caller knows that we have answered."""
        self._acknowledged.set()

    def left(self, method: str) -> None:
        """The caller hung up, or gave up ringing."""
        if method == "CANCEL" and self._answered_at is None:
            self._reply(sip.response(self._invite, 487, self.tag))
        self.end("caller")

    def end(self, by: str) -> None:
        """Note what was heard, and forget the call."""
        for task in self._tasks:
            if task is not asyncio.current_task():
                task.cancel()
        heard = ""
        if self._telephone is not None:
            heard = f"{self.id}.wav"
            self._exchange.folder.joinpath(heard).write_bytes(wav_of(self._telephone.heard()))
            self._telephone.end()
        self._over_with(by, heard)

    def _over_with(self, by: str, heard: str = "") -> None:
        if self._exchange.calls.pop(self.call_id, None) is None:
            return
        seconds = 0.0 if self._answered_at is None else time.monotonic() - self._answered_at
        self._exchange.journal.add(
            "ended",
            id=self.id,
            to=self._invite.user,
            by=by,
            answered=self._answered_at is not None,
            seconds=round(seconds, 2),
            early_sound=round(self._early_sound, 2),
            keys=self._telephone.pressed if self._telephone else "",
            heard=heard,
        )
        self._exchange.journal.flush()

    def _send(self, together: bytes, *each: bytes) -> None:
        for octets in [together] if together else each:
            self._reply(octets)

    async def _answer(self) -> None:
        if self._persona.listens_early:
            description = await self._pick_up_sound()
            if description is not None:
                self._last = sip.response(self._invite, 183, self.tag, self._extra(), description)
                self._reply(self._last)
        await asyncio.sleep(self._persona.ring_seconds)
        code, description = self._persona.final, None
        if code == 200:
            description = await self._pick_up_sound()
            code = 200 if description is not None else 500
        if description is None or self._telephone is None:
            assert code is not None
            self._last = sip.response(self._invite, code, self.tag)
            self._reply(self._last)
            self._over_with(f"{code}")
            return
        telephone = self._telephone
        self._last = sip.response(self._invite, 200, self.tag, self._extra(), description)
        self._answered_at = time.monotonic()
        self._early_sound = telephone.loud_seconds
        self._reply(self._last)
        self._tasks.append(asyncio.create_task(self._until_acknowledged()))
        await act(telephone, self._persona.steps)
        branch = f"z9hG4bK{secrets.token_hex(6)}"
        via = f"SIP/2.0/{self._over} {self._exchange.host}:{self._exchange.port}"
        self._reply(sip.request_within(self._invite, "BYE", self.tag, branch, via))
        self.end("person")

    async def _pick_up_sound(self) -> bytes | None:
        """Begin to hear and to be heard, once; returns our side's description, None without a codec in common."""
        media = sip.offered(self._invite.body)
        payload = next((each for each in media.payloads if each in (0, 8)), None) if media else None
        if media is None or payload is None:
            return None
        if self._telephone is None:
            loop = asyncio.get_running_loop()
            _, self._telephone = await loop.create_datagram_endpoint(
                lambda: Telephone(payload), local_addr=(self._exchange.host, 0)
            )
            self._telephone.begin(media)
        return sip.answer(self._exchange.host, self._telephone.port, payload, media.events)

    def _extra(self) -> list[tuple[str, str]]:
        exchange = self._exchange
        contact = f"<sip:{self._invite.user}@{exchange.host}:{exchange.port};transport={self._over.lower()}>"
        return [("Contact", contact), ("Content-Type", "application/sdp")]

    async def _until_acknowledged(self) -> None:
        # RFC 3261, 13.3.1.4: the 200 is sent again until the caller says that it came, also over TCP.
        wait = _FIRST_RESEND_SECONDS
        while wait < _LAST_RESEND_SECONDS:
            try:
                async with asyncio.timeout(wait):
                    await self._acknowledged.wait()
                return
            except TimeoutError:
                self._reply(self._last)
                wait *= 2


class _Stream(asyncio.Protocol):
    """One connection of a caller."""

    def __init__(self, exchange: SandboxExchange) -> None:
        self._exchange = exchange
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._exchange.joined(transport, True)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._transport is not None:
            self._exchange.joined(self._transport, False)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        try:
            for message in sip.split(self._buffer):
                self._exchange.take(message, self._write, "TCP")
        except ValueError:
            if self._transport is not None:
                self._transport.abort()

    def _write(self, octets: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(octets)


class _Datagrams(asyncio.DatagramProtocol):
    """Everybody who calls over UDP."""

    def __init__(self, exchange: SandboxExchange) -> None:
        self._exchange = exchange
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)  # asyncio's own does not derive from it

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        message = sip.parse(data)
        if message is None:
            return

        def write(octets: bytes) -> None:
            if self._transport is not None and not self._transport.is_closing():
                self._transport.sendto(octets, addr)

        self._exchange.take(message, write, "UDP")
