"""Everything that runs in a soak: database servers, far ends, workers, and the wires between them."""

from __future__ import annotations

import socket
import threading
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Final

import psycopg
from bench.house import House
from bench.live import make_due
from psycopg.conninfo import make_conninfo

from duecourse.channels.sandbox.rules import SandboxRules

from .disk import SmallDisk, small_disk
from .far_ends import CAST, Cast, FarEnd, FarEnds
from .lender import Wishes, fill
from .servers import Servers
from .wire import Wire, Wires
from .workers import Workers

LEASE_SECONDS: Final = 5
PLAIN: Final = SandboxRules(numbers={}, local_parts={})
STATEMENT_SECONDS: Final = 15
"""For what the soak itself asks the database: it goes on when nobody answers."""


class Stage:
    """Set up on construction; `begin` lets messages fall due, `close` ends every process."""

    def __init__(
        self, folder: Path, wishes: Wishes, workers: int, *, standby: bool, cast: Sequence[Cast] = CAST
    ) -> None:
        """standby: whether a second server stands by, and the first has a small disk where that can be had."""
        self.folder = folder
        self.wishes = wishes
        self.disk: SmallDisk | str = small_disk(folder / "one") if standby else "a plain run fills no disk"
        self.servers = Servers([folder / "one", folder / "two"])
        self.house = House(folder, self.servers.conninfo)
        self.database = fill(self.house, wishes, {kind.partition(".")[0] for _, kind, _ in cast})
        self.wires = Wires()
        listen = f"127.0.0.1:{_free_port()}"
        callbacks = self.wires.lay("callbacks", ("127.0.0.1", int(listen.rpartition(":")[2])))
        rules = PLAIN if wishes.plain else SandboxRules()
        self.far_ends = FarEnds(folder, f"http://127.0.0.1:{callbacks.port}/callbacks", rules, cast)
        if standby:
            self.servers.stand_by()
            self.servers.wait()
            self.house.conninfo = self.servers.conninfo
        self.lines: list[list[Wire]] = [
            [self.wires.lay(f"worker {place} to database", file) for file in self.servers.socket_files]
            for place in range(workers)
        ]
        """Of each worker to each server."""
        urls = [self._url(wires) for wires in self.lines]
        self.workers = Workers(folder, urls, LEASE_SECONDS, listen, wishes.seed)
        self._starting: list[threading.Thread] = []

    @property
    def conninfo(self) -> str:
        """Of the run's database, wherever it is written now."""
        return make_conninfo(self.house.conninfo_of(self.database))

    def connect(self) -> psycopg.Connection:
        """For the soak itself, beside all wires."""
        return psycopg.connect(
            self.conninfo, autocommit=True, options=f"-c statement_timeout={STATEMENT_SECONDS}s"
        )

    def _url(self, wires: Sequence[Wire]) -> str:
        """How a worker reaches the database: over its own wires, and whichever server takes writes."""
        return make_conninfo(
            self.conninfo,
            host=",".join("127.0.0.1" for _ in wires),
            port=",".join(str(wire.port) for wire in wires),
            target_session_attrs="read-write",
            sslmode="disable",
            gssencmode="disable",
        )

    def let_fall_due(self) -> int:
        """From now on messages fall due; returns how many."""
        with self.house.open(self.database) as store, store.connect() as conn:
            return make_due(conn, over=self.wishes.over, useful=self.wishes.useful)

    def restart(self, far_end: FarEnd) -> None:
        """Beside everything else: a process takes seconds to start on a busy machine."""
        starting = threading.Thread(target=far_end.process.start)
        starting.start()
        self._starting.append(starting)

    def must_end(self) -> timedelta:
        """When every message has lost its use."""
        return self.wishes.over + self.wishes.useful

    def close(self) -> None:
        """End every process."""
        self.workers.stop()
        for starting in self._starting:
            starting.join()
        self.far_ends.stop()
        self.wires.close()
        if isinstance(self.disk, SmallDisk):
            self.disk.free()
        self.servers.stop()
        if isinstance(self.disk, SmallDisk):
            self.disk.unmount()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port
