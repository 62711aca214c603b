"""Contact points and opt-outs: what leaves the book's list of ways to reach somebody."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import Literal
from uuid import UUID

import psycopg

from duecourse.domain.messaging import Channel
from duecourse.privacy.keyring import Keyring
from duecourse.store.sql import load

from .identity import address_index

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
                "granted": state == "in",
                "evidence": evidence,
                "effective_at": now,
                "lane": lane,
                "borrower_id": borrower_id,
            },
        ).fetchall()
