"""`python -m soak [--minutes 10] [--seed N] [--rate 40] [--workers 2]`. Exit code 1 when the audit finds a fault."""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
from bench.book import Shape, make_book, ordinary_number, put_in_force, seal_book, tidy
from bench.house import ROOT, House
from bench.live import make_due, noon_zone, today, write_providers

from duecourse.channels.sandbox.process import SandboxProcess
from duecourse.planning.plan import plan_book
from duecourse.store.migrate import put_setting

from .audit import Findings, audit
from .database import CrashingServer
from .misfortunes import Misfortune, misfortunes
from .workers import Workers

WINDOW = 50
LEASE_SECONDS = 5
USEFUL_SECONDS = 90
OFFERED_FOR = 0.9
"""Share of the run in which messages fall due; the rest sees the last misfortunes through."""
GRACE_SECONDS = 15
"""For a lane beyond its lease: a takeover, and where its worker died too, a supervisor's restart."""
SPECIAL_EVERY = 25
SPECIAL = ("0001", "0002", "0003", "0004", "0005", "0006", "0008")
"""Endings that the sandbox treats as undeliverable, refused, throttled, silent, late, STOP, broken. Not the one whose
submission is never answered: it would be unknown without any kill."""


class Soak:
    """One run: what is running, and what has been done to it."""

    def __init__(self, folder: Path, offered: int, seconds: float, workers: int, seed: int) -> None:
        self.offered = offered
        self.seconds = seconds
        self.server = CrashingServer(folder)
        self.house = House(folder, self.server.conninfo)
        self.database = self._fill(seed)
        self.smsc = SandboxProcess(folder).start()
        write_providers(folder, self.smsc.ports["sms.smpp"], window=WINDOW)
        self.workers = Workers(folder, self.house.conninfo_of(self.database), LEASE_SECONDS, workers)
        self.done: dict[str, int] = {}
        self.longest_idle = 0.0
        self._later: list[tuple[float, Callable[[], None]]] = []
        self._began = time.monotonic()
        self._conn: psycopg.Connection | None = None
        self._seen = 0.0

    def _fill(self, seed: int) -> str:
        zone = noon_zone()
        name = self.house.copy()
        with self.house.open(name) as store, store.connect(idle_in_transaction_seconds=0) as conn:
            put_setting(conn, "lender_zone", zone)
            make_book(conn, Shape(self.offered, today(zone), 1, 1, 1, shared=2**31 - 1), seed=seed, zone=zone)
            seal_book(conn, self.house.keyring, _number)
            plannables = put_in_force(conn, self.house.folder, {"due-today": "due"})
            plan_book(conn, plannables, as_of=today(zone), now=datetime.now(UTC))
            with store.connect(autocommit=True) as tidying:
                tidy(tidying)
            make_due(
                conn,
                over=timedelta(seconds=self.seconds * OFFERED_FOR),
                useful=timedelta(seconds=USEFUL_SECONDS),
            )
        return name

    def run(self, planned: list[Misfortune]) -> None:
        """All misfortunes at their instants, then quiet until every message has ended, or a while after it must."""
        self._began = time.monotonic()
        for one in planned:
            self._until(one.at)
            self._strike(one)
        self._until(self.seconds)
        limit = self.seconds + USEFUL_SECONDS + 60
        while self._elapsed() < limit and (self._later or self._open() != 0):
            self._until(self._elapsed() + 1)
        self.workers.stop()

    def _elapsed(self) -> float:
        return time.monotonic() - self._began

    def _until(self, at: float) -> None:
        """Keep everything running until that many seconds after the start."""
        while True:
            for due, act in list(self._later):
                if self._elapsed() >= due:
                    self._later.remove((due, act))
                    act()
            self.workers.tend()
            self._watch_lanes()
            if self._elapsed() >= at:
                return
            time.sleep(min(0.2, max(0.0, at - self._elapsed())))

    def _strike(self, one: Misfortune) -> None:
        awake = self.workers.awake
        what = one.what
        if what in ("kill a worker", "freeze a worker"):
            if not awake:
                return
            pid = awake[int(one.which * len(awake))]
            if what == "kill a worker":
                self.workers.kill(pid)
            else:
                self.workers.freeze(pid)
                self._later.append((self._elapsed() + one.lasts, lambda: self.workers.thaw(pid)))
        elif what == "kill the SMSC":
            if not self.smsc.pid:
                return
            self.smsc.kill()
            self._later.append((self._elapsed() + one.lasts, lambda: _start(self.smsc)))
        else:
            self._conn = None
            self.server.crash()
        self.done[what] = self.done.get(what, 0) + 1
        print(f"{one.at:7.1f} s  {what}", flush=True)

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

    def _watch_lanes(self) -> None:
        """How long the lane has been free that has been free longest."""
        if time.monotonic() - self._seen < 0.5:
            return
        self._seen = time.monotonic()
        # In the first seconds nobody has come yet; a lane that never had an owner is not idle but new.
        idle = self._query(
            """SELECT coalesce(max(extract(epoch FROM clock_timestamp() - expires_at)), 0)
               FROM lane_lease WHERE epoch > 0"""
        )
        self.longest_idle = max(self.longest_idle, idle or 0.0)

    def _open(self) -> float | None:
        return self._query("SELECT count(*) FROM message WHERE state <> 'done'")

    def findings(self) -> Findings:
        """The audit."""
        count = self.workers.count
        cut_off = (
            self.done.get("kill a worker", 0)
            + self.done.get("freeze a worker", 0)
            + count * (self.done.get("kill the SMSC", 0) + self.done.get("crash the database", 0))
        )
        with self.house.open(self.database) as store, store.connect() as conn:
            found = audit(
                conn,
                self.house.keyring,
                self.smsc.log,
                offered=self.offered,
                unknown_bound=WINDOW * cut_off,
            )
        found.figures |= {
            "misfortunes": self.done,
            "workers": self.workers.deaths,
            "longest_idle_lane_seconds": round(self.longest_idle, 1),
        }
        found.require(
            self.longest_idle <= LEASE_SECONDS + GRACE_SECONDS, "no lane is idle longer than lease and grace"
        )
        return found

    def close(self) -> None:
        """End every process of the run."""
        self.workers.stop()
        self.smsc.stop()
        if self._conn is not None:
            self._conn.close()
        self.server.stop()


