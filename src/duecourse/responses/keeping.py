"""Rows of answers: the person's lock, readings of an answer, and what was done with it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from hashlib import blake2b
from typing import Any, Final
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from duecourse.book.wishes import Person
from duecourse.policy.model import Responses
from duecourse.store.shards import centre_of
from duecourse.store.sql import load

from .intents import Understood

SQL = load("responses/recording")

US: Final = "duecourse"
"""Who does what follows by itself."""
_NEVER: Final = date(9999, 1, 1)
"""From this day on a day is none that anybody can promise: days are counted on from it, and the calendar ends."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A person whose row is locked until the transaction ends: where they live now, whatever merge came between."""

    person: Person
    zone: str
    language: str
    region: str


class NobodyThereError(ValueError):
    """No such person, or, in a session of a shard, one who was merged with somebody whose lane lies in another."""


def lock_person(conn: psycopg.Connection, person: Person) -> Standing:
    """Lock the row of a person, or of who took their place. Raises NobodyThereError when there is none."""
    centre_of(conn).execute(SQL["begin_with_holds"])  # where a merge has locked it
    lane, borrower_id = person.lane, person.borrower_id
    while True:
        row = conn.execute(SQL["lock_person"], {"lane": lane, "borrower_id": borrower_id}).fetchone()
        if row is None:
            raise NobodyThereError("no such person in the book")
        other_lane, other_id, elsewhere, zone, language, region = row
        if not elsewhere:
            return Standing(Person(lane, borrower_id), zone, language, region)
        lane, borrower_id = other_lane, other_id


def request_for(request_id: UUID, person: Person) -> UUID:
    """The request of one answer that is recorded for several people, as each of them has it."""
    return UUID(bytes=blake2b(request_id.bytes + person.borrower_id.bytes, digest_size=16).digest())


def append_reading(
    conn: psycopg.Connection,
    place: dict[str, Any],
    response_id: UUID,
    understood: Understood,
    terms: Responses,
    *,
    by: str,
    now: datetime,
    undone: bool = False,
) -> None:
    """The next reading of an answer. place: its lane and borrower_id."""
    day = understood.promised_on
    conn.execute(
        SQL["append_reading"],
        {
            **place,
            "response_id": response_id,
            "intents": [one.value for one in understood.intents],
            "confidence": round(understood.confidence, 3),
            "read_by": understood.by,
            "promised_on": day if day and day < _NEVER else None,
            "amount_minor": understood.amount_minor,
            "currency": understood.currency,
            "terms": Jsonb(terms.model_dump(mode="json")),
            "undone": undone,
            "by": by,
            "now": now,
        },
    )


def append_event(
    conn: psycopg.Connection,
    place: dict[str, Any],
    response_id: UUID,
    event: str,
    *,
    by: str,
    now: datetime,
    reason: str = "",
    note_sealed: bytes | None = None,
) -> None:
    """What somebody did with an answer, or that it waits for a person."""
    given = {"response_id": response_id, "event": event, "reason": reason, "note_sealed": note_sealed}
    conn.execute(SQL["lock_response"], {"lane": place["lane"], "response_id": response_id})
    conn.execute(SQL["append_event"], {**place, **given, "by": by, "now": now})
