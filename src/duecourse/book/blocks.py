"""Consecutive rows of a file held by column, and which of them say the same in some of the columns.

Rows of a loan repeat its borrower, its number and most days; what rows share is then read once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]

from .packing import Array
from .rows import OpenSource, Row, Unreadable


@dataclass(frozen=True, slots=True)
class Groups:
    """The rows of a block by what some columns hold. codes: of each row its group; first: of each group a row's place.

    rows: of each group that row; of its cells only those of the columns are filled.
    """

    codes: Array
    first: Array
    rows: Sequence[Row]


@dataclass(slots=True)
class Block:
    """Some rows of a file. Either as Arrow arrays, or as rows whose cells are all text."""

    first: int
    """Number of its first row; the others follow without a gap."""
    arrays: Sequence[Any] = ()
    taken: Sequence[Row | Unreadable] = ()
    width: int = 0
    """Of the rows taken, how many cells each has."""
    _codes: dict[int, tuple[Array, int] | None] = field(default_factory=dict)
    _groups: dict[tuple[frozenset[int], bool], Groups] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.taken) if self.taken else len(self.arrays[0])

    def unreadable(self) -> Array:
        """Of each row whether it could not be split into cells."""
        marks = np.zeros(len(self), bool)
        marks[[at for at, row in enumerate(self.taken) if isinstance(row, Unreadable)]] = True
        return marks

    def rows(self, places: Sequence[int]) -> list[Row | Unreadable]:
        """Whole rows, by their places from 0."""
        if self.taken:
            return [self.taken[place] for place in places]
        if not places:
            return []
        held = [_cells(array, places) for array in self.arrays]
        numbers = [self.first + place for place in places]
        return [
            Row(number, number, cells) for number, cells in zip(numbers, zip(*held, strict=True), strict=True)
        ]

    def groups(self, columns: frozenset[int], *, numbered: bool = False) -> Groups:
        """The groups by these columns. numbered: the row's number counts, too, so that each row is its own."""
        found = self._groups.get((columns, numbered))
        if found is None:
            codes = np.arange(len(self)) if numbered else self._grouped(sorted(columns))
            first = np.full(int(codes.max()) + 1, -1)
            first[codes[::-1]] = np.arange(len(self))[::-1]
            held = first >= 0  # a dictionary may have words that no row uses
            codes, first = (np.cumsum(held) - 1)[codes], first[held]
            found = Groups(codes, first, self._partial(first, columns))
            self._groups[columns, numbered] = found
        return found

    def _grouped(self, columns: Sequence[int]) -> Array:
        codes, count = np.zeros(len(self), np.int64), 1
        for column in columns:
            coded = self._coded(column)
            if coded is None:
                return np.arange(len(self))
            if count == 1:
                codes, count = coded
            else:
                _, codes = np.unique(codes * coded[1] + coded[0], return_inverse=True)
                count = int(codes.max()) + 1
        return codes

    def _coded(self, column: int) -> tuple[Array, int] | None:
        """A number for each different cell of a column, and how many there may be; None where Arrow cannot tell."""
        if column not in self._codes:
            try:
                encoded = self._array(column).dictionary_encode()
            except (pa.ArrowNotImplementedError, pa.ArrowInvalid, pa.ArrowTypeError, UnicodeError):
                self._codes[column] = None
            else:
                most = len(encoded.dictionary)
                codes = encoded.indices.fill_null(most).to_numpy(zero_copy_only=False).astype(np.int64)
                self._codes[column] = (codes, most + 1)
        return self._codes[column]

    def _array(self, column: int) -> Any:
        if not self.taken:
            return self.arrays[column]
        cells = [row.cells[column] if isinstance(row, Row) else None for row in self.taken]
        return pa.array(cells, pa.string())

    def _partial(self, places: Array, columns: frozenset[int]) -> list[Row]:
        """Rows with the cells of some columns; of one that could not be read, with none."""
        if self.taken:
            return [
                row if isinstance(row, Row) else Row(row.number, row.line, [None] * self.width)
                for row in map(self.taken.__getitem__, places.tolist())
            ]
        numbers = (self.first + places).tolist()
        held = {column: _cells(self.arrays[column], places) for column in columns}
        nothing = [None] * len(numbers)
        cells = zip(*(held.get(at, nothing) for at in range(len(self.arrays))), strict=True)
        return [Row(number, number, own) for number, own in zip(numbers, cells, strict=True)]


def _cells(array: Any, places: Sequence[int] | Array) -> list[Any]:
    """As Python has them."""
    try:
        cells: list[Any] = array.take(pa.array(places)).to_pylist()
    except pa.ArrowNotImplementedError:  # of a type that Arrow can only look at
        cells = [array[int(place)].as_py() for place in places]
    return cells


def blocks(source: OpenSource, most: int) -> Iterator[Block]:
    """A file of columns, or of rows whose cells are all text, as blocks of so many rows, the last of fewer."""
    if source.arrays is not None:
        first = 1
        for arrays in source.arrays(most):
            yield Block(first, arrays)
            first += len(arrays[0])
        return
    while taken := list(islice(source.rows, most)):
        yield Block(taken[0].number, taken=taken, width=len(source.columns))
