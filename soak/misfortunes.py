"""What goes wrong and when: drawn from a seed before the run begins, so that a run can be had again."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import Final


class What(StrEnum):
    """Each strikes a process, the database, its disk, or a wire between two of them; or is what people do."""

    KILL_WORKER = "kill a worker"
    FREEZE_WORKER = "freeze a worker"
    MOVE_CLOCK = "move a worker's clock"
    KILL_PROVIDER = "kill a provider"
    STOP_PROVIDER = "stop a provider"
    CRASH_DATABASE = "crash the database"
    PROMOTE = "promote the standby"
    FILL_DISK = "fill the disk"
    CUT = "cut a wire"
    SWALLOW = "swallow on a wire"
    HALF_OPEN = "lose the far side of a wire"
    DELAY = "delay on a wire"
    HOLD = "hold some people"
    STOP = "stop all sending"


CHANCES: Final[Mapping[What, int]] = {
    What.KILL_WORKER: 10,
    What.FREEZE_WORKER: 4,
    What.MOVE_CLOCK: 2,
    What.KILL_PROVIDER: 8,
    What.STOP_PROVIDER: 4,
    What.CRASH_DATABASE: 2,
    What.PROMOTE: 2,
    What.FILL_DISK: 1,
    What.CUT: 3,
    What.SWALLOW: 4,
    What.HALF_OPEN: 3,
    What.DELAY: 2,
    What.HOLD: 3,
    What.STOP: 1,
}
"""How many of each among forty-nine."""
KILLS: Final = frozenset({What.KILL_WORKER, What.KILL_PROVIDER, What.CRASH_DATABASE, What.PROMOTE})
"""Those that end a process without asking it."""
EVERY_SECONDS: Final = (3.0, 12.0)
QUICK_SECONDS: Final = (1.5, 6.0)
"""Between two where a number of kills is asked for."""
AWAY_SECONDS: Final = (0.0, 15.0)
STILL_SECONDS: Final = (1.0, 12.0)
FULL_SECONDS: Final = (1.0, 6.0)
LATE_SECONDS: Final = (0.05, 0.6)
"""How much longer everything takes on a slow wire."""
FREEZE_LEASES: Final = (1.2, 2.5)


@dataclass(frozen=True, slots=True)
class Misfortune:
    """at: seconds after the start. which: 0..1, whom it strikes. lasts: seconds until it is over, where it lasts.
    how: 0..1, where there is more than one way.
    """

    at: float
    what: What
    which: float
    lasts: float
    how: float


def misfortunes(seed: int, lease_seconds: float, *, quick: bool) -> Iterator[Misfortune]:
    """One after the other, without end. A freeze outlasts the lease."""
    chance = random.Random(seed)
    every = QUICK_SECONDS if quick else EVERY_SECONDS
    lasts: Mapping[What, Callable[[], float]] = {
        What.FREEZE_WORKER: lambda: lease_seconds * chance.uniform(*FREEZE_LEASES),
        What.SWALLOW: lambda: lease_seconds * chance.uniform(*FREEZE_LEASES),
        What.HALF_OPEN: lambda: lease_seconds * chance.uniform(*FREEZE_LEASES),
        What.DELAY: lambda: chance.uniform(*STILL_SECONDS),
        What.KILL_PROVIDER: lambda: chance.uniform(*AWAY_SECONDS),
        What.STOP_PROVIDER: lambda: chance.uniform(*STILL_SECONDS),
        What.STOP: lambda: chance.uniform(*STILL_SECONDS),
        What.FILL_DISK: lambda: chance.uniform(*FULL_SECONDS),
    }
    at = 0.0
    while True:
        at += chance.uniform(*every)
        (what,) = chance.choices(list(CHANCES), list(CHANCES.values()))
        yield Misfortune(at, what, chance.random(), lasts.get(what, lambda: 0.0)(), chance.random())


def seconds_until(kills: int, planned: Iterator[Misfortune]) -> float:
    """When so many kills are planned to have happened, if each meets somebody."""
    return next(islice((one.at for one in planned if one.what in KILLS), kills - 1, None))
