"""A due day on a cluster ends as on a single server, row by row."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path

import psycopg
import pytest

from answering import Answers
from duecourse.channels.sandbox.process import SandboxProcess
from duecourse.channels.sandbox.rules import SandboxRules
from duecourse.domain.messaging import Channel
from duecourse.policy.offered import Kind
from duecourse.responses.intents import Intent
from duecourse.rules.compiling import RuleBook
from duecourse.rules.model import AppliesTo, Cap, Level, Names, Pack, Rule, Source
from duecourse.rules.packs import Packs, shipped_packs
from duecourse.store.connect import Store
from duecourse.store.migrate import migrate, prepare_lanes
from duecourse.store.shards import Shard, shards_of
from duecourse.store.spreading import spread
from events_book import pay
from hardship import OFFERS, POOR, Household, lend, offer
from lender import Lender, borrower_id_of, lane_of
from post import Post

from . import report
from .conftest import cluster_database
from .due_day import UNLIKE, WHY_UNLIKE, DueDay, copy_book, rows_of, tables_of

PEOPLE = 30
ENDINGS = (1, 2, 3, 4, 5, 8, 10, 11, 12, 13)
"""Of numbers: those that the sandbox treats in a way of its own, and others."""
STEPS = """
  - id: due-in-1
    when: due - 1d at 09:00
    purpose: reminder
    to: [borrower, guarantor]
    route: [sms, email]
    next_if: {not: delivered, within: 2h}
    useful_until: +2d 20:00
    template: due-soon
  - id: due-today
    when: due at 09:30
    purpose: reminder
    route: [sms, email]
    template: due-today
  - id: thanks
    on: payment.received
    purpose: confirmation
    route: [sms, email]
    template: thanks
  - id: missed
    on: promise.broken
    purpose: status
    to: [borrower]
    route: [sms]
    template: missed
"""
FIRST_DAY, PAID_AT, TOLD_AT, LAST_DAY = (
    "2026-03-09T00:00+08:00", "2026-03-09T10:00+08:00", "2026-03-09T10:30+08:00", "2026-03-12T00:00+08:00",
)  # fmt: skip
INSTANTS = (
    "2026-03-09T09:00+08:00", "2026-03-09T11:05+08:00", "2026-03-10T09:30+08:00", "2026-03-12T20:01+08:00",
)  # fmt: skip
BEFORE = datetime.fromisoformat("2026-03-01T09:00+08:00")
PROMISED = {"kept": "100.00", "partial": "40.00", "broken": ""}
"""How a promise of 100.00 came out, by what was paid."""


AGREED = (
    ("2026-03-08", ""), ("2026-03-08", "settled_on = '2026-03-08'"), ("2026-03-20", "due_minor = due_minor + 1"),
    ("2026-03-10", ""), ("2026-03-10", ""), ("2026-03-20", ""), ("2026-03-08", ""),
)  # fmt: skip
"""When the first payment of a plan is due, and what became of its installments."""


def capped_packs() -> RuleBook:
    """The shipped packs, and at most one attempt a day to a number."""
    names = Names(en="at most one a day to a number", zh="每日每号码最多一条")
    rule = Rule(
        id="TEST-NUMBER",
        says=names,
        applies_to=AppliesTo(channel=(Channel.SMS,)),
        does=Cap(primitive="P2", most=2, unit="attempt", days=1, per="number"),
        source=Source(instrument="test", read_on=date(2026, 3, 9)),
        level=Level.POLICY,
    )
    pack = Pack(pack="test", version=1, names=names, regions=("*",), rules=(rule,))
    return RuleBook(Packs((*shipped_packs(), pack)))


@pytest.fixture
def book(lender: Lender) -> Lender:
    """People of every behaviour of the sandbox, some with one number, each answering for the next one's loan."""
    rows = "\n".join(
        f"L-{n} P-{n} 2026-03-10 {'+8613900001111' if n % 5 == 0 else f'+8613812{n:02d}{ENDINGS[n % 10]:04d}'}"
        f" {('bounce-' if n % 4 == 0 else '')}p{n}@example.com"
        for n in range(PEOPLE)
    )
    lender.book(f"loan borrower due_on phone email\n{rows}")
    for n in range(PEOPLE):
        lender.name_in_directory(f"P-{n}")
    _guarantors(lender)
    for n in range(0, PEOPLE, 11):
        lender.pay(f"L-{n}", "2026-03-09")
    lender.opt_out("P-7")
    lender.opt_out("P-8", "email")
    _promises(lender)
    _arrangements(lender)
    lender.policy(STEPS)
    return lender


