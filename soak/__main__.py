"""`python -m soak [--minutes 10 | --kills N | --burst N] [--seed N] [--rate 20]`; exit code 1: there was a breach."""

from __future__ import annotations

import argparse
import contextlib
import random
import shutil
import sys
import tempfile
from datetime import timedelta
from pathlib import Path

from bench.house import ROOT

from .lender import Wishes
from .misfortunes import misfortunes, seconds_until
from .report import show, write
from .run import Run
from .stage import LEASE_SECONDS, Stage

USEFUL_SECONDS = 150
"""Long enough for a route of three channels; a burst has as much as it takes at a modest rate besides."""
BURST_RATE = 100
OFFERED_FOR = 0.9
"""Share of the run in which messages fall due; the rest sees the last misfortunes through."""
LONGER = 1.2
"""How much longer than planned it may take until so many were killed: each takes its time."""


def main() -> None:
    """Run, audit, print."""
    given = _arguments()
    command = f"python -m soak {_wanted(given)} --seed {given.seed} --workers {given.workers}"
    print(f"To have the same again: {command}")
    parent = ROOT / "build"
    parent.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="soak-", dir=parent))
    run = Run(Stage(folder, _wishes(given), given.workers, standby=not given.burst))
    try:
        if given.burst:
            run.lose_a_provider()
        else:
            planned = misfortunes(given.seed, LEASE_SECONDS, quick=bool(given.kills))
            run.live_through(planned, kills=given.kills)
        found = run.findings(costs_none=bool(given.burst))
    finally:
        with contextlib.suppress(KeyboardInterrupt):
            run.close()
    show(found)
    report = given.json or parent / f"soak-{given.seed}.json"
    write(found, report, command=command)
    print(f"The same as JSON: {report}")
    if found.faults:
        print("Breaches:\n  " + "\n  ".join(found.faults) + f"\nWhat was left is in {folder}")
        sys.exit(1)
    shutil.rmtree(folder, ignore_errors=True)
    print("Nothing lost, nothing doubled, nothing late, no cap exceeded.")


def _wishes(given: argparse.Namespace) -> Wishes:
    """How many messages fall due over how long."""
    if given.burst:
        useful = timedelta(seconds=USEFUL_SECONDS + given.burst / BURST_RATE)
        return Wishes(given.burst, timedelta(seconds=1), useful, given.seed, True)
    over = given.minutes * 60 * OFFERED_FOR
    if given.kills:
        over = LONGER * seconds_until(given.kills, misfortunes(given.seed, LEASE_SECONDS, quick=True))
    offered, useful = int(given.rate * over), timedelta(seconds=USEFUL_SECONDS)
    return Wishes(offered, timedelta(seconds=over), useful, given.seed, False)


def _wanted(given: argparse.Namespace) -> str:
    if given.burst:
        return f"--burst {given.burst}"
    length = f"--kills {given.kills}" if given.kills else f"--minutes {given.minutes:g}"
    return f"{length} --rate {given.rate:g}"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m soak",
        description="Let providers, workers, the database, its disk and the network fail at random, then audit.",
    )
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument(
        "--kills", type=int, default=0, help="instead of --minutes: until so many were killed"
    )
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    parser.add_argument("--rate", type=float, default=20.0, help="messages falling due in a second")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument(
        "--burst", type=int, default=0, help="so many due at once, and a provider that dies in their midst"
    )
    parser.add_argument("--json", type=Path, help="where the report goes; default: build/soak-SEED.json")
    return parser.parse_args()


if __name__ == "__main__":
    main()
