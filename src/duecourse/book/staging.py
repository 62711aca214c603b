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

from duecourse.domain.zones import zones_around
from duecourse.store.sql import load

from .allocating import allocate_touched
from .batch_copy import BatchCopy
from .copying import on_cluster
from .events import SAID as SAID_OF_EVENTS
from .events import EventStaging
from .parties import SQL as PARTIES
from .parties import write_presences
from .records import BESIDE_COMPANY, BESIDE_LOAN, OWN, Records, digest_of
from .residence import SQL as RESIDENCE
from .residence import ZonesOf, settle_zones
from .shifting import shift_batch
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
    "B062": "the loan of this co-borrower or guarantor is neither in the book nor in this file; import loans first",
    "B063": "the company of this contact is neither in the book nor in this file, or is there as a person",
    "B064": "the loan has another borrower; whoever answers for it beside them is a co-borrower or a guarantor",
    "B065": "the borrower of a loan cannot be its co-borrower or guarantor",
    "B050": "the book has this payment with another amount; reverse it and give the new one another reference",
    **SAID_OF_WISHES,
    **SAID_OF_EVENTS,
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
    Kind("parties", "copy_parties", 7),
    Kind("loans", "copy_loans", 3),
    Kind("installments", "copy_installments", 4),
    Kind("payments", "copy_payments", 5),
    Kind("reversals", "copy_reversals", 6),
    Kind("debits", "copy_debits", 7),
)

_WRITES = (
    ("borrowers", "skip_same_borrowers", "keep_old_borrowers", "write_borrowers"),
    ("loans", "skip_same_loans", "keep_old_loans", "write_loans"),
    ("installments", "skip_same_installments", "keep_old_installments", "write_installments"),
    ("payments", "skip_same_payments", "keep_old_payments", "write_payments"),
    ("reversals", "skip_same_reversals", "keep_old_reversals", "write_reversals"),
    ("debits", "skip_same_debits", "keep_old_debits", "write_debits"),
)


