"""Small functions of cells and numbers that compiled values share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, TypeAlias

from .parsing import FieldFault
from .rows import Row
from .values import Scalar

Read: TypeAlias = Callable[[Row], Any]


@dataclass
class Notes:
    """What the import report says of the file beyond its faults."""

    scientific: int = 0
    """Numbers that stood in scientific notation and were allowed."""


def within(
    number: Decimal | None,
    greater: Scalar | None,
    less: Scalar | None,
    at_least: Scalar | None,
    at_most: Scalar | None,
) -> bool:
    """Whether a number keeps every bound that is given; no number keeps none."""
    if number is None:
        return False
    return (
        (greater is None or number > Decimal(greater))
        and (less is None or number < Decimal(less))
        and (at_least is None or number >= Decimal(at_least))
        and (at_most is None or number <= Decimal(at_most))
    )


def as_text(found: object) -> str:
    """A cell in its plainest form."""
    if isinstance(found, str):
        return found
    if isinstance(found, bool):
        return "true" if found else "false"
    if isinstance(found, float):
        return _shortest(found)
    return found.isoformat() if isinstance(found, date) else str(found)


def _shortest(found: float) -> str:
    """A float's shortest decimal form. B014 for a whole number of 16 digits or more: a spreadsheet keeps only 15."""
    if found.is_integer():
        if abs(found) >= 1e15:
            cut = "a number cell holds more digits than a spreadsheet keeps"
            raise FieldFault("B014", cut, "give such keys and numbers as text cells")
        return str(int(found))
    return format(Decimal(repr(found)), "f") if "e" in repr(found) else repr(found)


def joined(parts: Sequence[str | Read]) -> Read:
    """The parts of a template, one after the other."""
    if not parts:
        return lambda row: ""
    if len(parts) == 1:
        only = parts[0]
        return (lambda row: only) if isinstance(only, str) else only
    return lambda row: "".join([part if isinstance(part, str) else as_text(part(row)) for part in parts])


def spelled(read: Read, width: int, zeros: bool) -> Read:
    """The value at least `width` characters wide, filled up at the left with zeros or spaces."""
    return lambda row: as_text(read(row)).zfill(width) if zeros else as_text(read(row)).rjust(width)
