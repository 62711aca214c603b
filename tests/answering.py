"""Borrowers of a test's book who answer."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import NAMESPACE_OID, UUID, uuid5

from duecourse.book.wishes import Person
from duecourse.domain.money import to_minor
from duecourse.responses.intents import Intent
from duecourse.responses.recording import Heard, Room, record_response
from lender import Lender, borrower_id_of, lane_of

WITH_HOLDS = """
SELECT kind, loan_ref, to_char(effective_at AT TIME ZONE zone, 'MM-DD HH24:MI'),
       to_char(least(until, ended_at) AT TIME ZONE zone, 'MM-DD HH24:MI')
FROM (SELECT h.*, (SELECT l.loan_ref FROM loan l WHERE l.loan_id = h.loan_id) AS loan_ref, b.zone, b.borrower_key
      FROM hold h JOIN borrower b USING (lane, borrower_id)) AS h
WHERE borrower_key = %s AND coalesce(ended_at > effective_at, true) ORDER BY effective_at, kind, 4
"""


class Answers:
    """Says things as a borrower, and shows what followed."""

    def __init__(self, lender: Lender) -> None:
        self.lender = lender
        self.conn = lender.conn
        self.room = Room()

    def say(
        self,
        borrower: str,
        *intents: Intent,
        at: str,
        request: str = "",
        day: str | None = None,
        amount: int | None = None,
        loan: str | None = None,
        **more: Any,
    ) -> UUID:
        """One answer by a page, committed. day: promised. request: its name, so that it can be said twice."""
        heard = Heard(
            person=Person(lane_of(borrower), borrower_id_of(borrower)),
            source=more.pop("source", "page"),
            request_id=uuid5(NAMESPACE_OID, request or f"{borrower}/{intents}/{at}/{day}"),
            intents=intents,
            loan_id=uuid5(NAMESPACE_OID, f"loan/{loan}") if loan else None,
            promised_on=date.fromisoformat(day) if day else None,
            amount_minor=amount,
            said_at=datetime.fromisoformat(at),
            **more,
        )
        with self.conn.transaction():
            return record_response(
                self.conn, self.lender.keyring, heard, now=datetime.fromisoformat(at), room=self.room
            )

    def holds(self, borrower: str) -> list[tuple[Any, ...]]:
        """Holds that held at all: kind, loan, since, until (both local)."""
        with self.conn.transaction():
            return self.conn.execute(WITH_HOLDS, (borrower,)).fetchall()

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """What a query answers."""
        with self.conn.transaction():
            return self.conn.execute(query, values).fetchall()  # type: ignore[call-overload,no-any-return]

    def pay(self, loan: str, on: str, amount: str) -> None:
        """A payment as an import leaves it."""
        self.rows(
            """INSERT INTO payment (lane, loan_id, payment_id, source, reference, amount_minor, paid_on, effective_at,
                   recorded_at)
               SELECT lane, loan_id, %s, 'core', %s, %s, %s, now(), now() FROM loan WHERE loan_ref = %s
               ON CONFLICT DO NOTHING RETURNING 1""",
            uuid5(NAMESPACE_OID, f"payment/{loan}/{on}"), f"{loan}/{on}", to_minor(Decimal(amount), "CNY"), on, loan,
        )  # fmt: skip

    def take_back(self, loan: str, payment_on: str, *, on: str) -> None:
        """The reversal of a payment, as an import leaves it."""
        self.rows(
            """INSERT INTO reversal (lane, loan_id, payment_id, source, reference, reversed_on, effective_at,
                   recorded_at)
               SELECT lane, loan_id, %s, 'core', %s, %s, now(), now() FROM loan WHERE loan_ref = %s
               ON CONFLICT DO NOTHING RETURNING 1""",
            uuid5(NAMESPACE_OID, f"payment/{loan}/{payment_on}"), f"{loan}/{payment_on}", on, loan,
        )  # fmt: skip
