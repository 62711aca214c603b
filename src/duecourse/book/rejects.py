"""The rejects file: every refused row as it came, with line, codes and reasons, to be mended and imported again."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import TextIO

from duecourse.domain.problems import DuecourseError, Problem

from .mapping import Source
from .records import Fault
from .rows import OpenSource, Row, Unreadable
from .source import format_of


def rejects_name(path: Path, source: Source) -> str:
    """What the rejects of a file are called: lines of JSON for a JSON file, else CSV."""
    return path.name + (".rejects.jsonl" if format_of(path, source) in ("json", "jsonl") else ".rejects.csv")


class Rejects:
    """Written beside the file under a passing name and put in place when the import ends; readable by its owner only.

    The rows are the lender's own, personal values included, in the file's own encoding and shape.
    """

    def __init__(self, path: Path | None, source: OpenSource) -> None:
        self.path = path
        self.rows = 0
        self._source = source
        self._file: TextIO | None = None

    def __enter__(self) -> Rejects:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._file is None or self.path is None:
            return
        self._file.close()
        part = _passing(self.path)
        if error is None:
            part.replace(self.path)
        else:
            part.unlink(missing_ok=True)

    def add(self, row: Row | Unreadable, faults: Sequence[Fault]) -> None:
        """One row with all its faults. Raises DuecourseError B040 when the file cannot be written."""
        self.rows += 1
        if self.path is None:
            return
        if self._file is None:
            self._open(self.path)
        codes = " ".join(dict.fromkeys(fault.code for fault in faults))
        reasons = "; ".join(f"{fault.column}: {fault.found_and_expected}".lstrip(": ") for fault in faults)
        if self._source.paths is not None:
            self._add_document(row, codes, reasons)
            return
        if isinstance(row, Row):
            cells = ["" if cell is None else str(cell) for cell in row.cells]
        else:
            cells = [row.raw.rstrip("\r\n"), *[""] * (len(self._source.columns) - 1)]
        self._writerow([*cells, row.line, codes, reasons])

    def _add_document(self, row: Row | Unreadable, codes: str, reasons: str) -> None:
        """A line of JSON: the record with only the refused element of an exploded list, importable as it came."""
        assert self._file is not None
        record = row.document if isinstance(row, Row) else {"raw": row.raw}
        assert isinstance(record, dict)
        said = {"reject_place": row.place or str(row.line), "reject_codes": codes, "reject_reasons": reasons}
        self._file.write(json.dumps({**record, **said}, ensure_ascii=False, default=_number) + "\n")

    def _writerow(self, cells: Sequence[object]) -> None:
        """One line; a separator of several characters stands between cells as they are."""
        assert self._file is not None
        delimiter, quote = self._source.delimiter, self._source.quote
        if len(delimiter) == 1:
            self._csv.writerow(cells)
            return
        written = [str(cell) for cell in cells]
        if quote:
            special = (delimiter, quote, "\r", "\n")
            written = [
                quote + cell.replace(quote, quote * 2) + quote
                if any(mark in cell for mark in special)
                else cell
                for cell in written
            ]
        self._file.write(delimiter.join(written) + "\r\n")

    def _open(self, path: Path) -> None:
        """At the first refused row: a clean import needs no place for rejects."""
        source = self._source
        try:
            self._file = _open_private(_passing(path), source.encoding)
        except OSError as error:
            raise DuecourseError(
                Problem(
                    "B040",
                    str(path),
                    f"the rejects file cannot be written: {error.strerror}",
                    "Import stopped.",
                )
            ) from None
        if source.paths is not None:
            return
        if len(source.delimiter) == 1:
            self._csv = csv.writer(self._file, delimiter=source.delimiter, quotechar=source.quote or '"')
        if source.header:
            self._writerow([*source.columns, "reject_line", "reject_codes", "reject_reasons"])


def _number(value: object) -> object:
    """A Decimal of the file as a number where a float gives the same digits back; else as text."""
    return float(value) if isinstance(value, Decimal) and Decimal(repr(float(value))) == value else str(value)


def _passing(path: Path) -> Path:
    return path.with_name(path.name + ".part")


def _open_private(path: Path, encoding: str) -> TextIO:
    descriptor = os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_NOFOLLOW, 0o600)
    os.fchmod(descriptor, 0o600)
    return os.fdopen(descriptor, "w", encoding=encoding, errors="surrogateescape", newline="")
