"""An SMSC that does exactly what a test tells it, octet by octet, where the sandbox is too well behaved."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from duecourse.channels.smpp.codec import (
    HEADER_LENGTH,
    Command,
    ShortMessage,
    decode_frame,
    encode_bind_resp,
    encode_frame,
    encode_message_id,
    encode_short_message,
)
from duecourse.channels.wire.frame import RESPONSE, Frame

Handler = Callable[["ScriptedPeer", Frame], bool | None]
"""Returns True when it dealt with the frame; else the peer does what a plain SMSC does."""


class ScriptedPeer(asyncio.Protocol):
    """One connection."""

    def __init__(self, smsc: ScriptedSmsc) -> None:
        self._smsc = smsc
        self._tail = b""
        self._sequence = 0
        self.submits: list[Frame] = []
        self.heard: list[Frame] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._smsc.peers.append(self)

    def data_received(self, data: bytes) -> None:
        self._tail += data
        while len(self._tail) >= HEADER_LENGTH:
            length = int.from_bytes(self._tail[:4])
            if len(self._tail) < length:
                return
            frame, self._tail = decode_frame(self._tail[:length]), self._tail[length:]
            self.heard.append(frame)
            if frame.command == Command.SUBMIT_SM:
                self.submits.append(frame)
            if not self._smsc.handler(self, frame):
                self.behave(frame)

    def behave(self, frame: Frame) -> None:
        """What a plain SMSC does."""
        if frame.command == Command.BIND_TRANSCEIVER:
            self.answer(frame, 0, encode_bind_resp("scripted"))
        elif frame.command == Command.SUBMIT_SM:
            self.answer(frame, 0, encode_message_id(f"id-{len(self.submits)}"))
        elif not frame.command & RESPONSE:
            self.answer(frame, 0)

    def answer(self, frame: Frame, status: int, body: bytes = b"") -> None:
        self.transport.write(encode_frame(frame.command | RESPONSE, status, frame.sequence, body))

    def ask(self, command: int, body: bytes = b"") -> int:
        """Send a request; returns its sequence number."""
        self._sequence += 1
        self.transport.write(encode_frame(command, 0, self._sequence, body))
        return self._sequence

    def deliver(self, message: ShortMessage) -> int:
        return self.ask(Command.DELIVER_SM, encode_short_message(message))


class ScriptedSmsc:
    """The listener. `handler` may be changed while it runs."""

    def __init__(self, handler: Handler = lambda peer, frame: None) -> None:
        self.handler = handler
        self.peers: list[ScriptedPeer] = []

    async def start(self) -> int:
        """Listen on loopback; returns the port."""
        self._server = await asyncio.get_running_loop().create_server(
            lambda: ScriptedPeer(self), "127.0.0.1", 0
        )
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def stop(self) -> None:
        self._server.close()
        for peer in self.peers:
            peer.transport.abort()
        await self._server.wait_closed()
