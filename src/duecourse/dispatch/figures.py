"""How the whole installation stands: lag, leases, what waits. The same figures for `status` and for metrics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final
from uuid import UUID

import psycopg

from .reach import CHANNELS
from .reading import read_rows

MOST_COUNTED: Final = 100_000
"""Where counting ends: beyond it the figure says only that it is so many or more."""
MOST_COUNTED_A_LANE: Final = 400
LATE_SECONDS: Final = (10, 60, 600, 3600)
"""Lags that lanes are counted by."""


@dataclass(frozen=True, slots=True)
class Lane:
    """One lane. Each number is MOST_COUNTED_A_LANE at most."""

    lane: int
    owner: str | None
    held: bool
    """Whether its lease runs."""
    over_seconds: float
    """Since the end of its last lease; negative while it runs."""
    lag_seconds: float
    """Since its oldest message fell due that nobody has claimed; 0 when none is due."""
    due: int
    awaited: int
    """Attempts whose receipt is waited for."""
    tasks: int
    """Calls that a person may make."""


@dataclass(frozen=True, slots=True)
class Lanes:
    """All lanes, and what they come to."""

    every: Sequence[Lane]

    @property
    def lag_seconds(self) -> float:
        """Of the lane that lags most."""
        return max((one.lag_seconds for one in self.every), default=0.0)

    @property
    def due(self) -> int:
        """Messages due and not claimed."""
        return sum(one.due for one in self.every)

    @property
    def awaited(self) -> int:
        """Attempts whose receipt is waited for."""
        return sum(one.awaited for one in self.every)

    @property
    def tasks(self) -> int:
        """Calls that a person may make."""
        return sum(one.tasks for one in self.every)

    @property
    def standings(self) -> Mapping[str, int]:
        """How many are held, how many have a lease that ran out, how many are free."""
        counts = Counter("held" if one.held else "expired" if one.owner else "free" for one in self.every)
        return {standing: counts[standing] for standing in ("held", "expired", "free")}

    @property
    def workers(self) -> int:
        """Who holds some lane."""
        return len({one.owner for one in self.every if one.held})

    @property
    def idle_seconds(self) -> float:
        """How long the lane has been nobody's that has been it longest; 0 when each is held."""
        return max((one.over_seconds for one in self.every if not one.held), default=0.0)

    def late(self, seconds: float) -> int:
        """How many lag more than so many seconds."""
        return sum(one.lag_seconds > seconds for one in self.every)

    def worst(self, most: int) -> list[Lane]:
        """Those that lag, the worst first."""
        late = [one for one in self.every if one.lag_seconds > 0]
        return sorted(late, key=lambda one: (-one.lag_seconds, one.lane))[:most]


@dataclass(frozen=True, slots=True)
class Backlogs:
    """What waits; each MOST_COUNTED at most."""

    unknown: int
    """Attempts of unknown outcome."""
    replies: int
    """Replies that nobody has followed yet."""
    held_batches: int
    stops: int
    alerts: int


@dataclass(frozen=True, slots=True)
class Funnel:
    """Messages of one day by where they stand, and those withheld by rule."""

    by_standing: Mapping[str, int]
    by_rule: Mapping[str, int] = field(default_factory=dict)

    @property
    def messages(self) -> int:
        """All of the day."""
        return sum(self.by_standing.values())


def read_lanes(conn: psycopg.Connection, now: datetime) -> Lanes:
    """How the lanes stand. now: by which messages are due."""
    rows = read_rows(conn, "lanes", now=now, channels=CHANNELS, most=MOST_COUNTED_A_LANE)
    for row in rows:
        oldest = row.pop("oldest")
        row["lag_seconds"] = max(0.0, (now - oldest).total_seconds()) if oldest else 0.0
    return Lanes([Lane(**row) for row in rows])


def read_backlogs(conn: psycopg.Connection) -> Backlogs:
    """What waits."""
    return Backlogs(**read_rows(conn, "backlogs", most=MOST_COUNTED)[0])


def funnel_of_day(conn: psycopg.Connection, local_on: date) -> Funnel:
    """What became of the messages of one day of the borrowers. Reads them all: for a person who asks."""
    standings: Counter[str] = Counter()
    rules: Counter[str] = Counter()
    for row in read_rows(conn, "funnel_of_day", local_on=local_on):
        standings[row["standing"]] += row["messages"]
        if row["rule"]:
            rules[row["rule"]] += row["messages"]
    return Funnel(dict(standings), dict(rules.most_common()))


def planned_at(conn: psycopg.Connection, lanes: Sequence[int], now: datetime) -> list[UUID]:
    """The messages of these lanes that were planned at that instant."""
    with conn.transaction():
        return [row["message_id"] for row in read_rows(conn, "planned_at", lanes=list(lanes), now=now)]
