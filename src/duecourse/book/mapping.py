"""A mapping file (TOML): how one lender's file becomes borrowers, contact points, loans, installments, payments.

Loading checks everything the file says about itself and reports every fault together;
`compiling.compile_mapping` then checks it against the columns of the file to import.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from collections.abc import Mapping as MappingOf
from datetime import date
from decimal import Decimal
from itertools import accumulate
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BeforeValidator, Field, ValidationError, field_validator, model_validator

from duecourse.domain.day_count import DayCount
from duecourse.domain.problems import DuecourseError, Problem
from duecourse.domain.schedule import Every

from .debt_mapping import DebitSection, InstallmentSection, PaymentSection, ReversalSection
from .toml_lines import line_of
from .values import (
    Attribute,
    BooleanValue,
    DateRule,
    DateValue,
    IntegerRule,
    IntegerValue,
    MoneyRule,
    MoneyValue,
    NumberRule,
    NumberValue,
    Scalar,
    Section,
    Strict,
    TextRule,
    TextValue,
    Variable,
)
from .wish_mapping import ConsentSection, ContactSection, EventSection, HoldSection, PreferenceSection


class FixedField(Strict):
    """A field of a fixed-width line. start: from 1; start and width count as `counted_in` says."""

    name: str = Field(min_length=1)
    start: int = Field(ge=1)
    width: int = Field(ge=1)


def _several(value: object) -> object:
    return [value] if isinstance(value, str) else value


class Source(Strict):
    """How the file is read."""

    format: Literal["csv", "parquet", "fixed", "excel", "json", "jsonl", "auto"] = "csv"
    encoding: str = "utf-8"
    delimiter: str = Field(default=",", min_length=1, max_length=8)
    trailing_delimiter: bool = False
    """Every line ends with a delimiter, after which no cell follows."""
    quote: str = Field(default='"', max_length=1)
    header: bool = True
    columns: list[str] = Field(default=[])
    optional: list[str] = Field(default=[])
    """Columns that a file may lack; they are empty then."""
    fields: list[FixedField] = Field(default=[])
    widths: list[Annotated[int, Field(ge=1)]] = Field(default=[])
    counted_in: Literal["bytes", "characters"] = "bytes"
    sheet: str | None = None
    records: str = ""
    explode: Annotated[list[str], BeforeValidator(_several)] = Field(default=[])
    skip_lines: int = Field(default=0, ge=0)
    trailer_lines: int = Field(default=0, ge=0, le=100)
    trim: bool = True
    empty: list[str] = Field(default=[""])
    others: Literal["ignore", "refuse"] = "ignore"

    @model_validator(mode="after")
    def _columns_are_named_once(self) -> Source:
        if len(set(self.columns)) != len(self.columns):
            raise ValueError("'columns' names a column twice")
        if self.format == "fixed":
            if bool(self.fields) == bool(self.widths):
                raise ValueError("a fixed-width file needs either 'fields' or 'widths' with 'columns'")
            if self.widths and len(self.widths) != len(self.columns):
                raise ValueError("'widths' and 'columns' must be equally many")
            return self
        if self.fields or self.widths:
            raise ValueError("'fields' and 'widths' belong to format = \"fixed\"")
        if self.header and self.columns:
            raise ValueError("'columns' names the columns of a file without a header; set header = false")
        if not self.header and not self.columns:
            raise ValueError("a file without a header needs 'columns'")
        return self

    @model_validator(mode="after")
    def _keys_fit_the_format(self) -> Source:
        json = self.format in ("json", "jsonl", "auto")
        if (self.explode or self.records) and not json:
            raise ValueError('\'explode\' and \'records\' belong to JSON: format = "json", "jsonl" or "auto"')
        if self.sheet is not None and self.format not in ("excel", "auto"):
            raise ValueError("'sheet' belongs to format = \"excel\"")
        for one in self.explode:
            if not re.fullmatch(r"[^.\[\]]+(\.[^.\[\]]+)*", one):
                raise ValueError(f"'explode' names a list by names and dots alone, not {one!r}")
        return self

    def places(self) -> list[FixedField]:
        """The fields of a fixed-width line; widths follow each other from the first place."""
        if self.fields:
            return self.fields
        starts = accumulate(self.widths, initial=1)
        return [
            FixedField(name=name, start=start, width=width)
            for name, start, width in zip(self.columns, starts, self.widths, strict=False)
        ]


class Numbers(Strict):
    """How numbers are written."""

    thousands: str = Field(default="", max_length=1)
    decimal: Literal[".", ","] = "."
    scientific: bool = False


class Dates(Strict):
    """How dates are written: YYYY, MM, DD and whatever stands between."""

    formats: list[str] = Field(default=["YYYY-MM-DD"], min_length=1)


class MoneyFormat(Strict):
    """In which currency and unit amounts are, unless a field says otherwise."""

    currency: TextValue | None = None
    unit: Literal["major", "minor"] = "major"


class BorrowerSection(Section):
    """A borrower: the lender's customer key, and what is needed to reach the person lawfully."""

    key: TextValue
    kind: TextValue = TextRule(value="person")
    name: TextValue | None = None
    id_number: TextValue | None = None
    language: TextValue
    region: TextValue
    zone: TextValue | None = None
    """None, or an empty cell: what region and phone numbers say."""
    grade: TextValue = TextRule(value="")
    attributes: dict[str, Attribute] = Field(default={})
    collected_on: DateValue | None = None
    legal_basis: TextValue | None = None
    same_id_number: Literal["lane", "person"] = "lane"
    if_known: Literal["update", "keep"] = "update"
    """keep: a borrower who is in the book stays as they are there; this file only names them."""


