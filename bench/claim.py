"""Claiming with all rules, against the same claims with none: what the law costs at send time."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import date, datetime, timedelta
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

import psycopg

from duecourse.dispatch.claimed import fence
from duecourse.dispatch.lines import Line, line_parameters
from duecourse.dispatch.reach import CHANNELS, head_parameters
from duecourse.domain.messaging import Channel
from duecourse.planning.plan import plan_book
from duecourse.rules.compiling import RuleBook, shipped
from duecourse.rules.packs import Packs
from duecourse.store.lease import acquire
from duecourse.store.sql import load

from .book import Shape, make_book, put_in_force, tidy
from .house import House
from .measure import Report, interleaved, ratio, spread, summary

SQL = load("dispatch")
SIZES = {"small": 20_000, "full": 100_000}
REPETITIONS = 5
TAKE = 1000
ZONE = "America/New_York"
DUE = date(2026, 3, 8)
NOON = datetime.combine(DUE + timedelta(days=2), datetime.min.time(), ZoneInfo(ZONE)) + timedelta(hours=12)
HISTORY_DAYS = 90
EVERY_DAYS = 3

_REGIONS = """UPDATE borrower
SET region = (ARRAY['CN', 'US-MA', 'US-FL', 'GB'])[1 + get_byte(decode(md5(borrower_key), 'hex'), 0) % 4]"""
_HISTORY = """
INSERT INTO contact (lane, borrower_id, attempt_id, loan_id, weight, group_id, purpose, channel, address_index,
                     template, local_on, at)
SELECT l.lane, l.borrower_id, md5(concat(l.loan_id, d))::uuid, l.loan_id, 1, md5(concat(l.loan_id, d))::uuid,
       'collection', (ARRAY['email', 'sms', 'letter'])[1 + d %% 3], p.address_index, 'due-soon', %(day)s::date - d,
       %(noon)s::timestamptz - make_interval(days => d)
FROM loan l JOIN contact_point p ON p.lane = l.lane AND p.borrower_id = l.borrower_id
CROSS JOIN generate_series(1, %(days)s, %(every)s) AS d
"""


def bench(house: House, messages: int, seed: int) -> Report:
    """messages: due at once, each of a borrower with a history of HISTORY_DAYS."""
    report = Report(
        "claim",
        {"messages": messages, "take": TAKE, "history_days": HISTORY_DAYS, "contact_every_days": EVERY_DAYS},
        seed,
    )
    name = _prepared(house, messages, seed)
    twin = house.copy(name)
    none = RuleBook(Packs(()))
    with house.open(name) as one, house.open(twin) as two:  # noqa: SIM117
        with (
            one.connect(idle_in_transaction_seconds=0) as ruled,
            two.connect(idle_in_transaction_seconds=0) as bare,
        ):
            allowed: list[int] = []
            size = messages // REPETITIONS
            taken = interleaved(
                REPETITIONS,
                {
                    "all rules": _claimer(house, ruled, shipped(), size, allowed),
                    "no rules": _claimer(house, bare, none, size, []),
                },
            )
    house.drop(name, twin)
    slower = ratio(taken["all rules"], taken["no rules"])
    each = {what: median(seconds) / size * 1e6 for what, seconds in taken.items()}
    report.figures = {
        "rules": len(shipped().packs.rules),
        "allowed": sum(allowed),
        "seconds": {what: summary(seconds) for what, seconds in taken.items()},
        "microseconds_per_message": {what: round(figure, 1) for what, figure in each.items()},
        "ratio_to_no_rules": round(slower, 2),
    }
    report.rows = [
        (
            f"claim {messages:,} due messages, {len(shipped().packs.rules)} rules, {HISTORY_DAYS} days of history",
            f"{spread(taken['all rules'])}, {each['all rules']:.0f} µs a message",
            f"no rules: {spread(taken['no rules'])}, {each['no rules']:.0f} µs",
            f"{slower:.2f} ×",
        )
    ]
    return report


def _prepared(house: House, messages: int, seed: int) -> str:
    name = house.copy()
    with house.open(name) as store:
        with store.connect(idle_in_transaction_seconds=0) as conn:
            make_book(conn, Shape(messages, DUE, 28, 1, 1, shared=2**31 - 1), seed=seed, zone=ZONE)
            conn.execute(_REGIONS)
            given = {"day": NOON.date(), "noon": NOON, "days": HISTORY_DAYS, "every": EVERY_DAYS}
            conn.execute(_HISTORY, given)
            plannables = put_in_force(conn, house.folder, {"late": "due + 2d"})
            conn.commit()
            plan_book(conn, plannables, as_of=NOON.date(), now=NOON - timedelta(hours=11))
            conn.execute("UPDATE message SET not_before = %s, purpose = 'collection'", (NOON,))
            conn.commit()
        with store.connect(autocommit=True) as conn:
            acquire(conn, "bench", 86_400)
            tidy(conn)
    return name


def _claimer(
    house: House, conn: psycopg.Connection, rules: RuleBook, size: int, allowed: list[int]
) -> Callable[[int], float]:
    epochs = dict(conn.execute("SELECT lane, epoch FROM lane_lease WHERE owner = 'bench'").fetchall())
    conn.rollback()
    given: dict[str, Any] = {
        **fence(epochs), "now": NOON, "as_of": NOON.date(), "take": TAKE,
        **line_parameters([Line(Channel.SMS, "bench", ready=True, room=TAKE)]),
        **head_parameters(dict.fromkeys(CHANNELS, TAKE)),
        "recheck": timedelta(minutes=10), "pause": timedelta(seconds=2), **rules.parameters,
    }  # fmt: skip

    def claim(_: int) -> float:
        house.settle()
        began = time.perf_counter()
        judged = went = 0
        while judged < size:
            rows = [row for row in conn.execute(SQL["claim_messages"], given).fetchall() if row[3]]
            conn.commit()
            judged += len(rows)
            went += sum(row[4] for row in rows)
            if not rows:
                raise RuntimeError(f"only {judged} of {size} were due")
        took = time.perf_counter() - began
        allowed.append(went)
        return took

    return claim
