"""From a row to records: one builder per target, compiled once per file."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Protocol

from duecourse.domain.messaging import Channel
from duecourse.domain.problems import DuecourseError, Problem
from duecourse.domain.schedule import Due, Method, Terms, build_schedule, revolving_minimum
from duecourse.privacy.keyring import Keyring
from duecourse.privacy.sealing import seal_value

from .checking import (
    currency_code,
    language_tag,
    normal_address,
    one_of,
    region_code,
    text_within,
    zone_name,
)
from .compiling import Notes, Scope
from .fields import Field, FieldMaker, RowReader, from_one, rank_of, rate_of, read_attributes, sensible_day
from .identity import address_index, customer_hash, id_number_index, row_digest
from .mapping import (
    BorrowerSection,
    ContactPointSection,
    InstallmentSection,
    LoanSection,
    PaymentSection,
    Section,
)
from .mapping import Mapping as MappingFile
from .parsing import FieldFault
from .records import (
    BorrowerRecord,
    ContactPointRecord,
    Fault,
    InstallmentRecord,
    LoanRecord,
    PaymentRecord,
    Records,
    borrower_id_of,
    contact_point_id_of,
    digest_of,
    loan_id_of,
    payment_id_of,
)
from .source import OpenSource, Row
from .values import TextRule

Constants = Mapping[str, str | int]
_CHANNELS = tuple(channel.value for channel in Channel)
_METHODS = tuple(method.value for method in Method)


def required(text: str) -> str:
    """Text that must be there."""
    return text_within(text, required=True)


def optional(text: str) -> str:
    """Text that may be empty."""
    return text_within(text, required=False)


class Builder(Protocol):
    """Adds the records of one target for one set of repeat variables; faults are kept by the reader."""

    def add(self, reader: RowReader, to: Records) -> None: ...  # noqa: D102


class BorrowerBuilder:
    """[borrower]"""

    def __init__(self, section: BorrowerSection, make: FieldMaker, keyring: Keyring) -> None:
        self._keyring = keyring
        self._key = make.text("key", section.key)
        self._name = make.text("name", section.name) if section.name else None
        self._id_number = make.text("id_number", section.id_number) if section.id_number else None
        self._language = make.text("language", section.language)
        self._region = make.text("region", section.region)
        self._zone = make.text("zone", section.zone)
        self._grade = make.text("grade", section.grade)
        self._attributes = make.attributes("attributes", section.attributes)
        self.personal = [field for field in (self._name, self._id_number) if field is not None]

    def add(self, reader: RowReader, to: Records) -> None:
        """One borrower."""
        key = reader.need(self._key, required)
        name = reader.get(self._name, optional) or None
        id_number = reader.get(self._id_number, optional) or None
        language = reader.need(self._language, lambda text: language_tag(required(text)))
        region = reader.need(self._region, lambda text: region_code(required(text)))
        zone = reader.need(self._zone, lambda text: zone_name(required(text)))
        grade = reader.get(self._grade, optional)
        attributes = json.dumps(read_attributes(reader, self._attributes), ensure_ascii=False, sort_keys=True)
        if reader.faults:
            return
        hashed = customer_hash(self._keyring, key)
        own_id = borrower_id_of(hashed)
        to.borrowers.append(
            BorrowerRecord(
                reader.row.number,
                hashed,
                own_id,
                key,
                seal_value(self._keyring, name, "borrower", "name", own_id) if name else None,
                seal_value(self._keyring, id_number, "borrower", "id_number", own_id) if id_number else None,
                id_number_index(self._keyring, id_number) if id_number else None,
                language,
                region,
                zone,
                grade,
                attributes,
                row_digest(self._keyring, (name, id_number, language, region, zone, grade, attributes)),
            )
        )


class ContactPointBuilder:
    """[[contact_point]]"""

    def __init__(
        self,
        section: ContactPointSection,
        make: FieldMaker,
        keyring: Keyring,
        borrower: BorrowerSection | None,
    ) -> None:
        self._keyring = keyring
        self._borrower = make.text("borrower", _given(section.borrower, borrower and borrower.key))
        self._channel = make.text("channel", section.channel)
        self._rank = make.integer("rank", section.rank)
        self._address = make.text("address", section.address)
        self._region = make.text("region", _given(section.region, borrower and borrower.region))
        self._leave_out = section.if_bad == "leave-out"
        self.personal = [self._address]

    def add(self, reader: RowReader, to: Records) -> None:
        """One contact point, or none when the address is empty."""
        before = len(reader.faults)
        channel = reader.need(self._channel, lambda text: Channel(one_of(text, _CHANNELS)))
        region = reader.need(self._region, lambda text: region_code(required(text)))
        rank = reader.get(self._rank, rank_of)
        key = reader.need(self._borrower, required)
        address = ""
        if len(reader.faults) == before:
            address = reader.get(
                self._address,
                lambda text: normal_address(channel, found, region) if (found := optional(text)) else "",
            )
        if len(reader.faults) > before:
            if self._leave_out:
                reader.faults[before:] = [
                    Fault(
                        f.code, f.column, f.found_and_expected, "Contact point not imported.", refuses=False
                    )
                    for f in reader.faults[before:]
                ]
            return
        if not address:
            return
        hashed = customer_hash(self._keyring, key)
        index = address_index(self._keyring, channel, address)
        own_id = borrower_id_of(hashed)
        point_id = contact_point_id_of(own_id, channel.value, index)
        sealed = seal_value(self._keyring, address, "contact_point", "address", point_id)
        to.contact_points.append(
            ContactPointRecord(
                reader.row.number, hashed, own_id, point_id, channel.value, rank, sealed, index
            )
        )


class LoanBuilder:
    """[loan], with its schedule when the mapping gives terms"""

    def __init__(
        self,
        section: LoanSection,
        make: FieldMaker,
        keyring: Keyring,
        borrower: BorrowerSection | None,
        currency: TextRule | None,
    ) -> None:
        self._keyring = keyring
        self._ref = make.text("ref", section.ref)
        self._borrower = make.text("borrower", _given(section.borrower, borrower and borrower.key))
        self._creditor = make.text("creditor", section.creditor)
        self._product = make.text("product", section.product)
        self._rate_type = make.text("rate_type", section.rate_type)
        self._method = make.text("method", section.method)
        self._currency = make.text("currency", _given(section.currency, currency))
        self._principal = make.money("principal", section.principal)
        self._rate = make.number("annual_rate", section.annual_rate)
        self._started_on = make.day("started_on", section.started_on)
        self._autopay = make.boolean("autopay", section.autopay)
        self._state = make.text("state", section.state)
        self._attributes = make.attributes("attributes", section.attributes)
        self._terms = section.schedule
        if section.schedule is not None:
            self._periods = make.integer("schedule.periods", section.schedule.periods)
            self._first_due_on = make.day("schedule.first_due_on", section.schedule.first_due_on)
            self._total = make.money("schedule.total", section.schedule.total)

    def add(self, reader: RowReader, to: Records) -> None:
        """One loan and the installments of its terms."""
        ref = reader.need(self._ref, required)
        key = reader.need(self._borrower, required)
        creditor = reader.need(self._creditor, required)
        product = reader.need(self._product, required)
        rate_type = reader.need(self._rate_type, lambda text: one_of(text, ("fixed", "floating")))
        method = reader.need(self._method, lambda text: one_of(text, _METHODS))
        currency = reader.need(self._currency, currency_code)
        principal = reader.get(self._principal, None, currency) if currency else None
        rate = reader.get(self._rate, rate_of)
        started_on = reader.get(self._started_on, sensible_day)
        autopay = bool(reader.get(self._autopay))
        state = reader.need(self._state, lambda text: one_of(text, ("open", "closed")))
        attributes = json.dumps(read_attributes(reader, self._attributes), ensure_ascii=False, sort_keys=True)
        if reader.faults:
            return
        loan_id = loan_id_of(creditor, ref)
        hashed = customer_hash(self._keyring, key)
        content = (creditor, ref, product, rate_type, method, currency, principal, rate, started_on, autopay)
        digest = digest_of((*content, state, attributes))
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
                autopay,
                state,
                attributes,
                digest,
                self._terms is not None,
            )  # fmt: skip
        )
        if self._terms is not None:
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
                    )  # fmt: skip
                )

    def _schedule(self, reader: RowReader, loan: LoanRecord) -> list[Due]:
        """Installments by the terms. B025 for impossible terms, B027 when the lender's own total is another."""
        assert self._terms is not None and self._first_due_on is not None
        periods = reader.need(self._periods)
        first_due_on = reader.need(self._first_due_on, sensible_day)
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
                    self._terms.month_end,
                    loan.started_on,
                    self._terms.day_count,
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


