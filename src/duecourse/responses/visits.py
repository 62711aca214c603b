"""A visit: who opened a link shows by a second factor that they are the borrower, and is known for a while."""

from __future__ import annotations

import hmac
import secrets
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

import psycopg

from duecourse.book.wishes import EVERY_LANE
from duecourse.privacy.keyring import Keyring
from duecourse.privacy.sealing import open_value
from duecourse.store.sql import load

from .links import Link, LinkRefusal, find_link
from .peers import Limits, Peer

SQL = load("responses/visits")


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


_SEEN_EVERY: Final = timedelta(minutes=1)
"""A visit's last request is written down no more often."""
MOST_CHARACTERS: Final = 64
"""Of an answer: what is longer is cut."""
LEAST_ID: Final = 8
"""Characters of an ID number below which six of them would be too much of it."""
LEAST_CONTRACT: Final = 8
"""Characters of a contract number below which somebody could guess what stands before the last four."""


def questions_of(conn: psycopg.Connection, keyring: Keyring, link: Link) -> tuple[Question, ...]:
    """What this person can be asked; empty when the book knows nothing to ask: the person then turns to the lender."""
    return (asked[0],) if (asked := _asked(conn, keyring, _person(conn, link), link)) else ()


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

    question: the one that was asked; another than the person has is a wrong answer. A right answer does not take wrong
    ones back: who guesses between a borrower's own visits gains nothing by them.
    """
    who = Peer(conn, keyring, peer, now)
    if until := who.may_answer_again(limits):
        return VisitRefusal(Refused.TOO_MANY, until=until)
    if isinstance(find_link(conn, link.code_hash, now=now), LinkRefusal):
        return VisitRefusal(Refused.NO_LINK)
    person = _person(conn, link)
    place = {"lane": person.person_id.bytes[0], "person_id": person.person_id, "now": now}
    tries, began_at, locked_until = conn.execute(SQL["hold_answers"], place).fetchone() or (0, now, None)
    if locked_until is not None and locked_until > now:
        return VisitRefusal(Refused.LOCKED, until=locked_until)
    asked = _asked(conn, keyring, person, link)
    if asked and asked[0] == question and _is_one_of(keyring, answer, asked[1]):
        return _begun(conn, keyring, link, asked[0], now)
    who.answered_wrongly()
    span = timedelta(hours=limits.lock_hours)
    if locked_until is not None or began_at <= now - span:
        tries, began_at = 0, now
    left = limits.wrong_answers - tries - 1
    until = None if left > 0 else now + span
    conn.execute(
        SQL["count_answer"], place | {"tries": tries + 1, "began_at": began_at, "locked_until": until}
    )
    if until is not None:
        return VisitRefusal(Refused.LOCKED, until=until)
    return VisitRefusal(Refused.WRONG, tries_left=left)


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
    hashed = keyring.index("visit", token)
    idle, longest = timedelta(minutes=limits.idle_minutes), timedelta(hours=limits.visit_hours)
    place = {"lane": hashed[0], "token_hash": hashed}
    given = place | {"began_after": now - longest, "seen_after": now - idle}
    row = conn.execute(SQL["find_visit"], given).fetchone()
    if row is None:
        return None
    code_hash, began_at, seen_at = bytes(row[0]), row[1], row[2]
    link = find_link(conn, code_hash, now=now)
    if isinstance(link, LinkRefusal):
        return None
    found = conn.execute(
        SQL["visitor"], {"lane": link.lane, "borrower_id": link.borrower_id, "now": now}
    ).fetchone()
    if found is None:
        return None
    if seen_at < now - _SEEN_EVERY:
        conn.execute(SQL["see_visit"], place | {"now": now})
    language, region, zone, large = found
    return Visitor(
        lane=link.lane,
        borrower_id=link.borrower_id,
        link_code_hash=code_hash,
        language=language,
        region=region,
        zone=zone,
        large=large,
        csrf=keyring.index("visit-csrf", token).hex(),
        expires_at=min(now + idle, began_at + longest, link.expires_at),
        message_id=link.message_id,
        attempt_id=link.attempt_id,
    )


def carry_visit(conn: psycopg.Connection, keyring: Keyring, token: str, code_hash: bytes) -> None:
    """Let a visit go on under another link of the same person: who has just replaced the address that their link was
    sent to, by which it ends, has not left. In the caller's transaction.
    """
    hashed = keyring.index("visit", token)
    given = {"lane": hashed[0], "token_hash": hashed, "code_hash": code_hash}
    conn.execute(SQL["carry_visit"], given)


def end_visit(conn: psycopg.Connection, keyring: Keyring, token: str, *, now: datetime) -> None:
    """The visitor leaves; a token nobody has does nothing. In the caller's transaction."""
    hashed = keyring.index("visit", token)
    conn.execute(SQL["end_visit"], {"lane": hashed[0], "token_hash": hashed, "now": now})


