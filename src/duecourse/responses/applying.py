"""Replies that providers brought are followed: whose they are, what they mean, what comes of it. Once each.

A reply waits from the transaction that keeps it until the one that follows it. Several processes may do this at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

import psycopg
import structlog
from psycopg.rows import dict_row

from duecourse.book.wishes import EVERY_LANE, Person
from duecourse.domain.messaging import Channel
from duecourse.domain.problems import DuecourseError
from duecourse.privacy.keyring import Keyring
from duecourse.privacy.sealing import open_value
from duecourse.store.sql import load

from .intents import Intent
from .keeping import request_for
from .recording import PLAIN, Heard, Room, record_response

SQL = load("responses/applying")
log = structlog.get_logger("duecourse.responses")

TAKE: Final = 200
"""Replies looked up in one statement."""
_MEANT: Final = {"stop": (Intent.STOP,), "call-me": (Intent.CALL_ME,)}
"""What was done when the reply was taken in, by its meaning."""
_NO_ANSWER: Final = frozenset({"heard", "pay-link", "subscribed"})
"""Meanings that ask for nothing more: a notice was heard, a link was sent, a channel allowed."""


@dataclass(frozen=True, slots=True)
class Applied:
    """What a turn did. failed: could not be opened; kept for a person."""

    replies: int = 0
    failed: int = 0


def replies_wait(conn: psycopg.Connection) -> bool:
    """Whether any reply waits to be followed."""
    with conn.transaction():
        row = conn.execute(SQL["any_waiting"]).fetchone()
    return bool(row and row[0])


def apply_replies(
    conn: psycopg.Connection, keyring: Keyring, *, now: datetime, room: Room = PLAIN, take: int = TAKE
) -> Applied:
    """Follow the replies that wait, at most `take`; how many this process followed.

    conn: idle, or in autocommit; each reply is a transaction of its own. now: when we come to know; an answer counts
    from when it was received.
    """
    with conn.transaction(), conn.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(SQL["waiting_replies"], {"lanes": EVERY_LANE, "take": take}).fetchall()
    followed = failed = 0
    for row in rows:
        try:
            followed += _follow(conn, keyring, row, now, room)
        except (DuecourseError, ValueError) as error:
            failed += _keep_for_a_person(conn, keyring, row, now, room)
            log.error("a reply could not be followed", reply=str(row["reply_id"]), error=type(error).__name__)
    return Applied(followed, failed)


def _follow(
    conn: psycopg.Connection, keyring: Keyring, row: dict[str, Any], now: datetime, room: Room
) -> bool:
    """Whether it was there to be followed: another process may have been first."""
    with conn.transaction():
        if not conn.execute(SQL["take_away"], row).fetchone():
            return False
        for heard in _heard(keyring, row, room):
            record_response(conn, keyring, heard, now=now, room=room)
    return True


def _keep_for_a_person(
    conn: psycopg.Connection, keyring: Keyring, row: dict[str, Any], now: datetime, room: Room
) -> bool:
    heard = replace(_unknown(row, ""), intents=(Intent.UNCLEAR,), waits="unreadable")
    with conn.transaction():
        if not conn.execute(SQL["take_away"], row).fetchone():
            return False
        record_response(conn, keyring, heard, now=now, room=room)
    return True


def _heard(keyring: Keyring, row: dict[str, Any], room: Room) -> Iterator[Heard]:
    """What a reply says, of each person it is of."""
    if row["meaning"] in _NO_ANSWER:
        return
    sealed = row["text_sealed"]
    text = open_value(keyring, bytes(sealed), "reply", "text", row["reply_id"]) if sealed else ""
    intents = _MEANT.get(row["meaning"], ())
    nobody = replace(_unknown(row, text), intents=intents, acted=bool(intents))
    holders = [Person(lane, UUID(borrower_id)) for lane, borrower_id in row["holders"]]
    if row["borrower_id"] is not None:
        yield replace(
            nobody,
            person=Person(row["attempt_lane"], row["borrower_id"]),
            message_id=row["message_id"],
            attempt_id=row["attempt_id"],
        )
    elif len(holders) == 1:
        yield replace(nobody, person=holders[0])
    elif holders:
        yield from _shared(row, nobody, holders, room)
    else:
        yield nobody


def _shared(row: dict[str, Any], nobody: Heard, holders: list[Person], room: Room) -> Iterator[Heard]:
    """Of several people who share an address: a stop is of all of them, the rest a person decides."""
    intents = nobody.intents
    if not intents:
        today = row["received_at"].astimezone(ZoneInfo("UTC")).date()
        intents = room.understand(
            nobody.text, today=today, currency="", channel=nobody.channel, languages=None, region=""
        ).intents
    if Intent.STOP in intents:
        for person in holders:
            request_id = request_for(nobody.request_id, person)
            yield replace(nobody, person=person, request_id=request_id, intents=(Intent.STOP,))
    if set(intents) != {Intent.STOP}:
        yield replace(nobody, waits="shared-address")


def _unknown(row: dict[str, Any], text: str) -> Heard:
    index = row["address_index"]
    return Heard(
        person=None,
        source="reply",
        request_id=row["reply_id"],
        channel=Channel(row["channel"]),
        text=text,
        address_index=bytes(index) if index else None,
        said_at=row["received_at"],
    )
