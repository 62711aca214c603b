"""What a worker plans: days, and what tells of what has happened. Its calls run in a thread each, never two at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import date, datetime
from functools import partial

import psycopg
import structlog

from duecourse.dispatch.batches import recheck_batches
from duecourse.dispatch.carriers import learn_carriers
from duecourse.dispatch.figures import planned_at
from duecourse.dispatch.meters import Meters
from duecourse.dispatch.telling import is_told, tell
from duecourse.domain.problems import DuecourseError
from duecourse.planning.compile import Plannable
from duecourse.planning.events import lanes_with_events, tell_events, tells_events
from duecourse.planning.plan import plan_book
from duecourse.policy.versions import published_state
from duecourse.responses.offers.judging import judge_arrangements
from duecourse.responses.promises import judge_promises
from duecourse.rules.compiling import RuleBook

from .context import Context
from .workshop import plannables

log = structlog.get_logger("duecourse.work")

LANES_AT_ONCE = 32
"""Lanes whose events are told of in one transaction."""


class WorkPlanner:
    """Plans for a worker, over lines of its own. Policies are read anew when one was published."""

    def __init__(self, here: Context, rules: RuleBook, meters: Meters, *, by_carrier: bool) -> None:
        """by_carrier: some provider serves the numbers of some carriers alone."""
        self._here = here
        self._rules = rules
        self._meters = meters
        self._by_carrier = by_carrier
        self._line = here.lifeline()
        self._events_line = here.lifeline()
        single = [shard.number for shard in here.shards if shard.node is None]
        self._lines = dict.fromkeys(single, self._line)
        self._events_lines = dict.fromkeys(single, self._events_line)
        self._state: object = None
        self._policies: list[Plannable] = []
        self.is_stopping: Callable[[], bool] = lambda: False
        """Asked between two groups of lanes: a large plan is no reason to stop late."""

    def plan(self, now: datetime, as_of: date, lanes: Sequence[int]) -> None:
        """Plan the days of these lanes, some at a time, until all are planned or the worker stops."""
        try:
            policies = self._line.run(lambda conn: plannables(conn, self._here.settings.actor))
        except DuecourseError as error:
            log.warning("nothing was planned", problems=[problem.code for problem in error.problems])
            policies = []
        messages = 0
        for line, some in self._here.by_shard(self._lines, lanes):
            messages += line.run(partial(self._plan, policies, now, as_of, some))
            if line is not self._line:
                line.rest()  # for minutes
        if policies:
            held = self._line.run(lambda conn: recheck_batches(conn, as_of=as_of, now=now))
            if held:
                log.warning("batches left their band and are held", batches=held)
            log.info("planned", as_of=as_of.isoformat(), lanes=len(lanes), messages=messages)

    def tell(self, now: datetime, as_of: date, lanes: Sequence[int]) -> bool:
        """Plan what tells of what has happened in these lanes; whether there was anything."""
        waiting = self._events_line.run(lambda conn: self._waiting(conn, now, lanes))
        for line, some in self._here.by_shard(self._events_lines, waiting):
            line.run(partial(self._tell, now, as_of, some))
        held = set(lanes)
        for shard in self._here.shards:
            if shard.number in self._events_lines and held.isdisjoint(shard.lanes):
                self._events_lines[shard.number].rest()
        return bool(waiting)

    def _plan(
        self,
        policies: Sequence[Plannable],
        now: datetime,
        as_of: date,
        lanes: Sequence[int],
        conn: psycopg.Connection,
    ) -> int:
        if self._by_carrier:
            learn_carriers(conn, self._here.keyring, lanes, now=now)
        judge_promises(conn, lanes=lanes, as_of=as_of, now=now)
        judge_arrangements(conn, lanes=lanes, as_of=as_of, now=now)
        with self._meters.plan.time():
            report = plan_book(
                conn,
                policies,
                as_of=as_of,
                now=now,
                lanes=lanes,
                rules=self._rules,
                on_progress=lambda some, messages: self._count(conn, some, messages, now),
                is_stopping=self.is_stopping,
            )
        return report.messages

    def _waiting(self, conn: psycopg.Connection, now: datetime, lanes: Sequence[int]) -> list[int]:
        """The lanes in which something happened that may be told of."""
        state = published_state(conn)
        if state != self._state:
            with suppress(DuecourseError):  # none is published, as planning says
                self._policies = plannables(conn, self._here.settings.actor)
            self._state = state
        if not tells_events(self._policies):
            return []
        return lanes_with_events(conn, lanes, now=now)

    def _tell(self, now: datetime, as_of: date, lanes: Sequence[int], conn: psycopg.Connection) -> None:
        for start in range(0, len(lanes), LANES_AT_ONCE):
            some = lanes[start : start + LANES_AT_ONCE]
            told = tell_events(conn, self._policies, some, as_of=as_of, now=now, rules=self._rules)
            self._count(conn, some, told.messages, now)
            log.info("told of events", events=told.looked_at, lanes=len(some), messages=told.messages)

    def _count(self, conn: psycopg.Connection, lanes: Sequence[int], messages: int, now: datetime) -> None:
        self._meters.planned.inc(messages)
        if messages and is_told():
            for message_id in planned_at(conn, lanes, now):
                tell("planned", message_id)
