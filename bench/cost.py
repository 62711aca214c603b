"""What a loan and a message cost in processor time and on disk, and what a hundred million loans would by that."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg

from duecourse.channels.sandbox.process import SandboxProcess
from duecourse.channels.sandbox.rules import SandboxRules
from duecourse.planning.plan import plan_book
from duecourse.store.migrate import put_setting

from .book import REMINDERS, put_in_force, tidy
from .house import House
from .importing import INSTALLMENTS, MAPPING, write_file
from .live import make_due, noon_zone, today, write_providers
from .measure import Report
from .peak import run

SIZES = {"small": 50_000, "full": 500_000}
MANY = 100_000_000
"""Loans that the last rows speak of."""
WINDOW_HOURS = 9
"""In which a day's messages go out."""
CORES_TO_SPARE = 2
"""Twice the cores that the mean rate needs: a day has peaks, and a node is to outlive the loss of another."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Of all rows of a kind together. ours, server: seconds of processor of the command and of the database."""

    ours: float
    server: float
    heap: int
    log: int

    def each(self, count: int) -> dict[str, float]:
        """Microseconds and bytes for one of `count`."""
        return {
            "command_microseconds": round(self.ours / count * 1e6, 1),
            "server_microseconds": round(self.server / count * 1e6, 1),
            "disk_bytes": round(self.heap / count),
            "log_bytes": round(self.log / count),
        }


class _Meter:
    """Reads the database's size, its log and its processor time before and after a piece of work."""

    def __init__(self, house: House, name: str) -> None:
        self._house, self._name = house, name
        self._before = self._read()

    def _read(self) -> tuple[float, int, int]:
        with psycopg.connect(self._house.conninfo_of(self._name), autocommit=True) as conn:
            conn.execute("CHECKPOINT")
            row = conn.execute(
                """SELECT (SELECT sum(pg_total_relation_size(c.oid))::bigint FROM pg_class c
                           WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace),
                          (pg_current_wal_lsn() - '0/0')::bigint"""
            ).fetchone()
        assert row is not None
        return server_seconds(self._house), row[0], row[1]

    def cost(self, ours: float) -> Cost:
        """Since it was made. ours: the command's own processor time."""
        now = self._read()
        seconds, heap, log = (after - before for after, before in zip(now, self._before, strict=True))
        return Cost(ours, seconds, int(heap), int(log))


def server_seconds(house: House) -> float:
    """Processor time of the house's server so far: its postmaster, the sessions that ended, and those that are there.

    Linux alone tells it; raises FileNotFoundError elsewhere.
    """
    noted = next(house.folder.glob("postgres-*/postmaster.pid")).read_text("utf-8")
    postmaster = int(noted.split()[0])
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text("utf-8").rpartition(")")[2].split()
        except OSError:  # it ended meanwhile
            continue
        own = int(stat.parent.name) == postmaster
        if own or int(fields[1]) == postmaster:
            ticks += sum(int(one) for one in fields[11 : 15 if own else 13])
    return ticks / os.sysconf("SC_CLK_TCK")


def bench(house: House, loans: int, seed: int) -> Report:
    """loans: imported from a file, a day of them planned, and its messages sent by a worker."""
    report = Report("cost", {"loans": loans, "installments": loans * INSTALLMENTS}, seed)
    name, zone = house.copy(), noon_zone()
    book, imported_in = _import(house, name, loans, seed, zone)
    messages, planned = _plan(house, name, zone)
    sent, sent_in = _send(house, name, messages)
    house.drop(name)
    per_loan, per_plan, per_message = book.each(loans), planned.each(messages), sent.each(messages)
    report.figures = {
        "messages": messages,
        "seconds": {"import": round(imported_in, 2), "dispatch": round(sent_in, 2)},
        "loan": per_loan,
        "planned_message": per_plan,
        "sent_message": per_message,
    }
    report.rows = [
        _row(f"a loan with {INSTALLMENTS} installments, imported", per_loan),
        _row(f"a message planned, of {messages:,}", per_plan),
        _row("a message sent, its receipt applied", per_message),
        *_many(messages / loans, per_loan, per_plan, per_message),
    ]
    return report


def _import(house: House, name: str, loans: int, seed: int, zone: str) -> tuple[Cost, float]:
    file, mapping = house.folder / "cost.parquet", house.folder / "cost.toml"
    write_file(file, loans * INSTALLMENTS, seed, first=today(zone) - timedelta(days=60))
    mapping.write_text(MAPPING, encoding="utf-8")
    with house.open(name) as store, store.connect() as conn:
        put_setting(conn, "lender_zone", zone)
    meter = _Meter(house, name)
    ran = run(house, name, "book", "import", str(file), "--mapping", str(mapping), "--json")
    if ran.said["rejected"]:
        raise RuntimeError(f"not every row went in: {ran.said['codes']}")
    return meter.cost(ran.processor_seconds), ran.seconds


