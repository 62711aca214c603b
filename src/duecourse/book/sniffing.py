"""What a file is, found by looking: format, encoding, separator, header, and the first rows."""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from duecourse.domain.problems import DuecourseError, Problem

from .cells import as_text
from .delimited import LONGEST_FIELD, STAND_IN
from .evidence import shape_of
from .mapping import Source
from .parsing import FieldFault, native_date
from .rows import Row
from .source import format_of, open_source
from .synonyms import named

SAMPLE_ROWS = 1000
_SAMPLE_BYTES = 1 << 20
_SEPARATORS = ("|@|", "\x01", "^|^", "||", "@@", "\t", "|", ",", ";", "~", "^")
_AUTO = Source(format="auto")


@dataclass(frozen=True, slots=True)
class Sniffed:
    """A file's form and its first rows as text. source: the keys of [source] that differ from the defaults."""

    source: dict[str, Any]
    columns: tuple[str, ...]
    samples: tuple[tuple[str, ...], ...]
    """By column, the values of the first rows."""
    open: tuple[str, ...] = ()


def sniff(path: Path) -> Sniffed:
    """Raises DuecourseError B005 or B006 (unreadable), B090 (nothing that has columns)."""
    kind = format_of(path, _AUTO)
    if kind in ("json", "jsonl"):
        return _json(path, kind)
    if kind != "csv":
        with open_source(path, _AUTO) as opened:
            columns = tuple(opened.columns)
            table = [
                [_text(cell) for cell in row.cells]
                for row, _ in zip(opened.rows, range(SAMPLE_ROWS), strict=False)
                if isinstance(row, Row)
            ]
        return Sniffed({"format": kind}, columns, _by_column(table, len(columns)))
    return _delimited(path)


def _text(cell: object) -> str:
    if isinstance(cell, list):
        try:
            cell = native_date(cell)
        except FieldFault:
            return str(cell)
    try:
        return "" if cell is None else as_text(cell)
    except FieldFault:
        return str(cell)


def _by_column(table: Sequence[Sequence[str]], width: int) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(row[i] for row in table if len(row) == width) for i in range(width))


def _delimited(path: Path) -> Sniffed:
    try:
        with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as file:
            raw = file.read(_SAMPLE_BYTES)
    except (OSError, EOFError, zlib.error) as error:
        why = error.strerror if isinstance(error, OSError) else None
        raise DuecourseError(Problem("B005", str(path), f"cannot be read: {why or 'damaged'}")) from None
    if len(raw) == _SAMPLE_BYTES:
        raw = raw[: raw.rfind(b"\n") + 1]
    encoding, text = _decoded(path, raw)
    lines = [line for line in text.splitlines() if line.strip()][: SAMPLE_ROWS + 1]
    separator = _separator(lines)
    if not separator:
        found = "no separator divides its lines into columns; a fixed-width file needs a mapping by hand"
        raise DuecourseError(Problem("B090", str(path), found))
    quoted = any(f'{separator}"' in line or line.startswith('"') for line in lines)
    table = _split(lines, separator, quoted)
    trailing = all(row and not row[-1] for row in table)
    if trailing:
        table = [row[:-1] for row in table]
    header = any(named(cell) for cell in table[0]) or not _looks_like_data(table[0])
    source: dict[str, Any] = {}
    source |= {"encoding": encoding} if encoding != "utf-8" else {}
    source |= {"delimiter": separator} if separator != "," else {}
    source |= {"trailing_delimiter": True} if trailing else {}
    source |= {"quote": ""} if not quoted and separator != "," else {}
    columns = tuple(cell.strip() for cell in table[0])
    left: tuple[str, ...] = ()
    if not header:
        columns = tuple(f"c{i}" for i in range(1, len(table[0]) + 1))
        source |= {"header": False, "columns": list(columns)}
        left = ("the file names no columns: c1, c2, … were judged by their values alone",)
    rows = table[1:] if header else table
    return Sniffed(source, columns, _by_column(rows, len(columns)), left)


