"""Borrowers of a test's book who cannot pay, and what their lender may offer."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from itertools import count
from typing import Any
from uuid import NAMESPACE_OID, UUID, uuid4, uuid5

import psycopg

from duecourse.book.wishes import Person
from duecourse.domain.schedule import Method, Terms, build_schedule
from duecourse.policy.offered import Kind
from duecourse.policy.templates import Templates, TemplateText
from duecourse.policy.versions import publish
from duecourse.responses.intents import Intent
from duecourse.responses.offers.agreeing import (
    Found,
    Taken,
    approve,
    arrangement_at,
    arrangements_of,
    decline,
    take_up,
    withdraw,
)
from duecourse.responses.offers.judging import judge_arrangements
from duecourse.responses.offers.offering import Offered, Offering, offers_for
from duecourse.responses.offers.stating import Stated, Trouble, record_statement
from duecourse.responses.recording import Heard, record_response
from duecourse.store.connect import Store
from lender import Lender, borrower_id_of, lane_of
from sent_links import NINE

OFFERS = """
policy: helping
priority: 5
applies_to: {product: [cash-loan]}
languages: {known: [en, zh-CN], default: en}
creditors:
  "*": {name: {en: Harbour Bank, zh-CN: 港湾银行}, contact_phone: "+86 400 000 0000"}
products:
  cash-loan: {en: Cash loan, zh-CN: 现金贷}
offers:
  share: 50
  cooling_off: 3d
  allowed:
    - {kind: extension, mode: at-once, most_days: 10}
    - {kind: due-day, mode: at-once, earliest_day: 5, latest_day: 28}
    - {kind: plan, mode: at-once, lowest_percent: 50, more_payments: 12}
    - {kind: pause, mode: person, most_months: 2}
"""
STEPS = """
  - {id: due-in-1, when: due - 1d at 09:00, purpose: reminder, route: [sms], template: due-soon}
"""
CARDS = """
policy: cards
priority: 9
grace_days: {A: 3}
applies_to: {product: [card, mortgage]}
languages: [en]
creditors:
  "*": {name: Harbour Bank, contact_phone: "400"}
offers:
  allowed:
    - {kind: extension, mode: at-once, if: {product: card, grade: A, days_past_due: {max: 0}}}
    - {kind: extension, if: {product: card, days_past_due: {max: 0}}}
"""
RATE = Decimal("0.12")
PLENTY = Stated(Trouble.LESS_INCOME, 900_000, 500_000, 100_000)
"""A household with 3,000.00 left in a month, of which a plan may take half."""

POOR = Stated(Trouble.LESS_INCOME, 650_000, 400_000, 100_000)
"""1,500.00 left: a plan may take 750.00."""


def offer(lender: Lender, head: str = OFFERS, now: datetime = NINE) -> None:
    """Publish a policy with offers, or a new version of it."""
    lender.policy(STEPS, head)
    policy = lender.policies[-1]
    texts = [TemplateText(name, "en", {"sms": "Please pay."}) for name in policy.templates]
    publish(lender.conn, policy, Templates(texts), "", now=now, user="test")
    lender.conn.commit()


def lend(
    lender: Lender,
    borrower: str,
    *,
    principal: int = 1_200_000,
    periods: int = 12,
    first: str = "2026-03-15",
    **more: str,
) -> str:
    """A loan of level monthly payments at 12 % a year; its reference."""
    ref = f"HT-{borrower}"
    dues = build_schedule(Method.ANNUITY, Terms(principal, RATE, periods, date.fromisoformat(first)))
    header = "loan due_on amount"
    for due in dues:
        amount = f"{Decimal(due.due_minor) / 100} CNY"
        lender.book(f"{header}\n{ref} {due.due_on} {amount}", borrower=borrower, **more)
    place = (lane_of(borrower), loan_of(borrower))
    with lender.conn.transaction():
        lender.conn.execute(
            """UPDATE loan SET method = 'annuity', annual_rate = %s, principal_minor = %s
               WHERE lane = %s AND loan_id = %s""",
            (RATE, principal, *place),
        )
        for due in dues:
            lender.conn.execute(
                """UPDATE installment SET principal_minor = %s, interest_minor = %s
                   WHERE lane = %s AND loan_id = %s AND number = %s""",
                (due.principal_minor, due.interest_minor, *place, due.number),
            )
    return ref


def loan_of(borrower: str) -> UUID:
    """The id of what `lend` lent."""
    return uuid5(NAMESPACE_OID, f"loan/HT-{borrower}")


def person_of(borrower: str) -> Person:
    """A borrower by place."""
    return Person(lane_of(borrower), borrower_id_of(borrower))


class Bank:
    """A lender's book whose policies offer help."""

    def __init__(self, lender: Lender, store: Store) -> None:
        self.lender = lender
        self.store = store
        self._people = count(1)

    def household(self, **more: Any) -> Household:
        """Somebody of their own with a loan as `lend` lends it, who has said that they cannot pay."""
        borrower = f"B-{next(self._people)}"
        lend(self.lender, borrower, **more)
        household = Household(self.lender, borrower)
        household.state()
        return household


