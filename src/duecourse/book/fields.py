"""A compiled field of the book with the columns it reads, so that a fault can name them and hide what is personal."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from .checking import language_tag, one_of, region_code, text_within, zone_name
from .compiling import Scope
from .names import ROW_NUMBER
from .parsing import FieldFault, length
from .records import Fault
from .rows import Row
from .values import (
    AttributeGroup,
    AttributeRule,
    BooleanRule,
    DateRule,
    IntegerRule,
    MoneyRule,
    NumberRule,
    TextRule,
)

WHOLE_NUMBER_MOST = 2**31 - 1


_NOTHING_YET = object()


class _RowNeededError(Exception):
    """A value was read that depends on the row."""


class _NoRow:
    """Stands for a row where none may be needed."""

    def __getattr__(self, name: str) -> Any:
        raise _RowNeededError


@dataclass(slots=True)
class Field:
    """key: of the mapping, for faults that no column explains."""

    key: str
    read: Callable[..., Any]
    columns: frozenset[int]
    names: Sequence[str]
    personal: bool = False
    numbered: bool = False
    """The value depends on the row's number, too."""
    constant: bool = False
    """The value is the same for every row, so it is read and checked once per check."""
    checked_by: object = _NOTHING_YET
    """The check that a constant last passed."""
    value: Any = None
    """What that check made of it."""

    @property
    def column(self) -> str:
        """What a fault is filed under: the columns read, or the mapping's key."""
        return "+".join(self.names[index] for index in sorted(self.columns)) or self.key


class RowReader:
    """Reads the fields of one row and keeps every fault, not only the first."""

    __slots__ = ("faults", "row")

    def __init__(self, row: Row) -> None:
        self.row = row
        self.faults: list[Fault] = []

    def get(self, field: Field | None, check: Callable[[Any], Any] | None = None, *args: Any) -> Any:
        """The field's value, checked; None when there is no field, nothing in it, or a fault (which is kept).

        check: answers the same for the same value; of a constant it is asked once.
        args: what else the field's function takes (an amount takes its currency).
        """
        if field is None:
            return None
        if field.checked_by is check:
            return field.value
        try:
            value = field.read(self.row, *args)
            if check is not None:
                value = check(value)
            if field.constant:
                field.checked_by, field.value = check, value
            return value
        except FieldFault as fault:
            self.fault(field, fault)
        except OverflowError:
            self.fault(
                field, FieldFault("B012", "the day lies outside the calendar", "expected year 1 to 9999")
            )
        return None

    def need(self, field: Field, check: Callable[[Any], Any] | None = None, *args: Any) -> Any:
        """As get, but an empty value is a fault."""
        if field.checked_by is check and field.value is not None:
            return field.value
        before = len(self.faults)
        value = self.get(field, check, *args)
        if value is None and len(self.faults) == before:
            self.fault(field, FieldFault("B016", "nothing is given", "a value is needed"))
        return value

    def fault(self, field: Field, fault: FieldFault) -> None:
        """Keep a fault; of a personal value only its length is said."""
        found = fault.found
        if field.personal and fault.code not in ("B016", "B019", "B020", "B024"):
            found = length("".join(str(self.row.cells[index] or "") for index in field.columns))
        self.faults.append(Fault(fault.code, field.column, f"{found}; {fault.expected}"))