class Staging:
    """The staging tables of one import on one connection."""

    said = SAID

    def __init__(
        self,
        conn: psycopg.Connection,
        *,
        share_person: bool,
        by: str,
        keep_known: bool = False,
        same_delivery: bool = False,
        zones_of: ZonesOf = zones_around,
    ) -> None:
        """share_person, keep_known: as the mapping's same_id_number and if_known say.

        by: who is named beside the wishes the import records.
        zones_of: the zones of a region, for borrowers without a stated one.
        same_delivery: what a check of an earlier file on this connection would have written counts as written.
        """
        self._conn = conn
        self._by = by
        self._zones_of = zones_of
        self._share_person = share_person
        self._keep_known = keep_known
        self._zones: list[str] = []
        self._known_zones: set[str] = set()
        self._records = Records()
        with conn.transaction():
            conn.execute(SQL["create_staging"])
            conn.execute(PARTIES["create_presences"])
            conn.execute(SQL["forget_seen"])
            if not same_delivery:
                conn.execute(SQL["forget_pending"])
            self._wishes = WishStaging(conn)
            self._events = EventStaging(conn)
            self._book = BatchCopy(conn) if on_cluster(conn) else None

    def load(self, records: Records) -> None:
        """Fill the staging tables with a batch."""
        self._records = records
        self._conn.execute(SQL["plan_for_batches"])
        self._conn.execute(SQL["clear_staging"])
        with self._conn.cursor() as cursor:
            for kind in KINDS:
                self._copy(cursor, kind.copy, getattr(records, kind.name))
            for packed in records.packed:
                with cursor.copy(SQL["copy_packed_installments"]) as copy:
                    copy.write(packed.data)
            self._copy(cursor, "copy_records", _record_rows(records))
        self._wishes.load(records.wishes)
        self._events.load(records)
        self._conn.execute(SQL["analyze_staging"])
        self._known_zones = {zone for one in records.borrowers for zone in one.zones or (one.zone,)}
        if self._book is not None:
            self._book.fill(records)

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
        """Take bad rows out of the batch, whole; answers (row number, code) of each.

        Where a row falls another may have brought the same, so that then every row's own records are looked at.
        """
        bad = self._find_bad()
        if bad and self._records.whole is not None:
            self.load(self._records.whole())
            bad = self._find_bad()
        for name in ("set_aside", "remember_seen", "remember_installments"):
            self._conn.execute(SQL[name])
        return bad

    def _find_bad(self) -> list[tuple[int, str]]:
        conn = self._conn
        conn.execute(SQL["check_repeated"])
        twice = conn.execute(SQL["repeats_installments"]).fetchone()
        if twice and twice[0]:
            conn.execute(SQL["check_repeated_installments"])
        if not self._known_zones <= set(self._zones):
            found = conn.execute(SQL["known_zones"]).fetchone()
            self._zones = found[0] if found else []
            conn.execute(SQL["check_zones"], {"known": self._zones})
        self._drop_bad()
        conn.execute(SQL["find_keys"])
        if self._keep_known:
            conn.execute(SQL["leave_known_borrowers"])
        conn.execute(SQL["find_loans"])
        if conn.execute(SQL["check_changed"]).rowcount > 0:
            self._drop_bad()
        self._wishes.find()
        self._events.find()
        # A refused row may be the one that brought the loan of another row: look again until nothing falls.
        while (
            conn.execute(SQL["check_references"]).rowcount
            + conn.execute(SQL["check_parties"]).rowcount
            + self._wishes.check()
            + self._events.check()
            > 0
        ):
            self._drop_bad()
        return conn.execute(SQL["bad_rows"]).fetchall()

    def _drop_bad(self) -> None:
        self._conn.execute(SQL["drop_bad"])
        self._wishes.drop_bad()
        self._events.drop_bad()

    def _place(self) -> None:
        """Give every record its lane and borrower."""
        conn = self._conn
        conn.execute(SQL["drop_repeated"])
        conn.execute(SQL["settle_owners"])
        for place in (OWN, BESIDE_LOAN, BESIDE_COMPANY):
            conn.execute(SQL["assign_lanes"], {"share_person": self._share_person, "place": place})
            if place == OWN:
                conn.execute(SQL["place_loans"])
                conn.execute(SQL["place_new_loans"])
        for name in (
            "borrowers", "contact_points", "parties", "installments", "payments", "reversals", "debits",
        ):  # fmt: skip
            conn.execute(SQL[f"place_{name}"])
        conn.execute(SQL["analyze_placed"])

    def keep_pending(self) -> None:
        """Instead of write, for a check: later rows of the file may build on these."""
        self._place()
        self._conn.execute(SQL["keep_pending"])
        if self._book is not None:
            self._book.leave()

    def write(self, *, now: datetime) -> Counter[str]:
        """Write what is new or changed, with history, and allocate anew for the loans it touched.

        Answers counts under '<kind> new', '<kind> changed' and '<kind> same', 'moved days overruled', 'arrangements
        overruled': of what was agreed with borrowers, how many the file ends, 'installments left to the list': of those
        that terms would give, how many stay as the lender lists them, and 'zones contradicted': of borrowers without a
        stated zone, how many have a number that is not of their region.
        """
        conn = self._conn
        self._place()
        stamp = conn.execute("SELECT clock_timestamp()").fetchone()
        when = {"now": now, "recorded_at": stamp[0] if stamp else now}
        counts: Counter[str] = Counter()
        conn.execute(SQL["write_customer_keys"])
        conn.execute(SQL["write_id_number_keys"])
        conn.execute(SQL["skip_other_keys"])
        unstated = conn.execute(RESIDENCE["note_unstated"]).rowcount
        conn.execute(SQL["skip_described_borrowers"])
        counts["installments left to the list"] += conn.execute(SQL["leave_listed"]).rowcount
        conn.execute(SQL["find_dropped_installments"])
        for kind, skip, keep, write in _WRITES:
            if kind == "installments":
                conn.execute(SQL["adopt_moves"])
                conn.execute(SQL["mark_listed"], when)
            same = conn.execute(SQL[skip]).rowcount
            if kind == "installments":
                if ended := self._restore_arranged(when):
                    counts["arrangements overruled"] += ended
                overruled = conn.execute(SQL["overrule_moves"]).fetchone()
                if overruled and overruled[0]:
                    counts["moved days overruled"] += overruled[0]
                    conn.execute(SQL["forget_overruled"])
            self._events.see(kind)
            changed = conn.execute(SQL[keep], when).rowcount
            dropped = conn.execute(SQL["drop_installments"]).rowcount if kind == "installments" else 0
            written = conn.execute(SQL[write], when).rowcount
            if kind == "installments":
                written += conn.execute(SQL["write_new_installments"], when).rowcount
            counts[f"{kind} same"] += same
            counts[f"{kind} changed"] += changed
            counts[f"{kind} new"] += written - (changed - dropped)
            if kind == "borrowers":
                conn.execute(SQL["mark_persons"])
                conn.execute(PARTIES["spread_borrowers"])
                self._write_contact_points(when, counts)
                if unstated:
                    counts["zones contradicted"] += settle_zones(conn, self._zones_of)
            elif kind == "payments":
                self._write_suspense(when, counts)
        shift_batch(conn)
        self._write_parties(when, counts)
        if conn.execute(ALLOCATION["find_touched"]).rowcount:
            allocate_touched(conn)
        self._wishes.write(by=self._by, now=now, counts=counts)
        self._events.write(when, by=self._by, counts=counts)
        if self._book is not None:
            self._book.write_back()
        return counts

    def _restore_arranged(self, when: dict[str, datetime]) -> int:
        """Where the lender's file says something new of an arrangement, the rest of it is as the file has it; how many
        arrangements end so.
        """
        ended = self._conn.execute(SQL["find_overruled"]).rowcount
        if ended:
            for name in ("keep_overruled", "restore_overruled", "drop_overruled"):
                self._conn.execute(SQL[name], when)
        return ended

    def _write_suspense(self, when: dict[str, datetime], counts: Counter[str]) -> None:
        """Keep what has no loan, and place what waited for a loan that came."""
        conn = self._conn
        aside = conn.execute("SELECT count(*) FROM stage_suspense").fetchone()
        new = conn.execute(SQL["write_suspense"], when).rowcount
        counts["suspense new"] += new
        counts["suspense same"] += (aside[0] if aside else 0) - new
        if conn.execute(SQL["find_placed"]).rowcount:
            conn.execute(SQL["pay_from_suspense"], when)
            counts["suspense placed"] += conn.execute(SQL["mark_placed"], when).rowcount

    def _write_contact_points(self, when: dict[str, datetime], counts: Counter[str]) -> None:
        conn = self._conn
        same = conn.execute(SQL["skip_same_contact_points"]).rowcount
        changed = conn.execute(SQL["keep_old_contact_points"], when).rowcount
        retired = conn.execute(SQL["retire_replaced"], when).rowcount
        written = conn.execute(SQL["write_contact_points"], when).rowcount
        counts["contact_points same"] += same
        counts["contact_points changed"] += changed
        counts["contact_points new"] += written - max(0, changed - retired)
        conn.execute(PARTIES["spread_contact_points"], when)

    def _write_parties(self, when: dict[str, datetime], counts: Counter[str]) -> None:
        conn = self._conn
        conn.execute(PARTIES["expand_parties"])
        same = conn.execute(PARTIES["skip_same_parties"]).rowcount
        same += conn.execute(PARTIES["skip_same_company_contacts"]).rowcount
        counts["parties same"] += same
        conn.execute(PARTIES["clear_presences"])
        if conn.execute(PARTIES["find_presences"]).rowcount:
            write_presences(conn)
        changed = conn.execute(PARTIES["keep_old_parties"], when).rowcount
        written = conn.execute(PARTIES["write_parties"], when).rowcount
        written += conn.execute(PARTIES["write_company_contacts"], when).rowcount
        counts["parties changed"] += changed
        counts["parties new"] += written - changed


