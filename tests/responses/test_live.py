"""Borrowers of the sandbox answer by SMS over the wire, a desk goes on with its work, and what they said holds."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from answering import Answers
from duecourse.responses.applying import apply_replies
from duecourse.responses.promises import judge_promises
from duecourse.responses.recording import Room
from post import Post

POLICY = """
  - id: overdue-1
    when: overdue + 1d at 10:00
    purpose: collection
    route: [sms]
    template: overdue
  - id: overdue-3
    when: overdue + 3d at 10:00
    purpose: collection
    route: [sms]
    template: overdue
  - id: overdue-14
    when: overdue + 14d at 10:00
    purpose: collection
    route: [sms]
    template: overdue
"""


@pytest.mark.parametrize("ending", ["7001", "7002"])
def test_a_promise_by_sms_pauses_collection_until_it_is_over_and_then_collection_goes_on(
    answers: Answers, post: Post, ending: str
) -> None:
    """The tenth of March 2026 is a Tuesday: next week's Friday (下周五) is the 20th, Friday the 13th."""
    lender = answers.lender
    lender.book(f"""
        loan  borrower  due_on      amount  phone
        L-1   B-1       2026-03-09  500.00  +861390000{ending}
    """)
    lender.reindex_contact_points()
    lender.policy(POLICY)
    room = Room(plannables=lender.plannables())
    promised_on = {"7001": date(2026, 3, 20), "7002": date(2026, 3, 13)}[ending]

    def day(on: str) -> None:
        """A worker's day: promises against payments, planning, sending, hearing, following."""
        now = datetime.fromisoformat(f"{on}T10:00+08:00")
        judge_promises(answers.conn, lanes=range(256), as_of=now.date(), now=now)
        lender.plan(f"{on}T09:00+08:00")
        post.work(f"{on}T10:00:30+08:00", kinds=("sms.smpp",))
        apply_replies(answers.conn, lender.keyring, now=now, room=room)

    day("2026-03-10")
    assert answers.rows("SELECT promised_on, amount_minor, currency, state FROM promise") == [
        (promised_on, 50000, "CNY", "open")
    ]
    assert answers.rows("SELECT intents, m.step FROM response_reading JOIN response a USING (lane, response_id)"
                        " JOIN message m USING (lane, message_id)") == [(["will-pay"], "overdue-1")]  # fmt: skip
    day("2026-03-12")
    standing = "SELECT step, coalesce(outcome, state), rule FROM message ORDER BY local_on"
    assert answers.rows(standing) == [
        ("overdue-1", "delivered", None),
        ("overdue-3", "planned", "DEFAULT-PROMISE"),
    ]
    day("2026-03-23")
    assert answers.rows("SELECT state FROM promise ORDER BY said_at LIMIT 1") == [("broken",)]
    assert ("overdue-14", "delivered") in answers.rows("SELECT step, coalesce(outcome, state) FROM message")
