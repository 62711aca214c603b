"""Letters on their way to a print house: folders that are whole or not there.

`OUT/letters-20261125T093000Z-1f3a9c2e/` holds a PDF a letter, `letters.csv` (reference, file, sha256 of the PDF and of
the text, language) and `DONE` (how many letters, sha256 of letters.csv). It is written under a name that begins with a
dot and renamed when all of it is on disk. `OUT/.taken/REFERENCE` names the folder a letter went into: one that was
taken is never put into another, also not after a crash between two of these steps.
"""

from __future__ import annotations

import csv
import hashlib
import io
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

COLUMNS: Final = ("reference", "file", "sha256", "text_sha256", "language")
_TAKEN: Final = ".taken"


@dataclass(frozen=True, slots=True)
class Letter:
    """One letter, set."""

    reference: str
    pdf: bytes
    text: str
    language: str


class Outbox:
    """The folder that the print house reads. Several workers may share it."""

    def __init__(self, folder: Path) -> None:
        """Raises OSError where it can be neither made nor written."""
        self._folder = folder
        (folder / _TAKEN).mkdir(parents=True, exist_ok=True)

    def is_taken(self, reference: str) -> bool:
        """Whether a letter stands in a folder that is whole; one whose folder only waits for its name is given it."""
        marker = self._folder / _TAKEN / reference
        try:
            name = marker.read_text("ascii")
        except FileNotFoundError:
            return False
        unnamed = self._folder / f".{name}"
        if unnamed.is_dir():
            unnamed.rename(self._folder / name)
            _sync(self._folder)
        return True

    def put(self, letters: Sequence[Letter], at: datetime) -> str:
        """Write one folder with these letters; returns its name. None of them may be taken already. Raises OSError."""
        name = f"letters-{at.astimezone(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"
        unnamed = self._folder / f".{name}"
        unnamed.mkdir()
        rows = []
        for letter in letters:
            file = f"{letter.reference}.pdf"
            _write(unnamed / file, letter.pdf)
            digests = (hashlib.sha256(octets).hexdigest() for octets in (letter.pdf, letter.text.encode()))
            rows.append((letter.reference, file, *digests, letter.language))
        table = _table(rows)
        _write(unnamed / "letters.csv", table)
        _write(unnamed / "DONE", f"{len(rows)} {hashlib.sha256(table).hexdigest()}\n".encode())
        _sync(unnamed)
        # From the first marker on these letters are taken: a crash before the new name leaves a folder that is whole.
        for letter in letters:
            _write(self._folder / _TAKEN / letter.reference, name.encode("ascii"))
        _sync(self._folder / _TAKEN)
        unnamed.rename(self._folder / name)
        _sync(self._folder)
        return name


def _table(rows: Sequence[tuple[str, ...]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([COLUMNS, *rows])
    return text.getvalue().encode()


def _write(path: Path, octets: bytes) -> None:
    with path.open("wb") as file:
        file.write(octets)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
