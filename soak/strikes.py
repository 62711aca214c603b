"""How each misfortune strikes, what ends it, and how much may be unknown because of it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

import psycopg

from duecourse.domain.problems import DuecourseError

from .decisions import Decisions
from .disk import SmallDisk
from .far_ends import RESPONSE_SECONDS, WINDOW, FarEnd
from .misfortunes import KILLS, LATE_SECONDS, Misfortune, What
from .stage import Stage
from .wire import Wire

T = TypeVar("T")
AGAIN_SECONDS: Final = 0.5
"""Between two tries of what must be done and met a database that is away."""
BY_RESET: Final = 0.5
"""Share of the swallowing wires whose connections are cut when they are mended; on the others all arrives late."""


class Strikes:
    """Strikes the stage. after(seconds, act): does something later, in the run's own thread."""

    def __init__(self, stage: Stage, after: Callable[[float, Callable[[], None]], None]) -> None:
        self._stage = stage
        self._after = after
        self.struck: Counter[str] = Counter()
        self.skipped: Counter[str] = Counter()
        """What could not be done, and why."""
        self.cut_off = 0
        """How many attempts may be unknown."""
        self.decisions = Decisions()
        self.database_since = time.monotonic()
        self._how: dict[What, Callable[[Misfortune], str | None]] = {
            What.KILL_WORKER: self._kill_worker,
            What.FREEZE_WORKER: self._freeze_worker,
            What.MOVE_CLOCK: self._move_clock,
            What.KILL_PROVIDER: self._kill_provider,
            What.STOP_PROVIDER: self._stop_provider,
            What.CRASH_DATABASE: self._crash_database,
            What.PROMOTE: self._promote,
            What.FILL_DISK: self._fill_disk,
            What.CUT: self._cut,
            What.SWALLOW: self._swallow,
            What.HALF_OPEN: self._half_open,
            What.DELAY: self._delay,
            What.HOLD: self._hold,
            What.STOP: self._stop_sending,
        }

    def strike(self, one: Misfortune) -> str | None:
        """Do it, unless nobody is left whom it could strike; returns whom it struck."""
        try:
            whom = self._how[one.what](one)
        except psycopg.OperationalError:
            self.skipped[f"{one.what}: the database is away"] += 1
            return None
        if whom is None:
            self.skipped[f"{one.what}: nobody was there to be struck"] += 1
        else:
            self.struck[one.what] += 1
        return whom

    @property
    def kills(self) -> int:
        """How many processes were ended without being asked."""
        return sum(count for what, count in self.struck.items() if what in KILLS)

    @property
    def _windows(self) -> int:
        """What one worker may have in hand at all far ends."""
        return WINDOW * len(self._stage.far_ends.all)

    def _worker(self, one: Misfortune) -> int | None:
        return _one_of(self._stage.workers.worth_striking, one.which)

    def _kill_worker(self, one: Misfortune) -> str | None:
        place = self._worker(one)
        if place is None:
            return None
        self.cut_off += self._windows
        self._stage.workers.kill(place)
        return f"{place}"

    def _freeze_worker(self, one: Misfortune) -> str | None:
        place, workers = self._worker(one), self._stage.workers
        if place is None:
            return None
        self.cut_off += self._windows
        pid = workers.freeze(place)
        self._after(one.lasts, lambda: workers.thaw(place, pid))
        return f"{place}, {one.lasts:.1f} s"

    def _move_clock(self, one: Misfortune) -> str | None:
        place = self._worker(one)
        if place is not None:
            self._stage.workers.move_clock(place)
        return None if place is None else f"{place}"

    def _far_end(self, one: Misfortune) -> FarEnd | None:
        return _one_of([far_end for far_end in self._stage.far_ends if far_end.is_up], one.which)

    def _kill_provider(self, one: Misfortune) -> str | None:
        far_end = self._far_end(one)
        if far_end is None:
            return None
        self.kill_for_good(far_end)
        self._after(one.lasts, lambda: self._stage.restart(far_end))
        return f"{far_end.name}, {one.lasts:.1f} s"

    def kill_for_good(self, far_end: FarEnd) -> None:
        """It does not come back by itself."""
        far_end.process.kill()
        self.cut_off += WINDOW * self._stage.workers.count

    def _stop_provider(self, one: Misfortune) -> str | None:
        far_end = self._far_end(one)
        if far_end is None:
            return None
        far_end.stand_still()
        self.cut_off += self._unanswered(one.lasts)
        self._after(one.lasts, far_end.go_on)
        return f"{far_end.name}, {one.lasts:.1f} s"

    def _unanswered(self, seconds: float) -> int:
        """By all workers, of one far end that does not answer for so long."""
        return WINDOW * self._stage.workers.count * (1 + int(seconds / RESPONSE_SECONDS))

    def _crash_database(self, one: Misfortune) -> str | None:
        self._lose_database()
        self._stage.servers.crash()
        self.database_since = time.monotonic()
        return "the primary"

    def _promote(self, one: Misfortune) -> str | None:
        servers = self._stage.servers
        if not servers.standby_ready:
            self.skipped[f"{What.PROMOTE}: none was ready, so the primary crashed"] += 1
            whom = self._crash_database(one)
            if servers.failed is not None:
                servers.stand_by()  # now, since what is being made when the primary crashes comes to nothing
            return whom
        self._lose_database()
        servers.promote()
        self.database_since = time.monotonic()
        return servers.primary_home.name

    def _lose_database(self) -> None:
        """Somebody makes room first: on a disk that is full no server starts again."""
        if isinstance(self._stage.disk, SmallDisk):
            self._stage.disk.free()
        self.cut_off += self._windows * self._stage.workers.count

    def _fill_disk(self, one: Misfortune) -> str | None:
        disk, servers = self._stage.disk, self._stage.servers
        if not isinstance(disk, SmallDisk):
            self.skipped[f"{What.FILL_DISK}: {disk}"] += 1
            return None
        if servers.primary_home != disk.folder:
            self.skipped[f"{What.FILL_DISK}: the primary is on the other one"] += 1
            return None
        self._lose_database()
        disk.fill()
        self.database_since = float("inf")  # it does not work until there is space again
        self._after(one.lasts, lambda: self._free(disk))
        return f"{one.lasts:.1f} s"

    def _free(self, disk: SmallDisk) -> None:
        disk.free()
        try:
            self._stage.servers.revive()
        except DuecourseError:
            self._after(AGAIN_SECONDS, lambda: self._free(disk))
        self.database_since = time.monotonic()

    def _wire(self, one: Misfortune) -> tuple[Wire, FarEnd | None, int | None]:
        """A wire; its far end if it leads to one, the worker's place if to the database, as one in two does."""
        lines, far_ends = self._stage.lines, self._stage.far_ends.all
        if one.how < 0.5:
            place = int(one.which * len(lines))
            wires = lines[place]
            return wires[int(one.which * len(lines) * len(wires)) % len(wires)], None, place
        far_end = far_ends[int(one.which * len(far_ends))]
        assert far_end.wire is not None
        return far_end.wire, far_end, None

    def _cut(self, one: Misfortune) -> str | None:
        wire, far_end, _ = self._wire(one)
        self.cut_off += self._unanswered(0.0) if far_end else self._windows
        wire.cut()
        return wire.name

    def _swallow(self, one: Misfortune) -> str | None:
        wire, far_end, place = self._wire(one)
        return self._break(
            one, [wire] if place is None else self._stage.lines[place], far_end, place, Wire.swallow
        )

    def _half_open(self, one: Misfortune) -> str | None:
        wire, far_end, place = self._wire(one)
        return self._break(one, [wire], far_end, place, Wire.lose_far_sides)

    def _delay(self, one: Misfortune) -> str | None:
        wire, far_end, place = self._wire(one)
        seconds = LATE_SECONDS[0] + one.which * (LATE_SECONDS[1] - LATE_SECONDS[0])
        return self._break(one, [wire], far_end, place, lambda each: each.delay(seconds))

    def _break(
        self,
        one: Misfortune,
        wires: Sequence[Wire],
        far_end: FarEnd | None,
        place: int | None,
        how: Callable[[Wire], None],
    ) -> str:
        """Break wires that belong together, and mend them when it is over."""
        workers = self._stage.workers
        self.cut_off += self._unanswered(one.lasts) if far_end else self._windows
        began = time.time()
        for wire in wires:
            how(wire)
        if place is not None:
            workers.cut_off.add(place)

        def mend() -> None:
            for wire in wires:
                wire.mend(reset=one.how % 0.5 < BY_RESET / 2)
            if far_end is not None:
                far_end.stops.append((began, time.time()))
            if place is not None:
                workers.reaches(place)

        self._after(one.lasts, mend)
        return f"{wires[0].name}, {one.lasts:.1f} s"

    def _hold(self, one: Misfortune) -> str | None:
        with self._stage.connect() as conn:
            return f"{self.decisions.hold_some(conn, one.which)} of them"

    def _stop_sending(self, one: Misfortune) -> str | None:
        self._after(one.lasts, self._resume)  # also if the stop's commit is not heard of
        with self._stage.connect() as conn:
            self.decisions.stop(conn)
        return f"{one.lasts:.1f} s"

    def _resume(self) -> None:
        try:
            with self._stage.connect() as conn:
                self.decisions.resume(conn)
        except psycopg.OperationalError:
            self._after(AGAIN_SECONDS, self._resume)


def _one_of(some: Sequence[T], which: float) -> T | None:
    """which: 0..1."""
    return some[int(which * len(some))] if some else None