def _start(smsc: SandboxProcess) -> None:
    smsc.start()


def _number(place: int) -> str:
    """One in SPECIAL_EVERY ends as the sandbox treats in some way of its own."""
    number = ordinary_number(place)
    if place % SPECIAL_EVERY:
        return number
    kind = place // SPECIAL_EVERY
    return f"+86137{kind // len(SPECIAL):04d}{SPECIAL[kind % len(SPECIAL)]}"


def main() -> None:
    """Run, audit, print."""
    parser = argparse.ArgumentParser(prog="python -m soak", description="Kill at random, then audit.")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    parser.add_argument("--rate", type=float, default=40.0, help="messages falling due in a second")
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    seconds = given.minutes * 60
    again = f"python -m soak --minutes {given.minutes:g} --seed {given.seed} --rate {given.rate:g}"
    print(f"To have the same misfortunes again: {again} --workers {given.workers}", flush=True)
    parent = ROOT / "build"
    parent.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="soak-", dir=parent))
    offered = int(given.rate * seconds * OFFERED_FOR)
    soak = Soak(folder, offered, seconds, given.workers, given.seed)
    try:
        soak.run(list(misfortunes(given.seed, seconds, LEASE_SECONDS)))
        found = soak.findings()
    finally:
        with contextlib.suppress(KeyboardInterrupt):
            soak.close()
    print(json.dumps({"seed": given.seed, **found.figures}, indent=2, default=str))
    if found.faults:
        print("Faults:\n  " + "\n  ".join(found.faults) + f"\nWhat was left is in {folder}")
        sys.exit(1)
    shutil.rmtree(folder, ignore_errors=True)
    print("Nothing lost, nothing doubled, nothing late.")


if __name__ == "__main__":
    main()
