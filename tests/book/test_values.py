"""The mapping language's values, one by one."""

from __future__ import annotations

import tomllib
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from pydantic import TypeAdapter

from duecourse.book.cells import Notes
from duecourse.book.compiling import Scope
from duecourse.book.mapping import parse_mapping
from duecourse.book.parsing import FieldFault
from duecourse.book.source import Row
from duecourse.book.values import (
    AttributeRule,
    BooleanValue,
    Condition,
    DateValue,
    IntegerValue,
    MoneyValue,
    NumberValue,
    TextValue,
)

HEAD = 'mapping = "t"\n[borrower]\nkey="k"\nlanguage="en"\nregion="US"\nzone="UTC"\n'
KINDS: dict[str, Any] = {
    "text": TextValue,
    "number": NumberValue,
    "money": MoneyValue,
    "integer": IntegerValue,
    "day": DateValue,
    "boolean": BooleanValue,
    "attribute": AttributeRule,
    "condition": Condition,
}


def read(
    kind: str, rule: str, cells: dict[str, object] | None = None, *, row: int = 1, head: str = ""
) -> Any:
    """The value of a rule written in TOML, of a row of these cells."""
    cells = cells or {}
    scope = Scope(
        parse_mapping(head + HEAD if "[" not in head else HEAD + head, "m"),
        {n: i for i, n in enumerate(cells)},
        Notes(),
    )
    written = tomllib.loads(f"rule = {rule}", parse_float=Decimal)["rule"]
    compiled = getattr(scope, kind)(TypeAdapter(KINDS[kind]).validate_python(written))
    if scope.faults:
        raise AssertionError(scope.faults)
    arguments = ("USD",) if kind == "money" else ()
    return compiled(Row(row, row, list(cells.values())), *arguments)


def faults(kind: str, rule: str, cells: dict[str, object] | None = None, head: str = "") -> str:
    try:
        read(kind, rule, cells, head=head)
    except (AssertionError, FieldFault) as fault:
        return f"{fault.code if isinstance(fault, FieldFault) else ''} {fault}"
    raise AssertionError("no fault")


@pytest.mark.parametrize(
    ("rule", "cells", "text"),
    [
        ('"fixed"', {}, "fixed"),
        ('"{first} {last}"', {"first": " Ann ", "last": "Lee"}, "Ann Lee"),
        ('"+8869{row:08d}"', {}, "+886900000007"),
        ('"{{{a}}}"', {"a": "x"}, "{x}"),
        ('{ column = "客户 姓名" }', {"客户 姓名": "王小明"}, "王小明"),
        ('{ column = "a", default = "none" }', {"a": ""}, "none"),
        ('{ column = "a", lookup = "words" }', {"a": "M"}, "mortgage"),
        ('{ column = "a", lookup = "words", default = "other" }', {"a": "Q"}, "other"),
        (
            '{ choose = [{ when = { column = "a", is = 1 }, value = "one" }, { value = "many" }] }',
            {"a": "1"},
            "one",
        ),
        (
            '{ choose = [{ when = { column = "a", is = 1 }, value = "one" }, { value = "many" }] }',
            {"a": "2"},
            "many",
        ),
        ('"{a}"', {"a": 12.0}, "12"),
        ('"{a}"', {"a": None}, ""),
    ],
)
def test_text(rule: str, cells: dict[str, object], text: str) -> None:
    assert read("text", rule, cells, row=7, head='[lookup.words]\nM = "mortgage"\n') == text


def test_a_name_in_braces_is_a_variable_before_a_column_and_never_both() -> None:
    assert read("text", '"{v}"', {"a": "1"}, head='[vars]\nv = "<{a}>"\n') == "<1>"
    assert "both a column and a name" in faults("text", '"{a}"', {"a": "1"}, head='[vars]\na = "x"\n')
    assert "both a column and a name" in faults("text", '"{row}"', {"row": "1"})
    assert "neither a column" in faults("text", '"{nothing}"')
    assert "no column 'b'" in faults("text", '{ column = "b" }', {"a": ""})
    assert "made from itself" in faults("text", '"{v}"', head='[vars]\nv = "{v}"\n')
    assert "unpaired brace" in faults("text", '"{v"')
    assert "B017" in faults(
        "text", '{ column = "a", lookup = "w" }', {"a": "x"}, head='[lookup.w]\ny = "z"\n'
    )


