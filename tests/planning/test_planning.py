"""Planning: which messages, for whom, when; the same twice; nothing late, nothing merged that must not be."""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime

import pytest

from duecourse.planning.plan import SQL, plan_book
from duecourse.store.connect import Store
from lender import POLICY_HEAD, REMINDER, Lender


def test_reminder_is_planned_on_the_borrowers_day_at_the_borrowers_time(lender: Lender) -> None:
    lender.book("""
        loan  zone              due_on      amount
        L-1   Asia/Manila       2026-03-10  1500.00 PHP
        L-2   America/New_York  2026-03-10  20.00 USD
    """)
    lender.plan("2026-03-09T00:00+08:00")
    assert lender.messages("loans", "local_time", "currency") == [
        ("L-1", "2026-03-09 09:00", "PHP"),
        ("L-2", "2026-03-09 09:00", "USD"),
    ]


def test_planning_twice_plans_nothing_the_second_time(lender: Lender) -> None:
    lender.book("""
        loan  due_on
        L-1   2026-03-10
        L-2   2026-03-11
    """)
    first = lender.plan("2026-03-09T00:00+08:00")
    before = lender.messages("message_id", "version", "changed_at")
    second = lender.plan("2026-03-09T01:00+08:00")
    assert (first.messages, second.messages, second.items) == (2, 0, 0)
    assert lender.messages("message_id", "version", "changed_at") == before


def test_two_planners_at_once_make_each_message_once(lender: Lender, store: Store) -> None:
    lender.book("loan due_on\n" + "\n".join(f"L-{n:03} 2026-03-10" for n in range(200)))
    lender.policy(REMINDER)
    failures: list[BaseException] = []

    def plan() -> None:
        try:
            with store.connect(idle_in_transaction_seconds=0) as conn:
                twin = Lender(conn, lender.keyring, lender.folder)
                twin.policies, twin.versions = lender.policies, lender.versions
                twin.plan("2026-03-09T00:00+08:00")
        except BaseException as error:
            failures.append(error)

    planners = [threading.Thread(target=plan) for _ in range(4)]
    for planner in planners:
        planner.start()
    for planner in planners:
        planner.join()
    assert not failures
    planned = [row[0] for row in lender.messages("loans")]
    assert (len(planned), len(set(planned))) == (200, 200)


def test_installments_of_one_borrower_that_fall_together_make_one_message(lender: Lender) -> None:
    lender.book("""
        loan  borrower  due_on
        L-1   B         2026-03-10
        L-2   B         2026-03-10
        L-3   C         2026-03-10
    """)
    lender.plan("2026-03-09T00:00+08:00")
    assert lender.messages("loans") == [("L-1,L-2",), ("L-3",)]


@pytest.mark.parametrize(
    ("column", "one", "other"),
    [("creditor", "bank", "shop"), ("amount", "10.00 CNY", "10.00 USD")],
)
def test_a_bundle_never_mixes_creditors_or_currencies(
    lender: Lender, column: str, one: str, other: str
) -> None:
    lender.book(f"loan borrower due_on {column}\nL-1 B 2026-03-10 {one}\nL-2 B 2026-03-10 {other}")
    lender.plan("2026-03-09T00:00+08:00")
    assert lender.messages("loans") == [("L-1",), ("L-2",)]


def test_a_reminder_is_never_bundled_with_an_overdue_notice(lender: Lender) -> None:
    lender.book("""
        loan  borrower  due_on
        L-1   B         2026-03-10
        L-2   B         2026-03-08
    """)
    lender.policy(BOTH)
    lender.plan("2026-03-09T00:00+08:00")
    assert lender.messages("loans", "purpose") == [("L-1", "reminder"), ("L-2", "collection")]