class Household:
    """A borrower who cannot pay: states it, is offered something, takes it up."""

    def __init__(self, lender: Lender, borrower: str, now: datetime = NINE) -> None:
        self.lender = lender
        self.conn = lender.conn
        self.borrower = borrower
        self.person = person_of(borrower)
        self.loan_id = loan_of(borrower)
        self.now = now
        self.stated = PLENTY
        self.hardship_id = UUID(int=0)

    @property
    def today(self) -> date:
        """In Shanghai."""
        return self.now.date()

    def state(self, stated: Stated = PLENTY, request: str = "1") -> UUID:
        """As the page records it; the statement's id."""
        request_id = uuid5(NAMESPACE_OID, f"{self.borrower}/{request}")
        heard = Heard(self.person, "page", request_id, intents=(Intent.WANTS_PLAN,), loan_id=self.loan_id)
        with self.conn.transaction():
            response_id = record_response(self.conn, self.lender.keyring, heard, now=self.now)
            self.hardship_id = record_statement(
                self.conn, self.lender.keyring, self.person, self.loan_id, stated, request_id=request_id,
                response_id=response_id, now=self.now,
            )  # fmt: skip
        self.stated = stated
        return self.hardship_id

    def offering(self) -> Offering:
        """What is offered now."""
        with self.conn.transaction():
            found = offers_for(
                self.conn, self.person, self.loan_id, self.stated, today=self.today, now=self.now
            )
        assert found is not None
        return found

    def offered(self, kind: Kind) -> Offered | None:
        """One of them."""
        return next((one for one in self.offering().offers if one.offer.kind is kind), None)

    def take(self, kind: Kind, digest: str = "", conn: psycopg.Connection | None = None) -> Taken | None:
        """Take up an offer as it is shown now, or by the digest of what was shown, committed."""
        if not digest:
            shown = self.offered(kind)
            assert shown is not None
            digest = shown.figures.digest().hex()
        using = conn or self.conn
        with using.transaction():
            return take_up(
                using, self.lender.keyring, self.person, self.hardship_id, kind, digest, now=self.now
            )

    def found(self, taken: Taken) -> Found:
        """An arrangement as it stands."""
        with self.conn.transaction():
            found = arrangement_at(self.conn, self.person.lane, taken.arrangement_id)
        assert found is not None
        return found

    def approve(self, taken: Taken, by: str) -> str:
        """By a person of staff, committed."""
        found = self.found(taken)
        with self.conn.transaction():
            return approve(self.conn, self.lender.keyring, found, by=by, now=self.now)

    def decline(self, taken: Taken) -> None:
        """By a person of staff, committed."""
        found = self.found(taken)
        with self.conn.transaction():
            decline(self.conn, found, reason="income is not borne out", by="ann", now=self.now)

    def withdraw(self, taken: Taken) -> bool:
        """By the borrower, committed."""
        found = self.found(taken)
        with self.conn.transaction():
            return withdraw(self.conn, found, now=self.now)

    def judge(self, on: str) -> list[str]:
        """As of a day; how the person's arrangements stand."""
        judge_arrangements(self.conn, lanes=[self.person.lane], as_of=date.fromisoformat(on), now=self.now)
        with self.conn.transaction():
            return [one.state for one in arrangements_of(self.conn, self.person)]

    def say(self, *intents: Intent) -> None:
        """An answer of another kind, committed."""
        heard = Heard(self.person, "staff", uuid4(), intents=intents, loan_id=self.loan_id)
        with self.conn.transaction():
            record_response(self.conn, self.lender.keyring, heard, now=self.now)

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """What a query answers."""
        with self.conn.transaction():
            return self.conn.execute(query, values).fetchall()  # type: ignore[call-overload,no-any-return]

    def installments(self) -> list[tuple[Any, ...]]:
        """Number, day and amount of each."""
        return self.rows(
            "SELECT number, due_on::text, due_minor FROM installment WHERE loan_id = %s ORDER BY number",
            self.loan_id,
        )

    def events(self) -> list[str]:
        """What became of all the person's arrangements, in order."""
        found = self.rows(
            "SELECT event FROM arrangement_event WHERE borrower_id = %s ORDER BY recorded_at, seq",
            self.person.borrower_id,
        )
        return [event for (event,) in found]
