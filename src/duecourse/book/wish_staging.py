"""The wishes of a batch of an import: staged beside the book's records, checked with them, written after them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

import psycopg

from duecourse.store.sql import load

from .records import WishRecord

SQL = load("book/wishes")

SAID = {"B110": "the loan is another's, and the borrower does not answer for it"}
"""As staging.SAID."""


class WishStaging:
    """Consents, holds and preferences of one import on one connection; `Staging` calls each step in its turn."""

    def __init__(self, conn: psycopg.Connection) -> None:
        self._conn = conn
        self._any = False
        conn.execute(SQL["create_wish_staging"])

    def load(self, wishes: Sequence[WishRecord]) -> None:
        """Fill the staging table."""
        self._any = bool(wishes)
        self._conn.execute(SQL["clear_wishes"])
        if self._any:
            with self._conn.cursor() as cursor, cursor.copy(SQL["copy_wishes"]) as copy:
                for wish in wishes:
                    copy.write_row(wish)
            self._conn.execute(SQL["analyze_wishes"])

    def find(self) -> None:
        """What the book knows of the keys and loans."""
        if self._any:
            self._conn.execute(SQL["find_wish_keys"])
            self._conn.execute(SQL["find_wish_loans"])

    def check(self) -> int:
        """Note bad rows; how many are newly bad."""
        return self._conn.execute(SQL["check_wishes"]).rowcount if self._any else 0

    def drop_bad(self) -> None:
        """Take the wishes of refused rows out of the batch."""
        if self._any:
            self._conn.execute(SQL["drop_bad_wishes"])

    def write(self, *, by: str, now: datetime, counts: Counter[str]) -> None:
        """Write what is new, and count it. The batch's borrowers, contact points and loans are written by now."""
        conn, when = self._conn, {"by": by, "now": now}
        conn.execute(SQL["carry_stops"], when)
        if not self._any:
            return
        conn.execute(SQL["place_wishes"])
        conn.execute(SQL["spread_stops"])
        conn.execute(SQL["suppress_unheld"], when)
        conn.execute(SQL["forget_unplaced"])
        conn.execute(SQL["spread_wishes"])
        conn.execute(SQL["time_wishes"])
        conn.execute(SQL["analyze_wishes"])
        asked: dict[str, int] = dict(conn.execute(SQL["count_wishes"]).fetchall())
        new = {"consent": conn.execute(SQL["write_consents"], when).rowcount}
        conn.execute(SQL["withdraw_narrower"], when)
        conn.execute(SQL["replace_holds"], when)
        new["hold"] = conn.execute(SQL["write_holds"], when).rowcount
        conn.execute(SQL["drop_old_preferences"])
        conn.execute(SQL["replace_preferences"], when)
        new["preference"] = conn.execute(SQL["write_preferences"], when).rowcount
        for target, count in asked.items():
            counts[f"{target}s new"] += new[target]
            counts[f"{target}s same"] += count - new[target]
