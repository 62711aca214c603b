"""What is planned once a person has answered: before and after a promise, when it is broken, gently."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from answering import Answers
from duecourse.responses.intents import Intent
from duecourse.responses.promises import judge_promises
from lender import POLICY_HEAD

STEPS = """
  - id: tomorrow
    when: promise - 1d at 10:00
    purpose: status
    route: [sms]
    template: promised-tomorrow
  - id: not-come
    when: promise + 2d at 10:00
    purpose: reminder
    route: [sms]
    template: not-come
  - id: broken
    when: due + 9d at 11:00
    if: {promise: broken}
    purpose: reminder
    route: [email]
    template: broken
"""
GENTLY = """
  - id: late
    when: due + 6d at 10:00
    purpose: reminder
    route: [sms]
    template: late
    variants:
      - if: {gentle: true}
        template: gently
"""
GENTLE_HEAD = POLICY_HEAD + "responses: {gentler: variants, gentle_for: 5d}\n"


@pytest.fixture(autouse=True)
def book(answers: Answers) -> None:
    """500.00 were due on the fifth of March."""
    answers.lender.book("""
        loan  borrower  due_on      amount
        L-1   B-1       2026-03-05  500.00
        L-9   B-9       2026-03-05  500.00
    """)


def planned(answers: Answers, *columns: str) -> list[tuple[object, ...]]:
    return answers.lender.messages("step", "local_time", *columns, where="loans = 'L-1'")


def test_steps_before_and_after_a_promise_count_from_its_day(answers: Answers) -> None:
    answers.lender.policy(STEPS)
    answers.say("B-1", Intent.WILL_PAY, at="2026-03-06T12:00+08:00", day="2026-03-10", loan="L-1")
    for day in ("06", "07", "08", "09", "10", "11", "12"):
        answers.lender.plan(f"2026-03-{day}T13:00+08:00")
    assert planned(answers) == [("tomorrow", "2026-03-09 10:00"), ("not-come", "2026-03-12 10:00")]


def test_a_step_for_broken_promises_is_planned_once_the_payments_say_so(answers: Answers) -> None:
    answers.lender.policy(STEPS)
    answers.say("B-1", Intent.WILL_PAY, at="2026-03-06T12:00+08:00", day="2026-03-10", loan="L-1")
    answers.lender.plan("2026-03-12T08:00+08:00")
    assert "broken" not in [step for step, *_ in planned(answers)]
    judge_promises(
        answers.conn,
        lanes=range(256),
        as_of=date(2026, 3, 12),
        now=datetime.fromisoformat("2026-03-12T08:30+08:00"),
    )
    answers.lender.plan("2026-03-12T09:00+08:00")
    assert ("broken", "2026-03-14 11:00") in planned(answers)


def test_a_promise_that_was_replaced_takes_its_steps_along(answers: Answers) -> None:
    answers.lender.policy(STEPS)
    answers.say("B-1", Intent.WILL_PAY, at="2026-03-06T12:00+08:00", day="2026-03-08", loan="L-1")
    answers.say("B-1", Intent.WILL_PAY, at="2026-03-06T13:00+08:00", day="2026-03-11", loan="L-1")
    answers.lender.plan("2026-03-06T14:00+08:00")
    assert planned(answers) == []
    answers.lender.plan("2026-03-09T08:00+08:00")
    assert planned(answers) == [("tomorrow", "2026-03-10 10:00")]


def test_who_cannot_pay_is_written_to_gently_also_in_what_was_planned_before(answers: Answers) -> None:
    answers.lender.policy(GENTLY, head=GENTLE_HEAD)
    answers.room = type(answers.room)(plannables=answers.lender.plannables())
    answers.lender.plan("2026-03-10T08:00+08:00")
    assert planned(answers, "template") == [("late", "2026-03-11 10:00", "late")]
    answers.say("B-1", Intent.CANNOT_PAY, at="2026-03-10T09:00+08:00")
    assert answers.holds("B-1") == []
    answers.lender.plan("2026-03-10T10:00+08:00")
    assert planned(answers, "template") == [("late", "2026-03-11 10:00", "gently")]
    assert answers.lender.messages("template", where="loans = 'L-9'") == [("late",)]
    report = answers.lender.plan("2026-03-10T11:00+08:00")
    assert (report.withdrawn, report.messages) == (0, 0)
