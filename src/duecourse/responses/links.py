"""Opening a link: whose it is and whether it still holds, and what is learnt of who opened it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

import psycopg

from duecourse.privacy.keyring import Keyring

from .peers import Limits


class Told(StrEnum):
    """What opened a link, as far as it can be told."""

    PERSON = "person"
    SCANNER = "scanner"
    """A program that looks for malice, or walks through links."""
    PREVIEW = "preview"
    """A messenger that draws a preview."""
    PREFETCH = "prefetch"
    """A browser that loads what may be looked at next."""


class LinkRefusal(StrEnum):
    """Why a link does not open."""

    UNKNOWN = "unknown"
    EXPIRED = "expired"
    REVOKED = "revoked"
    """Taken back, or the address it was sent to is theirs no more."""
    TOO_MANY = "too-many"
    """This network address has tried too many codes that nobody was sent."""


@dataclass(frozen=True, slots=True)
class Link:
    """A link that holds. Nothing in it may be shown before the second factor, save the language."""

    code_hash: bytes
    """Keyed, of the code; what is kept in its place."""
    lane: int
    """Of the borrower, as is the id: of whom they were merged into."""
    borrower_id: UUID
    message_id: UUID | None
    """None: made by staff."""
    attempt_id: UUID | None
    purpose: str
    """Of the message, a word of `Purpose`; '' for one made by staff."""
    language: str
    """BCP 47: the language the message was written in."""
    issued_at: datetime
    expires_at: datetime
    revoked_at: datetime | None = None
    told: Told = Told.PERSON
    """What opened it now."""


def open_link(
    conn: psycopg.Connection,
    keyring: Keyring,
    code: str,
    *,
    peer: str,
    user_agent: str,
    method: str,
    now: datetime,
    prefetch: str = "",
    limits: Limits = Limits(),  # noqa: B008 frozen
) -> Link | LinkRefusal:
    """Whose link it is; records the click, and that its message was read when a person opened it. In the caller's
    transaction, which must be committed also for a refusal: guesses are counted in it.

    peer: the network address it came from. method: of the request. prefetch: what the headers Sec-Purpose, Purpose or
    X-Moz say, '' without them.
    """
    raise NotImplementedError
