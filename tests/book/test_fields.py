"""Fields whose value no row changes."""

from __future__ import annotations

import pytest

from duecourse.book.cells import Notes
from duecourse.book.checking import one_of
from duecourse.book.compiling import Scope
from duecourse.book.fields import Field, FieldMaker, RowReader, from_one
from duecourse.book.mapping import parse_mapping
from duecourse.book.rows import Row
from duecourse.book.values import IntegerRule, TextRule

MAPPING = """mapping = "t"
[vars]
turn = { spread = "row", from = 1, to = 2 }
half = "{month}-15"
[borrower]
key = "k"
language = "en"
region = "US"
zone = "UTC"
"""


def text(rule: TextRule) -> Field:
    """The field of a rule, in a file of one column `name`, repeated for a month."""
    scope = Scope(parse_mapping(MAPPING, "m"), {"name": 0}, Notes())
    return FieldMaker(scope, ["name"], "loan", {"month": "2026-03"}).text("product", rule)


@pytest.mark.parametrize(
    ("rule", "constant"),
    [
        (TextRule(value="car"), True),
        (TextRule(value="{month}"), True),
        (TextRule(value="{half}"), True),
        (TextRule(value="{row}"), False),
        (TextRule(value="{turn}"), False),
        (TextRule(value="car {name}"), False),
        (TextRule(column="name"), False),
        (TextRule(choose=[TextRule(value="a", when={"column": "name", "is": "x"}), TextRule(value="b")]), False),  # type: ignore[arg-type]
    ],
)  # fmt: skip
def test_a_value_is_constant_when_nothing_of_the_row_is_in_it(rule: TextRule, constant: bool) -> None:
    assert text(rule).constant is constant


def test_a_constant_is_checked_once_per_check() -> None:
    field, asked = text(TextRule(value="car")), []

    def noted(found: str) -> str:
        asked.append(found)
        return found.upper()

    answers = [RowReader(Row(number, number, [""])).need(field, noted) for number in (1, 2, 3)]
    assert (answers, asked) == (["CAR"] * 3, ["car"])
    assert RowReader(Row(4, 4, [""])).need(field, len) == 3


def test_a_value_of_the_row_is_read_anew_for_every_row() -> None:
    field = text(TextRule(value="{row}"))
    assert [RowReader(Row(number, number, [""])).need(field, str) for number in (1, 2)] == ["1", "2"]


def test_a_bad_constant_is_a_fault_of_every_row() -> None:
    field = text(TextRule(value="boat"))

    def known(found: str) -> str:
        return one_of(found, ("car",))

    for number in (1, 2):
        reader = RowReader(Row(number, number, [""]))
        assert reader.need(field, known) is None
        assert [(fault.code, fault.column) for fault in reader.faults] == [("B018", "loan.product")]


def test_a_constant_that_is_no_number_is_a_fault_of_every_row() -> None:
    scope = Scope(parse_mapping(MAPPING, "m"), {"name": 0}, Notes())
    field = FieldMaker(scope, ["name"], "installment.0", {}).integer("number", IntegerRule(value="one"))
    for number in (1, 2):
        reader = RowReader(Row(number, number, [""]))
        assert reader.need(field, from_one) is None
        assert [fault.code for fault in reader.faults] == ["B013"]