class InstallmentBuilder:
    """[[installment]]"""

    def __init__(
        self,
        section: InstallmentSection,
        make: FieldMaker,
        loan: LoanSection | None,
        currency: TextRule | None,
    ) -> None:
        self._loan = make.text("loan", _given(section.loan, loan and loan.ref))
        self._creditor = make.text("creditor", _given(section.creditor, loan and loan.creditor))
        self._currency = make.text("currency", _given(section.currency, loan and loan.currency, currency))
        self._number = make.integer("number", section.number)
        self._due_on = make.day("due_on", section.due_on)
        self._statement_on = make.day("statement_on", section.statement_on)
        self._due = make.money("due", section.due)
        self._balance = make.money("balance", section.balance)
        self._principal = make.money("principal", section.principal)
        self._interest = make.money("interest", section.interest)
        self._fee = make.money("fee", section.fee)
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
        fee = reader.get(self._fee, None, currency)
        due = (
            reader.need(self._due, None, currency) if self._due else self._minimum(reader, balance, currency)
        )
        if reader.faults:
            return
        if balance is not None and due > balance:
            raise FieldFault(
                "B026", "more is due than the statement's balance", "expected at most the balance"
            )
        if statement_on is not None and statement_on > due_on:
            raise FieldFault("B026", "the statement is dated after its due day", "expected a day before it")
        parts = principal is not None and interest is not None
        if parts and principal + interest + (fee or 0) != due:
            raise FieldFault(
                "B026", "principal, interest and fee do not add up to what is due", "expected the exact sum"
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
                fee or 0,
            )  # fmt: skip
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


