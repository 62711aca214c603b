"""Due days shifted off holidays, on the calendar of the borrower's region.

The contract's day is kept beside the shifted one. Where no calendar covers the year the contract's day stands,
marked provisional, until the dates are computed again with a newer calendar.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any, NamedTuple

import psycopg
from psycopg import sql

from duecourse.domain.calendars import Shift, ShiftedDay, shift_day
from duecourse.store.shards import centre_of
from duecourse.store.sql import load

SQL = load("book/days")
LOCK_BOOK = load("book/importing")["lock_book"]

LANES_AT_ONCE = 32
AHEAD_DAYS = 62


class Provisional(NamedTuple):
    """Installments of a region that wait for a calendar, from first_on on."""

    region: str
    installments: int
    first_on: date


def shift_batch(conn: psycopg.Connection) -> int:
    """Shift the due days of the loans an import's batch made or changed; answers how many moved.

    Part of the import's transaction; the old rows of what changed are in book_history already.
    """
    row = conn.execute(SQL["shifts_anything"]).fetchone()
    if row is None or not row[0]:
        return 0
    return _shift(conn, "in_batch", {}, keep=False)


def shift_loan(conn: psycopg.Connection, lane: int, loan_id: object, from_on: date) -> int:
    """Shift the due days of one loan from a day on, after they were moved; answers how many changed."""
    return _shift(conn, "of_loan", {"lane": lane, "loan_id": loan_id, "from_on": from_on}, keep=False)


def recompute_days(conn: psycopg.Connection, *, from_on: date, lanes: Sequence[int] = range(256)) -> int:
    """Shift every due day from from_on on again, with the calendars there are now; answers how many changed.

    Commits every LANES_AT_ONCE lanes. Twice changes nothing the second time; what has fallen due before stands.
    """
    changed = 0
    every = list(lanes)
    for start in range(0, len(every), LANES_AT_ONCE):
        with conn.transaction():
            given = {"lanes": every[start : start + LANES_AT_ONCE], "from_on": from_on}
            changed += _shift(conn, "in_lanes", given, keep=True)
    return changed


def settle_provisional_days(conn: psycopg.Connection, *, from_on: date, lanes: Sequence[int]) -> int:
    """Shift what is provisional and due within AHEAD_DAYS, where a calendar has come since; answers how many changed.

    In the caller's transaction: planning does it before it plans, so that no message speaks of a provisional day
    whose calendar is there.
    """
    given = {"lanes": list(lanes), "from_on": from_on, "to_on": from_on + timedelta(AHEAD_DAYS)}
    return _shift(conn, "provisional_in_lanes", given, keep=True, final_only=True)


def provisional_days(conn: psycopg.Connection, from_on: date) -> list[Provisional]:
    """What still waits for a calendar, by region."""
    rows = conn.execute(SQL["provisional_days"], {"from_on": from_on}).fetchall()
    return [Provisional(*row) for row in rows]


def _shift(
    conn: psycopg.Connection, whose: str, given: Mapping[str, Any], *, keep: bool, final_only: bool = False
) -> int:
    """Each day of the contract is looked up once per region and shift, however many loans have it.

    final_only: leave alone what would still be provisional.
    """
    if not _shifted_days(conn, whose, given, final_only=final_only):
        return 0
    # An import that has begun may be about to change these days: wait for it, and look again. It holds the book's
    # lock at the coordinator: there a session of a shard asks for it.
    centre_of(conn).execute(LOCK_BOOK)
    days = _shifted_days(conn, whose, given, final_only=final_only)
    shifted = {
        **given,
        "regions": [region for region, _, _, _ in days],
        "shifts": [shift for _, shift, _, _ in days],
        "contract_days": [contract_on for _, _, contract_on, _ in days],
        "days": [found.day for _, _, _, found in days],
        "provisional": [found.provisional for _, _, _, found in days],
    }
    if keep:
        conn.execute(_statement("keep_shifted", whose), shifted)
    return conn.execute(_statement("shift_days", whose), shifted).rowcount


def _shifted_days(
    conn: psycopg.Connection, whose: str, given: Mapping[str, Any], *, final_only: bool
) -> list[tuple[str, str, date, ShiftedDay]]:
    """Region, shift and contract's day of each, with the day it is due."""
    found = [
        (region, shift, contract_on, shift_day(contract_on, Shift(shift), region))
        for region, shift, contract_on in conn.execute(_statement("days_to_shift", whose), given).fetchall()
    ]
    return [one for one in found if not (final_only and one[3].provisional)]


def _statement(name: str, whose: str) -> sql.Composed:
    return sql.SQL(SQL[name]).format(whose=sql.SQL(SQL[whose]))
