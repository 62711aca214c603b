"""HTTP servers that do exactly what a test tells them, where the sandbox is too well behaved."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import h2.config
import h2.connection
import h2.events

Visit = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def read_request(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """Head and body of one request. Raises IncompleteReadError at the end of the connection."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(
        (
            int(line.split(b":")[1])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length")
        ),
        0,
    )
    return head, await reader.readexactly(length)


def answer(content: bytes = b"{}", status: bytes = b"200 OK", extra: bytes = b"") -> bytes:
    """A whole answer that keeps the connection."""
    return b"HTTP/1.1 %b\r\ncontent-length: %d\r\n%b\r\n%b" % (status, len(content), extra, content)


class ScriptedHttp:
    """HTTP/1.1 as octets: `visit` is called for each connection, and its number counted."""

    def __init__(self, visit: Visit) -> None:
        self._visit = visit
        self.visits = 0
        self.requests: list[bytes] = []

    async def start(self) -> str:
        """Listen; returns the address."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.visits += 1
        try:
            await self._visit(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def stop(self) -> None:
        self._server.close()
        await self._server.wait_closed()


class Http2Peer(asyncio.Protocol):
    """One HTTP/2 connection by prior knowledge; `handler` hears each whole request."""

    def __init__(self, server: ScriptedHttp2) -> None:
        self._server = server
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._server.peers.append(self)
        self.number = len(self._server.peers)
        self.h2.initiate_connection()
        self.flush()

    def data_received(self, data: bytes) -> None:
        for event in self.h2.receive_data(data):
            if isinstance(event, h2.events.StreamEnded):
                self._server.heard.append((self.number, event.stream_id))
                self._server.handler(self, event.stream_id)
        self.flush()

    def flush(self) -> None:
        self.transport.write(self.h2.data_to_send())

    def answer(self, stream_id: int, content: bytes = b"{}") -> None:
        self.h2.send_headers(stream_id, [(":status", "200")])
        self.h2.send_data(stream_id, content, end_stream=True)
        self.flush()


class ScriptedHttp2:
    """The listener. `heard` has (connection, stream) of every whole request."""

    def __init__(self, handler: Callable[[Http2Peer, int], None]) -> None:
        self.handler = handler
        self.peers: list[Http2Peer] = []
        self.heard: list[tuple[int, int]] = []

    async def start(self) -> str:
        """Listen; returns the address."""
        self._server = await asyncio.get_running_loop().create_server(lambda: Http2Peer(self), "127.0.0.1", 0)
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/"

    async def stop(self) -> None:
        self._server.close()
        for peer in self.peers:
            peer.transport.abort()
        await self._server.wait_closed()
