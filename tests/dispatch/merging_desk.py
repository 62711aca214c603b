"""A book with two records of one person, and what is asked of it."""

from __future__ import annotations

from datetime import datetime
from itertools import count
from typing import Any
from uuid import NAMESPACE_OID, uuid5

import pytest

from duecourse.dispatch.merging import Merged, merge_borrowers, undo_merge
from lender import LONG_AGO, Lender, borrower_id_of, lane_of

NOW = datetime.fromisoformat("2026-03-09T12:00+08:00")
DAY = "2026-03-09T00:00+08:00"
NINE, TEN = "2026-03-09T09:00+08:00", "2026-03-09T10:00+08:00"
STEP = """
  - id: due-in-1
    when: due - 1d at {at}
    purpose: reminder
    to: {to}
    route: [sms]
    template: due-soon
"""
SMS = STEP.format(at="09:00", to="borrower")
APART = "cross"
TOGETHER = next(f"same-{i}" for i in count() if lane_of(f"same-{i}") == lane_of("kept"))
SAYS = {"evidence": "same passport", "by": "Mei"}
both = pytest.mark.parametrize("other", [APART, TOGETHER], ids=["cross lane", "same lane"])
# What stands in the book, whatever was written when; history and the book's own history only grow.
BOOK = (
    "borrower_key", "borrower", "contact_point", "consent", "hold", "preference", "notice", "loan", "loan_party",
    "company_contact", "installment", "payment", "allocation", "message", "message_item", "attempt", "contact",
    "permit",
)  # fmt: skip


class Desk:
    """A book with a person kept and another record, and what is asked of it."""

    def __init__(self, lender: Lender) -> None:
        self.lender = lender
        self.conn = lender.conn

    def book(self, rows: str, *people: str) -> None:
        """A book whose people stand in the directory."""
        self.lender.book(rows)
        for person in people:
            self.lender.name_in_directory(person)

    def merge(self, keep: str, other: str, **options: Any) -> Merged:
        """Merge, and be idle again."""
        self.conn.commit()
        return merge_borrowers(self.conn, self.lender.keyring, keep, other, **{**SAYS, "now": NOW, **options})

    def undo(self, keep: str, other: str) -> Merged:
        """Undo, and be idle again."""
        self.conn.commit()
        return undo_merge(self.conn, self.lender.keyring, keep, other, by="Mei", now=NOW)

    def all(self, query: str, *given: object) -> list[tuple[Any, ...]]:
        rows = self.conn.execute(query, given).fetchall()  # type: ignore[call-overload]
        self.conn.commit()
        return rows  # type: ignore[no-any-return]

    def dump(self, *tables: str) -> dict[str, list[str]]:
        """Every row of the book as text, in order."""
        return {
            table: [row for (row,) in self.all(f"SELECT to_jsonb(t)::text FROM {table} t ORDER BY 1")]
            for table in tables or BOOK
        }

    def ledger(self) -> list[tuple[Any, ...]]:
        """The ledger without whose it is: what no merge may change."""
        return self.all(
            "SELECT attempt_id, loan_id, weight, outcome, group_id, local_on, at FROM contact ORDER BY 1, 2, 3, 4"
        )

    def contact(self, borrower: str, loan: str, on: str, weight: int = 1) -> None:
        """A line of the ledger, as an import of calls made elsewhere leaves it."""
        self.conn.execute(
            """INSERT INTO contact (lane, borrower_id, attempt_id, loan_id, weight, group_id, purpose, channel, source,
                   local_on, at) VALUES (%s, %s, gen_random_uuid(), %s, %s, gen_random_uuid(), 'reminder', 'voice',
                   'import', %s, %s)""",
            (
                lane_of(borrower),
                borrower_id_of(borrower),
                uuid5(NAMESPACE_OID, f"loan/{loan}"),
                weight,
                on,
                NOW,
            ),
        )
        self.conn.commit()

    def hold(self, borrower: str, kind: str) -> None:
        """A hold of a person."""
        self.conn.execute(
            """INSERT INTO hold (lane, borrower_id, hold_id, kind, evidence, source, recorded_by, effective_at,
                   recorded_at) VALUES (%s, %s, gen_random_uuid(), %s, 'a letter', 'cli', 'Mei', %s, %s)""",
            (lane_of(borrower), borrower_id_of(borrower), kind, LONG_AGO, LONG_AGO),
        )
        self.conn.commit()

    def notice(self, borrower: str, loan: str) -> None:
        """A notice served about a loan."""
        self.conn.execute(
            """INSERT INTO notice (lane, borrower_id, notice_id, loan_id, kind, served_at, evidence,
                   recorded_by, recorded_at)
               VALUES (%s, %s, gen_random_uuid(), %s, 'bureau', %s, 'letter 4', 'Mei', %s)""",
            (
                lane_of(borrower),
                borrower_id_of(borrower),
                uuid5(NAMESPACE_OID, f"loan/{loan}"),
                LONG_AGO,
                LONG_AGO,
            ),
        )
        self.conn.commit()

    def beside(self, loan: str, role: str, name: str) -> None:
        """A party, in the lane of the loan."""
        (lane,) = self.all("SELECT lane FROM loan WHERE loan_ref = %s", loan)[0]
        self.conn.execute(
            """INSERT INTO borrower (lane, borrower_id, borrower_key, home_lane, language, region, zone, row_digest,
                   effective_at, recorded_at) VALUES (%s, %s, %s, %s, 'en', 'CN', 'Asia/Shanghai', '', %s, %s)
               ON CONFLICT DO NOTHING""",
            (
                lane,
                borrower_id_of(name),
                name,
                None if lane_of(name) == lane else lane_of(name),
                LONG_AGO,
                LONG_AGO,
            ),
        )
        self.conn.execute("UPDATE borrower SET has_others = true WHERE borrower_key = %s", (name,))
        self.conn.execute(
            """INSERT INTO loan_party (lane, loan_id, borrower_id, role, effective_at, recorded_at)
               SELECT lane, loan_id, %s, %s, %s, %s FROM loan WHERE loan_ref = %s""",
            (borrower_id_of(name), role, LONG_AGO, LONG_AGO, loan),
        )
        self.conn.commit()