class FieldMaker:
    """Compiles the fields of one section for one set of repeat variables."""

    def __init__(
        self, scope: Scope, names: Sequence[str], key: str, constants: Mapping[str, str | int]
    ) -> None:
        self._scope = scope
        self._names = names
        self._key = key
        self._constants = constants
        self.made: list[Field] = []

    def _make(self, key: str, compiled: Callable[[Scope], Callable[..., Any]]) -> Field:
        scope = self._scope.at(f"{self._key}.{key}", self._constants)
        scope.used = set()
        read = compiled(scope)
        self._scope.used |= scope.used
        columns = frozenset(scope.used - {ROW_NUMBER})
        field = Field(scope.key, read, columns, self._names, numbered=ROW_NUMBER in scope.used)
        self.made.append(field)
        return field

    def _make_plain(self, key: str, compiled: Callable[[Scope], Callable[[Row], Any]]) -> Field:
        """As _make, for what reads a row and nothing else, and leaves no note: it may turn out to be constant."""
        field = self._make(key, compiled)
        field.constant = not field.columns and _is_constant(field.read)
        return field

    def checked(self, key: str, made: Callable[[], Any]) -> Any:
        """What `made` answers; its ValueError is a fault of the mapping, B004, under the section's key."""
        try:
            return made()
        except ValueError as error:
            return self._scope.at(f"{self._key}.{key}", self._constants).fault("B004", str(error))

    def text(self, key: str, rule: TextRule) -> Field:
        """Text; '' when empty."""
        return self._make_plain(key, lambda scope: scope.text(rule))

    def integer(self, key: str, rule: IntegerRule) -> Field:
        """A whole number."""
        return self._make_plain(key, lambda scope: scope.integer(rule))

    def optional_integer(self, key: str, rule: IntegerRule | None) -> Field | None:
        """A whole number that the mapping may leave out."""
        return None if rule is None else self.integer(key, rule)

    def number(self, key: str, rule: NumberRule | None) -> Field | None:
        """A Decimal."""
        return None if rule is None else self._make(key, lambda scope: scope.number(rule))

    def money(self, key: str, rule: MoneyRule | None) -> Field | None:
        """Minor units; reading takes the currency."""
        return None if rule is None else self._make(key, lambda scope: scope.money(rule))

    def day(self, key: str, rule: DateRule | None) -> Field | None:
        """A date."""
        return None if rule is None else self._make_plain(key, lambda scope: scope.day(rule))

    def boolean(self, key: str, rule: BooleanRule | None) -> Field | None:
        """True or False."""
        return None if rule is None else self._make_plain(key, lambda scope: scope.boolean(rule))

    def attributes(
        self, key: str, group: Mapping[str, AttributeRule | AttributeGroup]
    ) -> list[AttributeField]:
        """The lender's own fields, nested as the mapping nests them."""
        return [
            (
                name,
                self._make(f"{key}.{name}", lambda scope, rule=rule: scope.attribute(rule))  # type: ignore[misc]
                if isinstance(rule, AttributeRule)
                else self.attributes(f"{key}.{name}", rule.model_extra or {}),
            )
            for name, rule in group.items()
        ]


def _is_constant(read: Callable[[Any], Any]) -> bool:
    """Whether it comes to a value without a row; then every row gets that value."""
    try:
        read(_NoRow())
    except (_RowNeededError, FieldFault, OverflowError):
        return False
    return True


AttributeField = tuple[str, "Field | list[AttributeField]"]


def read_attributes(reader: RowReader, fields: Sequence[AttributeField]) -> dict[str, object]:
    """The attributes of a row; empty ones are left out."""
    found = {
        name: read_attributes(reader, field) if isinstance(field, list) else reader.get(field)
        for name, field in fields
    }
    return {name: value for name, value in found.items() if value is not None and value != {}}


def required(text: str) -> str:
    """Text that must be there."""
    return text_within(text, required=True)


def optional(text: str) -> str:
    """Text that may be empty."""
    return text_within(text, required=False)


def among(known: Collection[str]) -> Callable[[str], str]:
    """A check that text is one of a fixed set of words: made once, so that a constant is checked once. B018."""
    return lambda text: one_of(text, known)


def language(text: str) -> str:
    """A language that must be there. B016, B023, B024."""
    return language_tag(required(text))


def region(text: str) -> str:
    """A region that must be there. B016, B023, B024."""
    return region_code(required(text))


def optional_zone(text: str) -> str:
    """A zone, or '' when nothing is given. B021, B024."""
    found = optional(text)
    return zone_name(found) if found else ""


def first_given(*rules: TextRule | None) -> TextRule:
    """The first rule that is there; a value that is always empty when none is."""
    return next((rule for rule in rules if rule is not None), TextRule(value=""))


def from_one(value: int | None) -> int | None:
    """A whole number of 1 or more that the database's integer holds. B024."""
    if value is not None and not 1 <= value <= WHOLE_NUMBER_MOST:
        raise FieldFault("B024", f"'{value}'", "expected a whole number from 1")
    return value


def rank_of(value: int | None) -> int:
    """The rank of a contact point, 1 is tried first. B024."""
    if value is None or not 1 <= value <= 99:
        raise FieldFault("B024", f"'{value}'", "expected a rank from 1 to 99")
    return value


def rate_of(value: Any) -> Any:
    """A yearly rate as a fraction with at most eight decimal places. B013."""
    if value is not None and (not 0 <= value < 100 or -value.normalize().as_tuple().exponent > 8):
        raise FieldFault(
            "B013", "the rate is out of range", "expected a fraction: 0.045, or 4.5 with percent = true"
        )
    return value


def sensible_day(value: date | None) -> date | None:
    """A day in the years that a loan book can hold. B012."""
    if value is not None and not 1900 <= value.year <= 2200:
        raise FieldFault(
            "B012", f"'{value.isoformat()}' is out of range", "expected a year from 1900 to 2200"
        )
    return value
