"""The mapping language's values: how a field of the book is read from a row of a lender's file.

A bare string is a template ("{first} {last}", "+8869{row:08d}"); a number or a boolean is a constant;
a table gives the longer forms below. docs/reference/mapping.md documents each for people.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag, model_validator

Scalar: TypeAlias = str | int | Decimal | bool


class Strict(BaseModel):
    """An unknown key is a fault, and nothing changes after loading."""

    model_config = ConfigDict(
        defer_build=True, extra="forbid", frozen=True, strict=True, populate_by_name=True
    )


class Condition(Strict):
    """A declared test of one column or template; `all` and `any` combine them."""

    column: str | None = None
    value: str | None = None
    empty: bool | None = None
    equals: Scalar | None = Field(default=None, alias="is")
    differs: Scalar | None = Field(default=None, alias="not")
    among: list[Scalar] | None = Field(default=None, alias="in")
    greater: int | Decimal | None = None
    less: int | Decimal | None = None
    at_least: int | Decimal | None = None
    at_most: int | Decimal | None = None
    all_of: list[Condition] | None = Field(default=None, alias="all")
    any_of: list[Condition] | None = Field(default=None, alias="any")

    @model_validator(mode="after")
    def _tests_something(self) -> Condition:
        tests = (self.empty, self.equals, self.differs, self.among)
        bounds = (self.greater, self.less, self.at_least, self.at_most)
        leaf = any(test is not None for test in tests + bounds)
        subjects = (self.column is not None) + (self.value is not None)
        combined = (self.all_of is not None) + (self.any_of is not None)
        if combined:
            if leaf or subjects or combined > 1:
                raise ValueError("'all' or 'any' stands alone in its condition")
        elif subjects != 1 or not leaf:
            raise ValueError(
                "a condition names one 'column' or 'value' and at least one test, e.g. greater = 0"
            )
        return self


class Rule(Strict):
    """What every kind of value shares: where the text comes from and what stands in when there is none."""

    column: str | None = None
    value: Scalar | None = None
    lookup: str | None = None
    default: Scalar | None = None
    when: Condition | None = None

    def sources(self) -> int:
        """How many ways of getting the value are given; must be one."""
        return (
            (self.column is not None) + (self.value is not None) + (getattr(self, "choose", None) is not None)
        )

    @model_validator(mode="after")
    def _one_source(self) -> Rule:
        if self.sources() != 1:
            raise ValueError("give exactly one of 'column', 'value' or 'choose'")
        choices: list[Rule] = getattr(self, "choose", None) or []
        for choice in choices[:-1]:
            if choice.when is None:
                raise ValueError("in 'choose' only the last choice may stand without 'when'")
        return self


class TextRule(Rule):
    """Text."""

    choose: list[TextValue] | None = Field(default=None, min_length=1)

    @property
    def constant(self) -> str | None:
        """The text that every row gets, or None when it depends on the row."""
        if isinstance(self.value, str) and "{" not in self.value and self.lookup is None:
            return self.value
        return None


class InstantRule(TextRule):
    """An instant: formats of YYYY MM DD hh mm ss, else ISO 8601. zone: of a wall clock; default the borrower's."""

    formats: list[str] = Field(default=[])
    zone: TextValue | None = None


class NumberRule(Rule):
    """A number; the format defaults to the mapping's [numbers]."""

    choose: list[NumberValue] | None = Field(default=None, min_length=1)
    thousands: str | None = None
    decimal: str | None = None
    scientific: bool | None = None
    percent: bool = False
    """The file writes 4.5 for 4.5 %; the book keeps 0.045."""


class MoneyRule(Rule):
    """An amount in the currency's units, or in its minor units (fen, cents)."""

    choose: list[MoneyValue] | None = Field(default=None, min_length=1)
    thousands: str | None = None
    decimal: str | None = None
    scientific: bool | None = None
    unit: Literal["major", "minor"] | None = None
    plus: list[MoneyValue] = Field(default=[])
    minus: list[MoneyValue] = Field(default=[])
    """Amounts to add and to take away; an empty one is zero, but an empty first amount stays empty."""
    negative: Literal["refuse", "zero"] = "refuse"
    """A negative amount refuses the row, or counts as zero (a statement in credit)."""
    negate: bool = False
    """The file writes payments as negative amounts."""


class IntegerRule(Rule):
    """A whole number: given, counted, or spread evenly by row number or by a stable hash."""

    choose: list[IntegerValue] | None = Field(default=None, min_length=1)
    digits: bool = False
    """The digits of a text, at most the last nine: 42 of 'LM-LD-00042', 20260310 of '2026-03-10'."""
    plus: int = 0
    base: IntegerValue | None = None
    spread: Literal["row", "hash"] | None = None
    from_: int | None = Field(default=None, alias="from")
    to: int | None = None
    by: str | None = None
    least: IntegerValue | None = Field(default=None, alias="min")
    most: IntegerValue | None = Field(default=None, alias="max")

    def sources(self) -> int:
        """`base` and `spread` add up, so the two together count as one source."""
        return super().sources() + (self.base is not None or self.spread is not None)

    @model_validator(mode="after")
    def _spread_is_whole(self) -> IntegerRule:
        bounds = (self.from_ is not None) + (self.to is not None)
        if (self.spread is None) != (bounds == 0) or bounds == 1:
            raise ValueError("'spread' needs both 'from' and 'to', which stand only with it")
        if self.from_ is not None and self.to is not None and self.from_ > self.to:
            raise ValueError("'from' is above 'to'")
        if self.by is not None and self.spread != "hash":
            raise ValueError("'by' stands only with spread = \"hash\"")
        return self


