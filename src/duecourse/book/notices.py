"""Notices that a law asks for before something else or on a schedule, and when they were served.

Our own are entered when their message is served; here go those that a letter or an agency served.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import psycopg
from psycopg.rows import class_row

from .wishes import EVERY_LANE, SQL, Person, Said


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice that was served. loan: the lender's contract key, None for every debt; ours: by a message of ours."""

    kind: str
    loan: str | None
    served_at: datetime
    evidence: str
    ours: bool
    recorded_by: str
    recorded_at: datetime


def record_notice(
    conn: psycopg.Connection, person: Person, kind: str, *, said: Said, loan_id: UUID | None = None
) -> bool:
    """Enter that a notice (rules.model.Notice) was served at `said.at`; whether it is new."""
    with conn.transaction():
        row = conn.execute(
            SQL["record_notice"],
            {
                "lanes": EVERY_LANE,
                "borrower_id": person.borrower_id,
                "loan_id": loan_id,
                "kind": kind,
                **said.noted,
            },
        ).fetchone()
    return row is not None


def notices_of(conn: psycopg.Connection, person: Person, *, at: datetime) -> list[Notice]:
    """Every notice served by `at`, the oldest first."""
    with conn.cursor(row_factory=class_row(Notice)) as cursor:
        return cursor.execute(
            SQL["notices_of"], {"lane": person.lane, "borrower_id": person.borrower_id, "at": at}
        ).fetchall()
