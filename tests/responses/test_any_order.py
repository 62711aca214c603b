"""Whatever the order in which answers, payments and receipts arrive, however often, whoever is killed: the same end.

Two borrowers live through the same; to the second it happens in another order, some of it twice, and some of it is
begun by a process that dies before it commits.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from itertools import count
from typing import Any
from uuid import NAMESPACE_OID, uuid5

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from counter import Counter
from duecourse.book.payments import LoanAt, add_payment, reverse_payment
from duecourse.book.wishes import Person
from duecourse.dispatch.receipts import append_receipts, sweep_receipts
from duecourse.dispatch.replies import take_reply
from duecourse.domain.messaging import Channel, Receipt, ReceiptStatus, Reply
from duecourse.domain.problems import DuecourseError
from duecourse.responses.applying import apply_replies
from duecourse.responses.intents import Intent
from duecourse.responses.promises import judge_promises
from duecourse.responses.recording import Heard, record_response
from examples import examples
from lender import Lender, borrower_id_of, lane_of
from post import Post

POLICY = """
  - id: due-today
    when: due at 10:00
    purpose: reminder
    route: [sms]
    template: due-today
  - id: overdue-9
    when: overdue + 9d at 11:00
    purpose: collection
    route: [sms]
    template: overdue
"""
HEAD = """
policy: test
languages: [en]
creditors:
  "*": {name: Test Bank, contact_phone: "400"}
