"""The lender's expected cash by day: what falls due, and what will have come if money stays as late as it was."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal, localcontext
from typing import Any, NamedTuple

import psycopg

from duecourse.domain.lateness import EARLIEST, LATEST, ON_TIME, LatenessCurve, lateness_curve
from duecourse.domain.money import round_minor
from duecourse.store.sql import load

SQL = load("book/cash")

LOOK_BACK_DAYS = 455
"""A year of due days that have had their ninety days, and the ninety that have not."""
ENOUGH = 200
"""Installments seen, below which product and grade are too few to go by and the next wider group is taken."""


class CashDay(NamedTuple):
    """One day and currency, minor units. due: what falls due; expected: what comes that day of all that is open.

    installments: how many fall due.
    """

    day: date
    currency: str
    due_minor: int
    expected_minor: int
    installments: int


class LatenessUsed(NamedTuple):
    """The lateness one group of loans was given.

    level: whose it is: 'product and grade', 'product', 'currency', or 'none': nothing was seen, so that everybody is
    taken to pay on the due day. installments: how many were seen.
    """

    currency: str
    product: str
    grade: str
    level: str
    installments: int
    curve: LatenessCurve


@dataclass(slots=True)
class Cash:
    """The cash of a span of days. lateness: of each group that has something open."""

    as_of: date
    days: list[CashDay] = field(default_factory=list)
    lateness: list[LatenessUsed] = field(default_factory=list)


@dataclass(slots=True)
class _Seen:
    """What was seen of a group: amounts by days after the due day."""

    paid: dict[int, int] = field(default_factory=dict)
    left: dict[int, int] = field(default_factory=dict)
    installments: int = 0


def expected_cash(conn: psycopg.Connection, *, as_of: date, from_on: date, to_on: date) -> Cash:
    """Cash by day and currency from from_on to to_on, as the book stood on as_of: nothing later is read.

    due: what is still open of the installments that fall due on a day. expected: the same money, and what is open of
    earlier installments, on the days on which it comes if lateness stays what it was by product and grade; a share
    never comes. The sums differ: money of before from_on comes in, money after to_on and unpaid money goes out.
    """
    seen = _seen(conn, as_of)
    cash = Cash(as_of)
    chosen: dict[tuple[str, str, str], LatenessUsed] = {}
    due: dict[tuple[date, str], list[int]] = {}
    expected: dict[tuple[date, str], Decimal] = {}
    span = {
        "as_of": as_of,
        "first_on": min(from_on, as_of) - timedelta(LATEST),
        "last_on": to_on - timedelta(EARLIEST),
    }
    with localcontext() as precise:
        precise.prec = 40
        for currency, product, grade, due_on, count, open_minor in conn.execute(SQL["cash_due"], span):
            if from_on <= due_on <= to_on:
                known = due.setdefault((due_on, currency), [0, 0])
                known[0] += open_minor
                known[1] += count
            group = (currency, product, grade)
            if group not in chosen:
                chosen[group] = _choose(seen, *group)
            for day, share in _coming(chosen[group].curve, as_of, due_on):
                if from_on <= day <= to_on:
                    expected[day, currency] = expected.get((day, currency), Decimal(0)) + open_minor * share
        cash.days = [
            CashDay(day, currency, due_minor, round_minor(expected.get((day, currency), Decimal(0))), count)
            for day, currency in sorted(due.keys() | expected.keys())
            for due_minor, count in [due.get((day, currency), [0, 0])]
        ]
    cash.lateness = [chosen[group] for group in sorted(chosen)]
    return cash


def _coming(curve: LatenessCurve, as_of: date, due_on: date) -> Iterator[tuple[date, Decimal]]:
    age = (as_of - due_on).days
    for lag, share in curve.expected(age):
        yield due_on + timedelta(lag), share


def _seen(conn: psycopg.Connection, as_of: date) -> Mapping[tuple[str, ...], _Seen]:
    """By (currency, product, grade), (currency, product) and (currency,)."""
    seen: dict[tuple[str, ...], _Seen] = {}
    span: Mapping[str, Any] = {"as_of": as_of, "since": as_of - timedelta(LOOK_BACK_DAYS)}
    for currency, product, grade, lag, amount in conn.execute(SQL["lateness_paid"], span):
        for group in _groups(currency, product, grade):
            paid = seen.setdefault(group, _Seen()).paid
            paid[lag] = paid.get(lag, 0) + amount
    for currency, product, grade, age, installments, amount in conn.execute(SQL["lateness_left"], span):
        for group in _groups(currency, product, grade):
            one = seen.setdefault(group, _Seen())
            one.left[age] = one.left.get(age, 0) + amount
            one.installments += installments
    return seen


def _groups(currency: str, product: str, grade: str) -> Sequence[tuple[str, ...]]:
    return ((currency, product, grade), (currency, product), (currency,))


def _choose(seen: Mapping[tuple[str, ...], _Seen], currency: str, product: str, grade: str) -> LatenessUsed:
    """The narrowest group with enough; the widest with any; else on time."""
    levels = ("product and grade", "product", "currency")
    for level, group in zip(levels, _groups(currency, product, grade), strict=True):
        known = seen.get(group)
        if known is None or known.installments < (ENOUGH if level != "currency" else 1):
            continue
        curve = lateness_curve(known.paid, known.left)
        if curve is not None:
            return LatenessUsed(currency, product, grade, level, known.installments, curve)
    return LatenessUsed(currency, product, grade, "none", 0, ON_TIME)
