"""Consents: what a person agreed to or took back. A stop is kind `contact`, not granted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

import psycopg
from psycopg.rows import class_row

from duecourse.domain.messaging import Channel, Purpose
from duecourse.domain.problems import DuecourseError, Problem

from .wishes import SQL, Person, Said, say_of_person


class ConsentKind(StrEnum):
    """What a consent is about; see docs/reference/wishes.md."""

    CONTACT = "contact"
    CONSENT = "consent"
    EXPRESS_CONSENT = "express-consent"
    CONTRACT = "contract"
    TEXTED_US = "texted-us"
    NUMBER_CHECK = "number-check"
    HOURS = "hours"
    AUTOMATION = "automation"


_ENDS_WITH: Final = {
    ConsentKind.CONSENT: (ConsentKind.CONSENT, ConsentKind.HOURS),
    ConsentKind.EXPRESS_CONSENT: (ConsentKind.EXPRESS_CONSENT, ConsentKind.HOURS),
}
"""Who takes a consent back has also taken back the hours that came with it."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What a word covers; None is all of them. address_index: of one number or e-mail address."""

    purpose: Purpose | None = None
    channel: Channel | None = None
    address_index: bytes | None = None


@dataclass(frozen=True, slots=True)
class Consent:
    """One word, as it was known. for_address: it concerns one number or address only."""

    kind: str
    granted: bool
    purpose: str | None
    channel: str | None
    for_address: bool
    evidence: str
    source: str
    recorded_by: str
    effective_at: datetime
    expires_at: datetime | None
    recorded_at: datetime
    in_force: bool


def record_consent(
    conn: psycopg.Connection,
    kind: ConsentKind,
    *,
    granted: bool,
    said: Said,
    person: Person | None = None,
    scope: Scope = Scope(),
    expires_at: datetime | None = None,
    messages: int | None = None,
) -> list[Person]:
    """Append a word, for one person or (person None) for everybody who holds or held the scope's address.

    messages: how many it allows; None any number.
    Answers for whom something was appended; the same word twice appends nothing. What is taken back is taken back in
    every narrower scope too. Runs in the caller's transaction when there is one.
    Raises DuecourseError B101 when it would end before it begins, ValueError without person and address.
    """
    if person is None and scope.address_index is None:
        raise ValueError("give a person or an address")
    if expires_at is not None and expires_at <= said.at:
        raise DuecourseError(Problem("B101", kind, "it would end before it begins", "Nothing was recorded."))
    given = {
        "everybody": person is None,
        "kind": kind.value,
        "kinds": [one.value for one in _ENDS_WITH.get(kind, (kind,))],
        "granted": granted,
        "purpose": scope.purpose.value if scope.purpose else None,
        "channel": scope.channel.value if scope.channel else None,
        "address_index": scope.address_index,
        **said.noted,
        "expires_at": expires_at,
        "messages": messages,
    }
    if person is not None:
        return [one for one, appended in say_of_person(conn, "record_consent", person, given) if appended]
    with conn.transaction():
        rows = conn.execute(SQL["record_consent"], {**given, "at_lanes": [], "borrowers": []}).fetchall()
    return [Person(*row) for *row, appended in rows if appended]


def consents_of(
    conn: psycopg.Connection, person: Person, *, at: datetime, known: datetime | None = None
) -> list[Consent]:
    """Every word known at `known` (default: at), in order; each says whether it was in force at `at`."""
    with conn.cursor(row_factory=class_row(Consent)) as cursor:
        return cursor.execute(
            SQL["consents_of"],
            {"lane": person.lane, "borrower_id": person.borrower_id, "at": at, "known": known or at},
        ).fetchall()
