"""Whose an OpenID is: no loan book knows, so the person says it, by a code typed, a picture scanned or a page opened.

A code serves once, for a while, and for the account it was made for. Whoever types five wrong ones within an hour is
not listened to until the hour is over. An OpenID belongs to one person: a second one is refused and shown to staff.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

import psycopg
from psycopg.rows import dict_row

from duecourse.domain.messaging import Channel
from duecourse.privacy.keyring import Keyring
from duecourse.store.sql import load

from .contact_points import add_contact_point, verify_contact_point
from .identity import address_index
from .reading import Borrower, find_borrower

SQL = load("book/binding")

ALPHABET: Final = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
"""Without what people take for another: 0 and O, 1, I and L."""
CODE_LENGTH: Final = 8
MOST_GUESSES: Final = 5
GUESSING: Final = timedelta(hours=1)
SCENE_PREFIX: Final = "bind-"
_CODE = re.compile(rf"(?=.*[2-9])(?=.*[A-Z])[{ALPHABET}]{{{CODE_LENGTH}}}")


class Way(StrEnum):
    """How somebody said that an account is theirs."""

    CODE = "code"
    SCAN = "scan"
    PAGE = "page"
    STAFF = "staff"


class Bound(StrEnum):
    """What came of it."""

    BOUND = "bound"
    HELD = "held-by-another"
    """The OpenID is another person's: for somebody to look at."""
    RETIRED = "retired"
    """The address was taken out of use for good."""
    NO_BORROWER = "no-borrower"
    UNKNOWN = "unknown-code"
    TOO_MANY = "too-many-guesses"


@dataclass(frozen=True, slots=True)
class Invitation:
    """What a borrower is given. Shown once: only a keyed digest is kept."""

    code: str
    expires_at: datetime

    @property
    def scene(self) -> str:
        """What a QR code carries for it."""
        return SCENE_PREFIX + self.code


def code_in(text: str) -> str | None:
    """The code that a message consists of, however it is spaced and typed; None for ordinary words."""
    plain = re.sub(r"[\s-]", "", text).upper()
    return plain if _CODE.fullmatch(plain) else None


def invite(
    conn: psycopg.Connection,
    keyring: Keyring,
    borrower: Borrower,
    *,
    provider: str,
    platform: str,
    way: Way,
    seconds: int,
    by: str,
    now: datetime,
) -> Invitation:
    """A new code for a borrower; one that was given before and not answered ends. In the caller's transaction.

    provider: the configured account it is for; platform: its appid.
    """
    expires_at = now + timedelta(seconds=seconds)
    given = {
        "borrower_key": borrower.borrower_key,
        "provider": provider,
        "platform": platform,
        "way": way,
        "by": by,
        "now": now,
        "expires_at": expires_at,
    }
    with conn.transaction():
        conn.execute(SQL["withdraw_invitations"], given)
        while True:
            code = _new_code()
            index = _code_index(keyring, code)
            if conn.execute(SQL["invite"], given | {"lane": index[0], "code_index": index}).fetchone():
                return Invitation(code, expires_at)


def answer(
    conn: psycopg.Connection, keyring: Keyring, code: str, openid: str, *, provider: str, now: datetime
) -> Bound:
    """Somebody answered an invitation with their WeChat. In the caller's transaction."""
    index, holder = _code_index(keyring, code), address_index(keyring, Channel.WECHAT, openid)
    guess = {
        "lane": holder[0],
        "address_index": holder,
        "since": now - GUESSING,
        "most": MOST_GUESSES,
        "now": now,
    }
    place = {"lane": index[0], "code_index": index, "provider": provider, "now": now}
    with conn.transaction():
        allowed = conn.execute(SQL["may_guess"], guess).fetchone()
        if allowed is None or not allowed[0]:
            return Bound.TOO_MANY
        invited = conn.execute(SQL["invitation"], place).fetchone()
        if invited is None:
            conn.execute(SQL["count_guess"], guess)
            return Bound.UNKNOWN
        borrower_key, platform, way = invited
        borrower = find_borrower(conn, keyring, borrower_key)
        result = Bound.NO_BORROWER
        if borrower is not None:
            result = bind(
                conn, keyring, borrower, openid, platform=platform, way=Way(way), by=provider, now=now
            )
        state = "bound" if result is Bound.BOUND else "refused"
        reason = None if result is Bound.BOUND else result.value
        conn.execute(
            SQL["close_invitation"], place | {"state": state, "reason": reason, "address_index": holder}
        )
        return result


def bind(
    conn: psycopg.Connection,
    keyring: Keyring,
    borrower: Borrower,
    openid: str,
    *,
    platform: str,
    way: Way,
    by: str,
    now: datetime,
) -> Bound:
    """Make an OpenID a borrower's way to be reached, seen to be right in this way. In the caller's transaction.

    Raises FieldFault for what is no OpenID.
    """
    index = address_index(keyring, Channel.WECHAT, openid)
    given = {
        "lane": index[0],
        "address_index": index,
        "platform": platform,
        "borrower_key": borrower.borrower_key,
        "way": way,
        "by": by,
        "now": now,
    }
    with conn.transaction():
        held = conn.execute(SQL["hold_openid"], given).fetchone()
        if held is not None and held[0] != borrower.borrower_key:
            if not _gives_way(conn, keyring, held[0], borrower, index):
                return Bound.HELD
            conn.execute(SQL["replace_holder"], given)
        point, _ = add_contact_point(
            conn,
            keyring,
            borrower,
            Channel.WECHAT,
            openid,
            rank=1,
            platform=platform,
            by=by,
            now=now,
        )
        if not verify_contact_point(conn, (borrower.lane, point), how=way.value, by=by, now=now):
            return Bound.RETIRED
        return Bound.BOUND


def invitations(
    conn: psycopg.Connection, *, states: Sequence[str], borrower_key: str | None, take: int
) -> list[dict[str, Any]]:
    """The latest invitations in these states: open, bound, refused, withdrawn. Codes and OpenIDs are not in it."""
    with conn.cursor(row_factory=dict_row) as cursor:
        given = {"states": list(states), "borrower_key": borrower_key, "take": take}
        return cursor.execute(SQL["invitations"], given).fetchall()


def _gives_way(
    conn: psycopg.Connection, keyring: Keyring, holder_key: str, borrower: Borrower, index: bytes
) -> bool:
    """Whether who holds an OpenID is the same person, or has it no more."""
    holder = find_borrower(conn, keyring, holder_key)
    if holder is None or holder.borrower_id == borrower.borrower_id:
        return True
    if holder.id_number_index is not None and holder.id_number_index == borrower.id_number_index:
        return True
    place = {"lane": holder.lane, "borrower_id": holder.borrower_id, "address_index": index}
    holds = conn.execute(SQL["holds_address"], place).fetchone()
    return holds is not None and not holds[0]


def _new_code() -> str:
    while True:
        code = "".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH))
        if code_in(code):  # letters and digits both: no word of a language is one
            return code


def _code_index(keyring: Keyring, code: str) -> bytes:
    return keyring.index("binding-code", code)
