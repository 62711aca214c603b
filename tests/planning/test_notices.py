"""Notices that rules ask for: planned by the rules, of one debt each, and not twice while one still serves."""

from __future__ import annotations

from datetime import date
from typing import get_args
from uuid import uuid4

import pytest

from duecourse.domain.problems import DuecourseError
from duecourse.policy.steps import NOTICES
from duecourse.rules.model import Actor, Notice
from lender import LONG_AGO, POLICY_HEAD, Lender, borrower_id_of, lane_of

ARREARS = """
  - id: arrears
    when: law at 10:00
    serves: arrears
    route: [email]
    template: arrears
"""
BUREAU = ARREARS.replace("arrears", "bureau")
GB = {"region": "GB", "zone": "Europe/London", "amount": "90.00 GBP"}
SHORT = """
loan due_on settled_on
L-1 2026-03-05 2026-03-05
L-1 2026-04-05 -
L-1 2026-05-05 -
L-1 2026-06-05 -
L-1 2026-07-05 -
L-1 2026-08-05 -
L-1 2026-09-05 -
L-1 2026-10-05 -
L-1 2026-11-05 -
"""


def book(lender: Lender, rows: str, **defaults: str) -> None:
    """Rows, where '-' stands for not settled."""
    header, *lines = rows.strip().splitlines()
    for line in lines:
        kept = [(name, cell) for name, cell in zip(header.split(), line.split(), strict=True) if cell != "-"]
        lender.book(
            " ".join(name for name, _ in kept) + "\n" + " ".join(cell for _, cell in kept), **defaults
        )


def days(lender: Lender) -> list[str]:
    return [f"{day} {purpose}" for day, purpose in lender.messages("local_on", "purpose")]


def live(lender: Lender, *when: str) -> None:
    """Plan on each of these days, in the lanes where somebody lives."""
    lanes = [lane for (lane,) in lender.conn.execute("SELECT DISTINCT lane FROM borrower")]
    lender.conn.commit()
    for day in when:
        lender.plan(f"{day}T00:00+00:00", lender_zone="Europe/London", lanes=lanes)


def serve(lender: Lender, kind: str, at: str, loan: str = "L-1") -> None:
    lender.conn.execute(
        """INSERT INTO notice (lane, borrower_id, notice_id, loan_id, kind, served_at, evidence, recorded_by,
                               recorded_at)
           SELECT lane, borrower_id, gen_random_uuid(), loan_id, %s, %s, 'letter', 'test', %s
           FROM loan WHERE loan_ref = %s""",
        (kind, at, LONG_AGO, loan),
    )
    lender.conn.commit()


def test_two_payments_short_is_told_within_fourteen_days_and_one_is_not(lender: Lender) -> None:
    book(lender, SHORT, **GB)
    lender.policy(ARREARS)
    live(lender, "2026-03-06", "2026-04-08", "2026-05-05", "2026-05-06", "2026-05-08")
    assert days(lender) == ["2026-05-08 legal"]


def test_it_is_told_again_before_six_months_are_over(lender: Lender) -> None:
    book(lender, SHORT, **GB)
    lender.policy(ARREARS)
    live(lender, "2026-05-06")
    serve(lender, "arrears", "2026-05-08T10:00+01:00")
    live(lender, *(f"2026-{month:02}-06" for month in range(6, 11)))
    serve(lender, "arrears", "2026-10-08T10:00+01:00")
    live(lender, "2026-11-06")
    assert days(lender) == ["2026-05-08 legal", "2026-10-08 legal"]


def test_weekly_payments_are_told_of_after_four(lender: Lender) -> None:
    weekly = "loan due_on\n" + "\n".join(f"L-1 2026-03-{day:02}" for day in (2, 9, 16, 23))
    lender.book(weekly, **GB)
    lender.policy(ARREARS)
    live(lender, "2026-03-10", "2026-03-17", "2026-03-24")
    assert days(lender) == ["2026-03-26 legal"]


def test_who_has_paid_by_then_is_told_nothing(lender: Lender) -> None:
    book(lender, SHORT, **GB)
    lender.pay("L-1", "2026-05-05", number=3)
    lender.policy(ARREARS)
    live(lender, "2026-05-06", "2026-05-08")
    assert days(lender) == []


def test_where_no_rule_asks_for_it_nothing_is_planned(lender: Lender) -> None:
    book(lender, SHORT)
    lender.policy(ARREARS)
    live(lender, "2026-05-06", "2026-05-08")
    assert days(lender) == []


@pytest.mark.parametrize(
    ("bureau", "region", "day"),
    [
        ("", "CN", ["2026-03-13 legal"]),
        ("bureau: {from_days: 30}\n", "CN", ["2026-04-02 legal"]),
        ("bureau: {from_days: 30, count_from: grace}\ngrace_days: 5\n", "CN", ["2026-04-07 legal"]),
        ("bureau: {from_days: 30}\n", "HK", []),
    ],
)
def test_a_bureau_notice_goes_a_week_before_the_policy_reports(
    lender: Lender, bureau: str, region: str, day: list[str]
) -> None:
    lender.book("loan due_on\nL-1 2026-03-10\nL-1 2026-04-10", region=region)
    lender.policy(BUREAU, head=POLICY_HEAD + bureau)
    live(lender, "2026-03-11", "2026-03-31", "2026-04-05")
    assert days(lender) == day


