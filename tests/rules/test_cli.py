"""`duecourse rules` as a person uses it: no database, no book."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from duecourse.cli.context import close_context
from duecourse.cli.rules import app
from duecourse.cli.words import rule_in_words
from duecourse.domain.problems import DuecourseError
from prompt import Run, at_prompt


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An installation without anything in it."""
    return tmp_path / "home"


@pytest.fixture
def run(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Run `duecourse rules ...` and give what it printed."""
    with at_prompt(monkeypatch, home, app, language="en") as run:
        yield run


def test_list_names_every_pack_with_its_version_and_levels(run: Run, home: Path) -> None:
    packs = {each["pack"]: each for each in json.loads(run("list", "--json"))}
    assert packs["cn"]["version"] == 1 and packs["cn"]["regions"] == ["CN"]
    assert packs["ph"]["levels"] == {"V2": 2} and packs["ph"]["rules"] == ["PH-HOURS", "PH-PARTY"]
    assert len(packs["cn"]["digest"]) == 64
    assert "Conventions that are not law" in run("list")
    assert not home.exists()


def test_show_gives_every_rule_of_the_chain_the_nearest_first(run: Run) -> None:
    shown = json.loads(run("show", "us-nyc", "--purpose", "collection", "--on", "2026-09-01", "--json"))
    assert shown["chain"] == ["US-NYC", "US-NY", "US", "*"]
    assert shown["zones"] == ["America/New_York"]
    rules = [each["rule"] for each in shown["rules"]]
    assert rules[0] == "US-NYC" and rules.index("US-NYS") < rules.index("US-HOURS") < rules.index("LOCK")
    assert "US-TCPA-HRS" not in rules  # marketing
    first = shown["rules"][0]
    assert (first["level"], first["primitive"], first["standing"], first["in_force"]) == (
        "V2",
        "P2",
        "in force",
        True,
    )
    assert first["source"] == {
        "instrument": "Rules of the City of New York", "clause": "6 RCNY 5-77", "read_on": "2026-11-22",
        "note": "original creditors in collections too",
    }  # fmt: skip
    assert first["words_en"] == "at most 3 (attempt) in 7 consecutive days per debt"
    assert first["words_zh"] == "每笔债务7日内联系尝试不超过3次"


def test_show_says_where_a_rule_stands_on_a_day(run: Run) -> None:
    def standing(on: str) -> dict[str, str]:
        shown = json.loads(run("show", "US-NYC", "--on", on, "--json"))
        return {each["rule"]: each["standing"] for each in shown["rules"]}

    assert standing("2026-08-31")["US-NYC"] == "to come"
    assert standing("2026-09-01")["US-NYC"] == "in force"
    assert standing("2026-09-01")["US-NYS"] == "draft"
    assert standing("2027-02-01")["US-TCPA-ALL"] == "superseded"


def test_show_narrows_to_channel_and_actor(run: Run) -> None:
    def rules(*options: str) -> set[str]:
        return {each["rule"] for each in json.loads(run("show", "US", "--json", *options))["rules"]}

    assert {"US-7IN7", "US-NUMBER"} <= rules()
    assert rules("--channel", "sms") & {"US-7IN7", "US-NUMBER"} == {"US-NUMBER"}
    assert not rules("--actor", "creditor") & {"US-7IN7", "US-NUMBER"}


def test_show_says_when_no_pack_speaks_of_a_region(run: Run) -> None:
    assert "No pack speaks of TH: only what holds everywhere applies." in run("show", "TH")
    assert "No pack speaks" not in run("show", "US-MA")


def test_show_in_chinese(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DUECOURSE_LANGUAGE", "zh")
    shown = run("show", "CN", "--purpose", "collection", "--channel", "voice")
    assert "CN-CALL-EFF" in shown and "次数上限" in shown
    assert "可靠程度" in shown and "2026-11-22 查阅" in shown


def test_what_is_no_region_or_no_pack_is_refused(run: Run) -> None:
    with pytest.raises(DuecourseError, match="R015"):
        run("show", "moon")
    with pytest.raises(DuecourseError, match="R016"):
        run("diff", "cn", "xx")


def test_diff_says_what_a_file_tightens_and_loosens(run: Run, tmp_path: Path) -> None:
    names = "{en: it, zh: 它}"
    source = "{instrument: Law, read_on: 2026-11-22}"

    def pack(days: int, extra: str = "") -> str:
        does = f"{{primitive: P3, after: conversation, days: {days}}}"
        rule = f"{{id: XX-COOL, says: {names}, does: {does}, source: {source}, level: V1}}"
        return f"pack: xx\nversion: 1\nnames: {names}\nregions: [XX]\nrules:\n  - {rule}\n{extra}"

    old, new = tmp_path / "old.yaml", tmp_path / "new.yaml"
    old.write_text(pack(7), "utf-8")
    new.write_text(
        pack(6, f"  - {{id: XX-STOP, says: {names}, does: {{primitive: P5}}, source: {source}, level: V1}}\n")
    )
    assert json.loads(run("diff", old, new, "--json")) == [
        {"rule": "XX-COOL", "kind": "loosened", "changes": [{"key": "does.days", "was": 7, "becomes": 6}]},
        {"rule": "XX-STOP", "kind": "added", "changes": []},
    ]
    assert run("diff", old, new) == "- XX-COOL: loosened\n    does.days: from 7 to 6\n- XX-STOP: added\n"
    assert run("diff", new, old).startswith("- XX-COOL: tightened\n")
    assert run("diff", old, old) == run("diff", "cn@1", "cn") == "nothing changes\n"


def test_check_lists_every_fault_and_ends_with_1(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "ours.yaml"
    file.write_text("pack: ours\nversion: 1\nturn_off: [CN-HOURS]\ntighten: {US-COOL: {days: 6}}\n", "utf-8")
    with pytest.raises(DuecourseError) as caught:
        run("check", file)
    assert caught.value.exit_code == 1
    assert [p.code for p in caught.value.problems] == ["R013", "R012"]
    found = json.loads(run("check", file, "--json", code=1))
    assert not found["ok"] and [fault["code"] for fault in found["faults"]] == ["R013", "R012"]


def test_check_tells_what_a_sound_file_does(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "ours.yaml"
    file.write_text("pack: ours\nversion: 1\nturn_on: [US-NYS]\ntighten: {US-COOL: {days: 8}}\n", "utf-8")
    assert run("check", file) == "ok: 0 rules of its own, 1 changed, 1 drafts turned on.\n"
    found = json.loads(run("check", file, "--json"))
    assert found == {"ok": True, "faults": [], "own": [], "changed": ["US-COOL"], "turned_on": ["US-NYS"]}


@pytest.mark.parametrize("by_setting", [True, False])
def test_the_lender_s_files_are_those_of_its_folder(
    run: Run, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by_setting: bool
) -> None:
    folder = tmp_path / "elsewhere" if by_setting else home / "rules"
    folder.mkdir(parents=True)
    (folder / "ours.yaml").write_text("pack: ours\nversion: 1\ntighten: {US-COOL: {days: 8}}\n", "utf-8")
    if by_setting:
        monkeypatch.setenv("DUECOURSE_RULES_DIR", str(folder))
    shown = json.loads(run("show", "US", "--json"))
    assert {r["rule"]: r["does"] for r in shown["rules"]}["US-COOL"]["days"] == 8


@pytest.mark.usefixtures("run")
def test_a_rule_of_a_pack_and_one_of_the_book_are_both_told_in_words() -> None:
    close_context()
    assert rule_in_words("PH-HOURS") == "no contact from 22:00 to 06:00"
    assert rule_in_words("PAID") == "paid since it was planned"
    assert rule_in_words("NO-SUCH") == ""
