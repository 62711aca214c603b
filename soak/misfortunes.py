"""What goes wrong and when: drawn from a seed before the run begins, so that a run can be had again."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class What(StrEnum):
    """Each strikes a process of its own, or the database."""

    KILL_WORKER = "kill a worker"
    FREEZE_WORKER = "freeze a worker"
    KILL_PROVIDER = "kill a provider"
    STOP_PROVIDER = "stop a provider"
    CRASH_DATABASE = "crash the database"


CHANCES = {
    What.KILL_WORKER: 4,
    What.FREEZE_WORKER: 2,
    What.KILL_PROVIDER: 4,
    What.STOP_PROVIDER: 3,
    What.CRASH_DATABASE: 1,
}
"""How many of each among fourteen."""
EVERY_SECONDS = (3.0, 12.0)
AWAY_SECONDS = (0.0, 15.0)
STILL_SECONDS = (1.0, 12.0)
FREEZE_LEASES = (1.2, 2.5)


@dataclass(frozen=True, slots=True)
class Misfortune:
    """at: seconds after the start. which: 0..1, whom it strikes. lasts: seconds until it is over, where it lasts."""

    at: float
    what: What
    which: float
    lasts: float


def misfortunes(seed: int, seconds: float, lease_seconds: float) -> Iterator[Misfortune]:
    """All of a run of so many seconds, in order. A freeze outlasts the lease."""
    chance = random.Random(seed)
    at = chance.uniform(*EVERY_SECONDS)
    while at < seconds:
        (what,) = chance.choices(list(CHANCES), list(CHANCES.values()))
        lasts = {
            What.FREEZE_WORKER: lease_seconds * chance.uniform(*FREEZE_LEASES),
            What.KILL_PROVIDER: chance.uniform(*AWAY_SECONDS),
            What.STOP_PROVIDER: chance.uniform(*STILL_SECONDS),
        }.get(what, 0.0)
        yield Misfortune(at, what, chance.random(), lasts)
        at += chance.uniform(*EVERY_SECONDS)
