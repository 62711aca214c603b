"""Within grace a message is a reminder and says nothing of being overdue, also when grace became longer late."""

from __future__ import annotations

from datetime import date, datetime

import pytest

import post as counter
from duecourse.book.moving import apply_move, propose_move
from duecourse.book.pauses import find_loan, pause_loan
from lender import POLICY_HEAD, REMINDER, Lender
from post import Post

OVERDUE = """
  - id: overdue-1
    when: overdue + 1d at 09:00
    purpose: collection
    route: [sms]
    template: overdue
"""
DAY_AFTER = """
  - id: day-after
    when: due + 1d at 09:00
    purpose: reminder
    route: [sms]
    template: due-today
"""
GRACE = POLICY_HEAD + "grace_days: {A: 7, B: 3}\n"
NOW = datetime.fromisoformat("2026-03-09T08:00+08:00")


def planned(lender: Lender, steps: str = OVERDUE) -> None:
    """Due on the 5th with three days of grace; the collection notice of the 9th is planned."""
    lender.book("loan due_on grade\nL-1 2026-03-05 B")
    lender.policy(steps, head=GRACE)
    for day in ("05", "07"):
        lender.plan(f"2026-03-{day}T00:00+08:00")
    assert lender.messages("local_on", where="purpose = 'collection'") == [(date(2026, 3, 9),)]


def pause(lender: Lender) -> None:
    pause_loan(
        lender.conn,
        find_loan(lender.conn, "L-1"),
        from_on=date(2026, 3, 9),
        to_on=date(2026, 3, 12),
        kind="pause",
        evidence="case 1",
        recorded_by="me",
        now=NOW,
    )
    lender.conn.commit()


def test_a_notice_planned_before_grace_was_extended_by_a_pause_is_not_sent_within_it(
    lender: Lender, post: Post
) -> None:
    planned(lender)
    pause(lender)
    post.work("2026-03-09T09:00+08:00")
    assert post.journal() == []
    assert post.outcomes() == [("L-1", "planned", "RESCHEDULED")]
    for day in (10, 11, 12, 13):
        lender.plan(f"2026-03-{day}T00:00+08:00")
    post.work("2026-03-13T09:00+08:00")
    assert lender.messages("local_on", "coalesce(outcome, state)") == [
        (date(2026, 3, 9), "expired"),
        (date(2026, 3, 13), "delivered"),
    ]


def test_a_notice_planned_before_a_better_grade_extended_grace_is_not_sent_within_it(
    lender: Lender, post: Post
) -> None:
    planned(lender)
    lender.conn.execute("UPDATE borrower SET grade = 'A'")
    lender.conn.commit()
    lender.plan("2026-03-08T00:00+08:00")  # the last day of the old grace
    post.work("2026-03-09T09:00+08:00")
    assert post.journal() == []
    lender.plan("2026-03-11T00:00+08:00")
    post.work("2026-03-13T09:00+08:00")
    assert lender.messages("local_on", where="outcome = 'delivered'") == [(date(2026, 3, 13),)]


def test_a_collection_notice_whose_grace_runs_again_is_judged_in_grace(lender: Lender, post: Post) -> None:
    """The anchor alone would let it pass: a grace end that moved onto the day the message was planned from."""
    planned(lender)
    lender.conn.execute("UPDATE installment SET grace_days = 4")
    lender.conn.execute("UPDATE message_item SET anchor_on = '2026-03-09'")
    lender.conn.commit()
    post.work("2026-03-09T09:00+08:00")
    assert post.journal() == []
    assert post.outcomes() == [("L-1", "planned", "IN-GRACE")]


@pytest.mark.parametrize("text", ["您的还款已逾期", "Your payment is overdue", "您有欠款未还"])
def test_a_reminder_within_extended_grace_never_says_overdue(
    lender: Lender, post: Post, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setitem(counter.TEXTS, "due-today", f"Test Bank: {text}.")
    planned(lender, DAY_AFTER + OVERDUE)
    pause(lender)
    post.work("2026-03-06T09:00+08:00")
    assert post.journal() == []
    assert lender.messages("step", "rule", where="step = 'day-after'") == [("day-after", "CONTENT")]


def test_messages_planned_for_a_day_that_was_moved_on_request_are_rescheduled(
    lender: Lender, post: Post
) -> None:
    lender.book("loan due_on\nL-1 2026-03-10")
    lender.policy(REMINDER)
    lender.plan("2026-03-08T00:00+08:00")
    moved = propose_move(
        lender.conn,
        find_loan(lender.conn, "L-1"),
        20,
        from_on=date(2026, 3, 1),
        as_of=date(2026, 3, 8),
        with_interest=False,
    )
    apply_move(lender.conn, moved, recorded_by="me", now=NOW)
    lender.conn.commit()
    post.work("2026-03-09T09:00+08:00")
    assert post.journal() == []
    assert post.outcomes() == [("L-1", "planned", "RESCHEDULED")]
    lender.plan("2026-03-18T00:00+08:00")
    post.work("2026-03-19T09:00+08:00")
    assert lender.messages("local_on", where="outcome = 'delivered'") == [(date(2026, 3, 19),)]


def test_the_days_a_text_says_leave_out_what_was_deferred(
    lender: Lender, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(counter.TEXTS, "overdue", "Test Bank: late by {{ days_past_due }} days.")
    planned(lender)
    pause_loan(
        lender.conn,
        find_loan(lender.conn, "L-1"),
        from_on=date(2026, 3, 6),
        to_on=date(2026, 3, 7),
        kind="deferral",
        evidence="case 1",
        recorded_by="me",
        now=NOW,
    )
    lender.conn.commit()
    lender.plan("2026-03-09T00:00+08:00")
    post.work("2026-03-11T09:00+08:00")
    assert [post.text(attempt) for attempt in post.sent()] == ["Test Bank: late by 4 days."]
