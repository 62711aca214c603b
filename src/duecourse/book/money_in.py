"""Builders of what comes in: payments, their reversals, debits and their results."""

from __future__ import annotations

from datetime import timedelta

from .checking import currency_code
from .debt_mapping import DebitSection, PaymentSection, ReversalSection
from .fields import FieldMaker, RowReader, among, first_given, from_one, optional, required, sensible_day
from .mapping import LoanSection
from .parsing import FieldFault
from .records import (
    DebitRecord,
    PaymentRecord,
    Records,
    ReversalRecord,
    debit_id_of,
    loan_id_of,
    payment_id_of,
)
from .values import TextRule

DEBIT_STATES = ("submitted", "paid", "failed", "cancelled")
_a_debit_state = among(DEBIT_STATES)
LONGEST_WAIT_DAYS = 60
"""A debit whose result did not come by then holds nothing back any more."""


class _Named:
    """What names money that came in: loan and creditor, source and reference."""

    def __init__(
        self,
        section: PaymentSection | ReversalSection | DebitSection,
        make: FieldMaker,
        loan: LoanSection | None,
    ) -> None:
        self.loan = make.text("loan", first_given(section.loan, loan.ref if loan else None))
        self.creditor = make.text("creditor", first_given(section.creditor, loan.creditor if loan else None))
        self.source = make.text("source", section.source)
        self.reference = make.text("reference", section.reference)

    def read(self, reader: RowReader, *, loan_may_miss: bool = False) -> tuple[str, str, str, str]:
        """(loan, creditor, source, reference); the reader keeps what is missing."""
        ref = reader.need(self.loan, optional if loan_may_miss else required)
        creditor = reader.need(self.creditor, required)
        return ref, creditor, reader.need(self.source, required), reader.need(self.reference, required)


class PaymentBuilder:
    """[[payment]]"""

    def __init__(
        self, section: PaymentSection, make: FieldMaker, loan: LoanSection | None, currency: TextRule | None
    ) -> None:
        self._named = _Named(section, make, loan)
        self._currency = make.text(
            "currency", first_given(section.currency, loan.currency if loan else None, currency)
        )
        self._amount = make.money("amount", section.amount)
        self._paid_on = make.day("paid_on", section.paid_on)
        self._reversed_on = make.day("reversed_on", section.reversed_on)
        self._reason = make.text("reason", first_given(section.reason))
        self._if_unknown = section.if_unknown
        self._if_changed = section.if_changed

    def add(self, reader: RowReader, to: Records) -> None:
        """One payment, and its reversal when the row has the day of one."""
        assert self._amount is not None and self._paid_on is not None
        waits = self._if_unknown == "suspense"
        ref, creditor, source, reference = self._named.read(reader, loan_may_miss=waits)
        paid_on = reader.need(self._paid_on, sensible_day)
        currency = reader.need(self._currency, currency_code)
        amount = reader.need(self._amount, None, currency) if currency else None
        reversed_on = reader.get(self._reversed_on, sensible_day)
        reason = reader.get(self._reason, optional)
        if amount == 0:
            zero = FieldFault("B015", "a payment of zero", "leave it out with when = { …, greater = 0 }")
            reader.fault(self._amount, zero)
        if reader.faults or amount is None:
            return
        loan_id = loan_id_of(creditor, ref)
        payment_id = payment_id_of(loan_id, source, reference)
        row = reader.row.number
        to.payments.append(
            PaymentRecord(
                row,
                loan_id,
                payment_id,
                currency,
                source,
                reference,
                amount,
                paid_on,
                creditor,
                ref,
                self._if_unknown,
                self._if_changed,
            )
        )
        if reversed_on is not None:
            to.reversals.append(
                ReversalRecord(row, loan_id, payment_id, source, reference, reversed_on, reason or "")
            )


class ReversalBuilder:
    """[[reversal]]"""

    def __init__(self, section: ReversalSection, make: FieldMaker, loan: LoanSection | None) -> None:
        self._named = _Named(section, make, loan)
        self._reversed_on = make.day("reversed_on", section.reversed_on)
        self._reason = make.text("reason", first_given(section.reason))

    def add(self, reader: RowReader, to: Records) -> None:
        """One payment taken back."""
        assert self._reversed_on is not None
        ref, creditor, source, reference = self._named.read(reader)
        reversed_on = reader.need(self._reversed_on, sensible_day)
        reason = reader.get(self._reason, optional)
        if reader.faults:
            return
        loan_id = loan_id_of(creditor, ref)
        payment_id = payment_id_of(loan_id, source, reference)
        to.reversals.append(
            ReversalRecord(
                reader.row.number, loan_id, payment_id, source, reference, reversed_on, reason or ""
            )
        )


class DebitBuilder:
    """[[debit]]"""

    def __init__(
        self, section: DebitSection, make: FieldMaker, loan: LoanSection | None, currency: TextRule | None
    ) -> None:
        self._named = _Named(section, make, loan)
        self._currency = make.text(
            "currency", first_given(section.currency, loan.currency if loan else None, currency)
        )
        self._number = make.integer("number", section.number) if section.number is not None else None
        self._amount = make.money("amount", section.amount)
        self._submitted_on = make.day("submitted_on", section.submitted_on)
        self._wait_days = make.integer("wait_days", section.wait_days)
        self._state = make.text("state", section.state)
        self._result_on = make.day("result_on", section.result_on)
        self._code = make.text("code", first_given(section.code))

    def add(self, reader: RowReader, to: Records) -> None:
        """One instruction or result. B051 when its days and its state contradict each other."""
        ref, creditor, source, reference = self._named.read(reader)
        currency = reader.need(self._currency, currency_code)
        amount = reader.get(self._amount, None, currency) if currency else None
        number = reader.get(self._number, from_one)
        submitted_on = reader.get(self._submitted_on, sensible_day)
        wait_days = reader.need(self._wait_days, _wait_of)
        state = reader.need(self._state, _a_debit_state)
        result_on = reader.get(self._result_on, sensible_day)
        code = reader.get(self._code, optional)
        if reader.faults:
            return
        _check_days(state, submitted_on is not None, result_on is not None)
        if submitted_on is not None and result_on is not None and result_on < submitted_on:
            raise FieldFault(
                "B051", "the result comes before the submission", "expected it on that day or after"
            )
        loan_id = loan_id_of(creditor, ref)
        to.debits.append(
            DebitRecord(
                reader.row.number,
                loan_id,
                debit_id_of(loan_id, source, reference),
                currency,
                source,
                reference,
                number,
                amount,
                submitted_on,
                submitted_on + timedelta(wait_days) if submitted_on is not None else None,
                state,
                result_on,
                code or "",
            )
        )


def _check_days(state: str, submitted: bool, answered: bool) -> None:
    if state == "submitted" and not submitted:
        raise FieldFault("B051", "a debit submitted on no day", "expected submitted_on")
    if (state == "submitted") == answered:
        raise FieldFault(
            "B051", f"a debit that is '{state}'", "expected result_on when it is paid, failed or cancelled"
        )


def _wait_of(value: int | None) -> int | None:
    if value is not None and not 0 <= value <= LONGEST_WAIT_DAYS:
        raise FieldFault("B024", f"'{value}'", f"expected 0 to {LONGEST_WAIT_DAYS} days")
    return value
