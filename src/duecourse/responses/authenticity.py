"""Whether a notice is ours: anybody may ask by the code it carries, and learns only that and the day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

import psycopg

from duecourse.book.wishes import EVERY_LANE
from duecourse.dispatch.links import CODES, code_hash
from duecourse.policy.versions import policy_at
from duecourse.privacy.keyring import Keyring
from duecourse.store.sql import load

from .links import SQL as LINKS
from .links import LinkRefusal
from .peers import Limits, Peer

SQL = load("responses/authenticity")


@dataclass(frozen=True, slots=True)
class Sent:
    """We sent a notice with this code."""

    lender: str
    """In whose name, in the language asked for: the creditor's, by the policy's name for it; '' for a link of staff."""
    day: date
    """When, by the borrower's calendar."""


@dataclass(frozen=True, slots=True)
class NotOurs:
    """Nobody here sent a notice with this code."""


def check_code(
    conn: psycopg.Connection,
    keyring: Keyring,
    code: str,
    *,
    peer: str,
    now: datetime,
    language: str = "",
    limits: Limits = Limits(),  # noqa: B008 frozen
) -> Sent | NotOurs | LinkRefusal:
    """Whether a code stands in a notice of ours; LinkRefusal.TOO_MANY for who has tried too many. Its link may have run
    out or been taken back: a notice stays ours. In the caller's transaction, which must be committed: guesses are
    counted in it.

    code: as typed, spaces do not count; the whole address of a link counts as its code. language: in which the lender
    is named, BCP 47; '' takes the policy's first.
    """
    who = Peer(conn, keyring, peer, now)
    if not who.may_try_codes(limits):
        return LinkRefusal.TOO_MANY
    plain = CODES.read(code)
    found = _sent(conn, keyring, plain, language) if plain else None
    if found is None:
        who.tried_unknown_code()
        return NotOurs()
    return found


def _sent(conn: psycopg.Connection, keyring: Keyring, code: str, language: str) -> Sent | None:
    hashed = code_hash(keyring, code)
    row = conn.execute(LINKS["find_link"], {"lane": hashed[0], "code_hash": hashed}).fetchone()
    if row is None:
        return None
    owner_lane, owner_id, _, attempt_id, _, _, _, issued_at, *_ = row
    if attempt_id is None:
        place = {"lane": owner_lane, "borrower_id": owner_id, "at": issued_at}
        handed = conn.execute(SQL["day_of"], place).fetchone()
        return Sent("", handed[0]) if handed else None
    for lanes in ([owner_lane], EVERY_LANE):  # a merge may have moved it
        given = {"lanes": lanes, "attempt_id": attempt_id}
        if notice := conn.execute(SQL["notice_of"], given).fetchone():
            policy, version, creditor, day = notice
            return Sent(_lender(conn, policy, version, creditor, language), day)
    return None


def _lender(conn: psycopg.Connection, policy: str, version: int, creditor: str, language: str) -> str:
    """The creditor's name in a language, or in the policy's first; the book's word where the policy has none."""
    wording = policy_at(conn, policy, version).model.wording
    named = wording.creditor(creditor)
    if named is None:
        return creditor
    known = wording.languages.resolve(language) if language else None
    return named.name.get(known or "") or next(iter(named.name.values()), creditor)
