"""Opening a link: whose it is and whether it still holds, and what is learnt of who opened it.

A request by a program has no effect but a line that it came. A person's is also the word that the message was read.
Nothing here is shown to who opened it: that waits for the second factor, `responses.visits`.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from hashlib import blake2b
from typing import Final
from uuid import UUID

import psycopg

from duecourse.book.wishes import EVERY_LANE
from duecourse.dispatch.links import CODES, code_hash
from duecourse.dispatch.receipts import append_receipts
from duecourse.dispatch.telling import tell as tell_of
from duecourse.domain.messaging import Receipt, ReceiptStatus
from duecourse.privacy.keyring import Keyring
from duecourse.store.sql import load

from .peers import Limits, Peer
from .telling import Opening, Told, burst_seconds, tell

SQL = load("responses/links")

MOST_MERGES: Final = 8
"""Records of one person merged one into the next."""


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
    sent_lane: int
    """Where the attempt was made, which may be another lane than the borrower's."""
    purpose: str
    """Of the message, a word of `Purpose`; '' for one made by staff."""
    language: str
    """BCP 47: the language the message was written in."""
    issued_at: datetime
    expires_at: datetime
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
    """Whose link it is; records the click, and that its message was read when a person opened it. A form sent from the
    page itself (POST) is no click. In the caller's transaction, which must be committed also for a refusal: guesses are
    counted in it.

    peer: the network address it came from. method: of the request. prefetch: what the headers Sec-Purpose, Purpose or
    X-Moz say, '' without them.
    """
    who = Peer(conn, keyring, peer, now)
    if not who.may_try_codes(limits):
        return LinkRefusal.TOO_MANY
    hashed = code_hash(keyring, code)
    link = find_link(conn, hashed, now=now) if CODES.fits(code) else LinkRefusal.UNKNOWN
    if link is LinkRefusal.UNKNOWN:
        who.tried_unknown_code()
    if isinstance(link, LinkRefusal) or method.upper() == "POST":
        return link
    attempt = _attempt(conn, link)
    at_once = who.opened(hashed, burst_seconds())
    told, why = tell(Opening(method, user_agent, prefetch, at_once, attempt[1] if attempt else None, now))
    click = blake2b(repr((hashed, who.hash, now, told, why)).encode(), digest_size=16).digest()
    conn.execute(
        SQL["append_click"],
        {
            "lane": hashed[0],
            "click_id": UUID(bytes=click),
            "code_hash": hashed,
            "told": told,
            "why": why,
            "now": now,
        },
    )
    if link.message_id is not None:
        tell_of("opened", link.message_id, attempt=str(link.attempt_id), told=told.value, why=why)
    if told is Told.PERSON and attempt is not None and link.attempt_id is not None:
        read = Receipt(ReceiptStatus.READ, "link", attempt_id=link.attempt_id)
        append_receipts(conn, keyring, attempt[0], [read], now=now)
    return replace(link, told=told)


def find_link(conn: psycopg.Connection, hashed: bytes, *, now: datetime) -> Link | LinkRefusal:
    """The link under a code's hash, if it holds: nothing is recorded."""
    row = conn.execute(SQL["find_link"], {"lane": hashed[0], "code_hash": hashed}).fetchone()
    if row is None:
        return LinkRefusal.UNKNOWN
    (
        owner_lane,
        owner_id,
        message_id,
        attempt_id,
        point,
        purpose,
        language,
        issued_at,
        expires_at,
        revoked_at,
    ) = row
    place = owner_now(conn, owner_lane, owner_id)
    theirs = addresses_of(conn, *place) if place else frozenset[UUID]()
    refusal = refusal_of(point, owner_id, expires_at, revoked_at, theirs, now=now)
    if place is None or refusal is not None:
        return refusal or LinkRefusal.REVOKED
    return Link(
        code_hash=hashed,
        lane=place[0],
        borrower_id=place[1],
        message_id=message_id,
        attempt_id=attempt_id,
        sent_lane=owner_lane,
        purpose=purpose,
        language=language,
        issued_at=issued_at,
        expires_at=expires_at,
    )


def _attempt(conn: psycopg.Connection, link: Link) -> tuple[str, datetime | None] | None:
    """Provider and hand-over of the attempt that a link went with; a merge may have moved it to any lane."""
    if link.attempt_id is None:
        return None
    for lanes in ([link.sent_lane], EVERY_LANE):
        row = conn.execute(SQL["attempt_sent"], {"lanes": lanes, "attempt_id": link.attempt_id}).fetchone()
        if row is not None:
            return row[0], row[1]
    return None


def owner_now(conn: psycopg.Connection, lane: int, borrower_id: UUID) -> tuple[int, UUID] | None:
    """Where the person of a record lives, and under which id since merges; None when the book has them no more."""
    for _ in range(MOST_MERGES):
        row = conn.execute(SQL["owner_now"], {"lane": lane, "borrower_id": borrower_id}).fetchone()
        if row is None:
            return None
        home, merged_lane, merged_into = row
        if merged_into is None:
            return home, borrower_id
        lane, borrower_id = merged_lane, merged_into
    return None


def addresses_of(conn: psycopg.Connection, lane: int, borrower_id: UUID) -> frozenset[UUID]:
    """The contact points whose address is still a person's: the active ones, and those retired while another of the
    same address serves, as a merge leaves them.
    """
    rows = conn.execute(SQL["addresses_of"], {"lane": lane, "borrower_id": borrower_id})
    return frozenset(row[0] for row in rows)


def refusal_of(
    point: UUID | None,
    owner_id: UUID,
    expires_at: datetime,
    revoked_at: datetime | None,
    theirs: Set[UUID],
    *,
    now: datetime,
) -> LinkRefusal | None:
    """Why a link does not open, or None while it holds.

    point: where it was sent; None for one of staff, its owner's id where the channel needs no address. theirs: as
    `addresses_of` whoever has it now; of a point that is none of theirs, since a merge was undone, the link is dead.
    """
    if revoked_at is not None:
        return LinkRefusal.REVOKED
    if expires_at <= now:
        return LinkRefusal.EXPIRED
    return None if point in (None, owner_id) or point in theirs else LinkRefusal.REVOKED
