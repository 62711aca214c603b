"""The network between our processes: every connection runs over a wire of ours that can be cut, swallow, or be slow.

A wire is a TCP port of this machine that passes on to another port or to the socket of a database server.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, TypeVar

T = TypeVar("T")
CHUNK: Final = 65536
_RESET: Final = struct.pack("ii", 1, 0)
"""SO_LINGER that makes a close a reset: the peer learns that the connection is gone, and what was under way is lost."""


class _Link:
    """One connection and what it leads to."""

    def __init__(self, near: asyncio.StreamWriter, far: asyncio.StreamWriter) -> None:
        self.near = near
        self.far = far
        self.deaf = False

    def reset(self) -> None:
        for side in (self.near, self.far):
            _reset(side)

    def lose_far_side(self) -> None:
        """The far side is told that all is over; the near side is not, and is never answered again."""
        self.deaf = True
        _reset(self.far)


def _reset(side: asyncio.StreamWriter) -> None:
    carried: socket.socket | None = side.get_extra_info("socket")
    if carried is not None and carried.family in (socket.AF_INET, socket.AF_INET6):
        with suppress(OSError):
            carried.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    side.transport.abort()


class Wire:
    """One port and where it leads. Its methods are called from any thread."""

    def __init__(self, wires: Wires, name: str, port: int, to: tuple[str, int] | Path) -> None:
        self.name = name
        self.port = port
        self._wires = wires
        self._to = to
        self._links: set[_Link] = set()
        self._passes = asyncio.Event()
        self._passes.set()
        self._delay = 0.0

    def cut(self) -> None:
        """Reset every connection. New ones can be made."""
        self._wires.call(self._cut)

    def swallow(self) -> None:
        """From now on nothing arrives and nobody is told: connections stay, new ones are taken and lead nowhere."""
        self._wires.call(self._passes.clear)

    def lose_far_sides(self) -> None:
        """Each connection ends for the far side only; new ones are whole."""
        self._wires.call(self._lose_far_sides)

    def delay(self, seconds: float) -> None:
        """Everything takes so much longer from now on, in each direction."""
        self._wires.call(setattr, self, "_delay", seconds)

    def mend(self, *, reset: bool) -> None:
        """Let everything pass again: what was swallowed arrives late, or, with reset, what was connected is cut."""
        self._wires.call(self._mend, reset)

    def _cut(self) -> None:
        for link in list(self._links):
            link.reset()

    def _lose_far_sides(self) -> None:
        for link in self._links:
            link.lose_far_side()

    def _mend(self, reset: bool) -> None:
        for link in list(self._links):
            if reset or link.deaf:
                link.reset()
        self._delay = 0.0
        self._passes.set()

    async def take(self, reader: asyncio.StreamReader, near: asyncio.StreamWriter) -> None:
        """Serve one connection until either side ends it."""
        try:
            await self._passes.wait()
            if isinstance(self._to, Path):
                back, far = await asyncio.open_unix_connection(str(self._to))
            else:
                back, far = await asyncio.open_connection(*self._to)
        except OSError:
            _reset(near)
            return
        link = _Link(near, far)
        self._links.add(link)
        try:
            there = asyncio.create_task(self._pump(reader, far, link))
            await self._pump(back, near, link)
            if link.deaf:  # swallow what still comes, until somebody gives up
                await asyncio.wait([there])
            there.cancel()
        finally:
            self._links.discard(link)
            for side in (near, far):
                side.close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, link: _Link) -> None:
        with suppress(OSError):
            while piece := await reader.read(CHUNK):
                await self._passes.wait()
                if self._delay:
                    await asyncio.sleep(self._delay)
                if not link.deaf:
                    writer.write(piece)
                    await writer.drain()
            await self._passes.wait()
            if not link.deaf and writer.can_write_eof():
                writer.write_eof()


class Wires:
    """All wires, in a thread of their own."""

    def __init__(self) -> None:
        self.all: list[Wire] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="wires", daemon=True)
        self._servers: list[asyncio.Server] = []
        self._thread.start()

    def lay(self, name: str, to: tuple[str, int] | Path) -> Wire:
        """A new wire, on a free port of 127.0.0.1."""
        return self._run(self._lay(name, to))

    async def _lay(self, name: str, to: tuple[str, int] | Path) -> Wire:
        listening = socket.create_server(("127.0.0.1", 0))
        wire = Wire(self, name, listening.getsockname()[1], to)
        self._servers.append(await asyncio.start_server(wire.take, sock=listening))
        self.all.append(wire)
        return wire

    def call(self, what: Any, *arguments: object) -> None:
        """Do it in the wires' thread; returns when it is done."""

        async def done() -> None:
            what(*arguments)

        self._run(done())

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def close(self) -> None:
        """Reset everything and end the thread."""
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _close(self) -> None:
        for server in self._servers:
            server.close()
        for wire in self.all:
            wire._mend(True)
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
