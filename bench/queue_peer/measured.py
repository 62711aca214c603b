"""`duecourse work` and the team's Celery worker, turn about, on copies of one book, database server and SMSC."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from statistics import median

import psycopg

from duecourse.channels.sandbox.process import SandboxProcess
from duecourse.channels.sandbox.rules import SandboxRules

from ..house import ROOT, House
from ..live import make_due, noon_zone, until, waiting_book, write_providers
from ..measure import Report, ratio, spread, summary
from ..receipts import process

SIZES = {"small": 5_000, "full": 20_000}
REPETITIONS = 3
PROCESSES = (2, 4)
"""Of the team's worker: the quicker of them counts."""
PACKAGES = ROOT / "build" / "queue-peer"
REQUIREMENTS = Path(__file__).with_name("requirements.txt")
DONE = "SELECT count(*) FROM message WHERE outcome IN ('sent', 'delivered')"


def bench(house: House, messages: int, seed: int) -> Report:
    """messages: each worker's, per repetition. Raises RuntimeError where no redis-server is found."""
    server = shutil.which("redis-server")
    if server is None:
        raise RuntimeError(
            "this bench needs the program redis-server (Debian: redis-server), which was not found"
        )
    _install()
    report = Report("celery", {"messages": messages, "repetitions": REPETITIONS}, seed)
    zone = noon_zone()
    name, policy = waiting_book(house, messages, seed, zone)
    wall: dict[str, list[float]] = {}
    spent: dict[str, list[float]] = {}
    with SandboxProcess(house.folder / "smsc", rules=SandboxRules(late_seconds=0)) as sandbox:
        port = sandbox.ports["sms.smpp"]
        for _ in range(REPETITIONS):
            for who in ("duecourse", *(f"celery -c {count}" for count in PROCESSES)):
                copy = house.copy(name)
                house.settle()
                if who == "duecourse":
                    took = _ours(house, copy, port, messages)
                else:
                    took = _team(house, copy, port, messages, server, policy, int(who.split()[-1]))
                house.drop(copy)
                wall.setdefault(who, []).append(took[0])
                spent.setdefault(who, []).append(took[1])
    house.drop(name)
    _tell(report, messages, wall, spent)
    return report


def _install() -> None:
    """The team's packages, apart from ours."""
    stamp = PACKAGES / ".installed"
    if stamp.exists() and stamp.read_text() == REQUIREMENTS.read_text():
        return
    shutil.rmtree(PACKAGES, ignore_errors=True)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*command, "--target", str(PACKAGES), "-r", str(REQUIREMENTS)], check=True)
    stamp.write_text(REQUIREMENTS.read_text())


def _ours(house: House, name: str, port: int, messages: int) -> tuple[float, float]:
    home = house.folder / f"ours-{name}"
    home.mkdir()
    house.keyring.save(home / "keys.json")
    write_providers(home, port, window=1000)
    with (
        process(home, house.conninfo_of(name), "work") as working,
        psycopg.connect(house.conninfo_of(name), autocommit=True) as conn,
    ):
        until(
            conn, "SELECT count(*) FROM lane_lease WHERE owner IS NOT NULL", 256, working, home / "work.log"
        )
        before = _used(working.pid)
        began = time.perf_counter()
        make_due(conn, over=timedelta(0), useful=timedelta(hours=8))
        until(conn, DONE, messages, working, home / "work.log")
        return time.perf_counter() - began, _used(working.pid) - before


