"""Our weighing of providers against GOV.UK Notify's, in a simulation: who is hurt while one fails, and for how long.

Two providers with equal weights, messages at an even rate, answers at once except where the provider is slow. Both
algorithms see the same draws. Ours is `dispatch.health.reweigh`, the code that workers run, once a second and after
every batch with a failure. Notify's as its maintainers describe it: parts of 50 and 50; more than 50 errors within 60
seconds move 10 away, at most once a minute; 15 % or more of 15 minutes' messages slower than 5 minutes move 10 away (an
answer that is late stands for that here); every 5 quiet minutes 10 return. A message is hurt when the provider it was
given to fails it or is late; ours then goes to the other at once, so a hurt message is one attempt more and no loss.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from duecourse.dispatch.health import (
    RECENT_SECONDS,
    WINDOW_SECONDS,
    Counts,
    Seen,
    Standing,
    State,
    reweigh,
)

from .house import House
from .measure import Report

SIZES = {"small": 20, "full": 100}
"""Messages a second."""
STEP = 0.2
CALM, TROUBLE, AFTER = 120.0, 600.0, 2400.0
"""Seconds before, during and after the trouble of one provider."""
LEFT, RETURNED = 0.05, 0.45
"""Parts of the work below which the provider counts as left, and from which as back."""

Fault = Callable[[float], tuple[float, float]]
"""Seconds into the trouble to (part of the messages that fail, part that is late)."""

SCENARIOS: dict[str, Fault] = {
    "takes nothing": lambda at: (1.0, 0.0),
    "fails 30 %": lambda at: (0.3, 0.0),
    "fails 10 %": lambda at: (0.1, 0.0),
    "half are late": lambda at: (0.0, 0.5),
    "30 s down, 30 s up": lambda at: (1.0 if at % 60 < 30 else 0.0, 0.0),
    "2 % fail, as ever": lambda at: (0.02, 0.0),
}


@dataclass(slots=True)
class Ours:
    """Two standings, weighed by the code of the workers."""

    standings: list[Standing] = field(default_factory=lambda: [Standing(), Standing()])
    seen: list[deque[tuple[float, int, int, int]]] = field(default_factory=lambda: [deque(), deque()])
    changes: int = 0

    def part(self, which: int) -> float:
        """The part of the messages that the provider gets."""
        parts = [one.share if one.state is State.WORKING else 0.0 for one in self.standings]
        return parts[which] / sum(parts) if sum(parts) else 0.5

    def probes(self, which: int) -> int:
        """How many messages may try it now."""
        one = self.standings[which]
        return one.probes if one.state is State.PROBING else 0

    def tried(self, which: int) -> None:
        """One of them does."""
        one = self.standings[which]
        self.standings[which] = Standing(
            one.state, one.share, one.trips, one.since, one.retry_at, one.probes - 1, one.reason
        )

    def answered(self, which: int, now: float, good: int, bad: int, late: int) -> None:
        """What a provider answered in one step."""
        if good or bad:
            self.seen[which].append((now, good, bad, late))

    def weigh(self, now: float, often: bool) -> None:
        """Let both standings follow. often: at each second; otherwise only after failures."""
        for which in (0, 1):
            one, seen = self.standings[which], self.seen[which]
            while seen and seen[0][0] <= max(now - WINDOW_SECONDS, one.since):
                seen.popleft()
            fresh = [each for each in seen if each[0] > now - RECENT_SECONDS]
            summed = Seen(_counts(seen), _counts(fresh))
            if not often and not summed.recent.failures:
                continue
            alone = self.standings[1 - which].state is not State.WORKING
            after = reweigh(now, one, summed, alone=alone)
            if after is not None:
                self.changes += after.share != one.share or after.state is not one.state
                self.standings[which] = after


def _counts(seen: Iterable[tuple[float, int, int, int]]) -> Counts:
    every = list(seen)
    return Counts(
        sum(each[1] for each in every), sum(each[2] for each in every), 0, sum(each[3] for each in every)
    )


@dataclass(slots=True)
class Notify:
    """Parts of 100 that move by ten."""

    parts: list[float] = field(default_factory=lambda: [50.0, 50.0])
    errors: list[deque[tuple[float, int]]] = field(default_factory=lambda: [deque(), deque()])
    handed: list[deque[tuple[float, int, int]]] = field(default_factory=lambda: [deque(), deque()])
    moved_at: float = -1e9
    changes: int = 0

    def part(self, which: int) -> float:
        """The part of the messages that the provider gets."""
        return self.parts[which] / 100

    def probes(self, which: int) -> int:
        """None: it always gives some to both, or nothing."""
        return 0

    def tried(self, which: int) -> None: ...

    def answered(self, which: int, now: float, good: int, bad: int, late: int) -> None:
        """What a provider answered in one step."""
        if bad:
            self.errors[which].append((now, bad))
        if good or bad:
            self.handed[which].append((now, good + bad, late))

    def weigh(self, now: float, often: bool) -> None:
        """Move ten away where it errs or is late, and ten back after five quiet minutes."""
        for which in (0, 1):
            errors, handed = self.errors[which], self.handed[which]
            while errors and errors[0][0] <= now - 60:
                errors.popleft()
            while handed and handed[0][0] <= now - 900:
                handed.popleft()
            given, late = sum(each[1] for each in handed), sum(each[2] for each in handed)
            slow = often and given >= 100 and late >= 0.15 * given
            if (sum(each[1] for each in errors) > 50 or slow) and now - self.moved_at >= 60:
                self._move(which, -10.0, now)
        if often and now - self.moved_at >= 300 and self.parts[0] != 50.0:
            self._move(0, 10.0 if self.parts[0] < 50 else -10.0, now)

    def _move(self, which: int, by: float, now: float) -> None:
        after = min(100.0, max(0.0, self.parts[which] + by))
        if after != self.parts[which]:
            self.parts = [after if each == which else 100.0 - after for each in (0, 1)]
            self.moved_at = now
            self.changes += 1


@dataclass(frozen=True, slots=True)
class Run:
    """hurt: part of the messages during the trouble. left, back: seconds from its begin, or its end; None: never."""

    hurt: float
    left: float | None
    back: float | None
    changes: int


def simulate(how: Ours | Notify, fault: Fault, rate: int, seed: int) -> Run:
    """One run of one algorithm through calm, trouble and what comes after."""
    chance = random.Random(seed)
    hurt = given = 0
    left: float | None = None
    back: float | None = None
    steps = round((CALM + TROUBLE + AFTER) / STEP)
    owed = 0.0
    for step in range(steps):
        now = step * STEP
        in_trouble = CALM <= now < CALM + TROUBLE
        fails, late = fault(now - CALM) if in_trouble else (0.0, 0.0)
        owed += rate * STEP
        count = int(owed)
        owed -= count
        tallies = [[0, 0, 0], [0, 0, 0]]
        for _ in range(count):
            draw, fate = chance.random(), chance.random()
            if how.probes(0) > 0:
                how.tried(0)
                which = 0
            else:
                which = 0 if draw < how.part(0) else 1
            bad = which == 0 and fate < fails
            slow = which == 0 and not bad and fate < fails + late
            tallies[which][1 if bad else 0] += 1
            tallies[which][2] += slow
            hurt += in_trouble and (bad or slow)
        given += in_trouble * count
        for which in (0, 1):
            how.answered(which, now, *tallies[which])
        how.weigh(now, often=step % 5 == 0)
        part = how.part(0)
        if in_trouble and left is None and part < LEFT:
            left = now - CALM
        if now >= CALM + TROUBLE and back is None and part >= RETURNED:
            back = now - CALM - TROUBLE
    return Run(hurt / max(given, 1), left, back, how.changes)


def bench(house: House, rate: int, seed: int) -> Report:
    """rate: messages a second. The house is not asked: nothing is stored."""
    report = Report("routing", {"messages_per_second": rate, "trouble_seconds": TROUBLE}, seed)
    report.figures = {}
    for name, fault in SCENARIOS.items():
        ours, theirs = simulate(Ours(), fault, rate, seed), simulate(Notify(), fault, rate, seed)
        report.figures[name] = {
            who: {"hurt": round(run.hurt, 4), "left": run.left, "back": run.back, "changes": run.changes}
            for who, run in (("ours", ours), ("notify", theirs))
        }
        report.rows.append(
            (name, _told(ours), _told(theirs), f"{theirs.hurt / ours.hurt:.1f} ×" if ours.hurt else "")
        )
    return report


def _told(run: Run) -> str:
    left = "never left" if run.left is None else f"left after {run.left:.0f} s"
    back = "not back" if run.back is None else f"back after {run.back:.0f} s"
    return f"{run.hurt:.2%} hurt, {left}, {back}, {run.changes} changes"
