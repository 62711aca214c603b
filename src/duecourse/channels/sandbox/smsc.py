"""An SMPP 3.4 message centre whose subscribers behave by their numbers.

Receipts leave in the same write as the response, or stand in the account's queue until a connection of it
has room; what was not acknowledged goes out again.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter, OrderedDict, deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from duecourse.channels.sandbox.journal import Journal, digest
from duecourse.channels.sandbox.room import Room
from duecourse.channels.sandbox.rules import Behaviour, SandboxRules
from duecourse.channels.smpp import codes
from duecourse.channels.smpp.codec import (
    HEADER_LENGTH,
    MAX_LENGTH,
    Command,
    EsmClass,
    ShortMessage,
    Tag,
    decode_bind,
    decode_frame,
    decode_short_message,
    encode_bind_resp,
    encode_frame,
    encode_message_id,
    encode_short_message,
)
from duecourse.channels.smpp.text import decode_text, split_header
from duecourse.channels.wire.frame import RESPONSE, DecodeError, Frame

WINDOW = 1000
"""deliver_sm unanswered at once on one connection."""
REDELIVER_SECONDS = 0.2
MOST_OPEN_TEXTS = 10_000
_BINDS = (Command.BIND_TRANSCEIVER, Command.BIND_TRANSMITTER, Command.BIND_RECEIVER)
_FAILURE = {
    Behaviour.REFUSED: codes.INVALID_DESTINATION,
    Behaviour.BROKEN: codes.SYSTEM_ERROR,
    Behaviour.FULL: codes.QUEUE_FULL,
}
_NO_SUCH_SUBSCRIBER = bytes((3, 0, 1))


@dataclass(slots=True)
class _Account:
    """One system_id: what waits for it and who is bound as it."""

    waiting: deque[tuple[str, bytes]] = field(default_factory=deque)
    peers: list[_Peer] = field(default_factory=list)


class SandboxSmsc:
    """The server. One event loop, any number of connections."""

    @classmethod
    def of(cls, room: Room) -> Self:
        """Not yet listening."""
        return cls(room.rules, room.journal, room.password)

    @staticmethod
    def settings(port: int, folder: Path) -> dict[str, Any]:
        """As a provider that is near, wide and patient."""
        return {
            "host": "127.0.0.1",
            "port": port,
            "system_id": "duecourse",
            "window": 1000,
            "response_seconds": 2,
            "throttle_pause_seconds": 0,
        }

    def __init__(self, rules: SandboxRules, journal: Journal, password: str = "") -> None:
        self.rules = rules
        self.journal = journal
        self.password = password
        self.throttled: Counter[str] = Counter()
        self.texts: OrderedDict[tuple[str, int, int], dict[int, str]] = OrderedDict()
        self._ids = itertools.count(1)
        # A restarted sandbox must not give an id again: an old attempt would take its receipt.
        self._epoch = f"{time.time_ns() // 1_000_000:x}"
        self._accounts: dict[str, _Account] = {}
        self._server: asyncio.Server | None = None
        self._peers: set[_Peer] = set()

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> int:
        """Listen; returns the port."""
        self._server = await asyncio.get_running_loop().create_server(lambda: _Peer(self), host, port)
        bound: int = self._server.sockets[0].getsockname()[1]
        return bound

    async def stop(self) -> None:
        """Close the listener and every connection."""
        if self._server is not None:
            self._server.close()
            for peer in list(self._peers):
                peer.abort()
            await self._server.wait_closed()
        self.journal.flush()

    def account(self, system_id: str) -> _Account:
        return self._accounts.setdefault(system_id, _Account())

    def next_id(self) -> str:
        return f"{self._epoch}-{next(self._ids)}"

    def joined(self, peer: _Peer, there: bool) -> None:
        (self._peers.add if there else self._peers.discard)(peer)

    def whole_text(self, message: ShortMessage) -> tuple[str, tuple[int, int, int] | None, str | None]:
        """Text of this submit, its place among parts, and the whole text once it is complete."""
        octets, place = split_header(message)
        text = decode_text(octets, message.data_coding) or ""
        if place is None:
            return text, None, text
        key = (message.destination, place.reference, place.total)
        texts = self.texts.setdefault(key, {})
        texts[place.number] = text
        whole = None
        if len(texts) == place.total:
            whole = "".join(texts[number] for number in range(1, place.total + 1))
            del self.texts[key]
        elif len(self.texts) > MOST_OPEN_TEXTS:
            self.texts.popitem(last=False)
        return text, (place.reference, place.total, place.number), whole


class _Peer(asyncio.Protocol):
    """One connection of an ESME."""

    def __init__(self, smsc: SandboxSmsc) -> None:
        self._smsc = smsc
        self._account: _Account | None = None
        self._receives = False
        self._transport: asyncio.Transport | None = None
        self._tail = b""
        self._out: list[bytes] = []
        self._sequences = itertools.count(1)
        self._unanswered: dict[int, tuple[str, bytes]] = {}
        self._loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._smsc.joined(self, True)

    def connection_lost(self, exc: Exception | None) -> None:
        self._smsc.joined(self, False)
        account = self._account
        if account is not None:
            account.peers.remove(self)
            account.waiting.extendleft(reversed(self._unanswered.values()))
            self._unanswered.clear()
            self._deliver_elsewhere(account)

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        octets = self._tail + data if self._tail else data
        at = 0
        try:
            while len(octets) - at >= 4:
                length = int.from_bytes(octets[at : at + 4])
                if not HEADER_LENGTH <= length <= MAX_LENGTH:
                    raise DecodeError("length")
                if len(octets) - at < length:
                    break
                self._handle(decode_frame(octets[at : at + length]))
                at += length
        except DecodeError:
            self._out.append(encode_frame(Command.GENERIC_NACK, codes.INVALID_LENGTH, 0))
            self._flush()
            self.abort()
            return
        self._tail = octets[at:]
        self._deliver()
        self._flush()

    def _handle(self, frame: Frame) -> None:
        match frame.command:
            case Command.SUBMIT_SM:
                self._submit(frame)
            case Command.DELIVER_SM_RESP:
                self._acknowledged(frame)
            case Command.ENQUIRE_LINK:
                # What stands before this in the stream is answered by now, receipts included.
                self._deliver()
                self._answer(frame, codes.OK)
            case Command.UNBIND:
                self._answer(frame, codes.OK)
                self._flush()
                if self._transport is not None:
                    self._transport.close()
            case command if command in _BINDS:
                self._bind(frame)
            case command if not command & RESPONSE:
                self._out.append(encode_frame(Command.GENERIC_NACK, codes.INVALID_COMMAND, frame.sequence))

    def _bind(self, frame: Frame) -> None:
        bind = decode_bind(frame.body)
        if self._smsc.password and bind.password != self._smsc.password:
            self._answer(frame, codes.BIND_FAILED)
            return
        if self._account is None:
            self._account = self._smsc.account(bind.system_id)
            self._account.peers.append(self)
        self._receives = frame.command != Command.BIND_TRANSMITTER
        self._answer(frame, codes.OK, encode_bind_resp("sandbox"))

    def _submit(self, frame: Frame) -> None:
        if self._account is None:
            self._answer(frame, codes.INVALID_BIND_STATE, encode_message_id(""))
            return
        smsc = self._smsc
        message = decode_short_message(frame.body)
        number = message.destination
        behaviour = smsc.rules.of_number(number)
        status = _FAILURE.get(behaviour, codes.OK)
        if behaviour is Behaviour.THROTTLED and smsc.throttled[number] < smsc.rules.throttled_times:
            smsc.throttled[number] += 1
            status = codes.THROTTLED
        if status != codes.OK:
            smsc.journal.add("refused", to=number, status=status)
            self._answer(frame, status)
            return
        message_id = smsc.next_id()
        text, place, whole = smsc.whole_text(message)
        smsc.journal.add(
            "submit",
            id=message_id,
            to=number,
            part=place,
            coding=message.data_coding,
            text_sha256=digest(text),
            whole_sha256=None if whole is None else digest(whole),
            validity=message.validity_period,
            behaviour=behaviour,
        )
        if behaviour not in (Behaviour.UNANSWERED, Behaviour.LOST_ANSWER):
            self._answer(frame, codes.OK, encode_message_id(message_id))
        self._report(message, message_id, behaviour)

    def _report(self, message: ShortMessage, message_id: str, behaviour: Behaviour) -> None:
        account = self._account
        if account is None or behaviour in (Behaviour.SILENT, Behaviour.UNANSWERED):
            return
        if message.registered_delivery & 0x03:
            state = "UNDELIV" if behaviour is Behaviour.UNDELIVERABLE else "DELIVRD"
            item = (message_id, _receipt(message, message_id, state))
            if behaviour is Behaviour.LATE:
                self._loop.call_later(self._smsc.rules.late_seconds, self._enqueue, account, item)
            else:
                account.waiting.append(item)
        if behaviour is Behaviour.STOPS:
            account.waiting.append(("", _reply(message, b"STOP")))

    def _enqueue(self, account: _Account, item: tuple[str, bytes]) -> None:
        account.waiting.append(item)
        self._deliver_elsewhere(account)

    def _acknowledged(self, frame: Frame) -> None:
        item = self._unanswered.pop(frame.sequence, None)
        if item is None or self._account is None:
            return
        self._smsc.journal.add("answered", id=item[0], status=frame.status)
        if frame.status in (codes.TEMPORARY_APPLICATION_ERROR, codes.QUEUE_FULL, codes.SYSTEM_ERROR):
            self._loop.call_later(REDELIVER_SECONDS, self._enqueue, self._account, item)

    def _deliver_elsewhere(self, account: _Account) -> None:
        for peer in account.peers:
            peer._deliver()
            peer._flush()

    def _deliver(self) -> None:
        account = self._account
        if account is None or not self._receives:
            return
        while account.waiting and len(self._unanswered) < WINDOW:
            item = account.waiting.popleft()
            sequence = next(self._sequences) & 0x7FFF_FFFF or next(self._sequences)
            self._unanswered[sequence] = item
            self._smsc.journal.add("deliver", id=item[0])
            self._out.append(encode_frame(Command.DELIVER_SM, 0, sequence, item[1]))

    def _answer(self, frame: Frame, status: int, body: bytes = b"") -> None:
        self._out.append(encode_frame(frame.command | RESPONSE, status, frame.sequence, body))

    def _flush(self) -> None:
        # The journal first: what a client knows, the journal must know too.
        self._smsc.journal.flush()
        if self._out and self._transport is not None and not self._transport.is_closing():
            self._transport.write(b"".join(self._out))
        self._out.clear()


def _receipt(message: ShortMessage, message_id: str, state: str) -> bytes:
    stamp = time.strftime("%y%m%d%H%M", time.gmtime())
    delivered = state == "DELIVRD"
    text = (
        f"id:{message_id} sub:001 dlvrd:{'001' if delivered else '000'} submit date:{stamp} "
        f"done date:{stamp} stat:{state} err:{'000' if delivered else '001'} text:"
    )
    tlvs = {Tag.RECEIPTED_MESSAGE_ID: message_id.encode() + b"\0", Tag.MESSAGE_STATE: b"\x02"}
    if not delivered:
        tlvs |= {Tag.MESSAGE_STATE: b"\x05", Tag.NETWORK_ERROR_CODE: _NO_SUCH_SUBSCRIBER}
    if reference := message.tlvs.get(Tag.USER_MESSAGE_REFERENCE):
        tlvs[Tag.USER_MESSAGE_REFERENCE] = reference
    return encode_short_message(
        ShortMessage(
            source=message.destination,
            source_ton=message.dest_ton,
            source_npi=message.dest_npi,
            destination=message.source,
            dest_ton=message.source_ton,
            dest_npi=message.source_npi,
            esm_class=EsmClass.RECEIPT,
            short_message=text.encode(),
            tlvs={int(tag): value for tag, value in tlvs.items()},
        )
    )


def _reply(message: ShortMessage, text: bytes) -> bytes:
    return encode_short_message(
        ShortMessage(source=message.destination, source_ton=1, destination=message.source, short_message=text)
    )