def test_steps_that_fall_on_one_day_merge_and_the_later_step_leads(lender: Lender) -> None:
    lender.book("""
        loan  borrower  due_on
        L-1   B         2026-03-12
        L-2   B         2026-03-10
    """)
    lender.policy("""
  - id: due-in-3
    when: due - 3d at 10:00
    purpose: reminder
    route: [sms]
    template: early
  - id: due-in-1
    when: due - 1d at 09:00
    purpose: reminder
    route: [sms]
    template: late
""")
    lender.plan("2026-03-09T00:00+08:00")
    assert lender.messages("step", "loans", where="local_on = '2026-03-09'") == [("due-in-1", "L-1,L-2")]


def test_an_item_that_appears_later_joins_the_message_nobody_has_claimed(lender: Lender) -> None:
    lender.book("loan borrower due_on\nL-1 B 2026-03-10")
    lender.plan("2026-03-09T00:00+08:00")
    lender.book("loan borrower due_on\nL-2 B 2026-03-10")
    lender.plan("2026-03-09T01:00+08:00")
    assert lender.messages("loans", "supplement") == [("L-1,L-2", 0)]


def test_an_item_that_appears_after_the_claim_makes_a_supplementary_message(lender: Lender) -> None:
    lender.book("loan borrower due_on\nL-1 B 2026-03-10")
    lender.plan("2026-03-09T00:00+08:00")
    lender.conn.execute("UPDATE message SET state = 'in_flight', tries = 1")
    lender.book("loan borrower due_on\nL-2 B 2026-03-10")
    lender.plan("2026-03-09T01:00+08:00")
    assert lender.messages("loans", "supplement") == [("L-1", 0), ("L-2", 1)]


def test_a_window_spreads_messages_and_stays_inside(lender: Lender) -> None:
    lender.book("loan due_on\n" + "\n".join(f"L-{n:03} 2026-03-10" for n in range(300)))
    lender.policy("""
  - id: spread
    when: due - 1d between 09:30 and 11:30
    purpose: reminder
    route: [sms]
    template: due-soon
""")
    lender.plan("2026-03-09T00:00+08:00")
    times = [row[0][-5:] for row in lender.messages("local_time")]
    quarters = [sum(start <= time < end for time in times) for start, end in QUARTERS]
    assert sum(quarters) == 300
    assert min(quarters) > 40  # 75 expected in each; a lump would leave one nearly empty


QUARTERS = [("09:30", "10:00"), ("10:00", "10:30"), ("10:30", "11:00"), ("11:00", "11:30")]


def test_the_local_time_holds_across_a_change_to_summer_time(lender: Lender) -> None:
    lender.book("""
        loan  zone              due_on
        L-1   America/New_York  2026-03-08
        L-2   America/New_York  2026-03-09
    """)  # clocks go forward on 8 March 2026, 02:00
    lender.plan("2026-03-07T00:00+08:00")
    assert lender.messages("to_char(not_before AT TIME ZONE 'UTC', 'DD HH24:MI')") == [
        ("07 14:00",),
        ("08 13:00",),
    ]


@pytest.mark.parametrize("days", [13, 1, 0])
def test_any_number_of_days_before_the_due_date(lender: Lender, days: int) -> None:
    lender.book("loan due_on\nL-1 2026-03-20")
    lender.policy(f"""
  - id: early
    when: due - {days}d at 09:00
    purpose: reminder
    route: [sms]
    template: due-soon
""")
    lender.plan(f"2026-03-{20 - days:02}T00:00+08:00")
    assert lender.messages("local_time") == [(f"2026-03-{20 - days:02} 09:00",)]


def test_statement_steps_count_from_the_day_the_statement_became_known(lender: Lender) -> None:
    lender.book("loan statement_on due_on\nL-1 2026-03-10 2026-03-28")
    lender.policy("""
  - id: statement
    when: statement + 1d at 09:00
    purpose: reminder
    route: [sms]
    template: due-soon
""")
    lender.plan("2026-03-09T00:00+08:00")
    assert lender.messages() == []  # the statement is not known yet
    lender.plan("2026-03-10T00:00+08:00")
    assert lender.messages("local_time") == [("2026-03-11 09:00",)]


