"""The memory of a worker and of a replay, at a size and at a tenth of it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from duecourse.channels.sandbox.process import SandboxProcess
from duecourse.channels.sandbox.rules import SandboxRules
from duecourse.planning.compile import Plannable
from duecourse.planning.plan import plan_book
from duecourse.store.migrate import put_setting

from .book import Shape, make_book, put_in_force, seal_book, tidy
from .house import ZONE, House
from .live import make_due, noon_zone, today, write_providers
from .measure import Report
from .peak import Ran, run

SIZES = {"small": 10_000, "full": 200_000}
REPLAYED = date(2026, 3, 10)


def bench(house: House, messages: int, seed: int) -> Report:
    """messages: sent by each; a tenth of them by each as well."""
    report = Report("memory", {"messages": messages, "repetitions": 1}, seed)
    sizes = {"tenth": messages // 10, "whole": messages}
    for kind, measure in {"replay": _replay, "worker": _work}.items():
        ran = {name: measure(house, count, seed) for name, count in sizes.items()}
        growth = ran["whole"].peak_mib / ran["tenth"].peak_mib
        report.figures[kind] = {
            "peak_mib": {name: round(one.peak_mib, 1) for name, one in ran.items()},
            "seconds": {name: round(one.seconds, 2) for name, one in ran.items()},
            "peak_ratio_whole_to_tenth": round(growth, 2),
        }
        report.rows.append(
            (
                f"peak memory of a {kind}, {messages:,} messages",
                f"{ran['whole'].peak_mib:.0f} MiB",
                f"{messages // 10:,} messages: {ran['tenth'].peak_mib:.0f} MiB",
                f"{growth:.2f} ×",
            )
        )
    return report


def _book(house: House, messages: int, seed: int, due_on: date, zone: str) -> tuple[str, list[Plannable]]:
    name = house.copy()
    with house.open(name) as store:
        with store.connect(idle_in_transaction_seconds=0) as conn:
            put_setting(conn, "lender_zone", zone)
            shape = Shape(messages, due_on, 1, 1, installments=1, shared=2**31 - 1)
            make_book(conn, shape, seed=seed, zone=zone)
            seal_book(conn, house.keyring)
            plannables = put_in_force(conn, house.folder, {"due-today": "due"})
        with store.connect(autocommit=True) as conn:
            tidy(conn)
    return name, plannables


def _replay(house: House, messages: int, seed: int) -> Ran:
    """`duecourse run` of one day."""
    name, _ = _book(house, messages, seed, REPLAYED, ZONE)
    ran = run(house, name, "run", "--from", str(REPLAYED), "--to", str(REPLAYED), "--json")
    _check_and_drop(house, name, messages)
    return ran


def _work(house: House, messages: int, seed: int) -> Ran:
    """`duecourse work` until nothing is due."""
    zone = noon_zone()
    name, plannables = _book(house, messages, seed, today(zone), zone)
    with house.open(name) as store, store.connect(idle_in_transaction_seconds=0) as conn:
        plan_book(conn, plannables, as_of=today(zone), now=datetime.now(UTC))
        make_due(conn, over=timedelta(0), useful=timedelta(hours=1))
    rules = SandboxRules(late_seconds=0)
    with SandboxProcess(house.folder, rules=rules) as sandbox:
        write_providers(house.folder, sandbox.ports["sms.smpp"], window=100)
        ran = run(house, name, "work", "--until-idle")
    _check_and_drop(house, name, messages)
    return ran


def _check_and_drop(house: House, name: str, messages: int) -> None:
    with house.open(name) as store, store.connect() as conn:
        row = conn.execute("SELECT count(*) FROM message WHERE outcome = 'delivered'").fetchone()
    house.drop(name)
    if row is None or row[0] != messages:
        raise RuntimeError(f"{row and row[0]} of {messages} messages were delivered")
