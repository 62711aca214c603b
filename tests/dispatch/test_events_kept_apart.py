"""Each event once: in any order and repetition, with two planners at once, and with workers killed at their work."""

from __future__ import annotations

import signal
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from threading import Barrier
from zoneinfo import ZoneInfo

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from counter import Counter
from duecourse.book.importing import import_rows
from duecourse.book.mapping import parse_mapping
from duecourse.channels.sandbox.process import SandboxProcess
from duecourse.planning.events import ToldReport, tell_events
from duecourse.policy.templates import Templates, TemplateText
from duecourse.policy.versions import publish
from duecourse.store.connect import Store
from duecourse.store.migrate import put_setting
from events_book import BACK, THANKS, at, load, pay, reverse, said, tell
from lender import Lender
from post import TEXTS, Post
from workers import noon_zone, start_worker, submits, wait_for, write_providers

START = at("2026-03-08T09:00+08:00")
PAYMENTS = [{"loan": f"L-{n}", "key": f"C-{n}", "phone": f"+86139{n + 100:08d}"} for n in range(1, 41)]


@pytest.fixture(autouse=True)
def texts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        TEXTS, "thanks", "Test Bank: thank you, {{ amount | money }} came for {{ loan_ref }}."
    )
    monkeypatch.setitem(TEXTS, "came-back", "Test Bank: {{ amount | money }} was taken back.")


@pytest.fixture
def counter(post: Post) -> Counter:
    """One desk for every example."""
    return Counter(post)


@dataclass
class Model:
    """What must have become of the payments of one loan."""

    paid: set[int] = field(default_factory=set)
    planned: set[int] = field(default_factory=set)
    back: set[int] = field(default_factory=set)
    thanked: set[int] = field(default_factory=set)


acts = st.lists(
    st.tuples(st.sampled_from(["pay", "pay", "tell", "send", "reverse"]), st.integers(0, 2)), max_size=10
)
_loans = count(1)


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=acts)
def test_whatever_the_order_and_repetition_a_payment_is_thanked_for_once_and_never_after_it_went_back(
    lender: Lender, counter: Counter, acts: list[tuple[str, int]]
) -> None:
    loan = f"P-{next(_loans)}"
    load(lender, [{"loan": loan, "key": f"K-{loan}"}])
    if not lender.policies:
        lender.policy(THANKS + BACK)
    model, now = Model(), START
    for act, number in [*acts, ("tell", 0), ("send", 0)]:
        now += timedelta(minutes=1)
        if act == "pay":
            pay(lender, f"{number}", amount=f"{number + 1}.00", loan=loan, now=now.isoformat())
            model.paid.add(number)
        elif act == "reverse" and number in model.paid:
            reverse(lender, f"{number}", loan=loan, now=now.isoformat())
            model.back.add(number)
        elif act == "tell":
            tell(lender, now.isoformat())
            model.planned |= model.paid
        elif act == "send":
            counter.at(now.isoformat())
            model.thanked |= model.planned - model.back
    told = lender.conn.execute(
        """SELECT p.reference, count(DISTINCT x.group_id), count(DISTINCT a.message_id)
           FROM payment p
           JOIN loan l USING (lane, loan_id)
           JOIN event e ON e.lane = p.lane AND e.subject_id = p.payment_id AND e.kind = 'payment.received'
           LEFT JOIN message_item x ON x.lane = e.lane AND x.event_id = e.event_id
           LEFT JOIN message m ON m.lane = x.lane AND m.group_id = x.group_id
           LEFT JOIN attempt a ON a.lane = m.lane AND a.message_id = m.message_id AND a.state = 'sent'
           WHERE l.loan_ref = %s GROUP BY 1""",
        (loan,),
    ).fetchall()
    lender.conn.commit()
    assert {int(number): messages for number, messages, _ in told} == dict.fromkeys(model.paid, 1)
    assert {int(number) for number, _, sent in told if sent} == model.thanked


def test_two_planners_at_once_plan_each_event_once(lender: Lender, store: Store) -> None:
    load(lender, PAYMENTS)
    lender.policy(THANKS)
    for row in PAYMENTS:
        pay(lender, loan=row["loan"], now=START.isoformat())
    start = Barrier(3)

    def plan(_: int) -> ToldReport:
        with store.connect() as conn:
            start.wait()
            told = tell_events(
                conn, lender.plannables(), range(256), as_of=START.date(), now=START + timedelta(minutes=1)
            )
            conn.commit()
            return told

    with ThreadPoolExecutor(3) as threads:
        reports = list(threads.map(plan, range(3)))
    assert sum(report.messages for report in reports) == len(PAYMENTS)
    assert sum(report.looked_at for report in reports) == len(PAYMENTS)