class ContactPointSection(Section):
    """One way to reach a borrower."""

    borrower: TextValue | None = None
    channel: TextValue
    rank: IntegerValue = IntegerRule(value=1)
    address: TextValue
    platform: TextValue | None = None
    """Whose address it is: of an app's device its push service, of a WeChat OpenID the account's appid."""
    region: TextValue | None = None
    collected_on: DateValue | None = None
    legal_basis: TextValue | None = None
    if_bad: Literal["refuse-row", "leave-out"] = "refuse-row"


class PartySection(Section):
    """Somebody's role: co-borrower or guarantor of a loan, contact of a company, borrower, or applicant without a loan.

    Without `language`, and without a [borrower] to take it from, the row says no more than the role of somebody known.
    """

    role: TextValue
    key: TextValue
    loan: TextValue | None = None
    creditor: TextValue | None = None
    company: TextValue | None = None
    since: DateValue | None = None
    until: DateValue | None = None
    kind: TextValue = TextRule(value="person")
    name: TextValue | None = None
    id_number: TextValue | None = None
    language: TextValue | None = None
    region: TextValue | None = None
    zone: TextValue | None = None
    collected_on: DateValue | None = None
    legal_basis: TextValue | None = None


class ScheduleSection(Strict):
    """Terms from which a schedule is computed when the file lists no installments."""

    periods: IntegerValue
    first_due_on: DateValue
    every: str = "1m"
    due_day: IntegerValue | None = None
    month_end: bool = False
    day_count: DayCount | None = Field(default=None, strict=False)
    balloon: MoneyValue | None = None
    principal_grace: IntegerValue | None = None
    interest_grace: IntegerValue | None = None
    total: MoneyValue | None = None

    @model_validator(mode="after")
    def _every_is_an_interval(self) -> ScheduleSection:
        Every.of(self.every)
        return self


class LoanSection(Section):
    """A loan contract."""

    ref: TextValue
    borrower: TextValue | None = None
    creditor: TextValue
    product: TextValue
    rate_type: TextValue = TextRule(value="fixed")
    method: TextValue
    currency: TextValue | None = None
    principal: MoneyValue | None = None
    annual_rate: NumberValue | None = None
    started_on: DateValue | None = None
    day_count: TextValue | None = None
    due_day: TextValue | None = None
    shift: TextValue = TextRule(value="none")
    autopay: BooleanValue | None = None
    state: TextValue = TextRule(value="open")
    attributes: dict[str, Attribute] = Field(default={})
    schedule: ScheduleSection | None = None


