"""What changes between two policies, in words, and between their templates, line by line."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import unified_diff
from typing import Final, TypeVar

from duecourse.domain.buckets import bucket_labels

from .early import early_in_words
from .model import Party, Policy, Step
from .offers import offers_in_words
from .templates import Templates, TemplateText
from .words import (
    brakes_in_words,
    bureau_in_words,
    condition_in_words,
    day_in_words,
    duration_in_words,
    grace_in_words,
    languages_in_words,
    parties_in_words,
    responses_in_words,
    route_in_words,
    templates_in_words,
    times_in_words,
    useful_in_words,
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Change:
    """One difference. where: 'policy' or 'step <id>'; was or becomes is empty for what is new or gone."""

    where: str
    what: str
    was: str
    becomes: str

    def __str__(self) -> str:
        if not self.was:
            return f"{self.where}: new {self.what}: {self.becomes}"
        if not self.becomes:
            return f"{self.where}: {self.what} removed (was: {self.was})"
        return f"{self.where}: {self.what} changes from '{self.was}' to '{self.becomes}'"


@dataclass(frozen=True, slots=True)
class TextChange:
    """How one part of a template changes: the lines of a unified diff."""

    template: str
    language: str
    part: str
    lines: tuple[str, ...]


_POLICY: Final[Mapping[str, Callable[[Policy], str]]] = {
    "priority": lambda policy: str(policy.priority),
    "applies to": lambda policy: condition_in_words(policy.applies_to),
    "messages": lambda policy: f"one for each {policy.bundle}",
    "grace": lambda policy: grace_in_words(policy.grace),
    "buckets": lambda policy: ", ".join(bucket_labels(policy.buckets)),
    "bureau days": lambda policy: bureau_in_words(policy.bureau),
    "daily cap": lambda policy: f"{policy.daily_cap} a day",
    "brakes": lambda policy: brakes_in_words(policy.brakes),
    "correction": lambda policy: policy.correction or "none",
    "link to pay": lambda policy: policy.pay_link or "none",
    "code of every notice": lambda policy: policy.authenticity,
    "links hold": lambda policy: (
        f"{policy.link_days} days" if policy.link_days else "as the lender's setting says"
    ),
    "confirmation of a stop": lambda policy: policy.opt_out_confirmation or "none",
    "code to a new address": lambda policy: policy.verify_address or "none",
    "answers": lambda policy: responses_in_words(policy.responses),
    "offers": lambda policy: offers_in_words(policy.offers),
    "early settlement": lambda policy: early_in_words(policy.early_settlement),
    "part payments": lambda policy: policy.part_payments,
    "certificates": lambda policy: policy.certificates,
    "speaks as": lambda policy: policy.actor or "the lender's setting says",
    "oldest book": lambda policy: (
        "any" if policy.max_book_age_seconds is None else duration_in_words(policy.max_book_age_seconds)
    ),
    "most SMS parts": lambda policy: str(policy.sms_parts_max),
    "languages": lambda policy: languages_in_words(policy.wording.languages),
}

_STEP: Final[Mapping[str, Callable[[Step], str]]] = {
    "day": day_in_words,
    "time": times_in_words,
    "who": lambda step: condition_in_words(step.condition),
    "parties": parties_in_words,
    "purpose": lambda step: step.purpose.value,
    "notice": lambda step: step.serves or "none",
    "act": lambda step: step.act or "none",
    "route": route_in_words,
    "earlier step": lambda step: "taken the place of" if step.earlier == "supersede" else "waited for",
    "useful until": useful_in_words,
    "template": templates_in_words,
}


def step_in_words(step: Step) -> str:
    """A whole step in a sentence."""
    told = f" told to {parties_in_words(step)}" if step.to != (Party.BORROWER,) else ""
    return (
        f"{step.purpose}{told} {day_in_words(step)}, {times_in_words(step)}, by {route_in_words(step)}, "
        f"to: {condition_in_words(step.condition)}; template {templates_in_words(step)}"
    )


def diff_policies(old: Policy | None, new: Policy) -> list[Change]:
    """Every difference in meaning, the policy's own first, then step by step. old None: all is new."""
    if old is None:
        return [Change(f"step {step.id}", "step", "", step_in_words(step)) for step in new.steps]
    changes = _compared("policy", _POLICY, old, new) + _wording(old, new)
    before = {step.id: step for step in old.steps}
    after = {step.id: step for step in new.steps}
    for step_id, step in after.items():
        if step_id in before:
            changes += _compared(f"step {step_id}", _STEP, before[step_id], step)
        else:
            changes.append(Change(f"step {step_id}", "step", "", step_in_words(step)))
    for step_id, step in before.items():
        if step_id not in after:
            changes.append(Change(f"step {step_id}", "step", step_in_words(step), ""))
    return changes


def diff_templates(old: Sequence[TemplateText], new: Templates, names: Sequence[str]) -> list[TextChange]:
    """How the texts of the named templates change from `old`, part by part."""
    before = {(text.template, text.language): text.parts for text in old}
    after = {(text.template, text.language): text.parts for name in names for text in new.of(name)}
    changes = []
    for key in sorted(before.keys() | after.keys()):
        was, becomes = before.get(key, {}), after.get(key, {})
        for part in dict.fromkeys([*was, *becomes]):
            lines = tuple(
                unified_diff(
                    was.get(part, "").splitlines(), becomes.get(part, "").splitlines(), lineterm="", n=1
                )
            )[2:]
            if lines:
                changes.append(TextChange(key[0], key[1], part, lines))
    return changes


def _compared(where: str, fields: Mapping[str, Callable[[T], str]], old: T, new: T) -> list[Change]:
    return [
        Change(where, what, describe(old), describe(new))
        for what, describe in fields.items()
        if describe(old) != describe(new)
    ]


def _wording(old: Policy, new: Policy) -> list[Change]:
    changes = []
    before, after = _names(old), _names(new)
    for what in dict.fromkeys([*before, *after]):
        if before.get(what, "") != after.get(what, ""):
            changes.append(Change("policy", what, before.get(what, ""), after.get(what, "")))
    return changes


def _names(policy: Policy) -> dict[str, str]:
    names = {}
    for key, creditor in policy.wording.creditors.items():
        for language, name in creditor.name.items():
            names[f"name of creditor {key} in {language}"] = name
        if creditor.contact_phone:
            names[f"telephone of creditor {key}"] = creditor.contact_phone
    for key, by_language in policy.wording.products.items():
        for language, name in by_language.items():
            names[f"name of product {key} in {language}"] = name
    return names
