"""A step on an event: what may be said of it, what of a step on a day it has not, and how it reads."""

# ruff: noqa: E501
# The table of cases is read across.

from __future__ import annotations

from datetime import time
from pathlib import Path

import pytest

from duecourse.book.events import EVENT_KINDS
from duecourse.domain.messaging import Purpose
from duecourse.policy.diff import diff_policies, step_in_words
from duecourse.policy.load import load_policy, read_policy
from duecourse.policy.model import ANY_TIME, Anchor, Policy, Window
from duecourse.policy.reading import Faults

HEAD = "policy: small\nlanguages: [en]\n"
STEP = """steps:
  - id: thanks
    on: payment.received
    purpose: confirmation
    route: [sms, email]
    template: thanks
"""


def load(folder: Path, text: str = HEAD + STEP) -> Policy:
    path = folder / "policy.yaml"
    path.write_text(text, "utf-8")
    return load_policy(path)


def faults(folder: Path, text: str) -> list[str]:
    path = folder / "policy.yaml"
    path.write_text(text, "utf-8")
    found = Faults()
    read_policy(path, found)
    return [f"{problem.code} {problem.message}" for problem in [*found.problems, *found.warnings]]


def test_a_step_on_an_event_goes_at_once_and_is_of_use_for_a_day(tmp_path: Path) -> None:
    step = load(tmp_path).steps[0]
    assert (step.anchor, step.on, step.window) == (Anchor.EVENT, "payment.received", ANY_TIME)
    assert (step.after_seconds, step.gather_seconds, step.useful_for_seconds) == (0, 0, 86_400)
    assert step.purpose is Purpose.CONFIRMATION


@pytest.mark.parametrize("kind", EVENT_KINDS)
def test_every_kind_of_event_can_be_told_and_reads_in_words(tmp_path: Path, kind: str) -> None:
    step = load(tmp_path, HEAD + STEP.replace("payment.received", kind)).steps[0]
    assert step.on == kind
    assert step_in_words(step).startswith("confirmation when a") or " when the rate" in step_in_words(step)


def test_hours_and_spans_are_read_and_come_back_from_the_stored_policy(tmp_path: Path) -> None:
    text = STEP.replace(
        "received", "received between 09:00 and 20:00\n    after: 5m\n    gather: 10m\n    useful_for: 2d"
    )
    policy = load(tmp_path, HEAD + text)
    step = policy.steps[0]
    assert step.window == Window(start=time(9), end=time(20))
    assert (step.after_seconds, step.gather_seconds, step.useful_for_seconds) == (300, 600, 172_800)
    assert Policy.model_validate_json(policy.model_dump_json()) == policy


def test_what_changes_of_an_event_step_is_told(tmp_path: Path) -> None:
    old = load(tmp_path)
    new = load(tmp_path, HEAD + STEP.replace("received", "received\n    gather: 10m\n    useful_for: 2d"))
    assert [str(change) for change in diff_policies(old, new)] == [
        "step thanks: day changes from 'when a payment has come in' to "
        "'when a payment has come in, with all of 10 minutes together'",
        "step thanks: useful until changes from '1 day after it' to '2 days after it'",
    ]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("payment.received", "payment.recieved", "P450 on: event 'payment.recieved' is unknown; did you mean 'payment.received'?"),
        ("payment.received", "payment.received at 09:00", "P450 on: 'payment.received at 09:00' is not understood"),
        ("payment.received", "payment.received between 09:00 and 9:30", "P106 on: '9:30' is not a time of day"),
        ("payment.received", "payment.received between 20:00 and 09:00", "P107 on: the hours 20:00 to 09:00 are empty"),
        ("payment.received", "payment.received between 07:00 and 09:00", "P108 on: 07:00 to 09:00 is outside 08:00-21:00"),
        ("purpose:", "when: due at 09:00\n    purpose:", "P451 when: a step on an event has none; write either"),
        ("purpose:", "serves: default\n    purpose:", "P451 serves: a step on an event has none; it belongs"),
        ("purpose:", "useful_until: +1d\n    purpose:", "P451 useful_until: a step on an event has none; write 'useful"),
        ("on: payment.received", "after: 5m\n    when: due at 09:00", "P451 after: only a step on an event has it"),
        ("purpose:", "after: soon\n    purpose:", "P452 after: 'soon' is not a time of 1m to 30d"),
        ("purpose:", "useful_for: 0m\n    purpose:", "P452 useful_for: '0m' is not a time"),
        ("purpose:", "gather: 2h\n    useful_for: 1h\n    purpose:", "P452 gather: it waits longer than the message has"),
        ("purpose:", "if: {days_past_due: 3}\n    purpose:", "P453 days_past_due asks of an installment"),
        ("purpose: confirmation", "purpose: reminder", "P103 purpose: 'reminder' is unknown"),
        ("route: [sms, email]", "route: [sms, email]\n    next_if: {not: paid, within: 2h}", "P110 next_if: 'paid' waits"),
        ("route: [sms, email]", "route: [task]", "P454 route: nobody needs to be called to be thanked"),
        ("on: payment.received\n    purpose: confirmation", "when: due at 09:00\n    if: {confirmed: true}\n    purpose: reminder", "P453 confirmed asks of an event"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_an_event_step_is_said(tmp_path: Path, old: str, new: str, told: str) -> None:
    said = faults(tmp_path, HEAD + STEP.replace(old, new))
    assert [one for one in said if one.startswith(told)], said


def test_a_policy_that_applies_by_arrears_can_have_no_step_on_an_event(tmp_path: Path) -> None:
    said = faults(tmp_path, HEAD + "applies_to: {bucket: [1-7]}\n" + STEP)
    assert said == ["P453 bucket asks of an installment, of which this step does not speak"]
