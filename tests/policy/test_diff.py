"""What changes between two policies, in words a compliance officer reads."""

# ruff: noqa: E501
# The tables of cases are read across.

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from duecourse.content.check import check
from duecourse.policy.diff import diff_policies, diff_templates
from duecourse.policy.load import load_policy
from duecourse.policy.model import Policy
from duecourse.policy.words import duration_in_words, in_time_order


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("due - 3d", "due - 5d", "step soon: day changes from '3 days before the due date' to '5 days before the due date'"),
        ("09:30 and 11:30", "10:00 and 11:30", "step soon: time changes from 'between 09:30 and 11:30' to 'between 10:00 and 11:30'"),
        ("autopay: false", "product: [a, b, c]", "step soon: who changes from 'direct debit is no' to 'product is a, b or c'"),
        ("autopay: false", "amount: {min: 5, currency: CNY}", "step soon: who changes from 'direct debit is no' to 'amount is at least 5 CNY'"),
        ("within: 2h", "within: 90m", "step soon: route changes from 'SMS, then e-mail if not delivered within 2 hours' to 'SMS, then e-mail if not delivered within 1 hour 30 minutes'"),
        ("    next_if: {not: delivered, within: 2h}", "    send: all", "step soon: route changes from 'SMS, then e-mail if not delivered within 2 hours' to 'SMS and e-mail at once'"),
        ("same day 20:00", "+2d", "step soon: useful until changes from '20:00 of the same day' to 'the end of the day 2 days later'"),
        ("A: 7", "A: 5", "policy: grace changes from 'A 7, B 0, all others 0 days' to 'A 5, B 0, all others 0 days'"),
        ("en: Harbour", "en: Haven", "policy: name of creditor * in en changes from 'Harbour' to 'Haven'"),
        (
            "policy: small",
            "policy: small\nmax_book_age: 36h",
            "policy: oldest book changes from 'any' to '1 day 12 hours'",
        ),
        ("policy: small", "policy: small\ndaily_cap: 2", "policy: daily cap changes from '1 a day' to '2 a day'"),
        ("- id: late", "- id: later", "step later: new step: collection 1 day after the end of grace, at 10:00, by SMS, to: everyone; template late"),
    ],
)  # fmt: skip
def test_a_change_is_told_in_words(
    policy: Policy, policy_file: Callable[..., Path], old: str, new: str, words: str
) -> None:
    changes = diff_policies(policy, load_policy(policy_file((old, new))))
    assert str(changes[0]) == words


def test_a_removed_step_is_told(policy: Policy) -> None:
    shorter = policy.model_copy(update={"steps": policy.steps[:1]})
    [change] = diff_policies(policy, shorter)
    assert str(change).startswith("step late: step removed (was: collection 1 day after the end of grace")


def test_nothing_changes_between_a_policy_and_itself(policy: Policy) -> None:
    assert diff_policies(policy, policy) == []


def test_against_nothing_every_step_is_new(policy: Policy) -> None:
    assert [change.where for change in diff_policies(None, policy)] == ["step soon", "step late"]


def test_a_text_changes_line_by_line(policy_file: Callable[..., Path]) -> None:
    old = check(policy_file(folder="old"))
    new = check(policy_file(folder="new", texts={"late.en": 'sms: "{{ total | money }} is open"\n'}))
    texts = [text for name in old.policy.templates for text in old.templates.of(name)]
    [change] = diff_templates(texts, new.templates, new.policy.templates)
    assert (change.template, change.language, change.part) == ("late", "en", "sms")
    assert change.lines[1:] == ("-{{ total | money }} is overdue", "+{{ total | money }} is open")


def test_steps_are_shown_in_time_order(policy: Policy) -> None:
    reversed_policy = policy.model_copy(update={"steps": policy.steps[::-1]})
    assert [step.id for step in in_time_order(reversed_policy)] == ["soon", "late"]


@pytest.mark.parametrize(
    ("seconds", "words"), [(60, "1 minute"), (7200, "2 hours"), (90_000, "1 day 1 hour")]
)
def test_a_duration_is_told_in_its_units(seconds: int, words: str) -> None:
    assert duration_in_words(seconds) == words
