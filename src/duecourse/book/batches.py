"""A file as batches of records ready to be staged: by column where that spares work, else row by row.

What a batch brings does not depend on the way. By column, what rows say alike (their borrower, their number, their
loan) is built and sealed once for all of them, and installments are built as columns; a row in which anything is odd is
built by itself, so that every fault says what it always says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple

import numpy as np

from .blocks import Block, Groups, blocks
from .building import RowBuilder, Step
from .factoring import BlockReader
from .fields import RowReader
from .installments import InstallmentBuilder
from .packing import Array, Column, pack
from .records import Fault, Packed, Records
from .rows import OpenSource, Row, Unreadable

BATCH_ROWS = 10_000
COLUMN_ROWS = 30_000
"""By column a row takes a fraction of the memory, and each batch costs some dozen statements."""
BATCH_RECORDS = 200_000
"""A batch ends early at so many records: wide rows and long schedules must not fill the memory."""
_KINDS = tuple(kind.name for kind in fields(Records) if kind.name not in ("packed", "whole"))


@dataclass(slots=True)
class Batch:
    """Consecutive rows of a file. read: how many; taken: how many may go in. faulty: rows with what is wrong with each.

    row: any of the others, by its number. fraction: of the file that was read until here.
    """

    read: int = 0
    taken: int = 0
    records: Records = field(default_factory=Records)
    faulty: list[tuple[Row | Unreadable, list[Fault]]] = field(default_factory=list)
    row: Callable[[int], Row | Unreadable] = lambda number: Unreadable(number, number, "", "", "")
    fraction: float = 0.0

    def add(self, row: Row | Unreadable, builder: RowBuilder) -> bool:
        """Build one row; whether it may go in."""
        faults = (
            [Fault(row.code, "", row.message)]
            if isinstance(row, Unreadable)
            else builder.build(row, self.records)
        )
        if faults:
            self.faulty.append((row, faults))
        goes = not any(fault.refuses for fault in faults)
        self.taken += goes
        return goes


def batches(source: OpenSource, builder: RowBuilder, most: int | None) -> Iterator[Batch]:
    """The whole file. most: rows of a batch; None for what suits the way."""
    if goes_by_column(source, builder):
        return _by_column(
            source, builder, most or max(1, min(COLUMN_ROWS, BATCH_RECORDS // len(builder.steps)))
        )
    return _by_row(source, builder, most or BATCH_ROWS)


def goes_by_column(source: OpenSource, builder: RowBuilder) -> bool:
    """Where cells have one type each, and the lender lists installments: what rows share is the most of such a file."""
    listed = any(isinstance(step.builder, InstallmentBuilder) for step in builder.steps)
    return listed and (source.text or source.arrays is not None)


@contextmanager
def one_ahead(made: Iterator[Batch]) -> Iterator[Iterator[Batch]]:
    """The same, the next being made in a thread while the caller waits for the database with the one before."""
    with ThreadPoolExecutor(1, "reading") as pool:

        def each() -> Iterator[Batch]:
            following = pool.submit(next, made, None)
            while (batch := following.result()) is not None:
                following = pool.submit(next, made, None)
                yield batch

        yield each()


def _by_row(source: OpenSource, builder: RowBuilder, most: int) -> Iterator[Batch]:
    rows: dict[int, Row | Unreadable] = {}
    batch = Batch()
    for row in source.rows:
        batch.read += 1
        if batch.add(row, builder):
            rows[row.number] = row
        if batch.read >= most or len(batch.records) >= BATCH_RECORDS:
            batch.row, batch.fraction = rows.__getitem__, source.position()
            yield batch
            rows, batch = {}, Batch()
    batch.row, batch.fraction = rows.__getitem__, source.position()
    yield batch


def _by_column(source: OpenSource, builder: RowBuilder, most: int) -> Iterator[Batch]:
    made = BlockBuilder(builder)
    for block in blocks(source, most):
        yield made.build(block, source.position())
    yield Batch(fraction=source.position())


class _Part(NamedTuple):
    """What a step makes of a block. wanted: of each row whether it builds anything there.

    groups and found: the records of each group with the names of their kinds, or columns: of every row an installment.
    """

    wanted: Array
    once: bool
    groups: Groups | None
    found: Sequence[Sequence[tuple[str, Any]]]
    columns: Sequence[Column]


class BlockBuilder:
    """Builds blocks of one file with the builders of its rows."""

    def __init__(self, builder: RowBuilder) -> None:
        self._builder = builder

    def build(self, block: Block, fraction: float) -> Batch:
        """A batch of all the block's rows."""
        odd = block.unreadable()
        parts = [self._part(block, step, odd) for step in self._builder.steps]
        batch = Batch(len(block), fraction=fraction)
        batch.row = lambda number: block.rows([number - block.first])[0]
        for row in block.rows(np.flatnonzero(odd).tolist()):
            batch.add(row, self._builder)
        places = np.flatnonzero(~odd)
        batch.taken += len(places)
        odd_ones, batch.records = batch.records, Records()
        batch.records.extend(odd_ones)
        for part in parts:
            _put(batch.records, part, block, places, whole=False)
        packed = _packed(parts, places)
        batch.records.packed = packed

        def whole() -> Records:
            records = Records(packed=packed)
            records.extend(odd_ones)
            for part in parts:
                _put(records, part, block, places, whole=True)
            return records

        batch.records.whole = whole
        return batch

    def _part(self, block: Block, step: Step, odd: Array) -> _Part:
        """Marks the rows that this step leaves to be built by themselves."""
        ask = BlockReader(block, self._builder.notes)
        wanted = np.ones(len(block), bool)
        if isinstance(step.builder, InstallmentBuilder):
            test = step.test
            if test is not None:
                tested = block.groups(step.test_columns, numbered=step.test_numbered)
                answers = ask.ask(tested, lambda reader: test(reader.row))
                wanted = np.array([answer is not False for answer in answers], bool)[tested.codes]
            columns = step.builder.columns(ask)
            odd |= ask.odd & wanted
            return _Part(wanted, False, None, (), columns)
        groups = block.groups(step.columns, numbered=step.numbered)
        found = ask.ask(groups, lambda reader: _built(step, reader))
        odd |= ask.odd
        return _Part(wanted, step.once, groups, [one or () for one in found], ())


def _built(step: Step, reader: RowReader) -> list[tuple[str, Any]]:
    """The records of one row by one step, each with the name of its kind."""
    mine = Records()
    if step.test is None or step.test(reader.row):
        step.builder.add(reader, mine)
    return [(kind, record) for kind in _KINDS for record in getattr(mine, kind)]


def _put(to: Records, part: _Part, block: Block, places: Array, *, whole: bool) -> None:
    """Add a part's records for these rows. Unless whole, what may stand once stands for the first row of its group."""
    if part.groups is None:
        return
    codes = part.groups.codes[places]
    if part.once and not whole:
        _, firsts = np.unique(codes, return_index=True)
        places, codes = places[firsts], codes[firsts]
    for place, code in zip(places.tolist(), codes.tolist(), strict=True):
        for kind, record in part.found[code]:
            number = block.first + place
            own = record if record.row == number else record._replace(row=number)
            getattr(to, kind).append(own)


def _packed(parts: Sequence[_Part], places: Array) -> list[Packed]:
    packed = []
    for part in parts:
        if part.columns:
            mine = places[part.wanted[places]]
            if len(mine):
                taken = [
                    Column(c.values[mine], None if c.given is None else c.given[mine]) for c in part.columns
                ]
                packed.append(Packed(len(mine), pack(taken)))
    return packed
