"""`book cash`, `buckets`, `allot`, `move-due-day`, `recompute-dates` and `pause` as a person uses them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from duecourse.domain.problems import DuecourseError
from prompt import Run, at_prompt

MAPPING = """
mapping = "loans"
[money]
currency = "CNY"
[borrower]
key = "{cust}"
language = "zh-CN"
region = "CN"
zone = "Asia/Shanghai"
grade = "A"
[loan]
ref = "{loan}"
creditor = "bank"
product = "cash-loan"
method = "given"
annual_rate = 0.365
due_day = "{due_day}"
shift = "following"
[[installment]]
when = { column = "due_on", empty = false }
number = "{number}"
due_on = "{due_on}"
due = "{due}"
principal = "{due}"
interest = 0
"""
BOOK = """cust,loan,due_day,number,due_on,due
C-1,L-1,,1,2026-03-02,100.00
C-1,L-1,,2,2026-04-02,100.00
C-1,L-1,,3,2031-10-01,100.00
C-2,L-2,allotted,,,
"""
POLICY = """
policy: counts
grace_days: {A: 3}
languages: [en]
buckets: [5, 30]
bureau: {from_days: 10}
creditors: {"*": {name: Bank, contact_phone: "400"}}
steps:
  - id: due-today
    when: due at 09:00
    purpose: reminder
    route: [sms]
    template: due-today
