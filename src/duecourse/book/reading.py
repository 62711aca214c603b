"""Reading the book of one borrower, as of a day. Sealed values stay sealed; who shows them opens and masks them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import class_row

from duecourse.domain.messaging import Channel
from duecourse.privacy.keyring import Keyring
from duecourse.store.sql import load

from .identity import address_index, customer_hash, id_number_index

SQL = load("book")


@dataclass(frozen=True, slots=True)
class Borrower:
    """Somebody who owes. name_sealed opens at ("borrower", "name", borrower_id), the ID number at "id_number"."""

    lane: int
    borrower_id: UUID
    borrower_key: str
    name_sealed: bytes | None
    id_number_sealed: bytes | None
    id_number_index: bytes | None
    kind: str
    collected_on: date | None
    legal_basis: str | None
    language: str
    region: str
    zone: str
    zones: list[str] | None
    """Where they may be when the lender states no zone, `zone` first; None when it does."""
    grade: str
    attributes: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ContactPoint:
    """A way to reach a borrower.

    address_sealed opens at ("contact_point", "address", contact_point_id); None once it is erased.
    """

    contact_point_id: UUID
    channel: str
    rank: int
    address_sealed: bytes | None
    state: str
    retired_reason: str | None
    collected_on: date | None
    legal_basis: str | None
    verified_at: datetime | None
    verified_how: str | None


@dataclass(frozen=True, slots=True)
class Loan:
    """A contract. annual_rate is a fraction."""

    loan_id: UUID
    loan_ref: str
    creditor: str
    product: str
    rate_type: str
    method: str
    currency: str
    principal_minor: int | None
    annual_rate: Decimal | None
    started_on: date | None
    day_count: str | None
    due_day: int | None
    due_day_source: str
    shift: str
    autopay: bool
    state: str
    attributes: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Installment:
    """What falls due, as known on the day asked. paid_minor is what payments until then met of due_minor."""

    loan_id: UUID
    number: int
    due_on: date
    contract_due_on: date
    due_provisional: bool
    statement_on: date | None
    due_minor: int
    balance_minor: int | None
    past_due_since: date | None
    grace_days: int | None
    paid_minor: int
    is_open: bool
    settled_on: date | None

    @property
    def past_due_from(self) -> date | None:
        """From which day it counts as past due while open: of a statement, the oldest minimum carried in it."""
        return (self.past_due_since or self.due_on) if self.is_open else None


@dataclass(frozen=True, slots=True)
class Payment:
    """Money that came in."""

    loan_id: UUID
    payment_id: UUID
    source: str
    reference: str
    amount_minor: int
    paid_on: date
    reversed_on: date | None
    """The first day on which it does not count any more, if that was by the day asked."""


def find_borrower(conn: psycopg.Connection, keyring: Keyring, borrower_key: str) -> Borrower | None:
    """By the lender's customer key, any of them if the person has several."""
    return _find(conn, "customer", customer_hash(keyring, borrower_key))


def find_by_id_number(conn: psycopg.Connection, keyring: Keyring, id_number: str) -> Borrower | None:
    """The first borrower who came with this ID number; others with it live in the same lane."""
    return _find(conn, "id-number", id_number_index(keyring, id_number))


def _find(conn: psycopg.Connection, kind: str, key_hash: bytes) -> Borrower | None:
    with conn.cursor(row_factory=class_row(Borrower)) as cursor:
        return cursor.execute(SQL["borrower_by_key"], {"kind": kind, "key_hash": key_hash}).fetchone()


def borrowers_of_loan(conn: psycopg.Connection, loan_ref: str) -> list[str]:
    """The customer key of the first borrower of every loan with this reference; several creditors may use it."""
    return [row[0] for row in conn.execute(SQL["borrowers_of_loan"], {"loan_ref": loan_ref})]


def find_by_address(
    conn: psycopg.Connection, keyring: Keyring, channel: Channel, address: str
) -> list[tuple[int, UUID]]:
    """Lane and id of everybody who holds or held an address."""
    index = address_index(keyring, channel, address)
    return conn.execute(SQL["borrowers_at_address"], {"address_index": index}).fetchall()


def contact_points_of(conn: psycopg.Connection, lane: int, borrower_id: UUID) -> list[ContactPoint]:
    """All of a borrower, active ones first."""
    with conn.cursor(row_factory=class_row(ContactPoint)) as cursor:
        given = {"lane": lane, "borrower_id": borrower_id}
        return cursor.execute(SQL["contact_points_of"], given).fetchall()


def loans_of(conn: psycopg.Connection, lane: int, borrower_id: UUID) -> list[Loan]:
    """All of a borrower, by creditor and reference."""
    with conn.cursor(row_factory=class_row(Loan)) as cursor:
        return cursor.execute(SQL["loans_of"], {"lane": lane, "borrower_id": borrower_id}).fetchall()


def installments_of(conn: psycopg.Connection, lane: int, borrower_id: UUID, as_of: date) -> list[Installment]:
    """All of a borrower that were known on as_of, by due day."""
    with conn.cursor(row_factory=class_row(Installment)) as cursor:
        given = {"lane": lane, "borrower_id": borrower_id, "as_of": as_of}
        return cursor.execute(SQL["installments_of"], given).fetchall()


def payments_of(conn: psycopg.Connection, lane: int, borrower_id: UUID, as_of: date) -> list[Payment]:
    """All of a borrower until as_of, by day."""
    with conn.cursor(row_factory=class_row(Payment)) as cursor:
        given = {"lane": lane, "borrower_id": borrower_id, "as_of": as_of}
        return cursor.execute(SQL["payments_of"], given).fetchall()
