"""Judging at the claim: what the book says then, on the borrower's own day."""

from __future__ import annotations

import pytest

from counter import Counter
from lender import Lender
from post import TEXTS, Post

NINE = "2026-03-09T09:00+08:00"
SMS = """
  - id: due-in-1
    when: due - 1d at 09:00
    purpose: reminder
    route: [sms]
    template: due-soon
"""


def planned(lender: Lender, rows: str, steps: str = SMS, now: str = "2026-03-09T00:00+08:00") -> None:
    """A book, a policy, and its messages."""
    lender.book(rows)
    lender.policy(steps)
    lender.plan(now)


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ("UPDATE installment SET due_on = '2026-03-12'", "RESCHEDULED"),
        ("DELETE FROM installment", "RESCHEDULED"),
        ("UPDATE installment SET due_minor = 0, settled_on = due_on", "PAID"),
        ("UPDATE loan SET state = 'closed'", "LOAN-CLOSED"),
    ],
)
def test_what_the_book_changed_after_planning_is_withheld_and_says_why(
    lender: Lender, post: Post, change: str, rule: str
) -> None:
    planned(lender, "loan due_on\nL-1 2026-03-10", SMS)
    lender.conn.execute(change)  # type: ignore[call-overload]
    lender.conn.commit()
    Counter(post).at(NINE)
    assert lender.messages("state", "rule") == [("planned", rule)]


def test_one_rescheduled_debt_drops_out_of_its_bundle(lender: Lender, post: Post) -> None:
    planned(lender, "loan borrower due_on amount\nL-1 B 2026-03-10 7.00 CNY\nL-2 B 2026-03-10 5.00 CNY", SMS)
    lender.conn.execute(
        "UPDATE installment SET due_on = '2026-04-10' WHERE loan_id = "
        "(SELECT loan_id FROM loan WHERE loan_ref = 'L-1')"
    )
    lender.conn.commit()
    counter = Counter(post)
    counter.at(NINE)
    assert [one.text for one in counter.ends["sms"].taken] == ["Test Bank: CN¥5.00 is due on 10 March."]


def test_a_borrower_who_moved_is_judged_by_the_hours_of_the_new_zone(lender: Lender, post: Post) -> None:
    planned(lender, "loan due_on\nL-1 2026-03-10", SMS)
    lender.conn.execute("UPDATE borrower SET zone = 'America/New_York'")
    lender.conn.commit()
    counter = Counter(post)
    counter.at("2026-03-09T10:00+08:00")  # 22:00 in New York
    assert counter.ends["sms"].taken == []
    assert lender.messages("rule") == [("CN-HOURS",)]


def test_a_borrower_who_moved_is_counted_on_the_day_it_is_there(lender: Lender, post: Post) -> None:
    planned(
        lender,
        "loan borrower due_on creditor\nL-1 B 2026-03-10 bank\nL-2 B 2026-03-11 shop",
        SMS.replace("template:", "useful_until: +2d\n    template:"),
        now="2026-03-08T00:00+08:00",
    )
    lender.conn.execute("UPDATE message SET not_before = '2026-03-09T08:30+08:00'")
    lender.conn.execute("UPDATE borrower SET zone = 'America/New_York'")
    lender.conn.commit()
    counter = Counter(post)
    counter.at("2026-03-09T08:30+08:00")  # 20:30 on the 8th in New York
    lender.conn.execute("UPDATE borrower SET zone = 'Asia/Shanghai'")
    lender.conn.execute("UPDATE message SET not_before = '2026-03-09T10:00+08:00' WHERE state = 'planned'")
    lender.conn.commit()
    counter.at("2026-03-09T10:00+08:00")  # the 9th, as it was when the first was sent
    assert len(counter.ends["sms"].taken) == 1
    assert sorted(row[0] or "" for row in lender.messages("rule")) == ["", "DAILY-CAP"]


def test_the_two_legs_of_one_decision_count_once_and_a_second_decision_waits(
    lender: Lender, post: Post
) -> None:
    both = SMS.replace("[sms]", "[sms, email]\n    send: all")
    planned(lender, "loan borrower due_on creditor\nL-1 B 2026-03-10 bank\nL-2 B 2026-03-10 shop", both)
    counter = Counter(post)
    counter.at(NINE)
    assert (len(counter.ends["sms"].taken), len(counter.ends["email"].taken)) == (1, 1)
    assert sorted(lender.messages("state", "rule")) == [
        ("in_flight", None),
        ("in_flight", None),
        ("planned", "DAILY-CAP"),
        ("planned", "DAILY-CAP"),
    ]


def test_the_days_past_due_are_those_of_the_day_it_is_said(
    lender: Lender, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = """
  - id: overdue-1
    when: overdue + 1d at 20:00
    purpose: collection
    route: [sms]
    template: overdue
    useful_until: +3d
"""
    monkeypatch.setitem(TEXTS, "overdue", "Test Bank: late by {{ days_past_due }} days.")
    planned(lender, "loan due_on\nL-1 2026-03-08", late)
    counter = Counter(post)
    counter.at("2026-03-11T09:00+08:00")
    assert [one.text for one in counter.ends["sms"].taken] == ["Test Bank: late by 3 days."]
