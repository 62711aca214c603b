"""A lender tightens, adds and turns on; loosening what binds is refused; every fault is told once, with its line."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from pathlib import Path
from textwrap import dedent

import pytest
from repository import DOCS

from duecourse.domain.messaging import Channel, Purpose
from duecourse.domain.problems import DuecourseError
from duecourse.rules.packs import Contact, Packs, lender_files, load_packs, shipped_packs

TODAY = date(2026, 11, 22)
Write = Callable[[str], Path]

RULE = """
rules:
  - id: OURS-1
    says: {{en: ours, zh: 自有}}
    does: {does}
    source: {{instrument: Our code, read_on: 2026-11-22}}
    level: policy
"""


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """A lender's file, its first two lines being pack and version."""

    def written(text: str, name: str = "ours.yaml") -> Path:
        path = tmp_path / name
        path.write_text(f"pack: {name.removesuffix('.yaml')}\nversion: 1\n{dedent(text).lstrip()}", "utf-8")
        return path

    return written


def faults(*paths: Path) -> list[tuple[str, str]]:
    """(code, line and rule) of every fault."""
    with pytest.raises(DuecourseError) as caught:
        load_packs(paths)
    return [(p.code, re.sub(r"^.*\.yaml", "", p.where)) for p in caught.value.problems]


def windows(packs: Packs, region: str) -> list[str]:
    found = packs.resolve(Contact(region, Purpose.COLLECTION, Channel.SMS), on=TODAY)
    return [rule.id for rule in found if rule.does.primitive == "P1"]


def test_a_binding_rule_is_tightened(write: Write) -> None:
    packs = load_packs([write('tighten: {CN-HOURS: {openings: [{start: "09:00", end: "20:00"}]}}')])
    opening = packs.rules["CN-HOURS"].does.openings[0]  # type: ignore[union-attr]
    assert (f"{opening.start:%H:%M}", f"{opening.end:%H:%M}") == ("09:00", "20:00")
    assert packs.digests["cn"] != Packs(shipped_packs()).digests["cn"]
    assert packs.digests["us"] == Packs(shipped_packs()).digests["us"]


@pytest.mark.parametrize(
    "change",
    [
        'CN-HOURS: {openings: [{start: "07:00", end: "22:00"}]}',
        "CN-CALL-EFF: {most: 4}",
        "CN-CALL-EFF: {days: null, hours: 24}",
        "US-COOL: {days: 6}",
        "CN-BASIS: {kinds: [contract, consent, express-consent, texted-us]}",
        "US-TCPA-ALL-REVOKE: {scope: channel}",
        "UK-BREATHE: {days: 30}",
        "HK: {parties: [borrower, guarantor, third]}",
        "UK-87: {wait_days: 13}",
        "CN-WORDS: {words: [threats]}",
        "US-KEEP: {least_years: 2}",
        "CN-SIGN: {most_characters: 501}",
    ],
)
def test_loosening_a_binding_rule_is_refused(write: Write, change: str) -> None:
    assert faults(write(f"tighten:\n  {change}\n")) == [("R012", ":4")]


def test_a_soft_rule_may_be_loosened_or_turned_off(write: Write) -> None:
    packs = load_packs(
        [write("tighten: {DEFAULT-CAP-WEEK: {most: 10}}\nturn_off: [DEFAULT-HOURS, UK-TIME]\n")]
    )
    assert packs.rules["DEFAULT-CAP-WEEK"].does.most == 10  # type: ignore[union-attr]
    assert windows(packs, "TH") == windows(packs, "GB") == []


def test_a_binding_rule_is_not_turned_off(write: Write) -> None:
    assert faults(write("turn_off:\n  - DEFAULT-HOURS\n  - CN-HOURS\n")) == [("R013", ":5")]


def test_a_draft_is_turned_on_and_nothing_else_is(write: Write) -> None:
    assert load_packs([write("turn_on: [US-NYS]")]).turned_on == {"US-NYS"}
    assert faults(write("turn_on: [US-MA]")) == [("R014", ":3")]


def test_an_own_rule_stands_beside_the_law_and_in_place_of_a_convention(write: Write) -> None:
    packs = load_packs(
        [write(RULE.format(does='{primitive: P1, openings: [{start: "06:00", end: "23:00"}]}'))]
    )
    assert windows(packs, "CN") == ["CN-HOURS", "OURS-1"]
    assert windows(packs, "TH") == ["OURS-1"]