class PaymentBuilder:
    """[[payment]]"""

    def __init__(
        self, section: PaymentSection, make: FieldMaker, loan: LoanSection | None, currency: TextRule | None
    ) -> None:
        self._loan = make.text("loan", _given(section.loan, loan and loan.ref))
        self._creditor = make.text("creditor", _given(section.creditor, loan and loan.creditor))
        self._currency = make.text("currency", _given(section.currency, loan and loan.currency, currency))
        self._source = make.text("source", section.source)
        self._reference = make.text("reference", section.reference)
        self._amount = make.money("amount", section.amount)
        self._paid_on = make.day("paid_on", section.paid_on)

    def add(self, reader: RowReader, to: Records) -> None:
        """One payment."""
        assert self._amount is not None and self._paid_on is not None
        ref = reader.need(self._loan, required)
        creditor = reader.need(self._creditor, required)
        source = reader.need(self._source, required)
        reference = reader.need(self._reference, required)
        paid_on = reader.need(self._paid_on, sensible_day)
        currency = reader.need(self._currency, currency_code)
        amount = reader.need(self._amount, None, currency) if currency else None
        if amount == 0:
            zero = FieldFault("B015", "a payment of zero", "leave it out with when = { …, greater = 0 }")
            reader.fault(self._amount, zero)
        if reader.faults:
            return
        loan_id = loan_id_of(creditor, ref)
        payment_id = payment_id_of(loan_id, source, reference)
        to.payments.append(
            PaymentRecord(
                reader.row.number, loan_id, payment_id, currency, source, reference, amount, paid_on
            )
        )


