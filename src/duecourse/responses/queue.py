"""The persons' queue: which answers wait, the gravest first; one answer in full, with who looked at it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import psycopg
from psycopg.rows import dict_row

from duecourse.privacy.keyring import Keyring
from duecourse.privacy.sealing import open_value
from duecourse.store.sql import load

from .correcting import Place, lock_response
from .intents import GRAVE, Intent
from .keeping import append_event

SQL = load("responses/queue")

GRAVEST_FIRST: Final[Sequence[str]] = [
    Intent.DISTRESS.value,
    *(one.value for one in Intent if one in GRAVE and one is not Intent.DISTRESS),
]


def list_responses(
    conn: psycopg.Connection,
    *,
    open_only: bool = False,
    intent: Intent | None = None,
    borrower_id: UUID | None = None,
    take: int = 200,
) -> list[dict[str, Any]]:
    """Answers without their words. open_only: those that wait for a person, the gravest first and then who waits
    longest; else the latest first.
    """
    given = {
        "intent": intent.value if intent else None,
        "borrower_id": borrower_id,
        "grave": GRAVEST_FIRST,
        "take": take,
    }
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(SQL["open_responses" if open_only else "list_responses"], given).fetchall()


def show_response(
    conn: psycopg.Connection, keyring: Keyring, place: Place, *, by: str, now: datetime
) -> dict[str, Any]:
    """One answer with its words, readings, what followed and who did what. That `by` looked is noted, in the caller's
    transaction.
    """
    place = lock_response(conn, place)
    given = {"lane": place.lane, "response_id": place.response_id}
    with conn.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(SQL["one_response"], given).fetchone()
        assert row is not None
        readings = cursor.execute(SQL["readings_of"], given).fetchall()
        effects = cursor.execute(SQL["followed_by"], given).fetchall()
        events = cursor.execute(SQL["events_of"], given).fetchall()
    sealed = row.pop("text_sealed")
    row["text"] = open_value(keyring, bytes(sealed), "response", "text", place.response_id) if sealed else ""
    for event in events:
        note = event.pop("note_sealed")
        event["note"] = (
            open_value(keyring, bytes(note), "response_event", "note", place.response_id) if note else ""
        )
    here = {"lane": place.lane, "borrower_id": place.borrower_id}
    append_event(conn, here, place.response_id, "looked", by=by, now=now)
    return {**row, "readings": readings, "effects": effects, "events": events}


def answer_timeline(conn: psycopg.Connection, lane: int, borrower_id: UUID) -> list[dict[str, Any]]:
    """A person's answers and what followed, as the rows of a timeline, in order."""
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(SQL["answer_timeline"], {"lane": lane, "borrower_id": borrower_id}).fetchall()


def count_waiting(conn: psycopg.Connection) -> dict[str, Any]:
    """How many answers wait, how many of them grave, and since when the oldest: waiting, grave, since."""
    with conn.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(SQL["count_waiting"], {"grave": GRAVEST_FIRST}).fetchone()
    assert row is not None
    return row
