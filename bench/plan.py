"""One day's planning, in as many sessions as the command takes and in one, against writing the finished rows alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from statistics import median
from zoneinfo import ZoneInfo

import psycopg

from duecourse.planning.compile import Plannable
from duecourse.planning.plan import PlanReport
from duecourse.planning.sessions import default_sessions, plan_in_sessions
from duecourse.store.connect import Store
from duecourse.store.lease import LANES

from .book import REMINDERS, Shape, make_book, put_in_force, tidy
from .house import ZONE, House
from .measure import Report, Seconds, interleaved, ratio, spread, summary

SIZES = {"small": 100_000, "full": 2_000_000}
REPETITIONS = 5
CYCLE = 28
DAY = date(2026, 3, 10)
WARM = 3
"""Days planned untimed before the first measured one, from the day before DAY on: each measured one adds a single new
day, and what every morning reads lies where it does on any morning, not where making the book left it."""
SESSIONS = default_sessions()
DOUBLED = ", book doubled"

_BARE = ("message", "message_item", "history")
_FINISHED = {
    "message": "SELECT * FROM message WHERE planned_at = %s",
    "message_item": """SELECT i.* FROM message_item i
        JOIN (SELECT DISTINCT lane, group_id FROM finished_message) m USING (lane, group_id) WHERE %s IS NOT NULL""",
    "history": """SELECT h.* FROM history h JOIN finished_message m ON m.lane = h.lane AND m.message_id = h.subject_id
        WHERE h.at = %s""",
}


def bench(house: House, loans: int, seed: int) -> Report:
    """loans: in the book that is planned; another has twice as many, and the same number due.

    One after the other: a machine has one book, and two that take turns would drive each other out of its memory.
    What the machine did meanwhile is in the bare inserts of each.
    """
    report = Report("plan", {"loans": loans, "installments": loans * 12, "repetitions": REPETITIONS}, seed)
    made: dict[str, list[PlanReport]] = {"plan": [], "plan, one session": []}
    taken: dict[str, Seconds] = {}
    for book, idle in (("", 0), (DOUBLED, loans)):
        name = _prepared(house, loans, seed, idle)
        with house.open(name) as store, store.connect(autocommit=True) as bare, ExitStack() as opened:
            # Kept from day to day, as a worker's are and the baseline's is.
            lines = [opened.enter_context(store.connect()) for _ in range(SESSIONS)]
            days = _Days(house, store, lines, bare, made)
            days.begin()
            contenders = {
                "plan": days.planned("plan", SESSIONS, 0),
                "bare": days.written,
                "plan, one session": days.planned("plan, one session", 1, 1),
            }
            for what, seconds in interleaved(REPETITIONS, contenders).items():
                taken[f"{what}{book}"] = seconds
        house.drop(name)
    _tell(report, taken, made)
    return report


@dataclass
class _Days:
    """The days of a book: two to a repetition, of which the first is written barely as well."""

    house: House
    store: Store
    lines: list[psycopg.Connection]
    bare: psycopg.Connection
    made: dict[str, list[PlanReport]]
    plannables: list[Plannable] = field(default_factory=list)

    def begin(self) -> None:
        """Plan and write the days before the first, untimed."""
        with self.store.connect() as conn:
            self.plannables = put_in_force(conn, self.house.folder, REMINDERS)
        _make_bare(self.bare)
        for day in range(-WARM, 0):
            _plan(self.lines, self.plannables, day)
            _prepare_bare(self.bare, day)
            _write_bare(self.bare)
        with self.store.connect(autocommit=True) as conn:
            tidy(conn)

    def planned(self, name: str, sessions: int, place: int) -> Callable[[int], float]:
        """Plan a repetition's first or second day, by its place, in so many sessions; the seconds."""

        def run(repetition: int) -> float:
            self.house.settle()
            seconds, report = _plan(self.lines[:sessions], self.plannables, 2 * repetition + place)
            self.made[name].append(report)
            return seconds

        return run

    def written(self, repetition: int) -> float:
        """Write the rows that the repetition's first day had, and nothing else; the seconds."""
        _prepare_bare(self.bare, 2 * repetition)
        self.house.settle()
        return _write_bare(self.bare)


