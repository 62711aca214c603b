"""From a row to records: every target's builder, compiled once against an open file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from duecourse.domain.problems import DuecourseError, Problem
from duecourse.domain.zones import zones_around
from duecourse.privacy.keyring import Keyring

from .cells import Notes
from .compiling import Scope
from .contact_building import ContactBuilder
from .debts import LoanBuilder
from .event_building import EventBuilder
from .fields import Field, FieldMaker, RowReader
from .installments import InstallmentBuilder
from .mapping import BorrowerSection, ContactPointSection, LoanSection, PartySection
from .mapping import Mapping as MappingFile
from .money_in import DebitBuilder, PaymentBuilder, ReversalBuilder
from .names import ROW_NUMBER
from .parsing import FieldFault
from .people import BorrowerBuilder, ContactPointBuilder, PartyBuilder
from .records import Fault, Records
from .residence import ZonesOf
from .rows import OpenSource, Row
from .values import Section
from .wish_building import ConsentBuilder, HoldBuilder, PreferenceBuilder

_ONCE = (BorrowerSection, ContactPointSection, LoanSection, PartySection)
"""Sections that rows may repeat without harm."""


class Builder(Protocol):
    """Adds the records of one target for one set of repeat variables; faults are kept by the reader."""

    def add(self, reader: RowReader, to: Records) -> None:
        """Add what the row holds."""


@dataclass(frozen=True, slots=True)
class Step:
    """One builder of a mapping. part: of a record, see Row.part. test: whether the row has what it builds.

    columns, numbered: on what of the row all of this depends. once: what several rows say alike counts once.
    """

    part: int
    test: Callable[[Row], bool] | None
    test_columns: frozenset[int]
    test_numbered: bool
    builder: Builder
    key: str
    columns: frozenset[int]
    numbered: bool
    once: bool


class RowBuilder:
    """All builders of a mapping for one file. Raises DuecourseError B003, B004, B007 with every fault."""

    def __init__(
        self,
        mapping: MappingFile,
        where: str,
        source: OpenSource,
        keyring: Keyring,
        zones_of: ZonesOf = zones_around,
    ) -> None:
        self._zones_of = zones_of
        self.notes = Notes()
        self._names = source.columns
        self._paths = source.paths
        self._scope = Scope(mapping, source.index(), self.notes)
        self._keyring = keyring
        self._fields: list[Field] = []
        self._personal: list[Field] = []
        self.steps: list[Step] = []
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
            self._add(
                "borrower", borrower, lambda make: BorrowerBuilder(borrower, make, keyring, self._zones_of)
            )
        for i, point in enumerate(mapping.contact_point):
            self._add(
                f"contact_point.{i}",
                point,
                lambda make, point=point: ContactPointBuilder(point, make, keyring, borrower),  # type: ignore[misc]
            )
        if loan is not None:
            # The lender's installments win over those that terms beside them would give.
            terms_alone = not mapping.installment
            self._add(
                "loan",
                loan,
                lambda make: LoanBuilder(loan, make, keyring, borrower, currency, computes=terms_alone),
            )
        for i, party in enumerate(mapping.party):
            self._add(
                f"party.{i}",
                party,
                lambda make, party=party: PartyBuilder(party, make, keyring, borrower, loan, self._zones_of),  # type: ignore[misc]
            )
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
        for i, back in enumerate(mapping.reversal):
            self._add(
                f"reversal.{i}",
                back,
                lambda make, back=back: ReversalBuilder(back, make, loan),  # type: ignore[misc]
            )
        for i, debit in enumerate(mapping.debit):
            self._add(
                f"debit.{i}",
                debit,
                lambda make, debit=debit: DebitBuilder(debit, make, loan, currency),  # type: ignore[misc]
            )

        self._compile_wishes(mapping)

    def _compile_wishes(self, mapping: MappingFile) -> None:
        keyring, borrower, loan = self._keyring, mapping.borrower, mapping.loan
        for i, word in enumerate(mapping.consent):
            self._add(
                f"consent.{i}",
                word,
                lambda make, word=word: ConsentBuilder(word, make, keyring, borrower),  # type: ignore[misc]
            )
        for i, held in enumerate(mapping.hold):
            self._add(
                f"hold.{i}",
                held,
                lambda make, held=held: HoldBuilder(held, make, keyring, borrower, loan),  # type: ignore[misc]
            )
        for i, wish in enumerate(mapping.preference):
            self._add(
                f"preference.{i}",
                wish,
                lambda make, wish=wish: PreferenceBuilder(wish, make, keyring, borrower),  # type: ignore[misc]
            )

        for i, happened in enumerate(mapping.event):
            self._add(
                f"event.{i}",
                happened,
                lambda make, happened=happened: EventBuilder(  # type: ignore[misc]
                    happened, make, keyring, borrower, loan, mapping.money.currency
                ),
            )

        for i, made in enumerate(mapping.contact):
            self._add(
                f"contact.{i}",
                made,
                lambda make, made=made: ContactBuilder(made, make, keyring),  # type: ignore[misc]
            )

    def _add(self, key: str, section: Section, build: Callable[[FieldMaker], Builder]) -> None:
        for position, variables in enumerate(section.repeat, start=1):
            constants = {**variables, "i": position} if section.repeat != [{}] else variables
            before, self._scope.used = self._scope.used, set()
            scope = self._scope.at(key, constants)
            for name in constants:
                if name in self._scope.columns:
                    scope.fault(
                        "B004", f"'{name}' is both a repeat variable and a column; rename the variable"
                    )
            test = scope.condition(section.when) if section.when is not None else None
            tested = frozenset(scope.used)
            make = FieldMaker(self._scope, self._names, key, constants)
            builder = build(make)
            self._fields += make.made
            self._personal += getattr(builder, "personal", [])
            read = frozenset(self._scope.used)
            self.steps.append(
                Step(
                    self._part(scope),
                    test,
                    tested - {ROW_NUMBER},
                    ROW_NUMBER in tested,
                    builder,
                    key,
                    read - {ROW_NUMBER},
                    ROW_NUMBER in read,
                    isinstance(section, _ONCE),
                )
            )
            self._scope.used |= before

    def _part(self, scope: Scope) -> int:
        """The exploded list of a record whose elements the section reads; 0 for a section of the record itself."""
        if self._paths is None:
            return 0
        parts = {self._paths.parts[index] for index in scope.used - {ROW_NUMBER}} - {0}
        if len(parts) > 1:
            lists = " and ".join(self._paths.lists[part - 1] for part in sorted(parts))
            scope.fault("B004", f"reads from {lists} at once; make a section of its own for each")
        return max(parts, default=0)

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
        for step in self.steps:
            if step.part != row.part:
                continue
            reader.faults = []
            try:
                if step.test is None or step.test(row):
                    step.builder.add(reader, mine)
            except FieldFault as fault:
                reader.faults.append(Fault(fault.code, step.key, str(fault)))
            kept += reader.faults
        if not any(fault.refuses for fault in kept):
            to.extend(mine)
        return list(dict.fromkeys(kept))
