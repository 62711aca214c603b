"""From planned to done: what goes out, what is withheld and why, what follows from each answer."""

from __future__ import annotations

import pytest

from lender import Lender
from post import Post

NINE = "2026-03-09T09:00+08:00"
ELEVEN = "2026-03-09T11:01+08:00"
EVENING = "2026-03-09T22:00+08:00"
MIDNIGHT = "2026-03-10T00:00+08:00"
NEXT = """
  - id: due-in-1
    when: due - 1d at 09:00
    purpose: reminder
    route: [sms, email]
    next_if: {not: delivered, within: 2h}
    template: due-soon
"""
COLLECTION = """
  - id: overdue-1
    when: overdue + 1d at 09:00
    purpose: collection
    route: [sms, email]
    template: overdue
"""


def planned(lender: Lender, rows: str, steps: str = NEXT, now: str = "2026-03-09T00:00+08:00") -> None:
    """A book, a policy, and its messages."""
    lender.book(rows)
    lender.policy(steps)
    lender.plan(now)


def test_a_due_message_is_sent_and_its_receipt_ends_it(lender: Lender, post: Post) -> None:
    planned(lender, "loan due_on amount\nL-1 2026-03-10 1234.50 CNY")
    post.work(NINE)
    assert post.outcomes() == [("L-1", "delivered", None)]
    assert post.attempts() == [("sms", "delivered", "DELIVRD")]
    assert len(post.journal()) == 1


def test_nothing_goes_out_before_its_time(lender: Lender, post: Post) -> None:
    planned(lender, "loan due_on\nL-1 2026-03-10")
    post.work("2026-03-09T08:59+08:00")
    assert post.outcomes() == [("L-1", "planned", None)]
    assert post.journal() == []


def test_the_amount_is_read_at_claiming_so_a_part_payment_changes_the_text(
    lender: Lender, post: Post
) -> None:
    planned(lender, "loan due_on amount\nL-1 2026-03-10 100.00 CNY")
    lender.conn.execute(
        """INSERT INTO allocation (lane, loan_id, number, payment_id, part, from_on, until_on, amount_minor)
           SELECT lane, loan_id, number, gen_random_uuid(), 'due', '2026-03-08', 'infinity', 4000 FROM installment"""
    )
    lender.conn.commit()
    post.work(NINE)
    assert [post.text(attempt) for attempt in post.sent()] == ["Test Bank: CN¥60.00 is due on 10 March."]


def test_what_was_paid_after_planning_is_withheld_and_said_to_be_paid(lender: Lender, post: Post) -> None:
    planned(lender, "loan due_on\nL-1 2026-03-10")
    lender.pay("L-1", "2026-03-09")
    post.work(NINE, MIDNIGHT)
    assert post.outcomes() == [("L-1", "expired", "PAID")]
    assert post.journal() == []


def test_a_paid_installment_drops_out_of_its_bundle(lender: Lender, post: Post) -> None:
    planned(
        lender,
        """
        loan  borrower  due_on      amount
        L-1   B         2026-03-10  10.00 CNY
        L-2   B         2026-03-10  5.00 CNY
        """,
    )
    lender.pay("L-1", "2026-03-09")
    post.work(NINE)
    assert [post.text(attempt) for attempt in post.sent()] == ["Test Bank: CN¥5.00 is due on 10 March."]


@pytest.mark.parametrize(("channel", "reached"), [(None, []), ("sms", ["email"])])
def test_an_opt_out_is_honoured_by_channel(
    lender: Lender, post: Post, channel: str | None, reached: list[str]
) -> None:
    planned(lender, "loan due_on\nL-1 2026-03-10")
    lender.opt_out("B-L-1", channel)
    post.work(NINE, EVENING)
    assert [attempt[0] for attempt in post.attempts()] == reached
    if not reached:
        assert post.outcomes() == [("L-1", "planned", "DEFAULT-OPT-OUT")]


def test_without_a_contact_point_nothing_is_sent_and_the_reason_is_kept(lender: Lender, post: Post) -> None:
    planned(lender, "loan due_on phone email\nL-1 2026-03-10 - -")
    post.work(NINE, MIDNIGHT)
    assert post.outcomes() == [("L-1", "expired", "NO-CONTACT-POINT")]


