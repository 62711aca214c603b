"""Where a lender's own installments differ from the schedule that the contract's terms give."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Protocol


class Listed(Protocol):
    """An installment, the lender's or ours. Parts that the lender does not list are None."""

    @property
    def number(self) -> int: ...
    @property
    def due_on(self) -> date: ...
    @property
    def due_minor(self) -> int: ...
    @property
    def principal_minor(self) -> int | None: ...
    @property
    def interest_minor(self) -> int | None: ...


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing about one installment. field: due_on, principal, interest or payment; missing or extra for all of it.

    listed, computed: a day, minor units, or None where there is nothing. missing: the terms ask for an
    installment that the lender does not list; extra: the lender lists one that the terms do not ask for.
    """

    number: int
    field: str
    listed: date | int | None
    computed: date | int | None


def compare_with_lender(
    listed: Iterable[Listed], computed: Iterable[Listed], *, tolerance_minor: int = 0
) -> list[Difference]:
    """Differences by number, then due day, principal, interest, payment. The lender's amounts win; this only reports.

    tolerance_minor: amounts this far apart are the same; due days have no tolerance.
    Raises ValueError for a negative tolerance.
    """
    if tolerance_minor < 0:
        raise ValueError("the tolerance must not be negative")
    theirs = {one.number: one for one in listed}
    ours = {one.number: one for one in computed}
    found: list[Difference] = []
    for number in sorted(theirs.keys() | ours.keys()):
        their, our = theirs.get(number), ours.get(number)
        if their is None or our is None:
            if our is not None:
                found.append(Difference(number, "missing", None, our.due_minor))
            elif their is not None:
                found.append(Difference(number, "extra", their.due_minor, None))
            continue
        if their.due_on != our.due_on:
            found.append(Difference(number, "due_on", their.due_on, our.due_on))
        for field, their_minor, our_minor in (
            ("principal", their.principal_minor, our.principal_minor),
            ("interest", their.interest_minor, our.interest_minor),
            ("payment", their.due_minor, our.due_minor),
        ):
            if their_minor is None or our_minor is None:
                continue
            if abs(their_minor - our_minor) > tolerance_minor:
                found.append(Difference(number, field, their_minor, our_minor))
    return found
