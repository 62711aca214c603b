"""Acts that steps threaten or do, and the notices that rules want before them: what a policy forgets."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from duecourse.domain.problems import Problem
from duecourse.policy.model import Policy, Step
from duecourse.rules.model import Actor, PriorNotice, Rule
from duecourse.rules.packs import Packs


def forgotten_notices(packs: Packs, policy: Policy, actor: Actor, file: str) -> Iterator[Problem]:
    """A problem R060 for each step whose act waits for a notice that no step of the policy serves.

    actor: as whom the policy speaks where it does not say. A step or policy for some regions alone is asked what holds
    in these; any other everywhere. Worth a look and no more: the notice may be served by letter, and entered.
    """
    served = {step.serves for step in policy.steps}
    for step in policy.steps:
        wanted = {
            rule.does.notice: rule.id
            for rule in reversed(tuple(_rules_on(packs, policy, step, Actor(policy.actor or actor))))
            if isinstance(rule.does, PriorNotice) and rule.does.notice not in served
        }
        for notice, rule_id in sorted(wanted.items()):
            yield Problem(
                "R060",
                f"{file} step {step.id}",
                f"act: {step.act}: {rule_id} wants a notice '{notice}' first, and no step serves it; "
                "until one is entered (duecourse notice add) the step says nothing",
            )


def _rules_on(packs: Packs, policy: Policy, step: Step, actor: Actor) -> Iterator[Rule]:
    """The rules that look at a step's act, for its actor and where it is for."""
    places = _regions(step) or _regions(policy)
    chains = [set(packs.chain(place)) for place in places]
    for rule in packs.rules.values():
        looks = rule.applies_to
        if step.act not in looks.action or (looks.actor and actor not in looks.actor):
            continue
        holds_in = {rule.region} if rule.region else set(packs.pack_of[rule.id].regions)
        if not chains or any(chain & holds_in for chain in chains) or _within(holds_in, places):
            yield rule


def _regions(what: Step | Policy) -> Collection[str]:
    """The regions that a step or policy names as those it is for; none: everywhere."""
    condition = what.condition if isinstance(what, Step) else what.applies_to
    return {value for test in condition.tests if test.field == "region" for value in test.any_of}


def _within(holds_in: Collection[str], places: Collection[str]) -> bool:
    """Whether a rule of a part holds in some of a larger place: one of US-MA where the step is for US."""
    return any(inner.startswith(f"{place}-") for inner in holds_in for place in places)
