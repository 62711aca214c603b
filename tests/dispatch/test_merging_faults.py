"""Merging under failure: killed at any statement, beside workers that never rest, after any history."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from counter import Counter
from duecourse.book.consents import ConsentKind, record_consent
from duecourse.book.holds import HoldKind, add_hold, end_holds
from duecourse.book.pauses import LOCK_BOOK
from duecourse.book.preferences import PreferenceKind, add_preference
from duecourse.book.wishes import Person, Said
from duecourse.dispatch import merging
from duecourse.dispatch.merging import merge_borrowers
from duecourse.dispatch.relocating import ANSWERS, LOANS
from duecourse.domain.problems import DuecourseError
from duecourse.planning.plan import SQL as PLANNING
from duecourse.store.connect import Store
from examples import examples
from lender import Lender, borrower_id_of, lane_of
from post import Post

from .merging_desk import APART, BOOK, DAY, NINE, NOW, SAYS, SMS, TOGETHER, Desk, both

WAITING = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
)
"""Sessions that wait for another's lock."""


@pytest.fixture
def desk(lender: Lender) -> Desk:
    return Desk(lender)


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
        waiting = threading.Thread(target=merge)
        waiting.start()
        waiting.join(1)
        assert waiting.is_alive()
        worker.commit()
        waiting.join(10)
    assert refused == ["D067"]


def test_a_planner_that_comes_to_lock_the_book_is_waited_for_and_not_met_in_a_circle(
    desk: Desk, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.book(f"loan borrower due_on\nL-1 kept 2026-03-10\nL-2 {APART} 2026-03-10", "kept", APART)
    tries: list[str] = []
    hold_off = merging.hold_off

    def hold_off_once(conn: psycopg.Connection) -> None:
        tries.append("merge")
        hold_off(conn)

    def merge() -> None:
        with store.connect() as conn:
            merge_borrowers(conn, desk.lender.keyring, "kept", APART, **SAYS, now=NOW)

    monkeypatch.setattr(merging, "hold_off", hold_off_once)
    beside = threading.Thread(target=merge)
    with store.connect() as planner, store.connect(autocommit=True) as watching:
        planner.execute(PLANNING["lock_lanes"], {"lanes": [lane_of("kept")], "policies": ["any"]})
        beside.start()
        while watching.execute(WAITING).fetchone() != (1,):
            assert beside.is_alive()
            time.sleep(0.01)
        planner.execute(LOCK_BOOK)  # as where it settles a day that was provisional
        planner.commit()
        beside.join(30)
    assert tries == ["merge"]
    assert desk.all("SELECT count(*) FROM borrower_merge") == [(1,)]


@both
def test_words_that_are_said_while_a_merge_is_under_way_are_of_the_person_kept(
    desk: Desk, store: Store, monkeypatch: pytest.MonkeyPatch, other: str
) -> None:
    desk.book(f"loan borrower due_on\nL-1 kept 2026-03-10\nL-2 {other} 2026-03-10", "kept", other)
    desk.hold(other, "dispute")
    person, said = Person(lane_of(other), borrower_id_of(other)), Said("letter 5", "cli", "Mei", NOW, NOW)
    words: list[Callable[[psycopg.Connection], object]] = [
        lambda conn: record_consent(conn, ConsentKind.CONTACT, granted=False, said=said, person=person),
        lambda conn: add_hold(conn, person, HoldKind.LAWYER, said=said),
        lambda conn: end_holds(conn, person, HoldKind.DISPUTE, reason="settled", by="Mei", at=NOW, now=NOW),
        lambda conn: add_preference(conn, person, PreferenceKind.LARGE_TYPE, {"wanted": True}, said=said),
    ]

    def say(word: Callable[[psycopg.Connection], object]) -> None:
        with store.connect() as conn:
            word(conn)

    speaking = [threading.Thread(target=say, args=(word,)) for word in words]
    move = merging.find_moving

    def move_once_all_wait(conn: psycopg.Connection, whose: Any) -> None:
        for one in speaking:
            one.start()
        with store.connect(autocommit=True) as watching:
            while watching.execute(WAITING).fetchone() != (len(words),):
                assert any(one.is_alive() for one in speaking)
                time.sleep(0.01)
        move(conn, whose)

    monkeypatch.setattr(merging, "find_moving", move_once_all_wait)
    desk.merge("kept", other)
    for one in speaking:
        one.join(30)
    kept = (borrower_id_of("kept"),)
    assert desk.all("SELECT DISTINCT borrower_id FROM consent") == [kept]
    assert desk.all("SELECT DISTINCT borrower_id FROM preference") == [kept]
    assert desk.all("SELECT DISTINCT borrower_id, kind, ended_at IS NOT NULL FROM hold ORDER BY 2") == [
        (*kept, "dispute", True),
        (*kept, "lawyer", False),
    ]


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
    beside = threading.Thread(target=merge)
    beside.start()
    time.sleep(0.2)
    counter.at(NINE)
    beside.join(60)
    counter.at("2026-03-09T09:30+08:00")
    assert set(outcomes) == set(range(pairs)) and set(outcomes.values()) <= {"merged", "D067"}
    told = desk.all(
        "SELECT l.loan_ref, count(DISTINCT k.attempt_id) FROM contact k JOIN loan l USING (lane, loan_id) GROUP BY 1"
    )
    assert {ref: n for ref, n in told} == {f"{kind}{i}": 1 for i in range(pairs) for kind in "KO"}
    merged = sum(outcome == "merged" for outcome in outcomes.values())
    assert len(counter.ends["sms"].taken) == 2 * pairs - merged


def test_every_table_of_a_loan_is_moved_with_it(desk: Desk) -> None:
    owned = desk.all(
        """SELECT relname FROM pg_class c WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
           AND EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'loan_id')
           AND EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'lane')
           AND relname NOT IN ('message_item', 'contact', 'hold', 'notice', 'suspense') AND relname <> ALL (%s)""",
        list(ANSWERS),
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


@pytest.mark.slow
@settings(
    max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
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
            """SELECT loan_id, number, policy, step, anchor_on, count(*) FROM message_item
               GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5"""
        ),
        desk.all("SELECT hold_id FROM hold GROUP BY 1 ORDER BY 1"),
        desk.all("SELECT consent_id FROM consent GROUP BY 1 ORDER BY 1"),
    ]
