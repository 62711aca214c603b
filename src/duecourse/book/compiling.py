"""A mapping's values, compiled against one file's columns into functions of a row.

Everything a mapping can get wrong about the file is found here, before the first row is read: unknown columns,
variables, lookups, ambiguous names, impossible formats. Compiled once per file, run once per row and field.
By layer: names and text (`names`), numbers and amounts (`numbers`), days (`days`), and here what is true.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

from .cells import Notes, Read, as_text, within
from .days import Days
from .parsing import FieldFault, quoted, shape
from .rows import Row
from .values import AttributeRule, BooleanRule, Condition, DateRule, NumberRule, TextRule


class Scope(Days):
    """Names a value may use: repeat variables before [vars] before `row` and `i` before the file's columns."""

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
            silent = replace(self, notes=Notes())
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
