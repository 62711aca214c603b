"""Sheets of a workbook (.xlsx, .xlsb, .xls, .ods): cells keep their type, a number its shortest decimal form.

The reader unpacks one sheet as a whole; a sheet holds at most 1,048,576 rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path

from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook

from duecourse.domain.problems import DuecourseError, Problem

from .mapping import Source
from .rows import OpenSource, Row, Unreadable, check_columns, holds_no_text


def open_sheet(path: Path, file: BufferedReader, source: Source) -> OpenSource:
    """The sheet that the mapping names, else the first. Raises DuecourseError B005, B006 or B070."""
    try:
        book = CalamineWorkbook.from_filelike(file)
    except (CalamineError, OSError) as error:
        raise DuecourseError(Problem("B005", str(path), f"is not a workbook: {error}")) from None
    names = book.sheet_names
    wanted = source.sheet if source.sheet is not None else names[0] if names else ""
    if wanted not in names:
        found = f"has no sheet '{wanted}'; it has {', '.join(names) or 'none'}"
        raise DuecourseError(Problem("B070", str(path), found, "Nothing was imported."))
    try:
        sheet = book.get_sheet_by_name(wanted)
    except CalamineError as error:
        raise DuecourseError(
            Problem("B005", str(path), f"the sheet '{wanted}' is damaged: {error}")
        ) from None
    cells = _cells(sheet, source)
    columns = tuple(source.columns)
    if source.header:
        _, first = next(cells, (0, []))
        columns = tuple(str(cell).strip() for cell in first)
        while columns and not columns[-1]:
            columns = columns[:-1]
    check_columns(path, columns)
    total = max(1, sheet.total_height)
    read = [0]

    def rows() -> Iterator[Row | Unreadable]:
        for number, (line, row) in enumerate(cells, start=1):
            read[0] = line
            surplus = [cell for cell in row[len(columns) :] if cell != ""]
            if surplus:
                message = f"has {len(row)} cells; the sheet has {len(columns)} columns"
                yield Unreadable(number, line, "\t".join(map(str, row)), "B010", message)
            elif holds_no_text(row):
                yield Unreadable(number, line, repr(row), "B011", "holds characters that are no text")
            else:
                filled = [*row[: len(columns)], *[""] * (len(columns) - len(row))]
                yield Row(number, line, filled)

    return OpenSource(path, columns, source.header, rows(), lambda: read[0] / total, "utf-8", ",", '"')


def _cells(sheet: CalamineSheet, source: Source) -> Iterator[tuple[int, list[object]]]:
    """Rows with anything in them and their numbers in the sheet, from 1; without the trailer."""
    begins = sheet.start[0] if sheet.start is not None else 0
    last = begins + sheet.height - source.trailer_lines
    for line, row in enumerate(sheet.iter_rows(), start=begins + 1):
        if source.skip_lines < line <= last and any(cell != "" for cell in row):
            yield line, list(row)
