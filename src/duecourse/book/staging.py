"""One batch of an import: staged in temporary tables, checked against the book and the file so far, then written.

Every step is one statement for the whole batch. The caller holds the transaction.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import psycopg

from duecourse.store.sql import load

from .records import Records, digest_of
from .wish_staging import SAID as SAID_OF_WISHES
from .wish_staging import WishStaging

SQL = load("book/importing")
ALLOCATION = load("book/allocation")

CONSEQUENCE = "Row not imported."
SAID = {
    "B021": "this database does not know the borrower's time zone",
    "B030": "an earlier row of the file has the same installment or payment; give each what tells them apart",
    "B031": "an earlier row of the file says something else under the same key; one of the two is wrong",
    "B032": "the loan is neither in the book nor in this file; import loans before what belongs to them",
    "B033": "the borrower is neither in the book nor in this file; import borrowers before what belongs to them",
    "B034": "the currency is not the loan's",
    "B035": "the book has this loan with another borrower",
    **SAID_OF_WISHES,
}
"""What the checks of a batch say; they have no column, since they concern the row against others."""


@dataclass(frozen=True, slots=True)
class Kind:
    """How one kind of record is staged: its place in Records, its COPY, its number in stage_record."""

    name: str
    copy: str
    number: int


KINDS = (
    Kind("borrowers", "copy_borrowers", 1),
    Kind("contact_points", "copy_contact_points", 2),
    Kind("loans", "copy_loans", 3),
    Kind("installments", "copy_installments", 4),
    Kind("payments", "copy_payments", 5),
)

_WRITES = (
    ("borrowers", "skip_same_borrowers", "keep_old_borrowers", "write_borrowers"),
    ("loans", "skip_same_loans", "keep_old_loans", "write_loans"),
    ("installments", "skip_same_installments", "keep_old_installments", "write_installments"),
    ("payments", "skip_same_payments", "keep_old_payments", "write_payments"),
)


class Staging:
    """The staging tables of one import on one connection."""

    said = SAID

    def __init__(self, conn: psycopg.Connection, *, share_person: bool, by: str) -> None:
        """by: who is named beside the wishes the import records."""
        self._conn = conn
        self._by = by
        self._share_person = share_person
        self._zones: list[str] = []
        self._known_zones: set[str] = set()
        with conn.transaction():
            conn.execute(SQL["create_staging"])
            conn.execute(SQL["forget_seen"])
            self._wishes = WishStaging(conn)

    def load(self, records: Records) -> None:
        """Fill the staging tables with a batch."""
        self._conn.execute(SQL["plan_for_batches"])
        self._conn.execute(SQL["clear_staging"])
        with self._conn.cursor() as cursor:
            for kind in KINDS:
                self._copy(cursor, kind.copy, getattr(records, kind.name))
            self._copy(cursor, "copy_records", _record_rows(records))
        self._wishes.load(records.wishes)
        self._conn.execute(SQL["analyze_staging"])
        self._known_zones = {borrower.zone for borrower in records.borrowers}

    def _copy(
        self,
        cursor: psycopg.Cursor,
        statement: str,
        rows: Sequence[tuple[object, ...]] | Iterator[tuple[object, ...]],
    ) -> None:
        with cursor.copy(SQL[statement]) as copy:
            for row in rows:
                copy.write_row(row)

    def check(self) -> list[tuple[int, str]]:
        """Take bad rows out of the batch, whole; answers (row number, code) of each."""
        conn = self._conn
        conn.execute(SQL["check_repeated"])
        if not self._known_zones <= set(self._zones):
            found = conn.execute(SQL["known_zones"]).fetchone()
            self._zones = found[0] if found else []
            conn.execute(SQL["check_zones"], {"known": self._zones})
        self._drop_bad()
        conn.execute(SQL["find_keys"])
        conn.execute(SQL["find_loans"])
        self._wishes.find()
        # A refused row may be the one that brought the loan of another row: look again until nothing falls.
        while conn.execute(SQL["check_references"]).rowcount + self._wishes.check() > 0:
            self._drop_bad()
        conn.execute(SQL["remember_seen"])
        return conn.execute(SQL["bad_rows"]).fetchall()

    def _drop_bad(self) -> None:
        self._conn.execute(SQL["drop_bad"])
        self._wishes.drop_bad()

    def _place(self) -> None:
        """Give every record its lane and borrower."""
        conn = self._conn
        conn.execute(SQL["drop_repeated"])
        conn.execute(SQL["assign_lanes"], {"share_person": self._share_person})
        for name in ("borrowers", "contact_points", "loans", "new_loans", "installments", "payments"):
            conn.execute(SQL[f"place_{name}"])
        conn.execute(SQL["analyze_placed"])

    def keep_pending(self) -> None:
        """Instead of write, for a check: later rows of the file may build on these."""
        self._place()
        self._conn.execute(SQL["keep_pending"])

    def write(self, *, now: datetime) -> Counter[str]:
        """Write what is new or changed, with history, and allocate anew for the loans it touched.

        Answers counts under '<kind> new', '<kind> changed' and '<kind> same'.
        """
        conn = self._conn
        self._place()
        stamp = conn.execute("SELECT clock_timestamp()").fetchone()
        when = {"now": now, "recorded_at": stamp[0] if stamp else now}
        counts: Counter[str] = Counter()
        conn.execute(SQL["write_customer_keys"])
        conn.execute(SQL["write_id_number_keys"])
        conn.execute(SQL["skip_other_keys"])
        conn.execute(SQL["find_dropped_installments"])
        for kind, skip, keep, write in _WRITES:
            same = conn.execute(SQL[skip]).rowcount
            changed = conn.execute(SQL[keep], when).rowcount
            dropped = conn.execute(SQL["drop_installments"]).rowcount if kind == "installments" else 0
            written = conn.execute(SQL[write], when).rowcount
            counts[f"{kind} same"] += same
            counts[f"{kind} changed"] += changed
            counts[f"{kind} new"] += written - (changed - dropped)
            if kind == "borrowers":
                self._write_contact_points(when, counts)
        self._allocate()
        self._wishes.write(by=self._by, now=now, counts=counts)
        return counts

    def _write_contact_points(self, when: dict[str, datetime], counts: Counter[str]) -> None:
        conn = self._conn
        same = conn.execute(SQL["skip_same_contact_points"]).rowcount
        changed = conn.execute(SQL["keep_old_contact_points"], when).rowcount
        retired = conn.execute(SQL["retire_replaced"], when).rowcount
        written = conn.execute(SQL["write_contact_points"], when).rowcount
        counts["contact_points same"] += same
        counts["contact_points changed"] += changed
        counts["contact_points new"] += written - max(0, changed - retired)

    def _allocate(self) -> None:
        conn = self._conn
        if conn.execute(ALLOCATION["find_touched"]).rowcount == 0:
            return
        conn.execute(ALLOCATION["mark_touched"])
        conn.execute(ALLOCATION["analyze_marks"])
        conn.execute(ALLOCATION["find_allocations"])
        conn.execute(ALLOCATION["analyze_allocations"])
        for step in ("drop_allocations", "write_allocations", "settle_touched"):
            conn.execute(ALLOCATION[step])


def _record_rows(records: Records) -> Iterator[tuple[int, int, UUID, UUID]]:
    """(row, kind, key, content) of every record whose key may come twice; a computed schedule's cannot."""
    for b in records.borrowers:
        yield b.row, 1, b.own_id, UUID(bytes=b.row_digest[:16])
    for c in records.contact_points:
        slot = digest_of(("slot", c.own_id.hex, c.channel, c.rank))
        yield c.row, 2, UUID(bytes=slot), UUID(bytes=c.address_index[:16])
    computed = set()
    for loan in records.loans:
        yield loan.row, 3, loan.loan_id, UUID(bytes=digest_of((loan.key_hash, loan.row_digest)))
        if loan.whole_schedule:
            computed.add((loan.row, loan.loan_id))
    for i in records.installments:
        if (i.row, i.loan_id) not in computed:
            key = digest_of(("installment", i.loan_id.hex, i.number))
            yield i.row, 4, UUID(bytes=key), UUID(bytes=digest_of(i[2:]))
    for p in records.payments:
        yield p.row, 5, p.payment_id, UUID(bytes=digest_of((p.amount_minor, p.paid_on, p.currency)))
