"""How a provider's part of the work follows what it answers. Pure: the same for live workers and for the simulation.

Three movements. A provider that takes nothing is left at once and rests; after that a few messages try it, and each
rest is longer than the one before. One that errs in part, throttles or is slow loses half of its part whenever what it
answered since the last change shows, beyond chance, more than a tolerated rate. One that is well again doubles its part
step by step. Evidence is used once: every judgement looks only at answers since the last change.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from math import sqrt

WINDOW_SECONDS = 60.0
"""How far back answers count."""
RECENT_SECONDS = 3.0
TRIP_AFTER = 3
"""Failures without a single success after which it rests."""
REST_FIRST_SECONDS = 2.0
REST_MOST_SECONDS = 60.0
PROBES = 3
"""Messages that try a rested provider; one failure and it rests again."""
LEAST_SHARE = 1 / 16
TOLERATED = 0.05
"""Part of the answers that may be failures: dead routes and odd refusals are no trouble of the provider."""
FEWEST_FAILURES = 3
CERTAINTY = 2.33
"""One-sided 99 %, in standard deviations."""
GROW_SECONDS = 5.0
QUIET_SECONDS = 20.0
"""Without any answer a part grows so much more slowly."""
FORGET_SECONDS = 600.0
"""After so long at full strength earlier rests count no more."""


class State(StrEnum):
    """How a provider stands."""

    WORKING = "working"
    RESTING = "resting"
    """It took nothing; nothing is given to it until its rest ends."""
    PROBING = "probing"
    """A few messages try it."""
    PAUSED = "paused"
    """By a person."""
    TROUBLE = "trouble"
    """Its account takes nothing until a person acts."""


@dataclass(frozen=True, slots=True)
class Standing:
    """since, retry_at: seconds of one clock. share: of its weight, LEAST_SHARE to 1. trips: rests lately."""

    state: State = State.WORKING
    share: float = 1.0
    trips: int = 0
    since: float = 0.0
    retry_at: float = 0.0
    probes: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Counts:
    """Answers of some time. bad: the provider's own trouble, or none came. slow: of the good."""

    good: int = 0
    bad: int = 0
    throttled: int = 0
    slow: int = 0

    @property
    def answers(self) -> int:
        """All of them."""
        return self.good + self.bad + self.throttled

    @property
    def failures(self) -> int:
        """What speaks against it."""
        return self.bad + self.throttled + self.slow

    @property
    def is_dead(self) -> bool:
        """Whether it took nothing at all."""
        return self.bad >= TRIP_AFTER and not self.good

    @property
    def is_poor(self) -> bool:
        """Whether more fails, beyond chance, than is tolerated."""
        return self.failures >= FEWEST_FAILURES and least_rate(self.failures, self.answers) > TOLERATED


@dataclass(frozen=True, slots=True)
class Seen:
    """Answers since the last change: within WINDOW_SECONDS, which tells when there is little traffic, and within
    RECENT_SECONDS, which tells at once when there is much.
    """

    whole: Counts = Counts()
    recent: Counts = Counts()


def reweigh(now: float, standing: Standing, seen: Seen, *, alone: bool) -> Standing | None:
    """The provider's new standing, with its reason; None to leave it.

    alone: no other provider of the channel takes messages. Then it keeps its part unless it takes nothing at all:
    there is nowhere better to go.
    """
    match standing.state:
        case State.RESTING:
            if now >= standing.retry_at:
                return replace(
                    standing, state=State.PROBING, probes=PROBES, since=now, reason="its rest is over"
                )
        case State.PROBING:
            return _tried(now, standing, seen)
        case State.WORKING:
            return _at_work(now, standing, seen, alone)
    return None


def _tried(now: float, standing: Standing, seen: Seen) -> Standing | None:
    waited = now - standing.since
    if seen.whole.bad:
        return _rest(now, standing, "it took nothing when it was tried")
    if seen.whole.good >= PROBES or (seen.whole.good and waited >= 2 * GROW_SECONDS):
        return replace(
            standing,
            state=State.WORKING,
            share=LEAST_SHARE,
            probes=0,
            since=now,
            reason="it took what it was tried with",
        )
    if waited >= GROW_SECONDS and not standing.probes:
        return replace(standing, probes=PROBES, since=now, reason="it was tried and has not answered")
    return None


def _at_work(now: float, standing: Standing, seen: Seen, alone: bool) -> Standing | None:
    dead = next((one for one in (seen.recent, seen.whole) if one.is_dead), None)
    if dead:
        return _rest(now, standing, f"it took nothing of {dead.bad}")
    poor = next((one for one in (seen.recent, seen.whole) if one.is_poor), None)
    if poor and not alone:
        why = f"{poor.failures} of {poor.answers} failed, were late or throttled"
        if standing.share / 2 < LEAST_SHARE:
            return _rest(now, standing, why)
        return replace(standing, share=standing.share / 2, since=now, reason=why)
    if standing.share < 1.0:
        waited = now - standing.since
        well = seen.whole.failures <= TOLERATED * seen.whole.answers
        if well and waited >= (GROW_SECONDS if seen.whole.answers else QUIET_SECONDS):
            return replace(standing, share=min(1.0, standing.share * 2), since=now, reason="it is well again")
    return None


def _rest(now: float, standing: Standing, why: str) -> Standing:
    fresh = standing.share == 1.0 and now - standing.since >= FORGET_SECONDS
    trips = 0 if fresh else standing.trips
    seconds = min(REST_MOST_SECONDS, REST_FIRST_SECONDS * 2 ** min(trips, 16))
    return Standing(State.RESTING, LEAST_SHARE, trips + 1, now, now + seconds, 0, why)


def least_rate(failures: int, answers: int) -> float:
    """Lower end of Wilson's interval for the true rate of failure, one-sided by CERTAINTY; 0 where nothing was seen."""
    if not answers:
        return 0.0
    n, p, z = answers, min(1.0, failures / answers), CERTAINTY
    centre = p + z * z / (2 * n)
    spread = z * sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return max(0.0, (centre - spread) / (1 + z * z / n))