def _tell(report: Report, taken: Mapping[str, Seconds], made: Mapping[str, Sequence[PlanReport]]) -> None:
    """A repetition's second day has other messages than its first, whose rows are written barely: each is divided by
    its own."""
    report.figures = {
        "messages": median(one.messages for one in made["plan"]),
        "items": median(one.items for one in made["plan"]),
        "sessions": SESSIONS,
        "seconds": {name: summary(seconds) for name, seconds in taken.items()},
    }
    for key, name, told in (
        ("", "plan", f"in {SESSIONS} sessions"),
        ("_one_session", "plan, one session", "in one session"),
    ):
        messages = median(one.messages for one in made[name])
        slower, slower_doubled = (
            _for_a_message(taken[name + book], made[name], taken["bare" + book], made["plan"])
            for book in ("", DOUBLED)
        )
        grown = median(taken[name + DOUBLED]) / median(taken[name])
        report.figures |= {
            f"messages_per_second{key}": round(messages / median(taken[name])),
            f"ratio_to_bare_insert{key}": round(slower, 2),
            f"ratio_of_doubled_book{key}": round(grown, 2),
            f"ratio_of_doubled_book_by_bare_insert{key}": round(slower_doubled / slower, 2),
        }
        report.rows += [
            (
                f"plan a day, {report.sizes['loans']:,} loans, {told}: {messages:,.0f} messages",
                f"{spread(taken[name])}, {messages / median(taken[name]):,.0f}/s",
                f"bare INSERT … SELECT: {spread(taken['bare'])}",
                f"{slower:.2f} × for a message",
            ),
            (
                "the same day, book doubled, as many due",
                spread(taken[name + DOUBLED]),
                f"itself: {spread(taken[name])}",
                f"{grown:.2f} ×",
            ),
            (
                "by the bare INSERT of its own minutes",
                f"{slower_doubled:.2f} × {spread(taken['bare' + DOUBLED])}",
                f"{slower:.2f} ×",
                f"{slower_doubled / slower:.2f} ×",
            ),
        ]


def _for_a_message(
    ours: Seconds, our_days: Sequence[PlanReport], bare: Seconds, bare_days: Sequence[PlanReport]
) -> float:
    return ratio(
        [seconds / day.messages for seconds, day in zip(ours, our_days, strict=False)],
        [seconds / day.messages for seconds, day in zip(bare, bare_days, strict=False)],
    )


def _prepared(house: House, loans: int, seed: int, idle: int) -> str:
    """A database with a book: `loans` spread over the cycle, and `idle` more that fall due on no measured day."""
    name = house.copy()
    with house.open(name) as store:
        with store.connect(idle_in_transaction_seconds=0) as conn:
            first = DAY - timedelta(days=2 * CYCLE + 1)
            make_book(conn, Shape(loans, first, CYCLE, CYCLE), seed=seed, zone=ZONE)
            if idle:
                # Day 0 of the cycle is the day before DAY; the last that counts is so much later.
                since = 7 + 2 + WARM + 2 * REPETITIONS
                shape = Shape(idle, first, CYCLE, CYCLE - since, from_day=since, after=loans)
                make_book(conn, shape, seed=seed, zone=ZONE)
        with store.connect(autocommit=True) as conn:
            tidy(conn)
    return name


def _instant(place: int) -> tuple[date, datetime]:
    day = DAY + timedelta(days=WARM - 1 + place)
    return day, datetime.combine(day, datetime.min.time(), ZoneInfo(ZONE)) + timedelta(minutes=30)


def _plan(lines: list[psycopg.Connection], plannables: list[Plannable], day: int) -> tuple[float, PlanReport]:
    as_of, now = _instant(day)
    hands = [[(line, range(LANES)[place :: len(lines)])] for place, line in enumerate(lines)]
    began = time.perf_counter()
    report = plan_in_sessions(hands, plannables, as_of=as_of, now=now)
    return time.perf_counter() - began, report


def _make_bare(conn: psycopg.Connection) -> None:
    # What was planned just now is in no statistics yet: taken for a row, it would be joined row by row, for hours.
    conn.execute("SET enable_nestloop = off")
    for table in _BARE:
        conn.execute(f"CREATE TABLE bare_{table} (LIKE {table} INCLUDING ALL)")


def _prepare_bare(conn: psycopg.Connection, day: int) -> None:
    """The rows that planning made on that day, ready to be read."""
    _, now = _instant(day)
    for table, query in _FINISHED.items():
        conn.execute(f"DROP TABLE IF EXISTS finished_{table}")
        conn.execute(f"CREATE TEMP TABLE finished_{table} AS SELECT * FROM {table} LIMIT 0")
        conn.execute(f"INSERT INTO finished_{table} {query}", (now,))
        conn.execute(f"ANALYZE finished_{table}")


def _write_bare(conn: psycopg.Connection) -> float:
    began = time.perf_counter()
    with conn.transaction():
        for table in _BARE:
            conn.execute(f"INSERT INTO bare_{table} SELECT * FROM finished_{table}")
    return time.perf_counter() - began
