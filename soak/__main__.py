"""`python -m soak [--minutes 10] [--seed N] [--rate 20] [--workers 2] [--burst N]`. Exit code 1 for a breach."""

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
from rich.console import Console
from rich.table import Table

from .audit import Findings
from .lender import Wishes
from .misfortunes import misfortunes
from .run import LEASE_SECONDS, Run

USEFUL_SECONDS = 150
"""Long enough for a route of three channels; a burst has as much as it takes at a modest rate besides."""
BURST_RATE = 100
OFFERED_FOR = 0.9
"""Share of the run in which messages fall due; the rest sees the last misfortunes through."""


def main() -> None:
    """Run, audit, print."""
    given = _arguments()
    seconds = given.minutes * 60
    again = f"--burst {given.burst}" if given.burst else f"--minutes {given.minutes:g} --rate {given.rate:g}"
    print(f"To have the same again: python -m soak {again} --seed {given.seed} --workers {given.workers}")
    if given.burst:
        useful = USEFUL_SECONDS + given.burst / BURST_RATE
        wishes = Wishes(given.burst, timedelta(seconds=1), timedelta(seconds=useful), given.seed, True)
    else:
        over = timedelta(seconds=seconds * OFFERED_FOR)
        offered = int(given.rate * over.total_seconds())
        wishes = Wishes(offered, over, timedelta(seconds=USEFUL_SECONDS), given.seed, False)
    parent = ROOT / "build"
    parent.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="soak-", dir=parent))
    run = Run(folder, wishes, given.workers)
    try:
        if given.burst:
            run.lose_a_provider()
        else:
            run.live_through(list(misfortunes(given.seed, seconds, LEASE_SECONDS)))
        found = run.findings()
    finally:
        with contextlib.suppress(KeyboardInterrupt):
            run.close()
    _show(found)
    if found.faults:
        print("Breaches:\n  " + "\n  ".join(found.faults) + f"\nWhat was left is in {folder}")
        sys.exit(1)
    shutil.rmtree(folder, ignore_errors=True)
    print("Nothing lost, nothing doubled, nothing late, no cap exceeded.")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m soak",
        description="Let providers, workers and the database fail at random, then audit.",
    )
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    parser.add_argument("--rate", type=float, default=20.0, help="messages falling due in a second")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument(
        "--burst", type=int, default=0, help="so many due at once, and a provider that dies in their midst"
    )
    return parser.parse_args()


def _show(found: Findings) -> None:
    shown = Table("what", "figures", title="What was seen")
    for what, value in found.figures.items():
        listed = (
            [f"{each} {count}" for each, count in value.items()] if isinstance(value, dict) else [str(value)]
        )
        shown.add_row(what, ", ".join(listed))
    Console().print(shown)


if __name__ == "__main__":
    main()
