"""`python -m bench [--size small|full] [NAME[=SIZE] ...]`."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psycopg
from rich.console import Console
from rich.table import Table

from duecourse.cli.logs import write_logs

from . import (
    auditing,
    claim,
    cost,
    delay,
    delivery,
    dispatch,
    events,
    importing,
    limited,
    memory,
    plan,
    receipts,
    rendering,
    routing,
)
from .house import House, open_house
from .machine import machine, server
from .measure import Report
from .queue_peer import measured as queue_peer

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True, slots=True)
class Bench:
    """A bench and its sizes."""

    run: Callable[[House, int, int], Report]
    sizes: dict[str, int]
    unit: str


BENCHES = {
    "routing": Bench(routing.bench, routing.SIZES, "messages a second"),
    "plan": Bench(plan.bench, plan.SIZES, "loans"),
    "dispatch": Bench(dispatch.bench, dispatch.SIZES, "messages"),
    "celery": Bench(queue_peer.bench, queue_peer.SIZES, "messages"),
    "delay": Bench(delay.bench, delay.SIZES, "messages, a thousand a second"),
    "limited": Bench(limited.bench, limited.SIZES, "messages"),
    "claim": Bench(claim.bench, claim.SIZES, "messages"),
    "import": Bench(importing.bench, importing.SIZES, "rows"),
    "events": Bench(events.bench, events.SIZES, "rows"),
    "audit": Bench(auditing.bench, auditing.SIZES, "contacts"),
    "delivery": Bench(delivery.bench, delivery.SIZES, "rows"),
    "cost": Bench(cost.bench, cost.SIZES, "loans"),
    "memory": Bench(memory.bench, memory.SIZES, "messages"),
    "receipts": Bench(receipts.bench, receipts.SIZES, "receipts"),
    "render": Bench(rendering.bench, rendering.SIZES, "messages"),
}


def main() -> None:
    """Run the benches asked for, print a row each, write results/<name>.json."""
    known = "; ".join(
        f"{name} ({bench.sizes['small']:,} or {bench.sizes['full']:,} {bench.unit})"
        for name, bench in BENCHES.items()
    )
    parser = argparse.ArgumentParser(prog="python -m bench", description=f"Benches: {known}.")
    parser.add_argument("--size", choices=("small", "full"), default="small")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=int, help="for receipts and delay: how long they are offered")
    parser.add_argument("names", nargs="*", metavar="NAME[=SIZE]", help="all of them unless named")
    given = parser.parse_args()
    wanted: dict[str, int] = {}
    for word in given.names or BENCHES:
        name, _, size = word.partition("=")
        if name not in BENCHES:
            parser.error(f"no bench {name!r}; known: {', '.join(BENCHES)}")
        wanted[name] = int(size.replace("_", "")) if size else BENCHES[name].sizes[given.size]
    for name, per_second in (("receipts", receipts.PER_SECOND), ("delay", delay.PER_SECOND)):
        if given.seconds and name in wanted:
            wanted[name] = given.seconds * per_second
    console = Console(width=150)
    write_logs()  # as a worker does: without a line for each message
    with open_house() as house:
        with psycopg.connect(house.conninfo) as conn:
            told = {"machine": machine(), "postgresql": server(conn)}
        on = told["machine"] | told["postgresql"]
        console.print(
            f"{on['cores']} cores, {on['memory_gib']} GiB, {on['processor']}; Python {on['python']}, PostgreSQL "
            f"{on['server_version']}, fsync {on['fsync']}, synchronous_commit {on['synchronous_commit']}"
        )
        for name, size in wanted.items():
            report = BENCHES[name].run(house, size, given.seed)
            _print(console, report)
            written = RESULTS / f"{name}.json"
            whole = {
                "bench": name,
                "sizes": report.sizes,
                "seed": report.seed,
                **told,
                "load_average": [round(one, 1) for one in os.getloadavg()],
                "figures": report.figures,
            }
            written.write_text(json.dumps(whole, indent=2, default=str) + "\n", encoding="utf-8")


def _print(console: Console, report: Report) -> None:
    table = Table(title=report.name, title_justify="left", show_edge=False, expand=False)
    for heading in ("what", "median (least-most)", "baseline, same run", "ratio"):
        table.add_column(heading, justify="right" if heading == "ratio" else "left")
    for row in report.rows:
        table.add_row(*row)
    console.print(table)


if __name__ == "__main__":
    main()
