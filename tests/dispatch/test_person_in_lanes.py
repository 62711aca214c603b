"""A cap per person holds for whoever has rows in several lanes, or several records, under any concurrency."""

from __future__ import annotations

from uuid import NAMESPACE_OID, uuid5

import pytest

from duecourse.book.reading import find_borrower
from duecourse.dispatch.permits import Permit, Question, Refusal, ask_permit
from duecourse.domain.messaging import Channel, NotWritten, Outcome, Purpose
from duecourse.rules.model import Actor, Cap
from lender import Lender, borrower_id_of, lane_of
from post import Post

from .merging_desk import DAY, STEP, Desk
from .test_shared_numbers import MOST, NINE, at_once, capped, workers

PEOPLE = 12


@pytest.fixture
def circle(lender: Lender) -> Desk:
    """Each owes a loan and answers for the next one's: two messages a day to each, in two lanes, with a cap of one."""
    desk = Desk(lender)
    people = range(PEOPLE)
    rows = "\n".join(f"L-{n} P-{n} 2026-03-10 +86139{n:08d}" for n in people)
    desk.book(f"loan borrower due_on phone\n{rows}", *(f"P-{n}" for n in people))
    assert all(lane_of(f"P-{n}") != lane_of(f"P-{(n + 1) % PEOPLE}") for n in people)
    for n in people:
        desk.beside(f"L-{(n + 1) % PEOPLE}", "guarantor", f"P-{n}")
    desk.conn.execute(
        """INSERT INTO contact_point (lane, borrower_id, contact_point_id, channel, address_sealed, address_index,
               effective_at, recorded_at)
           SELECT b.lane, c.borrower_id, c.contact_point_id, c.channel, c.address_sealed, c.address_index,
                  c.effective_at, c.recorded_at
           FROM borrower b JOIN contact_point c ON c.lane = b.home_lane AND c.borrower_id = b.borrower_id
           WHERE c.channel = 'sms'"""
    )
    desk.conn.commit()
    lender.policy(STEP.format(at="09:00", to="[borrower, guarantor]"))
    assert lender.plan(DAY).messages == 2 * PEOPLE
    return desk


def told(desk: Desk) -> list[tuple[int, int]]:
    """How many were contacted how often."""
    return desk.all(
        """SELECT times, count(*) FROM (SELECT sum(weight) AS times FROM contact GROUP BY borrower_id) AS p
           GROUP BY 1 ORDER BY 1"""
    )


@pytest.mark.parametrize("answers", [(), (NotWritten("not bound"),)], ids=["all sent", "some given back"])
def test_concurrent_workers_never_exceed_the_cap_of_a_person_with_rows_in_several_lanes(
    circle: Desk, post: Post, answers: tuple[Outcome | Exception, ...]
) -> None:
    at_once(workers(post, 4, answers), minutes=3)
    assert told(circle) == [(1, PEOPLE)]
    waiting = circle.lender.messages("rule", "local_time", where="state = 'planned'")
    assert waiting == [("DAILY-CAP", "2026-03-10 08:00")] * PEOPLE


def test_two_records_of_one_id_number_share_the_cap(lender: Lender, post: Post) -> None:
    desk = Desk(lender)
    desk.book("loan borrower due_on\nL-1 A 2026-03-10\nL-2 B 2026-03-10\nL-3 C 2026-03-10")
    desk.conn.execute("UPDATE borrower SET has_others = true WHERE borrower_key = 'A'")
    desk.conn.execute("UPDATE borrower SET person_id = %s WHERE borrower_key = 'B'", (borrower_id_of("A"),))
    desk.conn.commit()
    lender.policy(STEP.format(at="09:00", to="borrower"))
    lender.plan(DAY)
    for worker in workers(post, 1):
        worker.work(2)
    rules = lender.messages("rule", where="state = 'planned'")
    assert (rules, desk.all("SELECT count(*) FROM contact")) == ([("DAILY-CAP",)], [(2,)])
    verdict = lender.messages("verdict", where="state = 'planned'")[0][0]
    assert verdict["rules"][0]["saw"]["taken"] == 1


