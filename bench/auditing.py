"""An audit of past contacts, against a bare COPY of the same rows and one cap counted by a window function."""

from __future__ import annotations

import csv
import time
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from statistics import median

import psycopg

from .house import House
from .measure import Report, interleaved, ratio, spread, summary
from .peak import Ran, run

SIZES = {"small": 100_000, "full": 1_000_000}
REPETITIONS = 3
CONTACTS_EACH = 40
FIRST = datetime.fromisoformat("2025-11-01T00:00")
HEAD = ("id", "customer", "contract", "number", "channel", "actor", "result", "agent", "at")

MAPPING = """
mapping = "bench"
[[contact]]
source = "call-centre"
reference = "{id}"
borrower = "{customer}"
loan = "{contract}"
creditor = "bank"
number = "{number}"
region = "CN"
product = "cash-loan"
channel = "{channel}"
actor = "{actor}"
outcome = "{result}"
agent = "{agent}"
at = { column = "at", formats = ["YYYY-MM-DD hh:mm"] }
"""

BASELINE = """
CREATE TEMP TABLE bare (id text, customer text, contract text, number text, channel text, actor text, result text,
                        agent text, at timestamp)
"""
ONE_CAP = """
SELECT count(*) FROM (
    SELECT count(*) OVER (PARTITION BY contract ORDER BY at
                          RANGE BETWEEN interval '7 days' PRECEDING AND CURRENT ROW) AS n
    FROM bare WHERE channel = 'voice') AS counted
WHERE n > 7
"""


def write_file(path: Path, rows: int, seed: int) -> None:
    """A year of calls and messages, of people who are called in bursts, some at night."""
    random = Random(seed)
    people = max(1, rows // CONTACTS_EACH)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEAD)
        for n in range(rows):
            person = random.randrange(people)
            # Every person has a few weeks of arrears in which most contacts fall.
            day = (person * 37 + random.choice((0, 120, 240))) % 350 + random.randrange(10)
            hour = random.choice((9, 10, 11, 13, 14, 15, 16, 17, 18, 19, 20, 22 if n % 20 == 0 else 10))
            at = FIRST + timedelta(days=day, hours=hour, minutes=random.randrange(60))
            voice = random.random() < 0.6
            writer.writerow(
                (
                    n, f"C{person:07d}", f"L{person:07d}", f"+86138{person:08d}", "voice" if voice else "sms",
                    random.choice(("creditor", "agency")),
                    random.choice(("attempt", "attempt", "connected", "conversation")) if voice else "delivered",
                    f"a{random.randrange(60)}", at.strftime("%Y-%m-%d %H:%M"),
                )
            )  # fmt: skip


def bench(house: House, rows: int, seed: int) -> Report:
    """rows: contacts in the file; a tenth of them is audited too, to compare the memory it takes."""
    report = Report("audit", {"rows": rows, "contacts_each": CONTACTS_EACH, "repetitions": REPETITIONS}, seed)
    whole, tenth = house.folder / "whole.csv", house.folder / "tenth.csv"
    write_file(whole, rows, seed)
    write_file(tenth, rows // 10, seed)
    mapping = house.folder / "mapping.toml"
    mapping.write_text(MAPPING, encoding="utf-8")
    database = house.copy()
    ran: dict[str, list[Ran]] = {"whole": [], "tenth": []}

    def audited(path: Path, name: str) -> float:
        out = str(house.folder / f"{name}-audit")
        done = run(house, database, "audit", str(path), "--mapping", str(mapping), "--out", out, "--json")
        if done.said["rejected"] or not done.said["breaches"]["breaches"]:
            raise RuntimeError(f"not every row was judged: {done.said['reject_codes']}")
        ran[name].append(done)
        return done.seconds

    def bare(_: int) -> float:
        with psycopg.connect(house.conninfo_of(database)) as conn:
            return _bare(conn, whole)

    taken = interleaved(
        REPETITIONS,
        {
            "audit, a tenth": lambda _: audited(tenth, "tenth"),
            "audit": lambda _: audited(whole, "whole"),
            "bare COPY and one cap": bare,
        },
    )
    house.drop(database)
    slower = ratio(taken["audit"], taken["bare COPY and one cap"])
    rate = rows / median(taken["audit"])
    peaks = {name: median(one.peak_mib for one in done) for name, done in ran.items()}
    growth = peaks["whole"] / peaks["tenth"]
    said = ran["whole"][0].said
    report.figures = {
        "contacts_per_second": round(rate),
        "seconds": {name: summary(seconds) for name, seconds in taken.items()},
        "ratio_to_bare_copy_and_one_cap": round(slower, 2),
        "peak_mib": {name: round(peak, 1) for name, peak in peaks.items()},
        "peak_ratio_whole_to_tenth": round(growth, 2),
        "breaches": said["breaches"]["breaches"],
        "withheld": said["withheld"],
    }
    report.rows = [
        (
            f"audit of {rows:,} contacts, CSV, all rules, both walks, report",
            f"{spread(taken['audit'], 1)}, {rate:,.0f} contacts/s",
            f"bare COPY, one cap by a window function: {spread(taken['bare COPY and one cap'])}",
            f"{slower:.0f} ×",
        ),
        (
            "its peak memory",
            f"{peaks['whole']:.0f} MiB",
            f"a tenth of the contacts: {peaks['tenth']:.0f} MiB",
            f"{growth:.2f} ×",
        ),
    ]
    return report


def _bare(conn: psycopg.Connection, path: Path) -> float:
    """COPY the file as it is, and count one cap over it."""
    conn.execute(BASELINE)
    began = time.perf_counter()
    with path.open("rb") as file, conn.cursor().copy("COPY bare FROM STDIN (FORMAT csv, HEADER)") as copy:
        while block := file.read(1 << 16):
            copy.write(block)
    conn.execute(ONE_CAP).fetchall()
    took = time.perf_counter() - began
    conn.rollback()
    return took
