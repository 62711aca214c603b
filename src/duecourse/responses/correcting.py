"""What people do with answers: read them otherwise, take back what followed, say whose they are, close them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import dict_row

from duecourse.book.wishes import EVERY_LANE, Person
from duecourse.domain.messaging import Channel, Purpose
from duecourse.domain.problems import DuecourseError, Problem
from duecourse.policy.model import Responses
from duecourse.privacy.keyring import Keyring
from duecourse.privacy.sealing import open_value, seal_value

from .acting import act
from .intents import Intent, Understood
from .keeping import SQL, append_event, append_reading, lock_person, request_for
from .once import Acting
from .recording import PLAIN, Heard, Room, record_response

SHORTEST_ID = 6
"""Digits of an id that are enough to ask for it."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an answer stands. borrower_id: None while nobody knows whose it is."""

    lane: int
    response_id: UUID
    borrower_id: UUID | None


def find_response(conn: psycopg.Connection, text: str) -> Place:
    """The answer of an id or of its first six digits or more. Raises DuecourseError D190 (none), D191 (several)."""
    digits = text.replace("-", "").lower()
    problem = None
    if not SHORTEST_ID <= len(digits) <= 32 or any(sign not in "0123456789abcdef" for sign in digits):
        problem = Problem("D190", "ID", "give an answer's id, or its first six digits or more")
    else:
        given = {
            "lanes": EVERY_LANE,
            "least": UUID(digits.ljust(32, "0")),
            "most": UUID(digits.ljust(32, "f")),
        }
        found = conn.execute(SQL["find_response"], given).fetchall()
        if len(found) == 1:
            return Place(*found[0])
        if found:
            problem = Problem("D191", "ID", "several answers begin so; give more digits")
    raise DuecourseError(problem or Problem("D190", "ID", "no answer has this id"))


def lock_response(conn: psycopg.Connection, place: Place) -> Place:
    """Lock the row of an answer until the transaction ends; where it stands now, whatever merge came between."""
    while not conn.execute(
        SQL["lock_response"], {"lane": place.lane, "response_id": place.response_id}
    ).fetchone():
        place = find_response(conn, place.response_id.hex)
    return place


def response_at(conn: psycopg.Connection, place: Place) -> dict[str, Any]:
    """The answer's row with its last reading."""
    with conn.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(
            SQL["response_at"], {"lane": place.lane, "response_id": place.response_id}
        ).fetchone()
    assert row is not None
    return row


def read_again(
    conn: psycopg.Connection,
    place: Place,
    intents: tuple[Intent, ...],
    *,
    by: str,
    now: datetime,
    promised_on: date | None = None,
    amount_minor: int | None = None,
    room: Room = PLAIN,
) -> None:
    """A person reads an answer: what followed from the reading before is taken back, what follows from this is done.

    In the caller's transaction. It is out of the queue unless something else asks for a person.
    Raises DuecourseError D192 while nobody knows whose it is.
    """

    def read(row: dict[str, Any]) -> Understood:
        return Understood(intents, 1.0, "staff", promised_on, amount_minor, row["currency"])

    _reread(
        conn,
        place,
        read,
        event="handled",
        reason="read otherwise",
        undone=False,
        by=by,
        now=now,
        room=room,
    )


def undo_response(
    conn: psycopg.Connection, place: Place, *, by: str, now: datetime, room: Room = PLAIN
) -> None:
    """Take back all that followed from an answer and can be taken back.

    In the caller's transaction. Raises DuecourseError D192, D193 (undone already).
    """
    _reread(
        conn,
        place,
        _as_before,
        event="undone",
        reason="undone",
        undone=True,
        by=by,
        now=now,
        room=room,
    )


def _as_before(row: dict[str, Any]) -> Understood:
    if row["undone"]:
        raise DuecourseError(
            Problem("D193", "ID", "nothing follows from it any more", "Nothing was changed.")
        )
    return Understood(
        tuple(Intent(one) for one in row["intents"]),
        float(row["confidence"]),
        row["read_by"],
        row["promised_on"],
        row["amount_minor"],
        row["currency"],
    )


