"""A mapping's values, compiled against one file's columns into functions of a row.

Everything a mapping can get wrong about the file is found here, before the first row is read: unknown columns,
variables, lookups, ambiguous names, impossible formats. Compiled once per file, run once per row and field.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from hashlib import blake2b
from typing import Any

from duecourse.domain.money import MoneyError, to_minor
from duecourse.domain.schedule import add_months

from .cells import Notes, Read, as_text, joined, spelled, within
from .mapping import Mapping as MappingFile
from .parsing import (
    FieldFault,
    date_parser,
    month_of,
    native_date,
    native_number,
    number_parser,
    quoted,
    shape,
)
from .source import Row
from .values import (
    AttributeRule,
    BooleanRule,
    Condition,
    DateRule,
    IntegerRule,
    MoneyRule,
    NumberRule,
    Rule,
    TextRule,
)

_HOLE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_FORMAT = re.compile(r"0?[1-9][0-9]?d?")


@dataclass
class Scope:
    """Names a value may use: repeat variables before [vars] before `row` and `i` before the file's columns."""

    mapping: MappingFile
    columns: Mapping[str, int]
    notes: Notes
    faults: list[tuple[str, str, str]] = field(default_factory=list)
    """(code, key, message) of everything found wrong."""
    constants: Mapping[str, str | int] = field(default_factory=dict)
    key: str = ""
    used: set[int] = field(default_factory=set)
    _compiling: tuple[str, ...] = ()

    def at(self, key: str, constants: Mapping[str, str | int] | None = None) -> Scope:
        """The same file, for another key of the mapping."""
        return Scope(
            self.mapping,
            self.columns,
            self.notes,
            self.faults,
            self.constants if constants is None else constants,
            key,
            self.used,
            self._compiling,
        )

    def fault(self, code: str, message: str) -> Read:
        """Note what is wrong with the mapping; the value read instead is never used."""
        if (code, self.key, message) not in self.faults:
            self.faults.append((code, self.key, message))
        return lambda row: ""

    # -- text ------------------------------------------------------------------------------------------------

    def raw(self, rule: Rule) -> Read:
        """The cell or the template's text; '' when the file counts it as empty."""
        if rule.column is not None:
            return self._column(self._fixed(rule.column))
        if isinstance(rule.value, str):
            if not _HOLE.search(rule.value):
                text = rule.value
                return lambda row: text
            return self.template(rule.value)
        constant = rule.value
        return lambda row: constant

    def text(self, rule: TextRule | AttributeRule) -> Read:
        """Text; numbers and dates of a typed file in their plainest form."""
        if rule.choose is not None:
            return self._choose(rule.choose, self.text, "")
        raw = self._looked_up(rule, self.raw(rule))
        return lambda row: as_text(raw(row))

    def _column(self, name: str) -> Read:
        index = self.columns.get(name)
        if index is None:
            return self.fault("B003", f"the file has no column '{name}'")
        self.used.add(index)
        source = self.mapping.source
        empty, trim = frozenset(source.empty), source.trim

        def read(row: Row) -> object:
            cell = row.cells[index]
            if cell is None:
                return ""
            if isinstance(cell, str):
                if trim:
                    cell = cell.strip()
                return "" if cell in empty else cell
            return cell

        return read

    def _fixed(self, template: str) -> str:
        """A column name, in which only repeat variables may stand: {month} is known before any row is."""
        return _HOLE.sub(
            lambda hole: str(self.constants.get(hole[1] or "", hole[0])) if hole[1] else hole[0], template
        )

    def template(self, template: str) -> Read:
        """Text with {name} or {name:08d} put in place; {{ and }} are braces."""
        parts: list[str | Read] = []
        position = 0
        for hole in _HOLE.finditer(template):
            parts.append(template[position : hole.start()])
            position = hole.end()
            if hole[0] in ("{{", "}}"):
                parts.append(hole[0][0])
            elif hole[0] in ("{", "}"):
                return self.fault("B004", f"{quoted(template)} has an unpaired brace; write {{{{ for a brace")
            else:
                parts.append(self._hole(hole[1]))
        parts.append(template[position:])
        return joined([part for part in parts if part != ""])

    def _hole(self, written: str) -> str | Read:
        name, _, spec = written.partition(":")
        if name in self.constants:
            constant = self.constants[name]
            return str(constant) if not spec else self._spelled(lambda row: constant, spec)
        read = self._name(name)
        return self._spelled(read, spec) if spec else read

    def _spelled(self, read: Read, spec: str) -> Read:
        if not _FORMAT.fullmatch(spec):
            return self.fault(
                "B004", f"'{spec}' is not a width; write {{row:08d}} for eight digits with zeros"
            )
        return spelled(read, int(spec.rstrip("d")), spec.startswith("0"))

    def _name(self, name: str) -> Read:
        variable = self.mapping.vars.get(name)
        if name in self.columns and (variable is not None or name == "row"):
            return self.fault(
                "B004",
                f"'{name}' is both a column and a name of the mapping; use column = \"{name}\" or rename",
            )
        if variable is not None:
            if name in self._compiling:
                return self.fault("B004", f"the variable '{name}' is made from itself")
            inner = self.at(f"vars.{name}")
            inner._compiling = (*self._compiling, name)
            return inner.integer(variable) if isinstance(variable, IntegerRule) else inner.text(variable)
        if name == "row":
            return lambda row: row.number
        if name not in self.columns:
            return self.fault("B003", f"'{name}' is neither a column of the file nor a name of the mapping")
        return self._column(name)

    def _looked_up(self, rule: Rule, raw: Read) -> Read:
        default = rule.default
        if rule.lookup is None:
            if default is None:
                return raw

            def or_default(row: Row) -> object:
                found = raw(row)
                return default if found == "" else found

            return or_default
        table = self.mapping.lookup.get(rule.lookup)
        if table is None:
            return self.fault("B004", f"there is no [lookup.{rule.lookup}]")
        name = rule.lookup

        def look_up(row: Row) -> object:
            found = as_text(raw(row))
            if found in table:
                return table[found]
            if default is not None:
                return default
            raise FieldFault(
                "B017", f"{quoted(found)} is not in [lookup.{name}]", "add it, or give a default"
            )

        return look_up

    # -- numbers ---------------------------------------------------------------------------------------------

    def number(self, rule: NumberRule | MoneyRule | AttributeRule) -> Read:
        """A Decimal, or None when empty."""
        if not isinstance(rule, AttributeRule) and rule.choose is not None:
            return self._choose(rule.choose, self.number)
        raw = self._looked_up(rule, self.raw(rule))
        formats = self.mapping.numbers
        given = rule.scientific
        allowed = formats.scientific if given is None else given
        thousands, decimal = formats.thousands, str(formats.decimal)
        if not isinstance(rule, AttributeRule):
            thousands = thousands if rule.thousands is None else rule.thousands
            decimal = decimal if rule.decimal is None else rule.decimal
        try:
            parse = number_parser(thousands, decimal, allowed)
        except ValueError as error:
            return self.fault("B004", str(error))
        notes = self.notes
        percent = isinstance(rule, NumberRule) and rule.percent

        def read(row: Row) -> Decimal | None:
            found = raw(row)
            if found == "":
                return None
            number = native_number(found)
            if number is None:
                number, scientific = parse(as_text(found))
                notes.scientific += scientific
            return number / 100 if percent else number

        return read

    def money(self, rule: MoneyRule) -> Callable[[Row, str], int | None]:
        """Minor units in the currency given, or None when empty."""
        if rule.choose is not None:
            choices = [(self._test(choice.when), self.money(choice)) for choice in rule.choose]

            def chosen(row: Row, currency: str) -> int | None:
                for test, read in choices:
                    if test is None or test(row):
                        return read(row, currency)
                return None

            return chosen
        number = self.number(rule)
        in_minor = (rule.unit or self.mapping.money.unit) == "minor"
        zero_below, negate = rule.negative == "zero", rule.negate

        def read_money(row: Row, currency: str) -> int | None:
            amount: Decimal | None = number(row)
            if amount is None:
                return None
            if negate:
                amount = -amount
            if amount < 0:
                if zero_below:
                    return 0
                raise FieldFault("B015", f"{shape(str(amount))} is below zero", "expected zero or more")
            if in_minor and amount == amount.to_integral_value() and amount.adjusted() <= 18:
                return int(amount)
            try:
                if in_minor:
                    raise MoneyError("is not a whole number of minor units")
                return to_minor(amount, currency)
            except MoneyError as error:
                raise FieldFault(
                    "B015", f"{shape(str(amount))} {error}", "expected an exact amount"
                ) from None

        return read_money

    def integer(self, rule: IntegerRule) -> Read:
        """An int, or None when empty."""
        if rule.choose is not None:
            return self._choose(rule.choose, self.integer)
        if rule.spread is not None or rule.base is not None:
            counted = self._spread(rule)
        else:
            counted = self._whole(rule)
        if rule.least is None and rule.most is None:
            return counted
        least = self.integer(rule.least) if rule.least is not None else None
        most = self.integer(rule.most) if rule.most is not None else None

        def clamp(row: Row) -> int | None:
            value: int | None = counted(row)
            if value is None:
                return None
            if least is not None:
                value = max(value, least(row))
            return min(value, most(row)) if most is not None else value

        return clamp

    def _whole(self, rule: IntegerRule) -> Read:
        raw = self._looked_up(rule, self.raw(rule))

        def read(row: Row) -> int | None:
            found = raw(row)
            if isinstance(found, int) and not isinstance(found, bool):
                return found
            text = as_text(found)
            if not text:
                return None
            if not re.fullmatch(r"[+-]?[0-9]{1,18}", text):
                raise FieldFault("B013", f"{quoted(text)} is not a whole number", "expected digits only")
            return int(text)

        return read

    def _spread(self, rule: IntegerRule) -> Read:
        base = self.integer(rule.base) if rule.base is not None else (lambda row: 0)
        if rule.spread is None or rule.from_ is None or rule.to is None:
            return base
        low, width = rule.from_, rule.to - rule.from_ + 1
        if rule.spread == "row":
            return lambda row: base(row) + low + (row.number - 1) % width
        seed = self.template(rule.by if rule.by is not None else "{row}")
        mapping = self.mapping.mapping

        def hashed(row: Row) -> int:
            digest = blake2b(f"{mapping}\0{as_text(seed(row))}".encode(), digest_size=8).digest()
            return int(base(row)) + low + int.from_bytes(digest, "big") % width

        return hashed

    # -- days, truth, conditions -----------------------------------------------------------------------------

    def day(self, rule: DateRule) -> Read:
        """A date, or None when empty."""
        if rule.choose is not None:
            return self._choose(rule.choose, self.day)
        read = self._built_day(rule) if rule.month is not None else self._written_day(rule)
        if (
            rule.plus_days is None
            and not rule.month_end
            and (rule.plus_months is None or rule.month is not None)
        ):
            return read
        months = (
            self.integer(rule.plus_months) if rule.plus_months is not None and rule.month is None else None
        )
        days = self.integer(rule.plus_days) if rule.plus_days is not None else None
        month_end = rule.month_end

        def moved(row: Row) -> date | None:
            day: date | None = read(row)
            if day is None:
                return None
            day = add_months(day, months(row) if months is not None else 0, month_end=month_end)
            return day + timedelta(days(row)) if days is not None else day

        return moved

    def _written_day(self, rule: DateRule) -> Read:
        raw = self._looked_up(rule, self.raw(rule))
        try:
            parse = date_parser(tuple(rule.formats or self.mapping.dates.formats))
        except ValueError as error:
            return self.fault("B004", str(error))

        def read(row: Row) -> date | None:
            found = raw(row)
            if found == "":
                return None
            return native_date(found) or parse(as_text(found))

        return read

    def _built_day(self, rule: DateRule) -> Read:
        month = self.template(rule.month or "")
        months = self.integer(rule.plus_months) if rule.plus_months is not None else (lambda row: 0)

        @lru_cache(maxsize=1024)
        def first_and_last(written: str, plus: int) -> tuple[date, date]:
            first = add_months(date(*month_of(written), 1), plus)
            return first, add_months(first, 0, month_end=True)

        at_end = not isinstance(rule.day, IntegerRule)
        day = self.integer(rule.day) if isinstance(rule.day, IntegerRule) else (lambda row: 1)

        def built(row: Row) -> date | None:
            written = as_text(month(row))
            if not written:
                return None
            first, last = first_and_last(written, months(row))
            number = day(row)
            if number is None or not 1 <= number <= 31:
                raise FieldFault("B012", f"{quoted(str(number))} is not a day of a month", "expected 1 to 31")
            return last if at_end else first.replace(day=min(number, last.day))

        return built

    def boolean(self, rule: BooleanRule) -> Read:
        """True or False, or None when empty."""
        if rule.choose is not None:
            return self._choose(rule.choose, self.boolean)
        raw = self._looked_up(rule, self.raw(rule))
        yes, no = frozenset(map(str.casefold, rule.yes)), frozenset(map(str.casefold, rule.no))

        def read(row: Row) -> bool | None:
            found = raw(row)
            if isinstance(found, bool):
                return found
            text = as_text(found).casefold()
            if text in yes:
                return True
            if text in no:
                return False
            if not text:
                return None
            raise FieldFault(
                "B018", f"{quoted(text)} is neither yes nor no", f"use {sorted(yes)} or {sorted(no)}"
            )

        return read

    def attribute(self, rule: AttributeRule) -> Read:
        """A JSON value: numbers as text where a float would lose digits, days in ISO form."""
        if rule.kind in ("integer", "number"):
            number = self.number(rule)

            def read_number(row: Row) -> int | str | None:
                found: Decimal | None = number(row)
                if found is None:
                    return None
                whole = found == found.to_integral_value() and abs(found) < 2**53
                if rule.kind == "integer" and not whole:
                    raise FieldFault(
                        "B013", f"{shape(str(found))} is not a whole number", "expected digits only"
                    )
                return int(found) if whole else str(found)

            return read_number
        if rule.kind == "boolean":
            return self.boolean(BooleanRule(**rule.plain()))
        if rule.kind == "date":
            day = self.day(DateRule(**rule.plain(), formats=rule.formats))
            return lambda row: found.isoformat() if (found := day(row)) is not None else None
        text = self.text(rule)
        return lambda row: text(row) or None

    def _choose(
        self, choices: Sequence[Any], compiled: Callable[[Any], Read], otherwise: object = None
    ) -> Read:
        tests = [(self._test(choice.when), compiled(choice)) for choice in choices]

        def chosen(row: Row) -> Any:
            for test, read in tests:
                if test is None or test(row):
                    return read(row)
            return otherwise

        return chosen

    def _test(self, condition: Condition | None) -> Callable[[Row], bool] | None:
        return None if condition is None else self.condition(condition)

    def condition(self, condition: Condition) -> Callable[[Row], bool]:
        """A test of a row. An empty value is neither greater nor less than anything."""
        if condition.all_of is not None:
            every = [self.condition(one) for one in condition.all_of]
            return lambda row: all(test(row) for test in every)
        if condition.any_of is not None:
            some = [self.condition(one) for one in condition.any_of]
            return lambda row: any(test(row) for test in some)
        rule = TextRule(column=condition.column, value=condition.value)
        tests: list[Callable[[Row], bool]] = []
        bounds = (condition.greater, condition.less, condition.at_least, condition.at_most)
        if any(bound is not None for bound in bounds):
            silent = Scope(
                self.mapping, self.columns, Notes(), self.faults, self.constants, self.key, self.used
            )
            number = silent.number(
                NumberRule(column=condition.column, value=condition.value, scientific=True)
            )
            tests.append(lambda row: within(number(row), *bounds))
        text = self.text(rule)
        if condition.empty is not None:
            wanted = condition.empty
            tests.append(lambda row: (text(row) == "") is wanted)
        if condition.equals is not None:
            wanted_text = as_text(condition.equals)
            tests.append(lambda row: text(row) == wanted_text)
        if condition.differs is not None:
            unwanted_text = as_text(condition.differs)
            tests.append(lambda row: text(row) != unwanted_text)
        if condition.among is not None:
            known_set = frozenset(map(as_text, condition.among))
            tests.append(lambda row: text(row) in known_set)
        return tests[0] if len(tests) == 1 else (lambda row: all(test(row) for test in tests))