def test_a_mended_contact_point_brings_a_withheld_message_back(lender: Lender, post: Post) -> None:
    planned(lender, "loan due_on phone email\nL-1 2026-03-10 - -")
    post.work(NINE)
    lender.contact_point("B-L-1", "sms", "+8613900009999")
    post.work("2026-03-09T09:15+08:00")
    assert post.outcomes() == [("L-1", "delivered", None)]


def test_a_message_in_quiet_hours_waits_for_morning(lender: Lender, post: Post) -> None:
    planned(lender, "loan due_on zone\nL-1 2026-03-10 Asia/Manila", steps=LATE_TO_LOSE_USE)
    lender.conn.execute("UPDATE message SET not_before = '2026-03-09T22:30+08:00'")
    lender.conn.commit()
    post.work("2026-03-09T22:30+08:00")
    assert lender.messages("local_time", "rule") == [("2026-03-10 08:00", "CN-HOURS")]
    post.work("2026-03-10T08:00+08:00")
    assert post.outcomes() == [("L-1", "delivered", None)]


LATE_TO_LOSE_USE = NEXT.replace("template:", "useful_until: +2d\n    template:")


def test_a_borrower_gets_one_message_a_day_whatever_the_number_of_decisions(
    lender: Lender, post: Post
) -> None:
    planned(
        lender,
        """
        loan  borrower  due_on      creditor
        L-1   B         2026-03-10  bank
        L-2   B         2026-03-10  shop
        L-3   B         2026-03-10  club
        """,
        steps=LATE_TO_LOSE_USE,
    )
    post.work(NINE)
    assert len(post.journal()) == 1
    assert sorted(row[1:] for row in post.outcomes()) == [
        ("delivered", None),
        ("planned", "DAILY-CAP"),
        ("planned", "DAILY-CAP"),
    ]
    post.work("2026-03-10T08:00+08:00", "2026-03-11T08:00+08:00")
    assert [row[1] for row in post.outcomes()] == ["delivered"] * 3


def test_a_refused_address_retires_and_the_next_channel_is_tried_at_once(lender: Lender, post: Post) -> None:
    planned(lender, "loan due_on phone\nL-1 2026-03-10 +8613911110002")
    post.work(NINE)
    assert [attempt[:2] for attempt in post.attempts()] == [("sms", "refused"), ("email", "sent")]
    state = lender.conn.execute("SELECT state FROM contact_point WHERE channel = 'sms'").fetchone()
    assert state == ("retired",)


def test_an_undelivered_message_moves_on_when_its_receipt_comes(lender: Lender, post: Post) -> None:
    planned(lender, "loan due_on phone\nL-1 2026-03-10 +8613911120001")
    post.work(NINE)
    assert [attempt[:2] for attempt in post.attempts()] == [("sms", "refused"), ("email", "sent")]


def test_silence_moves_on_after_the_waiting_time_and_not_before(lender: Lender, post: Post) -> None:
    planned(lender, "loan due_on phone\nL-1 2026-03-10 +8613911130004")
    post.work(NINE, "2026-03-09T10:59+08:00")
    assert [attempt[:2] for attempt in post.attempts()] == [("sms", "sent")]
    post.work(ELEVEN)
    assert [attempt[:2] for attempt in post.attempts()] == [("sms", "sent"), ("email", "sent")]
    post.work(EVENING)
    assert post.outcomes() == [("L-1", "sent", None)]


def test_without_next_if_silence_ends_with_the_contact_window(lender: Lender, post: Post) -> None:
    planned(
        lender,
        "loan due_on phone\nL-1 2026-03-08 +8613911140004",
        steps=COLLECTION,
        now="2026-03-09T00:00+08:00",
    )
    post.work(NINE, EVENING)
    assert post.outcomes() == [("L-1", "sent", None)]


