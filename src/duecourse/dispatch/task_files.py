"""Files of call tasks: results as a call centre sends them back, CSV or a workbook, and the tasks it is given."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import xlsxwriter
from python_calamine import CalamineError, load_workbook

from duecourse.domain.problems import DuecourseError, Problem

WORKBOOKS: Final = (".xlsx", ".xlsm", ".xls", ".xlsb", ".ods")
_ENCODINGS: Final = ("utf-8-sig", "gb18030")


def read_rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """(line, cells by the heading's names in lower case) of every row that is not empty. Raises DuecourseError B005."""
    try:
        rows = _sheet(path) if path.suffix.lower() in WORKBOOKS else _text(path)
    except (OSError, CalamineError, UnicodeDecodeError, csv.Error) as error:
        why = f"cannot be read as a table ({type(error).__name__})"
        raise DuecourseError(Problem("B005", str(path), why, "Nothing was taken.")) from None
    heading: list[str] = []
    for line, cells in rows:
        if not any(cells):
            continue
        if not heading:
            heading = [cell.lower() for cell in cells]
            continue
        yield line, dict(zip(heading, cells, strict=False))


def _sheet(path: Path) -> list[tuple[int, list[str]]]:
    rows = load_workbook(path).get_sheet_by_index(0).to_python()
    return [(line, [str(cell).strip() for cell in row]) for line, row in enumerate(rows, start=1)]


def _text(path: Path) -> list[tuple[int, list[str]]]:
    raw = path.read_bytes()
    for encoding in _ENCODINGS:
        try:
            text = raw.decode(encoding)
            break
        except UnicodeDecodeError:
            if encoding == _ENCODINGS[-1]:
                raise
    lines = text.splitlines()
    delimiter = max(",;\t", key=lines[0].count) if lines else ","
    rows = csv.reader(io.StringIO(text), delimiter=delimiter, strict=True)
    return [(rows.line_num, [cell.strip() for cell in cells]) for cells in rows]


def write_rows(path: Path, columns: Sequence[str], rows: Sequence[Mapping[str, str]]) -> None:
    """A workbook where the name ends in .xlsx, else CSV with a byte order mark, as spreadsheets want it. Only its owner
    may read the file: numbers stand in it.
    """
    path.touch(mode=0o600, exist_ok=True)
    path.chmod(0o600)
    if path.suffix.lower() == ".xlsx":
        with xlsxwriter.Workbook(str(path), {"strings_to_formulas": False, "strings_to_urls": False}) as book:
            sheet = book.add_worksheet("tasks")
            sheet.write_row(0, 0, columns)
            for place, row in enumerate(rows, start=1):
                for column, name in enumerate(columns):
                    sheet.write_string(place, column, row[name])
        return
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        # What a spreadsheet would take for a formula is marked as text.
        writer.writerows({name: _plain(row[name]) for name in columns} for row in rows)


def _plain(text: str) -> str:
    return f"'{text}" if text[:1] in ("=", "-", "@", "\t") else text
