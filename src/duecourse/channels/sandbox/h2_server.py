"""A small HTTP/2 server on a plain socket, for far ends of providers that speak nothing else. Source: RFC 9113."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    RequestReceived,
    StreamEnded,
    StreamReset,
)
from h2.exceptions import ProtocolError

from duecourse.channels.sandbox.streams import Streams

MOST_OCTETS = 1_000_000


@dataclass(slots=True)
class H2Request:
    """A request, whole."""

    headers: Mapping[str, str]
    """Names in lower case; :method and :path among them."""
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class H2Answer:
    """What to answer."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


H2Handler: TypeAlias = Callable[[H2Request], Awaitable[H2Answer]]


class H2Server:
    """Listens on loopback; every request goes to `handler`, each in a task of its own."""

    def __init__(self, handler: H2Handler) -> None:
        self._streams = Streams(lambda: _Peer(handler, self._streams))

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> int:
        """Listen; returns the port."""
        return await self._streams.start(host, port)

    async def stop(self) -> None:
        """Close the listener and every connection."""
        await self._streams.stop()


class _Peer(asyncio.Protocol):
    """One connection."""

    def __init__(self, handler: H2Handler, streams: Streams) -> None:
        self._handler = handler
        self._streams = streams
        self._h2 = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        self._requests: dict[int, H2Request] = {}
        self._answering: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._streams.joined(self, True)
        self._h2.initiate_connection()
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        self._streams.joined(self, False)
        for task in self._answering:
            task.cancel()

    def abort(self) -> None:
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        try:
            events = self._h2.receive_data(data)
        except ProtocolError:
            self._flush()
            self._transport.close()
            return
        for event in events:
            if isinstance(event, RequestReceived):
                self._requests[event.stream_id] = H2Request(
                    {str(key): str(value) for key, value in event.headers}
                )
            elif isinstance(event, DataReceived):
                self._take(event)
            elif isinstance(event, StreamEnded):
                self._answer(event.stream_id)
            elif isinstance(event, StreamReset):
                self._requests.pop(event.stream_id, None)
            elif isinstance(event, ConnectionTerminated):
                self._transport.close()
        self._flush()

    def _take(self, event: DataReceived) -> None:
        self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        request = self._requests.get(event.stream_id)
        if request is not None:
            request.body += event.data
            if len(request.body) > MOST_OCTETS:
                del self._requests[event.stream_id]
                self._h2.reset_stream(event.stream_id, ErrorCodes.ENHANCE_YOUR_CALM)

    def _answer(self, stream: int) -> None:
        request = self._requests.pop(stream, None)
        if request is not None:
            task = asyncio.get_running_loop().create_task(self._respond(stream, request))
            self._answering.add(task)
            task.add_done_callback(self._answering.discard)

    async def _respond(self, stream: int, request: H2Request) -> None:
        answer = await self._handler(request)
        headers = [(":status", str(answer.status)), *answer.headers.items()]
        try:
            self._h2.send_headers(stream, headers, end_stream=not answer.body)
            if answer.body:  # short: an answer of a push service fits into the smallest window
                self._h2.send_data(stream, answer.body, end_stream=True)
        except ProtocolError:  # the other side has given the request up
            return
        self._flush()

    def _flush(self) -> None:
        octets = self._h2.data_to_send()
        if octets and not self._transport.is_closing():
            self._transport.write(octets)
