"""Importing a lender's file: batch by batch, repeatable, every bad row named and the rest taken in.

A batch is one transaction: its rows, their history and what follows for the loans they touch are written together
or not at all. After a crash the same import, run again, finds the committed batches unchanged and does the rest.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from hashlib import blake2b, file_digest
from pathlib import Path
from typing import Literal, Protocol
from uuid import UUID, uuid4

import psycopg
from psycopg.types.json import Jsonb

from duecourse.domain.problems import DuecourseError, Problem
from duecourse.domain.zones import zones_around
from duecourse.privacy.keyring import Keyring
from duecourse.store.sql import load

from .batches import Batch, batches, one_ahead
from .building import RowBuilder
from .mapping import Mapping as MappingFile
from .records import Fault, Records
from .rejects import Rejects
from .residence import ZonesOf
from .rows import OpenSource, Row, Unreadable
from .source import open_source
from .staging import CONSEQUENCE, Staging

SQL = load("book")
IMPORTING = load("book/importing")

PROBLEMS_KEPT = 1_000
TRIES = 4
_FURTHEST_EAST = timedelta(hours=14)
"""UTC+14: where a day begins first."""


class Stager(Protocol):
    """Takes the records of a batch, checks them against what is known, and writes them: the book's is `Staging`."""

    @property
    def said(self) -> Mapping[str, str]:
        """What its checks say, by code."""

    def load(self, records: Records) -> None:
        """Fill the staging tables with a batch."""

    def check(self) -> list[tuple[int, str]]:
        """Take bad rows out of the batch, whole; answers (row number, code) of each."""

    def write(self, *, now: datetime) -> Counter[str]:
        """Write the rest; counts under '<kind> new', '<kind> changed', '<kind> same'."""

    def keep_pending(self) -> None:
        """Instead of write, for a check."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an import is. fraction: of the file, 0 to 1."""

    rows: int
    rejected: int
    fraction: float


@dataclass(slots=True)
class ImportReport:
    """What an import did. counts: as Staging.write says."""

    file: str
    state: Literal["done", "refused", "checked"] = "done"
    rows: int = 0
    rejected: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    problems: list[Problem] = field(default_factory=list)
    """The first PROBLEMS_KEPT; the rejects file has all."""
    scientific: int = 0
    """Numbers in scientific notation that the mapping allowed: a spreadsheet may have rounded them."""
    rejects: Path | None = None
    seconds: float = 0.0

    @property
    def totals(self) -> dict[str, int]:
        """For book_import.totals."""
        noted = {"scientific": self.scientific} if self.scientific else {}
        return {**self.counts, **noted, **{f"rejected {code}": n for code, n in self.codes.items()}}


def import_book(
    conn: psycopg.Connection,
    keyring: Keyring,
    path: Path,
    mapping: MappingFile,
    *,
    now: datetime,
    where: str = "mapping",
    strict: bool = False,
    dry_run: bool = False,
    rejects: Path | None = None,
    complete_through: date | None = None,
    progress: Callable[[Progress], None] | None = None,
    batch_rows: int | None = None,
    same_delivery: bool = False,
    stager: Callable[[psycopg.Connection], Stager] | None = None,
    zones_of: ZonesOf = zones_around,
) -> ImportReport:
    """Import one file. conn: idle, or the import becomes part of the caller's transaction.

    now: when the lender's facts become known to the book. where: names the mapping in problems. strict: one bad row
    refuses the whole file, and nothing is written. dry_run: check everything, write nothing. rejects: where refused
    rows go; None keeps none. complete_through: the day through which the file has all payments of the mapping's
    [feed]; None takes the day that stands there. It is recorded when the import is done, and never goes back.
    same_delivery: a check counts what the checks before it on this connection would have written.
    zones_of: the zones of a region, for a borrower without a stated one: `Packs.zones` knows those of states as well.
    stager: where the records go instead of the book (contacts made elsewhere).
    Raises DuecourseError B112 when the mapping is of the other kind, B003 to B009 before the first row when file and
    mapping do not fit.
    """
    mapping = _with_complete_through(mapping, complete_through, now, where)
    if bool(mapping.contact) != (stager is not None):
        command = "contact import" if mapping.contact else "book import"
        raise DuecourseError(
            Problem("B112", where, f"such a mapping is for: duecourse {command}", "Nothing was done.")
        )
    with open_source(path, mapping.source) as source:
        importer = _Importer(
            conn,
            keyring,
            mapping,
            where,
            source,
            now,
            strict,
            dry_run,
            progress,
            batch_rows,
            same_delivery,
            stager,
            zones_of,
        )
        return importer.run(rejects, _file_digest(path) if not dry_run else b"")


