"""The book's own clock: what time it is for whoever looks at what the book says."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import psycopg

from duecourse.store.migrate import get_setting


def book_clock(zone: ZoneInfo, *, simulated: bool) -> Callable[[psycopg.Connection], datetime]:
    """The database's clock; of a simulated book whose days were replayed, the end of the last one.

    zone: the lender's.
    """

    def now(conn: psycopg.Connection) -> datetime:
        if simulated and (replayed := get_setting(conn, "replayed_through")):
            over = datetime.fromisoformat(str(replayed)).date() + timedelta(days=1)
            return datetime.combine(over, time(), zone) - timedelta(microseconds=1)
        row = conn.execute("SELECT clock_timestamp()").fetchone()
        assert row is not None
        return row[0]  # type: ignore[no-any-return]

    return now
