"""Whether payments keep a promise, and what that changes."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import psycopg
import pytest

from answering import Answers
from duecourse.responses import promises
from duecourse.responses.intents import Intent
from duecourse.responses.promises import judge_promises, list_promises

SAID = "2026-03-10T12:00+08:00"


@pytest.fixture(autouse=True)
def book(answers: Answers) -> None:
    """500.00 were due on the fifth, 300.00 are on the twentieth."""
    answers.lender.book("""
        loan  borrower  due_on      amount
        L-1   B-1       2026-03-05  500.00
        L-2   B-1       2026-03-20  300.00
    """)


def judge(answers: Answers, on: str) -> list[tuple[str, int]]:
    """Judge as of a day, and show how promises stand and what was paid in time."""
    day = date.fromisoformat(on)
    now = datetime.fromisoformat(f"{on}T23:00+08:00")
    judge_promises(answers.conn, lanes=range(256), as_of=day, now=now)
    with answers.conn.transaction():
        return [(one.state, one.paid_minor) for one in list_promises(answers.conn)]


def promise(answers: Answers, day: str = "2026-03-13", amount: int | None = 50000, at: str = SAID) -> None:
    answers.say("B-1", Intent.WILL_PAY, at=at, day=day, amount=amount, loan="L-1", currency="CNY")


@pytest.mark.parametrize(
    ("payments", "judged_on", "state"),
    [
        ({}, "2026-03-14", ("open", 0)),
        ({}, "2026-03-15", ("broken", 0)),
        ({"2026-03-09": "500.00"}, "2026-03-15", ("broken", 0)),
        ({"2026-03-12": "500.00"}, "2026-03-12", ("kept", 50000)),
        ({"2026-03-14": "500.00"}, "2026-03-15", ("kept", 50000)),
        ({"2026-03-11": "200.00", "2026-03-14": "300.00"}, "2026-03-15", ("kept", 50000)),
        ({"2026-03-14": "200.00"}, "2026-03-15", ("partial", 20000)),
        ({"2026-03-14": "200.00", "2026-03-16": "300.00"}, "2026-03-16", ("late", 20000)),
        ({"2026-03-16": "500.00"}, "2026-03-15", ("broken", 0)),
        ({"2026-03-16": "500.00"}, "2026-03-16", ("late", 0)),
    ],
)
def test_a_promise_stands_by_what_was_paid_by_the_day_after_it(
    answers: Answers, payments: dict[str, str], judged_on: str, state: tuple[str, int]
) -> None:
    promise(answers)
    for day, amount in payments.items():
        answers.pay("L-1", day, amount)
    assert judge(answers, judged_on) == [state]


def test_a_promise_without_an_amount_is_kept_when_nothing_due_by_then_is_open(answers: Answers) -> None:
    promise(answers, amount=None)
    assert judge(answers, "2026-03-15") == [("broken", 0)]
    answers.rows("UPDATE installment SET settled_on = '2026-03-14' WHERE due_on = '2026-03-05' RETURNING 1")
    assert judge(answers, "2026-03-15") == [("kept", 0)]


def test_a_promise_before_anything_is_due_is_about_what_falls_due_next(answers: Answers) -> None:
    answers.say("B-1", Intent.WILL_PAY, at=SAID, day="2026-03-13", loan="L-2", currency="CNY")
    assert judge(answers, "2026-03-15") == [("broken", 0)]
    answers.pay("L-2", "2026-03-13", "300.00")
    answers.rows("UPDATE installment SET settled_on = '2026-03-13' WHERE due_on = '2026-03-20' RETURNING 1")
    assert judge(answers, "2026-03-15") == [("kept", 30000)]


@pytest.mark.parametrize(
    "unknown", [{"loan": "L-9"}, {"currency": "USD", "amount": 5000}], ids=["loan", "currency"]
)
def test_a_promise_about_no_debt_here_is_not_called_broken(answers: Answers, unknown: dict[str, Any]) -> None:
    answers.say("B-1", Intent.WILL_PAY, at=SAID, day="2026-03-13", **unknown)
    answers.pay("L-1", "2026-03-12", "500.00")
    assert judge(answers, "2026-03-15") == [("open", 0)]


def test_a_process_that_dies_before_it_follows_a_kept_promise_leaves_that_to_the_next(
    answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    for day in ("11", "15", "19"):
        promise(answers, day=f"2026-03-{day}", at=f"2026-03-{int(day) - 1}T12:00+08:00")
    answers.pay("L-1", "2026-03-16", "500.00")

    def die(*_: object) -> None:
        raise psycopg.OperationalError("the server went away")

    with monkeypatch.context() as patch:
        patch.setattr(promises, "act", die)
        with pytest.raises(psycopg.OperationalError):
            judge(answers, "2026-03-19")
    judge(answers, "2026-03-19")
    assert [until for *_, until in answers.holds("B-1")] == ["03-13 00:00", "03-17 00:00", "03-21 00:00"]
    assert answers.rows("SELECT reason FROM response_waiting") == []


def test_a_reversed_payment_breaks_the_promise_it_kept(answers: Answers) -> None:
    promise(answers)
    answers.pay("L-1", "2026-03-12", "500.00")
    assert judge(answers, "2026-03-15") == [("kept", 50000)]
    answers.take_back("L-1", "2026-03-12", on="2026-03-17")
    assert judge(answers, "2026-03-16") == [("kept", 50000)]
    assert judge(answers, "2026-03-17") == [("broken", 0)]


def test_nothing_is_called_broken_before_the_payments_of_its_day_are_known(answers: Answers) -> None:
    answers.rows(
        "INSERT INTO payment_feed VALUES ('bank', 'core', '2026-03-13', '2026-03-14') RETURNING creditor"
    )
    promise(answers)
    assert judge(answers, "2026-03-16") == [("open", 0)]
    answers.rows("UPDATE payment_feed SET complete_through = '2026-03-14' RETURNING creditor")
    assert judge(answers, "2026-03-16") == [("broken", 0)]


def test_the_third_promise_in_a_row_does_not_pause_unless_one_before_was_kept(answers: Answers) -> None:
    promise(answers, day="2026-03-11", at="2026-03-10T12:00+08:00")
    promise(answers, day="2026-03-15", at="2026-03-14T12:00+08:00")
    promise(answers, day="2026-03-19", at="2026-03-18T12:00+08:00")
    assert [until for *_, until in answers.holds("B-1")] == ["03-13 00:00", "03-17 00:00"]
    assert answers.rows("SELECT reason FROM response_waiting") == [("too-many",)]
    answers.pay("L-1", "2026-03-16", "500.00")
    judge(answers, "2026-03-19")
    assert [until for *_, until in answers.holds("B-1")] == ["03-13 00:00", "03-17 00:00", "03-21 00:00"]
    assert answers.rows("SELECT reason FROM response_waiting") == []


def test_judging_again_changes_nothing(answers: Answers) -> None:
    promise(answers)
    judge(answers, "2026-03-15")
    before = answers.rows("SELECT * FROM promise")
    judge(answers, "2026-03-15")
    assert answers.rows("SELECT * FROM promise") == before


@pytest.mark.parametrize(
    ("paid_on", "told"),
    [("2026-03-12", ["promise.kept"]), (None, ["promise.broken"])],
    ids=["kept", "broken"],
)
def test_that_a_promise_was_kept_or_broken_is_an_event_once(
    answers: Answers, paid_on: str | None, told: list[str]
) -> None:
    promise(answers)
    if paid_on:
        answers.pay("L-1", paid_on, "500.00")
    for _ in range(2):
        judge(answers, "2026-03-15")
    with answers.conn.transaction():
        found = answers.conn.execute(
            "SELECT kind, amount_minor, subject_id IS NOT NULL FROM event"
        ).fetchall()
    assert found == [(kind, 50000, True) for kind in told]