def _plan(house: House, name: str, zone: str) -> tuple[int, Cost]:
    """One more day than the one before, as every morning. zone: where all live, and may be spoken to just now."""
    with house.open(name) as store:
        with store.connect(autocommit=True) as conn:
            conn.execute("UPDATE borrower SET zone = %s, language = 'en'", (zone,))
            tidy(conn)
        with store.connect(idle_in_transaction_seconds=0) as conn:
            plannables = put_in_force(conn, house.folder, REMINDERS)
            day, now = today(zone), datetime.now(UTC)
            plan_book(conn, plannables, as_of=day - timedelta(days=1), now=now - timedelta(days=1))
            conn.commit()
        meter, began = _Meter(house, name), time.process_time()
        with store.connect(idle_in_transaction_seconds=0) as conn:
            made = plan_book(conn, plannables, as_of=day, now=now).messages
    return made, meter.cost(time.process_time() - began)


def _send(house: House, name: str, planned: int) -> tuple[Cost, float]:
    """The last that were planned, a day's. Of the others the items stay, so that nothing is planned anew."""
    with house.open(name) as store, store.connect() as conn:
        conn.execute(
            """DELETE FROM message m USING (SELECT lane, message_id FROM message WHERE state = 'planned'
                                            ORDER BY planned_at DESC, message_id OFFSET %s) x
               WHERE m.lane = x.lane AND m.message_id = x.message_id""",
            (planned,),
        )
        conn.commit()
        make_due(conn, over=timedelta(0), useful=timedelta(hours=1))
    with SandboxProcess(house.folder, rules=SandboxRules(late_seconds=0)) as sandbox:
        write_providers(house.folder, sandbox.ports["sms.smpp"], window=100)
        meter = _Meter(house, name)
        ran = run(house, name, "work", "--until-idle")
        cost = meter.cost(ran.processor_seconds)
    with house.open(name) as store, store.connect() as conn:
        row = conn.execute(
            "SELECT count(DISTINCT message_id) FROM attempt WHERE settled_at IS NOT NULL"
        ).fetchone()
    if row is None or row[0] < planned:
        raise RuntimeError(f"{row and row[0]} of {planned} messages were handed over")
    return cost, ran.seconds


def _row(what: str, each: dict[str, float]) -> tuple[str, str, str, str]:
    figure = f"{each['command_microseconds']:,.0f} + {each['server_microseconds']:,.0f} µs of processor"
    return what, figure, f"{each['disk_bytes']:,.0f} bytes on disk, {each['log_bytes']:,.0f} of log", ""


def _many(
    a_day: float, loan: dict[str, float], planned: dict[str, float], sent: dict[str, float]
) -> list[tuple[str, str, str, str]]:
    """What the figures come to for MANY loans. a_day: messages for a loan and day."""
    messages = a_day * MANY
    rate = messages / (WINDOW_HOURS * 3600)
    server = rate * sent["server_microseconds"] / 1e6
    workers = rate * sent["command_microseconds"] / 1e6
    hours = messages * (planned["command_microseconds"] + planned["server_microseconds"]) / 1e6 / 3600
    year = messages * 365 * (planned["disk_bytes"] + sent["disk_bytes"]) / 2**40
    log = messages * (planned["log_bytes"] + sent["log_bytes"]) / 2**30
    return [
        (
            f"{MANY:,} loans: messages a day",
            f"{messages:,.0f}, {rate:,.0f}/s in {WINDOW_HOURS} hours",
            "",
            "",
        ),
        (
            "  cores of database and workers, mean",
            f"{server:.1f} + {workers:.1f}",
            f"with room: {CORES_TO_SPARE * server:.0f} + {CORES_TO_SPARE * workers:.0f}",
            "",
        ),
        ("  planning a day", f"{hours:.1f} core hours", "", ""),
        (
            "  disk: the book; its messages, a year",
            f"{MANY * loan['disk_bytes'] / 2**40:.2f} TiB; {year:.2f} TiB",
            f"{log:,.0f} GiB of log a day",
            "",
        ),
        (
            "  importing all of it anew",
            f"{MANY * (loan['command_microseconds'] + loan['server_microseconds']) / 1e6 / 3600:,.0f} core hours",
            "",
            "",
        ),
    ]
