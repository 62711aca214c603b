"""A listening socket of a far end, and the connections it has."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol


class Connection(Protocol):
    """One that stands: what has come by the socket, or a transport."""

    def abort(self) -> None:
        """Drop it."""


class Streams:
    """Listens. A connection is noted when it is made and when it is lost, so that stopping leaves none."""

    def __init__(self, protocol: Callable[[], asyncio.BaseProtocol]) -> None:
        self._protocol = protocol
        self._server: asyncio.Server | None = None
        self._connections: set[Connection] = set()

    async def start(self, host: str, port: int) -> int:
        """Listen; returns the port. 0 takes a free one."""
        self._server = await asyncio.get_running_loop().create_server(self._protocol, host, port)
        bound: int = self._server.sockets[0].getsockname()[1]
        return bound

    async def stop(self) -> None:
        """Close the listener and every connection."""
        if self._server is not None:
            self._server.close()
            for connection in list(self._connections):
                connection.abort()
            await self._server.wait_closed()

    def joined(self, connection: Connection, there: bool) -> None:
        """Note a connection that has come or gone."""
        (self._connections.add if there else self._connections.discard)(connection)