def _record_rows(records: Records) -> Iterator[tuple[int, int, UUID, UUID]]:
    """(row, kind, key, content) of every record whose key may come twice; of installments the database sees itself."""
    for b in records.borrowers:
        own = UUID(bytes=digest_of(("party", b.own_id.hex))) if b.as_party else b.own_id
        yield b.row, 6 if b.as_party else 1, own, UUID(bytes=b.row_digest[:16])
    for y in records.parties:
        role = digest_of(("role", *y[1:5]))
        yield y.row, 7, UUID(bytes=role), UUID(bytes=digest_of((y.since, y.until)))
    for c in records.contact_points:
        slot = digest_of(("slot", c.own_id.hex, c.channel, c.rank))
        yield c.row, 2, UUID(bytes=slot), UUID(bytes=c.address_index[:16])
    for loan in records.loans:
        yield loan.row, 3, loan.loan_id, UUID(bytes=digest_of((loan.key_hash, loan.row_digest)))
    for p in records.payments:
        yield p.row, 5, p.payment_id, UUID(bytes=digest_of((p.amount_minor, p.paid_on, p.currency)))
    for r in records.reversals:
        key = digest_of(("reversal", r.payment_id.hex))
        yield r.row, 6, UUID(bytes=key), UUID(bytes=digest_of((r.reversed_on, r.reason)))
    for d in records.debits:
        key = digest_of(("debit", d.debit_id.hex, d.state))
        yield d.row, 7, UUID(bytes=key), UUID(bytes=digest_of(d[3:]))