def test_overdue_counts_from_the_end_of_grace_frozen_on_the_due_date(lender: Lender) -> None:
    lender.book("""
        loan  due_on      grade
        L-1   2026-03-05  A
        L-2   2026-03-08  D
    """)
    lender.policy(BOTH, head=POLICY_HEAD + "grace_days: {A: 3, D: 0}\n")
    lender.plan("2026-03-05T00:00+08:00")
    lender.conn.execute("UPDATE borrower SET grade = 'D'")  # too late for L-1: its grace is frozen
    lender.conn.commit()
    for day in range(6, 10):
        lender.plan(f"2026-03-{day:02}T00:00+08:00")
    assert lender.messages("loans", "local_on", where="purpose = 'collection'") == [
        ("L-1", date(2026, 3, 9)),
        ("L-2", date(2026, 3, 9)),
    ]


BOTH = """
  - id: due-in-1
    when: due - 1d at 09:00
    purpose: reminder
    route: [sms]
    template: due-soon
  - id: overdue-1
    when: overdue + 1d at 10:00
    purpose: collection
    route: [sms]
    template: overdue
"""


def test_what_is_paid_or_superseded_is_not_planned(lender: Lender) -> None:
    lender.book("""
        loan  due_on      settled_on
        L-1   2026-03-10  2026-03-01
        L-2   2026-03-10  2026-03-20
    """)
    lender.plan("2026-03-09T00:00+08:00")
    assert lender.messages("loans") == [("L-2",)]  # paid on the 20th is not known on the 9th


def test_missed_days_are_caught_up_and_what_is_still_of_use_is_spread(lender: Lender) -> None:
    lender.book("loan due_on\n" + "\n".join(f"L-{n:02} 2026-03-{10 + n % 4:02}" for n in range(40)))
    lender.policy("""
  - id: due-in-1
    when: due - 1d at 09:00
    purpose: reminder
    route: [sms]
    template: due-soon
    useful_until: same day 20:00
""")
    lender.plan("2026-03-06T00:00+08:00")
    lender.plan("2026-03-12T12:00+08:00")  # down since the 6th
    late = lender.messages("local_on", "useful_until < '2026-03-12T12:00+08:00'")
    assert sum(1 for row in late if row[0] < date(2026, 3, 12) and row[1]) == 30
    today = lender.messages("not_before - '2026-03-12T12:00+08:00'", where="local_on = '2026-03-12'")
    waits = sorted(row[0].total_seconds() for row in today)
    assert len(waits) == 10
    assert waits[0] >= 0
    assert waits[-1] <= 3600
    assert waits[-1] - waits[0] > 600


def test_a_dry_run_shows_what_would_go_and_why_not_and_writes_nothing(lender: Lender) -> None:
    lender.book("""
        loan  due_on      phone  email
        L-1   2026-03-10  -      -
        L-2   2026-03-10  +8613900001111  a@example.com
    """)
    report = lender.plan("2026-03-09T00:00+08:00", dry_run=True)
    assert [(line.step, line.rule, line.messages) for line in report.preview] == [
        ("due-in-1", "", 1),
        ("due-in-1", "NO-CONTACT-POINT", 1),
    ]
    assert lender.messages() == []


def test_publishing_a_new_version_plans_anew_what_nobody_has_claimed(lender: Lender) -> None:
    lender.book("""
        loan  due_on
        L-1   2026-03-10
        L-2   2026-03-10
    """)
    lender.plan("2026-03-09T00:00+08:00")
    lender.conn.execute(
        "UPDATE message SET state = 'in_flight', tries = 1 WHERE borrower_id = "
        "(SELECT borrower_id FROM loan WHERE loan_ref = 'L-2')"
    )
    lender.policy("""
  - id: due-in-1
    when: due - 1d at 10:00
    purpose: reminder
    route: [email]
    template: due-soon
""")
    report = lender.plan("2026-03-09T01:00+08:00")
    assert report.withdrawn == 1
    assert lender.messages("loans", "policy_version", "route[1]") == [("L-1", 2, "email"), ("L-2", 1, "sms")]


