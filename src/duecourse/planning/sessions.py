"""Planning in several sessions at once, each with lanes of its own, by as many processors as there are."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime

import psycopg

from duecourse.rules.compiling import RuleBook

from .compile import Plannable
from .plan import PlanReport, plan_book

Hand = Sequence[tuple[psycopg.Connection, Sequence[int]]]
"""What one session plans: connections, each with its lanes, one after the other."""

MOST_SESSIONS = 32
"""More would leave none of the hundred connections a server has by default to workers and pages."""


def default_sessions() -> int:
    """As many as this machine has processors, at most 4: those of an embedded server are the same."""
    return min(os.cpu_count() or 1, 4)


def plan_in_sessions(
    hands: Sequence[Hand],
    plannables: Sequence[Plannable],
    *,
    as_of: date,
    now: datetime,
    dry_run: bool = False,
    rules: RuleBook | None = None,
    on_progress: Callable[[Sequence[int], int], None] = lambda lanes, messages: None,
) -> PlanReport:
    """Plan as plan_book does, each hand in a thread; no connection and no lane may be in two of them.

    on_progress is called from these threads. When one session fails, or the caller is interrupted, the others end with
    the transaction they are in; what was committed stays, and the first error is raised.
    """
    ended = threading.Event()

    def plan_one(hand: Hand) -> PlanReport:
        report = PlanReport(as_of)
        try:
            for conn, lanes in hand:
                plan_book(
                    conn,
                    plannables,
                    as_of=as_of,
                    now=now,
                    lanes=lanes,
                    dry_run=dry_run,
                    rules=rules,
                    on_progress=on_progress,
                    is_stopping=ended.is_set,
                    report=report,
                )
        except BaseException:
            ended.set()
            raise
        return report

    whole = PlanReport(as_of)
    with ThreadPoolExecutor(max(len(hands), 1), "planning") as pool:
        try:
            for report in [pool.submit(plan_one, hand) for hand in hands]:
                whole.add(report.result())
        except BaseException:
            ended.set()
            raise
    return whole
