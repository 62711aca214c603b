"""`python -m soak.off_clock SEED COMMAND…`: duecourse on a machine whose date is wrong, and jumps at every SIGUSR1.

What measures durations goes on as it should, as it does when the date of a machine is set.
"""

from __future__ import annotations

import random
import signal
import sys
from datetime import UTC, datetime, timedelta
from typing import Final

import time_machine

from duecourse.cli.main import main

JUMPS_SECONDS: Final = (-40_000, -400, -40, 0, 40, 400, 40_000)
"""How far the date may be off."""


class OffClock:
    """A date that is off by one of JUMPS_SECONDS, drawn anew at each jump."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self._travel: time_machine.travel | None = None

    def jump(self, *_signal: object) -> None:
        """Set the date."""
        if self._travel is not None:
            self._travel.stop()
        to = datetime.now(UTC) + timedelta(seconds=self._chance.choice(JUMPS_SECONDS))
        self._travel = time_machine.travel(to, tick=True)
        self._travel.start()


if __name__ == "__main__":
    clock = OffClock(int(sys.argv.pop(1)))
    signal.signal(signal.SIGUSR1, clock.jump)
    clock.jump()
    main()