def test_what_is_outdated_is_not_looked_for_by_the_summary_of_days(lender: Lender) -> None:
    """What was planned since it was made is read whole by it: all lanes' messages, for a few lanes that are planned."""
    lender.book("loan due_on\nL-0 2026-03-10")
    lender.clone("L-0", 500)
    lender.plan("2026-03-09T00:00+08:00")
    lender.conn.execute("ANALYZE message")
    plannable = lender.plannables()[0]
    given = {
        "lanes": [7], "policies": [plannable.policy.name], "versions": [plannable.version],
        "actors": [plannable.actor.value], "gentle": [], "from_on": date(2026, 3, 19), "now": datetime.now(UTC),
    }  # fmt: skip
    for way in ("indexscan", "indexonlyscan", "seqscan"):
        lender.conn.execute(f"SET LOCAL enable_{way} = off")
    plan = lender.conn.execute("EXPLAIN " + SQL["withdraw_outdated"], given).fetchall()
    assert "message_useful" in str(plan)
    assert "message_day" not in str(plan)


def test_send_all_makes_one_leg_per_channel_of_one_decision(lender: Lender) -> None:
    lender.book("loan due_on\nL-1 2026-03-10")
    lender.policy("""
  - id: both
    when: due - 1d at 09:00
    purpose: reminder
    route: [sms, email]
    send: all
    template: due-soon
""")
    lender.plan("2026-03-09T00:00+08:00")
    assert lender.messages("leg", "route") == [(1, ["sms"]), (2, ["email"])]
    first, second = lender.messages("group_id")
    assert first == second


def test_where_the_items_of_a_bundle_want_different_variants_the_steps_own_text_serves(
    lender: Lender,
) -> None:
    lender.book("""
        loan  borrower  due_on      autopay
        L-1   B         2026-03-10  yes
        L-2   B         2026-03-10  no
        L-3   C         2026-03-10  yes
    """)
    lender.policy("""
  - id: due-in-1
    when: due - 1d at 09:00
    purpose: reminder
    route: [sms]
    template: due-soon
    variants:
      - if: {autopay: true}
        template: debit-soon
""")
    lender.plan("2026-03-09T00:00+08:00")
    assert lender.messages("loans", "template") == [("L-1,L-2", "due-soon"), ("L-3", "debit-soon")]


def test_looking_far_ahead_freezes_no_grace_before_its_day(lender: Lender) -> None:
    lender.book("loan due_on grade\nL-1 2026-03-20 A")
    lender.policy(BOTH, head=POLICY_HEAD + "grace_days: {A: 3, D: 0}\n")
    plan_book(
        lender.conn,
        lender.plannables(),
        as_of=date(2026, 3, 25),
        now=datetime.fromisoformat("2026-03-09T12:00+08:00"),
    )
    assert lender.conn.execute("SELECT grace_days FROM installment").fetchall() == [(None,)]


def test_a_transaction_has_as_many_lanes_as_are_worth_it_and_never_most_of_the_book(lender: Lender) -> None:
    lender.book("loan due_on\n" + "\n".join(f"L-{n:02} 2026-03-10" for n in range(40)))
    done: list[tuple[int, int]] = []
    report = lender.plan(
        "2026-03-09T00:00+08:00",
        lanes_at_once=None,
        on_progress=lambda lanes, messages: done.append((len(lanes), messages)),
    )
    assert [lanes for lanes, _ in done] == [8, 64, 64, 64, 56]
    assert sum(messages for _, messages in done) == report.messages == 40


def test_who_stops_leaves_the_lanes_that_are_not_begun_to_the_next_run(lender: Lender) -> None:
    lender.book("loan due_on\n" + "\n".join(f"L-{n:02} 2026-03-10" for n in range(40)))
    begun: list[int] = []
    part = lender.plan(
        "2026-03-09T00:00+08:00",
        lanes_at_once=64,
        on_progress=lambda lanes, _: begun.extend(lanes),
        is_stopping=lambda: len(begun) >= 128,
    )
    assert begun == list(range(128))
    assert 0 < part.messages < 40
    rest = lender.plan("2026-03-09T00:00+08:00")
    assert part.messages + rest.messages == len(lender.messages()) == 40
