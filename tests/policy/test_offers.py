"""What a policy may offer who cannot pay: what is read, what is refused, how it reads."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from duecourse.policy.diff import diff_policies
from duecourse.policy.load import load_policy, read_policy
from duecourse.policy.model import Policy
from duecourse.policy.offered import Kind, Offer, Offers
from duecourse.policy.reading import Faults

SMALL = """policy: small
languages: [en]
{offers}
steps:
  - {{id: soon, when: due - 3d at 09:00, purpose: reminder, route: [sms], template: soon}}
"""
ALL = """offers:
  share: 60
  cooling_off: 3d
  allowed:
    - {kind: extension, mode: at-once, most_days: 10, times_a_year: 2, if: {product: [card]}}
    - {kind: extension, most_days: 20, interest: waived}
    - {kind: due-day, mode: at-once, earliest_day: 5, latest_day: 25}
    - {kind: plan, lowest_percent: 40, more_payments: 24, rate: 4.5%}
    - {kind: pause, most_months: 2}
"""


def load(folder: Path, offers: str) -> Policy:
    path = folder / "policy.yaml"
    path.write_text(SMALL.format(offers=offers), "utf-8")
    return load_policy(path)


def faults(folder: Path, offers: str) -> list[str]:
    path = folder / "policy.yaml"
    path.write_text(SMALL.format(offers=offers), "utf-8")
    found = Faults()
    read_policy(path, found)
    return [f"{problem.code} {problem.message}" for problem in found.problems]


def test_offers_are_read_with_their_bounds_and_come_back_from_the_stored_policy(tmp_path: Path) -> None:
    policy = load(tmp_path, ALL)
    assert policy.offers is not None
    assert (policy.offers.share_percent, policy.offers.cooling_off_days) == (60, 3)
    first, second, due_day, plan, pause = policy.offers.allowed
    assert (first.kind, first.mode, first.most_days, first.times_a_year) == ("extension", "at-once", 10, 2)
    assert first.condition.tests[0].any_of == ("card",)
    assert (second.mode, second.interest) == ("person", "waived")
    assert (due_day.earliest_day, due_day.latest_day) == (5, 25)
    assert plan == Offer(kind=Kind.PLAN, lowest_percent=40, more_payments=24, rate=Decimal("0.045"))
    assert pause.most_months == 2
    assert Policy.model_validate(policy.model_dump(mode="json")) == policy


def test_without_the_section_nothing_is_offered(tmp_path: Path) -> None:
    assert load(tmp_path, "").offers is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("kind: pause", "kind: holiday"), "P103 kind: 'holiday' is unknown; known: extension, due-day, plan, pause"),
        (("most_months: 2", "most_months: 4"), "P103 most_months: expected a whole number from 1 to 3, found '4'"),
        (("most_months: 2", "most_days: 2"), "P102 key 'most_days' is unknown; did you mean 'most_months'? known: "),
        (("latest_day: 25", "latest_day: 4"), "P103 latest_day: expected a whole number from 5 to 31, found '4'"),
        (("cooling_off: 3d", "cooling_off: 36h"), "P465 cooling_off: '36h' is not 1d to 30d"),
        (("cooling_off: 3d", "cooling_off: 31d"), "P465 cooling_off: '31d' is not 1d to 30d"),
        ((", if: {product: [card]}", ""), "P466 an entry before it offers extension to everyone"),
        (("rate: 4.5%", "rate: 4.5"), "P467 rate: expected 'contract' or a share such as 4.5%, found '4.5'"),
        (("rate: 4.5%", "rate: NaN%"), "P467 rate: expected 'contract'"),
        (("{product: [card]}", "{confirmed: true}"), "P453 field 'confirmed' is one of events"),
        (("{product: [card]}", "{produkt: [card]}"), "P114 condition field 'produkt' is unknown"),
        (("share: 60", "share: 0"), "P103 share: expected a whole number from 1 to 100, found '0'"),
        (("mode: at-once", "mode: maybe"), "P103 mode: 'maybe' is unknown; known: at-once, person"),
    ],
)  # fmt: skip
def test_a_bound_that_cannot_be_meant_is_refused(tmp_path: Path, change: tuple[str, str], said: str) -> None:
    found = faults(tmp_path, ALL.replace(*change, 1))
    assert len(found) == 1
    assert found[0].startswith(said)


def test_offers_without_entries_are_refused(tmp_path: Path) -> None:
    assert faults(tmp_path, "offers: {share: 60}") == ["P103 'allowed' is missing; list what may be offered"]


def test_what_changes_in_the_offers_reads_in_words(tmp_path: Path) -> None:
    (change,) = diff_policies(load(tmp_path, ""), load(tmp_path, ALL))
    assert (change.what, change.was) == ("offers", "none")
    assert change.becomes == (
        "extension at once (at most 10 days, interest charged, 2 times a year) for: product is card; "
        "extension by a person (at most 20 days, interest waived, 1 times a year) for: everyone; "
        "due-day at once (day 5 to 25, interest charged, 1 times a year) for: everyone; "
        "plan by a person (at least 40 % of a payment, at most 24 more, 4.5 % a year, 1 times a year) for: everyone; "
        "pause by a person (at most 2 months, interest charged, 1 times a year) for: everyone; "
        "a plan takes at most 60 % of what is left; withdrawn within 3d"
    )


def test_the_defaults_allow_nothing() -> None:
    assert Offers().allowed == ()
