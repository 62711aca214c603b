"""As whom a message speaks and what it threatens decide which rules look at it, when planning and when claiming."""

from __future__ import annotations

from datetime import datetime

import pytest

from counter import Counter
from duecourse.book.consents import ConsentKind, record_consent
from duecourse.book.notices import record_notice
from duecourse.book.wishes import Person, Said
from duecourse.domain.problems import DuecourseError
from duecourse.rules.model import Actor
from lender import POLICY_HEAD, Lender, borrower_id_of, lane_of
from post import Post

BEFORE_COURT = """
  - id: before-court
    when: overdue + 20d at 10:00
    act: enforcement
    purpose: collection
    route: [email]
    useful_until: +20d
    template: overdue
"""
LATE = """
  - id: late
    when: overdue + 20d at 10:00
    purpose: collection
    route: [email]
    template: overdue
"""
PRINTED = {"region": "GB", "zone": "Europe/London", "amount": "90.00 GBP"}
AT = "2026-03-30T10:00+01:00"


def planned(lender: Lender, steps: str, now: str = "2026-03-29T12:00+01:00", **place: str) -> None:
    lender.book("loan due_on\nL-1 2026-03-10", **(place or PRINTED))
    lender.policy(steps)
    lender.plan(now, lender_zone="Europe/London")


def serve(lender: Lender, kind: str, at: str) -> None:
    moment = datetime.fromisoformat(at)
    person = Person(lane_of("B-L-1"), borrower_id_of("B-L-1"))
    record_notice(lender.conn, person, kind, said=Said("letter 7", "cli", "me", moment, moment))
    lender.conn.commit()


def judged(lender: Lender) -> list[tuple[str, str | None]]:
    return [(state, rule) for state, rule in lender.messages("coalesce(outcome, state)", "rule")]


def test_what_threatens_enforcement_waits_for_the_default_notice_and_its_fourteen_days(
    lender: Lender, post: Post
) -> None:
    planned(lender, BEFORE_COURT)
    assert judged(lender) == [("planned", "UK-87")]
    counter = Counter(post)
    counter.at(AT)
    assert counter.ends["email"].taken == []
    assert judged(lender) == [("planned", "UK-87")]
    serve(lender, "default", "2026-03-30T11:00+01:00")
    counter.at("2026-04-13T20:59+01:00")
    assert counter.ends["email"].taken == []
    (waits,) = lender.messages("verdict -> 'rules' -> 0 -> 'saw' ->> 'wait_days'")
    assert waits == ("14",)
    counter.at("2026-04-14T08:00+01:00")
    assert len(counter.ends["email"].taken) == 1


def test_a_step_that_threatens_nothing_waits_for_no_notice(lender: Lender, post: Post) -> None:
    planned(lender, LATE)
    counter = Counter(post)
    counter.at(AT)
    assert len(counter.ends["email"].taken) == 1


def test_a_notice_that_was_served_lets_the_act_be_planned_free(lender: Lender) -> None:
    serve_at = "2026-03-15T11:00+00:00"
    lender.book("loan due_on\nL-1 2026-03-10", **PRINTED)
    serve(lender, "default", serve_at)
    lender.policy(BEFORE_COURT)
    lender.plan("2026-03-29T12:00+01:00", lender_zone="Europe/London")
    assert judged(lender) == [("planned", None)]


def test_what_threatens_an_act_speaks_of_one_debt_and_joins_nothing(lender: Lender) -> None:
    lender.book("loan borrower due_on\nL-1 B 2026-03-10\nL-2 B 2026-03-10", **PRINTED)
    lender.policy(LATE + BEFORE_COURT)
    lender.plan("2026-03-29T12:00+01:00", lender_zone="Europe/London")
    assert lender.messages("step", "loans", "acts") == [
        ("before-court", "L-1", ["enforcement"]),
        ("late", "L-1,L-2", None),
        ("before-court", "L-2", ["enforcement"]),
    ]


