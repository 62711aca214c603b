"""Contacts made elsewhere: a call centre's calls, an agency's messages. In the ledger they count in every cap."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from duecourse.book.copying import SQL as COPYING
from duecourse.book.copying import WorkingCopy, on_cluster
from duecourse.book.importing import ImportReport, Progress, import_book
from duecourse.book.mapping import Mapping
from duecourse.book.records import Records
from duecourse.privacy.keyring import Keyring
from duecourse.store.sql import load

SQL = load("dispatch/contacts")

SAID = {
    "B030": "an earlier row of the file has the same source and reference",
    "B031": "an earlier row of the file says something else under the same source and reference",
    "B032": "the loan is not in the book",
    "B033": "the borrower is not in the book",
    "B113": "a contact that is still to come; a date or a zone must be wrong",
}


class ContactStaging:
    """The staging tables of one import of contacts on one connection."""

    said = SAID

    def __init__(self, conn: psycopg.Connection, *, now: datetime) -> None:
        self._conn = conn
        self._now = now
        with conn.transaction():
            conn.execute(SQL["create_contact_staging"])
            self._book = WorkingCopy(conn, _COPIED) if on_cluster(conn) else None

    def load(self, records: Records) -> None:
        """Fill the staging table with a batch."""
        self._conn.execute(SQL["plan_for_batches"])
        self._conn.execute(SQL["clear_contacts"])
        with self._conn.cursor() as cursor, cursor.copy(SQL["copy_contacts"]) as copy:
            for contact in records.contacts:
                copy.write_row(contact[:-1])
        self._conn.execute(SQL["analyze_contacts"])
        if self._book is not None:
            _fill(self._book)

    def check(self) -> list[tuple[int, str]]:
        """Take bad rows out of the batch; answers (row number, code) of each."""
        conn = self._conn
        conn.execute(SQL["place_contacts"])
        conn.execute(SQL["time_contacts"])
        conn.execute(SQL["check_contacts"], {"now": self._now})
        conn.execute(SQL["drop_bad_contacts"])
        conn.execute(SQL["remember_contacts"])
        return conn.execute(SQL["bad_contacts"]).fetchall()

    def keep_pending(self) -> None:
        """A check has nothing to keep: no contact speaks of another."""
        if self._book is not None:
            self._book.leave()

    def write(self, *, now: datetime) -> Counter[str]:
        """Append to the ledger. changed: known contacts of which more was reached."""
        conn = self._conn
        conn.execute(SQL["analyze_contacts"])
        staged = conn.execute(SQL["count_contacts"]).fetchone() or (0,)
        new, touched = conn.execute(SQL["write_contacts"]).fetchone() or (0, 0)
        if self._book is not None:
            self._book.write_back()
        return Counter(
            {
                "contacts new": new,
                "contacts changed": touched - new,
                "contacts same": staged[0] - touched,
            }
        )


_COPIED: Final = ("borrower_key", "borrower", "loan", "contact_point", "contact")


def _fill(copy: WorkingCopy) -> None:
    """Bring what the staged contacts speak of, and enter the copy."""
    copy.begin()
    copy.bring("borrower_key", SQL["keys_of_contacts"])
    copy.bring("loan", SQL["loans_of_contacts"])
    copy.bring("contact_point", SQL["holders_of_contacts"])
    copy.look(SQL["scope_contacts"])
    copy.bring("borrower", COPYING["of_persons"], {"table": sql.Identifier("borrower")})
    copy.bring("loan", COPYING["of_persons"], {"table": sql.Identifier("loan")})
    copy.bring("contact", SQL["rows_of_contacts"])
    copy.enter()


def import_contacts(
    conn: psycopg.Connection,
    keyring: Keyring,
    path: Path,
    mapping: Mapping,
    *,
    now: datetime,
    where: str = "mapping",
    strict: bool = False,
    dry_run: bool = False,
    rejects: Path | None = None,
    progress: Callable[[Progress], None] | None = None,
    batch_rows: int = 10_000,
) -> ImportReport:
    """Append a file of contacts to the ledger, as `book.importing.import_book` imports a book. Repeatable: source and
    reference name a contact once and for all, and a later file only adds what was reached.

    Raises DuecourseError B112 when the mapping has no [[contact]], B003 to B007 when file and mapping do not fit.
    """
    return import_book(
        conn,
        keyring,
        path,
        mapping,
        now=now,
        where=where,
        strict=strict,
        dry_run=dry_run,
        rejects=rejects,
        progress=progress,
        batch_rows=batch_rows,
        stager=partial(ContactStaging, now=now),
    )


def contacts_of(
    conn: psycopg.Connection, lane: int, borrower_id: UUID, *, most: int = 1000
) -> list[dict[str, Any]]:
    """The ledger of one borrower, the latest first. counts: whether it counts in caps, and was not given back."""
    with conn.cursor(row_factory=dict_row) as cursor:
        given = {"lane": lane, "borrower_id": borrower_id, "most": most}
        return cursor.execute(SQL["contacts_of"], given).fetchall()
