"""Names that a value may use, and the text they stand for: columns, variables, templates, lookups."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

from .cells import Notes, Read, as_text, joined, spelled
from .mapping import Mapping as MappingFile
from .parsing import FieldFault, quoted
from .rows import Paths, Row
from .values import AttributeRule, Condition, IntegerRule, Rule, TextRule

_HOLE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_FORMAT = re.compile(r"0?[1-9][0-9]?d?")
ROW_NUMBER = -1
"""Stands among the columns used where a value depends on the row's number."""


@dataclass
class Names(ABC):
    """Names a value may use: repeat variables before [vars] before `row` and `i` before the file's columns."""

    mapping: MappingFile
    columns: Mapping[str, int]
    notes: Notes
    faults: list[tuple[str, str, str]] = field(default_factory=list)
    """(code, key, message) of everything found wrong."""
    constants: Mapping[str, str | int] = field(default_factory=dict)
    key: str = ""
    used: set[int] = field(default_factory=set)
    compiling: tuple[str, ...] = ()
    """The variables being compiled, to find one that is made from itself."""

    def at(self, key: str, constants: Mapping[str, str | int] | None = None) -> Self:
        """The same file, for another key of the mapping."""
        return replace(self, key=key, constants=self.constants if constants is None else constants)

    def fault(self, code: str, message: str) -> Read:
        """Note what is wrong with the mapping; the value read instead is never used."""
        if (code, self.key, message) not in self.faults:
            self.faults.append((code, self.key, message))
        return lambda row: ""

    # -- what the layers above bring -------------------------------------------------------------------------

    @abstractmethod
    def integer(self, rule: IntegerRule) -> Read:
        """An int, or None when empty."""

    @abstractmethod
    def condition(self, condition: Condition) -> Callable[[Row], bool]:
        """A test of a row."""

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
        if index is None and name in self.mapping.source.optional:
            return lambda row: ""
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
        read = self._named(name)
        return self._spelled(read, spec) if spec else read

    def _spelled(self, read: Read, spec: str) -> Read:
        if not _FORMAT.fullmatch(spec):
            return self.fault(
                "B004", f"'{spec}' is not a width; write {{row:08d}} for eight digits with zeros"
            )
        return spelled(read, int(spec.rstrip("d")), spec.startswith("0"))

    def _named(self, name: str) -> Read:
        variable = self.mapping.vars.get(name)
        if name in self.columns and (variable is not None or name == "row"):
            return self.fault(
                "B004",
                f"'{name}' is both a column and a name of the mapping; use column = \"{name}\" or rename",
            )
        if variable is not None:
            if name in self.compiling:
                return self.fault("B004", f"the variable '{name}' is made from itself")
            inner = self.at(f"vars.{name}")
            inner.compiling = (*self.compiling, name)
            return inner.integer(variable) if isinstance(variable, IntegerRule) else inner.text(variable)
        if name == "row":
            self.used.add(ROW_NUMBER)
            return lambda row: row.number
        known = name in self.columns or name in self.mapping.source.optional
        if not known and not isinstance(self.columns, Paths):
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