@pytest.mark.parametrize(
    ("rule", "cell", "number"),
    [
        ('"{a}"', "1234.5", "1234.5"),
        ('{ column = "a", thousands = "," }', "1,234,567.80", "1234567.80"),
        ('{ column = "a", thousands = "," }', "12,34,567", "1234567"),
        ('{ column = "a", thousands = ".", decimal = "," }', "-1.234,50", "-1234.50"),
        ('{ column = "a", thousands = " ", decimal = "," }', "1 234,5", "1234.5"),
        ('{ column = "a", scientific = true }', "1.00E+05", "100000"),
        ('{ column = "a", percent = true }', "4.5", "0.045"),
        ('"{a}"', 0.1, "0.1"),
        ('"{a}"', Decimal("7.25"), "7.25"),
    ],
)
def test_numbers(rule: str, cell: object, number: str) -> None:
    assert read("number", rule, {"a": cell}) == Decimal(number)


@pytest.mark.parametrize(
    ("rule", "cell", "code"),
    [
        ('"{a}"', "1,234", "B013"),
        ('{ column = "a", thousands = "," }', "1,23,4", "B013"),
        ('{ column = "a", decimal = "," }', "1.5", "B013"),
        ('"{a}"', "1.00E+05", "B014"),
        ('"{a}"', "１２３", "B013"),
        ('"{a}"', "NaN", "B013"),
        ('"{a}"', "1_000", "B013"),
        ('"{a}"', float("inf"), "B013"),
    ],
)
def test_what_is_not_surely_a_number_is_refused(rule: str, cell: object, code: str) -> None:
    said = faults("number", rule, {"a": cell})
    assert said.startswith(code)
    assert str(cell) not in said, "an amount is never repeated"


def test_amounts() -> None:
    assert read("money", '"{a}"', {"a": "15.00"}) == 1500
    assert read("money", '{ column = "a", unit = "minor" }', {"a": "1500"}) == 1500
    assert read("money", '{ column = "a", negate = true }', {"a": "-15"}) == 1500
    assert read("money", '{ column = "a", negative = "zero" }', {"a": "-15"}) == 0
    assert read("money", '"{a}"', {"a": ""}) is None
    assert read("money", "12.5") == 1250
    for rule, cell in (('"{a}"', "0.001"), ('"{a}"', "-1"), ('{ column = "a", unit = "minor" }', "1.5")):
        assert "B015" in faults("money", rule, {"a": cell})


@pytest.mark.parametrize(
    ("rule", "cells", "day"),
    [
        ('"{a}"', {"a": "2026-03-31"}, "2026-03-31"),
        ('{ column = "a", formats = ["YYYYMMDD", "DD/MM/YYYY"] }', {"a": "31/03/2026"}, "2026-03-31"),
        ('{ column = "a", formats = ["D.M.YYYY"] }', {"a": "1.3.2026"}, "2026-03-01"),
        ('{ column = "a", formats = ["YYYY年M月D日"] }', {"a": "2026年3月1日"}, "2026-03-01"),
        ('{ column = "a", plus_months = 1 }', {"a": "2026-01-31"}, "2026-02-28"),
        ('{ column = "a", plus_days = -20 }', {"a": "2026-03-10"}, "2026-02-18"),
        ('{ column = "a", month_end = true }', {"a": "2028-02-01"}, "2028-02-29"),
        ('{ month = "2026-01", plus_months = 1, day = 31 }', {}, "2026-02-28"),
        ('{ month = "{a}", day = "end" }', {"a": "202604"}, "2026-04-30"),
        ('{ month = "2026-01", day = { spread = "row", from = 1, to = 20 } }', {}, "2026-01-03"),
        (
            '{ month = "2026-01", day = { base = 5, spread = "row", from = -20, to = -9, min = 1 } }',
            {},
            "2026-01-01",
        ),
        ('"{a}"', {"a": date(2026, 3, 1)}, "2026-03-01"),
    ],
)
def test_days(rule: str, cells: dict[str, object], day: str) -> None:
    assert read("day", rule, cells, row=23).isoformat() == day


