"""Receipts offered over HTTP at a steady rate to a served process, with a worker beside it, against a bare INSERT.

Open loop: each request has its instant, and its answer is measured from there, so that a slow server is not asked less.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from statistics import median, quantiles
from uuid import UUID

import psycopg

from duecourse.channels.webhook.signing import key_of, signed_headers
from duecourse.planning.plan import plan_book
from duecourse.store.connect import Store
from duecourse.store.migrate import put_setting

from .book import Shape, make_book, put_in_force, seal_book
from .house import House
from .live import noon_zone, today
from .measure import Report

SIZES = {"small": 10_000, "full": 60_000}
PER_SECOND = 1000
CONNECTIONS = 32
APPLIED_WITHIN_SECONDS = 300.0
SECRET = "whsec_" + "YmVuY2gtYmVuY2gtYmVuY2gtYmVuY2gt"
PROVIDERS = f"""[hook]
kind = "sms.webhook"
sandbox = true
url = "http://127.0.0.1:9/"
secret = "{SECRET}"
registered = ["signature"]
"""

DELIVERED = "SELECT count(*) FROM attempt WHERE state = 'delivered'"
_SENT = (
    """INSERT INTO attempt (lane, attempt_id, message_id, borrower_id, seq, route_at, channel, provider,
           contact_point_id, epoch, state, text_sealed, text_digest, parts, valid_until, claimed_at, sent_at)
       SELECT m.lane, md5(m.message_id::text)::uuid, m.message_id, m.borrower_id, 1, 1, 'sms', 'hook',
              p.contact_point_id, 0, 'sent',
              decode(md5(m.message_id::text), 'hex'), decode(md5(m.message_id::text), 'hex'), 1,
              now() + interval '1 day', now(), now()
       FROM message m JOIN contact_point p ON p.lane = m.lane AND p.borrower_id = m.borrower_id""",
    """UPDATE message SET state = 'in_flight', tries = 1, not_before = now(),
           useful_until = now() + interval '1 day'""",
)
_BARE = """INSERT INTO receipt (lane, receipt_id, provider, attempt_id, status, code, permanent, received_at,
               recorded_at) VALUES (%s, %s, 'hook', %s, 'delivered', '000', false, now(), now())"""


def fill(house: House, store: Store, receipts: int, seed: int) -> list[UUID]:
    """A book whose messages have all been handed over and wait for their receipts; the attempts' ids."""
    zone = noon_zone()
    day = today(zone)
    with store.connect(idle_in_transaction_seconds=0) as conn:
        make_book(conn, Shape(receipts, day, 1, 1, 1, shared=2**31 - 1), seed=seed, zone=zone)
        seal_book(conn, house.keyring)
        put_setting(conn, "lender_zone", zone)
        plannables = put_in_force(conn, house.folder, {"due-today": "due"})
        clock = conn.execute("SELECT now()").fetchone()
        assert clock is not None
        plan_book(conn, plannables, as_of=day, now=clock[0] - timedelta(hours=12))
        for statement in _SENT:
            conn.execute(statement)
        conn.commit()
        conn.autocommit = True
        conn.execute("VACUUM ANALYZE")
        ids = [row[0] for row in conn.execute("SELECT attempt_id FROM attempt ORDER BY attempt_id")]
    if len(ids) != receipts:
        raise RuntimeError(f"{len(ids)} of {receipts} messages were made")
    return ids


@contextmanager
def process(home: Path, conninfo: str, *command: str) -> Iterator[subprocess.Popen[bytes]]:
    """`duecourse` as a process of its own, ended with SIGTERM."""
    environment = os.environ | {"DUECOURSE_HOME": str(home), "DUECOURSE_DATABASE_URL": conninfo}
    with (home / f"{command[0]}.log").open("wb") as log:
        started = subprocess.Popen(
            [sys.executable, "-m", "duecourse.cli.main", *command], env=environment, stdout=log, stderr=log
        )
        try:
            yield started
        finally:
            started.terminate()
            started.wait(60)


def port_of(home: Path, serving: subprocess.Popen[bytes]) -> int:
    """Once it serves."""
    while serving.poll() is None:
        if match := re.search(rb"127\.0\.0\.1:(\d+)", (home / "serve.log").read_bytes()):
            return int(match[1])
        time.sleep(0.05)
    raise RuntimeError((home / "serve.log").read_text("utf-8"))


def cpu_seconds(running: subprocess.Popen[bytes]) -> float:
    """Processor time that the process has used, which says more than its pace does on a machine that is shared."""
    fields = Path(f"/proc/{running.pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def requests(ids: Sequence[UUID]) -> list[bytes]:
    """A signed callback with one receipt each, ready to be written."""
    key, made = key_of(SECRET), []
    for attempt in ids:
        body = json.dumps(
            {"receipts": [{"attempt": attempt.hex, "status": "delivered", "code": "000"}]}
        ).encode()
        signed = signed_headers([key], attempt.hex, int(time.time()), body)
        lines = "".join(f"{name}: {value}\r\n" for name, value in signed.items())
        head = (
            f"POST /callbacks/hook HTTP/1.1\r\nhost: 127.0.0.1\r\n{lines}content-length: {len(body)}\r\n\r\n"
        )
        made.append(head.encode() + body)
    return made


async def offer(port: int, made: Sequence[bytes], per_second: float) -> tuple[float, list[float]]:
    """Each request at its instant; (seconds from the first to the last answer, seconds of each answer)."""
    taken: list[float] = []
    free: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
    for _ in range(CONNECTIONS):
        free.put_nowait(await asyncio.open_connection("127.0.0.1", port))

    async def ask(request: bytes, due: float) -> None:
        reader, writer = await free.get()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head)
        await reader.readexactly(int(length[1]) if length else 0)
        free.put_nowait((reader, writer))
        taken.append(time.perf_counter() - due)
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(head.decode())

    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for place, request in enumerate(made):
            due = began + place / per_second
            wait = due - time.perf_counter()
            if wait > 0:
                await asyncio.sleep(wait)
            group.create_task(ask(request, due))
    took = time.perf_counter() - began
    while not free.empty():
        free.get_nowait()[1].close()
    return took, taken