"""


class Shell:
    """`duecourse` on a simulated book of two loans."""

    def __init__(self, folder: Path, run: Run) -> None:
        self.folder = folder
        self.run = run

    def __call__(self, line: str, *more: str) -> str:
        return self.run(*line.split(), *more)

    def json(self, line: str, *more: str) -> Any:
        return json.loads(self(line, *more, "--json"))


@pytest.fixture
def shell(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    for name, text in {"mapping.toml": MAPPING, "book.csv": BOOK, "policy.yaml": POLICY}.items():
        (tmp_path / name).write_text(text, "utf-8")
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "due-today.en.yaml").write_text(
        "sms: '{{ total | money }} is due today'\n", "utf-8"
    )
    with at_prompt(monkeypatch, tmp_path / "home", database_url=database_url, user="tester") as run:
        shell = Shell(tmp_path, run)
        shell("init --simulated --zone Asia/Shanghai")
        shell("book import", str(tmp_path / "book.csv"), "--mapping", str(tmp_path / "mapping.toml"))
        yield shell


def test_cash_gives_a_row_for_each_day_and_says_what_lateness_it_used(shell: Shell) -> None:
    found = shell.json("book cash --from 2026-03-01 --to 2026-04-30")
    assert found["as_of"] == "2026-03-01"
    assert found["rows"] == [
        {"date": "2026-03-02", "currency": "CNY", "due": "100.00", "expected": "100.00", "count": 1},
        {"date": "2026-04-02", "currency": "CNY", "due": "100.00", "expected": "100.00", "count": 1},
    ]
    (group,) = found["lateness"]["groups"]
    assert (group["product"], group["grade"], group["level"]) == ("cash-loan", "A", "none")
    later = shell.json("book cash --from 2026-03-01 --to 2026-04-30 --as-of 2026-03-20")
    assert [row["expected"] for row in later["rows"]] == ["0.00", "0.00"]  # nobody has paid anything so far
    assert later["lateness"]["groups"][0]["unpaid_share"] == "1.0000"
    assert "2026-04-02" in shell("book cash --from 2026-03-01 --to 2026-04-30")


def test_buckets_and_counters_follow_the_published_policy(shell: Shell) -> None:
    day = "--as-of 2026-03-09"
    plain = shell.json(f"book buckets {day}")
    assert plain["buckets"] == ["0", "1-7", "8-15", "16-30", "31-60", "61-90", "90+"]
    shell("policy publish", str(shell.folder / "policy.yaml"))
    shell("plan --as-of 2026-03-02")
    found = shell.json(f"book buckets {day}")
    assert found["buckets"] == ["0", "1-5", "6-30", "30+"]
    counted = {(row["counter"], row["bucket"]): (row["loans"], row["past_due"]) for row in found["rows"]}
    assert counted["contractual", "6-30"] == (1, "100.00")
    assert counted["strategy", "1-5"] == (1, "100.00")
    assert counted["bureau", "0"] == (2, "100.00")
    assert counted["bureau", "6-30"] == (0, "0.00")
    borrower = shell.json(f"borrower show C-1 {day}")
    assert [borrower[key] for key in ("days_past_due", "strategy_days", "bureau_days")] == [7, 4, 0]
    assert borrower["loans"][0]["bucket"] == "6-30"
    assert "7 by the contract, 4 after grace, 0 for the bureau" in shell(f"borrower show C-1 {day}")
    assert shell.json(f"book buckets {day} --policy counts")["buckets"] == found["buckets"]
    with pytest.raises(DuecourseError, match="P301"):
        shell(f"book buckets {day} --policy other")


def test_a_dry_run_allots_nothing_and_the_run_what_it_said(shell: Shell) -> None:
    proposed = shell.json("book allot --as-of 2026-03-01 --dry-run")
    assert [(one["loan"], one["due_day"]) for one in proposed["loans"]] == [("L-2", 1)]
    allotted = shell.json("book allot --as-of 2026-03-01")
    assert allotted["loans"] == proposed["loans"]
    assert shell.json("borrower show C-2")["loans"][0]["due_day_source"] == "allotted"
    assert "0 loans would get a due day" in shell("book allot --dry-run")


def test_a_dry_run_moves_nothing_and_the_run_what_it_said(shell: Shell) -> None:
    line = "book move-due-day L-1 --to 20 --from 2026-04 --as-of 2026-03-01"
    proposed = shell.json(f"{line} --dry-run")
    # On 200.00 at 36.5 % eighteen days are 3.60.
    assert (proposed["odd_days"], proposed["odd_interest"], proposed["balance"]) == (18, "3.60", "200.00")
    assert proposed["installments"][0] == {"number": 2, "was_due_on": "2026-04-02", "due_on": "2026-04-20"}
    assert shell.json("borrower show C-1")["installments"][1]["due_on"] == "2026-04-02"
    assert {**shell.json(line), "dry_run": True} == proposed
    moved = shell.json("borrower show C-1")
    assert (moved["installments"][1]["due_on"], moved["installments"][1]["due"]) == ("2026-04-20", "103.60")
    assert (moved["loans"][0]["due_day"], moved["loans"][0]["due_day_source"]) == (20, "request")
    report = shell.json(
        "book import", str(shell.folder / "book.csv"), "--mapping", str(shell.folder / "mapping.toml")
    )
    assert "moved days overruled" not in report["counts"]
    assert shell.json("borrower show C-1")["installments"][1]["due_on"] == "2026-04-20"


def test_a_file_that_overrules_a_move_says_so_on_the_screen(shell: Shell) -> None:
    shell("book move-due-day L-1 --to 20 --from 2026-04 --as-of 2026-03-01")
    (shell.folder / "book.csv").write_text(BOOK.replace("2026-04-02", "2026-04-03"), "utf-8")
    said = shell(
        "book import", str(shell.folder / "book.csv"), "--mapping", str(shell.folder / "mapping.toml")
    )
    assert "1 due days that were moved on request are again as the file says" in said


def test_dates_beyond_every_calendar_are_named(shell: Shell) -> None:
    found = shell.json("book recompute-dates --as-of 2026-03-01")
    assert found == {
        "from": "2026-03-01",
        "changed": 0,
        "provisional": [{"region": "CN", "installments": 1, "first_on": "2031-10-01"}],
    }
    assert "CN: 1 due days from 2031-10-01 on wait for a calendar" in shell("book recompute-dates")


def test_a_pause_is_recorded_shown_and_ended(shell: Shell) -> None:
    shell("policy publish", str(shell.folder / "policy.yaml"))
    shell("plan --as-of 2026-03-02")
    pause = "book pause L-1 --from 2026-03-04 --to 2026-03-20 --deferral --evidence"
    assert shell.json(pause, "case 1") == {
        "loan": "L-1", "creditor": "bank", "grace_extended": 1, "from": "2026-03-04", "to": "2026-03-20",
    }  # fmt: skip
    borrower = shell.json("borrower show C-1 --as-of 2026-03-25")
    assert (borrower["days_past_due"], borrower["strategy_days"]) == (6, 3)
    assert borrower["loans"][0]["pauses"] == [{"from": "2026-03-04", "to": "2026-03-20", "kind": "deferral"}]
    assert "paused from 2026-03-04 to 2026-03-10" in shell(
        "book pause L-1 --end 2026-03-10 --evidence", "case 1"
    )
    assert shell.json("borrower show C-1 --as-of 2026-03-25")["days_past_due"] == 16
    assert "is withdrawn" in shell("book pause L-1 --end 2026-03-01 --evidence", "a mistake")


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("book cash --from 2026-03-02 --to 2026-03-01", "D050"),
        ("book pause L-1 --evidence x --from 2026-03-01", "D051"),
        ("book pause L-1 --evidence x --end 2026-03-01 --to 2026-03-02", "D051"),
        ("book move-due-day L-1 --to 20 --from April", "D052"),
        ("book move-due-day L-9 --to 20 --from 2026-04", "B045"),
    ],
)
def test_what_cannot_be_meant_is_refused(shell: Shell, line: str, code: str) -> None:
    with pytest.raises(DuecourseError) as refused:
        shell(line)
    assert [problem.code for problem in refused.value.problems] == [code]


ENGLISH = re.compile(
    r"\b(?:day|loan|due|expected|bucket|moved?|pause|grace|currency|amount|never|before|after)s?\b", re.I
)


@pytest.mark.parametrize(
    "command",
    [
        lambda shell: shell("book cash --from 2026-03-01 --to 2026-04-30"),
        lambda shell: shell("book buckets --as-of 2026-03-09"),
        lambda shell: shell("book allot --dry-run --as-of 2026-03-01"),
        lambda shell: shell("book move-due-day L-1 --to 20 --from 2026-04 --as-of 2026-03-01"),
        lambda shell: shell("book recompute-dates --as-of 2026-03-01"),
        lambda shell: shell("book pause L-1 --from 2026-03-04 --to 2026-03-20 --evidence", "x"),
        lambda shell: shell("borrower show C-1 --as-of 2026-03-09"),
    ],
    ids=["cash", "buckets", "allot", "move-due-day", "recompute-dates", "pause", "borrower"],
)
def test_every_report_is_there_in_chinese(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, command: Callable[[Shell], str]
) -> None:
    monkeypatch.setenv("DUECOURSE_LANGUAGE", "zh")
    said = command(shell).replace("cash-loan", "")
    assert re.search(r"[\u4e00-\u9fff]", said)
    assert ENGLISH.search(said) is None