def locked_until(conn: psycopg.Connection, lane: int, borrower_id: UUID, *, now: datetime) -> datetime | None:
    """Until when a person is locked for wrong answers; None when not."""
    person = _person_at(conn, lane, borrower_id)
    given = {"lane": person.person_id.bytes[0], "person_id": person.person_id, "now": now}
    row = conn.execute(SQL["locked_until"], given).fetchone()
    return row[0] if row else None


def unlock(conn: psycopg.Connection, lane: int, borrower_id: UUID) -> bool:
    """Forget a person's wrong answers, once staff have seen who it is; whether there were any. In the caller's
    transaction.
    """
    person = _person_at(conn, lane, borrower_id)
    given = {"lane": person.person_id.bytes[0], "person_id": person.person_id}
    row = conn.execute(SQL["unlock"], given).fetchone()
    return row is not None and row[0] > 0


@dataclass(frozen=True, slots=True)
class _Person:
    person_id: UUID
    """The same for all rows of one ID number."""
    id_number_sealed: bytes | None


def _person(conn: psycopg.Connection, link: Link) -> _Person:
    return _person_at(conn, link.lane, link.borrower_id)


def _person_at(conn: psycopg.Connection, lane: int, borrower_id: UUID) -> _Person:
    row = conn.execute(SQL["person"], {"lane": lane, "borrower_id": borrower_id}).fetchone()
    return _Person(row[1], row[0]) if row else _Person(borrower_id, None)


def _asked(
    conn: psycopg.Connection, keyring: Keyring, person: _Person, link: Link
) -> tuple[Question, list[str]] | None:
    """The question, and what answers it; None where there is nothing to ask."""
    if person.id_number_sealed is not None:
        number = _plain(
            open_value(keyring, person.id_number_sealed, "borrower", "id_number", link.borrower_id)
        )
        if len(number) >= LEAST_ID:
            return Question.ID_LAST_6, [number[-6:], number]
    given = {"lanes": EVERY_LANE, "borrower_id": link.borrower_id}
    numbers = [_plain(row[0]) for row in conn.execute(SQL["contract_numbers"], given)]
    known = [number for number in numbers if len(number) >= LEAST_CONTRACT]
    return (Question.CONTRACT_NUMBER, known) if known else None


def _is_one_of(keyring: Keyring, answer: str, right: Sequence[str]) -> bool:
    """Each is compared, whichever is right, and as digests: neither a length nor the place of a difference shows in
    the time it takes.
    """
    given = keyring.digest(_plain(answer[:MOST_CHARACTERS]))
    same = [hmac.compare_digest(given, keyring.digest(one)) for one in right]
    return any(same)


def _plain(text: str) -> str:
    """Letters and digits alone, in capitals, full-width and other scripts' digits made plain: however it is typed."""
    normal = unicodedata.normalize("NFKC", text).upper()
    return "".join(
        str(unicodedata.decimal(character)) if character.isdecimal() else character
        for character in normal
        if character.isalnum()
    )


def _begun(conn: psycopg.Connection, keyring: Keyring, link: Link, question: Question, now: datetime) -> str:
    token = secrets.token_urlsafe(32)
    hashed = keyring.index("visit", token)
    conn.execute(
        SQL["begin_visit"],
        {
            "lane": hashed[0],
            "token_hash": hashed,
            "code_hash": link.code_hash,
            "question": question,
            "now": now,
        },
    )
    return token
