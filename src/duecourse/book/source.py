"""Opening a lender's file in whichever format its mapping names: read row by row, with flat memory."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO

from duecourse.domain.problems import DuecourseError, Problem

from .delimited import open_delimited
from .documents import open_documents
from .fixed_width import open_fixed_width
from .mapping import Source
from .parquet import open_parquet
from .rows import OpenSource, Row, Unreadable
from .sheets import open_sheet

__all__ = ["OpenSource", "Row", "Unreadable", "format_of", "open_source"]

_SUFFIXES = {
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".xlsx": "excel",
    ".xlsm": "excel",
    ".xlsb": "excel",
    ".xls": "excel",
    ".ods": "excel",
}


def format_of(path: Path, source: Source) -> str:
    """The format that the mapping names; with 'auto' what the file's name ends in, and CSV for any other end."""
    if source.format != "auto":
        return source.format
    name = path.with_suffix("") if path.suffix.lower() == ".gz" else path
    return _SUFFIXES.get(name.suffix.lower(), "csv")


@contextmanager
def open_source(path: Path, source: Source) -> Iterator[OpenSource]:
    """Open a file as its mapping says; one whose name ends in .gz is unpacked while it is read.

    Raises DuecourseError B005 (cannot be read as that), B006 (columns) or B070 (sheet).
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise DuecourseError(Problem("B005", str(path), f"cannot be read: {error.strerror}")) from None
    with file:
        kind = format_of(path, source)
        if kind == "parquet":
            yield open_parquet(path, file)
        elif kind == "excel":
            yield open_sheet(path, file, source)
        elif path.suffix.lower() == ".gz":
            with gzip.GzipFile(fileobj=file) as unpacked:
                opened = _text(kind, path, unpacked, source, _position(path, file))  # type: ignore[arg-type]
                yield replace(opened, rows=_unpacking(path, opened.rows))
        else:
            yield _text(kind, path, file, source, _position(path, file))


def _text(kind: str, path: Path, file: BinaryIO, source: Source, position: Callable[[], float]) -> OpenSource:
    openers = {"fixed": open_fixed_width, "json": open_documents, "jsonl": open_documents}
    try:
        return openers.get(kind, open_delimited)(path, file, source, position)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise _torn(path) from None


def _position(path: Path, file: BufferedReader) -> Callable[[], float]:
    size = max(1, path.stat().st_size)
    return lambda: 1.0 if file.closed else min(1.0, file.tell() / size)


def _unpacking(path: Path, rows: Iterator[Row | Unreadable]) -> Iterator[Row | Unreadable]:
    try:
        yield from rows
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise _torn(path) from None


def _torn(path: Path) -> DuecourseError:
    found = "the compressed file breaks off or is damaged"
    return DuecourseError(Problem("B005", str(path), found, "What was read before that stays imported."))
