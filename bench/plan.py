"""One day's planning, in as many sessions as the command takes and in one, against writing the finished rows alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import date, datetime, timedelta
from statistics import median
from zoneinfo import ZoneInfo

import psycopg

from duecourse.planning.compile import Plannable
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
"""The first measured day. The day before it is planned untimed, so that each measured one adds a single new day."""
SESSIONS = default_sessions()

_BARE = ("message", "message_item", "history")
_FINISHED = {
    "message": "SELECT * FROM message WHERE planned_at = %s",
    "message_item": """SELECT i.* FROM message_item i
        JOIN (SELECT DISTINCT lane, group_id FROM finished_message) m USING (lane, group_id) WHERE %s IS NOT NULL""",
    "history": """SELECT h.* FROM history h JOIN finished_message m ON m.lane = h.lane AND m.message_id = h.subject_id
        WHERE h.at = %s""",
}


def bench(house: House, loans: int, seed: int) -> Report:
    """loans: in the book that is planned; another has twice as many, and the same number due."""
    report = Report("plan", {"loans": loans, "installments": loans * 12, "repetitions": REPETITIONS}, seed)
    single, double = (_prepared(house, loans, seed, idle) for idle in (0, loans))
    with house.open(single) as one, house.open(double) as two:  # noqa: SIM117
        with one.connect(autocommit=True) as bare:
            for store in (one, two):
                with store.connect() as conn:
                    plannables = put_in_force(conn, house.folder, REMINDERS)
                _plan(store, plannables, -1, SESSIONS)
            _make_bare(bare)
            _prepare_bare(bare, -1)
            _write_bare(bare)
            for store in (one, two):
                with store.connect(autocommit=True) as conn:
                    tidy(conn)
            messages: list[int] = []
            items: list[int] = []

            def planned(store: Store, sessions: int, place: int) -> Callable[[int], float]:
                """place: which of a repetition's two days."""

                def run(repetition: int) -> float:
                    house.settle()
                    seconds, made, spoken_of = _plan(store, plannables, 2 * repetition + place, sessions)
                    messages.append(made)
                    items.append(spoken_of)
                    return seconds

                return run

            def written(repetition: int) -> float:
                _prepare_bare(bare, 2 * repetition)
                house.settle()
                return _write_bare(bare)

            taken = interleaved(
                REPETITIONS,
                {
                    "plan": planned(one, SESSIONS, 0),
                    "bare": written,
                    "plan, book doubled": planned(two, SESSIONS, 0),
                    "plan, one session": planned(one, 1, 1),
                    "plan, one session, book doubled": planned(two, 1, 1),
                },
            )
    house.drop(single, double)
    _tell(report, taken, median(messages), median(items))
    return report


def _tell(report: Report, taken: Mapping[str, Seconds], messages: float, items: float) -> None:
    report.figures = {
        "messages": messages,
        "items": items,
        "sessions": SESSIONS,
        "seconds": {name: summary(seconds) for name, seconds in taken.items()},
        "messages_per_second": round(messages / median(taken["plan"])),
    }
    bare = f"bare INSERT … SELECT: {spread(taken['bare'])}"
    for key, name, told in (
        ("", "plan", f"in {SESSIONS} sessions"),
        ("_one_session", "plan, one session", "in one session"),
    ):
        slower = ratio(taken[name], taken["bare"])
        grown = ratio(taken[f"{name}, book doubled"], taken[name])
        report.figures |= {
            f"ratio_to_bare_insert{key}": round(slower, 2),
            f"ratio_of_doubled_book{key}": round(grown, 2),
        }
        report.rows += [
            (
                f"plan a day, {report.sizes['loans']:,} loans, {told}: {messages:,.0f} messages",
                f"{spread(taken[name])}, {messages / median(taken[name]):,.0f}/s",
                bare,
                f"{slower:.2f} ×",
            ),
            (
                "the same day, book doubled, as many due",
                spread(taken[f"{name}, book doubled"]),
                f"itself: {spread(taken[name])}",
                f"{grown:.2f} ×",
            ),
        ]


def _prepared(house: House, loans: int, seed: int, idle: int) -> str:
    """A database with a book: `loans` spread over the cycle, and `idle` more that fall due on no measured day."""
    name = house.copy()
    with house.open(name) as store:
        with store.connect(idle_in_transaction_seconds=0) as conn:
            first = DAY - timedelta(days=2 * CYCLE + 1)
            make_book(conn, Shape(loans, first, CYCLE, CYCLE), seed=seed, zone=ZONE)
            if idle:
                # Day 0 of the cycle is the day before DAY; the last that counts is 7 + 2 + 2 * REPETITIONS later.
                since = 10 + 2 * REPETITIONS
                shape = Shape(idle, first, CYCLE, CYCLE - since, from_day=since, after=loans)
                make_book(conn, shape, seed=seed, zone=ZONE)
        with store.connect(autocommit=True) as conn:
            tidy(conn)
    return name


def _instant(place: int) -> tuple[date, datetime]:
    day = DAY + timedelta(days=place)
    return day, datetime.combine(day, datetime.min.time(), ZoneInfo(ZONE)) + timedelta(minutes=30)


def _plan(store: Store, plannables: list[Plannable], day: int, sessions: int) -> tuple[float, int, int]:
    as_of, now = _instant(day)
    with ExitStack() as opened:
        lines = [opened.enter_context(store.connect()) for _ in range(sessions)]
        hands = [[(line, range(LANES)[place::sessions])] for place, line in enumerate(lines)]
        began = time.perf_counter()
        done = plan_in_sessions(hands, plannables, as_of=as_of, now=now)
        return time.perf_counter() - began, done.messages, done.items


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
