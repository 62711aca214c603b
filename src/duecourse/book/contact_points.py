"""Contact points: what leaves the book's list of ways to reach somebody, and what is seen to be right."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import dict_row

from duecourse.store.sql import load

from .parties import SQL as PARTIES

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


def verify_contact_point(
    conn: psycopg.Connection, point: tuple[int, UUID], *, how: str, by: str, now: datetime
) -> int:
    """Note that somebody saw a contact point, given as (lane, id), to reach its party; its row before goes to history.

    how: a word, nothing personal. Answers how many rows were active: one, and one for each presence of the party.
    """
    given = {"lanes": [point[0]], "ids": [point[1]], "how": how, "by": by, "now": now}
    with conn.transaction():
        conn.execute(SQL["keep_contact_points"], given)
        return conn.execute(PARTIES["verify_point"], given).rowcount


def contact_points_due(
    conn: psycopg.Connection, *, now: datetime, days: int, failures: int, take: int | None = None
) -> list[dict[str, Any]]:
    """Active contact points to be verified again, those that failed first, then the longest unseen.

    days: since they were last seen to be right; failures: refused attempts since then and since the last delivery.
    0 of either: never for that reason. take: at most so many.
    """
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            PARTIES["points_due"],
            {
                "seen_before": now - timedelta(days=days) if days else None,
                "failures": failures or None,
                "take": take,
            },
        ).fetchall()
