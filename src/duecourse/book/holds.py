"""Holds: a reason to leave a person, or one debt of theirs, alone; or to reach them by a person only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

import psycopg
from psycopg.rows import class_row

from duecourse.domain.problems import DuecourseError, Problem

from .wishes import EVERY_LANE, SQL, Person, Said, say_of_person


class HoldKind(StrEnum):
    """Why; see docs/reference/wishes.md."""

    DISPUTE = "dispute"
    COMPLAINT = "complaint"
    HARDSHIP = "hardship"
    BANKRUPTCY = "bankruptcy"
    DECEASED = "deceased"
    LAWYER = "lawyer"
    CALAMITY = "calamity"
    CEASE_REQUEST = "cease-request"
    MORATORIUM = "moratorium"
    PROMISE = "promise"
    SAYS_PAID = "says-paid"
    """It is said to be paid: nothing asks again until the payment may have come."""
    REFUSAL = "refusal"
    IDENTITY_THEFT = "identity-theft"
    SERIOUS_ILLNESS = "serious-illness"
    BEREAVEMENT = "bereavement"
    DISABILITY = "disability"
    MINOR = "minor"
    DISTRESS = "distress"


class HoldEffect(StrEnum):
    """What a hold does."""

    STOP = "stop"
    PERSON = "person"
    """No machine contacts; a person may."""


SPECIAL_CARE: Final = frozenset(
    {HoldKind.SERIOUS_ILLNESS, HoldKind.BEREAVEMENT, HoldKind.DISABILITY, HoldKind.MINOR, HoldKind.DISTRESS}
)
"""Kinds that route to a person unless said otherwise."""


def usual_effect(kind: HoldKind) -> HoldEffect:
    """What a hold of this kind does when nothing else is said."""
    return HoldEffect.PERSON if kind in SPECIAL_CARE else HoldEffect.STOP


@dataclass(frozen=True, slots=True)
class Hold:
    """A hold, as it was known. loan: the lender's contract key, None for every debt of the person."""

    hold_id: UUID
    loan: str | None
    kind: str
    effect: str
    evidence: str
    source: str
    recorded_by: str
    effective_at: datetime
    until: datetime | None
    recorded_at: datetime
    ended_at: datetime | None
    ended_by: str | None
    end_reason: str | None
    in_force: bool


@dataclass(frozen=True, slots=True)
class PersonNeeded:
    """A borrower whom no machine contacts. kinds: why. since: of the oldest reason."""

    lane: int
    borrower_id: UUID
    borrower_key: str
    zone: str
    kinds: Sequence[str]
    since: datetime


def add_hold(
    conn: psycopg.Connection,
    person: Person,
    kind: HoldKind,
    *,
    said: Said,
    loan_id: UUID | None = None,
    until: datetime | None = None,
    effect: HoldEffect | None = None,
) -> bool:
    """Put a hold in force; whether it is new. One that was ended opens again as a row of its own.

    loan_id: one debt that the person answers for; None is every one. until: when it ends by itself.
    Raises DuecourseError B101 when it would end before it begins.
    """
    if until is not None and until <= said.at:
        raise DuecourseError(Problem("B101", kind, "it would end before it begins", "Nothing was recorded."))
    given = {
        "loan_id": loan_id,
        "kind": kind.value,
        "effect": (effect or usual_effect(kind)).value,
        **said.noted,
        "until": until,
    }
    return any(hold_id for _, hold_id in say_of_person(conn, "add_hold", person, given))


def end_holds(
    conn: psycopg.Connection,
    person: Person,
    kind: HoldKind,
    *,
    reason: str,
    by: str,
    at: datetime,
    now: datetime,
    loan_id: UUID | None = None,
) -> int:
    """End the open holds of a kind, of exactly this debt or (None) of the whole person; how many there were."""
    given = {"loan_id": loan_id, "kind": kind.value, "reason": reason, "by": by, "at": at, "now": now}
    return len({hold_id for _, hold_id in say_of_person(conn, "end_holds", person, given) if hold_id})


def end_said_holds(
    conn: psycopg.Connection,
    person: Person,
    kind: HoldKind,
    *,
    evidence: str,
    reason: str,
    by: str,
    at: datetime,
    now: datetime,
    loan_id: UUID | None = None,
) -> int:
    """End the open hold that one word put in force, by its evidence; how many there were. One that ends before it
    begins never held.
    """
    given = {
        "loan_id": loan_id,
        "kind": kind.value,
        "evidence": evidence,
        "reason": reason,
        "by": by,
        "at": at,
        "now": now,
    }
    return len({hold_id for _, hold_id in say_of_person(conn, "end_said_holds", person, given) if hold_id})


def holds_of(
    conn: psycopg.Connection, person: Person, *, at: datetime, known: datetime | None = None
) -> list[Hold]:
    """Every hold known at `known` (default: at), in order; each says whether it was in force at `at`."""
    with conn.cursor(row_factory=class_row(Hold)) as cursor:
        return cursor.execute(
            SQL["holds_of"],
            {
                "lane": person.lane,
                "lanes": EVERY_LANE,
                "borrower_id": person.borrower_id,
                "at": at,
                "known": known or at,
            },
        ).fetchall()


def person_needed(conn: psycopg.Connection, *, at: datetime) -> list[PersonNeeded]:
    """Borrowers whom a person contacts, by special care or their own wish, the longest waiting first."""
    with conn.cursor(row_factory=class_row(PersonNeeded)) as cursor:
        return cursor.execute(SQL["person_needed"], {"at": at}).fetchall()