@pytest.mark.parametrize("cell", ["31/02/2026", "2026-02-30", "20260301", "2026-3-1", "2026-03-01T00:00"])
def test_what_is_not_surely_a_day_is_refused(cell: str) -> None:
    said = faults("day", '"{a}"', {"a": cell})
    assert said.startswith("B012") and cell in said and "YYYY-MM-DD" in said


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        ('{ column = "a", plus_months = { column = "by" } }', "B016"),
        ('{ column = "a", plus_days = { column = "by" } }', "B016"),
        ('{ month = "2026-01", day = 3, plus_months = { column = "by" } }', "B016"),
        ('{ column = "a", plus_months = 99_999 }', "B012"),
        ('{ month = "2026-01", day = 3, plus_months = 99_999 }', "B012"),
    ],
)
def test_a_day_that_moves_by_nothing_given_or_out_of_the_calendar_is_refused(rule: str, code: str) -> None:
    assert faults("day", rule, {"a": "2026-03-10", "by": ""}).startswith(code)


@pytest.mark.parametrize(
    ("rule", "number"),
    [
        ('{ base = { column = "none" }, spread = "row", from = 1, to = 9 }', None),
        ('{ base = { column = "none" }, spread = "hash", from = 1, to = 9 }', None),
        ('{ column = "a", min = { column = "none" } }', 7),
        ('{ column = "a", max = { column = "none" } }', 7),
    ],
)
def test_nothing_counts_from_or_is_bounded_by_an_empty_number(rule: str, number: int | None) -> None:
    assert read("integer", rule, {"a": "7", "none": ""}) == number


def test_a_hash_spreads_evenly_and_is_the_same_every_time() -> None:
    rule = '{ spread = "hash", from = 1, to = 20, by = "{id}" }'
    drawn = [read("integer", rule, {"id": f"L-{i}"}, row=i + 1) for i in range(400)]
    assert drawn == [read("integer", rule, {"id": f"L-{i}"}, row=1) for i in range(400)]
    assert set(drawn) == set(range(1, 21))


@pytest.mark.parametrize(
    ("condition", "cells", "holds"),
    [
        ('{ column = "a", greater = 0 }', {"a": "0.01"}, True),
        ('{ column = "a", greater = 0 }', {"a": ""}, False),
        ('{ column = "a", at_least = 1, at_most = 3 }', {"a": "4"}, False),
        ('{ column = "a", is = "x" }', {"a": "x"}, True),
        ('{ column = "a", not = "x" }', {"a": "x"}, False),
        ('{ column = "a", in = ["x", 2] }', {"a": "2"}, True),
        ('{ column = "a", empty = true }', {"a": " "}, True),
        ('{ any = [{ column = "a", is = 1 }, { all = [{ column = "a", is = 2 }] }] }', {"a": "2"}, True),
    ],
)
def test_conditions(condition: str, cells: dict[str, object], holds: bool) -> None:
    assert read("condition", condition, cells) is holds


def test_truth() -> None:
    assert read("boolean", '{ column = "a", yes = ["是"], no = ["否"] }', {"a": "是"}) is True
    assert read("boolean", '"{a}"', {"a": "NO"}) is False
    assert "B018" in faults("boolean", '"{a}"', {"a": "perhaps"})


def test_attributes_keep_their_kind() -> None:
    assert read("attribute", '{ column = "a", as = "integer" }', {"a": "-2"}) == -2
    assert read("attribute", '{ column = "a", as = "number" }', {"a": "2.50"}) == "2.50"
    assert read("attribute", '{ column = "a", as = "date" }', {"a": "2026-01-31"}) == "2026-01-31"
    assert read("attribute", '{ column = "a", as = "boolean" }', {"a": "yes"}) is True
    assert read("attribute", '{ column = "a" }', {"a": ""}) is None
