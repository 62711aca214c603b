"""What every wish shares: who said it, since when, on what evidence; and instants as people write them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Final, Literal
from uuid import UUID

import psycopg

from duecourse.domain.messaging import Channel
from duecourse.domain.problems import DuecourseError, Problem
from duecourse.privacy.keyring import Keyring
from duecourse.store.lease import LANES
from duecourse.store.sql import load

from .addresses import normal_address
from .identity import address_index
from .parsing import FieldFault

SQL = load("book/wishes")

EVERY_LANE: Final = list(range(LANES))
"""A person may have rows in several, under one id; what is said of them is written in each."""

Source = Literal["cli", "import", "reply", "page", "api"]
"""Who told us."""


@dataclass(frozen=True, slots=True)
class Said:
    """How a wish came to be known.

    evidence: where it can be seen; nothing personal. at: since when it holds. now: when we learnt of it.
    """

    evidence: str
    source: Source
    by: str
    at: datetime
    now: datetime

    @property
    def noted(self) -> dict[str, Any]:
        """As the statements of this room take it."""
        return {
            "evidence": self.evidence,
            "source": self.source,
            "by": self.by,
            "at": self.at,
            "now": self.now,
        }


@dataclass(frozen=True, slots=True)
class Person:
    """A borrower by place."""

    lane: int
    borrower_id: UUID


def say_of_person(
    conn: psycopg.Connection, name: str, person: Person, given: Mapping[str, Any]
) -> list[tuple[Person, Any]]:
    """Write by a statement of this room in every row of a person, wherever a merge has led to; each row of it with what
    the statement answers of it. Repeated where a merge committed between finding the rows and writing in them.
    """
    answered: list[tuple[Person, Any]] = []
    with conn.transaction():
        while True:
            rows = _rows_of(conn, person.borrower_id)
            here = {"at_lanes": [one.lane for one in rows], "borrowers": [one.borrower_id for one in rows]}
            now = [(Person(*row[:2]), row[2]) for row in conn.execute(SQL[name], {**given, **here})]
            answered += now
            if {one for one, _ in now} == set(rows):
                return answered


def _rows_of(conn: psycopg.Connection, borrower_id: UUID) -> list[Person]:
    """The rows that nobody merged away of a person and of who took their place."""
    known: set[UUID] = set()
    wanted = {borrower_id}
    standing: list[Person] = []
    while wanted:
        known |= wanted
        given = {"lanes": EVERY_LANE, "borrowers": list(wanted)}
        rows = conn.execute(SQL["rows_of_person"], given).fetchall()
        standing += [Person(lane, one) for lane, one, merged_into in rows if merged_into is None]
        wanted = {merged_into for *_, merged_into in rows if merged_into is not None} - known
    return standing


def index_of_address(keyring: Keyring, address: str, region: str) -> tuple[Channel, bytes]:
    """Blind index of a phone number or e-mail address as a person writes it, with the channel it belongs to.

    region: in which a number without country code is meant. Raises DuecourseError B108.
    """
    channel = Channel.EMAIL if "@" in address else Channel.SMS
    try:
        return channel, address_index(keyring, channel, normal_address(channel, address.strip(), region))
    except (FieldFault, ValueError):
        shape = f"{len(address)} characters that are no phone number and no e-mail address"
        raise DuecourseError(
            Problem("B108", "address", f"{shape}; use +14155550123 or name@example.com", "Nothing was done.")
        ) from None


def instant_of(conn: psycopg.Connection, text: str, zone: str, *, end_of_day: bool = False) -> datetime:
    """An instant as people write it: ISO 8601 with its offset, or a local day or time in `zone`.

    end_of_day: a day alone lasts until it is over; else it counts from its beginning. Raises ValueError.
    """
    try:
        day = date.fromisoformat(text)
    except ValueError:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return moment
        return local_instant(conn, moment.date(), moment.time(), zone)
    return local_instant(conn, day + timedelta(days=end_of_day), time(), zone)


def local_instant(conn: psycopg.Connection, day: date, at: time, zone: str) -> datetime:
    """The instant of a wall clock in an IANA zone, by the one function that decides it."""
    row = conn.execute(SQL["local_instant"], {"day": day, "time": at, "zone": zone}).fetchone()
    assert row is not None
    return row[0]  # type: ignore[no-any-return]