def _reread(
    conn: psycopg.Connection,
    place: Place,
    read: Callable[[dict[str, Any]], Understood],
    *,
    event: str,
    reason: str,
    undone: bool,
    by: str,
    now: datetime,
    room: Room,
) -> None:
    if place.borrower_id is None:
        raise DuecourseError(
            Problem(
                "D192",
                "ID",
                "nobody knows whose answer it is; say so with --borrower",
                "Nothing was changed.",
            )
        )
    with conn.transaction():
        standing = lock_person(conn, Person(place.lane, place.borrower_id))
        here: dict[str, Any] = {"lane": standing.person.lane, "borrower_id": standing.person.borrower_id}
        row = response_at(conn, Place(standing.person.lane, place.response_id, standing.person.borrower_id))
        terms = Responses.model_validate(row["terms"])
        append_reading(conn, here, place.response_id, read(row), terms, by=by, now=now, undone=undone)
        append_event(conn, here, place.response_id, event, by=by, now=now)
        _close(conn, here, place.response_id, by, now)
        plannables = room.plannables or ()
        acting = Acting(standing.person, standing.zone, now, by, plannables, room.confirmer, reason)
        act(conn, acting)


def assign_response(
    conn: psycopg.Connection,
    keyring: Keyring,
    place: Place,
    person: Person,
    *,
    by: str,
    now: datetime,
    room: Room = PLAIN,
) -> Place:
    """Say whose an answer is that nobody knew: it is recorded for that person as heard from them, and this one closed.

    What it says was done for nobody yet, and is done now; a stop from an address that is not theirs is one of its
    channel. Several people may have said the same; what was given to a wrong one is undone there. In the caller's
    transaction. Raises DuecourseError D194 for one that is somebody's already.
    """
    row = response_at(conn, place)
    if place.borrower_id is not None:
        raise DuecourseError(
            Problem("D194", "--borrower", "it is known whose answer it is", "Nothing was changed.")
        )
    text = row["text_sealed"]
    intents = tuple(Intent(one) for one in row["intents"]) if row["acted"] else ()
    address = row["address_index"]
    given = {"lanes": EVERY_LANE, "borrower_id": person.borrower_id, "address_index": address}
    theirs = address and conn.execute(SQL["holds_address"], given).fetchone() == (True,)
    heard = Heard(
        person=person,
        source="staff",
        request_id=request_for(place.response_id, person),
        channel=Channel(row["channel"]) if row["channel"] else None,
        intents=intents,
        text=open_value(keyring, bytes(text), "response", "text", place.response_id) if text else "",
        purpose=Purpose(row["purpose"]) if row["purpose"] else None,
        address_index=bytes(address) if theirs else None,
        said_at=row["said_at"],
    )
    with conn.transaction():
        response_id = record_response(conn, keyring, heard, now=now, room=replace(room, by=by))
        _close(conn, {"lane": place.lane, "borrower_id": None}, place.response_id, by, now)
    found = conn.execute(
        SQL["find_response"], {"lanes": EVERY_LANE, "least": response_id, "most": response_id}
    ).fetchone()
    assert found is not None
    return Place(*found)


def close_response(
    conn: psycopg.Connection, keyring: Keyring, place: Place, *, note: str, by: str, now: datetime
) -> bool:
    """Take an answer out of the queue, with a note of what was done; whether it was in it.

    In the caller's transaction.
    """
    sealed = seal_value(keyring, note, "response_event", "note", place.response_id) if note else None
    with conn.transaction():
        place = lock_response(conn, place)
        here = {"lane": place.lane, "borrower_id": place.borrower_id}
        return _close(conn, here, place.response_id, by, now, sealed)


def _close(
    conn: psycopg.Connection,
    here: dict[str, Any],
    response_id: UUID,
    by: str,
    now: datetime,
    note_sealed: bytes | None = None,
) -> bool:
    waiting = conn.execute(SQL["is_waiting"], {"lane": here["lane"], "response_id": response_id}).fetchone()
    if waiting:
        append_event(conn, here, response_id, "closed", by=by, now=now, note_sealed=note_sealed)
    return waiting is not None