def import_rows(
    conn: psycopg.Connection,
    keyring: Keyring,
    rows: Iterable[Mapping[str, object]],
    mapping: MappingFile,
    *,
    columns: Sequence[str],
    now: datetime,
    name: str = "rows",
    strict: bool = False,
    dry_run: bool = False,
    batch_rows: int | None = None,
) -> ImportReport:
    """As import_book, for rows that are already in the program. A row without a column has it empty.

    columns: every column that rows may have. name: names the rows in problems.
    """

    def numbered() -> Iterator[Row]:
        for number, row in enumerate(rows, start=1):
            yield Row(number, number, [row.get(column) for column in columns])

    source = OpenSource(Path(name), tuple(columns), True, numbered(), lambda: 0.0, "utf-8", ",", '"')
    importer = _Importer(conn, keyring, mapping, name, source, now, strict, dry_run, None, batch_rows)
    return importer.run(None, b"")


class _Importer:
    """One import on its way."""

    def __init__(
        self,
        conn: psycopg.Connection,
        keyring: Keyring,
        mapping: MappingFile,
        where: str,
        source: OpenSource,
        now: datetime,
        strict: bool,
        dry_run: bool,
        progress: Callable[[Progress], None] | None,
        batch_rows: int | None,
        same_delivery: bool = False,
        stager: Callable[[psycopg.Connection], Stager] | None = None,
        zones_of: ZonesOf = zones_around,
    ) -> None:
        self._conn = conn
        self._mapping = mapping
        self._source = source
        self._now = now
        self._strict = strict
        self._writes = not dry_run
        self._progress = progress
        self._batch_rows = batch_rows
        self._builder = RowBuilder(mapping, where, source, keyring, zones_of)
        borrower = mapping.borrower
        share = borrower is not None and borrower.same_id_number == "person"
        keep = borrower is not None and borrower.if_known == "keep"
        self._staging: Stager = (
            stager(conn)
            if stager
            else Staging(
                conn,
                share_person=share,
                by=mapping.mapping,
                keep_known=keep,
                same_delivery=same_delivery,
                zones_of=zones_of,
            )
        )
        self.report = ImportReport(source.path.name)

    def run(self, rejects_path: Path | None, digest: bytes) -> ImportReport:
        """Read, check and write all; the report."""
        started = time.monotonic()
        report = self.report
        import_id = uuid4()
        logged = self._writes
        if logged and not self._strict:
            self._begin(import_id, digest)
        with Rejects(rejects_path, self._source) as rejects:
            if self._strict and self._writes:
                with self._conn.transaction() as whole:
                    self._conn.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
                    self._batches(rejects)
                    if report.rejected:
                        raise psycopg.Rollback(whole)
            else:
                self._batches(rejects)
        report.rejects = rejects_path if report.rejected and rejects_path else None
        report.scientific = self._builder.notes.scientific
        report.seconds = time.monotonic() - started
        if self._strict and report.rejected:
            report.state = "refused"
            report.counts.clear()
        elif not self._writes:
            report.state = "checked"
        if logged:
            if self._strict:
                self._begin(import_id, digest)
            self._end(import_id)
        return report

    def _begin(self, import_id: UUID, digest: bytes) -> None:
        with self._conn.transaction():
            self._conn.execute(
                SQL["begin_import"],
                {
                    "import_id": import_id,
                    "mapping": self._mapping.mapping,
                    "file_name": self._source.path.name,
                    "file_digest": digest,
                    "now": self._now,
                },
            )

    def _end(self, import_id: UUID) -> None:
        report = self.report
        with self._conn.transaction():
            for feed in self._mapping.feed:
                if report.state == "done" and feed.complete_through is not None:
                    self._conn.execute(SQL["record_feed"], feed.model_dump())
            self._conn.execute(
                SQL["end_import"],
                {
                    "import_id": import_id,
                    "rows_read": report.rows,
                    "rows_rejected": report.rejected,
                    "totals": Jsonb(report.totals),
                    "state": report.state,
                    "finished_at": self._now + timedelta(seconds=report.seconds),
                },
            )

    def _batches(self, rejects: Rejects) -> None:
        with one_ahead(batches(self._source, self._builder, self._batch_rows)) as made:
            for batch in made:
                self.report.rows += batch.read
                for row, faults in batch.faulty:
                    refused = any(fault.refuses for fault in faults)
                    self._reject(rejects, row, faults, refused=refused)
                if batch.taken:
                    self._batch(rejects, batch)
                self._tell(batch.fraction)

    def _batch(self, rejects: Rejects, batch: Batch) -> None:
        """One transaction. A deadlock with a worker that retires a contact point is tried again."""
        for tries in range(1, TRIES + 1):
            try:
                with self._conn.transaction():
                    bad, counts = self._transaction(batch.records)
                break
            except (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure):
                if tries == TRIES or self._conn.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
                    raise
        self.report.counts += counts
        for number, codes in bad.items():
            self._reject(
                rejects, batch.row(number), [Fault(code, "", self._staging.said[code]) for code in codes]
            )

    def _transaction(self, records: Records) -> tuple[dict[int, list[str]], Counter[str]]:
        writes = self._writes and not (self._strict and self.report.rejected)
        if writes:
            self._conn.execute(IMPORTING["lock_book"])
        self._staging.load(records)
        bad: dict[int, list[str]] = {}
        for number, code in self._staging.check():
            bad.setdefault(number, []).append(code)
        if writes and not (self._strict and bad):
            return bad, self._staging.write(now=self._now)
        self._staging.keep_pending()
        return bad, Counter()

    def _reject(
        self, rejects: Rejects, row: Row | Unreadable, faults: Sequence[Fault], *, refused: bool = True
    ) -> None:
        rejects.add(row, faults)
        self.report.rejected += refused
        for fault in faults:
            self.report.codes[fault.code] += 1
            if len(self.report.problems) < PROBLEMS_KEPT:
                where = f"{self._source.path.name}:{row.place or row.line}"
                column = f"{fault.column}: " if fault.column else ""
                consequence = fault.consequence if fault.column else CONSEQUENCE
                self.report.problems.append(
                    Problem(fault.code, where, f"{column}{fault.found_and_expected}.", consequence)
                )

    def _tell(self, fraction: float) -> None:
        if self._progress is not None:
            self._progress(Progress(self.report.rows, self.report.rejected, fraction))


def _with_complete_through(mapping: MappingFile, day: date | None, now: datetime, where: str) -> MappingFile:
    """The mapping with the day of this import. Raises DuecourseError B008 or B009."""
    if day is not None and not mapping.feed:
        found = "it has no [feed], so that nothing says whose payments are complete"
        raise DuecourseError(Problem("B008", where, found, "Nothing was imported."))
    feeds = [
        feed.model_copy(update={"complete_through": day or feed.complete_through}) for feed in mapping.feed
    ]
    today = (now + _FURTHEST_EAST).astimezone(UTC).date()
    for stated in (feed.complete_through for feed in feeds):
        if stated is not None and stated > today:
            found = f"the feed is said to be complete through {stated}, a day that has not come yet"
            raise DuecourseError(Problem("B009", where, found, "Nothing was imported."))
    return mapping.model_copy(update={"feed": feeds})


def _file_digest(path: Path) -> bytes:
    with path.open("rb") as file:
        return file_digest(file, lambda: blake2b(digest_size=32)).digest()
