"""The rejects file: every refused row as it came, with line, codes and reasons, to be mended and imported again."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TextIO

from .records import Fault
from .source import OpenSource, Row, Unreadable


class Rejects:
    """Written beside the file under a passing name and put in place when the import ends; readable by its owner only.

    The rows are the lender's own, personal values included, in the file's own encoding and shape.
    """

    def __init__(self, path: Path | None, source: OpenSource) -> None:
        self.path = path
        self.rows = 0
        self._source = source
        self._part = path.with_name(path.name + ".part") if path is not None else None
        self._file = (
            None if path is None else _open_private(path.with_name(path.name + ".part"), source.encoding)
        )
        if self._file is not None:
            self._csv = csv.writer(self._file, delimiter=source.delimiter, quotechar=source.quote or '"')
            if source.header:
                self._csv.writerow([*source.columns, "reject_line", "reject_codes", "reject_reasons"])

    def __enter__(self) -> Rejects:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._file is None or self._part is None or self.path is None:
            return
        self._file.close()
        if self.rows and error is None:
            self._part.replace(self.path)
        else:
            self._part.unlink(missing_ok=True)

    def add(self, row: Row | Unreadable, faults: Sequence[Fault]) -> None:
        """One row with all its faults."""
        self.rows += 1
        if self._file is None:
            return
        if isinstance(row, Row):
            cells = ["" if cell is None else str(cell) for cell in row.cells]
        else:
            cells = [row.raw.rstrip("\r\n"), *[""] * (len(self._source.columns) - 1)]
        codes = " ".join(dict.fromkeys(fault.code for fault in faults))
        reasons = "; ".join(f"{fault.column}: {fault.found_and_expected}".lstrip(": ") for fault in faults)
        self._csv.writerow([*cells, row.line, codes, reasons])


def _open_private(path: Path, encoding: str) -> TextIO:
    descriptor = os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_NOFOLLOW, 0o600)
    os.fchmod(descriptor, 0o600)
    return os.fdopen(descriptor, "w", encoding=encoding, errors="surrogateescape", newline="")
