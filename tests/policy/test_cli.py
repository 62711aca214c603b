"""`duecourse policy` as a person uses it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from duecourse.cli.policy import app
from duecourse.domain.problems import DuecourseError
from prompt import Run, at_prompt


@pytest.fixture
def run(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Run `duecourse policy ...` and give what it printed."""
    home = tmp_path / "home"
    with at_prompt(monkeypatch, home, app, database_url=database_url, user="compliance") as run:
        yield run


def test_check_shows_the_steps_in_time_order(run: Run, policy_file: Callable[..., Path]) -> None:
    output = run("check", policy_file())
    assert output.index("3 days before the due date") < output.index("1 day after the end of grace")
    assert output.endswith("ok: small, 2 steps, 4 texts.\n")


def test_check_with_preview_shows_the_texts(run: Run, policy_file: Callable[..., Path]) -> None:
    output = run("check", policy_file(), "--preview")
    assert "soon zh-CN sms, 1 SMS" in output
    assert "【海港】应还¥1,234.50" in output


def test_check_raises_every_fault(run: Run, policy_file: Callable[..., Path]) -> None:
    with pytest.raises(DuecourseError) as caught:
        run("check", policy_file(("[sms, email]", "[pigeon]"), texts={"late.en": "sms: '{{ x }}'\n"}))
    assert [problem.code for problem in caught.value.problems] == ["P104", "P205"]
    assert caught.value.exit_code == 1


def test_publish_diff_list_and_show(run: Run, policy_file: Callable[..., Path]) -> None:
    file = policy_file()
    assert "version 1 would be published" in run("publish", file, "--dry-run")
    assert "against nothing published" in run("diff", file)
    assert "small: version 1 published; new templates: soon v1, late v1." in run("publish", file)
    assert "version 1 says the same; nothing published." in run("publish", file)
    assert "nothing changes" in run("diff", file)

    file = policy_file(("due - 3d", "due - 5d"), texts={"late.en": 'sms: "{{ total | money }} is open"\n'})
    output = run("diff", file)
    assert (
        "step soon: day changes from '3 days before the due date' to '5 days before the due date'" in output
    )
    assert "+{{ total | money }} is open" in output
    assert "small: version 2 published; new templates: late v2." in run("publish", file)

    rows = json.loads(run("list", "--all", "--json"))
    assert [(row["version"], row["published_by"], row["retired_at"] is None) for row in rows] == [
        (2, "compliance", True),
        (1, "compliance", False),
    ]
    assert "small" in run("list")
    assert "5 days before the due date" in run("show", "small")
    assert "3 days before the due date" in run("show", "small", "--version", "1")
    assert run("show", "small", "--source").startswith("policy: small\n")
    assert json.loads(run("show", "small", "--json"))["templates"] == {"soon": 1, "late": 2}


def test_two_files_are_compared_without_a_database(run: Run, policy_file: Callable[..., Path]) -> None:
    old, new = policy_file(folder="old"), policy_file(("A: 7", "A: 3"), folder="new")
    assert "policy: grace changes from 'A 7, B 0" in run("diff", old, new)
