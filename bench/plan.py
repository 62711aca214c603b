"""One day's planning, against writing the same finished rows and nothing else."""

from __future__ import annotations

import time
from datetime import date, datetime, timedelta
from statistics import median
from zoneinfo import ZoneInfo

import psycopg

from duecourse.planning.compile import Plannable
from duecourse.planning.plan import plan_book

from .book import REMINDERS, Shape, make_book, put_in_force, tidy
from .house import ZONE, House
from .measure import Report, interleaved, ratio, spread, summary

SIZES = {"small": 100_000, "full": 2_000_000}
REPETITIONS = 5
CYCLE = 28
DAY = date(2026, 3, 10)
"""The first measured day. The day before it is planned untimed, so that each measured one adds a single new day."""

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
        with one.connect() as ours, one.connect(autocommit=True) as bare, two.connect() as doubled:
            plannables = put_in_force(ours, house.folder, REMINDERS)
            put_in_force(doubled, house.folder, REMINDERS)
            _make_bare(bare)
            for conn in (ours, doubled):
                _plan(conn, plannables, -1)
            _prepare_bare(bare, -1)
            _write_bare(bare)
            for store in (one, two):
                with store.connect(autocommit=True) as conn:
                    tidy(conn)
            messages: list[int] = []
            items: list[int] = []

            def planned(repetition: int) -> float:
                house.settle()
                seconds, made, spoken_of = _plan(ours, plannables, repetition)
                messages.append(made)
                items.append(spoken_of)
                return seconds

            def written(repetition: int) -> float:
                _prepare_bare(bare, repetition)
                house.settle()
                return _write_bare(bare)

            def planned_double(repetition: int) -> float:
                house.settle()
                return _plan(doubled, plannables, repetition)[0]

            taken = interleaved(
                REPETITIONS, {"plan": planned, "bare": written, "plan, book doubled": planned_double}
            )
    house.drop(single, double)
    made = median(messages)
    slower = ratio(taken["plan"], taken["bare"])
    grown = ratio(taken["plan, book doubled"], taken["plan"])
    report.figures = {
        "messages": made,
        "items": median(items),
        "seconds": {name: summary(seconds) for name, seconds in taken.items()},
        "messages_per_second": round(made / median(taken["plan"])),
        "ratio_to_bare_insert": round(slower, 2),
        "ratio_of_doubled_book": round(grown, 2),
    }
    report.rows = [
        (
            f"plan a day, {loans:,} loans: {made:,.0f} messages",
            f"{spread(taken['plan'])}, {made / median(taken['plan']):,.0f}/s",
            f"bare INSERT … SELECT: {spread(taken['bare'])}",
            f"{slower:.2f} ×",
        ),
        (
            "the same day, book doubled, as many due",
            spread(taken["plan, book doubled"]),
            f"itself: {spread(taken['plan'])}",
            f"{grown:.2f} ×",
        ),
    ]
    return report


def _prepared(house: House, loans: int, seed: int, idle: int) -> str:
    """A database with a book: `loans` spread over the cycle, and `idle` more that fall due on no measured day."""
    name = house.copy()
    with house.open(name) as store:
        with store.connect(idle_in_transaction_seconds=0) as conn:
            first = DAY - timedelta(days=2 * CYCLE + 1)
            make_book(conn, Shape(loans, first, CYCLE, CYCLE), seed=seed, zone=ZONE)
            if idle:
                # Day 0 of the cycle is the day before DAY; the last that counts is 7 + 2 + REPETITIONS later.
                since = 10 + REPETITIONS
                shape = Shape(idle, first, CYCLE, CYCLE - since, from_day=since, after=loans)
                make_book(conn, shape, seed=seed, zone=ZONE)
        with store.connect(autocommit=True) as conn:
            tidy(conn)
    return name


def _instant(repetition: int) -> tuple[date, datetime]:
    day = DAY + timedelta(days=repetition)
    return day, datetime.combine(day, datetime.min.time(), ZoneInfo(ZONE)) + timedelta(minutes=30)


def _plan(conn: psycopg.Connection, plannables: list[Plannable], repetition: int) -> tuple[float, int, int]:
    as_of, now = _instant(repetition)
    began = time.perf_counter()
    done = plan_book(conn, plannables, as_of=as_of, now=now)
    return time.perf_counter() - began, done.messages, done.items


def _make_bare(conn: psycopg.Connection) -> None:
    # What was planned just now is in no statistics yet: taken for a row, it would be joined row by row, for hours.
    conn.execute("SET enable_nestloop = off")
    for table in _BARE:
        conn.execute(f"CREATE TABLE bare_{table} (LIKE {table} INCLUDING ALL)")


def _prepare_bare(conn: psycopg.Connection, repetition: int) -> None:
    """The rows that planning made on that day, ready to be read."""
    _, now = _instant(repetition)
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
