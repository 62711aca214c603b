"""Files of cells with a separator between them, with line numbers that hold for quoted line breaks too."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Callable, Iterator
from io import TextIOWrapper
from pathlib import Path
from typing import BinaryIO

from duecourse.domain.problems import DuecourseError, Problem

from .mapping import Source
from .rows import BROKEN_BYTES, OpenSource, Row, Unreadable, check_columns

LONGEST_FIELD = 1 << 20
"""Characters; a longer field means an unclosed quotation mark."""
STAND_IN = "\ufdd0"
"""For a separator of several characters, while the csv reader, which knows only one, splits the line. Unicode keeps
this code point out of every text; a line that has it is refused as one with broken bytes."""


def open_delimited(path: Path, file: BinaryIO, source: Source, position: Callable[[], float]) -> OpenSource:
    """Raises DuecourseError B005 or B006."""
    encoding = reading_encoding(source)
    several = len(source.delimiter) > 1
    try:
        # surrogateescape: one broken byte costs its row, not the file, and the rejects file gets the byte back.
        text = TextIOWrapper(file, encoding=encoding, errors="surrogateescape", newline="")
        for _ in range(source.skip_lines):
            text.readline()
        lines = _Lines(text, source, source.delimiter if several else "")
        csv.field_size_limit(LONGEST_FIELD)
        reader = csv.reader(
            lines,
            delimiter=STAND_IN if several else source.delimiter,
            quotechar=source.quote or None,
            quoting=csv.QUOTE_MINIMAL if source.quote else csv.QUOTE_NONE,
            strict=True,
        )
        columns = tuple(next(reader, ())) if source.header else tuple(source.columns)
    except LookupError:
        raise unknown_encoding(path, source) from None
    except (csv.Error, UnicodeError) as error:
        raise DuecourseError(Problem("B005", str(path), f"the first line cannot be read: {error}")) from None
    if source.header and source.trailing_delimiter and columns and not columns[-1]:
        columns = columns[:-1]
    columns = tuple(column.strip() for column in columns)
    check_columns(path, columns)
    rows = _rows(reader, lines, len(columns), source)
    return OpenSource(
        path, columns, source.header, rows, position, encoding, source.delimiter, source.quote, text=True
    )


def reading_encoding(source: Source) -> str:
    """UTF-8 with or without its byte order mark; else as the mapping says."""
    plain = source.encoding.lower().replace("_", "-") in ("utf-8", "utf8")
    return "utf-8-sig" if plain else source.encoding


def unknown_encoding(path: Path, source: Source) -> DuecourseError:
    """B005."""
    found = f"the encoding '{source.encoding}' of the mapping is unknown"
    return DuecourseError(Problem("B005", str(path), found))


class _Lines:
    """Lines for the csv reader, which also remembers those of the row being read and whether their bytes hold.

    separator: of several characters, to be replaced by the stand-in; '' for none.
    """

    def __init__(self, text: TextIOWrapper, source: Source, separator: str) -> None:
        self._text = held_back(text, source.trailer_lines) if source.trailer_lines else text
        self._separator = separator
        self.line = source.skip_lines
        self.pending: list[str] = []
        self.broken = False

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = next(self._text)
        self.line += 1
        self.pending.append(line)
        if not line.isascii() or "\0" in line:
            self.broken = self.broken or STAND_IN in line or BROKEN_BYTES.search(line) is not None
        return line.replace(self._separator, STAND_IN) if self._separator else line


def held_back(lines: Iterator[str], count: int) -> Iterator[str]:
    """All lines but the last `count`."""
    waiting: deque[str] = deque()
    for line in lines:
        waiting.append(line)
        if len(waiting) > count:
            yield waiting.popleft()


def _rows(
    reader: Iterator[list[str]], lines: _Lines, width: int, source: Source
) -> Iterator[Row | Unreadable]:
    number = 0
    trailing = source.trailing_delimiter
    restored = len(source.delimiter) > 1 and source.quote != ""
    while True:
        first = lines.line + 1
        lines.pending.clear()
        lines.broken = False
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            number += 1
            through = f" through line {lines.line}" if lines.line > first else ""
            message = f"the row{through} cannot be split into cells: {error}"
            yield Unreadable(number, first, "".join(lines.pending), "B010", message)
            continue
        if not cells:
            continue  # an empty line is no row
        number += 1
        if trailing and not cells[-1]:
            cells.pop()
        if lines.broken:
            message = f"holds bytes that are not {source.encoding} text"
            yield Unreadable(number, first, "".join(lines.pending), "B011", message)
        elif len(cells) != width:
            message = f"has {len(cells)} cells; the file has {width} columns"
            yield Unreadable(number, first, "".join(lines.pending), "B010", message)
        else:
            if restored:
                cells = [cell.replace(STAND_IN, source.delimiter) for cell in cells]
            yield Row(number, first, cells)