def _promises(lender: Lender) -> None:
    """Promises of the fifth for the seventh, which came out in every way; others pay while the day is worked."""
    answers = Answers(lender)
    for n in range(13, 22):
        loan, paid = f"L-{n}", tuple(PROMISED.values())[n % len(PROMISED)]
        said = {"day": "2026-03-07", "amount": 100_00, "loan": loan, "currency": "CNY"}
        answers.say(f"P-{n}", Intent.WILL_PAY, at="2026-03-05T12:00+08:00", **said)
        if paid:
            pay(lender, loan, amount=paid, on="2026-03-07", now="2026-03-07T09:00+08:00", loan=loan)
    for n in (1, 2, 3, 4, 5, 6):
        pay(lender, f"L-{n}", on="2026-03-09", now=PAID_AT, loan=f"L-{n}")


def _arrangements(lender: Lender) -> None:
    """Plans of payment agreed on the first that come out in every way, some of them only by the last day."""
    offer(lender, OFFERS.replace("cash-loan", "helped"), now=BEFORE)
    for n, (first, change) in enumerate(AGREED):
        lend(
            lender,
            f"A-{n}",
            first=first,
            product="helped",
            phone=f"+8613900002{n:03d}",
            email=f"a{n}@example.com",
        )
        home = Household(lender, f"A-{n}", now=BEFORE)
        home.state(POOR)
        taken = home.take(Kind.PLAN)
        assert taken and taken.state == "agreed"
        if change:
            home.rows(f"UPDATE installment SET {change} WHERE loan_id = %s RETURNING 1", home.loan_id)


def _guarantors(lender: Lender) -> None:
    """Whoever is in another lane than the loan has a row there as well, as an import leaves it."""
    for n in range(PEOPLE):
        loan, person = f"L-{(n + 1) % PEOPLE}", f"P-{n}"
        lender.conn.execute(
            """INSERT INTO borrower (lane, borrower_id, borrower_key, language, region, zone, grade, row_digest,
                   effective_at, recorded_at, name_sealed, home_lane)
               SELECT l.lane, b.borrower_id, b.borrower_key, b.language, b.region, b.zone, b.grade, '', b.effective_at,
                      b.recorded_at, b.name_sealed, b.lane
               FROM borrower b, loan l
               WHERE b.lane = %s AND b.borrower_id = %s AND l.loan_ref = %s AND l.lane <> b.lane
               ON CONFLICT DO NOTHING""",
            (lane_of(person), borrower_id_of(person), loan),
        )
        lender.conn.execute(
            """INSERT INTO loan_party (lane, loan_id, borrower_id, role, effective_at, recorded_at)
               SELECT lane, loan_id, %s, 'guarantor', effective_at, recorded_at FROM loan WHERE loan_ref = %s""",
            (borrower_id_of(person), loan),
        )
    lender.conn.execute("UPDATE borrower SET has_others = true WHERE home_lane IS NULL")
    lender.conn.execute(
        """INSERT INTO contact_point (lane, borrower_id, contact_point_id, channel, address_sealed, address_index,
               effective_at, recorded_at)
           SELECT b.lane, c.borrower_id, c.contact_point_id, c.channel, c.address_sealed, c.address_index,
                  c.effective_at, c.recorded_at
           FROM borrower b JOIN contact_point c ON c.lane = b.home_lane AND c.borrower_id = b.borrower_id
           ON CONFLICT DO NOTHING"""
    )
    lender.conn.commit()


