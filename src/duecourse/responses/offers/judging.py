"""What becomes of arrangements by payments and by the lender's file, worked out whenever lanes are planned."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime

import psycopg

from .stating import stands


def judge_arrangements(
    conn: psycopg.Connection, *, lanes: Sequence[int], as_of: date, now: datetime
) -> Counter[str]:
    """Note which arrangements are completed, broken, or overruled by the lender's file; how many of each.

    conn: idle, or in autocommit. as_of: the lender's date. What is broken or overruled stays so: who pays after all
    asks for something new. Running it again does nothing.
    """
    with conn.transaction():
        rows = conn.execute(
            stands("judge_arrangements", "of_lanes"), {"lanes": list(lanes), "as_of": as_of, "now": now}
        ).fetchall()
    return Counter(event for (event,) in rows)