class FeedSection(Strict):
    """Whose payments the file brings, and through which day it has them all."""

    creditor: str = Field(min_length=1, pattern=r"^[^{}]*$")
    source: str = Field(min_length=1, pattern=r"^[^{}]*$")
    complete_through: date | None = None


class Mapping(Strict):
    """The whole file."""

    mapping: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")
    about: str = ""
    source: Source = Source()
    numbers: Numbers = Numbers()
    dates: Dates = Dates()
    money: MoneyFormat = MoneyFormat()
    lookup: dict[str, dict[str, Scalar]] = Field(default={})
    vars: dict[str, Variable] = Field(default={})
    borrower: BorrowerSection | None = None
    contact_point: list[ContactPointSection] = Field(default=[])
    party: list[PartySection] = Field(default=[])
    loan: LoanSection | None = None
    installment: list[InstallmentSection] = Field(default=[])
    payment: list[PaymentSection] = Field(default=[])
    reversal: list[ReversalSection] = Field(default=[])
    debit: list[DebitSection] = Field(default=[])
    feed: list[FeedSection] = Field(default=[])

    @field_validator("feed", mode="before")
    @classmethod
    def _one_feed_is_a_list_of_one(cls, given: object) -> object:
        return [given] if isinstance(given, dict) else given

    consent: list[ConsentSection] = Field(default=[])
    hold: list[HoldSection] = Field(default=[])
    preference: list[PreferenceSection] = Field(default=[])
    event: list[EventSection] = Field(default=[])
    contact: list[ContactSection] = Field(default=[])

    @model_validator(mode="after")
    def _hangs_together(self) -> Mapping:
        faults: list[str] = []
        wishes = (*self.consent, *self.hold, *self.preference, *self.event)
        debts: list[InstallmentSection | PaymentSection | ReversalSection | DebitSection]
        debts = [*self.installment, *self.payment, *self.reversal, *self.debit]
        book = (self.borrower, self.loan, *self.contact_point, *self.party, *debts)
        if self.contact:
            if wishes or any(book):
                faults.append("[[contact]] stands alone: contacts made elsewhere are no part of the book")
        elif not wishes and not any(book):
            faults.append("nothing is mapped: give at least one of [borrower], [[contact_point]], [loan], …")
        if self.borrower is None:
            if self.loan is not None and self.loan.borrower is None:
                faults.append("loan.borrower is needed when there is no [borrower]")
            faults += [
                f"contact_point.{i}.borrower and .region are needed when there is no [borrower]"
                for i, point in enumerate(self.contact_point)
                if point.borrower is None or point.region is None
            ]
            faults += self._wish_faults()
        if self.loan is None:
            faults += [
                "installment, payment, reversal and debit need 'loan' and 'creditor' when there is no [loan]"
                for section in debts
                if section.loan is None or section.creditor is None
            ][:1]
        faults += self._party_faults()
        for feed in self.feed:
            faults += self._feed_faults(feed)
        if len({(feed.creditor, feed.source) for feed in self.feed}) < len(self.feed):
            faults.append("a feed is named twice; each creditor and source has one")
        if faults:
            raise ValueError("; ".join(faults))
        return self

    def _party_faults(self) -> Iterable[str]:
        """A person is described whole, or not at all."""
        for i, party in enumerate(self.party):
            given = [party.language, party.region]
            if self.borrower is None and any([*given, party.zone]) and not all(given):
                yield f"party.{i} needs language and region together when there is no [borrower]"
            if self.borrower is None and not any(given) and (party.name or party.id_number):
                yield f"party.{i} has a name or ID number, and so needs language and region"

    def _wish_faults(self) -> Iterable[str]:
        """A wish needs somebody: a borrower; or a hold its loan, or a stop its address."""
        for i, word in enumerate(self.consent):
            if word.borrower is None and (word.address is None or word.region is None):
                yield f"consent.{i} needs 'borrower', or 'address' and 'region', when there is no [borrower]"
        for i, held in enumerate(self.hold):
            if held.borrower is None and (held.loan is None or held.creditor is None):
                yield f"hold.{i} needs 'borrower', or 'loan' and 'creditor', when there is no [borrower]"
        for i, wish in enumerate(self.preference):
            if wish.borrower is None:
                yield f"preference.{i}.borrower is needed when there is no [borrower]"
        for i, event in enumerate(self.event):
            if event.borrower is None and event.loan is None:
                yield f"event.{i} needs 'borrower' or 'loan' when there is no [borrower]"

    def _feed_faults(self, feed: FeedSection) -> Iterable[str]:
        """A feed under another name than its payments would hold nothing back, and nobody would see it."""
        if not self.payment:
            yield "[feed] needs [[payment]]: it says through when payments are complete"
            return
        default = self.loan.creditor if self.loan is not None else None
        for key, said, carried in (
            ("creditor", feed.creditor, [section.creditor or default for section in self.payment]),
            ("source", feed.source, [section.source for section in self.payment]),
        ):
            constant = [rule.constant for rule in carried if rule is not None]
            if None not in constant and said not in constant:
                named = ", ".join(repr(value) for value in dict.fromkeys(constant))
                yield f"feed.{key} is {said!r}, the payments carry {named}"


