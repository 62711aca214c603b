"""JSON files, read record by record: lines, an array, or an object; with lists inside a record as rows of their own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from io import TextIOWrapper
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

import ijson  # type: ignore[import-untyped]

from .delimited import reading_encoding, unknown_encoding
from .mapping import Source
from .rows import BROKEN_BYTES, OpenSource, Paths, Row, Unreadable, holds_no_text, path_steps, walk

_BLANK = b" \t\r\n\xef\xbb\xbf"


def open_documents(path: Path, file: BinaryIO, source: Source, position: Callable[[], float]) -> OpenSource:
    """Raises DuecourseError B005."""
    encoding = reading_encoding(source)
    paths = Paths(source.explode)
    try:
        text = TextIOWrapper(file, encoding=encoding, errors="surrogateescape")
    except LookupError:
        raise unknown_encoding(path, source) from None
    by_line = source.format == "jsonl" or (source.format == "auto" and _has_suffix(path, ".jsonl", ".ndjson"))
    documents = _of_lines(text, source) if by_line else _of_array(_Recoded(text), source)
    rows = _rows(documents, paths)
    return OpenSource(path, paths.names, True, rows, position, "utf-8", ",", '"', paths)


def _has_suffix(path: Path, *wanted: str) -> bool:
    name = path.with_suffix("") if path.suffix.lower() == ".gz" else path
    return name.suffix.lower() in wanted


Document = tuple[int, Any]
"""A record with its line or its number in the array."""


class _Recoded:
    """Text as the bytes that the parser of arrays takes, with a look at the first character."""

    def __init__(self, text: TextIOWrapper) -> None:
        self._text = text
        self._begin = b""
        while not self._begin.strip(_BLANK):
            block = text.read(1 << 16).encode("utf-8", "surrogateescape")
            self._begin += block
            if not block:
                break
        self.first = self._begin.lstrip(_BLANK)[:1]

    def names(self, field: str) -> bool:
        """Whether the beginning of the file names a field."""
        return json.dumps(field, ensure_ascii=False).encode() in self._begin

    def read(self, size: int = -1) -> bytes:
        """The next bytes; at least one character's unless the file ended."""
        if size == 0:  # the parser asks so whether it will get bytes
            return b""
        begin, self._begin = self._begin, b""
        return begin or self._text.read(size).encode("utf-8", "surrogateescape")


def _of_array(file: _Recoded, source: Source) -> Iterator[Document | Unreadable]:
    """Records of an array, of the list `records` inside one object, or objects one after the other."""
    steps = path_steps(source.records) or ()
    inside = bool(steps) and file.first == b"{" and file.names(str(steps[-1]))
    prefix = "item" if file.first == b"[" else f"{source.records}.item" if inside else ""
    number = 0
    try:
        for document in ijson.items(file, prefix, multiple_values=True):
            # Another object than the list's, as one record by itself; or its list came late in it.
            listed = walk(document, steps) if steps and not prefix and isinstance(document, dict) else None
            for one in listed if isinstance(listed, list) else [document]:
                number += 1
                yield number, one
    except (ijson.JSONError, UnicodeError) as error:
        place = f"record {number + 1}"
        message = f"is not JSON from here on, so that nothing after it could be read: {_reason(error)}"
        yield Unreadable(0, number + 1, "", "B071", message, place)
    else:
        if inside and not number:
            yield Unreadable(
                0, 1, "", "B071", f"the list '{source.records}' is not there or empty", "record 1"
            )


def _of_lines(text: TextIOWrapper, source: Source) -> Iterator[Document | Unreadable]:
    for number, line in enumerate(text, start=1):
        if number <= source.skip_lines or not line.strip():
            continue
        if not line.isascii() and BROKEN_BYTES.search(line):
            message = f"holds bytes that are not {source.encoding} text"
            yield Unreadable(0, number, line, "B011", message)
            continue
        try:
            yield number, json.loads(line, parse_float=Decimal, parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            yield Unreadable(0, number, line, "B071", f"the line is not JSON: {_reason(error)}")


def _no_constant(written: str) -> object:
    raise ValueError(f"{written} is no number")


def _reason(error: Exception) -> str:
    """The parser's own word without the piece of the file that it quotes."""
    first = str(error).splitlines()[0] if str(error) else type(error).__name__
    return first[:80] if isinstance(error, json.JSONDecodeError | ijson.JSONError) else "no number or no text"


def _rows(documents: Iterator[Document | Unreadable], paths: Paths) -> Iterator[Row | Unreadable]:
    lists = [path_steps(one) or () for one in paths.lists]
    numbered = 0
    for found in documents:
        numbered += 1
        if isinstance(found, Unreadable):
            yield Unreadable(numbered, found.line, found.raw, found.code, found.message, found.place)
            continue
        line, document = found
        if not isinstance(document, dict):
            raw = json.dumps(document, ensure_ascii=False, default=str)
            yield Unreadable(numbered, line, raw, "B071", "the record is not an object with named fields")
            continue
        for cells, part, place, own in _of_document(line, document, paths, lists):
            if holds_no_text(cells):
                raw = json.dumps(own, default=str)
                yield Unreadable(numbered, line, raw, "B011", "holds characters that are no text", place)
            else:
                yield Row(numbered, line, cells, part, place, own)
            numbered += 1
        numbered -= 1


def _of_document(
    line: int, document: dict[str, Any], paths: Paths, lists: Sequence[tuple[str | int, ...]]
) -> Iterator[tuple[list[object], int, str, object]]:
    """Cells, part, place and document of the record itself, then of every element of every exploded list."""
    own = [None if part else walk(document, steps) for part, steps in _ways(paths)]
    bare = _without(document, lists) if lists else document
    yield own, 0, "", bare
    for part, (name, steps) in enumerate(zip(paths.lists, lists, strict=True), start=1):
        elements = walk(document, steps)
        below = [(i, way) for i, (of, way) in enumerate(_ways(paths)) if of == part]
        for position, element in enumerate(elements if isinstance(elements, list) else []):
            cells = own.copy()
            for index, way in below:
                cells[index] = walk(element, way)
            yield cells, part, f"{line} {name}[{position}]", _with(bare, steps, element)


def _ways(paths: Paths) -> Iterator[tuple[int, tuple[str | int, ...]]]:
    return zip(paths.parts, paths.steps, strict=True)


def _without(document: dict[str, Any], lists: Sequence[tuple[str | int, ...]]) -> dict[str, Any]:
    """The record with its exploded lists empty."""
    for steps in lists:
        if isinstance(walk(document, steps), list):
            document = _put(document, steps, [])
    return document


def _with(document: dict[str, Any], steps: tuple[str | int, ...], element: object) -> dict[str, Any]:
    return _put(document, steps, [element])


def _put(document: dict[str, Any], steps: tuple[str | int, ...], value: object) -> dict[str, Any]:
    """A copy of the record, as shallow as can be, with another value at the end of the way."""
    whole = dict(document)
    at: Any = whole
    for step, following in zip(steps, chain(steps[1:], [None]), strict=True):
        if following is None:
            at[step] = value
        else:
            at[step] = at[step].copy()
            at = at[step]
    return whole
