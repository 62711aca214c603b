"""What is said follows the debts that are still open when it is said."""

from __future__ import annotations

import pytest

from lender import Lender
from post import Post

NINE = "2026-03-10T09:00+08:00"
STEPS = """
  - id: due-in-7
    when: due - 7d at 09:00
    purpose: reminder
    route: [sms]
    template: due-soon
    variants:
      - if: {autopay: true}
        template: debit-soon
  - id: due-today
    when: due at 09:00
    purpose: reminder
    route: [sms]
    template: due-today
"""


def texts(post: Post) -> list[str]:
    """What was handed over."""
    return [post.text(attempt) for attempt in post.sent()]


def test_a_bundle_that_lost_the_debt_it_was_led_by_takes_the_words_of_what_is_left(
    lender: Lender, post: Post
) -> None:
    lender.book("""
        loan  borrower  due_on      amount
        L-1   B         2026-03-10  10.00 CNY
        L-2   B         2026-03-17  20.00 CNY
    """)
    lender.policy(STEPS)
    lender.plan("2026-03-10T00:00+08:00")
    assert lender.messages("step", where="local_on = '2026-03-10'") == [("due-today",)]
    lender.pay("L-1", "2026-03-10")
    post.work(NINE)
    assert texts(post) == ["Test Bank: CN¥20.00 is due on 17 March."]
    assert lender.messages("step", "template", "policy_version", where="local_on = '2026-03-10'") == [
        ("due-in-7", "due-soon", 1)
    ]


@pytest.mark.parametrize(
    ("autopay", "said"),
    [
        ("yes", "Test Bank: CN¥30.00 will be debited on 17 March."),
        ("no", "Test Bank: CN¥30.00 is due on 17 March."),
    ],
)
def test_items_that_want_different_variants_are_told_in_the_steps_own_words(
    lender: Lender, post: Post, autopay: str, said: str
) -> None:
    lender.policy(STEPS)
    lender.book("loan borrower due_on autopay amount\nL-1 B 2026-03-17 yes 10.00 CNY")
    lender.plan("2026-03-10T00:00+08:00")
    lender.book(f"loan borrower due_on autopay amount\nL-2 B 2026-03-17 {autopay} 20.00 CNY")
    lender.plan("2026-03-10T01:00+08:00")
    post.work(NINE)
    assert texts(post) == [said]


def test_a_stop_of_one_step_holds_every_message_that_speaks_of_it(lender: Lender, post: Post) -> None:
    lender.book("""
        loan  borrower  due_on
        L-1   B         2026-03-10
        L-2   B         2026-03-17
        L-3   C         2026-03-10
    """)
    lender.policy(STEPS)
    lender.plan("2026-03-10T00:00+08:00")
    post.stop(step="due-in-7")
    post.work(NINE)
    assert lender.messages("loans", "coalesce(outcome, state)", "rule", where="local_on = '2026-03-10'") == [
        ("L-1,L-2", "planned", "STOPPED"),
        ("L-3", "delivered", None),
    ]
