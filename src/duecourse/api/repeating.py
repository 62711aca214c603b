"""Requests that may come again: the same Idempotency-Key with the same request gets the first answer.

The name is taken in the transaction that does the work, so that a process killed before its commit has taken nothing,
and one killed after it has left the answer. Of two at once one does the work; the other waits, and gets its answer.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Final

import psycopg

from duecourse.privacy.keyring import Keyring
from duecourse.store.sql import load

from .refusing import Refused

SQL = load("api")

KEPT: Final = timedelta(hours=48)
_NAME: Final = re.compile(r"[\x21-\x7e]{1,255}")


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered. repeated: it was, before."""

    status: int
    body: str
    repeated: bool = False


def once(
    conn: psycopg.Connection,
    keyring: Keyring,
    key_id: str,
    name: str,
    request: bytes,
    work: Callable[[], Answer],
) -> Answer:
    """Do the work unless a request of this name was answered; in the caller's transaction.

    request: method, address and body. Raises Refused D168 for a name that is none, D169 for another request under
    the name, and what the work raises; psycopg.errors.LockNotAvailable when another still does it.
    """
    if not _NAME.fullmatch(name):
        raise Refused(400, "D168", "Idempotency-Key: expected 1 to 255 printable ASCII characters")
    place = {"key_id": key_id, "name_digest": keyring.index("api-request", name)}
    digest = keyring.index("api-request", sha256(request).hexdigest())
    begun = conn.execute(SQL["begin_answer"], place | {"request_digest": digest, "kept": KEPT}).fetchone()
    if begun is None:
        row = conn.execute(SQL["find_answer"], place).fetchone()
        assert row is not None
        if not hmac.compare_digest(bytes(row[0]), digest):
            other = "this Idempotency-Key named another request before; nothing was done"
            raise Refused(422, "D169", other)
        return Answer(row[1], row[2], repeated=True)
    answer = work()
    conn.execute(SQL["end_answer"], place | {"status": answer.status, "body": answer.body})
    return answer


def forget_answers(conn: psycopg.Connection, take: int = 10_000) -> int:
    """Delete all answers whose time is over, so many in a transaction; how many there were."""
    forgotten = 0
    while True:
        with conn.transaction():
            gone = conn.execute(SQL["forget_answers"], {"kept": KEPT, "take": take}).rowcount
        forgotten += gone
        if gone < take:
            return forgotten
