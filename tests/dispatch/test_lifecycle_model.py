"""The lifecycle of message, attempt and lease: as a model that is searched through, and at random on PostgreSQL."""

from __future__ import annotations

import asyncio
import math
import re
import time
from collections import Counter as Tally
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from repository import ROOT
from soak.lifecycle import STEPS, steps_taken, strange

from counter import Counter
from duecourse.dispatch.claim import FenceLostError
from duecourse.dispatch.claimed import Claimed
from duecourse.dispatch.receipts import append_receipts, apply_receipts
from duecourse.domain.messaging import (
    Accepted,
    NotWritten,
    Outcome,
    Receipt,
    ReceiptStatus,
    Refused,
    Unknown,
)
from duecourse.store.lease import acquire, retake
from examples import examples
from lender import Lender
from lifecycle_model import EMPTY, Message, Rules, World, explore
from post import Post

USUAL = 8
ANSWERS = st.lists(st.sampled_from(["sent", "sent", "refused", "unknown"]), min_size=2, max_size=2)
"""Of the two borrowers' messages: no claim has more."""
START = datetime.fromisoformat("2026-03-10T10:00+08:00")
AFTER_ALL = datetime.fromisoformat("2026-03-20T00:00+08:00")
POLICY = """
  - id: due-today
    when: due at 09:00
    purpose: reminder
    route: [sms, email]
    next_if: {not: delivered, within: 2h}
    template: due-soon
"""
BOOK = """
    loan  borrower  due_on      creditor
    L-1   B         2026-03-10  bank
    L-2   B         2026-03-10  shop
    L-3   C         2026-03-10  bank
"""


def test_whatever_dies_whenever_the_model_hands_nothing_over_twice_and_can_always_end(
    capsys: pytest.CaptureFixture[str],
) -> None:
    explored = explore(World((Message(), Message()), left=(1, 1, 0, 0)))
    print(f"{explored.states} states")
    assert explored.found is None, explored.way
    assert explored.stuck == 0
    assert explored.states > 5_000


def test_one_message_survives_every_order_of_two_takeovers_a_death_a_lost_claim_and_one_given_back() -> None:
    explored = explore(World((Message(),), hands=((EMPTY,), (EMPTY,)), left=(2, 1, 1, 1)))
    assert explored.found is None, explored.way
    assert explored.stuck == 0


def test_the_search_finds_what_is_wrong_when_a_dead_owners_claims_are_taken_for_unsent() -> None:
    explored = explore(
        World((Message(),), hands=((EMPTY,), (EMPTY,)), left=(2, 1, 0, 0)), Rules(recovered="released")
    )
    assert explored.found == "counts for nothing and was handed over"


def test_the_page_shows_every_step_and_no_other() -> None:
    page = (ROOT / "docs/explanation/how-a-message-lives.md").read_text("utf-8")
    shown = {
        (subject, "" if old == "(new)" else old, new)
        for subject, old, news in re.findall(
            r"^\| (message|attempt) \| (\S+) \| (.+) \|$", page, re.MULTILINE
        )
        for new in news.split(", ")
    }
    assert shown == {(subject, *each) for subject, steps in STEPS.items() for each in steps}


class Worker:
    """A worker whose steps are taken one by one: it dies and freezes between any two of them."""

    def __init__(self, post: Post, name: str) -> None:
        self.name = name
        self.counter = Counter(post)
        self.desk = self.counter.desk
        self.desk.epochs = {}
        self.claimed: list[Claimed] = []
        self.written: list[Claimed] = []

    @property
    def has_some(self) -> bool:
        return bool(self.claimed or self.written)

    def die(self) -> None:
        self.desk.epochs, self.desk.in_doubt = {}, {}
        self.claimed, self.written = [], []


def _one_of(some: list[Worker], which: int) -> Worker:
    return some[which % len(some)]


