"""Suppression lists: numbers, e-mail addresses and ID numbers that nobody contacts; ended only by two people."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row
from python_calamine import CalamineError, load_workbook

from duecourse.domain.messaging import Channel
from duecourse.domain.problems import DuecourseError, Problem
from duecourse.privacy.keyring import Keyring
from duecourse.store.sql import load

from .addresses import normal_address
from .cells import as_text
from .checking import text_within
from .delimited import LONGEST_FIELD
from .identity import address_index, id_number_index
from .parsing import FieldFault
from .wishes import Person, Said

SQL = load("book/suppressions")

ENCODINGS = ("utf-8-sig", "gb18030", "big5")
"""Tried in this order when none is named and no byte order mark says UTF-16."""
PROBLEMS_KEPT = 1_000


class SuppressionKind(StrEnum):
    """What is suppressed."""

    PHONE = "phone"
    EMAIL = "email"
    ID_NUMBER = "id-number"


@dataclass(slots=True)
class SuppressionReport:
    """What an import of a list did. header: the first line was no entry but a heading."""

    rows: int = 0
    new: int = 0
    known: int = 0
    rejected: int = 0
    header: bool = False
    problems: list[Problem] = field(default_factory=list)


def suppression_index(keyring: Keyring, kind: SuppressionKind, text: str, region: str) -> bytes:
    """The index under which it is kept. Raises FieldFault B016, B019 or B020, which do not repeat the text."""
    text = text.strip()
    if not text:
        raise FieldFault("B016", "nothing is given", "a value is needed")
    if kind is SuppressionKind.ID_NUMBER:
        return id_number_index(keyring, text)
    channel = Channel.EMAIL if kind is SuppressionKind.EMAIL else Channel.SMS
    return address_index(keyring, channel, normal_address(channel, text, region))


def suppress(conn: psycopg.Connection, kind: SuppressionKind, indexes: Sequence[bytes], *, said: Said) -> int:
    """Put entries on the list; how many were not on it. said.evidence is the reason, such as 'recycled-number'."""
    with conn.transaction():
        return conn.execute(
            SQL["suppress"],
            {
                "kind": kind.value,
                "indexes": list(indexes),
                "reason": said.evidence,
                "source": said.source,
                "by": said.by,
                "at": said.at,
                "now": said.now,
            },
        ).rowcount


def ask_to_end(
    conn: psycopg.Connection, kind: SuppressionKind, index: bytes, *, by: str, reason: str, now: datetime
) -> None:
    """The first of the two people. Raises DuecourseError B105 when it is on no list."""
    with conn.transaction():
        given = {"kind": kind.value, "index_hash": index, "by": by, "reason": reason, "now": now}
        if conn.execute(SQL["ask_to_end"], given).rowcount == 0:
            raise DuecourseError(_not_listed())


def agree_to_end(
    conn: psycopg.Connection, kind: SuppressionKind, index: bytes, *, by: str, now: datetime
) -> None:
    """The second of the two. Raises DuecourseError B104 (the same person), B105 (on no list), B106 (not asked)."""
    given = {"kind": kind.value, "index_hash": index, "by": by, "now": now}
    with conn.transaction():
        if conn.execute(SQL["agree_to_end"], given).rowcount > 0:
            return
        row = conn.execute(SQL["open_suppression"], given).fetchone()
    if row is None:
        raise DuecourseError(_not_listed())
    if row[0] is None:
        raise DuecourseError(
            Problem(
                "B106", "suppression", "nobody has asked to end it", "It stays. Ask first, with a reason."
            )
        )
    raise DuecourseError(
        Problem("B104", "suppression", f"{by} asked to end it and cannot also agree", "It stays.")
    )


def _not_listed() -> Problem:
    return Problem("B105", "suppression", "it is on no list, or no longer", "Nothing was done.")


def waiting_for_the_second(conn: psycopg.Connection) -> list[tuple[SuppressionKind, bytes]]:
    """Entries of which one person has asked the end."""
    rows = conn.execute(SQL["asked_suppressions"]).fetchall()
    return [(SuppressionKind(kind), bytes(index)) for kind, index in rows]


def suppressions(
    conn: psycopg.Connection,
    *,
    at: datetime,
    known: datetime | None = None,
    kind: SuppressionKind | None = None,
    index: bytes | None = None,
    open_only: bool = True,
    most: int = 1000,
) -> list[dict[str, Any]]:
    """Entries, the latest first, without what they suppress. open_only: in force at `at`."""
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            SQL["suppressions"],
            {
                "at": at,
                "known": known or at,
                "kind": kind.value if kind else None,
                "index_hash": index,
                "open_only": open_only,
                "most": most,
            },
        ).fetchall()


def count_suppressions(conn: psycopg.Connection, *, at: datetime) -> dict[str, int]:
    """Entries in force, by kind."""
    return dict(conn.execute(SQL["count_suppressions"], {"at": at}).fetchall())


def holders_of(conn: psycopg.Connection, kind: SuppressionKind, index: bytes) -> list[Person]:
    """Borrowers whom an entry concerns; none for somebody who is no borrower."""
    rows = conn.execute(SQL["holders_of"], {"kind": kind.value, "index_hash": index}).fetchall()
    return [Person(*row) for row in rows]


def import_suppressions(
    conn: psycopg.Connection,
    keyring: Keyring,
    path: Path,
    kind: SuppressionKind,
    *,
    said: Said,
    region: str,
    encoding: str | None = None,
    dry_run: bool = False,
) -> SuppressionReport:
    """Put a list of one column on the suppression list: text in any encoding, CSV (its first column) or Excel.

    Every bad line is named and left out. region: ISO 3166 country of numbers without a country code.
    Raises DuecourseError B005 when the file cannot be read.
    """
    report = SuppressionReport()
    indexes: list[bytes] = []
    for line, cell in _first_column(path, encoding):
        written = str(cell).strip()
        if not written:
            continue
        is_first = not report.rows and not report.header
        if is_first and not any(sign.isdigit() or sign == "@" for sign in written):
            report.header = True
            continue
        report.rows += 1
        try:
            text = text_within(as_text(cell), required=True)
            indexes.append(suppression_index(keyring, kind, text, region))
        except FieldFault as fault:
            report.rejected += 1
            if len(report.problems) < PROBLEMS_KEPT:
                report.problems.append(
                    Problem(fault.code, f"{path.name}:{line}", str(fault), "Not suppressed.")
                )
    if dry_run:
        with conn.transaction(force_rollback=True):
            report.new = suppress(conn, kind, indexes, said=said)
    else:
        report.new = suppress(conn, kind, indexes, said=said)
    report.known = len(indexes) - report.new
    return report


def _first_column(path: Path, encoding: str | None) -> Iterator[tuple[int, object]]:
    try:
        if path.suffix.lower() in (".xlsx", ".xlsm", ".xls", ".xlsb", ".ods"):
            for number, row in enumerate(load_workbook(path).get_sheet_by_index(0).to_python(), start=1):
                yield number, row[0] if row else ""
            return
        text = _decoded(path.read_bytes(), encoding)
        lines = text.splitlines()
        delimiter = max("\t;,|", key=lines[0].count) if lines else ","
        csv.field_size_limit(LONGEST_FIELD)
        # Strict: an open quotation mark would make one entry of the rest of the list.
        rows = csv.reader(io.StringIO("\n".join(lines)), delimiter=delimiter, strict=True)
        for number, cells in enumerate(rows, start=1):
            yield number, cells[0] if cells else ""
    except csv.Error as error:
        why = f"cannot be read as a list ({error})"
        raise DuecourseError(Problem("B005", str(path), why, "Nothing was suppressed.")) from None
    except (OSError, CalamineError, LookupError, UnicodeDecodeError) as error:
        why = f"cannot be read as a list ({type(error).__name__})"
        raise DuecourseError(Problem("B005", str(path), why, "Nothing was suppressed.")) from None


def _decoded(raw: bytes, encoding: str | None) -> str:
    if encoding:
        return raw.decode(encoding)
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return raw.decode("utf-16")
    for candidate in ENCODINGS:
        try:
            return raw.decode(candidate)
        except UnicodeDecodeError:
            continue
    return raw.decode("latin-1")
