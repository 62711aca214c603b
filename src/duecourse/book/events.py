"""What happened to a person or a loan of theirs, once each, for policies to tell (`on: payment.received`).

Payments, reversals, refused debits, changed rates and days, and settled loans are derived from the rows of the book, in
the transaction that writes them, whoever brings them. The rest the lender says, by file, command or program.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final, Literal, TypeAlias, get_args
from uuid import UUID

import psycopg
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from duecourse.store.sql import load

from .records import EventRecord, Records, digest_of
from .wishes import EVERY_LANE, Person

SQL = load("book/events")

EventKind: TypeAlias = Literal[
    "application.received",
    "application.decided",
    "contract.signed",
    "payout.made",
    "payment.received",
    "payment.reversed",
    "debit.failed",
    "rate.changed",
    "date.changed",
    "loan.settled",
    "promise.kept",
    "promise.broken",
]
EVENT_KINDS: Final[tuple[EventKind, ...]] = get_args(EventKind)
SAID_BY_LENDER: Final[tuple[EventKind, ...]] = (
    "application.received",
    "application.decided",
    "contract.signed",
    "payout.made",
)
"""Kinds that a file or a command brings; all others follow from what the book knows."""
WITHOUT_LOAN: Final[tuple[EventKind, ...]] = (
    "application.received",
    "application.decided",
    "contract.signed",
)
"""Kinds of which there may be no loan yet."""
DECISIONS: Final = ("approved", "declined")
NO_CURRENCY: Final = "XXX"
"""ISO 4217 for no currency: of an event without an amount, about no loan."""

TOLD_FOR: Final = timedelta(days=60)
"""What is older when the book hears of it makes no event: no step waits longer, and a first import brings years."""

EventSource: TypeAlias = Literal["cli", "import", "reply", "page", "api", "staff"]

SAID: Final[Mapping[str, str]] = {"B130": "the loan of this event has another borrower"}
"""As staging.SAID."""


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that somebody says happened. reference: what tells it from others of its kind; '' for the only one.

    loan_id: None where there is no loan; then creditor says whom it concerns. currency, amount_minor: what it is about;
    XXX and None for nothing. detail: words of the kind, nothing personal.
    """

    person: Person
    kind: EventKind
    at: datetime
    reference: str = ""
    loan_id: UUID | None = None
    subject_id: UUID | None = None
    creditor: str = ""
    product: str = ""
    currency: str = NO_CURRENCY
    amount_minor: int | None = None
    detail: Mapping[str, str] | None = None

    @property
    def event_id(self) -> UUID:
        """The same whenever the same thing is said."""
        whose = self.loan_id or self.person.borrower_id
        return event_id_of(
            self.kind, self.creditor if self.loan_id is None else "", whose.hex, self.reference
        )


def event_id_of(kind: str, creditor: str, whose: str, reference: str) -> UUID:
    """The id of an event that the lender says. whose: hexadecimal, of the loan, else of the borrower."""
    return UUID(bytes=digest_of(("event", kind, creditor, whose, reference)))


def record_event(
    conn: psycopg.Connection, happening: Happening, *, source: EventSource, by: str, now: datetime
) -> bool:
    """Write what happened, in the caller's transaction; whether it is new. A loan must live in the person's lane."""
    return (
        conn.execute(
            SQL["record_event"],
            {
                "lane": happening.person.lane,
                "event_id": happening.event_id,
                "borrower_id": happening.person.borrower_id,
                "kind": happening.kind,
                "loan_id": happening.loan_id,
                "subject_id": happening.subject_id,
                "creditor": happening.creditor,
                "product": happening.product,
                "currency": happening.currency,
                "amount_minor": happening.amount_minor,
                "detail": Jsonb(
                    dict(happening.detail or {})
                    | ({"reference": happening.reference} if happening.reference else {})
                ),
                "source": source,
                "by": by,
                "at": happening.at,
                "now": now,
            },
        ).rowcount
        > 0
    )


def note_move(
    conn: psycopg.Connection,
    loan: Mapping[str, object],
    number: int,
    due_before: date,
    *,
    by: str,
    now: datetime,
) -> None:
    """A due day was moved on request. loan: its lane and loan_id; number: of the first installment moved."""
    conn.execute(SQL["note_move"], {**loan, "number": number, "due_before": due_before, "by": by, "now": now})