responses: {promises_in_a_row: 2, promise_longest: 10d}
"""
SENT = datetime.fromisoformat("2026-03-05T10:00+08:00")
KNOWN = datetime.fromisoformat("2026-03-12T22:00+08:00")
"""When all of it is known; what is in force is looked at from then on."""
LATER = "2026-03-14T11:05+08:00"
_borrowers = count(1)


class KilledError(Exception):
    """The process dies before it commits."""


@dataclass(frozen=True)
class Fact:
    """One thing that happens. what: a method of World. at: when it was said or came to be; choice: which one."""

    what: str
    hour: int
    choice: int

    @property
    def at(self) -> datetime:
        return datetime(2026, 3, 6 + self.hour // 24, self.hour % 24, tzinfo=SENT.tzinfo)


SAID = [
    (Intent.WILL_PAY,), (Intent.WILL_PAY,), (Intent.PAID,), (Intent.CANNOT_PAY,), (Intent.DISPUTE,),
    (Intent.STOP,), (Intent.START,), (Intent.WRONG_PERSON,), (Intent.UNCLEAR,), (Intent.PAID, Intent.STOP),
]  # fmt: skip
FACTS = st.builds(
    Fact,
    st.sampled_from(["page", "page", "page", "reply", "pay", "reverse", "receipt"]),
    st.integers(0, 6 * 24),
    st.integers(0, 39),
)


class World:
    """A borrower to whom facts happen."""

    def __init__(self, counter: Counter, lender: Lender) -> None:
        self.counter, self.lender, self.conn = counter, lender, lender.conn
        self.key = f"B-{next(_borrowers)}"
        self.number = f"+86139{lane_of(self.key):03d}{next(_borrowers):05d}"
        lender.book(f"""
            loan        borrower    due_on      amount  phone          email
            L-{self.key} {self.key} 2026-03-05  500.00  {self.number}  -
            M-{self.key} {self.key} 2026-03-05  300.00  {self.number}  -
        """)
        lender.reindex_contact_points()

    def happen(self, fact: Fact) -> None:
        """As often as one likes."""
        getattr(self, fact.what)(fact)
        self.conn.commit()

    def die(self, fact: Fact) -> None:
        """It happens, and the process that took it dies before it commits."""
        try:
            with self.conn.transaction():
                getattr(self, fact.what)(fact)
                raise KilledError
        except KilledError:
            pass

    def loan(self, choice: int) -> LoanAt:
        ref = f"{'LM'[choice % 2]}-{self.key}"
        return LoanAt(lane_of(self.key), uuid5(NAMESPACE_OID, f"loan/{ref}"), ref, "bank", "CNY")

    def page(self, fact: Fact) -> None:
        intents = SAID[fact.choice % len(SAID)]
        stops = {Intent.STOP, Intent.START, Intent.WRONG_PERSON} & set(intents)
        heard = Heard(
            Person(lane_of(self.key), borrower_id_of(self.key)),
            "page",
            uuid5(NAMESPACE_OID, f"{self.key}/{fact}"),
            channel=Channel.SMS if stops else None,
            intents=intents,
            loan_id=self.loan(fact.choice).loan_id if fact.choice % 3 else None,
            promised_on=date(2026, 3, 7 + fact.choice % 12) if Intent.WILL_PAY in intents else None,
            amount_minor=20000 if fact.choice % 5 == 1 else None,
            currency="CNY",
            address_index=self.index() if Intent.WRONG_PERSON in intents else None,
            said_at=fact.at,
        )
        with self.conn.transaction():
            record_response(self.conn, self.lender.keyring, heard, now=KNOWN)

    def index(self) -> bytes:
        rows = self.rows(
            "SELECT address_index FROM contact_point WHERE lane = %(lane)s AND borrower_id = %(id)s"
        )
        return bytes(rows[0][0])

    def reply(self, fact: Fact) -> None:
        text = ("STOP", "stop all", "what is this?")[fact.choice % 3]
        with self.conn.transaction():
            take_reply(self.conn, self.lender.keyring, Reply("smsc", self.number, "10690", text), now=fact.at)
        if fact.choice % 2:
            apply_replies(self.conn, self.lender.keyring, now=KNOWN)

    def pay(self, fact: Fact) -> None:
        add_payment(
            self.conn, self.loan(fact.choice), amount_minor=(20000, 30000, 50000)[fact.choice % 3], currency="CNY",
            paid_on=fact.at.date(), source="core", reference=str(fact), now=KNOWN,
        )  # fmt: skip

    def reverse(self, fact: Fact) -> None:
        """Of a payment that has come; an import may say it before, a person may not."""
        paid = Fact("pay", fact.hour, fact.choice)
        self.pay(paid)
        try:
            reverse_payment(
                self.conn, self.loan(fact.choice), source="core", reference=str(paid), reversed_on=KNOWN.date(),
                reason="returned", now=KNOWN,
            )  # fmt: skip
        except DuecourseError as error:
            assert error.problems[0].code == "D062"

    def receipt(self, fact: Fact) -> None:
        rows = self.rows("SELECT attempt_id FROM attempt WHERE lane = %(lane)s AND borrower_id = %(id)s")
        status = [ReceiptStatus.DELIVERED, ReceiptStatus.READ, ReceiptStatus.BUFFERED][fact.choice % 3]
        append_receipts(
            self.conn,
            self.lender.keyring,
            "sms",
            [Receipt(status, status.value, attempt_id=rows[0][0])],
            now=fact.at,
        )

    def settle(self) -> None:
        """All that follows later: replies, receipts, what payments make of promises."""
        apply_replies(self.conn, self.lender.keyring, now=KNOWN)
        sweep_receipts(self.conn, self.counter.desk.epochs, now=KNOWN)
        judge_promises(self.conn, lanes=[lane_of(self.key)], as_of=KNOWN.date(), now=KNOWN)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with self.conn.transaction():
            given = {"lane": lane_of(self.key), "id": borrower_id_of(self.key), "known": KNOWN}
            return self.conn.execute(query, given).fetchall()  # type: ignore[call-overload,no-any-return]

    def end(self) -> dict[str, list[tuple[Any, ...]]]:
        """What matters in the end, without names."""
        return {name: self.rows(query) for name, query in END.items()}


OF = "lane = %(lane)s AND borrower_id = %(id)s"
DEBT = "(SELECT left(l.loan_ref, 1) FROM loan l WHERE l.lane = x.lane AND l.loan_id = x.loan_id)"
END = {
    "holds": f"""SELECT kind, {DEBT}, effective_at, least(until, ended_at) FROM hold x WHERE {OF}
                 AND coalesce(least(until, ended_at) > greatest(%(known)s, effective_at), true) ORDER BY 1, 2, 3, 4""",
    "stops": f"""SELECT channel, stopped_since(ARRAY(
                     SELECT ROW(kind, granted, purpose, channel, address_index, effective_at, expires_at)::seen_consent
                     FROM consent x WHERE {OF}), 'contact', 'as-said', 'reminder', channel, index)
                 FROM (VALUES ('sms'), ('email')) AS c (channel)
                 CROSS JOIN (SELECT address_index AS index FROM contact_point WHERE {OF} LIMIT 1) AS p ORDER BY 1""",
    "promises": f"""SELECT said_at, {DEBT}, promised_on, amount_minor, accepted, standing, state, paid_minor, kept_on
                    FROM promise x WHERE {OF} AND state <> 'withdrawn' ORDER BY 1, 2, 3, 4""",
    "queue": f"SELECT since, reason FROM response_waiting WHERE {OF} ORDER BY 1, 2",
    "addresses": f"SELECT channel, state, retired_reason FROM contact_point WHERE {OF} ORDER BY 1",
    "messages": f"SELECT step, coalesce(outcome, state), rule FROM message WHERE {OF} ORDER BY 1",
    "attempts": f"SELECT channel, state FROM attempt WHERE {OF} ORDER BY claimed_at",
}


@pytest.fixture
def counter(post: Post) -> Iterator[Counter]:
    yield Counter(post)


@given(st.lists(FACTS, min_size=1, max_size=9), st.data())
@settings(max_examples=examples(6), suppress_health_check=list(HealthCheck))
def test_in_any_order_and_repetition_the_end_is_the_same(
    counter: Counter, lender: Lender, facts: list[Fact], data: st.DataObject
) -> None:
    lender.policy(POLICY, head=HEAD)
    worlds = World(counter, lender), World(counter, lender)
    lender.plan("2026-03-05T08:00+08:00", lanes=[lane_of(each.key) for each in worlds])
    counter.at("2026-03-05T10:00:30+08:00")
    again = data.draw(st.lists(st.sampled_from(facts), max_size=4), label="again")
    other = data.draw(st.permutations([*facts, *again]), label="order")
    killed = data.draw(st.sets(st.integers(0, len(other) - 1), max_size=4), label="killed")
    for fact in sorted(facts, key=lambda one: one.hour):
        worlds[0].happen(fact)
    for place, fact in enumerate(other):
        if place in killed:
            worlds[1].die(fact)
        worlds[1].happen(fact)
        if place % 3 == 0:
            worlds[1].settle()
    for world in worlds:
        world.settle()
    assert worlds[1].end() == worlds[0].end()
    lender.plan("2026-03-14T08:00+08:00", lanes=[lane_of(each.key) for each in worlds])
    counter.at(LATER)
    assert worlds[1].end() == worlds[0].end()
