"""How long after it fell due a message was handed over, at a steady rate: `duecourse work` and the sandbox's SMSC.

The SMSC's journal says when it read each submission, by the same machine's clock as the database's.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from statistics import median, quantiles

import psycopg

from duecourse.channels.sandbox.process import SandboxProcess
from duecourse.channels.sandbox.rules import SandboxRules

from .book import ordinary_number
from .house import House
from .live import make_due, noon_zone, until, waiting_book, write_providers
from .measure import Report
from .receipts import cpu_seconds, process

SIZES = {"small": 10_000, "full": 60_000}
PER_SECOND = 1000
WINDOW = 1000
HELD = "SELECT count(*) FROM lane_lease WHERE owner IS NOT NULL"
DONE = "SELECT count(*) FROM message WHERE outcome = 'delivered'"
_DUE = """
SELECT p.place, extract(epoch FROM m.not_before)::float8
FROM message m
JOIN (SELECT lane, borrower_id, row_number() OVER (ORDER BY contact_point_id) - 1 AS place FROM contact_point) p
  ON p.lane = m.lane AND p.borrower_id = m.borrower_id
"""
"""seal_book gives the numbers out in the order of the contact points."""


def bench(house: House, messages: int, seed: int) -> Report:
    """messages: in all, a thousand a second. Raises RuntimeError where one was not handed over once."""
    report = Report("delay", {"messages": messages, "per_second": PER_SECOND, "window": WINDOW}, seed)
    name, _ = waiting_book(house, messages, seed, noon_zone())
    home = house.folder / "delay"
    home.mkdir()
    house.keyring.save(home / "keys.json")
    with SandboxProcess(home / "smsc", rules=SandboxRules(late_seconds=0)) as sandbox:
        write_providers(home, sandbox.ports["sms.smpp"], window=WINDOW)
        with (
            process(home, house.conninfo_of(name), "work") as working,
            psycopg.connect(house.conninfo_of(name), autocommit=True) as conn,
        ):
            until(conn, HELD, 256, working, home / "work.log")
            house.settle()
            due = _offered(conn, messages)
            spent = cpu_seconds(working)
            until(conn, DONE, messages, working, home / "work.log")
            spent = cpu_seconds(working) - spent
        taken = _taken(sandbox.log)
    house.drop(name)
    if taken.keys() != due.keys():
        raise RuntimeError(f"{len(taken.keys() & due.keys())} of {messages} messages were handed over")
    _tell(report, [taken[number] - due[number] for number in due], spent)
    return report


def _offered(conn: psycopg.Connection, messages: int) -> Mapping[str, float]:
    """Lets all fall due, a thousand a second: number to instant. Nothing is due before all of it is written."""
    # A row of message takes some 50 microseconds here, and more on a machine that does other things.
    ahead = timedelta(seconds=5 + messages / 2000)
    make_due(conn, over=timedelta(seconds=messages / PER_SECOND), useful=timedelta(hours=4), ahead=ahead)
    due = {ordinary_number(place).lstrip("+"): at for place, at in conn.execute(_DUE)}
    row = conn.execute("SELECT extract(epoch FROM clock_timestamp())::float8").fetchone()
    if len(due) != messages or row is None or row[0] > min(due.values()):
        raise RuntimeError("the messages fell due before they were all written")
    return due


def _taken(journal: Path) -> dict[str, float]:
    """Number to the instant at which the SMSC read its submission."""
    taken: dict[str, float] = {}
    with journal.open(encoding="utf-8") as lines:
        for line in lines:
            told = json.loads(line)
            if told["event"] == "submit" and told["to"].lstrip("+") in taken:
                raise RuntimeError("a message was handed over twice")
            if told["event"] == "submit":
                taken[told["to"].lstrip("+")] = told["at"]
    return taken


def _tell(report: Report, delays: list[float], spent: float) -> None:
    cuts = quantiles(delays, n=100)
    report.figures = {
        "delay_seconds": {
            "p50": round(median(delays), 3), "p90": round(cuts[89], 3), "p99": round(cuts[98], 3),
            "most": round(max(delays), 3),
        },
        "worker_microseconds_a_message": round(spent / len(delays) * 1e6),
        "load_average": [round(one, 1) for one in os.getloadavg()],
    }  # fmt: skip
    report.rows = [
        (
            f"from due to hand-over, {len(delays):,} messages at {PER_SECOND:,}/s over SMPP",
            f"p50 {median(delays):.2f} s, p90 {cuts[89]:.2f} s",
            "",
            f"p99 {cuts[98]:.2f} s",
        ),
        ("  the worker's processor time", f"{spent / len(delays) * 1e6:,.0f} µs a message", "", ""),
    ]