def _team(
    house: House, name: str, port: int, messages: int, server: str, policy: Path, processes: int
) -> tuple[float, float]:
    with _redis(server, house.folder) as (redis, broker):
        environment = os.environ | {
            "PYTHONPATH": f"{PACKAGES}{os.pathsep}{ROOT}",
            "TEAM_BROKER": broker,
            "TEAM_DATABASE": _sqlalchemy(house.conninfo_of(name)),
            "TEAM_KEYS": str(house.folder / "keys.json"),
            "TEAM_POLICY": str(policy),
            "TEAM_PORT": str(port),
        }
        command = [
            sys.executable,
            "-m",
            "celery",
            "-A",
            "bench.queue_peer.team",
            "worker",
            "-c",
            str(processes),
        ]
        command += ["--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "WARNING"]
        log = (house.folder / "team.log").open("wb")
        working = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
        try:
            with psycopg.connect(house.conninfo_of(name), autocommit=True) as conn:
                _wait_for_processes(working, processes, house.folder / "team.log")
                before = _used(working.pid) + _used(redis.pid)
                began = time.perf_counter()
                _offer(environment)
                until(conn, DONE, messages, working, house.folder / "team.log")
                return time.perf_counter() - began, _used(working.pid) + _used(redis.pid) - before
        finally:
            working.terminate()
            working.wait(60)
            log.close()


def _offer(environment: dict[str, str]) -> None:
    """What the team's schedule does every minute: a task for each message that is due. Not counted as the worker's."""
    subprocess.run([sys.executable, "-m", "bench.queue_peer.offer"], cwd=ROOT, env=environment, check=True)


@contextmanager
def _redis(server: str, folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [server, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    running = subprocess.Popen([*command, "--dir", str(folder)], stdout=subprocess.DEVNULL)
    try:
        yield running, f"redis://127.0.0.1:{port}/0"
    finally:
        running.terminate()
        running.wait(30)


def _sqlalchemy(conninfo: str) -> str:
    given = psycopg.conninfo.conninfo_to_dict(conninfo)
    host, port = given.get("host", "127.0.0.1"), given.get("port", "5432")
    return f"postgresql+psycopg://{given['user']}@/{given['dbname']}?host={host}&port={port}"


def _family(pid: int) -> list[int]:
    """A process and those it started."""
    found = [pid]
    for each in found:
        children = Path(f"/proc/{each}/task/{each}/children")
        found += [int(child) for child in children.read_text().split()] if children.exists() else []
    return found


def _used(pid: int) -> float:
    """Seconds of processor time of a process and those it started."""
    total = 0
    for each in _family(pid):
        fields = Path(f"/proc/{each}/stat").read_text("utf-8").rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


def _wait_for_processes(working: subprocess.Popen[bytes], processes: int, log: Path) -> None:
    """Until the pool is up; its processes bind to the SMSC as they start."""
    end = time.monotonic() + 60
    while len(_family(working.pid)) < processes + 1:
        if working.poll() is not None or time.monotonic() > end:
            raise RuntimeError(f"the team's worker did not start: {log.read_text('utf-8')[-2000:]}")
        time.sleep(0.1)
    time.sleep(3)


def _tell(report: Report, messages: int, wall: dict[str, list[float]], spent: dict[str, list[float]]) -> None:
    best = min((who for who in wall if who != "duecourse"), key=lambda who: median(wall[who]))
    thrifty = min((who for who in wall if who != "duecourse"), key=lambda who: median(spent[who]))
    quicker = ratio(wall[best], wall["duecourse"])
    per_core = ratio(spent[thrifty], spent["duecourse"])
    report.figures = {
        "seconds": {who: summary(taken) for who, taken in wall.items()},
        "processor_seconds": {who: summary(taken) for who, taken in spent.items()},
        "times_quicker": round(quicker, 2),
        "times_as_many_per_core": round(per_core, 2),
    }
    report.rows = [
        (
            f"dispatch {messages:,} SMS: duecourse work",
            f"{spread(wall['duecourse'])}, {messages / median(wall['duecourse']):,.0f}/s",
            f"{best}: {spread(wall[best])}, {messages / median(wall[best]):,.0f}/s",
            f"{quicker:.1f} × quicker",
        ),
        (
            "  messages a second of the worker's own processor time",
            f"{messages / median(spent['duecourse']):,.0f}/s",
            f"{thrifty}: {messages / median(spent[thrifty]):,.0f}/s",
            f"{per_core:.1f} × per core",
        ),
    ]
