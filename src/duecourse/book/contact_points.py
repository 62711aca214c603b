"""Contact points: what leaves the book's list of ways to reach somebody, and what is seen to be right."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import dict_row

from duecourse.domain.messaging import Channel
from duecourse.privacy.keyring import Keyring
from duecourse.privacy.sealing import seal_value
from duecourse.store.sql import load

from .addresses import address_text, normal_address, platform_of
from .identity import address_index, customer_hash
from .parsing import FieldFault
from .parties import SQL as PARTIES
from .reading import Borrower
from .records import ContactPointRecord, Records, contact_point_id_of
from .residence import number_zones
from .staging import Staging

SQL = load("book")


def add_contact_point(
    conn: psycopg.Connection,
    keyring: Keyring,
    borrower: Borrower,
    channel: Channel,
    address: str,
    *,
    rank: int,
    platform: str = "",
    legal_basis: str | None = None,
    by: str,
    now: datetime,
) -> tuple[UUID, bool]:
    """A way to reach somebody, as an import would bring it: it replaces the one of its channel and rank, and takes over
    what was said of its address. Answers its id and whether anything changed. What was retired for another reason
    than 'replaced' does not come back.

    Raises FieldFault B014, B016, B019, B020, B024 or B066 to B069, which do not repeat the address.
    """
    normal = normal_address(channel, address_text(channel, address), borrower.region)
    index = address_index(keyring, channel, normal)
    hashed = customer_hash(keyring, borrower.borrower_key)
    point = contact_point_id_of(borrower.borrower_id, channel.value, index)
    record = ContactPointRecord(
        1,
        hashed,
        borrower.borrower_id,
        point,
        channel.value,
        rank,
        seal_value(keyring, normal, "contact_point", "address", point),
        index,
        list(number_zones(normal)) or None if channel in (Channel.SMS, Channel.VOICE) else None,
        None,
        legal_basis,
        platform_of(channel, platform),
    )
    staging = Staging(conn, share_person=False, by=by)
    with conn.transaction():
        staging.load(Records(contact_points=[record]))
        if staging.check():
            raise FieldFault("B033", "the record was merged into another", "use the key of the one kept")
        counts = staging.write(now=now)
    return point, counts["contact_points same"] == 0


def retire_contact_points(
    conn: psycopg.Connection, points: Sequence[tuple[int, UUID]], *, reason: str, now: datetime
) -> int:
    """Retire contact points, given as (lane, id), with history; answers how many were still active.

    An import brings none of them back: only 'replaced', which an import itself sets, gives way to the file.
    Runs in the caller's transaction when there is one.
    """
    given = {
        "lanes": [lane for lane, _ in points],
        "ids": [point for _, point in points],
        "reason": reason,
        "now": now,
    }
    with conn.transaction():
        conn.execute(SQL["keep_contact_points"], given)
        return conn.execute(SQL["retire_contact_points"], given).rowcount


def restore_contact_points(
    conn: psycopg.Connection, points: Sequence[tuple[int, UUID]], *, reason: str, now: datetime
) -> int:
    """Make contact points active again, given as (lane, id), that were retired for this reason; answers how many were.

    What a person took for wrong by mistake comes back; one retired for another reason, or erased since, does not.
    """
    given = {
        "lanes": [lane for lane, _ in points],
        "ids": [point for _, point in points],
        "reason": reason,
        "now": now,
    }
    with conn.transaction():
        return conn.execute(SQL["restore_contact_points"], given).rowcount


def verify_contact_point(
    conn: psycopg.Connection, point: tuple[int, UUID], *, how: str, by: str, now: datetime
) -> int:
    """Note that somebody saw a contact point, given as (lane, id), to reach its party; its row before goes to history.

    how: a word, nothing personal. Answers how many rows were active: one, and one for each presence of the party.
    """
    return verify_contact_points(conn, [point], how=how, by=by, now=now)


def verify_contact_points(
    conn: psycopg.Connection, points: Sequence[tuple[int, UUID]], *, how: str, by: str, now: datetime
) -> int:
    """The same for several at once."""
    given = {
        "lanes": [lane for lane, _ in points],
        "ids": [point for _, point in points],
        "how": how,
        "by": by,
        "now": now,
    }
    with conn.transaction():
        conn.execute(SQL["keep_contact_points"], given)
        return conn.execute(PARTIES["verify_point"], given).rowcount


def contact_points_due(
    conn: psycopg.Connection, *, now: datetime, days: int, failures: int, take: int | None = None
) -> list[dict[str, Any]]:
    """Active contact points to be verified again, those that failed first, then the longest unseen.

    days: since they were last seen to be right; failures: refused attempts since then and since the last delivery.
    0 of either: never for that reason. take: at most so many.
    """
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            PARTIES["points_due"],
            {
                "seen_before": now - timedelta(days=days) if days else None,
                "failures": failures or None,
                "take": take,
            },
        ).fetchall()
