"""What a file of any format is read as: rows of cells with the place they came from."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from duecourse.domain.problems import DuecourseError, Problem

BROKEN_BYTES = re.compile("[\udc80-\udcff\x00]")
"""What surrogateescape makes of bytes that are no text, and the zero byte."""
_NO_TEXT = re.compile("[\ud800-\udfff\x00]")
"""What a typed cell can hold and no database text: half a surrogate pair, the zero character."""
_STEP = re.compile(r"([^.\[\]]+)((?:\[[0-9]+\])*)")


class Row(NamedTuple):
    """One row as read. CSV cells are text; cells of typed formats keep their type, and null is None.

    A tuple, since one is made for every line of a file.
    """

    number: int
    """1 for the first row of data."""
    line: int
    """Of the file, where the row begins; for Parquet the row's number, for JSON the record's."""
    cells: Sequence[object]
    part: int = 0
    """0: the record itself; n: an element of the n-th exploded list (JSON)."""
    place: str = ""
    """Where the row stands, when more than the line is to be said: '12 transactions[3]'."""
    document: object = None
    """The record as read, narrowed to this row, for the rejects file (JSON)."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A row that could not be split into cells."""

    number: int
    line: int
    raw: str
    code: str
    message: str
    place: str = ""


class Paths(Mapping[str, int]):
    """Columns of a JSON file: any path that a mapping asks for, numbered as asked. `a.b[0].c`; a name alone is `a`.

    lists: paths of exploded lists; a path below one is of its element.
    """

    def __init__(self, lists: Sequence[str]) -> None:
        self.lists = tuple(lists)
        self.names: list[str] = []
        self.parts: list[int] = []
        """For each path, the list it is of (from 1), 0 for the record itself."""
        self.steps: list[tuple[str | int, ...]] = []
        """For each path, the way from the record or from the element."""
        self._index: dict[str, int] = {}

    def __getitem__(self, name: str) -> int:
        """The path's number; asked for the first time, it gets one. KeyError for what is no path."""
        index = self._index.get(name)
        if index is None:
            steps = path_steps(name)
            if steps is None:
                raise KeyError(name)
            part, below = self._place(name)
            index = self._index[name] = len(self.names)
            self.names.append(name)
            self.parts.append(part)
            self.steps.append(path_steps(below) or () if part else steps)
        return index

    def _place(self, name: str) -> tuple[int, str]:
        for number, one in enumerate(self.lists, start=1):
            if name == one or name.startswith(one + "."):
                return number, name[len(one) + 1 :]
        return 0, name

    def __contains__(self, name: object) -> bool:
        """No path is known before it is asked for, so none clashes with a name of the mapping."""
        return False

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)


def path_steps(path: str) -> tuple[str | int, ...] | None:
    """`a.b[0].c` as ('a', 'b', 0, 'c'); None for what is no path."""
    steps: list[str | int] = []
    for part in path.split("."):
        match = _STEP.fullmatch(part)
        if match is None:
            return None
        steps.append(match[1])
        steps += [int(number) for number in re.findall(r"[0-9]+", match[2])]
    return tuple(steps)


def walk(value: Any, steps: Sequence[str | int]) -> Any:
    """What stands at the end of the way; None when it ends before."""
    for step in steps:
        if isinstance(step, str):
            value = value.get(step) if isinstance(value, dict) else None
        else:
            value = value[step] if isinstance(value, list) and step < len(value) else None
        if value is None:
            return None
    return value


@dataclass(frozen=True, slots=True)
class OpenSource:
    """A file opened for import."""

    path: Path
    columns: Sequence[str]
    header: bool
    rows: Iterator[Row | Unreadable]
    position: Callable[[], float]
    """How much of the file has been read, 0 to 1."""
    encoding: str
    delimiter: str
    quote: str
    paths: Paths | None = None
    """Of a JSON file, whose columns are what the mapping asks for."""
    text: bool = False
    """Whether all cells are text."""
    arrays: Callable[[int], Iterator[Sequence[Any]]] | None = None
    """Of a file that holds columns: an Arrow array for each, of as many rows at once as asked, instead of `rows`."""

    def index(self) -> Mapping[str, int]:
        """Column to its place in a row's cells."""
        return self.paths if self.paths is not None else {name: i for i, name in enumerate(self.columns)}


def holds_no_text(cells: Sequence[object]) -> bool:
    """Whether a typed cell has characters that no text may have."""
    return any(isinstance(cell, str) and _NO_TEXT.search(cell) is not None for cell in cells)


def check_columns(path: Path, columns: Sequence[str]) -> None:
    """Raises DuecourseError B006 with every fault of a file's column names."""
    where = f"{path}:1"
    problems: list[Problem] = []
    if not columns:
        problems.append(Problem("B006", where, "the file is empty: no line names its columns"))
    if any(BROKEN_BYTES.search(column) for column in columns):
        problems.append(Problem("B006", where, "the column names are not text in the mapping's encoding"))
    twice = sorted({column for column in columns if columns.count(column) > 1})
    problems += [Problem("B006", where, f"the column '{column}' stands there twice") for column in twice]
    if problems:
        raise DuecourseError(problems)
