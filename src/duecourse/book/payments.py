"""One payment at a time: adding, reversing, listing what it met, and placing money that came without its loan.

For people and programs that know of one payment; files go through `importing`. Both write through the same staging, so
the same payment said in both ways is one payment.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal
from uuid import UUID

import psycopg
from psycopg.rows import class_row, dict_row

from duecourse.domain.problems import DuecourseError, Problem
from duecourse.store.sql import load

from .checking import text_within
from .parsing import FieldFault
from .records import PaymentRecord, Records, ReversalRecord, loan_id_of, payment_id_of
from .staging import SAID, Staging

SQL = load("book")
IMPORTING = load("book/importing")

NOTHING = "Nothing was written."


@dataclass(frozen=True, slots=True)
class LoanAt:
    """A loan and where it lives."""

    lane: int
    loan_id: UUID
    loan_ref: str
    creditor: str
    currency: str


@dataclass(frozen=True, slots=True)
class Share:
    """What of a payment met an installment. part: 'due' for the whole, else penalty, fee, interest or principal."""

    number: int
    part: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class PaymentLine:
    """A payment as a day knows it. A reversed one meets nothing and leaves nothing over."""

    payment_id: UUID
    source: str
    reference: str
    amount_minor: int
    paid_on: date
    reversed_on: date | None
    reason: str
    allocations: Sequence[Share]

    @property
    def unallocated_minor(self) -> int:
        """What meets nothing that the book knows to be due: over-paid, or held as credit."""
        if self.reversed_on is not None:
            return 0
        return self.amount_minor - sum(share.amount_minor for share in self.allocations)


@dataclass(frozen=True, slots=True)
class Suspended:
    """Money whose loan the book does not know."""

    suspense_id: UUID
    creditor: str
    loan_ref: str
    source: str
    reference: str
    currency: str
    amount_minor: int
    paid_on: date


Outcome = Literal["new", "changed", "same"]


def find_loan(conn: psycopg.Connection, loan_ref: str, creditor: str | None = None) -> LoanAt:
    """The loan with this contract key. Raises DuecourseError D060 (none) or D061 (of several creditors)."""
    with conn.cursor(row_factory=class_row(LoanAt)) as cursor:
        given = {"loan_ref": loan_ref, "creditor": creditor}
        found = cursor.execute(SQL["loans_by_ref"], given).fetchall()
    if not found:
        raise DuecourseError(Problem("D060", "LOAN", "no loan of the book has this contract key", NOTHING))
    if len(found) > 1:
        creditors = ", ".join(sorted(loan.creditor for loan in found))
        several = (
            f"several creditors have a loan with this contract key; say which with --creditor: {creditors}"
        )
        raise DuecourseError(Problem("D061", "LOAN", several, NOTHING))
    return found[0]


def add_payment(
    conn: psycopg.Connection,
    loan: LoanAt,
    *,
    amount_minor: int,
    currency: str,
    paid_on: date,
    source: str,
    reference: str,
    now: datetime,
) -> Outcome:
    """Record a payment and allocate its loan anew; the same one again changes nothing.

    amount_minor: above zero. Raises DuecourseError B034 when the currency is not the loan's, B050 when the book has
    this source and reference with another amount, B016 or B024 for a source or reference that no file could
    bring; then nothing is written.
    """
    source, reference = _as_in_a_file("SOURCE", source), _as_in_a_file("REFERENCE", reference)
    payment = PaymentRecord(
        1,
        loan.loan_id,
        payment_id_of(loan.loan_id, source, reference),
        currency,
        source,
        reference,
        amount_minor,
        paid_on,
        loan.creditor,
        loan.loan_ref,
        "refuse-row",
        "refuse-row",
    )
    return _write(conn, Records(payments=[payment]), "payments", now)


def suspend_payment(
    conn: psycopg.Connection,
    *,
    creditor: str,
    loan_ref: str,
    amount_minor: int,
    currency: str,
    paid_on: date,
    source: str,
    reference: str,
    now: datetime,
) -> Outcome:
    """Keep money that came without a loan it can be put to until somebody places it; the same again changes nothing.

    loan_ref: the loan it was for, unknown to the book; '' for none. Raises DuecourseError B050 when the book has this
    source and reference with another amount, B016 or B024 for a source or reference that no file could bring.
    """
    source, reference = _as_in_a_file("SOURCE", source), _as_in_a_file("REFERENCE", reference)
    loan_id = loan_id_of(creditor, loan_ref)
    payment = PaymentRecord(
        1,
        loan_id,
        payment_id_of(loan_id, source, reference),
        currency,
        source,
        reference,
        amount_minor,
        paid_on,
        creditor,
        loan_ref,
        "suspense",
        "refuse-row",
    )
    return _write(conn, Records(payments=[payment]), "suspense", now)


def reverse_payment(
    conn: psycopg.Connection,
    loan: LoanAt,
    *,
    source: str,
    reference: str,
    reversed_on: date,
    reason: str,
    now: datetime,
) -> Outcome:
    """Take a payment back from a day on, and allocate its loan anew; the same word again changes nothing.

    Raises DuecourseError D062 when the loan has no such payment. (A file may name a payment that is still to come.)
    """
    source, reference = _as_in_a_file("SOURCE", source), _as_in_a_file("REFERENCE", reference)
    payment_id = payment_id_of(loan.loan_id, source, reference)
    known = conn.execute(SQL["has_payment"], {"lane": loan.lane, "payment_id": payment_id}).fetchone()
    if known is None:
        missing = "the loan has no payment of this source and reference"
        raise DuecourseError(Problem("D062", "REFERENCE", missing, NOTHING))
    reversal = ReversalRecord(1, loan.loan_id, payment_id, source, reference, reversed_on, reason)
    return _write(conn, Records(reversals=[reversal]), "reversals", now)


def payments_of_loan(conn: psycopg.Connection, loan: LoanAt, as_of: date) -> list[PaymentLine]:
    """The payments of a loan as known on a day, by day, each with what it met."""
    given = {"lane": loan.lane, "loan_id": loan.loan_id, "as_of": as_of}
    with conn.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(SQL["payments_of_loan"], given).fetchall()
    return [
        PaymentLine(**{**row, "allocations": [Share(**share) for share in row["allocations"] or []]})
        for row in rows
    ]


def suspended(conn: psycopg.Connection) -> list[Suspended]:
    """Money that waits for its loan, the oldest first."""
    with conn.cursor(row_factory=class_row(Suspended)) as cursor:
        return cursor.execute(SQL["suspended"]).fetchall()


def place_suspended(
    conn: psycopg.Connection, loan: LoanAt, *, source: str, reference: str, now: datetime
) -> int:
    """Make money that waits under this source and reference a payment of the loan; answers its amount in minor units.

    Raises DuecourseError D064 when nothing, or more than one thing, waits under them for the loan's creditor in its
    currency; else as add_payment.
    """
    with conn.transaction():
        conn.execute(IMPORTING["lock_book"])
        given = {
            "source": source,
            "reference": reference,
            "creditor": loan.creditor,
            "currency": loan.currency,
        }
        waiting = conn.execute(SQL["suspended_as"], given).fetchall()
        if len(waiting) != 1:
            found = "nothing waits" if not waiting else f"{len(waiting)} payments wait"
            message = f"{found} under this source and reference with the loan's creditor and currency"
            raise DuecourseError(Problem("D064", "REFERENCE", message, NOTHING))
        suspense_id, amount_minor, paid_on = waiting[0]
        add_payment(
            conn,
            loan,
            amount_minor=amount_minor,
            currency=loan.currency,
            paid_on=paid_on,
            source=source,
            reference=reference,
            now=now,
        )
        conn.execute(
            SQL["place_suspended"], {"suspense_id": suspense_id, "loan_id": loan.loan_id, "now": now}
        )
    return int(amount_minor)


def _as_in_a_file(where: str, text: str) -> str:
    """Trimmed, as an import reads it: else one payment, said both ways, would be two."""
    try:
        return text_within(text, required=True)
    except FieldFault as fault:
        raise DuecourseError(Problem(fault.code, where, f"{fault}", NOTHING)) from None


def _write(conn: psycopg.Connection, records: Records, kind: str, now: datetime) -> Outcome:
    with conn.transaction():
        conn.execute(IMPORTING["lock_book"])
        staging = Staging(conn, share_person=False, by="payment")
        staging.load(records)
        problems = [Problem(code, "payment", SAID[code], NOTHING) for _, code in staging.check()]
        if problems:
            raise DuecourseError(problems)
        counts = staging.write(now=now)
    return next(_outcomes(counts, kind))


def _outcomes(counts: dict[str, int], kind: str) -> Iterator[Outcome]:
    for outcome in ("new", "changed", "same"):
        if counts[f"{kind} {outcome}"]:
            yield outcome


__all__ = [
    "LoanAt",
    "Outcome",
    "PaymentLine",
    "Share",
    "Suspended",
    "add_payment",
    "find_loan",
    "payments_of_loan",
    "place_suspended",
    "reverse_payment",
    "suspend_payment",
    "suspended",
]
