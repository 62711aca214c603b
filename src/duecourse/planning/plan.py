"""Planning a book: lane by lane, restartable, the same twice."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
from psycopg import sql

from duecourse.book.grace import freeze_grace
from duecourse.book.shifting import settle_provisional_days
from duecourse.policy.conditions import condition_sql
from duecourse.policy.model import Policy
from duecourse.rules.compiling import RuleBook, shipped
from duecourse.store.sql import load

from .compile import HORIZON_DAYS, Plannable, compile_items
from .events import PAUSE, RECHECK, judge_elsewhere, plan_events

SQL = load("planning")

FIRST_LANES = 8
"""Lanes planned in the first transaction, whose messages tell how many the next one takes."""

MESSAGES_AT_ONCE = 10_000
"""About so many in a transaction: enough to be worth the statements' own cost, few enough to stay in memory."""

MOST_LANES = 64
"""In a transaction, however few messages they make: asked for most of the lanes, the server may choose to read a table
whole, which took twice as long."""

MEMORY_KILOBYTES = 32_768
"""For each sort, hash and intermediate result of a planning statement, of which some twenty are alive at once."""


@dataclass(frozen=True, slots=True)
class PreviewLine:
    """Messages of one step, day and verdict. rule is empty where nothing stands against sending."""

    policy: str
    step: str
    purpose: str
    local_on: date
    channel: str
    rule: str
    messages: int


@dataclass(slots=True)
class PlanReport:
    """What a planning run did. withdrawn: unclaimed messages of earlier policy versions, planned anew."""

    as_of: date
    messages: int = 0
    items: int = 0
    withdrawn: int = 0
    preview: list[PreviewLine] = field(default_factory=list)

    def add(self, other: PlanReport) -> None:
        """What another run did with other lanes; the same line of other lanes is the same line."""
        self.messages += other.messages
        self.items += other.items
        self.withdrawn += other.withdrawn
        self.show(other.preview)

    def show(self, lines: Iterable[PreviewLine]) -> None:
        """Lines of other lanes, added to the preview."""
        totals = {line_key(line): line for line in self.preview}
        for line in lines:
            known = totals.get(line_key(line))
            total = line.messages + (known.messages if known else 0)
            totals[line_key(line)] = PreviewLine(*line_key(line), total)
        self.preview = sorted(totals.values(), key=lambda line: (line.local_on, *line_key(line)))


def plan_book(
    conn: psycopg.Connection,
    plannables: Sequence[Plannable],
    *,
    as_of: date,
    now: datetime,
    lanes: Iterable[int] = range(256),
    lanes_at_once: int | None = None,
    dry_run: bool = False,
    rules: RuleBook | None = None,
    on_progress: Callable[[Sequence[int], int], None] = lambda lanes, messages: None,
    is_stopping: Callable[[], bool] = lambda: False,
    report: PlanReport | None = None,
) -> PlanReport:
    """Plan every message that falls on local days up to as_of + 2, catching up days missed since the last run.

    as_of: the lender's date; the book is read as it is known then. now: the clock that decides what is late.
    Commits every lanes_at_once lanes, so that a crash loses nothing that was reported done; None: as many as make it
    worth while. With dry_run the same statements run, the preview is read, and all of it is rolled back. rules: None
    takes the shipped packs alone. on_progress: the lanes just done and how many messages they got. is_stopping: asked
    between two transactions; what is left then is planned by the next run. report: of other lanes, to be added to.
    """
    report = PlanReport(as_of) if report is None else report
    if not plannables:
        return report
    rules = (rules or shipped()).compiled()
    left = list(lanes)
    size = lanes_at_once or FIRST_LANES
    while left and not is_stopping():
        some, left = left[:size], left[size:]
        before = report.messages
        with conn.transaction(force_rollback=dry_run):
            _plan_lanes(conn, plannables, some, as_of, now, report, rules, preview=dry_run)
        made = report.messages - before
        on_progress(some, made)
        if lanes_at_once is None:
            size = min(len(some) * MESSAGES_AT_ONCE // max(made, 1), MOST_LANES) or 1
    return report


def _plan_lanes(
    conn: psycopg.Connection,
    plannables: Sequence[Plannable],
    lanes: Sequence[int],
    as_of: date,
    now: datetime,
    report: PlanReport,
    rules: RuleBook,
    *,
    preview: bool,
) -> None:
    policies = [plannable.policy.name for plannable in plannables]
    common: dict[str, Any] = {
        "lanes": list(lanes),
        "policies": policies,
        "as_of": as_of,
        "now": now,
        "recheck": RECHECK,
        "pause": PAUSE,
    }
    conn.execute(SQL["give_memory"], {"kilobytes": MEMORY_KILOBYTES})
    conn.execute(SQL["lock_lanes"], common)
    planned_from: dict[str, date] = dict(conn.execute(SQL["planned_from"], common).fetchall())
    settle_provisional_days(conn, from_on=as_of, lanes=lanes)
    for plannable in plannables:
        _freeze_grace(conn, plannable.policy, min(as_of, latest_date(now)), lanes)
    report.withdrawn += _count(
        conn.execute(
            SQL["withdraw_outdated"],
            common
            | {
                "versions": [plannable.version for plannable in plannables],
                "actors": [plannable.actor.value for plannable in plannables],
                "gentle": [
                    plannable.policy.name for plannable in plannables if _speaks_gently(plannable.policy)
                ],
                "from_on": min(planned_from.values()),
            },
        )
    )
    if any(step.on is None for plannable in plannables for step in plannable.policy.steps):
        items, parameters = compile_items(plannables, as_of, planned_from, rules)
        statement = sql.SQL(SQL["plan_lanes"]).format(items=items)
        row = conn.execute(statement, common | parameters | dict(rules.parameters)).fetchone()
        assert row is not None
        report.messages += row[0]
        report.items += row[1]
        if row[2]:
            judge_elsewhere(conn, common, row[2], rules)
    told = plan_events(conn, plannables, common, rules)
    report.messages += told.messages
    report.items += told.items
    conn.execute(SQL["mark_planned"], common)
    if preview:
        window = {"lanes": list(lanes), "from_on": as_of, "to_on": as_of + timedelta(days=HORIZON_DAYS)}
        report.show(PreviewLine(*line) for line in conn.execute(SQL["preview"], window))


def _speaks_gently(policy: Policy) -> bool:
    """Whether some condition of a policy asks whether the person is treated gently."""
    conditions = [
        one for step in policy.steps for one in (step.condition, *(v.condition for v in step.variants))
    ]
    return any(test.field == "gentle" for one in (policy.applies_to, *conditions) for test in one.tests)


def latest_date(now: datetime) -> date:
    """The date where on earth it is latest: no installment that is due after it can have fallen due."""
    return (now.astimezone(UTC) + timedelta(hours=14)).date()


def _freeze_grace(conn: psycopg.Connection, policy: Policy, as_of: date, lanes: Sequence[int]) -> None:
    applies, parameters = condition_sql(policy.applies_to)
    freeze_grace(
        conn,
        as_of=as_of,
        by_grade=policy.grace.by_grade,
        default=policy.grace.default,
        applies=applies,
        parameters=parameters,
        lanes=lanes,
    )


def line_key(line: PreviewLine) -> tuple[str, str, str, date, str, str]:
    """What makes two preview lines the same."""
    return (line.policy, line.step, line.purpose, line.local_on, line.channel, line.rule)


def _count(cursor: psycopg.Cursor[Any]) -> int:
    row = cursor.fetchone()
    return int(row[0]) if row else 0
