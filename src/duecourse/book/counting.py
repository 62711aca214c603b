"""Days past due of the book, counted by the contract, by the strategy and for the bureau; and their buckets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from duecourse.domain.buckets import DEFAULT_BUCKETS, bucket_labels, bucket_of
from duecourse.domain.days_past_due import BureauRule, Counters, Pause
from duecourse.store.sql import load

SQL = load("book/counting")

EVERY_LANE = tuple(range(256))
COUNTERS = ("contractual", "strategy", "bureau")


@dataclass(frozen=True, slots=True)
class CountingRules:
    """How each loan is counted: bureau rules and buckets side by side, and which place of them is a loan's.

    place: SQL over the aliases b, l, i that gives the place, from 1; parameters: its own.
    """

    bureau: Sequence[BureauRule] = (BureauRule(),)
    buckets: Sequence[Sequence[int]] = (DEFAULT_BUCKETS,)
    place: sql.Composable = field(default_factory=lambda: sql.SQL("1"))
    parameters: Mapping[str, Any] = field(default_factory=dict)


class LoanCounters(NamedTuple):
    """A loan with something past due. bucket: of its contractual days. past_due_minor: how much, as of the day."""

    lane: int
    loan_id: UUID
    days: Counters
    bucket: str
    past_due_minor: int


class BucketLine(NamedTuple):
    """Open loans of one currency in one bucket by one counter. past_due_minor: on the day the counter stands at."""

    currency: str
    counter: str
    bucket: str
    loans: int
    past_due_minor: int


def counters_of(
    conn: psycopg.Connection,
    as_of: date,
    *,
    lanes: Sequence[int] = EVERY_LANE,
    borrower_id: UUID | None = None,
    rules: CountingRules | None = None,
) -> list[LoanCounters]:
    """The counters of every open loan with something past due as of a day, in the given lanes or of one borrower."""
    rules = rules or CountingRules()
    statement = sql.SQL(SQL["counters"]).format(rule_of=rules.place)
    rows = conn.execute(statement, _parameters(as_of, lanes, borrower_id, rules)).fetchall()
    return [
        LoanCounters(
            lane,
            loan_id,
            Counters(contractual, strategy, bureau),
            bucket_of(contractual, rules.buckets[place - 1]),
            past_due,
        )
        for lane, loan_id, place, contractual, strategy, bureau, past_due in rows
    ]


def count_buckets(
    conn: psycopg.Connection,
    as_of: date,
    bounds: Sequence[int],
    *,
    lanes: Sequence[int] = EVERY_LANE,
    rules: CountingRules | None = None,
) -> list[BucketLine]:
    """Open loans and what is past due on them, by currency, counter and bucket; every bucket has a line.

    bounds: the last day of each bucket but the one above them all (domain.buckets).
    """
    rules = rules or CountingRules()
    labels = bucket_labels(bounds)
    statement = sql.SQL(SQL["buckets"]).format(rule_of=rules.place)
    given = _parameters(as_of, lanes, None, rules) | {"starts": [1, *(bound + 1 for bound in bounds)]}
    found = {
        (currency, counter, labels[place]): (loans, past_due)
        for currency, counter, place, loans, past_due in conn.execute(statement, given).fetchall()
    }
    currencies = sorted({currency for currency, _, _ in found})
    return [
        BucketLine(currency, counter, label, *found.get((currency, counter, label), (0, 0)))
        for currency in currencies
        for counter in COUNTERS
        for label in labels
    ]


def pauses_of(conn: psycopg.Connection, lane: int, borrower_id: UUID) -> dict[UUID, list[Pause]]:
    """The pauses of a borrower's loans, in order."""
    found: dict[UUID, list[Pause]] = {}
    rows = conn.execute(SQL["pauses_of"], {"lane": lane, "borrower_id": borrower_id}).fetchall()
    for loan_id, from_on, to_on, kind, _evidence, _by in rows:
        found.setdefault(loan_id, []).append(Pause(from_on, to_on, kind == "deferral"))
    return found


def _parameters(
    as_of: date, lanes: Sequence[int], borrower_id: UUID | None, rules: CountingRules
) -> dict[str, Any]:
    return {
        **rules.parameters,
        "as_of": as_of,
        "lanes": list(lanes),
        "borrower_id": borrower_id,
        "stands": [rule.standing_day(as_of) for rule in rules.bureau],
        "from_grace": [rule.count_from == "grace" for rule in rules.bureau],
        "from_days": [rule.from_days for rule in rules.bureau],
        "left_out": [rule.pauses for rule in rules.bureau],
        "minimums": [Jsonb(dict(rule.minimum_minor)) for rule in rules.bureau],
    }
