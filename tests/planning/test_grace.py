"""Grace is frozen when an installment falls due and only ever extended; within it nothing is collected."""

from __future__ import annotations

from datetime import date, datetime

from duecourse.book.pauses import find_loan, pause_loan
from lender import POLICY_HEAD, Lender

STEPS = """
  - id: day-after
    when: due + 1d at 10:00
    purpose: reminder
    route: [sms]
    template: due-today
  - id: overdue-1
    when: overdue + 1d at 10:00
    purpose: collection
    route: [sms]
    template: overdue
"""
HEAD = POLICY_HEAD + "grace_days: {A: 7, B: 3, D: 0}\n"


def grace(lender: Lender) -> list[int]:
    rows = lender.conn.execute("SELECT grace_days FROM installment ORDER BY loan_id").fetchall()
    lender.conn.commit()
    return [days for (days,) in rows]


def due(lender: Lender, grade: str, head: str = HEAD) -> None:
    """One installment, due and frozen on 5 March."""
    lender.book(f"loan due_on grade\nL-1 2026-03-05 {grade}")
    lender.policy(STEPS, head=head)
    plan(lender, 5)


def plan(lender: Lender, *days: int) -> None:
    for day in days:
        lender.plan(f"2026-03-{day:02}T00:00+08:00")


def regrade(lender: Lender, grade: str) -> None:
    lender.conn.execute("UPDATE borrower SET grade = %s", (grade,))
    lender.conn.commit()


def pause(lender: Lender, first: str, last: str) -> None:
    pause_loan(
        lender.conn,
        find_loan(lender.conn, "L-1"),
        from_on=date.fromisoformat(first),
        to_on=date.fromisoformat(last),
        kind="pause",
        evidence="case 1",
        recorded_by="me",
        now=datetime.fromisoformat("2026-03-06T12:00+08:00"),
    )
    lender.conn.commit()


def collected(lender: Lender) -> list[tuple[object, ...]]:
    return lender.messages("local_on", where="purpose = 'collection'")


def test_a_grade_that_becomes_better_within_grace_extends_it(lender: Lender) -> None:
    due(lender, "B")
    regrade(lender, "A")
    plan(lender, *range(6, 14))
    assert grace(lender) == [7]
    assert collected(lender) == [(date(2026, 3, 13),)]


def test_a_grade_that_becomes_worse_takes_nothing_away(lender: Lender) -> None:
    due(lender, "A")
    regrade(lender, "D")
    plan(lender, *range(6, 14))
    assert grace(lender) == [7]
    assert collected(lender) == [(date(2026, 3, 13),)]


def test_grace_that_has_ended_does_not_come_to_life_again(lender: Lender) -> None:
    due(lender, "B")
    plan(lender, 6, 7, 8, 9)
    regrade(lender, "A")
    plan(lender, 10, 11)
    assert grace(lender) == [3]
    assert collected(lender) == [(date(2026, 3, 9),)]


def test_a_kinder_policy_extends_grace_and_a_stricter_one_shortens_none(lender: Lender) -> None:
    due(lender, "B")
    lender.policy(STEPS, head=HEAD.replace("B: 3", "B: 5"))
    plan(lender, 6)
    assert grace(lender) == [5]
    lender.policy(STEPS, head=HEAD.replace("B: 3", "B: 1"))
    plan(lender, 7)
    assert grace(lender) == [5]


def test_a_pause_puts_the_collection_step_off_by_its_days(lender: Lender) -> None:
    due(lender, "B")
    pause(lender, "2026-03-07", "2026-04-05")  # longer than any policy's grace
    plan(lender, *range(6, 32))
    assert collected(lender) == []
    lender.plan("2026-04-06T00:00+08:00")
    lender.plan("2026-04-08T00:00+08:00")
    assert collected(lender) == [
        (date(2026, 4, 8),)
    ]  # grace: the 6th of March, and after the pause 6 and 7 April


def test_a_pause_recorded_before_the_due_day_extends_grace_when_it_is_frozen(lender: Lender) -> None:
    lender.book("loan due_on grade\nL-1 2026-03-05 B")
    lender.policy(STEPS, head=HEAD)
    pause(lender, "2026-03-06", "2026-03-10")
    plan(lender, 4)
    assert grace(lender) == [None]
    plan(lender, 5)
    assert grace(lender) == [8]


def test_planning_again_extends_nothing_twice(lender: Lender) -> None:
    due(lender, "B")
    pause(lender, "2026-03-07", "2026-03-08")
    plan(lender, 6, 6, 7, 7)
    assert grace(lender) == [5]
