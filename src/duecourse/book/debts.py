"""Builders of loans and installments."""

from __future__ import annotations

import json

from duecourse.domain.calendars import Shift
from duecourse.domain.day_count import DayCount
from duecourse.domain.schedule import Due, Every, Method, Terms, build_schedule, revolving_minimum
from duecourse.privacy.keyring import Keyring

from .checking import currency_code
from .debt_mapping import InstallmentSection
from .fields import (
    FieldMaker,
    RowReader,
    among,
    first_given,
    from_one,
    rate_of,
    read_attributes,
    required,
    sensible_day,
)
from .identity import customer_hash
from .mapping import BorrowerSection, LoanSection
from .parsing import FieldFault
from .records import (
    InstallmentRecord,
    LoanRecord,
    Records,
    digest_of,
    loan_id_of,
)
from .values import TextRule

_a_rate_type, _a_state = among(("fixed", "floating")), among(("open", "closed"))
_a_method = among(tuple(method.value for method in Method))
_a_day_count = among(tuple(count.value for count in DayCount))
_a_shift = among(tuple(shift.value for shift in Shift))
_ALLOTTED = "allotted"


class LoanBuilder:
    """[loan], with its schedule when the mapping gives terms.

    computes: False where the lender lists the installments; of the terms the loan then keeps day count and due day.
    """

    def __init__(
        self,
        section: LoanSection,
        make: FieldMaker,
        keyring: Keyring,
        borrower: BorrowerSection | None,
        currency: TextRule | None,
        *,
        computes: bool = True,
    ) -> None:
        self._keyring = keyring
        self._computes = computes and section.schedule is not None
        self._ref = make.text("ref", section.ref)
        self._borrower = make.text(
            "borrower", first_given(section.borrower, borrower.key if borrower else None)
        )
        self._creditor = make.text("creditor", section.creditor)
        self._product = make.text("product", section.product)
        self._rate_type = make.text("rate_type", section.rate_type)
        self._method = make.text("method", section.method)
        self._currency = make.text("currency", first_given(section.currency, currency))
        self._principal = make.money("principal", section.principal)
        self._rate = make.number("annual_rate", section.annual_rate)
        self._started_on = make.day("started_on", section.started_on)
        self._day_count = make.text("day_count", first_given(section.day_count))
        self._due_day = make.text("due_day", first_given(section.due_day))
        self._shift = make.text("shift", section.shift)
        self._autopay = make.boolean("autopay", section.autopay)
        self._state = make.text("state", section.state)
        self._attributes = make.attributes("attributes", section.attributes)
        self._terms = section.schedule
        if section.schedule is not None:
            self._periods = make.integer("schedule.periods", section.schedule.periods)
            self._first_due_on = make.day("schedule.first_due_on", section.schedule.first_due_on)
            self._schedules_due_day = make.optional_integer("schedule.due_day", section.schedule.due_day)
            self._balloon = make.money("schedule.balloon", section.schedule.balloon)
            self._principal_grace = make.optional_integer(
                "schedule.principal_grace", section.schedule.principal_grace
            )
            self._interest_grace = make.optional_integer(
                "schedule.interest_grace", section.schedule.interest_grace
            )
            self._total = make.money("schedule.total", section.schedule.total)

    def add(self, reader: RowReader, to: Records) -> None:
        """One loan and the installments of its terms."""
        ref = reader.need(self._ref, required)
        key = reader.need(self._borrower, required)
        creditor = reader.need(self._creditor, required)
        product = reader.need(self._product, required)
        rate_type = reader.need(self._rate_type, _a_rate_type)
        method = reader.need(self._method, _a_method)
        currency = reader.need(self._currency, currency_code)
        principal = reader.get(self._principal, None, currency) if currency else None
        rate = reader.get(self._rate, rate_of)
        started_on = reader.get(self._started_on, sensible_day)
        day_count = reader.get(self._day_count, _day_count) or self._schedules_day_count
        due_day = reader.get(self._due_day, _due_day) or self._due_day_of_terms(reader)
        shift = reader.need(self._shift, _a_shift)
        autopay = bool(reader.get(self._autopay))
        state = reader.need(self._state, _a_state)
        attributes = json.dumps(read_attributes(reader, self._attributes), ensure_ascii=False, sort_keys=True)
        if reader.faults:
            return
        loan_id = loan_id_of(creditor, ref)
        hashed = customer_hash(self._keyring, key)
        content = (creditor, ref, product, rate_type, method, currency, principal, rate, started_on, autopay)
        digest = digest_of((*content, day_count, due_day, shift, state, attributes))
        to.loans.append(
            LoanRecord(
                reader.row.number,
                hashed,
                loan_id,
                ref,
                creditor,
                product,
                rate_type,
                method,
                currency,
                principal,
                rate,
                started_on,
                day_count,
                None if due_day == _ALLOTTED else due_day,
                _ALLOTTED if due_day == _ALLOTTED else "contract",
                shift,
                autopay,
                state,
                attributes,
                digest,
                self._computes,
            )
        )
        if self._computes:
            for due in self._schedule(reader, to.loans[-1]):
                to.installments.append(
                    InstallmentRecord(
                        reader.row.number,
                        loan_id,
                        due.number,
                        currency,
                        due.due_on,
                        None,
                        due.due_minor,
                        None,
                        due.principal_minor,
                        due.interest_minor,
                        0,
                        0,
                        computed=True,
                    )
                )

    def _due_day_of_terms(self, reader: RowReader) -> int | None:
        """B024 unless it is a day of the month."""
        field = self._schedules_due_day if self._terms is not None else None
        day: int | None = reader.get(field)
        if field is not None and day is not None and not 1 <= day <= 31:
            reader.fault(field, FieldFault("B024", f"'{day}'", "expected a day of the month, 1 to 31"))
            return None
        return day

    @property
    def _schedules_day_count(self) -> str | None:
        terms = self._terms
        return terms.day_count.value if terms is not None and terms.day_count is not None else None

    def _schedule(self, reader: RowReader, loan: LoanRecord) -> list[Due]:
        """Installments by the terms. B025 for impossible terms, B027 when the lender's own total is another."""
        assert self._terms is not None and self._first_due_on is not None
        periods = reader.need(self._periods)
        first_due_on = reader.need(self._first_due_on, sensible_day)
        balloon = reader.get(self._balloon, None, loan.currency)
        principal_grace = reader.get(self._principal_grace)
        interest_grace = reader.get(self._interest_grace)
        total = reader.get(self._total, None, loan.currency)
        if reader.faults:
            return []
        try:
            if loan.principal_minor is None or loan.annual_rate is None:
                raise ValueError("a schedule needs principal and annual_rate")
            dues = build_schedule(
                Method(loan.method),
                Terms(
                    loan.principal_minor,
                    loan.annual_rate,
                    periods,
                    first_due_on,
                    month_end=self._terms.month_end,
                    started_on=loan.started_on,
                    day_count=self._terms.day_count,
                    every=Every.of(self._terms.every),
                    due_day=reader.get(self._schedules_due_day) or loan.due_day,
                    balloon_minor=balloon or 0,
                    principal_grace=principal_grace or 0,
                    interest_grace=interest_grace or 0,
                ),
            )
        except ValueError as error:
            reader.fault(self._periods, FieldFault("B025", str(error), "mend the terms"))
            return []
        if total is not None and total != sum(due.due_minor for due in dues):
            differs = "the schedule by these terms adds up to another total than the lender's"
            reader.fault(self._periods, FieldFault("B027", differs, "list the lender's installments instead"))
            return []
        return dues


def _day_count(text: str) -> str | None:
    return _a_day_count(text) if text else None


def _due_day(text: str) -> int | str | None:
    """A day of the month, or that the system allots one; None for nothing. B024."""
    if text in ("", _ALLOTTED):
        return text or None
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 31):
        raise FieldFault("B024", f"'{text[:20]}'", f"expected a day of the month, 1 to 31, or '{_ALLOTTED}'")
    return int(text)


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
