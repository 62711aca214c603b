"""Links as staff see them: handed over at the counter, looked at, and taken back."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Set
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import dict_row

from duecourse.dispatch.links import CODES, code_hash
from duecourse.privacy.keyring import Keyring

from .links import SQL, LinkRefusal, addresses_of, owner_now, refusal_of


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


def links_of(
    conn: psycopg.Connection, lane: int, borrower_id: UUID, *, take: int, now: datetime
) -> list[dict[str, Any]]:
    """A person's links, the latest first, each with its `state`; no code is in it."""
    theirs = addresses_of(conn, lane, borrower_id)
    given = {"owners": names_of(conn, borrower_id), "take": take}
    return [_with_state(row, theirs, now) for row in _rows(conn, "links_of", given)]


def link_facts(conn: psycopg.Connection, hashed: bytes, *, now: datetime) -> dict[str, Any] | None:
    """What is known of one link, as it stands now, with the customer key and the contact point (`contact_point_id`,
    `address_sealed`) of whoever has it since merges; None when nobody was sent its code.
    """
    found = _rows(conn, "link_facts", {"lane": hashed[0], "code_hash": hashed})
    if not found:
        return None
    (row,) = found
    place = owner_now(conn, row.pop("owner_lane"), row["owner_id"])
    point, customer, sealed = row["contact_point_id"], None, None
    if place is not None:
        given = {"lane": place[0], "borrower_id": place[1], "point": point}
        customer, sealed = conn.execute(SQL["sent_to"], given).fetchone() or (None, None)
    theirs = addresses_of(conn, *place) if place else frozenset[UUID]()
    return {
        "customer": customer,
        **_with_state(row, theirs, now),
        "contact_point_id": point,
        "address_sealed": sealed,
    }


def _with_state(row: dict[str, Any], theirs: Set[UUID], now: datetime) -> dict[str, Any]:
    """A link's row with how it stands in the place of what that follows from: open, expired, revoked, or retired: where
    it was sent is theirs no more.
    """
    owner_id, point = row.pop("owner_id"), row.pop("contact_point_id")
    refusal = refusal_of(point, owner_id, row["expires_at"], row["revoked_at"], theirs, now=now)
    if refusal is LinkRefusal.REVOKED and row["revoked_at"] is None:
        return {**row, "state": "retired"}
    return {**row, "state": refusal.value if refusal else "open"}


def clicks_of_link(conn: psycopg.Connection, hashed: bytes) -> list[dict[str, Any]]:
    """When one link was opened, and by what, in order."""
    return _rows(conn, "clicks_of_link", {"lane": hashed[0], "code_hash": hashed})


def openings_of(conn: psycopg.Connection, borrower_id: UUID) -> list[dict[str, Any]]:
    """Rows for a person's timeline: each time a link of theirs was opened, and each visit that began."""
    links = _rows(conn, "names_of_links", {"owners": names_of(conn, borrower_id)})
    given = {
        "lanes": [link["lane"] for link in links],
        "hashes": [link["code_hash"] for link in links],
        "channels": [link["channel"] for link in links],
    }
    return _rows(conn, "openings_of", given)


def _rows(conn: psycopg.Connection, name: str, given: Mapping[str, Any]) -> list[dict[str, Any]]:
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(SQL[name], given).fetchall()


def names_of(conn: psycopg.Connection, borrower_id: UUID) -> list[UUID]:
    """A person's id, and those of the records that were merged into theirs."""
    names, fresh = [borrower_id], [borrower_id]
    while fresh:
        rows = conn.execute(SQL["merged_into"], {"owners": fresh}).fetchall()
        fresh = [row[0] for row in rows if row[0] not in names]
        names += fresh
    return names
