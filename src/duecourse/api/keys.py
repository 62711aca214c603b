"""Keys of the API: made once, shown once, kept as a keyed digest, limited to what they are for."""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Final

import psycopg
from psycopg.rows import class_row

from duecourse.domain.problems import DuecourseError, Problem
from duecourse.privacy.keyring import Keyring
from duecourse.store.sql import load

SQL = load("api")

_KEY: Final = re.compile(r"dck_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_NOBODY: Final = bytes(32)
NOTHING: Final = "Nothing was changed."


class Scope(StrEnum):
    """What a key may do."""

    PAYMENTS_WRITE = "payments:write"
    MESSAGES_READ = "messages:read"
    BORROWERS_READ = "borrowers:read"
    RESPONSES_READ = "responses:read"
    RESPONSES_WRITE = "responses:write"
    FEEDS_WRITE = "feeds:write"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key that holds now."""

    key_id: str
    name: str
    scopes: frozenset[Scope]


@dataclass(frozen=True, slots=True)
class KeyLine:
    """A key as it is listed. refusals: of the last 30 days."""

    key_id: str
    name: str
    scopes: list[str]
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    revoked_at: datetime | None
    revoked_by: str | None
    last_used_on: date | None
    expired: bool
    refusals: int


@dataclass(frozen=True, slots=True)
class _Found:
    key_id: str
    name: str
    digest: bytes
    scopes: list[str]
    first_today: bool


def add_key(
    conn: psycopg.Connection,
    keyring: Keyring,
    name: str,
    scopes: Collection[Scope],
    *,
    expires_at: datetime | None,
    by: str,
    now: datetime,
) -> str:
    """Make a key; returns it, for the only time.

    Raises DuecourseError D160 when the name is taken or no name, D162 when it would have expired already.
    """
    if not _NAME.fullmatch(name):
        found = "expected lower-case letters, digits and hyphens, at most 40"
        raise DuecourseError(Problem("D160", "NAME", found, NOTHING), exit_code=2)
    if expires_at is not None and expires_at <= now:
        raise DuecourseError(Problem("D162", "--expires", "that day has passed", NOTHING), exit_code=2)
    key_id, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    given = {
        "key_id": key_id,
        "name": name,
        "digest": _digest(keyring, key_id, secret),
        "scopes": sorted(scope.value for scope in scopes),
        "expires_at": expires_at,
        "by": by,
        "now": now,
    }
    with conn.transaction():
        if conn.execute(SQL["add_key"], given).fetchone() is None:
            taken = "there is, or was, a key of this name; names stand in the log and are not used again"
            raise DuecourseError(Problem("D160", "NAME", taken, NOTHING))
    return f"dck_{key_id}_{secret}"


def revoke_key(conn: psycopg.Connection, name: str, *, by: str, now: datetime) -> None:
    """Let a key hold no more, at once. Raises DuecourseError D161 when none of this name holds."""
    with conn.transaction():
        if conn.execute(SQL["revoke_key"], {"name": name, "by": by, "now": now}).fetchone() is None:
            raise DuecourseError(Problem("D161", "NAME", "no key of this name holds", NOTHING))


def list_keys(conn: psycopg.Connection) -> tuple[list[KeyLine], int]:
    """Every key, and how many requests of the last 30 days showed none of ours."""
    with conn.cursor(row_factory=class_row(KeyLine)) as cursor:
        keys = cursor.execute(SQL["keys"]).fetchall()
    row = conn.execute(SQL["nameless_refusals"]).fetchone()
    return keys, int(row[0]) if row else 0


def known_key(conn: psycopg.Connection, keyring: Keyring, shown: str) -> ApiKey | None:
    """The key that was shown, if it is one and holds; notes the day. A wrong secret takes as long as a right one."""
    match = _KEY.fullmatch(shown)
    if match is None:
        return None
    with conn.transaction(), conn.cursor(row_factory=class_row(_Found)) as cursor:
        found = cursor.execute(SQL["find_key"], {"key_id": match[1]}).fetchone()
        right = hmac.compare_digest(
            _digest(keyring, match[1], match[2]), bytes(found.digest) if found else _NOBODY
        )
        if found is None or not right:
            return None
        if found.first_today:
            cursor.execute(SQL["touch_key"], {"key_id": found.key_id})
    known = {scope.value for scope in Scope}
    return ApiKey(found.key_id, found.name, frozenset(Scope(word) for word in found.scopes if word in known))


def _digest(keyring: Keyring, key_id: str, secret: str) -> bytes:
    return keyring.index("api-key", f"{key_id}/{secret}")