class Lifecycle(RuleBasedStateMachine):
    """Two workers and the far ends' own count of what they were handed."""

    make: Callable[[], tuple[Lender, Post]]
    seen: set[tuple[str, str, str]]

    def __init__(self) -> None:
        super().__init__()
        self.lender, self.post = type(self).make()
        self.workers = [Worker(self.post, name) for name in ("one", "two")]
        self.now = START
        self.handed: Tally[tuple[UUID, str]] = Tally()
        self.taken: list[Claimed] = []
        self._sql("UPDATE lane_lease SET expires_at = now(), owner = NULL")
        self.take(0)

    def _sql(self, statement: str) -> list[tuple[Any, ...]]:
        cursor = self.lender.conn.execute(statement)  # type: ignore[call-overload]
        rows = cursor.fetchall() if cursor.description else []
        self.lender.conn.commit()
        return rows  # type: ignore[no-any-return]

    @rule(who=st.integers(0, 1))
    def take(self, who: int) -> None:
        """The lease ran out, and this one takes every lane; the other does not know."""
        worker = self.workers[who]
        with self.post.store.connect(autocommit=True) as leases:
            leases.execute("UPDATE lane_lease SET expires_at = now()")
            leases.execute("DELETE FROM worker")
            epochs = acquire(leases, worker.name, 600)
        worker.desk.in_doubt = {}
        asyncio.run(worker.desk.recover(epochs, self.now))
        worker.desk.epochs = epochs

    def _free(self) -> list[Worker]:
        """Who believes to hold lanes and has nothing in hand."""
        return [worker for worker in self.workers if worker.desk.epochs and not worker.has_some]

    def _busy(self) -> list[Worker]:
        return [worker for worker in self.workers if worker.has_some]

    def _claim(self, worker: Worker) -> list[Claimed]:
        try:
            result, _ = worker.desk._claim(self.now, 10, math.inf, time.monotonic())
            return list(result.claimed)
        except FenceLostError:
            return []

    @precondition(lambda self: self._free())
    @rule(who=st.integers(0, 1))
    def claim(self, who: int) -> None:
        """Claim and go on."""
        worker = _one_of(self._free(), who)
        worker.claimed += self._claim(worker)

    @precondition(lambda self: self._free())
    @rule(who=st.integers(0, 1))
    def lose_a_claim(self, who: int) -> None:
        """Claim, never hear of the commit, and take the lanes back; unless another has them by then."""
        worker = _one_of(self._free(), who)
        desk = worker.desk
        self._claim(worker)
        desk.in_doubt, desk.epochs = desk.epochs, {}
        with self.post.store.connect(autocommit=True) as leases:
            epochs = retake(leases, worker.name, desk.in_doubt, 600)
        asyncio.run(desk.take_back(desk.in_doubt, epochs, self.now))
        asyncio.run(desk.recover(epochs, self.now))
        desk.epochs = epochs

    @precondition(lambda self: any(worker.claimed for worker in self.workers))
    @rule(who=st.integers(0, 1), answer=st.sampled_from(["", "", "sent", "sent", "refused", "unknown"]))
    def write(self, who: int, answer: str) -> None:
        """Hand one over, whoever holds the lane by now: the residue of a process that was frozen.

        It may be answered and settled at once.
        """
        worker = _one_of([each for each in self.workers if each.claimed], who)
        self._write(worker)
        if answer:
            self._settle(worker, [answer] * 2)

    def _write(self, worker: Worker) -> None:
        one = worker.claimed.pop(0)
        worker.written.append(one)
        self.handed[one.message_id, one.channel] += 1
        self.taken.append(one)

    @precondition(lambda self: self._free())
    @rule(who=st.integers(0, 1), answers=ANSWERS)
    def turn(self, who: int, answers: list[str]) -> None:
        """All of it at once, as mostly."""
        worker = _one_of(self._free(), who)
        worker.claimed += self._claim(worker)
        while worker.claimed:
            self._write(worker)
        self._settle(worker, answers)

    @precondition(lambda self: self._busy())
    @rule(who=st.integers(0, 1), answers=ANSWERS)
    def settle(self, who: int, answers: list[str]) -> None:
        """Record what was answered; what was not written is given back."""
        self._settle(_one_of(self._busy(), who), answers)

    def _settle(self, worker: Worker, answers: list[str]) -> None:
        outcomes: list[Outcome] = [NotWritten("too late")] * len(worker.claimed)
        for one, answer in zip(worker.written, answers, strict=False):
            if answer == "refused":
                self.handed[one.message_id, one.channel] -= 1
                self.taken.remove(one)
                outcomes.append(Refused("no", "no", permanent=False))
            else:
                outcomes.append(Accepted(one.attempt_id.hex) if answer == "sent" else Unknown("no answer"))
        if outcomes:
            worker.desk._settle([*worker.claimed, *worker.written], outcomes, self.now)
        worker.claimed, worker.written = [], []

    @rule(who=st.integers(0, 1))
    def die(self, who: int) -> None:
        """What it had in hand is lost."""
        self.workers[who].die()

    @precondition(lambda self: self.taken)
    @rule(which=st.integers(0, 5), status=st.sampled_from(list(ReceiptStatus)))
    def receipt(self, which: int, status: ReceiptStatus) -> None:
        """For anything that was taken, in any order, as often as it likes; the owner applies it."""
        one = self.taken[which % len(self.taken)]
        said = Receipt(status, status.value, attempt_id=one.attempt_id)
        keys = append_receipts(self.lender.conn, self.post.keyring, one.provider, [said], now=self.now)
        self.lender.conn.commit()
        for worker in self.workers:
            if worker.desk.epochs:
                apply_receipts(worker.counter.conn, worker.desk.epochs, keys, now=self.now)

    @rule(minutes=st.sampled_from([1, 61, 121]), who=st.integers(0, 1))
    def pass_time(self, minutes: int, who: int) -> None:
        """Routes move on and what has lost its use ends, wherever this one still holds a lane."""
        self.now += timedelta(minutes=minutes)
        asyncio.run(self.workers[who].desk.advance(self.now))

    @invariant()
    def nothing_is_handed_over_twice(self) -> None:
        assert all(count <= 1 for count in self.handed.values())

    @invariant()
    def every_step_is_one_of_the_lifecycle(self) -> None:
        assert not strange(steps_taken(self.lender.conn))
        self.lender.conn.commit()

    @invariant()
    def nobody_is_told_twice_a_day(self) -> None:
        over = """SELECT 1 FROM (SELECT borrower_id, local_on, group_id FROM contact
                                 GROUP BY 1, 2, 3, attempt_id HAVING sum(weight) > 0) AS counted
                  GROUP BY borrower_id, local_on HAVING count(DISTINCT group_id) > 1"""
        assert not self._sql(over)

    @invariant()
    def what_counts_for_nothing_was_not_handed_over(self) -> None:
        released = {row[0] for row in self._sql("SELECT attempt_id FROM attempt WHERE state = 'released'")}
        assert not released & {one.attempt_id for one in self.taken}

    def teardown(self) -> None:
        """A worker that lives sees everything to its end."""
        self.now = AFTER_ALL
        self.take(0)
        for _ in range(2):
            asyncio.run(self.workers[0].desk.advance(self.now))
        assert not self._sql(
            "SELECT 1 FROM message WHERE state <> 'done' UNION SELECT 1 FROM attempt WHERE state = 'claimed'"
        )
        self.seen |= steps_taken(self.lender.conn)
        self.lender.conn.commit()
        for worker in self.workers:
            worker.counter.conn.close()


@pytest.mark.slow
def test_at_random_on_the_database_the_same_holds(lender: Lender, post: Post) -> None:
    lender.policy(POLICY)
    lender.book(BOOK)

    def make() -> tuple[Lender, Post]:
        tables = "message, message_item, attempt, contact, history, receipt, planned_through"
        lender.conn.execute(f"TRUNCATE {tables}")  # type: ignore[call-overload]
        lender.conn.commit()
        lender.plan(START.isoformat())
        return lender, post

    class Here(Lifecycle):
        seen: set[tuple[str, str, str]] = set()  # noqa: RUF012 of this test alone

    Here.make = staticmethod(make)  # type: ignore[assignment]
    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=examples(USUAL),
            stateful_step_count=25,
            deadline=None,
            derandomize=examples(USUAL) == USUAL,
            suppress_health_check=list(HealthCheck),
        ),
    )
    print("\n".join(" ".join(each) for each in sorted(Here.seen)))
    # Neither of the tests before would say so if nothing ever went out.
    assert {("attempt", "claimed", state) for state in ("sent", "released", "unknown")} <= Here.seen
    assert {("message", "in_flight", state) for state in ("planned", "in_flight")} <= Here.seen
