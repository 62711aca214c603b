"""The law at the command line: stops confirmed, acts without their notice, who contacts, and what is kept."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from lender import Lender
from prompt import Run, at_prompt, home_of, shown

POLICY = """policy: law
languages: [en]
opt_out_confirmation: stopped
creditors:
  "*": {name: Test Bank, contact_phone: "400"}
steps:
  - id: due-in-1
    when: due - 1d at 09:00
    purpose: reminder
    route: [sms]
    template: due-soon
  - id: before-court
    when: overdue + 20d at 10:00
    act: enforcement
    purpose: collection
    route: [sms]
    template: due-soon
"""
TEMPLATES = {
    "due-soon": "{{ creditor }}: {{ total | money }} is due on {{ due_on | date }}.",
    "stopped": "{{ creditor }}: you will get no more texts.",
}


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    """A policy file with its templates."""
    (tmp_path / "templates").mkdir()
    (tmp_path / "policy.yaml").write_text(POLICY, encoding="utf-8")
    for name, text in TEMPLATES.items():
        (tmp_path / "templates" / f"{name}.en.yaml").write_text(f'sms: "{text}"\n', encoding="utf-8")
    return tmp_path / "policy.yaml"


@pytest.fixture
def run(lender: Lender, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Run `duecourse ...` on a book of one borrower, and give what it printed."""
    lender.book("loan borrower due_on email\nL-1 B 2126-03-10 -")
    lender.reindex_contact_points()
    lender.name_in_directory("B")
    home = home_of(lender, tmp_path / "home")
    (home / "rules").mkdir()
    with at_prompt(monkeypatch, home, columns=250, database_url=database_url, user="anna") as run:
        yield run


def test_a_stop_that_is_entered_is_confirmed_once_where_it_was_said(
    run: Run, policy: Path, lender: Lender
) -> None:
    run("policy", "publish", policy)
    stop = ("consent", "end", "B", "--kind", "contact", "--evidence", "call 1")
    trial = shown(run, *stop, "--address", "+8613900001111", "--dry-run")
    assert (trial["changed"], trial["confirmed"]) == (1, True)
    assert lender.messages("step") == []
    assert "One message confirms it." in run(*stop, "--address", "+8613900001111")
    assert shown(run, *stop, "--channel", "sms")["confirmed"] is False
    assert lender.messages("step", "purpose", "route", "confirms IS NULL") == [
        ("opt-out-confirmation", "confirmation", ["sms"], False)
    ]


@pytest.mark.parametrize("scope", [(), ("--channel", "letter"), ("--kind", "consent", "--channel", "sms")])
def test_what_came_from_nowhere_or_is_no_stop_is_not_confirmed(
    run: Run, policy: Path, lender: Lender, scope: tuple[str, ...]
) -> None:
    run("policy", "publish", policy)
    kind = () if "--kind" in scope else ("--kind", "contact")
    assert shown(run, "consent", "end", "B", *kind, *scope, "--evidence", "call 1")["confirmed"] is False
    assert lender.messages("step") == []


def test_policy_check_and_publish_name_an_act_whose_notice_no_step_serves(run: Run, policy: Path) -> None:
    for command in ("check", "publish"):
        found = run("policy", command, policy)
        assert "R060" in found and "UK-87 wants a notice 'default' first" in found
    warnings = shown(run, "policy", "check", policy)["warnings"]
    assert [one["code"] for one in warnings] == ["R060"]


def test_the_setting_says_as_whom_the_lender_contacts(
    run: Run, policy: Path, lender: Lender, monkeypatch: pytest.MonkeyPatch
) -> None:
    lender.conn.execute("UPDATE installment SET due_on = current_date + 3")
    lender.conn.execute("UPDATE borrower SET region = 'US-CA'")
    lender.conn.commit()
    run("policy", "publish", policy)
    act = ("notice", "check", "B", "--loan", "L-1", "--action", "bureau-report")
    assert shown(run, *act)["allow"]
    monkeypatch.setenv("DUECOURSE_ACTOR", "agency")
    assert [one["rule"] for one in shown(run, *act, code=1)["deciding"]] == ["US-CRA"]
    assert shown(run, *act, "--actor", "creditor")["allow"]
    run("plan")
    assert lender.messages("actor") == [("agency",)]


def test_retention_shows_and_erases_by_the_rules_alone(run: Run, lender: Lender, tmp_path: Path) -> None:
    lender.conn.execute(
        """UPDATE contact_point SET state = 'retired', retired_reason = 'gone', effective_at = '2001-01-01'"""
    )
    lender.conn.commit()
    assert "No rule names a longest keeping" in run("retention", "show")
    (tmp_path / "home" / "rules" / "own.yaml").write_text(
        "pack: own\nversion: 1\nrules:\n  - id: OWN-KEEP\n    says: {en: kept ten years, zh: 保存十年}\n"
        "    does: {primitive: P13, records: [messages, contacts], most_years: 10}\n"
        "    source: {instrument: Ours, read_on: 2026-11-22}\n    level: policy\n",
        encoding="utf-8",
    )
    trial = shown(run, "retention", "apply", "--dry-run")
    assert (trial["dry_run"], trial["erased"]) == (True, 1)
    [kind] = trial["kinds"]
    assert (kind["subject"], kind["region"], kind["keep_at_most_years"]) == ("addresses", "CN", 10)
    assert "OWN-KEEP" in run("retention", "show")
    assert shown(run, "retention", "apply")["erased"] == 1
    assert shown(run, "retention", "apply")["erased"] == 0
    [point] = json.loads(run("borrower", "show", "B", "--json"))["contact_points"]
    assert point["address"] == ""