def test_a_rule_that_is_not_in_force_yet_asks_for_nothing(lender: Lender) -> None:
    debt_advice = ARREARS.replace("arrears", "debt-advice")
    lender.book("loan due_on\nL-1 2026-11-16\nL-2 2026-11-17", region="DE", zone="Europe/Berlin")
    lender.policy(debt_advice)
    live(lender, "2026-11-16", "2026-11-18")
    assert lender.messages("loans", "local_on") == [("L-2", date(2026, 11, 20))]


def test_two_debts_of_one_person_are_two_notices(lender: Lender) -> None:
    lender.book("loan borrower due_on\nL-1 B 2026-03-10\nL-2 B 2026-03-10")
    lender.policy(BUREAU)
    live(lender, "2026-03-11")
    assert lender.messages("loans", "local_on") == [("L-1", date(2026, 3, 13)), ("L-2", date(2026, 3, 13))]


@pytest.mark.parametrize(
    ("steps", "says"),
    [
        (ARREARS.replace("serves: arrears", "purpose: reminder"), "law"),
        (ARREARS.replace("serves: arrears", "serves: default"), "give a day of your own"),
        (ARREARS.replace("law at", "law + 1d at"), "without days"),
        (ARREARS.replace("serves: arrears", "serves: arears"), "arrears"),
        (ARREARS.replace("    serves", "    purpose: collection\n    serves"), "legal"),
    ],
)
def test_a_step_by_law_names_a_notice_whose_day_rules_know(lender: Lender, steps: str, says: str) -> None:
    with pytest.raises(DuecourseError, match=says):
        lender.policy(steps)


def test_a_notice_on_a_day_of_the_lenders_is_planned_on_that_day(lender: Lender) -> None:
    lender.book("loan due_on\nL-1 2026-03-10", **GB)
    lender.policy(ARREARS.replace("law at", "overdue + 20d at").replace("serves: arrears", "serves: default"))
    live(lender, "2026-03-10", "2026-03-28")
    assert days(lender) == ["2026-03-30 legal"]
    rows = lender.conn.execute("SELECT lane, borrower_id, serves FROM message_item").fetchall()
    assert rows == [(lane_of("B-L-1"), borrower_id_of("B-L-1"), "default")]


def test_a_step_may_serve_each_notice_that_a_rule_may_ask_for() -> None:
    assert set(NOTICES) == set(get_args(Notice))


# -- arrears older than the policy ----------------------------------------------------------------------------


def test_arrears_older_than_the_policy_are_told_of_once_and_the_next_day(lender: Lender) -> None:
    book(lender, SHORT, **GB)
    lender.policy(ARREARS)
    live(lender, *(f"2026-06-{day:02}" for day in (20, 21, 22, 25)))
    assert days(lender) == ["2026-06-21 legal"]
    assert lender.conn.execute("SELECT number FROM message_item").fetchall() == [(4,)]


def test_arrears_that_an_import_brings_are_told_of_once(lender: Lender) -> None:
    lender.policy(ARREARS)
    lender.book("loan due_on\nL-0 2027-01-01", **GB)
    live(lender, "2026-06-10", "2026-06-20")
    assert days(lender) == []
    book(lender, SHORT, **GB)
    live(lender, "2026-06-21", "2026-06-22", "2026-06-23")
    assert days(lender) == ["2026-06-22 legal"]


def test_late_arrears_and_a_payment_that_falls_due_that_day_make_one_notice(lender: Lender) -> None:
    book(lender, SHORT, **GB)
    lender.policy(ARREARS)
    live(lender, "2026-07-06", "2026-07-07", "2026-07-08", "2026-07-09")
    assert days(lender) == ["2026-07-08 legal"]


def test_late_arrears_that_were_told_elsewhere_are_not_told_again(lender: Lender) -> None:
    book(lender, SHORT, **GB)
    serve(lender, "arrears", "2026-05-20T10:00+01:00")
    lender.policy(ARREARS)
    live(lender, "2026-06-20", "2026-06-21")
    assert days(lender) == []


def test_a_new_version_takes_a_late_notice_back_and_plans_it_once(lender: Lender) -> None:
    book(lender, SHORT, **GB)
    lender.policy(ARREARS)
    live(lender, "2026-06-20")
    lender.policy(ARREARS.replace("10:00", "11:00"))
    live(lender, "2026-06-20", "2026-06-21")
    assert days(lender) == ["2026-06-21 legal"]
    assert lender.messages("policy_version") == [(2,)]


