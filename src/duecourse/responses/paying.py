"""Orders at payment gateways: asked for on a page, one open for each thing to pay, asked about until they are settled.

What a gateway tells of them is responses/trades.py. Every time here is of the wall clock, by which gateways live; the
book's own clock says only on which day money came.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any, Final
from uuid import UUID

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from duecourse.book.wishes import Person
from duecourse.domain.money import Money
from duecourse.gateways.contract import Started
from duecourse.store.sql import load

SQL: Final = load("responses/paying")

FIRST_QUESTION: Final = timedelta(seconds=90)
"""After so long without a word the gateway is asked; then after as long again as the order is old."""
LONGEST_PAUSE: Final = timedelta(hours=6)
GIVE_UP: Final = timedelta(days=7)
"""So long after its end an order is asked about: transfers may take days."""
MOST_QUESTIONS: Final = 20
"""At once; the rest a moment later."""
ASK_AGAIN: Final = timedelta(seconds=3)
"""A payer who looks again makes us ask no sooner than this."""


@dataclass(frozen=True, slots=True)
class Share:
    """How much of an order is for one loan."""

    creditor: str
    loan_ref: str
    amount_minor: int

    @property
    def row(self) -> list[object]:
        """For the database."""
        return [self.creditor, self.loan_ref, self.amount_minor]


@dataclass(frozen=True, slots=True)
class PayRequest:
    """One order at a gateway."""

    lane: int
    request_id: UUID
    borrower_id: UUID
    gateway: str
    scope: str
    amount: Money
    shares: Sequence[Share]
    state: str
    """open, replaced (by a newer one for the same), closed, paid, refunded."""
    way: str | None
    pay_url: str | None
    reference: str
    created_at: datetime
    expires_at: datetime
    asked_at: datetime | None

    @property
    def order_no(self) -> str:
        """What the gateway gets as our number."""
        return self.request_id.hex

    @property
    def place(self) -> dict[str, Any]:
        """For the statements."""
        return {"lane": self.lane, "request_id": self.request_id}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody wants to pay. shares: a loan once, the oldest debt first."""

    person: Person
    gateway: str
    scope: str
    currency: str
    shares: Sequence[Share]

    @property
    def amount_minor(self) -> int:
        """Of all shares."""
        return sum(share.amount_minor for share in self.shares)


def wall_clock(conn: psycopg.Connection) -> datetime:
    """The database's own clock."""
    row = conn.execute(SQL["wall_clock"]).fetchone()
    assert row is not None
    return row[0]  # type: ignore[no-any-return]


def request_id_of(wanted: Wanted, form_id: UUID) -> UUID:
    """The id of an order: its person's lane, then a digest of person, form and what was chosen on it."""
    chosen = [wanted.gateway, wanted.scope, wanted.currency, *(share.row for share in wanted.shares)]
    told = f"pay|{wanted.person.borrower_id}|{form_id}|{json.dumps(chosen)}".encode()
    return UUID(bytes=bytes([wanted.person.lane]) + blake2b(told, digest_size=15).digest())


def find_request(conn: psycopg.Connection, order_no: str) -> PayRequest | None:
    """The order with this number; None for anything that is none of ours."""
    place = place_of(order_no)
    if place is None:
        return None
    found = rows_of(conn, "request", place)
    return request_of_row(found[0]) if found else None


def place_of(order_no: str) -> dict[str, Any] | None:
    """lane and request_id of an order number; None for what is no number of ours."""
    if len(order_no) != 32 or not set(order_no) <= set("0123456789abcdef"):
        return None
    request_id = UUID(hex=order_no)
    return {"lane": request_id.bytes[0], "request_id": request_id}


def open_request(
    conn: psycopg.Connection, wanted: Wanted, *, form_id: UUID, lasts_minutes: int, wall: datetime
) -> PayRequest:
    """The open order for what is wanted: the one there is if amount and gateway are the same, else a new one.

    form_id: of the form as it was shown; the same press twice is one order, another choice on it another. Where what is
    owed has changed, the new order takes the old one's place.
    """
    person = wanted.person
    given: dict[str, Any] = {
        "lane": person.lane,
        "borrower_id": person.borrower_id,
        "currency": wanted.currency,
        "scope": wanted.scope,
    }
    place = {"lane": person.lane, "request_id": request_id_of(wanted, form_id)}
    with conn.transaction():
        if pressed := rows_of(conn, "request", place):
            return request_of_row(pressed[0])
        for row in rows_of(conn, "open_request", given):
            known = request_of_row(row)
            same = known.gateway == wanted.gateway and list(known.shares) == list(wanted.shares)
            if same and known.expires_at > wall:
                return known
            conn.execute(SQL["replace_request"], known.place)
        conn.execute(
            SQL["add_request"],
            {
                **given,
                **place,
                "gateway": wanted.gateway,
                "amount_minor": wanted.amount_minor,
                "shares": Jsonb([share.row for share in wanted.shares]),
                "wall": wall,
                "expires_at": wall + timedelta(minutes=lasts_minutes),
                "ask_at": wall + FIRST_QUESTION,
            },
        )
        # Another press of theirs, at the same time, may have made the one that is open: theirs is the one then.
        found = rows_of(conn, "request", place) or rows_of(conn, "open_request", given)
    return request_of_row(found[0])


def keep_start(conn: psycopg.Connection, request: PayRequest, started: Started) -> None:
    """The gateway has taken the order."""
    conn.execute(
        SQL["keep_start"],
        {**request.place, "way": started.way, "pay_url": started.url, "reference": started.reference},
    )


def take_due_questions(conn: psycopg.Connection, *, wall: datetime) -> list[PayRequest]:
    """Orders that nobody has told us of for a while; whoever gets them asks. Each is given to one asker."""
    due = conn.execute(SQL["due_questions"], {"wall": wall, "most": MOST_QUESTIONS}).fetchall()
    if not due:
        return []
    given = {
        "lanes": [lane for lane, _, _, _ in due],
        "request_ids": [request_id for _, request_id, _, _ in due],
        "next_at": [_next_question(created_at, expires_at, wall) for _, _, created_at, expires_at in due],
        "wall": wall,
    }
    return [request_of_row(row) for row in rows_of(conn, "take_questions", given)]


def _next_question(created_at: datetime, expires_at: datetime, wall: datetime) -> datetime | None:
    """Twice as far away as the order is old, within bounds; None once it expired so long ago that nobody asks again."""
    if expires_at + GIVE_UP <= wall:
        return None
    return wall + min(max(wall - created_at, FIRST_QUESTION), LONGEST_PAUSE)


def take_question(conn: psycopg.Connection, request: PayRequest, *, wall: datetime) -> bool:
    """Whether the gateway may be asked about an order now because its payer looks."""
    found = rows_of(conn, "take_question", {**request.place, "wall": wall, "since": wall - ASK_AGAIN})
    return bool(found)


def rows_of(conn: psycopg.Connection, name: str, given: dict[str, Any]) -> list[dict[str, Any]]:
    """A statement's rows, by column."""
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(SQL[name], given).fetchall()


def request_of_row(row: dict[str, Any]) -> PayRequest:
    """As the table has it."""
    return PayRequest(
        lane=row["lane"],
        request_id=row["request_id"],
        borrower_id=row["borrower_id"],
        gateway=row["gateway"],
        scope=row["scope"],
        amount=Money(row["amount_minor"], row["currency"]),
        shares=[Share(*share) for share in row["shares"]],
        state=row["state"],
        way=row["way"],
        pay_url=row["pay_url"],
        reference=row["reference"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        asked_at=row["asked_at"],
    )
