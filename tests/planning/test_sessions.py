"""Several sessions plan what one would; when one of them fails nothing is lost, and the next run plans the rest."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import date, datetime

import psycopg
import pytest

from duecourse.planning.plan import PlanReport
from duecourse.planning.sessions import Hand, plan_in_sessions
from duecourse.store.connect import Store
from duecourse.store.lease import LANES
from lender import Lender

DAY = date(2026, 3, 9)
NOW = datetime.fromisoformat("2026-03-09T00:00+08:00")


@pytest.fixture
def many(lender: Lender) -> Lender:
    """A book of 300 loans of as many people, in most lanes, due tomorrow; every third has no number."""
    lender.book("loan due_on phone\n" + "\n".join(f"L-{n:03} 2026-03-10 {_phone(n)}" for n in range(300)))
    lender.policy("""
  - id: due-in-1
    when: due - 1d between 09:00 and 18:00
    purpose: reminder
    route: [sms]
    template: due-soon
""")
    return lender


def _phone(number: int) -> str:
    return "-" if number % 3 == 0 else f"+86139000{number:05}"


@contextmanager
def dealt(store: Store, sessions: int) -> Iterator[list[Hand]]:
    """All lanes, to so many sessions."""
    with ExitStack() as opened:
        lines = [opened.enter_context(store.connect()) for _ in range(sessions)]
        yield [[(line, range(LANES)[place::sessions])] for place, line in enumerate(lines)]


def test_three_sessions_plan_what_one_shows(many: Lender, store: Store) -> None:
    shown = many.plan(NOW.isoformat(), dry_run=True)
    done: list[int] = []
    with dealt(store, 3) as hands:
        again = _planned(many, hands, dry_run=True)
        assert many.messages() == []
        planned = plan_in_sessions(
            hands, many.plannables(), as_of=DAY, now=NOW, on_progress=lambda lanes, _: done.extend(lanes)
        )
        twice = _planned(many, hands)
    assert again.preview == shown.preview
    assert [line.messages for line in shown.preview] == [200, 100]
    assert (shown.messages, again.messages, planned.messages, planned.items) == (300, 300, 300, 300)
    assert (len(many.messages()), twice.messages) == (300, 0)
    assert sorted(done) == list(range(LANES))


def test_one_that_fails_is_told_and_what_the_others_committed_stays(many: Lender, store: Store) -> None:
    _planned_before(many)
    with store.connect() as holding, dealt(store, 2) as hands:
        holding.execute("SELECT 1 FROM planned_through WHERE lane = 255 FOR UPDATE")
        for hand in hands:
            hand[0][0].execute("SET lock_timeout TO '50ms'")
            hand[0][0].commit()
        with pytest.raises(psycopg.errors.LockNotAvailable):
            _planned(many, hands)
        holding.rollback()
        kept = {row[0] for row in many.messages("lane")}
        assert kept and 255 not in kept
        rest = _planned(many, hands)
    lanes = [row[0] for row in many.messages("lane")]
    assert len(lanes) == 300
    assert rest.messages == sum(lane not in kept for lane in lanes)


def _planned(lender: Lender, hands: list[Hand], *, dry_run: bool = False) -> PlanReport:
    return plan_in_sessions(hands, lender.plannables(), as_of=DAY, now=NOW, dry_run=dry_run)


def _planned_before(lender: Lender) -> None:
    """Rows of planned_through to lock, made by a plan of the day before, on which nothing is due."""
    assert lender.plan("2026-03-01T00:00+08:00").messages == 0
