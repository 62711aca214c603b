"""The stop: halts all that is not handed over, or what one step, channel or purpose would say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

import psycopg

from duecourse.store.sql import load

SQL = load("dispatch")


@dataclass(frozen=True, slots=True)
class Stop:
    """A stop in force. None in step, channel and purpose means all of them."""

    stop_id: UUID
    step: str | None
    channel: str | None
    purpose: str | None
    reason: str
    stopped_by: str
    stopped_at: datetime


def stop_sending(
    conn: psycopg.Connection,
    *,
    step: str | None = None,
    channel: str | None = None,
    purpose: str | None = None,
    reason: str,
    by: str,
    now: datetime,
) -> UUID:
    """Put a stop in force and commit it. From then on no claim lets such a message go, on any worker."""
    stop_id = uuid4()
    with conn.transaction():
        conn.execute(
            SQL["put_stop"],
            {
                "stop_id": stop_id,
                "step": step,
                "channel": channel,
                "purpose": purpose,
                "reason": reason,
                "by": by,
                "now": now,
            },
        )
    return stop_id


def resume_sending(
    conn: psycopg.Connection,
    *,
    step: str | None = None,
    channel: str | None = None,
    purpose: str | None = None,
    by: str,
    now: datetime,
) -> int:
    """Lift the stops of exactly this scope; without any scope, all of them. Returns how many were lifted."""
    with conn.transaction():
        rows = conn.execute(
            SQL["lift_stops"],
            {
                "step": step,
                "channel": channel,
                "purpose": purpose,
                "everything": step is None and channel is None and purpose is None,
                "by": by,
                "now": now,
            },
        ).fetchall()
    return len(rows)


def stops_in_force(conn: psycopg.Connection) -> Sequence[Stop]:
    """Every stop in force, the oldest first."""
    return [Stop(*row) for row in conn.execute(SQL["stops_in_force"])]
