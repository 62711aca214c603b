"""Payments told by a program, up to a thousand at once: the good ones go in, each bad one is named with its code."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation

import psycopg
from psycopg.rows import class_row

from duecourse.domain.money import MoneyError, minor_digits, to_minor
from duecourse.domain.problems import Problem
from duecourse.store.sql import load

from .checking import text_within
from .fields import sensible_day
from .parsing import FieldFault
from .payments import LoanAt, Outcome
from .records import PaymentRecord, Records, payment_id_of
from .staging import SAID, Staging

SQL = load("book")
IMPORTING = load("book/importing")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
EXPECTED_DAY = "expected a day as YYYY-MM-DD from 1900 to 2200"
NOT_IN = "This payment was not recorded."


@dataclass(frozen=True, slots=True)
class ToldPayment:
    """A payment as it was told. creditor: where several have the contract key; currency: None is the loan's."""

    loan: str
    amount: str
    paid_on: str
    source: str
    reference: str
    creditor: str | None = None
    currency: str | None = None


@dataclass(frozen=True, slots=True)
class _Plain:
    """The same with its texts as a file would bring them."""

    loan: str
    source: str
    reference: str
    paid_on: date
    creditor: str | None


def add_payments(
    conn: psycopg.Connection, told: Mapping[int, ToldPayment], *, now: datetime
) -> dict[int, Outcome | Problem]:
    """Record payments by their row numbers, and allocate their loans anew; what became of each.

    One that the book has already is 'same'. Refused are B012 to B024 (a field), B045 (no such loan, or of several
    creditors), B030 and B031 (an earlier row is the same payment), B034 (not the loan's currency), B050 (the book has
    it with another amount).
    """
    results: dict[int, Outcome | Problem] = {}
    plain: dict[int, _Plain] = {}
    for row, payment in told.items():
        try:
            plain[row] = _plain(payment)
        except _Bad as bad:
            results[row] = bad.problem
    with conn.transaction():
        conn.execute(IMPORTING["lock_book"])
        loans = _loans(conn, [one.loan for one in plain.values()])
        records = []
        for row, one in plain.items():
            try:
                records.append(_record(row, one, told[row], _the_loan(one, loans[one.loan])))
            except _Bad as bad:
                results[row] = bad.problem
        if records:
            results |= _write(conn, records, now)
    return dict(sorted(results.items()))


class _Bad(Exception):  # noqa: N818 - a fault of what was told
    def __init__(self, code: str, where: str, message: str) -> None:
        super().__init__(code)
        self.problem = Problem(code, where, message, NOT_IN)


def _plain(payment: ToldPayment) -> _Plain:
    texts = {}
    for field in ("loan", "source", "reference", "creditor"):
        given = getattr(payment, field)
        try:
            texts[field] = text_within(given, required=True) if given is not None else None
        except FieldFault as fault:
            raise _Bad(fault.code, field, str(fault)) from None
    try:
        day = sensible_day(date.fromisoformat(payment.paid_on)) if _DAY.fullmatch(payment.paid_on) else None
    except (ValueError, FieldFault):
        raise _Bad("B012", "paid_on", EXPECTED_DAY) from None
    if day is None:
        raise _Bad("B012", "paid_on", EXPECTED_DAY)
    return _Plain(
        texts["loan"] or "", texts["source"] or "", texts["reference"] or "", day, texts["creditor"]
    )


def _loans(conn: psycopg.Connection, refs: Sequence[str]) -> dict[str, list[LoanAt]]:
    found: dict[str, list[LoanAt]] = defaultdict(list)
    with conn.cursor(row_factory=class_row(LoanAt)) as cursor:
        for loan in cursor.execute(SQL["loans_by_refs"], {"refs": sorted(set(refs))}):
            found[loan.loan_ref].append(loan)
    return found


def _the_loan(payment: _Plain, loans: Sequence[LoanAt]) -> LoanAt:
    named = [loan for loan in loans if payment.creditor in (None, loan.creditor)]
    if not named:
        raise _Bad("B045", "loan", "no loan of the book has this contract key and creditor")
    if len(named) > 1:
        raise _Bad("B045", "creditor", "several creditors have a loan with this contract key; say which")
    return named[0]


def _record(row: int, one: _Plain, told: ToldPayment, loan: LoanAt) -> PaymentRecord:
    currency = told.currency or loan.currency
    try:
        minor_digits(currency)
    except MoneyError:
        raise _Bad("B022", "currency", "expected an ISO 4217 code of money") from None
    try:
        minor = to_minor(Decimal(told.amount), currency)
    except (InvalidOperation, MoneyError, ValueError):
        minor = 0
    if minor <= 0:
        raise _Bad(
            "B015", "amount", "expected an exact amount above zero in the currency's units, as 1234.50"
        )
    payment_id = payment_id_of(loan.loan_id, one.source, one.reference)
    return PaymentRecord(
        row, loan.loan_id, payment_id, currency, one.source, one.reference, minor, one.paid_on, loan.creditor,
        loan.loan_ref, "refuse-row", "refuse-row",
    )  # fmt: skip


def _write(
    conn: psycopg.Connection, records: Sequence[PaymentRecord], now: datetime
) -> dict[int, Outcome | Problem]:
    staging = Staging(conn, share_person=False, by="payment")
    staging.load(Records(payments=list(records)))
    results: dict[int, Outcome | Problem] = {
        row: Problem(code, "payment", SAID[code], NOT_IN) for row, code in staging.check()
    }
    results |= dict(conn.execute(IMPORTING["tell_payments"]).fetchall())
    staging.write(now=now)
    return results
