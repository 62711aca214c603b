"""Instants in a lender's file, at the edges of the calendar."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from duecourse.book.cells import Notes
from duecourse.book.compiling import Scope
from duecourse.book.fields import FieldMaker, RowReader
from duecourse.book.mapping import parse_mapping
from duecourse.book.moments import Moment, MomentField, ends_after
from duecourse.book.rows import Row
from duecourse.book.values import InstantRule

MAPPING = 'mapping = "t"\n[borrower]\nkey = "k"\nlanguage = "en"\nregion = "US"\nzone = "UTC"\n'


def read(text: str) -> tuple[Moment | None, list[str]]:
    """The moment of a cell, and the codes of its faults."""
    scope = Scope(parse_mapping(MAPPING, "m"), {"at": 0}, Notes())
    field = MomentField(FieldMaker(scope, ["at"], "hold.0", {}), "since", InstantRule(column="at"))
    reader = RowReader(Row(1, 1, [text]))
    return field.need(reader), [fault.code for fault in reader.faults]


def test_an_instant_is_one_however_its_offset_is_written() -> None:
    found, faults = read("2026-03-01T09:30:00+08:00")
    assert (found, faults) == (read("2026-03-01T01:30:00Z")[0], [])
    assert found is not None and found.instant == datetime(2026, 3, 1, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+08:00", "9999-12-31T23:00:00-08:00"])
def test_an_instant_that_no_calendar_holds_is_a_fault_of_its_row(text: str) -> None:
    assert read(text) == (None, ["B012"])


def test_an_instant_and_a_wall_clock_of_different_zones_are_a_day_and_more_apart_to_be_sure() -> None:
    begin, _ = read("9999-12-30T00:00:00+08:00")
    for text, later in (("9999-12-30T12:00:00", False), ("9999-12-31T00:00:00", True)):
        end, _ = read(text)
        assert begin is not None and end is not None and ends_after(begin, end) is later