@dataclass(frozen=True, slots=True)
class EventLine:
    """An event as people are shown it. messages: what was planned of it: policy, step, message, state, rule."""

    event_id: UUID
    borrower_key: str
    kind: EventKind
    loan: str | None
    creditor: str
    currency: str
    amount_minor: int | None
    detail: Mapping[str, Any]
    source: str
    recorded_by: str
    occurred_at: datetime
    recorded_at: datetime
    planned_at: datetime | None
    zone: str
    messages: Sequence[Mapping[str, Any]]


def events_of(
    conn: psycopg.Connection,
    *,
    borrower_id: UUID | None = None,
    kind: str | None = None,
    most: int = 100,
) -> list[EventLine]:
    """Events, the latest first: of one borrower, of one kind, or all."""
    given = {"lanes": EVERY_LANE, "borrower_id": borrower_id, "kind": kind, "most": most}
    with conn.cursor(row_factory=class_row(EventLine)) as cursor:
        return cursor.execute(SQL["events_of"], given).fetchall()


_NOTES: Final = (
    "note_payments", "note_reversals", "note_debits", "note_rates", "note_dates", "note_settled",
)  # fmt: skip
_BEFORE: Final = {"loans": ("see_loans", "note_rates"), "installments": ("see_days", "note_dates")}
"""What looks at a kind of record before it is written, and what is noted when there was something to see."""


class EventStaging:
    """The events of one import on one connection; `Staging` calls each step in its turn."""

    def __init__(self, conn: psycopg.Connection) -> None:
        self._conn = conn
        self._any = False
        self._noted: set[str] = set()
        conn.execute(SQL["create_event_staging"])

    def load(self, records: Records) -> None:
        """Fill the staging table, and see of what a batch could make events."""
        self._any = bool(records.events)
        self._noted = {
            name
            for name, brought in (
                ("note_payments", records.payments or records.loans),
                ("note_reversals", records.payments or records.reversals or records.loans),
                ("note_debits", records.debits),
                (
                    "note_settled",
                    records.payments
                    or records.loans
                    or records.installments
                    or records.packed
                    or records.reversals,
                ),
            )
            if brought
        }
        self._conn.execute(SQL["clear_events"])
        if self._any:
            with self._conn.cursor() as cursor, cursor.copy(SQL["copy_events"]) as copy:
                for event in records.events:
                    copy.write_row(event)

    def find(self) -> None:
        """What the book knows of the keys and loans."""
        if self._any:
            self._conn.execute(SQL["find_event_keys"])
            self._conn.execute(SQL["find_event_loans"])

    def check(self) -> int:
        """Note bad rows; how many are newly bad."""
        return self._conn.execute(SQL["check_events"]).rowcount if self._any else 0

    def drop_bad(self) -> None:
        """Take the events of refused rows out of the batch."""
        if self._any:
            self._conn.execute(SQL["drop_bad_events"])

    def see(self, kind: str) -> None:
        """Before the records of a kind are written, what the book says of those that change."""
        if kind in _BEFORE:
            look, note = _BEFORE[kind]
            if self._conn.execute(SQL[look]).rowcount:
                self._noted.add(note)

    def write(self, when: Mapping[str, datetime], *, by: str, counts: Counter[str]) -> None:
        """Write what the file says happened and what follows from what it brought. After all else is written.

        when: `now` and `recorded_at` of the batch.
        """
        given = {**when, "by": by, "told_for": TOLD_FOR}
        for name in _NOTES:
            if name in self._noted:
                self._conn.execute(SQL[name], given)
        if self._any:
            self._conn.execute(SQL["place_events"])
            asked = self._conn.execute(SQL["count_events"]).fetchone()
            new = self._conn.execute(SQL["write_events"], given).rowcount
            counts["events new"] += new
            counts["events same"] += (asked[0] if asked else 0) - new


__all__ = [
    "DECISIONS",
    "EVENT_KINDS",
    "NO_CURRENCY",
    "SAID_BY_LENDER",
    "TOLD_FOR",
    "WITHOUT_LOAN",
    "EventKind",
    "EventLine",
    "EventRecord",
    "EventSource",
    "EventStaging",
    "Happening",
    "event_id_of",
    "events_of",
    "note_move",
    "record_event",
]