def test_files_are_put_over_each_other_in_order(write: Write) -> None:
    first = write("tighten: {US-COOL: {days: 8}}", "a.yaml")
    second = write("tighten: {US-COOL: {days: 9}}", "b.yaml")
    assert load_packs([first, second]).rules["US-COOL"].does.days == 9  # type: ignore[union-attr]
    assert faults(second, first) == [("R012", ":3")]
    assert lender_files(first.parent) == (first, second)
    assert lender_files(first.parent / "none") == ()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("rules: [", [("R001", ":3")]),
        ("colour: red", [("R002", ":3")]),
        (RULE.format(does="{primitive: P2, most: 3, unit: call, days: 1, per: debt}"), [("R002", ":6 rule OURS-1")]),
        (RULE.format(does="{primitive: P19}"), [("R002", ":6 rule OURS-1")]),
        (RULE.format(does="{}").replace("OURS-1", "CN-HOURS"), [("R002", ":6 rule CN-HOURS")]),
        (RULE.format(does="{primitive: P5}").replace("OURS-1", "CN-HOURS"), [("R003", ":4 rule CN-HOURS")]),
        (
            RULE.format(does="{primitive: P5}") + "    effective_from: 2026-02-02\n    effective_to: 2026-02-01\n",
            [("R004", ":10 rule OURS-1")],
        ),
        ("zones: {TH: [UTC+7]}", [("R005", ":3")]),
        ("regions: [TH]\n" + RULE.format(does="{primitive: P5}") + "    region: VN\n", [("R006", ":11 rule OURS-1")]),
        (
            RULE.format(does="{primitive: P5}").replace("level: policy", "level: draft"),
            [("R007", ":8 rule OURS-1")],
        ),
        (RULE.format(does="{primitive: P5}") + "    fallback: true\n", [("R007", ":9 rule OURS-1")]),
        (
            RULE.format(does='{primitive: P1, openings: [{start: "21:00", end: "08:00"}]}'),
            [("R008", ":6 rule OURS-1")],
        ),
        (
            RULE.format(does="{primitive: P2, most: 3, unit: attempt, days: 1, hours: 5, per: debt}"),
            [("R008", ":6 rule OURS-1")],
        ),
        (RULE.format(does="{primitive: P2, most: 3, unit: attempt, per: debt}"), [("R008", ":6 rule OURS-1")]),
        (
            RULE.format(does="{primitive: P13, records: [messages], least_years: 3, most_years: 2}"),
            [("R008", ":6 rule OURS-1")],
        ),
        (RULE.format(does="{primitive: P9, words: [treats]}"), [("R009", ":6 rule OURS-1")]),
        ("regions: [Moon]", [("R002", ":3")]),
        ("tighten: {CN-HOUR: {}}", [("R011", ":3")]),
        ("tighten: {US-COOL: {days: soon}}", [("R002", ":3")]),
        ('tighten: {CN-HOURS: {openings: [{start: "22:00", end: "06:00"}]}}', [("R008", ":3")]),
        ("tighten: {US-7IN7: {days: null}}", [("R008", ":3")]),
        ("tighten: {BR-FED: {words: [threats, insults, public-posting, sarcasm]}}", [("R009", ":3")]),
    ],
)  # fmt: skip
def test_each_fault_is_told_with_its_line(write: Write, text: str, found: list[tuple[str, str]]) -> None:
    assert faults(write(text)) == found


def test_faults_of_all_files_are_told_together(write: Write) -> None:
    first = write("turn_off: [CN-HOURS]\nturn_on: [US-MA, XX-1]\ntighten: {US-COOL: {days: 6}}\n", "a.yaml")
    second = write("colour: red\n", "b.yaml")
    assert sorted(faults(first, second)) == [
        ("R002", ":3"), ("R011", ":4"), ("R012", ":5"), ("R013", ":3"), ("R014", ":4"),
    ]  # fmt: skip


def test_what_is_wrong_in_shape_hides_no_other_fault(write: Write) -> None:
    first = RULE.format(does="{primitive: P2, most: 3, unit: call, days: 1, per: debt}")
    second = (
        RULE.format(does="{primitive: P9, words: [treats]}")
        .replace("OURS-1", "OURS-2")
        .replace("\nrules:\n", "")
    )
    file = write(f"colour: red\nturn_off: [CN-HOURS]\ntighten: {{US-COOL: {{days: 6}}}}\n{first}{second}")
    assert faults(file) == [
        ("R002", ":3"), ("R013", ":4"), ("R012", ":5"), ("R002", ":10 rule OURS-1"), ("R009", ":15 rule OURS-2"),
    ]  # fmt: skip


def test_a_pack_of_a_taken_name_is_refused(write: Write) -> None:
    assert faults(write("", "cn.yaml")) == [("R010", ":1")]


def test_a_file_that_is_not_there_is_a_fault(tmp_path: Path) -> None:
    assert faults(tmp_path / "none.yaml") == [("R001", "")]


def test_the_example_of_the_how_to_is_taken(tmp_path: Path) -> None:
    page = (DOCS / "how-to" / "tighten-a-rule.md").read_text("utf-8")
    example = re.search(r"```yaml\n(.*?)```", page, re.DOTALL)
    assert example is not None
    path = tmp_path / "ours.yaml"
    path.write_text(example[1], "utf-8")
    packs = load_packs([path])
    assert "OURS-SUNDAY" in packs.rules and "DEFAULT-CAP-DAY" not in packs.rules
