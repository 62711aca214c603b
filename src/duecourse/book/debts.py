"""The builder of loans, and of the installments that terms give."""

from __future__ import annotations

import json

from duecourse.domain.calendars import Shift
from duecourse.domain.day_count import DayCount
from duecourse.domain.schedule import Due, Every, Method, Terms, build_schedule
from duecourse.privacy.keyring import Keyring

from .checking import currency_code
from .fields import (
    FieldMaker,
    RowReader,
    among,
    first_given,
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