def test_a_bureau_notice_whose_day_is_over_goes_for_the_first_that_is_unpaid(lender: Lender) -> None:
    lender.book("loan due_on\nL-1 2026-01-10\nL-1 2026-02-10\nL-1 2026-03-10")
    lender.pay("L-1", "2026-01-10", number=1)
    lender.policy(BUREAU)
    live(lender, "2026-03-20", "2026-03-21")
    assert days(lender) == ["2026-03-21 legal"]
    assert lender.conn.execute("SELECT number FROM message_item").fetchall() == [(2,)]


# -- what a collector must say --------------------------------------------------------------------------------

VALIDATION = ARREARS.replace("arrears", "validation").replace("[email]", "[email]\n    useful_until: +4d")
US = {"region": "US-CA", "zone": "America/Los_Angeles", "amount": "90.00 USD"}


def contact(
    lender: Lender,
    at: str,
    *,
    channel: str = "sms",
    outcome: str = "attempt",
    actor: str = "collector",
    **more: object,
) -> None:
    """A contact about L-1, as our own attempts or an import leave it."""
    row = {
        "lane": lane_of("B-L-1"), "borrower_id": borrower_id_of("B-L-1"), "weight": 1, "outcome": "attempt",
        "purpose": "collection", "channel": channel, "actor": actor, "at": at, "local_on": at[:10],
        "attempt_id": uuid4(), **more,
    }  # fmt: skip
    weights = [(1, "attempt")] if outcome == "attempt" else [(1, "attempt"), (0, outcome)]
    for weight, reached in weights:
        lender.conn.execute(
            """INSERT INTO contact (lane, borrower_id, attempt_id, loan_id, weight, outcome, group_id, purpose,
                                    channel, actor, source, local_on, at)
               SELECT %(lane)s, %(borrower_id)s, %(attempt_id)s, loan_id, %(weight)s, %(outcome)s, %(attempt_id)s,
                      %(purpose)s, %(channel)s, %(actor)s, 'import', %(local_on)s, %(at)s
               FROM loan WHERE loan_ref = 'L-1'""",
            row | {"weight": weight, "outcome": reached},
        )
    lender.conn.commit()


def collected(lender: Lender, steps: str = VALIDATION, actor: Actor = Actor.COLLECTOR) -> None:
    lender.actor = actor
    lender.book("loan due_on\nL-1 2026-02-01\nL-1 2026-03-01", **US)
    lender.policy(steps)


def test_validation_follows_a_collectors_first_word_once(lender: Lender) -> None:
    collected(lender)
    live(lender, "2026-03-10")
    assert days(lender) == []
    contact(lender, "2026-03-10T10:00-07:00")
    contact(lender, "2026-03-12T10:00-07:00")
    live(lender, "2026-03-11", "2026-03-12", "2026-03-13")
    assert days(lender) == ["2026-03-12 legal"]
    lender.pay("L-1", "2026-03-13", number=1)
    live(lender, "2026-03-14", "2026-03-15")
    assert days(lender) == ["2026-03-12 legal"]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"actor": "creditor"}, []),
        ({"purpose": "reminder"}, []),
        ({"channel": "voice"}, []),
        ({"channel": "voice", "outcome": "connected"}, ["2026-03-12 legal"]),
        ({"channel": "voice", "outcome": "conversation", "actor": "agency"}, ["2026-03-12 legal"]),
    ],
)
def test_what_a_first_word_is(lender: Lender, given: dict[str, str], told: list[str]) -> None:
    collected(lender)
    contact(lender, "2026-03-10T10:00-07:00", **given)  # type: ignore[arg-type]
    live(lender, "2026-03-11", "2026-03-12")
    assert days(lender) == told


def test_a_creditor_owes_no_validation(lender: Lender) -> None:
    collected(lender, actor=Actor.CREDITOR)
    contact(lender, "2026-03-10T10:00-07:00")
    live(lender, "2026-03-11", "2026-03-12")
    assert days(lender) == []


def test_validation_that_was_served_elsewhere_is_not_planned(lender: Lender) -> None:
    collected(lender)
    contact(lender, "2026-03-10T10:00-07:00")
    serve(lender, "validation", "2026-03-01T10:00-07:00")
    live(lender, "2026-03-11")
    assert days(lender) == []


@pytest.mark.parametrize(("outcome", "told"), [("connected", ["2026-03-13 legal"]), ("conversation", [])])
def test_a_collectors_bureau_notice_is_needless_once_they_have_spoken(
    lender: Lender, outcome: str, told: list[str]
) -> None:
    collected(lender, BUREAU)
    lender.pay("L-1", "2026-02-01", number=1)
    lender.pay("L-1", "2026-03-01", number=2)
    lender.book("loan due_on\nL-1 2026-03-10", **US)
    contact(lender, "2026-03-05T10:00-07:00", channel="voice", outcome=outcome)
    live(lender, "2026-03-11", "2026-03-12")
    assert days(lender) == told
