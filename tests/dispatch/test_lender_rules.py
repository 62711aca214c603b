"""A lender's own rule files bind workers, plans and permits, and what they judged is told by them ever after."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from duecourse.channels.sandbox.process import SandboxProcess
from duecourse.rules.packs import load_packs
from duecourse.rules.versions import packs_of
from lender import Lender
from shell import Shell
from workers import fill, noon_zone, write_providers

TIGHTER = """pack: ours
version: 1
tighten:
  CN-HOURS: {openings: [{start: "08:00", end: "09:00"}]}
"""


def duecourse(home: Path, url: str, *words: str) -> str:
    """What a command printed; fails when it failed."""
    settings = {"DUECOURSE_HOME": home, "DUECOURSE_DATABASE_URL": url, "DUECOURSE_RULES_DIR": home / "ours"}
    return Shell(home, {**settings, "DUECOURSE_LANGUAGE": "en"}).type(*words)


def explained(home: Path, url: str, message: str) -> tuple[str, str]:
    """The rule that withheld a message, and the hours that its sentence names."""
    told = json.loads(duecourse(home, url, "rules", "explain", message, "--json"))["verdicts"][-1]
    (one,) = told["deciding"]
    assert "08:00-09:00" in one["reason_zh"]
    return one["rule"], one["reason_en"].partition("; ")[2]


@pytest.mark.slow
def test_a_worker_withholds_what_only_the_lender_s_own_hours_refuse_and_explains_it_by_them(
    lender: Lender, home: Path, smsc: SandboxProcess, database_url: str
) -> None:
    fill(lender, 1, noon_zone())
    write_providers(home, smsc)
    (home / "ours").mkdir()
    ours = home / "ours" / "ours.yaml"
    ours.write_text(TIGHTER, "utf-8")

    duecourse(home, database_url, "work", "--until-idle")
    assert not smsc.log.exists() or "submit" not in smsc.log.read_text()
    assert {rule for (rule,) in lender.messages("rule", where="tries = 0 AND rule IS NOT NULL")} == {
        "CN-HOURS"
    }
    ((message, rule_set),) = lender.conn.execute(
        "SELECT message_id::text, verdict ->> 'rule_set' FROM message WHERE rule = 'CN-HOURS'"
    ).fetchall()[:1]
    lender.conn.commit()
    kept = packs_of(lender.conn, bytes.fromhex(rule_set))
    assert kept is not None
    assert kept.rules["CN-HOURS"] == load_packs([ours]).rules["CN-HOURS"]

    narrowed = ("CN-HOURS", "open, 08:00-09:00, unless the recipient consented to other hours")
    assert explained(home, database_url, message) == narrowed
    ours.unlink()
    assert explained(home, database_url, message) == narrowed
