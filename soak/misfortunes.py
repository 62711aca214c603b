"""What goes wrong and when: drawn from a seed before the run begins, so that a run can be had again."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

CHANCES = {"kill a worker": 6, "kill the SMSC": 2, "freeze a worker": 2, "crash the database": 1}
"""How many of each among eleven."""
EVERY_SECONDS = (3.0, 12.0)


@dataclass(frozen=True, slots=True)
class Misfortune:
    """at: seconds after the start. which: 0..1, whom it strikes. lasts: seconds until it is over, where it lasts."""

    at: float
    what: str
    which: float
    lasts: float


def misfortunes(seed: int, seconds: float, lease_seconds: float) -> Iterator[Misfortune]:
    """All of a run of so many seconds, in order. A freeze outlasts the lease."""
    chance = random.Random(seed)
    at = chance.uniform(*EVERY_SECONDS)
    while at < seconds:
        (what,) = chance.choices(list(CHANCES), list(CHANCES.values()))
        lasts = (
            chance.uniform(1.2, 2.5) * lease_seconds if what == "freeze a worker" else chance.uniform(0, 2)
        )
        yield Misfortune(at, what, chance.random(), lasts)
        at += chance.uniform(*EVERY_SECONDS)
