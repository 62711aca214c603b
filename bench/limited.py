"""A backlog that a provider takes only so much of a second, beside one that it takes as fast as it comes.

What is due and cannot go yet should cost next to nothing: a message that is looked at again and again until its turn
comes costs the server more than the one that goes.
"""

from __future__ import annotations

import os
import time
from datetime import timedelta
from pathlib import Path

import psycopg

from duecourse.channels.sandbox.process import SandboxProcess
from duecourse.channels.sandbox.rules import SandboxRules

from .delay import HELD
from .house import House
from .live import make_due, noon_zone, until, waiting_book, write_providers
from .measure import Report
from .receipts import cpu_seconds, process

SIZES = {"small": 20_000, "full": 200_000}
SECONDS = 20.0
LIMIT = 200
WINDOW = 1000


def bench(house: House, messages: int, seed: int) -> Report:
    """messages: due at once, of which each run hands over what it can in its seconds, or all."""
    report = Report("limited", {"messages": messages, "seconds": SECONDS, "limit": LIMIT}, seed)
    name, _ = waiting_book(house, messages, seed, noon_zone())
    free = _run(house, house.copy(name), "free", messages, None)
    limited = _run(house, house.copy(name), "limited", messages, LIMIT)
    house.drop(name)
    report.figures = {
        "handed_over_per_second": {"limited": round(limited.pace), "free": round(free.pace)},
        "processor_milliseconds_a_message": {"limited": round(limited.cost, 2), "free": round(free.cost, 2)},
        "ratio_to_free": round(limited.cost / free.cost, 2),
        "cores": round(limited.cost * limited.pace / 1000, 2),
    }
    report.rows = [
        (
            f"{messages:,} due, {LIMIT} a second at most: {limited.pace:,.0f}/s, worker and server together",
            f"{limited.cost:.2f} ms of processor a message",
            f"without a limit, {free.pace:,.0f}/s: {free.cost:.2f} ms",
            f"{limited.cost / free.cost:.2f} ×",
        )
    ]
    return report


class _Run:
    """pace: messages a second; cost: milliseconds of processor time for each, the worker's and the server's."""

    def __init__(self, went: int, seconds: float, spent: float) -> None:
        self.pace = went / seconds
        self.cost = spent / went * 1000


def _run(house: House, name: str, what: str, messages: int, limit: int | None) -> _Run:
    home = house.folder / what
    home.mkdir()
    house.keyring.save(home / "keys.json")
    with SandboxProcess(home / "smsc", rules=SandboxRules(late_seconds=0)) as sandbox:
        write_providers(home, sandbox.ports["sms.smpp"], window=WINDOW, per_second=limit)
        with (
            process(home, house.conninfo_of(name), "work") as working,
            psycopg.connect(house.conninfo_of(name), autocommit=True) as conn,
        ):
            until(conn, HELD, 256, working, home / "work.log")
            make_due(conn, over=timedelta(0), useful=timedelta(hours=4))
            house.settle()
            spent, since = cpu_seconds(working) + _server_seconds(conn), time.monotonic()
            before = _went(conn)
            went = 0
            while went < messages and time.monotonic() < since + SECONDS:
                time.sleep(0.5)
                went = _went(conn) - before
            seconds = time.monotonic() - since
            spent = cpu_seconds(working) + _server_seconds(conn) - spent
    house.drop(name)
    return _Run(went, seconds, spent)


def _went(conn: psycopg.Connection) -> int:
    row = conn.execute("SELECT count(*) FROM attempt").fetchone()
    assert row is not None
    return int(row[0])


def _server_seconds(conn: psycopg.Connection) -> float:
    """Processor time of the server, its processes that have ended and those that run."""
    row = conn.execute("SHOW data_directory").fetchone()
    assert row is not None
    server = int((Path(row[0]) / "postmaster.pid").read_text("utf-8").split()[0])
    ticks = 0
    for each in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = each.read_text("utf-8").rpartition(")")[2].split()
        except OSError:  # it ended meanwhile, and is told by the one it was of
            continue
        if int(each.parent.name) == server:
            ticks += sum(map(int, fields[11:15]))
        elif int(fields[1]) == server:
            ticks += sum(map(int, fields[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")