def test_a_planner_that_dies_before_its_commit_leaves_the_event_to_the_next(
    lender: Lender, store: Store
) -> None:
    load(lender)
    lender.policy(THANKS)
    pay(lender, now=START.isoformat())
    with store.connect() as conn:
        told = _within_a_lost_transaction(conn, lender)
        assert told.messages == 1
    assert tell(lender, START.isoformat()).messages == 1
    assert tell(lender, START.isoformat()) == ToldReport()


def _within_a_lost_transaction(conn: psycopg.Connection, lender: Lender) -> ToldReport:
    with conn.transaction(force_rollback=True):
        return tell_events(conn, lender.plannables(), range(256), as_of=START.date(), now=START)


def test_an_event_that_joins_a_message_at_the_moment_of_its_claim_is_told_of_all_the_same(
    lender: Lender, post: Post, store: Store
) -> None:
    load(lender)
    lender.policy(THANKS)
    night = "2026-03-08T22:00+08:00"
    pay(lender, "1", amount="10.00", now=night)
    tell(lender, night)
    counter = Counter(post)
    pay(lender, "2", amount="20.00", now="2026-03-08T22:05+08:00")
    # The event has joined the message, which is claimed at that moment as it was before.
    with ThreadPoolExecutor(1) as threads, store.connect(autocommit=True) as watcher:
        with lender.conn.transaction():
            tell(lender, "2026-03-08T22:05+08:00", commit=False)
            claim = threads.submit(counter.at, "2026-03-09T08:00+08:00")
            wait_for(lambda: waits_for_a_lock(watcher), 60)
        claim.result(60)
    counter.at("2026-03-09T08:01+08:00")
    assert said(counter) == ["Test Bank: thank you, CN¥30.00 came for L-1."]


def waits_for_a_lock(conn: psycopg.Connection) -> bool:
    row = conn.execute(
        """SELECT count(*) FROM pg_stat_activity
           WHERE datname = current_database() AND wait_event_type = 'Lock'"""
    ).fetchone()
    return row is not None and row[0] > 0


PAID_NOW = """
mapping = "paid"
[money]
currency = "CNY"
[[payment]]
loan = {column = "loan"}
creditor = "bank"
source = "core"
reference = {column = "loan"}
paid_on = {column = "day"}
amount = 50
"""


@pytest.mark.slow
def test_payments_are_confirmed_within_seconds_by_two_workers_of_which_one_is_killed(
    lender: Lender, home: Path, smsc: SandboxProcess, database_url: str, store: Store, keyring: object
) -> None:
    zone = noon_zone()
    today = datetime.now(ZoneInfo(zone)).date()
    load(lender, PAYMENTS, email="")
    lender.conn.execute("UPDATE borrower SET zone = %s", (zone,))
    put_setting(lender.conn, "lender_zone", zone)
    lender.policy(THANKS.replace("[sms, email]", "[sms]"))
    text = TemplateText("thanks", "en", {"sms": "【Test Bank】thank you, {{ amount | money }} came."})
    publish(lender.conn, lender.policies[0], Templates([text]), "", now=datetime.now(UTC), user="test")
    put_setting(lender.conn, "simulated", True)
    lender.conn.commit()
    write_providers(home, smsc)
    post = Post(store, keyring, lender, smsc)  # type: ignore[arg-type]
    first, second = (start_worker(home, database_url, "--plan-every", "3600") for _ in range(2))
    try:
        for wave in (PAYMENTS[:20], PAYMENTS[20:], PAYMENTS):  # the last says all of it again
            rows = [{"loan": row["loan"], "day": f"{today}"} for row in wave]
            report = import_rows(
                lender.conn, lender.keyring, rows, parse_mapping(PAID_NOW, "p"), columns=("loan", "day"),
                now=datetime.now(UTC),
            )  # fmt: skip
            assert report.problems == []
            lender.conn.commit()
            if wave is not PAYMENTS:
                wait_for(lambda: bool(submits(post)), 60, second, home)
                first.send_signal(signal.SIGKILL)
        wait_for(lambda: len(submits(post)) == len(PAYMENTS) or all_told(lender), 60, second, home)
    finally:
        for worker in (first, second):
            worker.terminate()
            worker.wait(60)
    taken = submits(post)
    assert set(taken.values()) <= {1}, "nobody is thanked twice"
    lost = lender.conn.execute(
        "SELECT count(*) FROM attempt WHERE state IN ('claimed', 'unknown')"
    ).fetchone()
    assert lost is not None and len(taken) + lost[0] >= len(PAYMENTS)


def all_told(lender: Lender) -> bool:
    """Whether every thanks has gone, or is unknown since its worker was killed."""
    row = lender.conn.execute(
        """SELECT count(*) FROM message m WHERE EXISTS (
               SELECT 1 FROM attempt a WHERE a.lane = m.lane AND a.message_id = m.message_id
                                         AND a.state IN ('sent', 'delivered', 'unknown'))"""
    ).fetchone()
    lender.conn.commit()
    return row is not None and row[0] == len(PAYMENTS)