def bare(conninfo: str, ids: Sequence[UUID]) -> list[float]:
    """Seconds of each of these rows inserted and committed by itself, on one connection, with nobody else there."""
    taken = []
    with psycopg.connect(conninfo, autocommit=True) as conn:
        for attempt in ids:
            began = time.perf_counter()
            conn.execute(_BARE, (attempt.bytes[0], attempt, attempt))
            taken.append(time.perf_counter() - began)
        conn.execute("TRUNCATE receipt")
    return taken


def bench(house: House, receipts: int, seed: int) -> Report:
    """receipts: in all, a thousand a second."""
    report = Report(
        "receipts", {"receipts": receipts, "per_second": PER_SECOND, "connections": CONNECTIONS}, seed
    )
    name = house.copy()
    home = house.folder / "receipts"
    home.mkdir()
    house.keyring.save(home / "keys.json")
    (home / "providers.toml").write_text(PROVIDERS, "utf-8")
    conninfo = house.conninfo_of(name)
    with house.open(name) as store:
        ids = fill(house, store, receipts, seed)
        house.settle()
        alone = bare(conninfo, ids[: min(receipts, 5000)])
        with (
            process(home, conninfo, "work") as working,
            process(home, conninfo, "serve", "--listen", "127.0.0.1:0", "--no-portal") as serving,
            store.connect(autocommit=True) as conn,
        ):
            port = port_of(home, serving)
            _until(conn, "SELECT count(*) FROM lane_lease WHERE owner IS NOT NULL", 256, working, home, 120.0)
            house.settle()
            made = requests(ids)
            spent = cpu_seconds(serving), cpu_seconds(working)
            took, taken = asyncio.run(offer(port, made, PER_SECOND))
            late = _until(conn, DELIVERED, receipts, working, home, APPLIED_WITHIN_SECONDS)
            cpu = cpu_seconds(serving) - spent[0], cpu_seconds(working) - spent[1]
            stored = conn.execute("SELECT count(*) FROM receipt").fetchone()
    house.drop(name)
    assert stored is not None and stored[0] == receipts, f"{stored} of {receipts} were stored"
    _tell(report, receipts, took, taken, alone, late, cpu)
    return report


def _until(
    conn: psycopg.Connection,
    query: str,
    count: int,
    working: subprocess.Popen[bytes],
    home: Path,
    seconds: float,
) -> float:
    """Wait until the count is reached; how long it took. Raises RuntimeError when it is not in time."""
    began = time.perf_counter()
    while True:
        row = conn.execute(query).fetchone()  # type: ignore[call-overload]
        waited = time.perf_counter() - began
        if row[0] == count:
            return waited
        if waited > seconds or working.poll() is not None:
            told = (home / "work.log").read_text("utf-8")[-2000:]
            raise RuntimeError(f"{row[0]} of {count} after {waited:.0f} s: {query}; the worker: {told}")
        time.sleep(0.1)


def _tell(
    report: Report,
    receipts: int,
    took: float,
    taken: list[float],
    alone: list[float],
    late: float,
    cpu: tuple[float, float],
) -> None:
    rate, bare_rate = receipts / took, len(alone) / sum(alone)
    cuts, bare_cuts = quantiles(taken, n=100), quantiles(alone, n=100)
    report.figures = {
        "seconds": round(took, 2),
        "answered_per_second": round(rate, 1),
        "answer_ms": {
            "p50": round(median(taken) * 1e3, 2), "p99": round(cuts[98] * 1e3, 2), "most": round(max(taken) * 1e3, 2),
        },
        "all_applied_seconds_after_the_last_answer": round(late, 2),
        "cpu_microseconds_a_receipt": {
            "serve": round(cpu[0] / receipts * 1e6), "work": round(cpu[1] / receipts * 1e6),
        },
        "bare_insert_per_second": round(bare_rate),
        "bare_insert_ms": {"p50": round(median(alone) * 1e3, 3), "p99": round(bare_cuts[98] * 1e3, 3)},
        "rate_to_bare_insert": round(rate / bare_rate, 2),
        "load_average": [round(one, 1) for one in os.getloadavg()],
    }  # fmt: skip
    report.rows = [
        (
            f"{receipts:,} receipts offered at {PER_SECOND:,}/s by HTTP, worker beside",
            f"{rate:,.0f}/s for {took:.0f} s",
            f"bare INSERT, one by one: {bare_rate:,.0f}/s",
            f"{rate / bare_rate:.2f} ×",
        ),
        (
            "  answer, from the instant it was due",
            f"p50 {median(taken) * 1e3:.1f} ms, p99 {cuts[98] * 1e3:.1f} ms",
            f"p50 {median(alone) * 1e3:.2f} ms, p99 {bare_cuts[98] * 1e3:.2f} ms",
            f"{median(taken) / median(alone):.1f} ×",
        ),
        (
            "  processor time a receipt",
            f"serve {cpu[0] / receipts * 1e6:,.0f} µs, work {cpu[1] / receipts * 1e6:,.0f} µs",
            "",
            "",
        ),
        (f"  all {receipts:,} applied to their attempts", f"{late:.1f} s after the last answer", "", ""),
    ]
