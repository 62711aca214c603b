"""Workers as a supervisor keeps them: started again whenever they end."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(slots=True)
class Workers:
    """`duecourse work` processes on one database. callbacks: HOST:PORT that one of them at a time listens on.
    deaths: how often each cause ended one."""

    home: Path
    url: str
    lease_seconds: int
    count: int
    callbacks: str
    deaths: dict[str, int] = field(default_factory=dict)
    frozen: set[int] = field(default_factory=set)
    _running: list[subprocess.Popen[bytes]] = field(default_factory=list)
    _listening: subprocess.Popen[bytes] | None = None
    _since: dict[int, float] = field(default_factory=dict)

    def tend(self) -> None:
        """Start as many as there should be; count those that ended by themselves."""
        for worker in list(self._running):
            if worker.poll() is not None:
                self._running.remove(worker)
                self.frozen.discard(worker.pid)
                self._count("ended by itself")
        while len(self._running) < self.count:
            listens = self._listening not in self._running
            worker = self._start(self.callbacks if listens else "")
            self._running.append(worker)
            self._since[worker.pid] = time.monotonic()
            self._listening = worker if listens else self._listening

    def _start(self, callbacks: str) -> subprocess.Popen[bytes]:
        environment = os.environ | {
            "DUECOURSE_HOME": str(self.home),
            "DUECOURSE_DATABASE_URL": self.url,
            "DUECOURSE_LEASE_SECONDS": str(self.lease_seconds),
            "DUECOURSE_CALLBACKS_LISTEN": callbacks,
        }
        with (self.home / "worker.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "duecourse.cli.main", "work"], env=environment, stdout=log, stderr=log
            )

    @property
    def awake(self) -> list[int]:
        """Process ids of those that run and are not frozen."""
        return [
            worker.pid for worker in self._running if worker.poll() is None and worker.pid not in self.frozen
        ]

    def awake_seconds(self) -> float:
        """For how long that one has been awake that has been so longest; 0 when none is."""
        return max((time.monotonic() - self._since[pid] for pid in self.awake), default=0.0)

    def kill(self, pid: int) -> None:
        """SIGKILL, as the kernel would when memory runs out."""
        for worker in list(self._running):
            if worker.pid == pid:
                worker.kill()
                worker.wait()
                self._running.remove(worker)
                self._count("killed")

    def freeze(self, pid: int) -> None:
        """SIGSTOP: it neither runs nor knows that time passes."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
            self.frozen.add(pid)
            self._count("frozen")

    def thaw(self, pid: int) -> None:
        """SIGCONT."""
        self.frozen.discard(pid)
        self._since[pid] = time.monotonic()
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)

    def stop(self) -> None:
        """SIGTERM to all and wait; kill what does not end."""
        for pid in list(self.frozen):
            self.thaw(pid)
        for worker in self._running:
            worker.terminate()
        for worker in self._running:
            try:
                worker.wait(20)
            except subprocess.TimeoutExpired:
                worker.kill()
                worker.wait()
        self._running.clear()

    def _count(self, cause: str) -> None:
        self.deaths[cause] = self.deaths.get(cause, 0) + 1
