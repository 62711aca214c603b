"""Links as staff see them: handed over at the counter, looked at, and taken back."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import dict_row

from duecourse.dispatch.links import CODES, code_hash
from duecourse.privacy.keyring import Keyring

from .links import SQL


def make_link(
    conn: psycopg.Connection,
    keyring: Keyring,
    lane: int,
    borrower_id: UUID,
    *,
    language: str,
    days: int,
    by: str,
    now: datetime,
) -> tuple[str, datetime]:
    """A code for a borrower who stands at the counter, and until when it holds. Told once: only its hash is kept.

    In the caller's transaction.
    """
    until = now + timedelta(days=days)
    while True:
        code = "".join(secrets.choice(CODES.alphabet) for _ in range(CODES.length))
        hashed = code_hash(keyring, code)
        given = {
            "lane": hashed[0],
            "code_hash": hashed,
            "owner_lane": lane,
            "owner_id": borrower_id,
            "language": language,
            "by": by,
            "now": now,
            "expires_at": until,
        }
        if conn.execute(SQL["make_link"], given).fetchone():
            return code, until


def revoke_link(conn: psycopg.Connection, hashed: bytes, *, by: str, why: str, now: datetime) -> bool:
    """Take a link back, and end the visits it began; whether it still was to be taken back."""
    given = {"lane": hashed[0], "code_hash": hashed, "by": by, "why": why, "now": now}
    return conn.execute(SQL["revoke_link"], given).rowcount > 0


def revoke_links_of(conn: psycopg.Connection, borrower_id: UUID, *, by: str, why: str, now: datetime) -> int:
    """Take back every link of a person that holds; answers how many."""
    given = {"owners": names_of(conn, borrower_id), "by": by, "why": why, "now": now}
    return conn.execute(SQL["revoke_links_of"], given).rowcount


def links_of(conn: psycopg.Connection, borrower_id: UUID, *, take: int) -> list[dict[str, Any]]:
    """A person's links, the latest first; no code is in it."""
    with conn.cursor(row_factory=dict_row) as cursor:
        given = {"owners": names_of(conn, borrower_id), "take": take}
        return cursor.execute(SQL["links_of"], given).fetchall()


def link_facts(conn: psycopg.Connection, hashed: bytes) -> dict[str, Any] | None:
    """What is known of one link; None when nobody was sent its code."""
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(SQL["link_facts"], {"lane": hashed[0], "code_hash": hashed}).fetchone()


def clicks_of_link(conn: psycopg.Connection, hashed: bytes) -> list[dict[str, Any]]:
    """When one link was opened, and by what, in order."""
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(SQL["clicks_of_link"], {"lane": hashed[0], "code_hash": hashed}).fetchall()


def openings_of(conn: psycopg.Connection, borrower_id: UUID) -> list[dict[str, Any]]:
    """Rows for a person's timeline: each time a link of theirs was opened, and each visit that began."""
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(SQL["openings_of"], {"owners": names_of(conn, borrower_id)}).fetchall()


def names_of(conn: psycopg.Connection, borrower_id: UUID) -> list[UUID]:
    """A person's id, and those of the records that were merged into theirs."""
    names, fresh = [borrower_id], [borrower_id]
    while fresh:
        rows = conn.execute(SQL["merged_into"], {"owners": fresh}).fetchall()
        fresh = [row[0] for row in rows if row[0] not in names]
        names += fresh
    return names
