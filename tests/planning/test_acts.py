"""A policy is told of notices that rules want before the acts it names, and that no step of it serves."""

from __future__ import annotations

import pytest

from duecourse.planning.acts import forgotten_notices
from duecourse.rules.compiling import shipped
from duecourse.rules.model import Actor
from lender import POLICY_HEAD, Lender

ACT = """
  - id: before-it
    when: overdue + 30d at 10:00
    act: {act}
    purpose: collection
    route: [email]
    template: overdue
"""
NOTICE = """
  - id: notice
    when: overdue + 5d at 10:00
    serves: {serves}
    route: [email]
    template: overdue
"""


def warned(lender: Lender, steps: str, head: str = "", actor: Actor = Actor.CREDITOR) -> list[str]:
    lender.policy(steps, head=POLICY_HEAD + head)
    found = list(forgotten_notices(shipped().packs, lender.policies[0], actor, "policy.yaml"))
    assert all((one.code, one.where) == ("R060", "policy.yaml step before-it") for one in found)
    return [one.message.split(" wants")[0].split(": ")[-1] for one in found]


@pytest.mark.parametrize(
    ("act", "serves", "head", "actor", "rules"),
    [
        ("enforcement", None, "", Actor.CREDITOR, ["UK-87"]),
        ("enforcement", "default", "", Actor.CREDITOR, []),
        ("enforcement", "demand", "", Actor.CREDITOR, ["UK-87"]),
        ("enforcement", None, "applies_to: {region: GB}\n", Actor.CREDITOR, ["UK-87"]),
        ("enforcement", None, "applies_to: {region: GB-SCT}\n", Actor.CREDITOR, ["UK-87"]),
        ("enforcement", None, "applies_to: {region: CN}\n", Actor.CREDITOR, []),
        ("bureau-report", None, "applies_to: {region: US}\n", Actor.CREDITOR, []),
        ("bureau-report", None, "applies_to: {region: US}\n", Actor.COLLECTOR, ["US-CRA"]),
        ("bureau-report", None, "applies_to: {region: US-MA}\nactor: agency\n", Actor.CREDITOR, ["US-CRA"]),
        ("bureau-report", None, "applies_to: {region: US}\nactor: creditor\n", Actor.COLLECTOR, []),
        ("placement", "outsourcing", "applies_to: {region: CN}\n", Actor.CREDITOR, []),
        ("placement", None, "applies_to: {region: CN}\n", Actor.CREDITOR, ["CN-OUTSRC"]),
    ],
)
def test_an_act_without_the_notice_that_a_rule_wants_is_named(
    lender: Lender, act: str, serves: str | None, head: str, actor: Actor, rules: list[str]
) -> None:
    steps = ACT.format(act=act) + (NOTICE.format(serves=serves) if serves else "")
    assert warned(lender, steps, head, actor) == rules


def test_a_policy_that_names_no_act_is_told_nothing(lender: Lender) -> None:
    assert warned(lender, ACT.replace("    act: {act}\n", "")) == []
