"""Reading a lender's file row by row, with flat memory and line numbers that hold for quoted line breaks too."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader, TextIOWrapper
from pathlib import Path

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]

from duecourse.domain.problems import DuecourseError, Problem

from .mapping import Source

_BROKEN_BYTES = re.compile("[\udc80-\udcff\x00]")
LONGEST_FIELD = 1 << 20
"""Characters; a longer field means an unclosed quotation mark."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row as read. CSV cells are text; Parquet cells keep their type, and null is None."""

    number: int
    """1 for the first row of data."""
    line: int
    """Of the file, where the row begins; for Parquet the row's number."""
    cells: Sequence[object]


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A row that could not be split into cells."""

    number: int
    line: int
    raw: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class OpenSource:
    """A file opened for import."""

    path: Path
    columns: tuple[str, ...]
    header: bool
    rows: Iterator[Row | Unreadable]
    position: Callable[[], float]
    """How much of the file has been read, 0 to 1."""
    encoding: str
    delimiter: str
    quote: str


@contextmanager
def open_source(path: Path, source: Source) -> Iterator[OpenSource]:
    """Open a file as its mapping says. Raises DuecourseError B005 (cannot be read as that) or B006 (columns)."""
    try:
        file = path.open("rb")
    except OSError as error:
        raise DuecourseError(Problem("B005", str(path), f"cannot be read: {error.strerror}")) from None
    with file:
        if source.format == "parquet":
            yield _parquet(path, file)
        else:
            yield _csv(path, file, source)


def _csv(path: Path, file: BufferedReader, source: Source) -> OpenSource:
    encoding = (
        "utf-8-sig" if source.encoding.lower().replace("_", "-") in ("utf-8", "utf8") else source.encoding
    )
    size = max(1, path.stat().st_size)
    try:
        # surrogateescape: one broken byte costs its row, not the file, and the rejects file gets the byte back.
        text = TextIOWrapper(file, encoding=encoding, errors="surrogateescape", newline="")
        for _ in range(source.skip_lines):
            text.readline()
        lines = _Lines(text, source.skip_lines)
        csv.field_size_limit(LONGEST_FIELD)
        reader = csv.reader(
            lines,
            delimiter=source.delimiter,
            quotechar=source.quote or None,
            quoting=csv.QUOTE_MINIMAL if source.quote else csv.QUOTE_NONE,
            strict=True,
        )
        columns = tuple(next(reader, ())) if source.header else tuple(source.columns)
    except LookupError:
        raise DuecourseError(
            Problem("B005", str(path), f"the encoding '{source.encoding}' of the mapping is unknown")
        ) from None
    except (csv.Error, UnicodeError) as error:
        raise DuecourseError(Problem("B005", str(path), f"the first line cannot be read: {error}")) from None
    columns = tuple(column.strip() for column in columns)
    _check_columns(path, columns)
    return OpenSource(
        path,
        columns,
        source.header,
        _csv_rows(reader, lines, len(columns), source),
        lambda: 1.0 if file.closed else min(1.0, file.tell() / size),
        encoding,
        source.delimiter,
        source.quote,
    )


class _Lines:
    """Lines for the csv reader, which also remembers those of the row being read and whether their bytes hold."""

    def __init__(self, text: TextIOWrapper, skipped: int) -> None:
        self._text = text
        self.line = skipped
        self.pending: list[str] = []
        self.broken = False

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = next(self._text)
        self.line += 1
        self.pending.append(line)
        if not line.isascii() or "\0" in line:
            self.broken = self.broken or _BROKEN_BYTES.search(line) is not None
        return line


def _csv_rows(
    reader: Iterator[list[str]], lines: _Lines, width: int, source: Source
) -> Iterator[Row | Unreadable]:
    number = 0
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
        if lines.broken:
            message = f"holds bytes that are not {source.encoding} text"
            yield Unreadable(number, first, "".join(lines.pending), "B011", message)
        elif len(cells) != width:
            message = f"has {len(cells)} cells; the file has {width} columns"
            yield Unreadable(number, first, "".join(lines.pending), "B010", message)
        else:
            yield Row(number, first, cells)


def _parquet(path: Path, file: BufferedReader) -> OpenSource:
    try:
        parquet = pq.ParquetFile(file)
    except (pa.ArrowInvalid, OSError) as error:
        raise DuecourseError(Problem("B005", str(path), f"is not a Parquet file: {error}")) from None
    columns = tuple(parquet.schema_arrow.names)
    _check_columns(path, columns)
    total = max(1, parquet.metadata.num_rows)
    read = [0]

    def rows() -> Iterator[Row]:
        for batch in parquet.iter_batches(batch_size=8192):
            for cells in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                read[0] += 1
                yield Row(read[0], read[0], cells)

    return OpenSource(path, columns, True, rows(), lambda: read[0] / total, "utf-8", ",", '"')


def _check_columns(path: Path, columns: tuple[str, ...]) -> None:
    where = f"{path}:1"
    problems: list[Problem] = []
    if not columns:
        problems.append(Problem("B006", where, "the file is empty: no line names its columns"))
    if any(_BROKEN_BYTES.search(column) for column in columns):
        problems.append(Problem("B006", where, "the column names are not text in the mapping's encoding"))
    twice = sorted({column for column in columns if columns.count(column) > 1})
    problems += [Problem("B006", where, f"the column '{column}' stands there twice") for column in twice]
    if problems:
        raise DuecourseError(problems)
