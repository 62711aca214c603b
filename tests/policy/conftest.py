"""A small sound policy that each test bends in one place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from duecourse.domain.problems import DuecourseError
from duecourse.policy.load import load_policy
from duecourse.policy.model import Policy

POLICY = """\
policy: small
grace_days: {A: 7, B: 0, default: 0}
languages: {known: [zh-CN, en], default: en}
creditors:
  "*": {name: {zh-CN: 海港, en: Harbour}, contact_phone: "400"}
steps:
  - id: soon
    when: due - 3d between 09:30 and 11:30
    if: {autopay: false}
    purpose: reminder
    route: [sms, email]
    next_if: {not: delivered, within: 2h}
    useful_until: same day 20:00
    template: soon
  - id: late
    when: overdue + 1d at 10:00
    purpose: collection
    route: [sms]
    template: late
"""

TEXTS = {
    "soon.zh-CN": """\
sms: "【{{ creditor }}】应还{{ total | money }}"
subject: 账户提醒
email: "应还{{ total | money }}"
""",
    "soon.en": """\
sms: "{{ total | money }} due {{ due_on | date }}"
subject: A date
email: "{{ total | money }}"
""",
    "late.zh-CN": 'sms: "{{ total | money }}已逾期"\n',
    "late.en": 'sms: "{{ total | money }} is overdue"\n',
}


@pytest.fixture
def policy_file(tmp_path: Path) -> Callable[..., Path]:
    """Write the small policy with texts replaced in it, and its templates beside it."""

    def write(
        *changes: tuple[str, str], texts: dict[str, str | None] | None = None, folder: str = ""
    ) -> Path:
        text = POLICY
        for old, new in changes:
            assert old in text, f"the policy has no {old!r} to change"
            text = text.replace(old, new, 1)
        home = tmp_path / folder
        (home / "templates").mkdir(parents=True, exist_ok=True)
        for name, source in {**TEXTS, **(texts or {})}.items():
            path = home / "templates" / f"{name}.yaml"
            if source is None:
                path.unlink(missing_ok=True)
            else:
                path.write_text(source, "utf-8")
        file = home / "policy.yaml"
        file.write_text(text, "utf-8")
        return file

    return write


@pytest.fixture
def faults(policy_file: Callable[..., Path]) -> Callable[..., list[str]]:
    """The faults of the bent policy as 'line code message'."""

    def read(*changes: tuple[str, str]) -> list[str]:
        path = policy_file(*changes)
        try:
            load_policy(path)
        except DuecourseError as error:
            return [
                f"{problem.where.removeprefix(str(path))} {problem.code} {problem.message}".lstrip(":")
                for problem in error.problems
            ]
        return []

    return read


@pytest.fixture
def policy(policy_file: Callable[..., Path]) -> Policy:
    return load_policy(policy_file())