def test_a_step_that_serves_a_notice_announces_no_act(lender: Lender) -> None:
    with pytest.raises(DuecourseError, match="a step of its own"):
        lender.policy(LATE.replace("purpose: collection", "serves: default\n    act: enforcement"))
    with pytest.raises(DuecourseError, match="did you mean 'enforcement'"):
        lender.policy(BEFORE_COURT.replace("enforcement", "enforcment"))


US = {"region": "US-CA", "zone": "America/Los_Angeles", "amount": "90.00 USD"}
TEXT = LATE.replace("email", "sms")
PACIFIC = "2026-03-30T10:00-07:00"


def in_california(lender: Lender, steps: str = TEXT, head: str = POLICY_HEAD) -> None:
    lender.book("loan due_on\nL-1 2026-03-10", **US)
    lender.policy(steps, head=head)
    lender.plan("2026-03-29T12:00-07:00", lender_zone="America/Los_Angeles")


@pytest.mark.parametrize(
    ("setting", "policy", "actor", "rule"),
    [
        (Actor.CREDITOR, "", "creditor", None),
        (Actor.COLLECTOR, "", "collector", "US-NUMBER"),
        (Actor.CREDITOR, "actor: agency\n", "agency", "US-NUMBER"),
        (Actor.COLLECTOR, "actor: creditor\n", "creditor", None),
    ],
)
def test_rules_that_bind_collectors_judge_who_contacts_as_one(
    lender: Lender, post: Post, setting: Actor, policy: str, actor: str, rule: str | None
) -> None:
    lender.actor = setting
    in_california(lender, head=POLICY_HEAD + policy)
    assert lender.messages("actor", "rule") == [(actor, rule)]
    counter = Counter(post)
    counter.at(PACIFIC)
    assert lender.messages("actor", "rule") == [(actor, rule)]
    assert len(counter.ends["sms"].taken) == (0 if rule else 1)
    if not rule:
        ledger = lender.conn.execute("SELECT DISTINCT actor FROM contact").fetchall()
        assert ledger == [(actor,)]


def test_a_collectors_text_must_offer_a_way_to_stop(lender: Lender, post: Post) -> None:
    lender.actor = Actor.COLLECTOR
    at = datetime.fromisoformat("2026-03-01T00:00+00:00")
    lender.book("loan due_on\nL-1 2026-03-10", **US)
    person = Person(lane_of("B-L-1"), borrower_id_of("B-L-1"))
    said = Said("form", "cli", "me", at, at)
    record_consent(lender.conn, ConsentKind.CONSENT, granted=True, said=said, person=person)
    lender.conn.commit()
    in_california(lender)
    counter = Counter(post)
    counter.at(PACIFIC)
    assert judged(lender) == [("planned", "US-OPTOUT")]


def test_as_another_actor_what_nobody_has_claimed_is_planned_anew(lender: Lender) -> None:
    in_california(lender)
    assert lender.messages("actor", "bundle") == [("creditor", "")]
    lender.actor = Actor.COLLECTOR
    lender.plan("2026-03-29T12:30-07:00", lender_zone="America/Los_Angeles")
    assert lender.messages("actor", "bundle") == [("collector", "collector:")]


def test_the_messages_of_two_actors_are_not_one(lender: Lender) -> None:
    lender.book("loan borrower due_on\nL-1 B 2026-03-10\nL-2 B 2026-03-10", **US)
    first = "policy: test"
    lender.policy(TEXT.replace("template", "if: {product: cash-loan}\n    template"))
    lender.policy(TEXT, head=POLICY_HEAD.replace(first, "policy: other") + "actor: collector\n")
    lender.plan("2026-03-29T12:00-07:00", lender_zone="America/Los_Angeles")
    assert sorted(lender.messages("actor", "loans")) == [("collector", "L-1,L-2"), ("creditor", "L-1,L-2")]