class DateRule(Rule):
    """A day: parsed from text, or built from a month and a day; then moved by months and days."""

    choose: list[DateValue] | None = Field(default=None, min_length=1)
    formats: list[str] | None = Field(default=None, min_length=1)
    month: str | None = None
    day: IntegerValue | Literal["end"] | None = None
    plus_months: IntegerValue | None = None
    plus_days: IntegerValue | None = None
    month_end: bool = False

    def sources(self) -> int:
        """A month (with its day) is a source of its own."""
        return super().sources() + (self.month is not None)

    @model_validator(mode="after")
    def _month_has_day(self) -> DateRule:
        if (self.month is None) != (self.day is None):
            raise ValueError("'month' and 'day' go together")
        return self


class BooleanRule(Rule):
    """Yes or no."""

    choose: list[BooleanValue] | None = Field(default=None, min_length=1)
    yes: list[str] = Field(default=["true", "yes", "y", "1"])
    no: list[str] = Field(default=["false", "no", "n", "0"])


class AttributeRule(Rule):
    """One of the lender's own fields, kept in `attributes`. Never a personal one."""

    choose: list[TextValue] | None = Field(default=None, min_length=1)
    kind: Literal["text", "integer", "number", "boolean", "date"] = Field(default="text", alias="as")
    scientific: bool | None = None
    formats: list[str] | None = None

    def plain(self) -> dict[str, Any]:
        """What every kind of rule has, to make a rule of another kind from it."""
        return {name: getattr(self, name) for name in ("column", "value", "lookup", "default")}


def _table(value: Any) -> Any:
    return value if isinstance(value, dict | BaseModel) else {"value": value}


TextValue: TypeAlias = Annotated[TextRule, BeforeValidator(_table)]
NumberValue: TypeAlias = Annotated[NumberRule, BeforeValidator(_table)]
MoneyValue: TypeAlias = Annotated[MoneyRule, BeforeValidator(_table)]
IntegerValue: TypeAlias = Annotated[IntegerRule, BeforeValidator(_table)]
DateValue: TypeAlias = Annotated[DateRule, BeforeValidator(_table)]
BooleanValue: TypeAlias = Annotated[BooleanRule, BeforeValidator(_table)]
InstantValue: TypeAlias = Annotated[InstantRule, BeforeValidator(_table)]
AttributeValue: TypeAlias = Annotated[AttributeRule, BeforeValidator(_table)]

_INTEGER_KEYS = {"base", "spread", "from", "to", "by", "min", "max"}


def _variable_kind(value: Any) -> str:
    if isinstance(value, dict):
        nested = value.get("choose")
        inside = (
            any(_variable_kind(one) == "integer" for one in nested) if isinstance(nested, list) else False
        )
        return "integer" if inside or _INTEGER_KEYS & value.keys() else "text"
    if isinstance(value, IntegerRule):
        return "integer"
    return "integer" if isinstance(value, int) and not isinstance(value, bool) else "text"


Variable: TypeAlias = Annotated[
    Annotated[IntegerValue, Tag("integer")] | Annotated[TextValue, Tag("text")], Discriminator(_variable_kind)
]
"""A named value of a row, used as {name}: an integer when it counts or spreads, else text."""

_RULE_KEYS = {"column", "value", "choose", "lookup", "default", "as"}


def _attribute_kind(value: Any) -> str:
    if isinstance(value, dict):
        return "rule" if not value or _RULE_KEYS & value.keys() else "group"
    return "rule" if not isinstance(value, AttributeGroup) else "group"


class AttributeGroup(BaseModel):
    """Attributes inside attributes: pay_state by month."""

    model_config = ConfigDict(defer_build=True, extra="allow", frozen=True)
    __pydantic_extra__: dict[str, Attribute]


Attribute: TypeAlias = Annotated[
    Annotated[AttributeValue, Tag("rule")] | Annotated[AttributeGroup, Tag("group")],
    Discriminator(_attribute_kind),
]

for _model in (
    Condition,
    TextRule,
    InstantRule,
    NumberRule,
    MoneyRule,
    IntegerRule,
    DateRule,
    BooleanRule,
    AttributeRule,
):
    _model.model_rebuild()
AttributeGroup.model_rebuild()


class Section(Strict):
    """What every target shares. `repeat` makes several records of one row; `when` leaves a record out."""

    when: Condition | None = None
    repeat: list[dict[str, str | int]] = Field(default=[{}], min_length=1)
