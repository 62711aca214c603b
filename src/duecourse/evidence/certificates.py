"""Certificates as they are kept: what each is, its file, and whether it still holds.

Nothing marks a certificate when its loan is open again: whether it holds is worked out from the book whenever somebody
asks, so that no way in which a payment can be taken back may forget it.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import class_row

from duecourse.book.wishes import EVERY_LANE, Person
from duecourse.privacy.keyring import Keyring
from duecourse.privacy.sealing import open_value, seal_value
from duecourse.store.sql import load

from .codes import certificate_code, code_hash, file_digest

SQL = load("evidence")


@dataclass(frozen=True, slots=True)
class Certificate:
    """One that was issued. Nothing in it is personal but what it is of."""

    lane: int
    certificate_id: UUID
    loan_id: UUID
    borrower_id: UUID
    creditor: str
    settled_on: date
    edition: int
    language: str
    number: str
    code_hash: bytes
    issued_on: date
    issued_at: datetime
    issued_by: str
    seal: str
    demonstration: bool
    revoked_on: date | None
    revoked_by: str | None
    revoked_why: str | None


class State(StrEnum):
    """How a certificate stands."""

    VALID = "valid"
    REOPENED = "reopened"
    """The loan is not settled any more, or was settled anew on another day."""
    WITHDRAWN = "withdrawn"
    """Taken back by staff."""


@dataclass(frozen=True, slots=True)
class Standing:
    """since: from when it holds no more; None while it does."""

    state: State
    since: date | None = None


@dataclass(frozen=True, slots=True)
class Settlement:
    """How a loan stands. unpaid: installments that still ask for something; settled_on: None where none was ever paid;
    whole: the lender has closed it, or listed all of its principal."""

    unpaid: int
    settled_on: date | None
    whole: bool

    @property
    def day(self) -> date | None:
        """When it was settled; None: it is not."""
        return self.settled_on if self.unpaid == 0 and self.whole else None


@dataclass(frozen=True, slots=True)
class SettledLoan:
    """A loan of which nothing is open."""

    lane: int
    loan_id: UUID
    loan_ref: str
    product: str
    creditor: str
    settled_on: date


def settlement_of(conn: psycopg.Connection, lane: int, loan_id: UUID, *, as_of: date) -> Settlement:
    """How a loan stands on a day of the lender's. One without installments is not settled."""
    with conn.cursor(row_factory=class_row(Settlement)) as cursor:
        given = {"lane": lane, "loan_id": loan_id, "as_of": as_of}
        return cursor.execute(SQL["standing_of"], given).fetchone() or Settlement(0, None, whole=False)


def standing_of(conn: psycopg.Connection, certificate: Certificate, *, as_of: date) -> Standing:
    """Whether a certificate holds on a day of the lender's."""
    if certificate.revoked_on is not None:
        return Standing(State.WITHDRAWN, certificate.revoked_on)
    if settlement_of(conn, certificate.lane, certificate.loan_id, as_of=as_of).day == certificate.settled_on:
        return Standing(State.VALID)
    given = {
        "lane": certificate.lane,
        "loan_id": certificate.loan_id,
        "settled_on": certificate.settled_on,
        "as_of": as_of,
    }
    row = conn.execute(SQL["reopened_on"], given).fetchone()
    return Standing(State.REOPENED, row[0] if row else None)


def certificates_of_loan(conn: psycopg.Connection, lane: int, loan_id: UUID) -> list[Certificate]:
    """All of a loan, the latest first."""
    return _found(conn, "certificates_of_loan", {"lane": lane, "loan_id": loan_id})


def certificates_of_person(conn: psycopg.Connection, person: Person) -> list[Certificate]:
    """All of a person's own loans, the latest first."""
    given = {"lanes": EVERY_LANE, "borrower_id": person.borrower_id}
    return _found(conn, "certificates_of_person", given)


def settled_of_person(conn: psycopg.Connection, person: Person, *, as_of: date) -> list[SettledLoan]:
    """A person's own loans that are settled on a day of the lender's, the latest first."""
    given = {"lanes": EVERY_LANE, "borrower_id": person.borrower_id, "as_of": as_of}
    with conn.cursor(row_factory=class_row(SettledLoan)) as cursor:
        return cursor.execute(SQL["settled_of_person"], given).fetchall()


def certificate_by_code(conn: psycopg.Connection, keyring: Keyring, code: str) -> Certificate | None:
    """The one that carries a code. code: as codes.read_code gives it."""
    given = {"lanes": EVERY_LANE, "code_hash": code_hash(keyring, code)}
    return next(iter(_found(conn, "certificates_by_code", given)), None)


def certificate_by_file(conn: psycopg.Connection, keyring: Keyring, pdf: bytes) -> Certificate | None:
    """The one that is this file, to the last bit."""
    given = {"lanes": EVERY_LANE, "digest": file_digest(keyring, pdf)}
    return next(iter(_found(conn, "certificates_by_digest", given)), None)


def file_of(conn: psycopg.Connection, keyring: Keyring, certificate: Certificate) -> bytes:
    """The signed PDF."""
    given = {"lane": certificate.lane, "certificate_id": certificate.certificate_id}
    row = conn.execute(SQL["file_of"], given).fetchone()
    assert row is not None
    return base64.b64decode(open_value(keyring, row[0], "certificate", "file", certificate.certificate_id))


def keep_certificate(
    conn: psycopg.Connection, keyring: Keyring, certificate: Certificate, pdf: bytes
) -> bool:
    """Write a certificate with its file; whether it is new. In the caller's transaction."""
    sealed = seal_value(
        keyring, base64.b64encode(pdf).decode(), "certificate", "file", certificate.certificate_id
    )
    given: dict[str, Any] = {
        name: getattr(certificate, name)
        for name in Certificate.__dataclass_fields__
        if not name.startswith("revoked")
    }
    given |= {"file_sealed": sealed, "file_digest": file_digest(keyring, pdf)}
    return conn.execute(SQL["keep_certificate"], given).rowcount > 0


def withdraw(conn: psycopg.Connection, certificate: Certificate, *, on: date, by: str, why: str) -> bool:
    """Take a certificate back; whether it still was to be taken back. In the caller's transaction."""
    given = {"lane": certificate.lane, "certificate_id": certificate.certificate_id}
    return conn.execute(SQL["revoke_certificate"], {**given, "on": on, "by": by, "why": why}).rowcount > 0


def code_of(keyring: Keyring, certificate: Certificate) -> str:
    """Its code, made anew."""
    return certificate_code(keyring, certificate.certificate_id)


def _found(conn: psycopg.Connection, name: str, given: Mapping[str, Any]) -> list[Certificate]:
    with conn.cursor(row_factory=class_row(Certificate)) as cursor:
        return cursor.execute(SQL[name], given).fetchall()