class RowBuilder:
    """All builders of a mapping, compiled against an open file. Raises DuecourseError B003, B004, B007 with all faults."""

    def __init__(self, mapping: MappingFile, where: str, source: OpenSource, keyring: Keyring) -> None:
        self.notes = Notes()
        self._names = source.columns
        columns = {name: index for index, name in enumerate(source.columns)}
        self._scope = Scope(mapping, columns, self.notes)
        self._keyring = keyring
        self._fields: list[Field] = []
        self._personal: list[Field] = []
        self._steps: list[tuple[Callable[[Row], bool] | None, Builder, str]] = []
        self._compile(mapping)
        self._report(mapping, where, source)
        hidden: frozenset[int] = frozenset().union(*(field.columns for field in self._personal))
        for field in self._fields:
            field.personal = field in self._personal or bool(field.columns & hidden)

    def _compile(self, mapping: MappingFile) -> None:
        keyring, currency, borrower, loan = (
            self._keyring,
            mapping.money.currency,
            mapping.borrower,
            mapping.loan,
        )
        if borrower is not None:
            self._add("borrower", borrower, lambda make: BorrowerBuilder(borrower, make, keyring))
        for i, point in enumerate(mapping.contact_point):
            self._add(
                f"contact_point.{i}",
                point,
                lambda make, point=point: ContactPointBuilder(point, make, keyring, borrower),  # type: ignore[misc]
            )
        if loan is not None:
            self._add("loan", loan, lambda make: LoanBuilder(loan, make, keyring, borrower, currency))
        for i, due in enumerate(mapping.installment):
            self._add(
                f"installment.{i}",
                due,
                lambda make, due=due: InstallmentBuilder(due, make, loan, currency),  # type: ignore[misc]
            )
        for i, paid in enumerate(mapping.payment):
            self._add(
                f"payment.{i}",
                paid,
                lambda make, paid=paid: PaymentBuilder(paid, make, loan, currency),  # type: ignore[misc]
            )

    def _add(self, key: str, section: Section, build: Callable[[FieldMaker], Builder]) -> None:
        for position, variables in enumerate(section.repeat, start=1):
            constants = {**variables, "i": position} if section.repeat != [{}] else variables
            scope = self._scope.at(key, constants)
            for name in constants:
                if name in self._scope.columns:
                    scope.fault(
                        "B004", f"'{name}' is both a repeat variable and a column; rename the variable"
                    )
            test = scope.condition(section.when) if section.when is not None else None
            make = FieldMaker(self._scope, self._names, key, constants)
            builder = build(make)
            self._fields += make.made
            self._personal += getattr(builder, "personal", [])
            self._steps.append((test, builder, key))

    def _report(self, mapping: MappingFile, where: str, source: OpenSource) -> None:
        problems = [Problem(code, where, f"{key}: {message}") for code, key, message in self._scope.faults]
        if mapping.source.others == "refuse":
            unused = [name for i, name in enumerate(source.columns) if i not in self._scope.used]
            problems += [
                Problem("B007", str(source.path), f"the column '{name}' is not used by the mapping")
                for name in unused
            ]
        if problems:
            raise DuecourseError(problems)

    def build(self, row: Row, to: Records) -> list[Fault]:
        """Add the row's records, or none of them when a fault refuses the row. Answers all faults."""
        reader = RowReader(row)
        mine = Records()
        kept: list[Fault] = []
        for test, builder, key in self._steps:
            reader.faults = []
            try:
                if test is None or test(row):
                    builder.add(reader, mine)
            except FieldFault as fault:
                reader.faults.append(Fault(fault.code, key, str(fault)))
            kept += reader.faults
        if not any(fault.refuses for fault in kept):
            to.extend(mine)
        return list(dict.fromkeys(kept))


def _given(*rules: TextRule | None) -> TextRule:
    """The first rule that is there; a value that is always empty when none is."""
    return next((rule for rule in rules if rule is not None), TextRule(value=""))
