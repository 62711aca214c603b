"""Files whose fields stand at fixed places of a line, counted in bytes of the encoding or in characters."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from duecourse.domain.problems import DuecourseError, Problem

from .delimited import reading_encoding, unknown_encoding
from .mapping import Source
from .rows import OpenSource, Row, Unreadable, check_columns

LONGEST_LINE = 1 << 20
"""Bytes; a longer line means that the file has no line breaks."""


def open_fixed_width(path: Path, file: BinaryIO, source: Source, position: Callable[[], float]) -> OpenSource:
    """Raises DuecourseError B005 or B006."""
    encoding = reading_encoding(source)
    try:
        codecs.lookup(encoding)
    except LookupError:
        raise unknown_encoding(path, source) from None
    places = [(field.start - 1, field.start - 1 + field.width) for field in source.places()]
    columns = tuple(field.name for field in source.places())
    check_columns(path, columns)
    for _ in range(source.skip_lines):
        file.readline(LONGEST_LINE)
    rows = _rows(path, file, source, places)
    return OpenSource(path, columns, False, rows, position, encoding, ",", '"', text=True)


def _rows(
    path: Path, file: BinaryIO, source: Source, places: list[tuple[int, int]]
) -> Iterator[Row | Unreadable]:
    encoding, in_bytes = source.encoding, source.counted_in == "bytes"
    whole = max(end for _, end in places)
    number = 0
    for line_number, line in _lines(path, file, source):
        if not line.strip():
            continue  # an empty line is no row
        number += 1
        raw = line.decode(encoding, "surrogateescape")
        try:
            text = line.decode(encoding)
        except UnicodeDecodeError:
            text = "\0"
        if "\0" in text:
            yield Unreadable(number, line_number, raw, "B011", f"holds bytes that are not {encoding} text")
            continue
        # Of ASCII a byte is a character, and slicing text is the quicker.
        cut: bytes | str = line if in_bytes and not text.isascii() else text
        if len(cut) < whole or cut[whole:].strip():
            unit = "bytes" if in_bytes else "characters"
            message = f"has {len(cut)} {unit}; its fields take {whole}"
            yield Unreadable(number, line_number, raw, "B010", message)
            continue
        try:
            cells = [
                cell if isinstance(cell, str) else cell.decode(encoding)
                for cell in (cut[start:end] for start, end in places)
            ]
        except UnicodeDecodeError:
            message = "a field begins or ends within a character; its place or the line is wrong"
            yield Unreadable(number, line_number, raw, "B010", message)
            continue
        yield Row(number, line_number, cells)


def _lines(path: Path, file: BinaryIO, source: Source) -> Iterator[tuple[int, bytes]]:
    """Lines with their numbers, without the line break and without the trailer."""
    waiting: list[tuple[int, bytes]] = []
    number = source.skip_lines
    while line := file.readline(LONGEST_LINE):
        if len(line) == LONGEST_LINE and not line.endswith(b"\n"):
            found = f"line {number + 1} is longer than {LONGEST_LINE:,} bytes: the file has no line breaks"
            raise DuecourseError(Problem("B005", str(path), found, "What was read before it stays imported."))
        number += 1
        if number == 1:
            line = line.removeprefix(codecs.BOM_UTF8)
        waiting.append((number, line.rstrip(b"\r\n")))
        if len(waiting) > source.trailer_lines:
            yield waiting.pop(0)
