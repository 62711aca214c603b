"""Everything that hears a borrower records it here: what was said, how it is read, and what follows at once.

One transaction does all of it: a stop or a hold is in force when the caller commits, and whatever is killed before
leaves nothing. The same request again is the same answer, and does nothing new.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from hashlib import blake2b
from typing import Any, Final, Literal, Protocol
from uuid import UUID
from zoneinfo import ZoneInfo

import psycopg
from psycopg.rows import dict_row

from duecourse.book.wishes import Person
from duecourse.domain.messaging import Channel, Purpose
from duecourse.planning.compile import Plannable
from duecourse.planning.confirming import Confirmer
from duecourse.policy.model import Policy, Responses
from duecourse.policy.versions import published_policies
from duecourse.privacy.keyring import Keyring
from duecourse.privacy.sealing import seal_value

from .acting import act
from .intents import Intent, Understood
from .keeping import SQL, US, Standing, append_event, append_reading, lock_person
from .once import Acting
from .understanding import understand

LONGEST_TEXT: Final = 10_000
"""Characters of an answer that are kept; what is longer is cut there."""


class Understand(Protocol):
    """What reads the words of an answer. today, languages, region: the borrower's; none of somebody who is not known.
    currency: of what they owe, '' where it is several.
    """

    def __call__(
        self,
        text: str,
        *,
        today: date,
        currency: str,
        channel: Channel | None,
        languages: Sequence[str] | None,
        region: str,
    ) -> Understood: ...


@dataclass(frozen=True, slots=True)
class Heard:
    """Something a borrower said, by whatever way. Either intents, as a form or staff know them, or text to be read.

    person: None where nobody knows whose it is. request_id: the source's own; the same again is the same answer.
    loan_id: the debt it is about; None takes that of the message, or all. of_all: it is about all, whatever the message
    was about. said_at: None is now.
    """

    person: Person | None
    source: Literal["reply", "page", "api", "staff"]
    request_id: UUID
    channel: Channel | None = None
    intents: tuple[Intent, ...] = ()
    text: str = field(default="", repr=False)
    loan_id: UUID | None = None
    of_all: bool = False
    message_id: UUID | None = None
    attempt_id: UUID | None = None
    promised_on: date | None = None
    amount_minor: int | None = None
    currency: str = ""
    purpose: Purpose | None = None
    """Of a stop: messages of this purpose alone."""
    address_index: bytes | None = None
    """Keyed, of the address that it came from; a stop is then one of that address."""
    said_at: datetime | None = None
    acted: bool = False
    """What it says was done when it was taken in: it is kept, and a stop not recorded again."""
    waits: str = "unknown-sender"
    """Where person is None: why a person must say whose it is."""


@dataclass(frozen=True, slots=True)
class Room:
    """What recording works with besides the answer. All has a default that serves a page."""

    understand: Understand = understand
    plannables: Sequence[Plannable] | None = None
    """The policies in force with their template versions; None reads the policies, and plans no answer but calls."""
    confirmer: Confirmer | None = None
    """Who confirms a word to stop; None: nobody does."""
    by: str = US


PLAIN: Final = Room()
"""Everything by default."""


def response_id_of(heard: Heard) -> UUID:
    """The id of an answer: of its source and request."""
    digest = blake2b(f"response|{heard.source}|{heard.request_id.hex}".encode(), digest_size=16).digest()
    return UUID(bytes=digest)


def record_response(
    conn: psycopg.Connection, keyring: Keyring, heard: Heard, *, now: datetime, room: Room = PLAIN
) -> UUID:
    """Keep an answer and do what follows from it, in the caller's transaction; its id.

    Promises, pauses and holds of the person are brought in line with all they have said, in the order it was said.
    Raises ValueError when the person is not in the book.
    """
    response_id = response_id_of(heard)
    with conn.transaction():
        standing = lock_person(conn, heard.person) if heard.person else None
        place = {
            "lane": standing.person.lane if standing else response_id.bytes[0],
            "borrower_id": standing.person.borrower_id if standing else None,
        }
        about = _spoken_of(conn, heard, place) if standing else {}
        if not _append(conn, keyring, heard, response_id, place, about, now, room.by):
            return response_id
        policies = _policies(conn, room)
        understood = _understood(heard, standing, about, now, room)
        terms = terms_of(policies, about.get("policy"))
        append_reading(conn, place, response_id, understood, terms, by=room.by, now=now)
        if standing is None:
            append_event(conn, place, response_id, "waits", reason=heard.waits, by=room.by, now=now)
            return response_id
        act(conn, Acting(standing.person, standing.zone, now, room.by, room.plannables or (), room.confirmer))
    return response_id


def terms_of(policies: Sequence[Policy], name: str | None) -> Responses:
    """What follows from answers by the policy whose message is answered, else by the one of the highest priority that
    says anything of it; the defaults where none does.
    """
    for policy in policies:
        if policy.name == name:
            return policy.responses or Responses()
    saying = [policy for policy in policies if policy.responses]
    chosen = min(saying, key=lambda one: (-one.priority, one.name), default=None)
    return chosen.responses if chosen and chosen.responses else Responses()


def _append(
    conn: psycopg.Connection,
    keyring: Keyring,
    heard: Heard,
    response_id: UUID,
    place: dict[str, Any],
    about: dict[str, Any],
    now: datetime,
    by: str,
) -> bool:
    """Whether the answer is new."""
    text = heard.text[:LONGEST_TEXT]
    row = conn.execute(
        SQL["append_response"],
        {
            **place,
            "response_id": response_id,
            "source": heard.source,
            "request_id": heard.request_id,
            "channel": heard.channel.value if heard.channel else None,
            "address_index": heard.address_index,
            "loan_id": None if heard.of_all else heard.loan_id or about.get("loan_id"),
            "message_id": heard.message_id,
            "attempt_id": heard.attempt_id,
            "contact_point_id": about.get("contact_point_id"),
            "purpose": heard.purpose.value if heard.purpose else None,
            "text_sealed": seal_value(keyring, text, "response", "text", response_id) if text else None,
            "acted": heard.acted,
            "by": by,
            "said_at": heard.said_at or now,
            "now": now,
        },
    ).fetchone()
    return row is not None


def _spoken_of(conn: psycopg.Connection, heard: Heard, place: dict[str, Any]) -> dict[str, Any]:
    with conn.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(
            SQL["spoken_of"], {**place, "message_id": heard.message_id, "attempt_id": heard.attempt_id}
        ).fetchone()
    assert row is not None
    return row


def _policies(conn: psycopg.Connection, room: Room) -> list[Policy]:
    if room.plannables is not None:
        return [one.policy for one in room.plannables]
    return [one.model for one in published_policies(conn)]


def _understood(
    heard: Heard, standing: Standing | None, about: dict[str, Any], now: datetime, room: Room
) -> Understood:
    """By whoever said what it means; else by its words."""
    currency = heard.currency or about.get("currency") or ""
    if heard.intents:
        by = "staff" if heard.source == "staff" else "rule" if heard.source == "reply" else "form"
        return Understood(heard.intents, 1.0, by, heard.promised_on, heard.amount_minor, currency)
    today = (heard.said_at or now).astimezone(ZoneInfo(standing.zone if standing else "UTC")).date()
    return room.understand(
        heard.text[:LONGEST_TEXT],
        today=today,
        currency=currency,
        channel=heard.channel,
        languages=(standing.language,) if standing else None,
        region=standing.region if standing else "",
    )
