"""A run: everything that is running, what is done to it and when, and what it looks like meanwhile."""

from __future__ import annotations

import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import psycopg
from bench.house import House
from bench.live import make_due

from duecourse.channels.sandbox.rules import SandboxRules

from .audit import Bounds, Findings, audit
from .database import CrashingServer
from .far_ends import RESPONSE_SECONDS, WINDOW, FarEnd, FarEnds
from .lender import NEXT_SECONDS, Wishes, fill, unanswered
from .misfortunes import Misfortune, What
from .workers import Workers

LEASE_SECONDS: Final = 5
GRACE_SECONDS: Final = 15
"""For a lane beyond its lease, while the database is there and a worker awake for longer than it takes to start."""
PROGRESS_SECONDS: Final = 10.0
PATIENCE_SECONDS: Final = 60.0
"""After everything must have ended."""
PLAIN: Final = SandboxRules(numbers={}, local_parts={})


class Run:
    """One run over one database."""

    def __init__(self, folder: Path, wishes: Wishes, workers: int) -> None:
        self.wishes = wishes
        self.server = CrashingServer(folder)
        self.house = House(folder, self.server.conninfo)
        self.database = fill(self.house, wishes)
        listen = f"127.0.0.1:{_free_port()}"
        rules = PLAIN if wishes.plain else SandboxRules()
        self.far_ends = FarEnds(folder, f"http://{listen}/callbacks", rules)
        self.workers = Workers(folder, self.house.conninfo_of(self.database), LEASE_SECONDS, workers, listen)
        self.struck: Counter[str] = Counter()
        self.longest_idle = 0.0
        self.cut_off = unanswered(wishes.offered, plain=wishes.plain)
        self._later: list[tuple[float, Callable[[], None]]] = []
        self._starting: list[threading.Thread] = []
        self._database_since = time.monotonic()
        self._start_seconds: float | None = None
        self._began = time.monotonic()
        self._conn: psycopg.Connection | None = None
        self._seen = self._told = 0.0

    def live_through(self, planned: Sequence[Misfortune]) -> None:
        """All misfortunes at their instants, then quiet until every message has ended, or a while after it must."""
        self._begin()
        behind = 0.0  # on a busy machine some last longer than they should: what follows keeps its distance
        for one in planned:
            self.until(one.at + behind)
            self.strike(one)
            behind = max(behind, self.elapsed() - one.at)
            if one.at + behind >= self.wishes.over.total_seconds():
                break
        self.finish()

    def lose_a_provider(self) -> None:
        """The provider with the greatest weight dies for good once a third of all messages were handed over."""
        self._begin()
        query = "SELECT count(*) FROM attempt WHERE state NOT IN ('claimed', 'released')"
        while (self._query(query) or 0) < self.wishes.offered / 3 and self.elapsed() < self._must_end():
            self.until(self.elapsed() + 0.2)
        dying = max(self.far_ends, key=lambda one: one.weight)
        self.say(f"kill {dying.name} for good")
        self._kill(dying)
        self.struck[What.KILL_PROVIDER] += 1
        self.finish()

    def _begin(self) -> None:
        self.far_ends.start()
        with self.house.open(self.database) as store, store.connect() as conn:
            make_due(conn, over=self.wishes.over, useful=self.wishes.useful)
        self._began = time.monotonic()

    def finish(self) -> None:
        """Wait until all has ended, then end the workers."""
        self.until(self.wishes.over.total_seconds())
        limit = self._must_end() + PATIENCE_SECONDS
        while self.elapsed() < limit and (self._later or self._query(_OPEN) != 0):
            self.until(self.elapsed() + 1)
        self.workers.stop()

    def _must_end(self) -> float:
        return (self.wishes.over + self.wishes.useful).total_seconds()

    def elapsed(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self._began

    def until(self, at: float) -> None:
        """Keep everything running until that many seconds after the start."""
        while True:
            for due, act in list(self._later):
                if self.elapsed() >= due:
                    self._later.remove((due, act))
                    act()
            self.workers.tend()
            self._watch()
            if self.elapsed() >= at:
                return
            time.sleep(min(0.2, max(0.0, at - self.elapsed())))

    def say(self, what: str) -> None:
        """One line, with its time."""
        print(f"{self.elapsed():7.1f} s  {what}", flush=True)

    def strike(self, one: Misfortune) -> None:
        """Do it, unless nobody is left whom it could strike."""
        whom = ""
        windows = WINDOW * len(self.far_ends.all)
        match one.what:
            case What.KILL_WORKER | What.FREEZE_WORKER:
                awake = self.workers.awake
                if not awake:
                    return
                pid = awake[int(one.which * len(awake))]
                self.cut_off += windows
                if one.what is What.KILL_WORKER:
                    self.workers.kill(pid)
                else:
                    self.workers.freeze(pid)
                    self._after(one.lasts, lambda: self.workers.thaw(pid))
            case What.KILL_PROVIDER | What.STOP_PROVIDER:
                up = [far_end for far_end in self.far_ends if far_end.is_up]
                if not up:
                    return
                far_end = up[int(one.which * len(up))]
                whom = f" ({far_end.name}, {one.lasts:.1f} s)"
                if one.what is What.KILL_PROVIDER:
                    self._kill(far_end)
                    self._after(one.lasts, lambda: self._restart(far_end))
                else:
                    far_end.stand_still()
                    self.cut_off += WINDOW * self.workers.count * (1 + int(one.lasts / RESPONSE_SECONDS))
                    self._after(one.lasts, far_end.go_on)
            case What.CRASH_DATABASE:
                self._conn = None
                self.cut_off += windows * self.workers.count
                self.server.crash()
                self._database_since = time.monotonic()
        self.struck[one.what] += 1
        self.say(f"{one.what}{whom}")

    def _kill(self, far_end: FarEnd) -> None:
        far_end.process.kill()
        self.cut_off += WINDOW * self.workers.count

    def _restart(self, far_end: FarEnd) -> None:
        """Beside everything else: a process takes seconds to start on a busy machine."""
        starting = threading.Thread(target=far_end.process.start)
        starting.start()
        self._starting.append(starting)

    def _after(self, seconds: float, act: Callable[[], None]) -> None:
        self._later.append((self.elapsed() + seconds, act))

    def _query(self, query: str) -> float | None:
        """One figure; None while the database is not there."""
        try:
            if self._conn is None or self._conn.closed:
                self._conn = psycopg.connect(self.house.conninfo_of(self.database), autocommit=True)
            row = self._conn.execute(query).fetchone()
        except psycopg.OperationalError:
            self._conn = None
            return None
        return float(row[0]) if row else 0.0

    def _watch(self) -> None:
        """How long the lane has been free that has been free longest while somebody could have taken it; and now and
        then a line of progress."""
        if time.monotonic() - self._seen < 0.5:
            return
        self._seen = time.monotonic()
        # In the first seconds nobody has come yet; a lane that never had an owner is not idle but new.
        idle = self._query(
            """SELECT coalesce(max(extract(epoch FROM clock_timestamp() - expires_at)), 0)
               FROM lane_lease WHERE epoch > 0"""
        )
        if self._start_seconds is None and self._query("SELECT count(*) FROM lane_lease WHERE epoch > 0"):
            self._start_seconds = self.elapsed()  # what a worker needs on this machine until it has lanes
        could = min(self.workers.awake_seconds(), time.monotonic() - self._database_since)
        could -= self._start_seconds or 0.0
        self.longest_idle = max(self.longest_idle, min(idle or 0.0, could))
        if self.elapsed() - self._told >= PROGRESS_SECONDS:
            self._told = self.elapsed()
            self._tell()

    def _tell(self) -> None:
        figures = {word: self._query(query) for word, query in _PROGRESS.items()}
        self.say("  ".join(f"{word} {value:.0f}" for word, value in figures.items() if value is not None))

    def findings(self) -> Findings:
        """The audit."""
        plain = self.wishes.plain
        bounds = Bounds(
            self.wishes.offered, self.cut_off, None if plain else float(NEXT_SECONDS), costs_none=plain
        )
        with (
            self.house.open(self.database) as store,
            store.connect(
                idle_in_transaction_seconds=0
            ) as conn,  # the journals of the far ends take their time
        ):
            found = audit(conn, self.house.keyring, self.far_ends.all, bounds)
        found.figures |= {
            "misfortunes": dict(self.struck),
            "workers": self.workers.deaths,
            "longest idle lane, s": round(self.longest_idle, 1),
        }
        found.require(
            self.longest_idle <= LEASE_SECONDS + GRACE_SECONDS, "no lane is idle longer than lease and grace"
        )
        return found

    def close(self) -> None:
        """End every process of the run."""
        self.workers.stop()
        for starting in self._starting:
            starting.join()
        self.far_ends.stop()
        if self._conn is not None:
            self._conn.close()
        self.server.stop()


_OPEN: Final = "SELECT count(*) FROM message WHERE state <> 'done'"
_PROGRESS: Final = {
    "due": "SELECT count(*) FROM message WHERE state = 'planned' AND not_before <= clock_timestamp()",
    "in flight": "SELECT count(*) FROM message WHERE state = 'in_flight'",
    "done": "SELECT count(*) FROM message WHERE state = 'done'",
    "delivered": "SELECT count(*) FROM message WHERE outcome IN ('delivered', 'read')",
    "unknown": "SELECT count(*) FROM attempt WHERE state = 'unknown'",
    "providers at rest": "SELECT count(*) FROM provider_state WHERE state <> 'working'",
}


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port
