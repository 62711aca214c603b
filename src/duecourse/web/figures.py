"""The installation's figures as metrics: read from the database at a scrape, and kept for a while.

They are the same whichever process is asked. Reading them takes a few statements, and never more than a hundredth of
the time: what took long to read is kept so much longer.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import Final, NamedTuple, TypeAlias

import psycopg
import structlog
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from psycopg_pool import ConnectionPool, PoolTimeout

from duecourse.dispatch.figures import LATE_SECONDS, Backlogs, Lanes, read_backlogs, read_lanes
from duecourse.dispatch.health import State
from duecourse.dispatch.providers import Provider, standings
from duecourse.responses.queue import count_waiting

log = structlog.get_logger("duecourse.metrics")

KEPT_SECONDS: Final = 5.0
"""How long a reading is good at least."""
KEPT_TIMES: Final = 100
"""How many times as long as it took it is kept at least."""
STATEMENT_SECONDS: Final = 2.0
"""A statement that takes longer is given up; the figures are missing then."""


@dataclass(frozen=True, slots=True)
class Figures:
    """One reading."""

    lanes: Lanes
    backlogs: Backlogs
    providers: Sequence[Provider]
    answers: int
    """Answers of borrowers that wait for a person."""
    grave: int
    """Of these the grave ones."""


def read_figures(conn: psycopg.Connection, providers: Collection[str], *, now: datetime) -> Figures:
    """Everything that metrics and `status` say of the installation. providers: names in providers.toml."""
    waiting = count_waiting(conn)
    return Figures(
        read_lanes(conn, now),
        read_backlogs(conn),
        standings(conn, providers, now=now),
        waiting["waiting"],
        waiting["grave"],
    )


class FiguresCollector(Collector):
    """Figures for a scrape. `refresh` reads them, in a thread; `collect` gives what was read last and asks nobody."""

    def __init__(
        self,
        pool: ConnectionPool[psycopg.Connection],
        now: Callable[[psycopg.Connection], datetime],
        providers: Collection[str],
    ) -> None:
        """now: the book's clock."""
        self._pool = pool
        self._now = now
        self._providers = providers
        self._lock = Lock()
        self._kept_until = float("-inf")
        self._took = 0.0
        self._figures: Figures | None = None

    def refresh(self) -> None:
        """Read the figures anew if the last ones are no longer good."""
        with self._lock:
            began = time.monotonic()
            if began < self._kept_until:
                return
            self._figures = self._read()
            self._took = time.monotonic() - began
            self._kept_until = began + max(KEPT_SECONDS, KEPT_TIMES * self._took)

    def _read(self) -> Figures | None:
        try:
            with self._pool.connection(timeout=STATEMENT_SECONDS) as conn:
                now = self._now(conn)
                with conn.transaction():
                    conn.execute(f"SET LOCAL statement_timeout = {round(STATEMENT_SECONDS * 1000)}")
                    return read_figures(conn, self._providers, now=now)
        except (psycopg.Error, PoolTimeout) as error:
            log.warning("the figures could not be read", error=type(error).__name__)
            return None

    def describe(self) -> Iterator[Metric]:
        """Every metric, without its samples."""
        return _families(None, 0.0)

    def collect(self) -> Iterator[Metric]:
        """What was read last; where that failed, only that it did."""
        return _families(self._figures, self._took)


_Samples: TypeAlias = Sequence[tuple[Sequence[str], float]]
"""(values of the labels, number)."""


class _Measure(NamedTuple):
    """One metric of the figures."""

    name: str
    said: str
    of: Callable[[Figures], float | _Samples]
    labels: Sequence[str] = ()


_MEASURES: Final = (
    _Measure(
        "due_messages", "Messages due that nobody has claimed, 400 a lane at most.", lambda at: at.lanes.due
    ),
    _Measure("lag_seconds", "Since the oldest of them fell due.", lambda at: at.lanes.lag_seconds),
    _Measure(
        "late_lanes",
        "Lanes whose oldest due message has waited for more than so many seconds.",
        lambda at: [([str(bound)], at.lanes.late(bound)) for bound in LATE_SECONDS],
        ["seconds"],
    ),
    _Measure(
        "lanes",
        "Lanes by lease: held, expired (its worker died), free.",
        lambda at: [([word], number) for word, number in at.lanes.standings.items()],
        ["lease"],
    ),
    _Measure(
        "idle_lane_seconds",
        "Since the lane that has been nobody's longest was held.",
        lambda at: at.lanes.idle_seconds,
    ),
    _Measure("workers", "Workers that hold lanes.", lambda at: at.lanes.workers),
    _Measure(
        "awaited_attempts",
        "Attempts whose receipt is waited for, 400 a lane at most.",
        lambda at: at.lanes.awaited,
    ),
    _Measure("open_tasks", "Calls that wait for a person, 400 a lane at most.", lambda at: at.lanes.tasks),
    _Measure(
        "unknown_attempts",
        "Attempts whose outcome nobody knows, 100,000 at most.",
        lambda at: at.backlogs.unknown,
    ),
    _Measure(
        "waiting_replies",
        "Replies that were not followed yet, 100,000 at most.",
        lambda at: at.backlogs.replies,
    ),
    _Measure(
        "waiting_answers",
        "Answers of borrowers that wait for a person, and the grave ones of these.",
        lambda at: [(["all"], at.answers), (["grave"], at.grave)],
        ["kind"],
    ),
    _Measure("held_batches", "Batches that a brake or a person holds.", lambda at: at.backlogs.held_batches),
    _Measure("stops", "Stops in force.", lambda at: at.backlogs.stops),
    _Measure("open_alerts", "Alerts that wait for a person.", lambda at: at.backlogs.alerts),
    _Measure(
        "provider_state",
        "1 for the state in which a provider stands for all workers, 0 for the others.",
        lambda at: [
            ([one.name, state.value], one.standing.state is state) for one in at.providers for state in State
        ],
        ["provider", "state"],
    ),
    _Measure(
        "provider_share",
        "The part of its weight that a provider is given, 0 to 1.",
        lambda at: [([one.name], one.standing.share) for one in at.providers],
        ["provider"],
    ),
)


def _families(read: Figures | None, took: float) -> Iterator[Metric]:
    yield GaugeMetricFamily(
        "duecourse_figures_read",
        "1 when the figures could be read from the database, else 0.",
        read is not None,
    )
    yield GaugeMetricFamily("duecourse_figures_seconds", "How long reading them took.", took)
    for measure in _MEASURES:
        family = GaugeMetricFamily(f"duecourse_{measure.name}", measure.said, labels=measure.labels)
        if read is not None:
            found = measure.of(read)
            for values, number in [([], found)] if isinstance(found, (int, float)) else found:
                family.add_metric(values, number)
        yield family