def test_a_throttled_message_is_not_counted_and_goes_later(lender: Lender, post: Post) -> None:
    planned(lender, "loan due_on phone\nL-1 2026-03-10 +8613911150003")
    post.work(NINE, "2026-03-09T09:10+08:00", "2026-03-09T09:20+08:00")
    assert [attempt[:2] for attempt in post.attempts()] == [
        ("sms", "released"),
        ("sms", "released"),
        ("sms", "delivered"),
    ]
    counted = lender.conn.execute("SELECT sum(weight), count(*) FROM contact").fetchone()
    assert counted == (1, 6)  # a row for each try, for each given back, and that it was delivered


@pytest.mark.parametrize(
    ("steps", "day", "channels"),
    [
        pytest.param(NEXT, "2026-03-10", ["sms", "email"], id="a reminder goes on to the next channel"),
        pytest.param(COLLECTION, "2026-03-08", ["sms"], id="a collection notice waits"),
    ],
)
def test_an_unanswered_submission_is_unknown_and_never_resent(
    lender: Lender, post: Post, steps: str, day: str, channels: list[str]
) -> None:
    planned(lender, f"loan due_on phone\nL-1 {day} +86139{post.serial()}0007", steps=steps)
    post.work(NINE, "2026-03-09T09:30+08:00")
    assert [attempt[0] for attempt in post.attempts()] == channels
    assert post.attempts()[0][1] == "unknown"
    assert sum(line.get("to", "").endswith("0007") for line in post.journal()) <= 1
    post.work(EVENING)
    assert post.outcomes()[0][1] in ("unknown", "sent")


def test_a_bounce_comes_back_as_a_receipt_and_retires_the_mailbox(lender: Lender, post: Post) -> None:
    planned(lender, f"loan due_on phone email\nL-1 2026-03-10 - bounce-{post.serial()}@mail.example")
    post.work(NINE)
    assert post.attempts() == [("email", "refused", "5.1.1")]
    assert post.outcomes() == [("L-1", "failed", None)]


def test_a_late_receipt_stops_what_has_not_gone(lender: Lender, post: Post) -> None:
    planned(lender, f"loan due_on phone\nL-1 2026-03-10 +86139{post.serial()}0005")
    post.work(NINE, settle_seconds=0.5)
    assert post.attempts() == [("sms", "delivered", "DELIVRD")]
    post.work(ELEVEN)
    assert post.outcomes() == [("L-1", "delivered", None)]
    assert len(post.attempts()) == 1


def test_a_word_to_stop_is_honoured_for_everyone_who_holds_the_number(lender: Lender, post: Post) -> None:
    number = f"+86139{post.serial()}0006"
    planned(lender, f"loan due_on phone email\nL-1 2026-03-10 {number} -\nL-2 2026-03-11 {number} -")
    lender.reindex_contact_points()
    post.work(NINE, settle_seconds=0.2)
    lender.plan("2026-03-10T00:00+08:00")
    post.work("2026-03-10T09:00+08:00")
    assert post.outcomes() == [("L-1", "delivered", None), ("L-2", "planned", "DEFAULT-OPT-OUT")]


def test_what_lost_its_use_while_nobody_worked_expires(lender: Lender, post: Post) -> None:
    planned(lender, "loan due_on\nL-1 2026-03-10")
    post.work("2026-03-11T09:00+08:00")
    assert post.outcomes() == [("L-1", "expired", "USE-LOST")]
    assert post.journal() == []


def test_every_transition_leaves_a_line_of_history(lender: Lender, post: Post) -> None:
    planned(lender, "loan due_on phone\nL-1 2026-03-10 +8613911160002")
    post.work(NINE, EVENING)
    rows = lender.conn.execute(
        "SELECT subject, state FROM history ORDER BY recorded_at, subject DESC, version"
    ).fetchall()
    assert [row for row in rows if row[0] == "message"] == [
        ("message", "planned"),
        ("message", "in_flight"),
        ("message", "planned"),
        ("message", "in_flight"),
        ("message", "in_flight"),
        ("message", "sent"),
    ]
    assert [row[1] for row in rows if row[0] == "attempt"] == ["claimed", "refused", "claimed", "sent"]
