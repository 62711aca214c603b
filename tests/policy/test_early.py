"""On which terms a policy lets a loan be ended early: what is read, what is refused, how it reads."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from duecourse.policy.diff import diff_policies
from duecourse.policy.early_terms import EarlySettlement
from duecourse.policy.load import load_policy, read_policy
from duecourse.policy.model import Policy
from duecourse.policy.reading import Faults

SMALL = """policy: small
languages: [en]
{early}
steps:
  - {{id: soon, when: due - 3d at 09:00, purpose: reminder, route: [sms], template: soon}}
"""


def written(folder: Path, early: str) -> Path:
    path = folder / "policy.yaml"
    path.write_text(SMALL.format(early=early), "utf-8")
    return path


def test_the_terms_are_read_kept_and_told(tmp_path: Path) -> None:
    silent = load_policy(written(tmp_path, ""))
    policy = load_policy(written(tmp_path, "early_settlement: {fee: 1.5%, fee_months: 12, valid_days: 10}"))
    terms = EarlySettlement(fee_percent=Decimal("1.5"), fee_months=12, valid_days=10)
    assert (silent.early_settlement, policy.early_settlement) == (None, terms)
    assert Policy.model_validate(policy.model_dump(mode="json")) == policy
    assert [str(change) for change in diff_policies(silent, policy)] == [
        "policy: early settlement changes from 'a person computes it' to "
        "'a fee of 1.5 % of the principal in the first 12 months; for today and 10d ahead'"
    ]
    assert load_policy(written(tmp_path, "early_settlement: {}")).early_settlement == EarlySettlement()


@pytest.mark.parametrize(
    ("early", "code"),
    [
        ("early_settlement: {fee: 1}", "P475"),
        ("early_settlement: {fee: 11%}", "P475"),
        ("early_settlement: {fee: -1%}", "P475"),
        ("early_settlement: {fee_months: 12}", "P476"),
        ("early_settlement: {valid_days: 32}", "P103"),
        ("early_settlement: {valid_until: 3}", "P102"),
    ],
)
def test_terms_that_cannot_be_are_told(early: str, code: str, tmp_path: Path) -> None:
    faults = Faults()
    read_policy(written(tmp_path, early), faults)
    assert [problem.code for problem in faults.problems] == [code]
