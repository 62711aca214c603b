"""What people see and decide of providers, registrations and carriers, by the commands themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from duecourse.cli.providers import read_providers
from duecourse.cli.routing import take_routing
from duecourse.dispatch.lines import Routing
from duecourse.dispatch.providers import stop_for_trouble
from duecourse.domain.problems import DuecourseError
from exchange import NOW
from lender import Lender
from prompt import at_prompt, home_of

PROVIDERS = """
[smsc]
kind = "sms.smpp"
sandbox = true
host = "127.0.0.1"
weight = 3
rate_per_second = 100
carriers = ["CN-mobile"]

[cloud]
kind = "sms.aliyun"
sandbox = true
backup = true
"""
Run = Callable[..., Any]


@pytest.fixture
def run(lender: Lender, tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """A command as a person gives it: its JSON where it was asked for, else what it printed."""
    home = home_of(lender, tmp_path, simulated=True)
    (home / "providers.toml").write_text(PROVIDERS)
    with at_prompt(monkeypatch, home, database_url=database_url, user="ops") as run:
        yield lambda *words, exit_code=0: run.answer(*words, code=exit_code)


def test_providers_are_listed_with_their_part_and_their_limits(run: Run) -> None:
    found = run("provider", "list", "--json")
    assert [(one["provider"], one["state"], one["weight"], one["tier"]) for one in found["providers"]] == [
        ("cloud", "working", 1, 2),
        ("inbox", "working", 1, 1),
        ("smsc", "working", 3, 1),
        ("task", "working", 1, 1),
    ]
    assert found["providers"][0]["needs_registration"] == ["signature", "template"]
    assert (found["providers"][2]["rate_per_second"], found["alerts"]) == (100, [])
    assert "cloud" in run("provider", "list")


def test_what_a_person_decides_is_kept_with_who_and_why(run: Run) -> None:
    run("provider", "pause", "smsc", "--reason", "maintenance")
    run("provider", "resume", "smsc", "--reason", "done")
    run("provider", "weight", "smsc", "30", "--reason", "cheaper")
    found = run("provider", "show", "smsc", "--json")
    assert (found["state"], found["weight"], found["weight_by_hand"]) == ("working", 30, 30)
    assert [(one["state"], one["changed_by"], one["reason"]) for one in found["changes"]] == [
        ("working", "ops", "cheaper"),
        ("working", "ops", "done"),
        ("paused", "ops", "maintenance"),
    ]
    assert "maintenance" in run("provider", "show", "smsc")
    run("provider", "weight", "smsc")
    assert run("provider", "show", "smsc", "--json")["weight"] == 3
    with pytest.raises(DuecourseError, match="D141"):
        run("provider", "pause", "nobody")


def test_trouble_with_an_account_shows_in_status_until_a_person_resumes(run: Run, lender: Lender) -> None:
    stop_for_trouble(lender.conn, "smsc", "402: no balance", now=NOW)
    lender.conn.commit()
    assert "ALERT C050: smsc" in run("provider", "list", exit_code=1)
    assert run("status", "--json", exit_code=1)["alerts"][0]["reason"] == "402: no balance"
    run("provider", "resume", "smsc", "--reason", "topped up")
    assert run("status", "--json")["alerts"] == []


def test_a_registration_goes_from_draft_to_approved(run: Run) -> None:
    what = (
        "cloud",
        "template",
        "due-soon",
        "--version",
        "3",
        "--language",
        "zh-CN",
        "--evidence",
        "ticket 1",
    )
    run("registration", "add", *what, "--parameters", "name,amount=total")
    run("registration", "submit", *what)
    run("registration", "approve", *what, "--code", "SMS_1", "--expires", "2099-01-01")
    (found,) = run("registration", "list", "--history", "--json")
    assert (found["state"], found["code"], found["parameters"]) == (
        "approved",
        "SMS_1",
        ["name", "amount=total"],
    )
    assert [one["state"] for one in found["changes"]] == ["approved", "submitted", "draft"]
    assert "SMS_1" in run("registration", "list", "--state", "approved")
    run("registration", "refuse", *what)
    assert run("registration", "list", "--state", "approved", "--json") == []
    with pytest.raises(DuecourseError, match="D142"):
        run("registration", "expire", *what)
    with pytest.raises(DuecourseError, match="D142"):
        run("registration", "add", *what)


def test_files_of_approvals_and_ported_numbers_name_their_bad_rows(run: Run, tmp_path: Path) -> None:
    approvals = tmp_path / "approvals.csv"
    approvals.write_text(
        "provider,kind,subject,state,evidence\ncloud,signature,Bank,approved,x\ncloud,colour,red,approved,x\n"
    )
    found = run("registration", "import", str(approvals), "--json", exit_code=1)
    assert (found["rows"], found["changed"], found["problems"][0]["where"]) == (2, 1, "approvals.csv:3")
    ported = tmp_path / "ported.csv"
    ported.write_text("number,carrier\n13900001111,CN-unicom\n")
    assert run("carrier", "import", str(ported), "--json")["changed"] == 1
    assert run("carrier", "list", "--json") == []


@pytest.mark.parametrize(
    ("config", "where"),
    [
        ({"weight": -1}, "weight"),
        ({"weight": "3"}, "weight"),
        ({"rate_per_second": 0}, "rate_per_second"),
        ({"carriers": ["CN-telekom"]}, "carriers"),
        ({"needs_registration": ["colour"]}, "needs_registration"),
        ({"backup": True, "priority": 3}, "backup"),
        ({"rate_per_sender": 5}, "rate_per_sender"),
    ],
)
def test_a_bad_key_of_routing_is_named(config: dict[str, Any], where: str) -> None:
    _, problems = take_routing(dict(config), "smsc", "sms.smpp")
    assert [(problem.code, problem.where) for problem in problems] == [("D140", f"provider smsc, {where}")]


def test_keys_of_routing_are_taken_and_the_adapter_s_are_left(tmp_path: Path) -> None:
    (tmp_path / "providers.toml").write_text(PROVIDERS)
    smsc, _ = read_providers(tmp_path / "providers.toml", {})
    config = dict(smsc.config)
    routing, problems = take_routing(config, "smsc", smsc.kind)
    assert (routing, problems) == (Routing(weight=3, carriers=("CN-mobile",), rate_per_second=100), [])
    assert config == {"host": "127.0.0.1"}
