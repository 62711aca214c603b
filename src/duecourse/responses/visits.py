"""A visit: who opened a link shows by a second factor that they are the borrower, and is known for a while."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

import psycopg

from duecourse.privacy.keyring import Keyring

from .links import Link
from .peers import Limits


class Question(StrEnum):
    """What the next holder of a telephone does not know. The strongest that the book can judge is asked, alone."""

    ID_LAST_6 = "id-last-6"
    """The last six characters of the ID number (of a company: of its registration number)."""
    CONTRACT_NUMBER = "contract-number"
    """A whole contract number; asked only where no ID number is known. Messages show its last four."""


class Refused(StrEnum):
    """Why a visit does not begin."""

    WRONG = "wrong"
    LOCKED = "locked"
    """Too many wrong answers for this person, whoever gave them."""
    TOO_MANY = "too-many"
    """This network address gave too many wrong answers, whoever they were to be."""
    NO_LINK = "no-link"
    """The link was taken back, or ran out, since it was opened."""


@dataclass(frozen=True, slots=True)
class VisitRefusal:
    """A visit that does not begin."""

    why: Refused
    tries_left: int = 0
    """For WRONG: before the person is locked."""
    until: datetime | None = None
    """For LOCKED and TOO_MANY: when one may try again."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """A borrower who has shown who they are."""

    lane: int
    borrower_id: UUID
    link_code_hash: bytes
    language: str
    """BCP 47, the borrower's."""
    region: str
    zone: str
    large: bool
    """Whether the person wishes large type and plain words."""
    csrf: str
    """What every form of this visit carries: compare with `secrets.compare_digest`."""
    expires_at: datetime
    """When it ends if nothing more is asked for."""
    message_id: UUID | None = None
    """That the link came with; None: made by staff."""
    attempt_id: UUID | None = None


def questions_of(conn: psycopg.Connection, keyring: Keyring, link: Link) -> tuple[Question, ...]:
    """What this person can be asked; empty when the book knows nothing to ask: the person then turns to the lender."""
    raise NotImplementedError


def begin_visit(
    conn: psycopg.Connection,
    keyring: Keyring,
    link: Link,
    question: Question | str,
    answer: str,
    *,
    peer: str,
    now: datetime,
    limits: Limits = Limits(),  # noqa: B008 frozen
) -> str | VisitRefusal:
    """Judge an answer: the token for the visitor's cookie, or why not. In the caller's transaction, which must be
    committed also for a refusal: wrong answers are counted in it.
    """
    raise NotImplementedError


def visitor_of(
    conn: psycopg.Connection,
    keyring: Keyring,
    token: str,
    *,
    now: datetime,
    limits: Limits = Limits(),  # noqa: B008 frozen
) -> Visitor | None:
    """Whose visit a cookie's token is; None when it is over, was ended, or its link was taken back. Counts as a request
    of the visit: its idle time begins anew. In the caller's transaction.
    """
    raise NotImplementedError


def end_visit(conn: psycopg.Connection, keyring: Keyring, token: str, *, now: datetime) -> None:
    """The visitor leaves; a token nobody has does nothing. In the caller's transaction."""
    raise NotImplementedError
