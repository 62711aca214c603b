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

from duecourse.domain.calendars import Shift, shift_day
from duecourse.store.sql import load

SQL = load("book/days")

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
    return _shift(conn, "provisional_in_lanes", given, keep=True)


def provisional_days(conn: psycopg.Connection, from_on: date) -> list[Provisional]:
    """What still waits for a calendar, by region."""
    rows = conn.execute(SQL["provisional_days"], {"from_on": from_on}).fetchall()
    return [Provisional(*row) for row in rows]


def _shift(conn: psycopg.Connection, whose: str, given: Mapping[str, Any], *, keep: bool) -> int:
    """Each day of the contract is looked up once per region and shift, however many loans have it."""

    def statement(name: str) -> sql.Composed:
        return sql.SQL(SQL[name]).format(whose=sql.SQL(SQL[whose]))

    wanted = conn.execute(statement("days_to_shift"), given).fetchall()
    if not wanted:
        return 0
    found = [shift_day(contract_on, Shift(shift), region) for region, shift, contract_on in wanted]
    shifted = {
        **given,
        "regions": [row[0] for row in wanted],
        "shifts": [row[1] for row in wanted],
        "contract_days": [row[2] for row in wanted],
        "days": [one.day for one in found],
        "provisional": [one.provisional for one in found],
    }
    if keep:
        conn.execute(statement("keep_shifted"), shifted)
    return conn.execute(statement("shift_days"), shifted).rowcount
