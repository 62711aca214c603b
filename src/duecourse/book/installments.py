"""The builder of the installments that a lender lists: of one row, and of many rows by column."""

from __future__ import annotations

from datetime import date

import numpy as np

from duecourse.domain.schedule import revolving_minimum

from .checking import currency_code
from .debt_mapping import InstallmentSection
from .factoring import BlockReader
from .fields import Field, FieldMaker, RowReader, first_given, from_one, required, sensible_day
from .mapping import LoanSection
from .packing import EPOCH, Array, Column
from .parsing import FieldFault
from .records import InstallmentRecord, Records, loan_id_of
from .values import TextRule


class InstallmentBuilder:
    """[[installment]]"""

    def __init__(
        self,
        section: InstallmentSection,
        make: FieldMaker,
        loan: LoanSection | None,
        currency: TextRule | None,
    ) -> None:
        self._loan = make.text("loan", first_given(section.loan, loan.ref if loan else None))
        self._creditor = make.text("creditor", first_given(section.creditor, loan.creditor if loan else None))
        self._currency = make.text(
            "currency", first_given(section.currency, loan.currency if loan else None, currency)
        )
        self._number = make.integer("number", section.number)
        self._due_on = make.day("due_on", section.due_on)
        self._statement_on = make.day("statement_on", section.statement_on)
        self._due = make.money("due", section.due)
        self._balance = make.money("balance", section.balance)
        self._principal = make.money("principal", section.principal)
        self._interest = make.money("interest", section.interest)
        self._fee = make.money("fee", section.fee)
        self._penalty = make.money("penalty", section.penalty)
        minimum = section.minimum
        self._percent = make.number("minimum.percent", minimum.percent) if minimum else None
        self._floor = make.money("minimum.floor", minimum.floor) if minimum else None

    def add(self, reader: RowReader, to: Records) -> None:
        """One amount that falls due."""
        assert self._due_on is not None
        ref = reader.need(self._loan, required)
        creditor = reader.need(self._creditor, required)
        number = reader.need(self._number, from_one)
        due_on = reader.need(self._due_on, sensible_day)
        statement_on = reader.need(self._statement_on, sensible_day) if self._statement_on else None
        currency = reader.need(self._currency, currency_code)
        if currency is None:
            return
        balance = reader.need(self._balance, None, currency) if self._balance else None
        principal = reader.get(self._principal, None, currency)
        interest = reader.get(self._interest, None, currency)
        fee = reader.get(self._fee, None, currency) or 0
        penalty = reader.get(self._penalty, None, currency) or 0
        due = (
            reader.need(self._due, None, currency) if self._due else self._minimum(reader, balance, currency)
        )
        if reader.faults or due is None:
            return
        if balance is not None and due > balance:
            raise FieldFault(
                "B026", "more is due than the statement's balance", "expected at most the balance"
            )
        if statement_on is not None and statement_on > due_on:
            raise FieldFault("B026", "the statement is dated after its due day", "expected a day before it")
        parts = principal is not None and interest is not None
        if parts and principal + interest + fee + penalty != due:
            raise FieldFault(
                "B026",
                "principal, interest, fee and penalty do not add up to what is due",
                "expected the exact sum",
            )
        to.installments.append(
            InstallmentRecord(
                reader.row.number,
                loan_id_of(creditor, ref),
                number,
                currency,
                due_on,
                statement_on,
                due,
                balance,
                principal,
                interest,
                fee,
                penalty,
            )
        )

    def columns(self, ask: BlockReader) -> list[Column]:
        """Of every row of a block what `add` makes of it, in the order of records.InstallmentRecord.

        Rows that break a rule are marked odd; what their columns hold is then of no use.
        """
        rows = Column(ask.block.first + np.arange(len(ask.block)))
        loan = ask.bytes_of((self._loan, self._creditor), self._loan_id, 16)
        number = ask.numbers((self._number,), lambda row: row.need(self._number, from_one), np.int32)
        currency = ask.bytes_of(
            (self._currency,), lambda row: _code(row.need(self._currency, currency_code)), 3
        )
        due_on = self._days(ask, self._due_on)
        statement_on = self._days(ask, self._statement_on)
        balance = self._amounts(ask, self._balance, needed=True)
        principal, interest = self._amounts(ask, self._principal), self._amounts(ask, self._interest)
        fee, penalty = self._amounts(ask, self._fee), self._amounts(ask, self._penalty)
        if self._due is not None:
            due = self._amounts(ask, self._due, needed=True)
        else:
            made_of = (self._balance, self._percent, self._floor, self._currency)
            due = ask.numbers(made_of, self._minimum_of)
        fee, penalty = Column(fee.values), Column(penalty.values)  # nothing given is zero
        ask.odd |= _given(balance) & (due.values > balance.values)
        ask.odd |= _given(statement_on) & (statement_on.values > due_on.values)
        parts = principal.values + interest.values + fee.values + penalty.values
        ask.odd |= _given(principal) & _given(interest) & (parts != due.values)
        computed = Column(np.zeros(len(ask.block), bool))
        return [
            rows, loan, number, currency, due_on, statement_on, due, balance, principal, interest, fee, penalty,
            computed,
        ]  # fmt: skip

    def _minimum(self, reader: RowReader, balance: int | None, currency: str) -> int | None:
        assert self._percent is not None and self._floor is not None
        percent = reader.need(self._percent)
        floor = reader.need(self._floor, None, currency)
        if balance is None or percent is None or floor is None:
            return None
        if not 0 <= percent <= 100:
            reader.fault(
                self._percent, FieldFault("B013", "the percentage is out of range", "expected 0 to 100")
            )
            return None
        return revolving_minimum(balance, percent, floor)

    def _minimum_of(self, row: RowReader) -> int | None:
        currency = row.need(self._currency, currency_code)
        balance = row.need(self._balance, None, currency) if currency and self._balance else None
        return self._minimum(row, balance, currency) if currency else None

    def _loan_id(self, row: RowReader) -> bytes | None:
        ref, creditor = row.need(self._loan, required), row.need(self._creditor, required)
        return loan_id_of(creditor, ref).bytes if ref and creditor else None

    def _days(self, ask: BlockReader, field: Field | None) -> Column:
        def read(row: RowReader) -> int | None:
            day: date | None = row.need(field, sensible_day) if field is not None else None
            return None if day is None else day.toordinal() - EPOCH

        return ask.numbers((field,), read, np.int32)

    def _amounts(self, ask: BlockReader, field: Field | None, *, needed: bool = False) -> Column:
        def read(row: RowReader) -> int | None:
            currency = row.need(self._currency, currency_code)
            if field is None or not currency:
                return None
            amount: int | None = (row.need if needed else row.get)(field, None, currency)
            return amount

        return ask.numbers((field, self._currency), read)


def _code(currency: str | None) -> bytes | None:
    return None if currency is None else currency.encode()


def _given(column: Column) -> Array:
    """Of each row whether it has a value."""
    return np.ones(len(column.values), bool) if column.given is None else column.given
