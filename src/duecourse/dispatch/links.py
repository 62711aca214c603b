"""The short codes that attempts carry: made of the attempt's id by a key, kept as a keyed hash, each one person's.

A code is of one attempt. Handed over again to a provider that drops the second submission, the attempt says the same
code, word for word; on its next channel the message is another attempt and carries another, so that of each code it is
known where it went: a link dies with the contact point it was sent to, and a click says which channel was read. All
codes of a message open the same pages.

Eight of 62 letters and digits are 2.2e14. Among a thousand million links one new code in 220,000 is taken already: then
the next code of the same attempt is tried.
"""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import psycopg

from duecourse.content.addresses import address_of
from duecourse.privacy.keyring import Keyring
from duecourse.store.shards import centre_of
from duecourse.store.sql import load

SQL = load("dispatch/links")

DEFAULT_DAYS: Final = 90
MOST_SALTS: Final = 1000
"""Codes of one attempt that may be taken already before something else must be wrong."""


@dataclass(frozen=True, slots=True)
class CodeShape:
    """What codes look like."""

    alphabet: str = string.digits + string.ascii_uppercase + string.ascii_lowercase
    length: int = 8

    def of(self, number: int) -> str:
        """The code of a number, of which only what fits counts."""
        base = len(self.alphabet)
        letters = []
        for _ in range(self.length):
            number, place = divmod(number, base)
            letters.append(self.alphabet[place])
        return "".join(letters)

    def fits(self, code: str) -> bool:
        """Whether a text could be a code at all."""
        return len(code) == self.length and all(letter in self.alphabet for letter in code)

    def read(self, typed: str) -> str | None:
        """The code that somebody typed, alone, with spaces, or as a whole address; None for what is none."""
        code = "".join(typed.split()).rstrip("/").rpartition("/")[2]
        return code if self.fits(code) else None


CODES: Final = CodeShape()


@dataclass(frozen=True, slots=True)
class LinkTerms:
    """How links are made here. public_url: '' where there is none, and no template may say `link`. days: that they hold
    for where the policy does not say.
    """

    public_url: str = ""
    days: int = DEFAULT_DAYS

    def address(self, code: str) -> str:
        """What stands in a message; '' where this installation has no address."""
        return address_of(self.public_url, code) if self.public_url and code else ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """An attempt that is to carry a code."""

    attempt_id: UUID
    message_id: UUID
    owner_lane: int
    owner_id: UUID
    channel: str
    contact_point_id: UUID
    purpose: str
    language: str
    days: int


def code_hash(keyring: Keyring, code: str) -> bytes:
    """What is kept in place of a code, 32 bytes; the first is the link's lane."""
    return keyring.index("link", code)


def code_of(keyring: Keyring, attempt_id: UUID, salt: int, shape: CodeShape = CODES) -> str:
    """The code of an attempt; another one for each salt, and the same whenever it is asked for."""
    return shape.of(int.from_bytes(keyring.index("link-code", f"{attempt_id}/{salt}")))


def mint_links(
    conn: psycopg.Connection,
    keyring: Keyring,
    wanted: Sequence[Wanted],
    *,
    now: datetime,
    shape: CodeShape = CODES,
) -> dict[UUID, str]:
    """A code for each of these attempts, written down; one statement unless a code is taken. In the claim's
    transaction.

    Raises RuntimeError when an attempt finds no free code: the alphabet is too small for what is in use.
    """
    codes: dict[UUID, str] = {}
    open_ = list(wanted)
    for salt in range(MOST_SALTS):
        if not open_:
            return codes
        tried = {one.attempt_id: code_of(keyring, one.attempt_id, salt, shape) for one in open_}
        hashed = {attempt: code_hash(keyring, code) for attempt, code in tried.items()}
        # In the order of their keys: two claims that want the same codes then wait for each other in one direction.
        open_.sort(key=lambda one: hashed[one.attempt_id])
        rows = centre_of(conn).execute(SQL["mint_links"], _parameters(open_, hashed, now))
        ours = {row[0] for row in rows}
        codes |= {attempt: tried[attempt] for attempt in ours}
        open_ = [one for one in open_ if one.attempt_id not in ours]
    raise RuntimeError(f"{len(open_)} attempts found no free code")


def drop_links(conn: psycopg.Connection, keyring: Keyring, codes: Sequence[str]) -> None:
    """Take codes back that were minted in this transaction: what was to carry them does not go."""
    if codes:
        hashes = sorted(code_hash(keyring, code) for code in codes)
        centre_of(conn).execute(
            SQL["drop_links"], {"lanes": [found[0] for found in hashes], "hashes": hashes}
        )


def _parameters(
    wanted: Sequence[Wanted], hashed: Mapping[UUID, bytes], now: datetime
) -> dict[str, list[object] | datetime]:
    return {
        "lanes": [hashed[one.attempt_id][0] for one in wanted],
        "hashes": [hashed[one.attempt_id] for one in wanted],
        "owner_lanes": [one.owner_lane for one in wanted],
        "owners": [one.owner_id for one in wanted],
        "messages": [one.message_id for one in wanted],
        "attempts": [one.attempt_id for one in wanted],
        "channels": [one.channel for one in wanted],
        "points": [one.contact_point_id for one in wanted],
        "purposes": [one.purpose for one in wanted],
        "languages": [one.language for one in wanted],
        "expires": [now + timedelta(days=one.days) for one in wanted],
        "now": now,
    }
