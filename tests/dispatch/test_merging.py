"""Two records of one person become one: nothing is lost, nothing is doubled, and both histories count."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime
from itertools import count
from typing import Any
from uuid import NAMESPACE_OID, uuid5

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from counter import Counter
from duecourse.book.importing import import_rows
from duecourse.book.mapping import parse_mapping
from duecourse.book.reading import find_borrower
from duecourse.dispatch.merging import Merged, merge_borrowers, undo_merge
from duecourse.dispatch.relocating import LOANS
from duecourse.domain.messaging import ReceiptStatus
from duecourse.domain.problems import DuecourseError
from duecourse.store.connect import Store
from lender import LONG_AGO, Lender, borrower_id_of, lane_of
from post import Post

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
    "borrower_key", "borrower", "contact_point", "opt_out", "consent", "hold", "preference", "loan", "loan_party",
    "company_contact", "installment", "payment", "allocation", "message", "message_item", "attempt", "contact",
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
        self.conn.execute(
            """INSERT INTO loan_party (lane, loan_id, borrower_id, role, effective_at, recorded_at)
               SELECT lane, loan_id, %s, %s, %s, %s FROM loan WHERE loan_ref = %s""",
            (borrower_id_of(name), role, LONG_AGO, LONG_AGO, loan),
        )
        self.conn.commit()


@pytest.fixture
def desk(lender: Lender) -> Desk:
    return Desk(lender)


@both
def test_all_that_was_the_other_s_is_the_kept_person_s_and_old_keys_lead_there(
    desk: Desk, other: str
) -> None:
    desk.book(
        f"loan borrower due_on phone\nL-1 kept 2026-03-10 +8613900001111\nL-2 {other} 2026-03-10 +8613900002222",
        "kept", other,
    )  # fmt: skip
    desk.hold(other, "dispute")
    desk.lender.opt_out(other, "email")
    desk.contact(other, "L-2", "2026-03-08")
    desk.contact("kept", "L-1", "2026-03-08")
    before = desk.ledger()
    done = desk.merge("kept", other)
    assert (done.counts["loan"], done.counts["contacts"], done.counts["wishes"]) == (1, 1, 2)
    here = (lane_of("kept"), borrower_id_of("kept"))
    for table in ("loan", "installment", "contact"):
        assert desk.all(f"SELECT DISTINCT lane, borrower_id FROM {table}") == [here], table
    for table in ("hold", "opt_out"):
        assert desk.all(f"SELECT count(*) FROM {table} WHERE (lane, borrower_id) = (%s, %s)", *here) == [(1,)]
        assert desk.all(f"SELECT DISTINCT borrower_id FROM {table}") == [(here[1],)]
    assert desk.ledger() == before
    for key in ("kept", other):
        found = find_borrower(desk.conn, desk.lender.keyring, key)
        assert found is not None and (found.lane, found.borrower_id, found.borrower_key) == (*here, "kept")
    assert desk.all("SELECT merged_lane, merged_into FROM borrower WHERE borrower_key = %s", other) == [here]
    channels = "SELECT channel, array_agg(rank ORDER BY rank) FROM contact_point WHERE (lane, borrower_id, state) = (%s, %s, 'active') GROUP BY 1 ORDER BY 1"
    assert desk.all(channels, *here) == [("email", [1]), ("sms", [1, 2])]
    assert desk.all(
        "SELECT state, retired_reason FROM contact_point WHERE channel = 'email' AND rank = 2 LIMIT 1"
    ) == [("retired", "same address after a merge")]


@both
def test_a_dry_run_says_what_would_be_and_changes_nothing(desk: Desk, other: str) -> None:
    desk.book(f"loan borrower due_on\nL-1 kept 2026-03-10\nL-2 {other} 2026-03-10", "kept", other)
    before = desk.dump()
    assert desk.merge("kept", other, dry_run=True).counts["loan"] == 1
    assert desk.dump() == before


@both
def test_what_both_were_to_be_told_on_a_day_becomes_one_message(desk: Desk, post: Post, other: str) -> None:
    desk.book(
        f"loan borrower due_on amount\nL-1 kept 2026-03-10 7.00 CNY\nL-2 {other} 2026-03-10 5.00 CNY",
        "kept", other,
    )  # fmt: skip
    desk.lender.policy(SMS)
    assert desk.lender.plan(DAY).messages == 2
    assert desk.merge("kept", other).counts["joined"] == 1
    assert desk.lender.messages("loans") == [("L-1,L-2",)]
    assert desk.lender.plan(DAY).messages == 0
    counter = Counter(post)
    counter.at(NINE)
    assert [one.text for one in counter.ends["sms"].taken] == ["Test Bank: CN¥12.00 is due on 10 March."]
    assert desk.all("SELECT state FROM history WHERE state = 'withdrawn'") == [("withdrawn",)]


@both
def test_a_cap_counts_both_histories(desk: Desk, post: Post, other: str) -> None:
    desk.book(f"loan borrower due_on\nL-1 kept 2026-03-11\nL-2 {other} 2026-03-10", "kept", other)
    desk.lender.policy(SMS)
    desk.lender.plan(DAY)
    counter = Counter(post)
    counter.at(NINE)
    counter.hear(TEN, "sms", ReceiptStatus.DELIVERED)
    desk.merge("kept", other)
    desk.lender.policy(
        SMS + STEP.format(at="14:00", to="borrower").replace("due-in-1", "due-in-2").replace("1d", "2d")
    )
    desk.lender.plan(TEN)
    counter.at("2026-03-09T14:00+08:00")
    assert len(counter.ends["sms"].taken) == 1
    today = desk.lender.messages(
        "loans", "state", "rule", "not_before::date::text", where="local_on = '2026-03-09'"
    )
    assert ("L-1", "planned", "DAILY-CAP", "2026-03-10") in today


@both
def test_what_was_said_already_is_not_said_again(desk: Desk, post: Post, other: str) -> None:
    desk.book(f"loan borrower due_on\nL-1 kept 2026-03-10\nL-2 {other} 2026-03-10", "kept", other)
    desk.lender.policy(SMS)
    desk.lender.plan(DAY)
    counter = Counter(post)
    counter.at(NINE)
    for one in list(counter.ends["sms"].taken):
        counter.ends["sms"].taken.append(one)
        counter.hear(TEN, "sms", ReceiptStatus.DELIVERED)
    texts = desk.all("SELECT attempt_id, text_digest FROM attempt ORDER BY 1")
    desk.merge("kept", other)
    assert desk.lender.plan("2026-03-09T10:30+08:00").messages == 0
    assert desk.lender.messages("loans", "outcome", "supplement") == [
        ("L-1", "delivered", 0),
        ("L-2", "delivered", 1),
    ]
    assert desk.all("SELECT attempt_id, text_digest FROM attempt ORDER BY 1") == texts
    lanes = "SELECT DISTINCT h.lane FROM history h JOIN message m ON m.message_id = h.subject_id"
    assert desk.all(lanes) == [(lane_of("kept"),)]


@both
def test_a_message_under_way_refuses_the_merge(desk: Desk, post: Post, other: str) -> None:
    desk.book(f"loan borrower due_on\nL-1 kept 2026-03-10\nL-2 {other} 2026-03-12", "kept", other)
    desk.lender.policy(SMS)
    desk.lender.plan(DAY)
    Counter(post).at(NINE)
    for keep, gone in (("kept", other), (other, "kept")):
        before = desk.dump()
        with pytest.raises(DuecourseError) as caught:
            desk.merge(keep, gone)
        assert [problem.code for problem in caught.value.problems] == ["D067"]
        assert desk.dump() == before


def test_two_that_cannot_be_one_are_refused(desk: Desk) -> None:
    desk.book("loan borrower due_on\nL-1 kept 2026-03-10\nL-2 Acme 2026-03-10", "kept", "Acme")
    desk.conn.execute("UPDATE borrower SET kind = 'company' WHERE borrower_key = 'Acme'")
    for other, code in (("Acme", "D065"), ("kept", "D065"), ("nobody", "D033")):
        with pytest.raises(DuecourseError) as caught:
            desk.merge("kept", other)
        assert [problem.code for problem in caught.value.problems] == [code]


@both
def test_those_beside_the_other_s_loan_come_along_and_are_not_told_twice(
    desk: Desk, post: Post, other: str
) -> None:
    desk.book(
        f"loan borrower due_on\nL-1 kept 2026-03-20\nL-2 {other} 2026-03-10\nL-3 far 2026-03-20",
        "kept",
        other,
    )
    desk.beside("L-2", "guarantor", "far")
    desk.conn.execute(
        """INSERT INTO contact_point SELECT b.lane, c.borrower_id, c.contact_point_id, c.channel, c.rank,
               c.address_sealed, c.address_index, c.state, c.retired_reason, c.collected_on, c.legal_basis,
               c.verified_at, c.verified_by, c.verified_how, c.effective_at, c.recorded_at
           FROM borrower b JOIN contact_point c ON c.borrower_id = b.borrower_id WHERE b.home_lane IS NOT NULL"""
    )
    desk.lender.policy(STEP.format(at="09:00", to="[borrower, guarantor]"))
    assert desk.lender.plan(DAY).messages == 2
    desk.merge("kept", other)
    assert desk.lender.plan(DAY).messages == 0
    counter = Counter(post)
    counter.at(NINE)
    assert len(counter.ends["sms"].taken) == 2
    assert desk.all(
        "SELECT party, bundle FROM message WHERE lane = %s AND party = 'guarantor' AND state = 'in_flight'",
        lane_of("kept"),
    ) == [("guarantor", f"guarantor/{borrower_id_of('kept')}")]


@both
def test_who_guaranteed_the_loan_of_their_own_other_record_guarantees_it_no_more(
    desk: Desk, other: str
) -> None:
    desk.book(f"loan borrower due_on\nL-1 kept 2026-03-10\nL-2 {other} 2026-03-10", "kept", other)
    desk.beside("L-2", "guarantor", "kept")
    desk.beside("L-1", "co-borrower", other)
    desk.lender.policy(STEP.format(at="09:00", to="[borrower, guarantor, co-borrower]"))
    assert desk.lender.plan(DAY).messages == 4
    desk.merge("kept", other)
    assert desk.all("SELECT count(*) FROM loan_party") == [(0,)]
    assert desk.all("SELECT count(*) FROM book_history WHERE subject = 'loan_party'") == [(2,)]
    desk.lender.plan(DAY)
    told = desk.lender.messages("loans", "party", where="party = 'borrower'")
    assert told == [("L-1,L-2", "borrower")]


@both
def test_a_role_the_other_played_elsewhere_is_the_kept_person_s(desk: Desk, other: str) -> None:
    desk.book(
        f"loan borrower due_on\nL-1 kept 2026-03-20\nL-2 {other} 2026-03-20\nL-3 far 2026-03-10",
        "kept",
        other,
    )
    desk.hold("kept", "dispute")
    desk.beside("L-3", "guarantor", other)
    desk.lender.policy(STEP.format(at="09:00", to="guarantor"))
    desk.lender.plan(DAY)
    desk.merge("kept", other)
    assert desk.all("SELECT lane, borrower_id FROM loan_party") == [(lane_of("far"), borrower_id_of("kept"))]
    assert desk.all(
        "SELECT home_lane FROM borrower WHERE (lane, borrower_key) = (%s, 'kept')", lane_of("far")
    ) == [(lane_of("kept"),)]
    assert desk.all("SELECT count(*) FROM hold WHERE lane = %s", lane_of("far")) == [(1,)]
    assert desk.lender.plan(DAY).messages == 0
    assert desk.all("SELECT lane, borrower_id FROM message") == [(lane_of("far"), borrower_id_of("kept"))]
    with pytest.raises(DuecourseError) as caught:
        desk.undo("kept", other)
    assert [problem.code for problem in caught.value.problems] == ["D068"]


class Cut(psycopg.Connection[Any]):
    """A connection whose server process is ended by the database just before its n-th statement."""

    left = 0
    at = 10**9
    killer: psycopg.Connection[Any]

    def execute(self, *given: Any, **options: Any) -> Any:
        self.left += 1
        if self.left == self.at:
            self.killer.execute("SELECT pg_terminate_backend(%s)", (self.info.backend_pid,))
        return super().execute(*given, **options)


def test_killed_at_any_statement_all_is_as_before_or_as_after(desk: Desk, database_url: str) -> None:
    desk.book(f"loan borrower due_on\nL-1 kept 2026-03-10\nL-2 {APART} 2026-03-10", "kept", APART)
    desk.hold(APART, "dispute")
    desk.contact(APART, "L-2", "2026-03-08")
    desk.lender.policy(SMS)
    desk.lender.plan(DAY)
    before = desk.dump()
    with psycopg.connect(database_url, autocommit=True) as killer:
        for at in range(1, 500):
            with Cut.connect(database_url) as cut:
                cut.killer, cut.at = killer, at
                try:
                    merge_borrowers(cut, desk.lender.keyring, "kept", APART, **SAYS, now=NOW)
                    break
                except psycopg.OperationalError:
                    cut.close()
            assert desk.dump() == before, at
    assert 40 < at < 499
    assert desk.all("SELECT count(*) FROM borrower_merge") == [(1,)]
    assert desk.all("SELECT DISTINCT lane FROM contact") == [(lane_of("kept"),)]


def test_a_worker_in_the_middle_of_a_claim_is_waited_for(desk: Desk, store: Store) -> None:
    desk.book(f"loan borrower due_on\nL-1 kept 2026-03-10\nL-2 {APART} 2026-03-10", "kept", APART)
    desk.lender.policy(SMS)
    desk.lender.plan(DAY)
    refused: list[str] = []

    def merge() -> None:
        with store.connect() as conn:
            try:
                merge_borrowers(conn, desk.lender.keyring, "kept", APART, **SAYS, now=NOW)
            except DuecourseError as error:
                refused.extend(problem.code for problem in error.problems)

    with store.connect() as worker:
        worker.execute("SELECT 1 FROM lane_lease WHERE lane = %s FOR KEY SHARE", (lane_of(APART),))
        worker.execute(
            "UPDATE message SET state = 'in_flight', tries = 1, next_at = %s WHERE lane = %s",
            (NOW, lane_of(APART)),
        )
        merging = threading.Thread(target=merge)
        merging.start()
        merging.join(1)
        assert merging.is_alive()
        worker.commit()
        merging.join(10)
    assert refused == ["D067"]


def test_merges_beside_a_worker_that_never_rests_lose_and_double_nothing(
    desk: Desk, post: Post, store: Store
) -> None:
    pairs = 12
    rows = "\n".join(f"K{i} kept-{i} 2026-03-10\nO{i} other-{i} 2026-03-10" for i in range(pairs))
    people = [name for i in range(pairs) for name in (f"kept-{i}", f"other-{i}")]
    desk.book(f"loan borrower due_on\n{rows}", *people)
    desk.lender.policy(SMS)
    desk.lender.plan(DAY)
    outcomes: dict[int, str] = {}

    def merge() -> None:
        with store.connect() as conn:
            for i in range(pairs):
                try:
                    merge_borrowers(conn, desk.lender.keyring, f"kept-{i}", f"other-{i}", **SAYS, now=NOW)
                    outcomes[i] = "merged"
                except DuecourseError as error:
                    outcomes[i] = error.problems[0].code
                time.sleep(0.01)

    counter = Counter(post)
    merging = threading.Thread(target=merge)
    merging.start()
    time.sleep(0.2)
    counter.at(NINE)
    merging.join(60)
    counter.at("2026-03-09T09:30+08:00")
    assert set(outcomes) == set(range(pairs)) and set(outcomes.values()) <= {"merged", "D067"}
    told = desk.all(
        "SELECT l.loan_ref, count(DISTINCT k.attempt_id) FROM contact k JOIN loan l USING (lane, loan_id) GROUP BY 1"
    )
    assert {ref: n for ref, n in told} == {f"{kind}{i}": 1 for i in range(pairs) for kind in "KO"}
    merged = sum(outcome == "merged" for outcome in outcomes.values())
    assert len(counter.ends["sms"].taken) == 2 * pairs - merged


@both
def test_an_undo_gives_each_back_what_was_theirs(desk: Desk, other: str) -> None:
    desk.book(
        f"loan borrower due_on phone\nL-1 kept 2026-03-10 +8613900001111\nL-2 {other} 2026-03-20 +8613900002222",
        "kept", other,
    )  # fmt: skip
    desk.hold(other, "dispute")
    desk.contact(other, "L-2", "2026-03-08")
    desk.lender.policy(SMS)
    desk.lender.plan(DAY)
    tables = [table for table in BOOK if table not in ("borrower", "contact_point")]
    before = desk.dump(*tables)
    points = "SELECT borrower_id, channel, rank, state FROM contact_point c WHERE lane = %s AND borrower_id = %s ORDER BY 2, 3"
    own = desk.all(points, lane_of(other), borrower_id_of(other))
    desk.merge("kept", other)
    desk.undo("kept", other)
    assert desk.dump(*tables) == before
    assert desk.all(points, lane_of(other), borrower_id_of(other)) == own
    assert desk.all(points, lane_of("kept"), borrower_id_of("kept")) != []
    assert desk.all("SELECT count(*) FROM borrower WHERE merged_into IS NOT NULL") == [(0,)]
    with pytest.raises(DuecourseError) as caught:
        desk.undo("kept", other)
    assert [problem.code for problem in caught.value.problems] == ["D068"]
    assert desk.merge("kept", other).counts["loan"] == 1


@both
def test_what_was_said_since_the_merge_both_keep(desk: Desk, other: str) -> None:
    desk.book(f"loan borrower due_on\nL-1 kept 2026-03-10\nL-2 {other} 2026-03-20", "kept", other)
    desk.merge("kept", other)
    desk.conn.execute(
        """INSERT INTO hold (lane, borrower_id, hold_id, kind, evidence, source, recorded_by, effective_at, recorded_at)
           VALUES (%s, %s, gen_random_uuid(), 'lawyer', 'a letter', 'cli', 'Mei', now(), now() + interval '1 day')""",
        (lane_of("kept"), borrower_id_of("kept")),
    )
    desk.undo("kept", other)
    assert sorted(desk.all("SELECT lane, borrower_id FROM hold")) == sorted(
        (lane_of(name), borrower_id_of(name)) for name in ("kept", other)
    )


def test_a_message_that_spoke_of_both_forbids_the_undo(desk: Desk) -> None:
    desk.book(f"loan borrower due_on\nL-1 kept 2026-03-10\nL-2 {APART} 2026-03-10", "kept", APART)
    desk.lender.policy(SMS)
    desk.lender.plan(DAY)
    desk.merge("kept", APART)
    before = desk.dump()
    with pytest.raises(DuecourseError) as caught:
        desk.undo("kept", APART)
    assert [problem.code for problem in caught.value.problems] == ["D068"]
    assert desk.dump() == before


MAPPING = """
mapping = "test"
[money]
currency = "CNY"
[borrower]
key = "{cust}"
name = "{name}"
language = "zh-CN"
region = "CN"
zone = "Asia/Shanghai"
[loan]
ref = "{loan}"
creditor = "bank"
product = "card"
method = "given"
[[installment]]
number = 1
due_on = "{due}"
due = "{amount}"
"""


@both
def test_a_later_import_of_the_old_key_goes_to_the_person_kept(lender: Lender, other: str) -> None:
    mapping = parse_mapping(MAPPING, "mapping.toml")
    columns = ["cust", "name", "loan", "due", "amount"]

    def bring(*rows: tuple[str, ...]) -> int:
        given = [dict(zip(columns, row, strict=True)) for row in rows]
        report = import_rows(lender.conn, lender.keyring, given, mapping, columns=columns, now=NOW)
        return report.rejected

    assert bring(("kept", "Li", "L-1", "2026-03-10", "1"), (other, "Li Na", "L-2", "2026-03-10", "2")) == 0
    merge_borrowers(lender.conn, lender.keyring, "kept", other, **SAYS, now=NOW)
    assert bring((other, "Li Na", "L-2", "2026-03-12", "2"), (other, "Li Na", "L-3", "2026-04-10", "3")) == 0
    kept = find_borrower(lender.conn, lender.keyring, "kept")
    assert kept is not None
    rows = lender.conn.execute(
        "SELECT l.loan_ref, i.due_on::text, i.lane, i.borrower_id FROM installment i JOIN loan l USING (lane, loan_id)"
    ).fetchall()
    here = (kept.lane, kept.borrower_id)
    assert sorted(rows) == [
        ("L-1", "2026-03-10", *here),
        ("L-2", "2026-03-12", *here),
        ("L-3", "2026-04-10", *here),
    ]


def test_what_only_the_other_record_knew_of_the_person_is_kept(desk: Desk, lender: Lender) -> None:
    mapping = parse_mapping(
        MAPPING.replace('name = "{name}"', 'name = "{name}"\nid_number = "{idno}"'), "m.toml"
    )
    rows = [
        {"cust": "a", "name": "", "idno": "", "loan": "L-1", "due": "2026-03-10", "amount": "1"},
        {
            "cust": "b",
            "name": "Li",
            "idno": "110101199003071234",
            "loan": "L-2",
            "due": "2026-03-10",
            "amount": "1",
        },
    ]
    import_rows(lender.conn, lender.keyring, rows, mapping, columns=list(rows[0]), now=NOW)
    desk.merge("a", "b")
    kept = find_borrower(lender.conn, lender.keyring, "a")
    assert kept is not None and kept.id_number_index is not None and kept.name_sealed is not None
    desk.undo("a", "b")
    kept, other = (find_borrower(lender.conn, lender.keyring, key) for key in ("a", "b"))
    assert kept is not None and kept.name_sealed is None
    assert other is not None and other.id_number_index is not None


def test_every_table_of_a_loan_is_moved_with_it(desk: Desk) -> None:
    owned = desk.all(
        """SELECT relname FROM pg_class c WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
           AND EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'loan_id')
           AND EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'lane')
           AND relname NOT IN ('message_item', 'contact', 'hold')"""
    )
    assert {name for (name,) in owned} == set(LOANS)


histories = st.lists(
    st.tuples(
        st.sampled_from(["hold", "contact", "released", "opt-out", "plan", "send", "pay"]),
        st.sampled_from(["kept", "other"]),
        st.integers(0, 2),
    ),
    max_size=12,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(story=histories, together=st.booleans(), back=st.booleans())
def test_whatever_happened_before_sums_are_the_same_after(
    desk: Desk, post: Post, story: list[tuple[str, str, int]], together: bool, back: bool
) -> None:
    other = TOGETHER if together else APART
    names = {"kept": "kept", "other": other}
    desk.conn.execute(
        f"TRUNCATE {', '.join(BOOK)}, history, book_history, borrower_merge, planned_through, receipt"
    )  # type: ignore[call-overload]
    desk.conn.execute("UPDATE lane_lease SET owner = NULL, expires_at = now()")
    rows = "\n".join(f"{who}-{i} {name} 2026-03-1{i}" for who, name in names.items() for i in range(3))
    desk.book(f"loan borrower due_on\n{rows}", "kept", other)
    desk.lender.policy(SMS)
    counter = Counter(post)
    doing: dict[str, Callable[[str, int], object]] = {
        "hold": lambda who, _: desk.hold(names[who], "dispute"),
        "contact": lambda who, i: desk.contact(names[who], f"{who}-{i}", "2026-03-08"),
        "released": lambda who, i: desk.contact(names[who], f"{who}-{i}", "2026-03-08", -1),
        "opt-out": lambda who, _: desk.lender.opt_out(names[who], "email"),
        "plan": lambda _, i: desk.lender.plan(f"2026-03-0{7 + i}T00:00+08:00"),
        "send": lambda _, i: counter.at(f"2026-03-0{7 + i}T09:00+08:00", f"2026-03-0{7 + i}T22:00+08:00"),
        "pay": lambda who, i: desk.lender.pay(f"{who}-{i}", "2026-03-07"),
    }
    for what, who, i in story:
        doing[what](who, i)
    counter.at("2026-03-12T00:00+08:00")
    counter.conn.close()
    sums = _sums(desk)
    desk.merge("kept", other)
    assert _sums(desk) == sums
    assert desk.all("SELECT DISTINCT lane, borrower_id FROM contact") in (
        [],
        [(lane_of("kept"), borrower_id_of("kept"))],
    )
    if back:
        try:
            desk.undo("kept", other)
        except DuecourseError as error:
            assert [problem.code for problem in error.problems] == ["D068"]
        assert _sums(desk) == sums


def _sums(desk: Desk) -> list[object]:
    """What neither a merge nor its undo may change."""
    return [
        desk.ledger(),
        desk.all("SELECT loan_id, number, due_on, due_minor, settled_on FROM installment ORDER BY 1, 2"),
        desk.all("SELECT attempt_id, message_id, state, version FROM attempt ORDER BY 1"),
        desk.all(
            "SELECT loan_id, number, policy, step, anchor_on, count(*) FROM message_item GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5"
        ),
        desk.all("SELECT hold_id FROM hold GROUP BY 1 ORDER BY 1"),
        desk.all("SELECT opt_out_id FROM opt_out GROUP BY 1 ORDER BY 1"),
    ]
