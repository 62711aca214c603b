"""A new address that a person gives us themselves: nothing goes to it before they have shown that they read what does.

Until then it stands among their contact points as retired, because unverified: no step of a policy reaches it, only the
one message that carries the code (planning/verifying.py). Whoever brings the code back gets it in place of the old one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import psycopg
from psycopg.rows import class_row

from duecourse.domain.messaging import Channel
from duecourse.privacy.keyring import Keyring
from duecourse.privacy.sealing import open_value, seal_value
from duecourse.store.sql import load

from .addresses import address_text, normal_address
from .contact_points import add_contact_point, verify_contact_point
from .identity import address_index
from .parsing import FieldFault
from .reading import Borrower
from .records import contact_point_id_of
from .residence import number_zones
from .wishes import Person

SQL = load("book/verifying")

UNVERIFIED: Final = "unverified"
"""Why such a contact point is retired."""
BY_CODE: Final = "code"
"""How such a contact point was verified."""
_BASIS: Final = "the person's own word"


@dataclass(frozen=True, slots=True)
class Proposed:
    """An address that waits to be shown right. address_sealed opens as a contact point's."""

    contact_point_id: UUID
    channel: str
    address_sealed: bytes
    proposed_at: datetime


def propose_address(
    conn: psycopg.Connection,
    keyring: Keyring,
    person: Person,
    channel: Channel,
    address: str,
    *,
    region: str,
    now: datetime,
) -> UUID | None:
    """Keep an address until its code comes back; the contact point's id, None where it is theirs and in use already.

    region: in which a number without country code is meant. Raises FieldFault B014, B019, B020 or B024, which do not
    repeat the address.
    """
    normal = normal_address(channel, address_text(channel, address), region)
    if not normal:
        raise FieldFault("B014", "nothing was given", "expected an address")
    index = address_index(keyring, channel, normal)
    point = contact_point_id_of(person.borrower_id, channel.value, index)
    row = conn.execute(
        SQL["propose_point"],
        {
            "lane": person.lane,
            "borrower_id": person.borrower_id,
            "contact_point_id": point,
            "channel": channel.value,
            "address_sealed": seal_value(keyring, normal, "contact_point", "address", point),
            "address_index": index,
            "zones": list(number_zones(normal)) or None if channel is Channel.SMS else None,
            "reason": UNVERIFIED,
            "now": now,
        },
    ).fetchone()
    return point if row else None


def proposed_addresses(conn: psycopg.Connection, person: Person) -> list[Proposed]:
    """What waits for its code, the latest first."""
    given = {"lane": person.lane, "borrower_id": person.borrower_id, "reason": UNVERIFIED}
    with conn.cursor(row_factory=class_row(Proposed)) as cursor:
        return cursor.execute(SQL["proposed_points"], given).fetchall()


def confirm_address(
    conn: psycopg.Connection, keyring: Keyring, person: Person, proposed: Proposed, *, by: str, now: datetime
) -> None:
    """Its code came back: it takes the first place of its channel, and is verified. In the caller's transaction."""
    channel = Channel(proposed.channel)
    address = open_value(
        keyring, proposed.address_sealed, "contact_point", "address", proposed.contact_point_id
    )
    given = {"lane": person.lane, "contact_point_id": proposed.contact_point_id, "reason": UNVERIFIED}
    with conn.transaction():
        conn.execute(SQL["release_point"], given)
        with conn.cursor(row_factory=class_row(Borrower)) as cursor:
            borrower = cursor.execute(
                SQL["borrower_at"], {"lane": person.lane, "borrower_id": person.borrower_id}
            ).fetchone()
        assert borrower is not None
        point, _ = add_contact_point(
            conn, keyring, borrower, channel, address, rank=1, legal_basis=_BASIS, by=by, now=now
        )
        verify_contact_point(conn, (person.lane, point), how=BY_CODE, by=by, now=now)
