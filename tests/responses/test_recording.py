"""What follows from an answer, from the same one twice, and from one that is read otherwise."""

from __future__ import annotations

import pytest

from answering import Answers
from duecourse.domain.messaging import Channel
from duecourse.responses.intents import Intent

LOAN = """
    loan  borrower  due_on      amount
    L-1   B-1       2026-03-05  500.00
    L-2   B-1       2026-03-20  300.00
"""


@pytest.fixture(autouse=True)
def book(answers: Answers) -> None:
    """One person with two debts, in Shanghai."""
    answers.lender.book(LOAN)


def test_a_promise_pauses_until_the_end_of_the_day_after_it(answers: Answers) -> None:
    answers.say("B-1", Intent.WILL_PAY, at="2026-03-10T21:00+08:00", day="2026-03-13", amount=50000)
    assert answers.holds("B-1") == [("promise", None, "03-10 21:00", "03-15 00:00")]
    assert answers.rows("SELECT promised_on::text, keep_by::text, amount_minor, state FROM promise") == [
        ("2026-03-13", "2026-03-14", 50000, "open")
    ]


def test_the_same_request_twice_is_one_answer(answers: Answers) -> None:
    for _ in range(2):
        answers.say("B-1", Intent.WILL_PAY, at="2026-03-10T21:00+08:00", day="2026-03-13", request="r")
    assert answers.rows("SELECT count(*) FROM response") == [(1,)]
    assert answers.rows("SELECT count(*) FROM hold") == [(1,)]


def test_a_later_promise_takes_the_place_of_an_earlier(answers: Answers) -> None:
    answers.say("B-1", Intent.WILL_PAY, at="2026-03-10T12:00+08:00", day="2026-03-20", loan="L-1")
    answers.say("B-1", Intent.WILL_PAY, at="2026-03-11T12:00+08:00", day="2026-03-12", loan="L-1")
    answers.say("B-1", Intent.WILL_PAY, at="2026-03-11T13:00+08:00", day="2026-03-22", loan="L-2")
    assert answers.holds("B-1") == [
        ("promise", "L-1", "03-10 12:00", "03-11 12:00"),
        ("promise", "L-1", "03-11 12:00", "03-14 00:00"),
    ]
    assert answers.rows("SELECT reason FROM response_event") == [("too-many",)]


def test_promises_too_far_or_past_or_without_a_day_wait_for_a_person(answers: Answers) -> None:
    answers.say("B-1", Intent.WILL_PAY, at="2026-03-10T12:00+08:00", day="2026-03-25")
    answers.say("B-1", Intent.WILL_PAY, at="2026-03-10T13:00+08:00", day="2026-03-09")
    answers.say("B-1", Intent.WILL_PAY, at="2026-03-10T14:00+08:00")
    assert answers.holds("B-1") == []
    assert answers.rows("SELECT event, reason FROM response_event ORDER BY at, reason") == [
        ("waits", "too-far"), ("waits", "day-past"), ("waits", "no-day"),
    ]  # fmt: skip


def test_said_to_be_paid_waits_for_the_feed_and_then_goes_on(answers: Answers) -> None:
    answers.say("B-1", Intent.PAID, at="2026-03-10T12:00+08:00", loan="L-1")
    assert answers.holds("B-1") == [("says-paid", "L-1", "03-10 12:00", "03-14 00:00")]
    assert answers.rows("SELECT count(*) FROM response_event") == [(0,)]


def test_cannot_pay_pauses_once_in_a_month_and_reaches_a_person_each_time(answers: Answers) -> None:
    answers.say("B-1", Intent.CANNOT_PAY, at="2026-03-10T12:00+08:00")
    answers.say("B-1", Intent.WANTS_PLAN, at="2026-03-19T12:00+08:00")
    assert answers.holds("B-1") == [("hardship", None, "03-10 12:00", "03-18 00:00")]
    assert answers.rows("SELECT reason FROM response_event ORDER BY at") == [("cannot-pay",), ("wants-plan",)]


@pytest.mark.parametrize(
    ("intent", "loan", "effect"),
    [
        (Intent.DISPUTE, "L-1", "stop"),
        (Intent.IDENTITY_THEFT, "L-1", "stop"),
        (Intent.BANKRUPTCY, None, "stop"),
        (Intent.DECEASED, None, "stop"),
        (Intent.LAWYER, None, "stop"),
        (Intent.COMPLAINT, None, "stop"),
        (Intent.DISTRESS, None, "person"),
    ],
)
def test_a_grave_answer_holds_and_reaches_a_person(
    answers: Answers, intent: Intent, loan: str | None, effect: str
) -> None:
    response = answers.say("B-1", intent, at="2026-03-10T12:00+08:00", loan="L-1")
    assert answers.holds("B-1") == [(intent.value, loan, "03-10 12:00", None)]
    assert answers.rows("SELECT effect, evidence, source FROM hold") == [
        (effect, f"response {response}", "page")
    ]
    assert answers.rows("SELECT event, reason FROM response_event") == [("waits", intent.value)]


def test_several_meanings_of_one_answer_all_take_effect(answers: Answers) -> None:
    answers.say("B-1", Intent.PAID, Intent.STOP, at="2026-03-10T12:00+08:00", channel=Channel.SMS)
    assert [kind for kind, *_ in answers.holds("B-1")] == ["says-paid"]
    assert answers.rows("SELECT granted, channel, purpose FROM consent") == [(False, "sms", None)]


def test_thanks_does_nothing_and_what_is_unclear_waits(answers: Answers) -> None:
    answers.say("B-1", Intent.THANKS, at="2026-03-10T12:00+08:00")
    answers.say("B-1", at="2026-03-10T13:00+08:00", text="um what")
    assert answers.rows("SELECT reason FROM response_event") == [("unclear",)]
    assert answers.rows("SELECT count(*) FROM response_effect") == [(0,)]


def test_words_are_sealed_and_cut_at_ten_thousand_characters(answers: Answers) -> None:
    answers.say("B-1", at="2026-03-10T13:00+08:00", text="secret words " * 2000)
    [(sealed,)] = answers.rows("SELECT text_sealed FROM response")
    assert b"secret" not in bytes(sealed)
    assert len(bytes(sealed)) < 10_100


def test_an_answer_for_nobody_in_the_book_is_an_error_of_the_caller(answers: Answers) -> None:
    with pytest.raises(ValueError, match="no such person"):
        answers.say("B-9", Intent.THANKS, at="2026-03-10T12:00+08:00")
