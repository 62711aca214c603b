"""Asking a service how the book's numbers stand: what lives is verified, what is dead retires."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

import psycopg

from duecourse.book.contact_points import contact_points_due, retire_contact_points, verify_contact_points
from duecourse.domain.messaging import Channel
from duecourse.privacy.keyring import Keyring
from duecourse.privacy.sealing import open_many

HOW = "number-check"
DEAD = "a number check found no such number"


def check_numbers(
    conn: psycopg.Connection,
    keyring: Keyring,
    ask: Callable[[Sequence[str]], Sequence[str]],
    *,
    batch: int,
    days: int,
    failures: int,
    take: int | None,
    by: str,
    now: datetime,
    dry_run: bool = False,
) -> Counter[str]:
    """Ask for every phone number that is due for verification (see contact_points_due), so many at once; answers how
    many stand how: active, dead, off, suspended, unknown. Commits after each batch.

    ask: numbers in E.164 to words. Active numbers are verified, dead ones retired; the others stay as they are and due.
    dry_run: numbers are asked for and nothing is changed.
    """
    due = [
        one
        for one in contact_points_due(conn, now=now, days=days, failures=failures, take=take)
        if one["channel"] in (Channel.SMS, Channel.VOICE)
    ]
    conn.rollback()
    found: Counter[str] = Counter()
    for start in range(0, len(due), batch):
        some = due[start : start + batch]
        ids = [one["contact_point_id"] for one in some]
        numbers = open_many(keyring, [one["address_sealed"] for one in some], "contact_point", "address", ids)
        words = ask(numbers)
        found.update(words)
        if not dry_run:
            points = [
                (one["lane"], one["contact_point_id"], word) for one, word in zip(some, words, strict=True)
            ]
            with conn.transaction():
                _apply(conn, points, by, now)
    return found


def _apply(conn: psycopg.Connection, points: Sequence[tuple[int, UUID, str]], by: str, now: datetime) -> None:
    active = [(lane, point) for lane, point, word in points if word == "active"]
    dead = [(lane, point) for lane, point, word in points if word == "dead"]
    if active:
        verify_contact_points(conn, active, how=HOW, by=by, now=now)
    if dead:
        retire_contact_points(conn, dead, reason=DEAD, now=now)
