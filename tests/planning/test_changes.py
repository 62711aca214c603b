"""A book that changes between planning and sending: what is said is what holds when it is said."""

from __future__ import annotations

import threading

from duecourse.store.connect import Store
from lender import Lender

SMS = """
  - id: due-in-1
    when: due - 1d at 09:00
    purpose: reminder
    route: [sms]
    template: due-soon
"""
BOTH_LEGS = SMS.replace("route: [sms]", "route: [sms, email]\n    send: all")


def test_a_policy_published_while_one_leg_is_claimed_leaves_the_decision_whole(
    lender: Lender, store: Store
) -> None:
    lender.book("loan due_on\nL-1 2026-03-10")
    lender.policy(BOTH_LEGS)
    lender.plan("2026-03-09T00:00+08:00")
    lender.policy(BOTH_LEGS.replace("09:00", "10:00"))
    with store.connect() as claiming:
        claiming.execute("UPDATE message SET state = 'in_flight', tries = 1 WHERE leg = 1")
        planner = threading.Thread(target=lambda: lender.plan("2026-03-09T08:59+08:00"))
        planner.start()
        planner.join(1)
        assert planner.is_alive()  # it waits for the claim
        claiming.commit()
        planner.join(10)
    assert lender.messages("leg", "state", "policy_version", "loans") == [
        (1, "in_flight", 1, "L-1"),
        (2, "planned", 1, "L-1"),
    ]


def test_an_item_does_not_join_a_message_that_has_lost_its_use(lender: Lender) -> None:
    lender.book("loan borrower due_on\nL-1 B 2026-03-10")
    lender.policy(
        SMS.replace("template: due-soon", "template: due-soon\n    useful_until: same day 12:00")
        + SMS.replace("due-in-1", "later").replace("at 09:00", "at 15:00").replace("due - 1d", "due - 2d")
    )
    lender.plan("2026-03-09T00:00+08:00")
    lender.book("loan borrower due_on\nL-2 B 2026-03-11")
    lender.plan("2026-03-09T13:00+08:00")
    assert lender.messages("loans", "step", "supplement", where="local_on = '2026-03-09'") == [
        ("L-1", "due-in-1", 0),
        ("L-2", "later", 1),
    ]


def test_a_due_date_moved_after_planning_is_spoken_of_before_the_new_date_only(lender: Lender) -> None:
    lender.book("loan due_on\nL-1 2026-03-10")
    lender.plan("2026-03-09T00:00+08:00")
    lender.conn.execute("UPDATE installment SET due_on = '2026-03-11'")
    lender.conn.commit()
    lender.plan("2026-03-09T01:00+08:00")
    assert lender.messages("local_time") == [("2026-03-09 09:00",), ("2026-03-10 09:00",)]


def test_an_amount_changed_after_planning_makes_no_second_message(lender: Lender) -> None:
    lender.book("loan due_on\nL-1 2026-03-10")
    lender.plan("2026-03-09T00:00+08:00")
    lender.conn.execute("UPDATE installment SET due_minor = 5")
    lender.conn.commit()
    assert lender.plan("2026-03-09T01:00+08:00").messages == 0
