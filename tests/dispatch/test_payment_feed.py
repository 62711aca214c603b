"""A collection notice waits until payments are known through due date and grace."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta

import pytest

from duecourse.book.summary import summary
from duecourse.dispatch.replay import Day, days_between, replay
from duecourse.store.sql import load
from lender import POLICY_HEAD, REMINDER, Lender
from post import Post

BOOK = load("book")
OVERDUE = """
  - id: overdue-1
    when: overdue + 1d at 09:00
    purpose: collection
    route: [sms]
    template: overdue
"""
GRACE = POLICY_HEAD + "grace_days: 3\n"
"""Due on the 5th, grace ends with the 8th, collection on the 9th."""


def feed(lender: Lender, through: str, creditor: str = "bank", source: str = "core") -> None:
    """What an import records of a payment feed."""
    lender.conn.execute(
        BOOK["record_feed"], {"creditor": creditor, "source": source, "complete_through": through}
    )
    lender.conn.commit()


def fallen_due(lender: Lender, rows: str = "loan due_on\nL-1 2026-03-05", steps: str = OVERDUE) -> None:
    """A book whose grace is frozen, and the messages of the 9th."""
    lender.book(rows)
    lender.policy(steps, head=GRACE)
    for day in ("05", "09"):
        lender.plan(f"2026-03-{day}T00:00+08:00")


def reasons(lender: Lender) -> list[tuple[object, ...]]:
    """(state, rule, reason) of every message."""
    return lender.messages("state", "rule", "reason")


def test_a_collection_notice_waits_until_the_feed_covers_the_end_of_grace(lender: Lender, post: Post) -> None:
    feed(lender, "2026-03-07")
    fallen_due(lender)
    behind = ("FEED-BEHIND", "payments known through 2026-03-07, needed through 2026-03-08")
    assert reasons(lender) == [("planned", *behind)]
    post.work("2026-03-09T09:00+08:00")
    assert reasons(lender) == [("planned", *behind)]
    assert post.journal() == []
    feed(lender, "2026-03-08")
    post.work("2026-03-09T09:10+08:00")
    assert post.outcomes() == [("L-1", "delivered", None)]


def test_who_paid_on_the_last_day_of_grace_gets_no_notice_when_the_feed_comes(
    lender: Lender, post: Post
) -> None:
    feed(lender, "2026-03-07")
    fallen_due(lender)
    post.work("2026-03-09T09:00+08:00")
    lender.pay("L-1", "2026-03-08")
    post.work("2026-03-09T09:10+08:00")
    assert post.outcomes() == [("L-1", "planned", "PAID")]  # explains before a feed that is behind
    feed(lender, "2026-03-08")
    post.work("2026-03-09T09:20+08:00", "2026-03-10T00:00+08:00")
    assert post.outcomes() == [("L-1", "expired", "PAID")]


def test_a_notice_whose_feed_never_came_expires_with_that_reason(lender: Lender, post: Post) -> None:
    feed(lender, "2026-03-07")
    fallen_due(lender)
    post.work("2026-03-09T09:00+08:00", "2026-03-10T00:00+08:00")
    assert post.outcomes() == [("L-1", "expired", "FEED-BEHIND")]
    assert post.journal() == []


def test_the_feed_furthest_behind_counts_and_another_creditors_does_not(lender: Lender, post: Post) -> None:
    feed(lender, "2026-03-08", source="core")
    feed(lender, "2026-03-07", source="cash-desk")
    feed(lender, "2026-03-01", creditor="shop")
    fallen_due(
        lender,
        """
        loan  due_on      creditor
        L-1   2026-03-05  bank
        L-2   2026-03-05  other
        """,
    )
    post.work("2026-03-09T09:00+08:00")
    assert post.outcomes() == [("L-1", "planned", "FEED-BEHIND"), ("L-2", "delivered", None)]
    feed(lender, "2026-03-08", source="cash-desk")
    post.work("2026-03-09T09:10+08:00")
    assert [outcome for _, outcome, _ in post.outcomes()] == ["delivered", "delivered"]


def test_a_reminder_does_not_wait_for_the_feed(lender: Lender, post: Post) -> None:
    feed(lender, "2026-01-01")
    lender.book("loan due_on\nL-1 2026-03-10")
    lender.policy(REMINDER)
    lender.plan("2026-03-09T00:00+08:00")
    post.work("2026-03-09T09:00+08:00")
    assert post.outcomes() == [("L-1", "delivered", None)]


def test_a_debt_that_the_feed_does_not_cover_drops_out_of_its_bundle(lender: Lender, post: Post) -> None:
    feed(lender, "2026-03-07")
    fallen_due(
        lender,
        """
        loan  borrower  due_on      amount
        L-1   B         2026-03-04  10.00 CNY
        L-2   B         2026-03-05  5.00 CNY
        """,
        steps=OVERDUE + OVERDUE.replace("overdue-1", "overdue-2").replace("+ 1d", "+ 2d"),
    )
    assert lender.messages("loans", where="local_on = '2026-03-09'") == [("L-1,L-2",)]
    post.work("2026-03-09T09:00+08:00")
    assert [post.text(attempt) for attempt in post.sent()] == ["Test Bank: please pay CN¥10.00."]


def test_a_feed_only_moves_forward(lender: Lender) -> None:
    for through in ("2026-03-07", "2026-03-09", "2026-03-08"):
        feed(lender, through)
    assert [one["complete_through"] for one in summary(lender.conn)["feeds"]] == ["2026-03-09"]


@pytest.mark.slow
@pytest.mark.parametrize("moves", [False, True], ids=["the file ends", "a file each morning"])
def test_a_replay_past_the_end_of_the_payments_collects_from_nobody(
    lender: Lender, post: Post, moves: bool
) -> None:
    feed(lender, "2026-03-08")
    lender.book("loan due_on\n" + "\n".join(f"L-{day} 2026-03-0{day}" for day in range(4, 8)))
    lender.policy(OVERDUE, head=GRACE)
    lender.plan("2026-03-04T00:00+08:00")

    async def before_day(day: Day) -> None:
        if moves:
            feed(lender, str(day.on - timedelta(days=1)))
        lender.plan(day.starts.isoformat())

    async def live() -> None:
        with post.store.connect() as conn:
            desk, switchboard = await post.open(conn)
            days = days_between(date(2026, 3, 5), date(2026, 3, 12), "Asia/Shanghai")
            try:
                await replay(days, [desk], switchboard, take=500, before_day=before_day)
            finally:
                await switchboard.close()

    asyncio.run(live())
    later = ("delivered", None) if moves else ("expired", "FEED-BEHIND")
    assert post.outcomes() == [
        ("L-4", "delivered", None),  # its grace ended on the 7th
        ("L-5", "delivered", None),
        ("L-6", *later),
        ("L-7", *later),
    ]
