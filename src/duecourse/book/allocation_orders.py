"""In which order payments meet what is due: read from a TOML file, kept with the day from which each order holds.

[[allocation]]
creditor = "bank"
product = "*"
effective_on = 2026-01-01
order = ["penalty", "fee", "interest", "principal"]
across = "horizontal"
excess = "advance"

[[allocation.overdue]]
from_days = 90
order = ["principal", "interest", "fee", "penalty"]
across = "vertical"
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Final, Literal

import psycopg
from psycopg.rows import class_row
from pydantic import Field, ValidationError, field_validator, model_validator

from duecourse.domain.problems import DuecourseError, Problem
from duecourse.store.sql import load

from .allocating import SQL as ALLOCATION
from .allocating import allocate_touched
from .batch_copy import AllocationCopy
from .copying import on_cluster
from .toml_lines import line_of
from .values import Strict

SQL = load("book")
IMPORTING = load("book/importing")

PARTS: Final = ("penalty", "fee", "interest", "principal")
"""What an installment may be made of, in the order that holds where nothing else is said."""
LANES_AT_ONCE = 32
FURTHEST_DAYS = 36_600

Across = Literal["horizontal", "vertical"]
Excess = Literal["advance", "credit"]


@dataclass(frozen=True, slots=True)
class Band:
    """The order from so many days past due on. vertical: one part of all that is due before the next part."""

    from_days: int
    across: str
    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Order:
    """The order of one creditor's product ('*': of every other) for payments from effective_on. bands[0] is from 0."""

    creditor: str
    product: str
    effective_on: date
    excess: str
    bands: tuple[Band, ...]


@dataclass(frozen=True, slots=True)
class KnownOrder:
    """One band as the book keeps it."""

    creditor: str
    product: str
    effective_on: date
    from_days: int
    across: str
    parts: list[str]
    excess: str
    recorded_by: str


class _Overdue(Strict):
    from_days: int = Field(ge=1, le=FURTHEST_DAYS)
    order: list[str]
    across: Across = "horizontal"

    @field_validator("order")
    @classmethod
    def _names_every_part_once(cls, order: list[str]) -> list[str]:
        if sorted(order) != sorted(PARTS):
            raise ValueError(f"name each of {', '.join(PARTS)} once")
        return order


class _Entry(_Overdue):
    creditor: str = Field(min_length=1)
    product: str = Field(default="*", min_length=1)
    effective_on: date
    from_days: int = Field(default=0, ge=0, le=0)
    excess: Excess = "advance"
    overdue: list[_Overdue] = Field(default=[])

    @model_validator(mode="after")
    def _bands_rise(self) -> _Entry:
        days = [band.from_days for band in self.overdue]
        if days != sorted(set(days)):
            raise ValueError("'overdue' lists its from_days in rising order, each once")
        return self


class _File(Strict):
    allocation: list[_Entry] = Field(min_length=1)


def read_orders(path: Path) -> list[Order]:
    """The orders of a file. Raises DuecourseError B052 with every fault."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        raw = tomllib.loads(text)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise DuecourseError(Problem("B052", str(path), f"cannot be read: {reason}", _NOTHING)) from None
    try:
        entries = _File.model_validate(raw).allocation
    except ValidationError as error:
        raise DuecourseError(
            [
                Problem(
                    "B052",
                    f"{path}:{line_of(text, one['loc'])}",
                    f"{'.'.join(map(str, one['loc']))}: {one['msg'].removeprefix('Value error, ')}",
                    _NOTHING,
                )
                for one in error.errors(include_url=False, include_input=False)
            ]
        ) from None
    orders = [_order(entry) for entry in entries]
    keys = [(order.creditor, order.product, order.effective_on) for order in orders]
    if len(set(keys)) < len(keys):
        twice = "two orders of one creditor and product hold from the same day"
        raise DuecourseError(Problem("B052", str(path), twice, _NOTHING))
    return orders


_NOTHING = "Nothing was set."


def _order(entry: _Entry) -> Order:
    bands = [Band(band.from_days, band.across, tuple(band.order)) for band in (entry, *entry.overdue)]
    return Order(entry.creditor, entry.product, entry.effective_on, entry.excess, tuple(bands))


def set_orders(conn: psycopg.Connection, orders: Sequence[Order], *, by: str, now: datetime) -> int:
    """Keep the orders, in place of those of the same creditor, product and day, and allocate their loans anew.

    Answers how many loans were allocated anew. One transaction for the orders and every loan: a book half in the old
    order is no book. conn: idle or in the caller's transaction.
    """
    loans = 0
    with conn.transaction():
        conn.execute(IMPORTING["lock_book"])
        conn.execute(SQL["forget_orders"], _keys(orders))
        conn.cursor().executemany(
            SQL["write_order"],
            [
                {
                    "creditor": order.creditor,
                    "product": order.product,
                    "effective_on": order.effective_on,
                    "from_days": band.from_days,
                    "across": band.across,
                    "parts": list(band.parts),
                    "excess": order.excess,
                    "by": by,
                    "now": now,
                }
                for order in orders
                for band in order.bands
            ],
        )
        conn.execute(IMPORTING["plan_for_batches"])
        conn.execute(IMPORTING["create_staging"])
        copy = AllocationCopy(conn) if on_cluster(conn) else None
        for lanes in _shares():
            conn.execute(IMPORTING["clear_staging"])
            given = {"lanes": lanes, **_keys(orders)}
            if copy is not None:
                copy.fill(given)
            touched = conn.execute(ALLOCATION["touch_loans"], given).rowcount
            if touched:
                allocate_touched(conn)
                loans += touched
            if copy is not None:
                copy.write_back()
    return loans


def known_orders(conn: psycopg.Connection) -> list[KnownOrder]:
    """Every order of the book, one line a band."""
    with conn.cursor(row_factory=class_row(KnownOrder)) as cursor:
        return cursor.execute(SQL["orders"]).fetchall()


def _keys(orders: Iterable[Order]) -> dict[str, list[object]]:
    listed = list(orders)
    return {
        "creditors": [order.creditor for order in listed],
        "products": [order.product for order in listed],
        "days": [order.effective_on for order in listed],
    }


def _shares() -> Iterator[list[int]]:
    for first in range(0, 256, LANES_AT_ONCE):
        yield list(range(first, first + LANES_AT_ONCE))
