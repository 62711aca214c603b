"""The states of a message and of an attempt, and every step between them that there is.

`docs/explanation/how-a-message-lives.md` shows the same as a table. The model in the tests takes these steps and no
other, and every pair of neighbours in a history must be one of them, whatever was killed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import psycopg

MESSAGE: Final = frozenset(
    {
        ("", "planned"),  # made by planning
        ("planned", "planned"),  # judged again: another rule or reason; or joined by an item
        ("planned", "in_flight"),  # claimed
        (
            "in_flight",
            "planned",
        ),  # released, refused or unknown: again, or the next address or channel; or late
        ("in_flight", "in_flight"),  # its attempt was sent or is unknown: it waits for receipts
        *(("in_flight", end) for end in ("sent", "delivered", "read", "failed", "unknown")),
        *(("planned", end) for end in ("sent", "delivered", "read", "failed", "unknown", "expired")),
        ("planned", "withdrawn"),  # what it was planned for is gone
        ("withdrawn", "planned"),  # and is there again
        # A receipt that comes after the end corrects it.
        *((end, "delivered") for end in ("sent", "unknown", "failed")),
        *((end, "read") for end in ("sent", "unknown", "failed", "delivered")),
        *((end, "failed") for end in ("sent", "unknown")),
    }
)
ATTEMPT: Final = frozenset(
    {
        ("", "claimed"),
        *(("claimed", answer) for answer in ("sent", "refused", "released", "unknown")),
        ("unknown", "claimed"),  # handed over again under its id, where the provider drops a second
        *(("sent", heard) for heard in ("delivered", "read", "refused")),
        *(("unknown", heard) for heard in ("delivered", "read", "refused")),
        ("delivered", "read"),
        # A receipt of failure that was wrong.
        *(("refused", heard) for heard in ("delivered", "read")),
        # Its text is erased when the law says so.
        *((end, end) for end in ("sent", "delivered", "read", "refused", "released", "unknown")),
    }
)
STEPS: Final = {"message": MESSAGE, "attempt": ATTEMPT}


def steps_taken(conn: psycopg.Connection) -> set[tuple[str, str, str]]:
    """Every (subject, from, to) that is in the history of a database; from '' where it begins."""
    rows = conn.execute(
        """SELECT DISTINCT subject, coalesce(lag(state) OVER (PARTITION BY lane, subject_id ORDER BY version), ''),
                  state
           FROM history WHERE subject IN ('message', 'attempt')"""
    ).fetchall()
    return {(row[0], row[1], row[2]) for row in rows}


def strange(taken: Iterable[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    """Those that there are not."""
    return sorted(step for step in taken if step[1:] not in STEPS[step[0]])
