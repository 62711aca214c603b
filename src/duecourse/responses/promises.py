"""Promises to pay: kept, late, partly kept or broken by the payments, and judged again whenever these change."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

import psycopg
from psycopg.rows import class_row

from duecourse.book.wishes import Person
from duecourse.store.sql import load

from .acting import act
from .keeping import NobodyThereError, lock_person
from .once import Acting

SQL = load("responses/promises")


class PromiseState(StrEnum):
    """How a promise stands."""

    OPEN = "open"
    """Its day has not passed, or the payments of that day are not known yet."""
    KEPT = "kept"
    LATE = "late"
    """Paid whole, after the day following the one promised."""
    PARTIAL = "partial"
    """Something was paid in time, and not all."""
    BROKEN = "broken"
    WITHDRAWN = "withdrawn"
    """Taken back: read otherwise, or undone."""


@dataclass(frozen=True, slots=True)
class Promise:
    """A promise as it stands. amount_minor None: whatever is due by then. accepted: it paused. standing: it is the
    last.
    """

    response_id: UUID
    borrower_key: str
    loan: str | None
    said_on: date
    promised_on: date
    keep_by: date
    amount_minor: int | None
    currency: str
    paid_minor: int
    kept_on: date | None
    state: str
    accepted: bool
    standing: bool


def judge_promises(conn: psycopg.Connection, *, lanes: Sequence[int], as_of: date, now: datetime) -> int:
    """Hold promises against payments as they are known on `as_of` (the lender's date); of how many persons a promise is
    kept now that was not, or the other way: what follows from their answers is worked out again with it.

    conn: idle, or in autocommit; each such person is a transaction of its own. Running it again does nothing. Who was
    merged meanwhile with somebody of another shard is judged there, where the promise is now.
    """
    given = {"as_of": as_of, "now": now}
    with conn.transaction():
        turned = conn.execute(SQL["judge_promises"], {**given, "lanes": list(lanes), "whom": None}).fetchall()
    for lane, borrower_id in turned:
        with suppress(NobodyThereError), conn.transaction():
            standing = lock_person(conn, Person(lane, borrower_id))
            whom = {"lanes": [standing.person.lane], "whom": standing.person.borrower_id}
            conn.execute(SQL["judge_promises"], {**given, **whom})
            act(conn, Acting(standing.person, standing.zone, now))
    return len(turned)


def list_promises(
    conn: psycopg.Connection,
    *,
    from_on: date | None = None,
    to_on: date | None = None,
    state: PromiseState | None = None,
    take: int = 1000,
) -> list[Promise]:
    """Promises for a span of days, by day; withdrawn ones only when asked for."""
    given = {"from_on": from_on, "to_on": to_on, "state": state.value if state else None, "take": take}
    with conn.cursor(row_factory=class_row(Promise)) as cursor:
        return cursor.execute(SQL["list_promises"], given).fetchall()