@pytest.mark.parametrize(
    ("at", "rule"), [("2026-03-09T08:30+08:00", "DAILY-CAP"), ("2026-03-08T08:30+08:00", None)]
)
def test_planning_sees_what_the_person_had_in_other_lanes(lender: Lender, at: str, rule: str | None) -> None:
    desk = Desk(lender)
    desk.book("loan borrower due_on\nL-0 P-0 2026-03-10\nL-1 P-1 2026-04-10")
    desk.beside("L-1", "guarantor", "P-0")
    desk.conn.execute(
        """INSERT INTO contact (lane, borrower_id, attempt_id, loan_id, weight, group_id, purpose, channel, source,
                                local_on, at)
           SELECT lane, %s, gen_random_uuid(), loan_id, 1, gen_random_uuid(), 'reminder', 'sms', 'ours', %s, %s
           FROM loan WHERE loan_ref = 'L-1'""",
        (borrower_id_of("P-0"), at[:10], at),
    )
    desk.conn.commit()
    lender.policy(STEP.format(at="09:00", to="borrower"))
    lender.plan("2026-03-09T08:40+08:00")
    opens = "2026-03-10 08:00" if rule else "2026-03-09 09:00"
    assert lender.messages("rule", "local_time", where="loans = 'L-0'") == [(rule, opens)]
    told_of = desk.all("SELECT state, rule FROM history WHERE subject = 'message' ORDER BY version")
    assert told_of == [("planned", None), ("planned", "DAILY-CAP")][: 2 if rule else 1]


def test_a_permit_counts_what_the_person_had_in_other_lanes(lender: Lender) -> None:
    desk = Desk(lender)
    desk.book("loan borrower due_on\nL-1 A 2026-02-01\nL-2 B 2026-02-01", "A", "B")
    desk.conn.execute("UPDATE installment SET grace_days = 0")
    assert lane_of("A") != lane_of("B")
    desk.beside("L-1", "guarantor", "B")
    borrower = find_borrower(desk.conn, lender.keyring, "B")
    assert borrower is not None
    rules = capped(
        Cap(primitive="P2", most=MOST, unit="attempt", days=1, per="person"), channel=Channel.VOICE
    )
    answers = []
    for loan in ("L-2", "L-1", "L-2", "L-1", "L-2"):
        loan_id = uuid5(NAMESPACE_OID, f"loan/{loan}")
        question = Question(Purpose.COLLECTION, Channel.VOICE, Actor.CREDITOR, loan_id=loan_id)
        answers.append(ask_permit(desk.conn, rules, borrower, question, by="x", now=NINE, as_of=NINE.date()))
    assert [isinstance(one, Permit) for one in answers] == [True] * MOST + [False] * 2
    assert isinstance(answers[-1], Refusal) and [one.rule for one in answers[-1].reasons] == ["TEST-NUMBER"]


@pytest.mark.parametrize("same_lane", [True, False])
def test_a_permit_counts_what_the_person_had_under_another_record(lender: Lender, same_lane: bool) -> None:
    other = next(f"B{n}" for n in range(9999) if (lane_of(f"B{n}") == lane_of("A")) is same_lane)
    desk = Desk(lender)
    desk.book(f"loan borrower due_on\nL-1 A 2026-02-01\nL-2 {other} 2026-02-01", "A", other)
    desk.conn.execute("UPDATE installment SET grace_days = 0")
    desk.conn.execute("UPDATE borrower SET has_others = true WHERE borrower_key = 'A'")
    desk.conn.execute(
        "UPDATE borrower SET person_id = %s WHERE borrower_key = %s", (borrower_id_of("A"), other)
    )
    cap = Cap(primitive="P2", most=MOST, unit="attempt", days=1, per="person")
    question = Question(Purpose.COLLECTION, Channel.VOICE, Actor.CREDITOR)
    answers = []
    for name in ("A", other) * (MOST + 1):
        borrower = find_borrower(desk.conn, lender.keyring, name)
        assert borrower is not None
        rules = capped(cap, channel=Channel.VOICE)
        answers.append(ask_permit(desk.conn, rules, borrower, question, by="x", now=NINE, as_of=NINE.date()))
    assert [isinstance(one, Permit) for one in answers] == [True] * MOST + [False] * (MOST + 2)
