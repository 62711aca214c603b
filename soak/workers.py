"""Workers as a supervisor keeps them: started again whenever they end."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

START_SECONDS: Final = 120.0
"""So long a worker may take until it works, on a machine that is busy with all the rest."""
LOG: Final = "worker.log"
_WORKS: Final = b'"event": "working"'


def start_worker(
    home: Path,
    url: str,
    *options: str,
    lease_seconds: int,
    callbacks: str = "",
    clock_seed: int | None = None,
    log: str = LOG,
) -> subprocess.Popen[bytes]:
    """`duecourse work` as a process of its own, which writes to `log` in its home.

    callbacks: HOST:PORT that it listens on. clock_seed: the date of its machine is wrong, see soak.off_clock.
    """
    environment = os.environ | {
        "DUECOURSE_HOME": str(home),
        "DUECOURSE_DATABASE_URL": url,
        "DUECOURSE_LEASE_SECONDS": str(lease_seconds),
        "DUECOURSE_CALLBACKS_LISTEN": callbacks,
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
    }
    module = ["duecourse.cli.main"] if clock_seed is None else ["soak.off_clock", str(clock_seed)]
    with (home / log).open("ab") as written:
        return subprocess.Popen(
            [sys.executable, "-m", *module, "work", *options], env=environment, stdout=written, stderr=written
        )


@dataclass(slots=True)
class Workers:
    """`duecourse work` processes on one database.

    urls: how each reaches it, by its place. callbacks: HOST:PORT that one of them at a time listens on. deaths: how
    often each cause ended one. seed: of their clocks.
    """

    home: Path
    urls: Sequence[str]
    lease_seconds: int
    callbacks: str
    seed: int
    deaths: Counter[str] = field(default_factory=Counter)
    frozen: set[int] = field(default_factory=set)
    at_work: set[int] = field(default_factory=set)
    """Process ids of those that have held a lane: whoever starts is left in peace until then."""
    cut_off: set[int] = field(default_factory=set)
    """Places from which the database cannot be reached."""
    _running: dict[int, subprocess.Popen[bytes]] = field(default_factory=dict)
    _listening: subprocess.Popen[bytes] | None = None
    _born: dict[int, float] = field(default_factory=dict)
    _logs: dict[int, Path] = field(default_factory=dict)
    _since: dict[int, float] = field(default_factory=dict)
    """From when on who is at a place could work: since it said so, woke up, or reached the database again."""
    _started: int = 0

    @property
    def count(self) -> int:
        """How many there should be."""
        return len(self.urls)

    def tend(self) -> None:
        """Start as many as there should be; count those that ended by themselves; see who has begun to work."""
        for place, url in enumerate(self.urls):
            worker = self._running.get(place)
            if worker is None:
                self._start(place, url)
            elif worker.poll() is not None:
                self.frozen.discard(worker.pid)
                self.deaths[f"ended by itself, code {worker.returncode}"] += 1
                self._start(place, url)
            elif place not in self._since and self._works(place):
                self._since[place] = time.monotonic()

    def _start(self, place: int, url: str) -> None:
        listening = self._listening is not None and self._listening.poll() is None
        self._started += 1
        log = f"worker-{self._started}-at-{place}.log"
        worker = start_worker(
            self.home,
            url,
            lease_seconds=self.lease_seconds,
            callbacks="" if listening else self.callbacks,
            clock_seed=self.seed + self._started,
            log=log,
        )
        self._running[place] = worker
        self._born[place], self._logs[place] = time.monotonic(), self.home / log
        self._since.pop(place, None)
        self._listening = self._listening if listening else worker

    def _works(self, place: int) -> bool:
        """Whether it has said so, or has had as long as a worker may take."""
        if time.monotonic() - self._born[place] > START_SECONDS:
            return True
        return _WORKS in self._logs[place].read_bytes()

    @property
    def last_words(self) -> str:
        """Of the log of whoever was started last."""
        last = max(self._born, key=self._born.__getitem__)
        return self._logs[last].read_text("utf-8", "replace")[-500:]

    @property
    def worth_striking(self) -> list[int]:
        """The places of those that are awake and have begun to work."""
        return [place for place in self.awake if self._running[place].pid in self.at_work]

    @property
    def awake(self) -> list[int]:
        """The places of those that run and are not frozen."""
        return [
            place
            for place, worker in self._running.items()
            if worker.poll() is None and worker.pid not in self.frozen
        ]

    def at_work_seconds(self) -> float:
        """For how long that one has been able to work that has been so longest; 0 when none is."""
        since = [self._since[place] for place in self.awake if place in self._since.keys() - self.cut_off]
        return time.monotonic() - min(since) if since else 0.0

    def reaches(self, place: int) -> None:
        """The database can be reached from there again."""
        self.cut_off.discard(place)
        self._begins_anew(place)

    def _begins_anew(self, place: int) -> None:
        if place in self._since:
            self._since[place] = time.monotonic()

    def kill(self, place: int) -> None:
        """SIGKILL, as the kernel would when memory runs out."""
        worker = self._running.pop(place)
        worker.kill()
        worker.wait()
        self.deaths["killed"] += 1

    def move_clock(self, place: int) -> None:
        """The date of its machine jumps."""
        with contextlib.suppress(ProcessLookupError):
            self._running[place].send_signal(signal.SIGUSR1)

    def freeze(self, place: int) -> int:
        """SIGSTOP: it neither runs nor knows that time passes. Returns its process id."""
        pid = self._running[place].pid
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
            self.frozen.add(pid)
            self.deaths["frozen"] += 1
        return pid

    def thaw(self, place: int, pid: int) -> None:
        """SIGCONT."""
        self.frozen.discard(pid)
        self._begins_anew(place)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)

    def stop(self) -> None:
        """SIGTERM to all and wait; kill what does not end."""
        for place, worker in self._running.items():
            self.thaw(place, worker.pid)
        for worker in self._running.values():
            worker.terminate()
        for worker in self._running.values():
            try:
                worker.wait(30)
            except subprocess.TimeoutExpired:
                self.deaths["did not end when asked"] += 1
                worker.kill()
                worker.wait()
        self._running.clear()
