"""Contact points: what leaves the book's list of ways to reach somebody."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import psycopg

from duecourse.store.sql import load

SQL = load("book")


def retire_contact_points(
    conn: psycopg.Connection, points: Sequence[tuple[int, UUID]], *, reason: str, now: datetime
) -> int:
    """Retire contact points, given as (lane, id), with history; answers how many were still active.

    An import brings none of them back: only 'replaced', which an import itself sets, gives way to the file.
    Runs in the caller's transaction when there is one.
    """
    given = {
        "lanes": [lane for lane, _ in points],
        "ids": [point for _, point in points],
        "reason": reason,
        "now": now,
    }
    with conn.transaction():
        conn.execute(SQL["keep_contact_points"], given)
        return conn.execute(SQL["retire_contact_points"], given).rowcount