@pytest.fixture
def cluster(book: Lender) -> Iterator[Store]:
    """The same book, spread after it was filled."""
    with cluster_database() as url, Store(url, None) as store:
        with store.connect(autocommit=True) as conn:
            migrate(conn)
            prepare_lanes(conn)
            copy_book(book.conn, conn)
            spread(conn, 4)
        store.look_again()
        yield store


@pytest.fixture
def other(cluster: Store, book: Lender, tmp_path: Path) -> Iterator[Post]:
    """What the desks of the cluster need; with a sandbox of their own, since one remembers whom it throttled."""
    folder = tmp_path / "sandbox"
    folder.mkdir()
    with SandboxProcess(folder, rules=SandboxRules(late_seconds=0.3)) as far_ends:
        yield Post(cluster, book.keyring, book, far_ends)


def test_due_day_on_a_cluster_ends_as_on_a_single_server(
    book: Lender, post: Post, other: Post, store: Store, cluster: Store
) -> None:
    rules = capped_packs()
    with cluster.connect() as there:
        shards = shards_of(there)
        alone = [Shard(shard.number, shard.lanes) for shard in shards]
        days = [DueDay(store, post, alone, rules), DueDay(cluster, other, shards, rules)]
        planned = [day.plan(FIRST_DAY) for day in days]
        assert planned[0] == planned[1] > PEOPLE
        told = [work_through(day) for day in days]
        assert told[0] == told[1] > 0
        unlike = differences(book.conn, there)
        assert unlike == {}, "\n".join(f"{table}:\n{rows}" for table, rows in unlike.items())
        judged = there.execute("SELECT count(DISTINCT rule) FROM message").fetchone()
        assert judged and judged[0] > 1
        assert_judged_where_it_lies(there, shards)
        assert_every_row_is_in_its_shard(cluster, there, shards)
    rows = {table: rows_of(book.conn, table) for table in tables_of(book.conn)}
    book.conn.commit()
    report.compared("A due day", rows, f"{', '.join(sorted(UNLIKE))}: {WHY_UNLIKE}")


def work_through(day: DueDay) -> int:
    """Work each instant; tell of what has happened after the first, of how many messages; plan anew on the last day."""
    day.work(INSTANTS[0])
    told = day.tell(TOLD_AT)
    day.work(*INSTANTS[1:-1])
    day.plan(LAST_DAY)
    day.work(INSTANTS[-1])
    return told


def assert_judged_where_it_lies(there: psycopg.Connection, shards: list[Shard]) -> None:
    """Promises and arrangements came out in every way, events were told, and of each in more than one shard."""
    place = {lane: shard.number for shard in shards for lane in shard.lanes}
    for query, expected in (
        ("SELECT state, lane FROM promise", set(PROMISED)),
        (
            "SELECT event, lane FROM arrangement_event WHERE recorded_by = 'duecourse'",
            {"broken", "completed", "overruled"},
        ),
        ("SELECT step, lane FROM message", {"thanks", "missed", "due-in-1", "due-today"}),
    ):
        found = there.execute(query).fetchall()  # type: ignore[call-overload]
        assert {what for what, _ in found} == expected, query
        assert len({place[lane] for _, lane in found}) > 1, query


def differences(
    here: psycopg.Connection, there: psycopg.Connection
) -> dict[str, tuple[list[str], list[str]]]:
    """Of each table that differs what is only on the single server, and what only on the cluster."""
    found = {}
    for table in tables_of(here):
        one, other = rows_of(here, table), rows_of(there, table)
        if one != other:
            found[table] = (
                [row for row in one if row not in other][:3],
                [row for row in other if row not in one][:3],
            )
    here.commit()
    return found


def assert_every_row_is_in_its_shard(store: Store, there: psycopg.Connection, shards: list[Shard]) -> None:
    for shard in shards:
        with store.connect(shard=shard) as conn:
            for table in ("message", "attempt", "contact", "history", "link"):
                strays = conn.execute(
                    f"SELECT count(*) FROM {table} WHERE lane <> ALL(%s)", [list(shard.lanes)]
                )  # type: ignore[arg-type]
                assert strays.fetchone() == (0,), (shard.number, table)
