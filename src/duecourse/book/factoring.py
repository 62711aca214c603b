"""Reads a block's rows with the builders and fields of single rows, once for each group of rows that say the same.

What a field makes of a row depends on the cells that it reads and, if it counts, on the row's number. So a row that
stands for its group answers for all of it, and there is one set of rules for rows and for columns. A row that the
group's answer cannot vouch for (something is at fault in it, or noted of it) is left to be read by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np

from .blocks import Block, Groups
from .cells import Notes
from .fields import Field, RowReader
from .packing import Array, Column
from .parsing import FieldFault

MOST = 2**60
"""Numbers above it are left to be read row by row: sums of a few up to it stay within 64 bits."""
T = TypeVar("T")


class BlockReader:
    """Reads one section of a mapping from one block.

    odd: of each row, whether it has to be read by itself.
    """

    def __init__(self, block: Block, notes: Notes) -> None:
        self.block = block
        self.odd: Array = np.zeros(len(block), bool)
        self._notes = notes

    def ask(self, groups: Groups, read: Callable[[RowReader], T]) -> list[T | None]:
        """What each group's row says; None where it cannot be vouched for."""
        notes = self._notes
        answers: list[T | None] = []
        odd: list[int] = []
        for at, row in enumerate(groups.rows):
            reader = RowReader(row)
            noted = notes.scientific
            answer = None
            try:
                answer = read(reader)
            except FieldFault:
                odd.append(at)
            if reader.faults or notes.scientific != noted:
                notes.scientific = noted
                answer = None
                odd.append(at)
            answers.append(answer)
        if odd:
            marks = np.zeros(len(answers), bool)
            marks[odd] = True
            self.odd |= marks[groups.codes]
        return answers

    def numbers(
        self, fields: Sequence[Field | None], read: Callable[[RowReader], int | None], width: Any = np.int64
    ) -> Column:
        """A column of whole numbers that depend on these fields. width: the type they are kept in."""
        groups = self._groups(fields)
        answers = self.ask(groups, read)
        given = np.fromiter((answer is not None for answer in answers), bool, len(answers))
        large = np.fromiter((abs(answer or 0) > MOST for answer in answers), bool, len(answers))
        if large.any():
            self.odd |= large[groups.codes]
            answers = [None if answer is None or abs(answer) > MOST else answer for answer in answers]
        values = np.fromiter((answer or 0 for answer in answers), np.int64, len(answers)).astype(width)
        return Column(values[groups.codes], None if given.all() else given[groups.codes])

    def bytes_of(
        self, fields: Sequence[Field | None], read: Callable[[RowReader], bytes | None], size: int
    ) -> Column:
        """A column of as many bytes each, made of these fields."""
        groups = self._groups(fields)
        nothing = bytes(size)
        joined = b"".join(answer or nothing for answer in self.ask(groups, read))
        return Column(np.frombuffer(joined, f"V{size}")[groups.codes])

    def _groups(self, fields: Sequence[Field | None]) -> Groups:
        there = [field for field in fields if field is not None]
        columns = frozenset[int]().union(*(field.columns for field in there))
        return self.block.groups(columns, numbered=any(field.numbered for field in there))