Settings: TypeAlias = MappingOf[str, str]
"""Variables of [vars] by name, with the value that a person gave instead of the mapping's."""
EMPTY: Settings = {}
Target: TypeAlias = (
    BorrowerSection
    | ContactPointSection
    | PartySection
    | LoanSection
    | InstallmentSection
    | PaymentSection
    | ReversalSection
    | DebitSection
)

__all__ = ["DateRule", "Mapping", "MoneyRule", "NumberRule", "load_mapping", "parse_mapping"]


def load_mapping(path: Path, settings: Settings = EMPTY) -> Mapping:
    """Read and check a mapping file. settings: variables of its [vars] that are to have another, fixed value.

    Raises DuecourseError B001, B002 or B072 with every fault.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not UTF-8"
        raise DuecourseError(Problem("B001", str(path), f"cannot be read: {reason}")) from None
    return parse_mapping(text, str(path), settings)


def parse_mapping(text: str, where: str, settings: Settings = EMPTY) -> Mapping:
    """As load_mapping, for text already read. `where` names it in problems."""
    try:
        raw: dict[str, Any] = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise DuecourseError(Problem("B001", where, f"is not TOML: {error}")) from None
    _set(raw, where, settings)
    try:
        return Mapping.model_validate(raw)
    except ValidationError as error:
        problems = [
            Problem(
                "B002", f"{where}:{line_of(text, _path(one['loc']))}", f"{_key(one['loc'])}: {_text(one)}"
            )
            for one in error.errors(include_url=False, include_input=False)
        ]
        raise DuecourseError(problems) from None


def _set(raw: dict[str, Any], where: str, settings: Settings) -> None:
    """Put the settings over the mapping's [vars]. B072 for one that it does not have."""
    known = raw.get("vars")
    names = known if isinstance(known, dict) else {}
    problems = [
        Problem("B072", where, f"has no [vars] named '{name}'; it has {', '.join(names) or 'none'}")
        for name in settings
        if name not in names
    ]
    if problems:
        raise DuecourseError(problems)
    if settings:
        raw["vars"] = {**names, **settings}


_TAGS = {"integer", "text", "rule", "group"}


def _path(loc: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """pydantic's location without the names of union members."""
    return tuple(part for i, part in enumerate(loc) if not (i >= 2 and part in _TAGS))


def _key(loc: tuple[int | str, ...]) -> str:
    return ".".join(map(str, _path(loc))) or "the file"


def _text(error: Any) -> str:
    known = {"extra_forbidden": "is not a key of the mapping language here", "missing": "is missing"}
    message: str = known.get(error["type"], error["msg"])
    return message.removeprefix("Value error, ")