def _decoded(path: Path, raw: bytes) -> tuple[str, str]:
    """The encoding under which the text reads best. Raises DuecourseError B090."""
    try:
        return "utf-8", raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        pass
    readings = []
    for encoding in ("gb18030", "big5"):
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        first = text.split("\n", 1)[0]
        separator = _separator([first]) or ","
        known = sum(named(cell) is not None for cell in first.split(separator))
        readings.append((known, encoding == "gb18030", encoding, text))
    if not readings:
        raise DuecourseError(Problem("B090", str(path), "is text in none of utf-8, gb18030, big5"))
    _, _, encoding, text = max(readings)
    return encoding, text


def _separator(lines: Sequence[str]) -> str:
    """The separator that divides every line alike into the most columns; a longer one before its own pieces."""
    best, most = "", 0
    for separator in _SEPARATORS:
        counts = {line.count(separator) for line in lines[:50]}
        fewest = min(counts, default=0)
        if (
            fewest
            and (len(counts) == 1 or separator == ",")
            and fewest > most
            and not (best and separator in best)
        ):
            best, most = separator, fewest
    return best


def _split(lines: Sequence[str], separator: str, quoted: bool) -> list[list[str]]:
    several = len(separator) > 1
    given = [line.replace(separator, STAND_IN) for line in lines] if several else lines
    one = STAND_IN if several else separator
    csv.field_size_limit(LONGEST_FIELD)
    if quoted:
        return list(csv.reader(given, delimiter=one))
    return list(csv.reader(given, delimiter=one, quoting=csv.QUOTE_NONE))


def _looks_like_data(cells: Sequence[str]) -> bool:
    """Whether a first line is data rather than names: it has a day, a number, a phone or an ID number."""
    for cell in cells:
        shape = shape_of([cell])
        if shape.dates or shape.phone or shape.id_number or shape.email or shape.number:
            return True
    return False


def _json(path: Path, kind: str) -> Sniffed:
    """Paths of the first records; lists of objects are exploded."""
    plain: dict[str, None] = {}
    lists: dict[str, None] = {}
    records = ""
    with open_source(path, _AUTO) as opened:
        documents = [
            row.document for row, _ in zip(opened.rows, range(100), strict=False) if isinstance(row, Row)
        ]
    if kind == "json" and len(documents) == 1 and isinstance(documents[0], dict):
        # One object whose only known part is a list: the answer of an interface.
        lists_in = {
            key: value
            for key, value in documents[0].items()
            if isinstance(value, list) and value and isinstance(value[0], dict)
        }
        if len(lists_in) == 1 and not any(named(key) for key in documents[0].keys() - lists_in.keys()):
            records, documents = next((key, value[:100]) for key, value in lists_in.items())
    for document in documents:
        _flatten(document, "", plain, lists)
    columns = tuple(plain)
    source: dict[str, Any] = {"format": kind}
    source |= {"records": records} if records else {}
    source |= {"explode": list(lists)} if lists else {}
    with open_source(path, Source(**source)) as opened:
        for column in columns:
            opened.index().get(column)
        table = [
            [_text(cell) for cell in row.cells]
            for row, _ in zip(opened.rows, range(SAMPLE_ROWS), strict=False)
            if isinstance(row, Row)
        ]
    return Sniffed(source, columns, _by_column(table, len(columns)))


def _flatten(value: object, path: str, plain: dict[str, None], lists: dict[str, None]) -> None:
    if not isinstance(value, dict):
        return
    for key, inner in value.items():
        if not isinstance(key, str) or any(mark in key for mark in ".[]{}"):
            continue
        below = f"{path}.{key}" if path else key
        if isinstance(inner, dict):
            _flatten(inner, below, plain, lists)
        elif isinstance(inner, list) and inner and all(isinstance(one, dict) for one in inner):
            # A list inside an exploded list stays unread.
            if not any(below.startswith(one + ".") for one in lists):
                lists.setdefault(below)
                for one in inner[:20]:
                    _flatten(one, below, plain, lists)
        else:
            plain.setdefault(below)
