"""Contact points and opt-outs: what leaves the book's list of ways to reach somebody, and what is seen to be right."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Literal
from uuid import UUID

import psycopg
from psycopg.rows import dict_row

from duecourse.domain.messaging import Channel
from duecourse.privacy.keyring import Keyring
from duecourse.store.sql import load

from .identity import address_index
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


def record_opt_out(
    conn: psycopg.Connection,
    keyring: Keyring,
    *,
    now: datetime,
    evidence: str,
    address: tuple[Channel, str] | None = None,
    borrower: tuple[int, UUID] | None = None,
    channel: Channel | None = None,
    purpose: str | None = None,
    state: Literal["out", "in"] = "out",
) -> list[tuple[int, UUID]]:
    """Append an opt-out (or its withdrawal, 'in'); answers the borrowers (lane, id) for whom it was appended.

    address: appended for every borrower who holds it; or borrower: for that one alone. Exactly one is given.
    channel: None is all channels. purpose: None is all purposes. evidence: what was said, without personal data.
    The same word given twice appends once. An address that nobody holds appends nothing.
    """
    if (address is None) == (borrower is None):
        raise ValueError("give an address or a borrower")
    index = address_index(keyring, *address) if address is not None else None
    lane, borrower_id = borrower if borrower is not None else (None, None)
    word = (channel, purpose, state, evidence, now.isoformat(), index)
    with conn.transaction():
        return conn.execute(
            SQL["record_opt_out"],
            {
                "fingerprint": sha256(repr(word).encode()).digest(),
                "channel": channel.value if channel is not None else None,
                "address_index": index,
                "purpose": purpose,
                "state": state,
                "evidence": evidence,
                "effective_at": now,
                "lane": lane,
                "borrower_id": borrower_id,
            },
        ).fetchall()
