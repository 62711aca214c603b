"""Payment feeds: through which day all payments of a creditor and source have come."""

from __future__ import annotations

from datetime import date

import psycopg

from duecourse.store.sql import load

SQL = load("book")


def complete_feed(conn: psycopg.Connection, *, creditor: str, source: str, complete_through: date) -> date:
    """Record that the payments of this source are complete through a day; answers the latest day that was said."""
    given = {"creditor": creditor, "source": source, "complete_through": complete_through}
    with conn.transaction():
        conn.execute(SQL["record_feed"], given)
        row = conn.execute(SQL["feed"], given).fetchone()
    assert row is not None
    return row[0]  # type: ignore[no-any-return]
