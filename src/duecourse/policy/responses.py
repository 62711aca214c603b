"""The `responses:` section of a policy file: what follows from what a borrower answers."""

from __future__ import annotations

from typing import Final

from ruamel.yaml.comments import CommentedSeq

from .model import Responses
from .reading import Section, did_you_mean, shown
from .routes import parse_duration

CALLABLE: Final = (
    "distress", "call-me", "cannot-pay", "wants-plan", "complaint", "dispute", "abuse", "unclear", "authenticity",
)  # fmt: skip
"""Intents (responses.intents) upon which a person may be asked to call. Nobody calls whoever said that the borrower
died, has a lawyer or is somebody else."""
_DAY: Final = 86_400
MOST_DAYS: Final = 30
MOST_PROMISES: Final = 10


def parse_responses(top: Section) -> Responses | None:
    """None when the policy has no such section; faults P103, P430 (a time in no whole days), P431 (an intent)."""
    under = top.section("responses", "responses")
    if under is None:
        return None
    usual = Responses()
    found = Responses(
        paid_wait_days=_days(under, "paid_wait", usual.paid_wait_days),
        promise_longest_days=_days(under, "promise_longest", usual.promise_longest_days),
        promises_in_a_row=under.integer("promises_in_a_row", usual.promises_in_a_row, 0, MOST_PROMISES),
        gentler="variants"
        if under.choice("gentler", ["pause", "variants"], default="pause") == "variants"
        else "pause",
        gentle_days=_days(under, "gentle_for", usual.gentle_days),
        authenticity_reply=under.identifier("authenticity_reply", required=False),
        person_calls=_intents(under, usual.person_calls),
    )
    under.finish()
    return found


def _days(under: Section, key: str, usual: int) -> int:
    text = under.text(key)
    if text is None:
        return usual
    seconds = parse_duration(text)
    if seconds is None or seconds % _DAY:
        under.fault("P430", key, f"{key}: {shown(text)} is not 1d to {MOST_DAYS}d; write whole days, e.g. 3d")
        return usual
    return seconds // _DAY


def _intents(under: Section, usual: tuple[str, ...]) -> tuple[str, ...]:
    value = under.take("person_calls")
    if value is None:
        return usual
    if not isinstance(value, CommentedSeq):
        under.fault("P103", "person_calls", f"person_calls: expected a list, found {shown(value)}")
        return usual
    for entry in value:
        if entry not in CALLABLE:
            known = did_you_mean(str(entry), CALLABLE)
            under.fault("P431", "person_calls", f"person_calls: {shown(entry)} is unknown; {known}")
    return tuple(str(entry) for entry in value if entry in CALLABLE)
