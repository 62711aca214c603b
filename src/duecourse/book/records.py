"""What one row of a lender's file becomes: records ready for the staging tables, personal data already sealed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from hashlib import blake2b
from typing import NamedTuple
from uuid import UUID

OWN, BESIDE_LOAN, BESIDE_COMPANY = 0, 1, 2
"""How the lane of somebody new is found: by the key, beside a loan, beside a company. In this order."""


class BorrowerRecord(NamedTuple):
    """A row for stage_borrower, in its column order.

    as_party: a [[party]] describes the row, which gives way to a [borrower]. place, beside_loan and beside_company (its
    key's hash): in whose lane somebody new is placed.
    """

    row: int
    key_hash: bytes
    own_id: UUID
    borrower_key: str
    kind: str
    name_sealed: bytes | None
    id_number_sealed: bytes | None
    id_number_index: bytes | None
    language: str
    region: str
    zone: str
    zones: list[str] | None
    grade: str
    attributes: str
    collected_on: date | None
    legal_basis: str | None
    row_digest: bytes
    as_party: bool = False
    place: int = OWN
    beside_loan: UUID | None = None
    beside_company: bytes | None = None


class PartyRecord(NamedTuple):
    """A row for stage_party, in its column order: who answers for a loan, or for a company."""

    row: int
    key_hash: bytes
    role: str
    loan_id: UUID | None
    company_hash: bytes | None
    since: date | None
    until: date | None


class ContactPointRecord(NamedTuple):
    """A row for stage_contact_point, in its column order."""

    row: int
    key_hash: bytes
    own_id: UUID
    contact_point_id: UUID
    channel: str
    rank: int
    address_sealed: bytes
    address_index: bytes
    zones: list[str] | None
    collected_on: date | None
    legal_basis: str | None
    platform: str | None = None


class LoanRecord(NamedTuple):
    """A row for stage_loan, in its column order."""

    row: int
    key_hash: bytes
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
    attributes: str
    row_digest: bytes
    whole_schedule: bool


class InstallmentRecord(NamedTuple):
    """A row for stage_installment, in its column order. computed: from the loan's terms, not listed by the lender."""

    row: int
    loan_id: UUID
    number: int
    currency: str
    due_on: date
    statement_on: date | None
    due_minor: int
    balance_minor: int | None
    principal_minor: int | None
    interest_minor: int | None
    fee_minor: int
    penalty_minor: int
    computed: bool = False


class PaymentRecord(NamedTuple):
    """A row for stage_payment, in its column order."""

    row: int
    loan_id: UUID
    payment_id: UUID
    currency: str
    source: str
    reference: str
    amount_minor: int
    paid_on: date
    creditor: str
    loan_ref: str
    if_unknown: str
    if_changed: str


class ReversalRecord(NamedTuple):
    """A row for stage_reversal, in its column order."""

    row: int
    loan_id: UUID
    payment_id: UUID
    source: str
    reference: str
    reversed_on: date
    reason: str


class DebitRecord(NamedTuple):
    """A row for stage_debit, in its column order."""

    row: int
    loan_id: UUID
    debit_id: UUID
    currency: str
    source: str
    reference: str
    number: int | None
    amount_minor: int | None
    submitted_on: date | None
    wait_until: date | None
    state: str
    result_on: date | None
    code: str


class WishRecord(NamedTuple):
    """A row for stage_wish, in its column order: a consent, hold or preference.

    key_hash: None when the address or the loan says whose it is. *_local: a wall clock, in zone ('' the borrower's).
    """

    row: int
    target: str
    key_hash: bytes | None
    loan_id: UUID | None
    kind: str
    evidence: str
    granted: bool | None = None
    effect: str | None = None
    purpose: str | None = None
    channel: str | None = None
    address_kind: str | None = None
    address_index: bytes | None = None
    wish: str | None = None
    since_at: datetime | None = None
    since_local: datetime | None = None
    since_zone: str = ""
    until_at: datetime | None = None
    until_local: datetime | None = None
    until_zone: str = ""


class EventRecord(NamedTuple):
    """A row for stage_event, in its column order: something that the lender says happened.

    key_hash: None when the loan says whose it is; loan_id: None where there is no loan yet. detail: JSON. at_local: a
    wall clock, in zone ('' the borrower's); day_alone: it names no hour.
    """

    row: int
    event_id: UUID
    key_hash: bytes | None
    loan_id: UUID | None
    kind: str
    creditor: str
    product: str
    currency: str
    amount_minor: int | None
    detail: str
    at: datetime | None
    at_local: datetime | None
    at_zone: str
    day_alone: bool


class ContactDetail(NamedTuple):
    """What an audit wants to know of a contact beyond what the ledger keeps. None: not given.

    text and subject are personal: judged, and kept in no table.
    """

    line: int
    borrower_key: str | None
    loan_ref: str | None
    region: str | None
    zone: str | None
    product: str | None
    party: str
    address_kind: str | None
    by_debtor: bool
    day_alone: bool
    """Whether `at` names no hour."""
    text: str | None
    subject: str | None


class ContactRecord(NamedTuple):
    """A contact made elsewhere; all but the detail is a row for stage_contact (dispatch), in its column order. Of key,
    loan and address at least one is given; at_local: a wall clock, in zone ('' the borrower's).
    """

    row: int
    attempt_id: UUID
    system: str
    reference: str
    key_hash: bytes | None
    loan_id: UUID | None
    address_index: bytes | None
    channel: str
    purpose: str
    actor: str
    outcome: str
    template: str | None
    agent: str | None
    at: datetime | None
    at_local: datetime | None
    at_zone: str
    digest: UUID
    detail: ContactDetail


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with one row. found_and_expected holds nothing personal and no amount."""

    code: str
    column: str
    found_and_expected: str
    consequence: str = "Row not imported."
    refuses: bool = True


@dataclass(frozen=True, slots=True)
class Packed:
    """Installments as they go to the database: COPY's binary form of stage_installment. count: how many."""

    count: int
    data: bytes


@dataclass(slots=True)
class Records:
    """All records of one or more rows."""

    borrowers: list[BorrowerRecord] = field(default_factory=list)
    contact_points: list[ContactPointRecord] = field(default_factory=list)
    parties: list[PartyRecord] = field(default_factory=list)
    loans: list[LoanRecord] = field(default_factory=list)
    installments: list[InstallmentRecord] = field(default_factory=list)
    payments: list[PaymentRecord] = field(default_factory=list)
    reversals: list[ReversalRecord] = field(default_factory=list)
    debits: list[DebitRecord] = field(default_factory=list)
    wishes: list[WishRecord] = field(default_factory=list)
    events: list[EventRecord] = field(default_factory=list)
    contacts: list[ContactRecord] = field(default_factory=list)
    packed: list[Packed] = field(default_factory=list)
    """Installments beyond those above."""
    whole: Callable[[], Records] | None = None
    """Where what several rows say alike stands once here: every row's own. None where it does already."""

    def __len__(self) -> int:
        rows = len(self.borrowers) + len(self.contact_points) + len(self.parties) + len(self.loans)
        rows += len(self.installments) + len(self.payments) + len(self.reversals) + len(self.debits)
        rows += len(self.wishes) + len(self.events) + len(self.contacts)
        return rows + sum(packed.count for packed in self.packed)

    def extend(self, other: Records) -> None:
        """Take over another's records."""
        self.borrowers += other.borrowers
        self.contact_points += other.contact_points
        self.parties += other.parties
        self.loans += other.loans
        self.installments += other.installments
        self.payments += other.payments
        self.reversals += other.reversals
        self.debits += other.debits
        self.wishes += other.wishes
        self.events += other.events
        self.contacts += other.contacts
        self.packed += other.packed


def digest_of(parts: Iterable[object]) -> bytes:
    """Sixteen bytes that change when any part does. Not keyed: never for personal values."""
    return blake2b(repr(tuple(parts)).encode(), digest_size=16).digest()


def loan_id_of(creditor: str, loan_ref: str) -> UUID:
    """The id of a loan, the same at every import."""
    return UUID(bytes=digest_of(("loan", creditor, loan_ref)))


def payment_id_of(loan_id: UUID, source: str, reference: str) -> UUID:
    """The id of a payment, the same at every import."""
    return UUID(bytes=digest_of(("payment", loan_id.hex, source, reference)))


def debit_id_of(loan_id: UUID, source: str, reference: str) -> UUID:
    """The id of a debit, the same at every import."""
    return UUID(bytes=digest_of(("debit", loan_id.hex, source, reference)))


def contact_id_of(system: str, reference: str) -> UUID:
    """The id of a contact made elsewhere, the same at every import."""
    return UUID(bytes=digest_of(("contact", system, reference)))


def contact_point_id_of(own_id: UUID, channel: str, address_index: bytes) -> UUID:
    """The id of a contact point: the same address of the same customer key is the same at every import."""
    return UUID(bytes=digest_of(("contact point", own_id.hex, channel, address_index)))


def borrower_id_of(key_hash: bytes) -> UUID:
    """The id of the borrower whose customer key has this blind index, the same at every import."""
    return UUID(bytes=digest_of(("borrower", key_hash)))
