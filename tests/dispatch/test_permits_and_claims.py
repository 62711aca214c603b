"""A permit and a worker's claim of the same lane: whichever comes second sees the contact of the first."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Barrier

import psycopg
import pytest

from counter import Counter
from duecourse.book.consents import ConsentKind, record_consent
from duecourse.book.reading import find_borrower
from duecourse.book.wishes import Person, Said
from duecourse.dispatch.permits import Permit, Question, Refusal, ask_permit
from duecourse.domain.messaging import Channel, Purpose
from duecourse.rules.compiling import shipped
from duecourse.rules.model import Actor
from duecourse.store.connect import Store
from lender import Lender, borrower_id_of, lane_of
from post import Post

WAITING = """SELECT count(*) FROM pg_stat_activity
             WHERE datname = current_database() AND wait_event_type = 'Lock'"""
NYC = "US-NYC"
LATE = """
  - id: overdue-1
    when: overdue + 41d at 12:00
    purpose: collection
    route: [sms]
    template: overdue
"""
NOON = datetime.fromisoformat("2026-10-12T12:00-04:00")
CALL = Question(Purpose.COLLECTION, Channel.VOICE, Actor.AGENCY)


def ask(lender: Lender, conn: psycopg.Connection, name: str, at: datetime = NOON) -> Permit | Refusal:
    borrower = find_borrower(conn, lender.keyring, name)
    assert borrower is not None
    return ask_permit(conn, shipped(), borrower, CALL, by="agency-1", now=at, as_of=at.date())


@pytest.fixture
def late(lender: Lender) -> Lender:
    """Ten borrowers in New York City who may be contacted once more about their debt, and a notice to each."""
    names = [f"B{n}" for n in range(10)]
    rows = "\n".join(
        f"L-{name} {name} 2026-09-01 US-NYC America/New_York +1212555{n:04d}" for n, name in enumerate(names)
    )
    lender.book("loan borrower due_on region zone phone\n" + rows)
    lender.conn.execute("UPDATE installment SET grace_days = 0")
    lender.policy(LATE)
    lender.plan("2026-10-12T00:00-04:00")
    agreed = Said("form 7", "cli", "anna", NOON - timedelta(days=30), NOON - timedelta(days=30))
    for name in names:
        lender.name_in_directory(name)
        record_consent(
            lender.conn,
            ConsentKind.EXPRESS_CONSENT,
            granted=True,
            said=agreed,
            person=Person(lane_of(name), borrower_id_of(name)),
        )
        for day in (1, 2):
            assert isinstance(ask(lender, lender.conn, name, NOON - timedelta(days=day)), Permit)
    lender.conn.commit()
    return lender


def most_contacts(lender: Lender) -> tuple[int, int]:
    """The fewest and the most contacts that any borrower's debt had."""
    row = lender.conn.execute(
        "SELECT min(n), max(n) FROM (SELECT sum(weight) AS n FROM contact GROUP BY lane, borrower_id) AS c"
    ).fetchone()
    lender.conn.commit()
    assert row is not None
    return row


def test_a_claim_that_waited_for_a_permit_sees_it(late: Lender, post: Post, store: Store) -> None:
    counter = Counter(post)
    with store.connect(autocommit=True) as conn, ThreadPoolExecutor(1) as pool:
        with conn.transaction():
            assert isinstance(ask(late, conn, "B3"), Permit)
            claiming = pool.submit(counter.at, NOON.isoformat())
            while late.conn.execute(WAITING).fetchone() != (1,):
                late.conn.commit()
                assert not claiming.done(), "the claim did not wait"
        claiming.result(timeout=60)
    rules = dict(late.messages("loans", "rule"))
    assert rules["L-B3"] == NYC and set(rules.values()) == {NYC, None}
    assert most_contacts(late) == (3, 3)


def test_workers_and_diallers_together_never_exceed_a_cap(late: Lender, post: Post, store: Store) -> None:
    counter = Counter(post)
    start = Barrier(3)

    def dial(names: list[str]) -> list[Permit | Refusal]:
        with store.connect(autocommit=True) as conn:
            start.wait()
            return [ask(late, conn, name) for name in names]

    def claim() -> None:
        start.wait()
        counter.at(NOON.isoformat())

    names = [f"B{n}" for n in range(10)]
    with ThreadPoolExecutor(3) as pool:
        diallers = [pool.submit(dial, names), pool.submit(dial, names[::-1])]
        pool.submit(claim).result(timeout=60)
        permits = sum(isinstance(answer, Permit) for one in diallers for answer in one.result(timeout=60))
    assert permits + len(counter.ends["sms"].taken) == 10
    assert most_contacts(late) == (3, 3)
