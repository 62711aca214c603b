"""A run: everything that is running, what is done to it and when, and what it looks like meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Final

import psycopg

from .audit import Bounds, Findings, audit
from .lender import NEXT_SECONDS, unanswered
from .misfortunes import Misfortune, What
from .stage import LEASE_SECONDS, Stage
from .strikes import Strikes
from .workers import START_SECONDS

GRACE_SECONDS: Final = 15
"""For a lane beyond its lease, while commits end and a worker is there that can work."""
PROGRESS_SECONDS: Final = 10.0
PATIENCE_SECONDS: Final = 60.0
"""After everything must have ended."""


class Run:
    """One run over one database."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self._later: list[tuple[float, Callable[[], None]]] = []
        self.strikes = Strikes(
            stage, lambda seconds, act: self._later.append((self.elapsed() + seconds, act))
        )
        self.strikes.cut_off = unanswered(stage.wishes.offered, plain=stage.wishes.plain)
        self.longest_idle = 0.0
        self._began = time.monotonic()
        self._offered = 0
        self._conn: psycopg.Connection | None = None
        self._seen = self._told = 0.0

    def live_through(self, planned: Iterable[Misfortune], *, kills: int = 0) -> None:
        """Misfortunes at their instants, then quiet until every message has ended, or a while after it must.

        kills: until there were so many; 0: until the last message has fallen due.
        """
        self.begin()
        behind = 0.0  # on a busy machine some last longer than they should: what follows keeps its distance
        for one in planned:
            self.until(one.at + behind)
            whom = self.strikes.strike(one)
            if whom is not None:
                self.say(f"{one.what} ({whom})")
            behind = max(behind, self.elapsed() - one.at)
            over = one.at + behind >= self.stage.wishes.over.total_seconds()
            if self.strikes.kills >= kills if kills else over:
                break
        self.finish()

    def lose_a_provider(self) -> None:
        """The provider with the greatest weight dies for good once a third of all messages were handed over."""
        self.begin()
        query = "SELECT count(*) FROM attempt WHERE state NOT IN ('claimed', 'released')"
        while (self._query(query) or 0) < self._offered / 3 and self.elapsed() < self._must_end():
            self.until(self.elapsed() + 0.2)
        dying = max(self.stage.far_ends, key=lambda one: one.weight)
        self.say(f"kill {dying.name} for good")
        self.strikes.kill_for_good(dying)
        self.strikes.struck[What.KILL_PROVIDER] += 1
        self.finish()

    def begin(self) -> None:
        """Start far ends and workers, and let messages fall due once all work, or some after START_SECONDS.

        Raises RuntimeError when none works by then: nothing would be shown.
        """
        self.stage.far_ends.start(self.stage.wires)
        self._began = time.monotonic()
        workers = self.stage.workers
        while len(workers.at_work) < workers.count and self.elapsed() < START_SECONDS:
            self.until(self.elapsed() + 0.5)
        if not workers.at_work:
            raise RuntimeError(
                f"no worker worked within {START_SECONDS:.0f} s: {dict(workers.deaths)}; {workers.last_words}"
            )
        self._offered = self.stage.let_fall_due()
        self._began = time.monotonic()
        self.strikes.database_since = self._began

    def finish(self, *, hasten: str = "") -> None:
        """Wait until all has ended, then end the workers. hasten: a statement that brings forward what it waits for."""
        self.until(self.stage.wishes.over.total_seconds())
        limit = self._must_end() + PATIENCE_SECONDS
        while self.elapsed() < limit and (self._later or self._query(_OPEN) != 0):
            if hasten and not self._later:
                self._ask(hasten)
            self.until(self.elapsed() + 1)
        self.stage.workers.stop()

    def _must_end(self) -> float:
        return self.stage.must_end().total_seconds()

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
            self.stage.workers.tend()
            self._watch()
            if self.elapsed() >= at:
                return
            time.sleep(min(0.2, max(0.0, at - self.elapsed())))

    def say(self, what: str) -> None:
        """One line, with its time."""
        print(f"{self.elapsed():7.1f} s  {what}", flush=True)

    def _query(self, query: str) -> float | None:
        """One figure; None while the database is not there."""
        value = self._ask(query)
        return None if value is None else float(str(value))

    def _ask(self, query: str) -> object:
        try:
            if self._conn is None or self._conn.closed:
                self._conn = self.stage.connect()
            row = self._conn.execute(query).fetchone()
        except psycopg.OperationalError:
            self._conn = None
            return None
        return row[0] if row else None

    def _owners(self) -> set[int]:
        """Process ids of the workers that hold lanes; none while the database is not there."""
        query = "SELECT string_agg(DISTINCT split_part(owner, ':', 2), ' ') FROM lane_lease WHERE owner IS NOT NULL"
        return {int(pid) for pid in str(self._ask(query) or "").split()}

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
        self.stage.workers.at_work.update(self._owners())
        if not self._ask(COMMITS_END):
            self.strikes.database_since = max(self.strikes.database_since, time.monotonic())
        there = time.monotonic() - self.strikes.database_since
        could = min(self.stage.workers.at_work_seconds(), there)
        self.longest_idle = max(self.longest_idle, min(idle or 0.0, could))
        if self.elapsed() - self._told >= PROGRESS_SECONDS:
            self._told = self.elapsed()
            figures = {word: self._query(query) for word, query in _PROGRESS.items()}
            self.say("  ".join(f"{word} {value:.0f}" for word, value in figures.items() if value is not None))

    def findings(self, *, costs_none: bool) -> Findings:
        """The audit. costs_none: whether every message must have been taken by somebody."""
        stage, strikes = self.stage, self.strikes
        stage.servers.go_alone()
        bounds = Bounds(
            self._offered,
            strikes.cut_off,
            None if stage.wishes.plain else float(NEXT_SECONDS),
            costs_none=costs_none,
        )
        with (
            stage.house.open(stage.database) as store,
            store.connect(idle_in_transaction_seconds=0) as conn,  # the journals take their time
        ):
            found = audit(conn, stage.house.keyring, stage.far_ends.all, bounds, strikes.decisions)
        found.figures |= {
            "kills": strikes.kills,
            "misfortunes": dict(strikes.struck),
            "left out": dict(strikes.skipped),
            "workers": dict(stage.workers.deaths),
            "people held": len(strikes.decisions.held),
            "longest idle lane, s": round(self.longest_idle, 1),
        }
        found.require(
            self.longest_idle <= LEASE_SECONDS + GRACE_SECONDS, "no lane is idle longer than lease and grace"
        )
        return found

    def close(self) -> None:
        """End every process of the run."""
        if self._conn is not None:
            self._conn.close()
        self.stage.close()


COMMITS_END: Final = """
    SELECT current_setting('synchronous_standby_names') = ''
           OR EXISTS (SELECT 1 FROM pg_stat_replication WHERE sync_state IN ('sync', 'quorum'))"""
"""A primary that has a standby commits nothing, no lease either, until the standby follows it again after a crash."""
_OPEN: Final = "SELECT count(*) FROM message WHERE state <> 'done'"
_PROGRESS: Final = {
    "due": "SELECT count(*) FROM message WHERE state = 'planned' AND not_before <= clock_timestamp()",
    "in flight": "SELECT count(*) FROM message WHERE state = 'in_flight'",
    "done": "SELECT count(*) FROM message WHERE state = 'done'",
    "delivered": "SELECT count(*) FROM message WHERE outcome IN ('delivered', 'read')",
    "unknown": "SELECT count(*) FROM attempt WHERE state = 'unknown'",
    "providers at rest": "SELECT count(*) FROM provider_state WHERE state <> 'working'",
}
