"""`book deliver`, `watch`, `map`, `mappings` and `check`, as a person runs them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from shell import Shell

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "jianghe"
RULE = EXAMPLE / "delivery.toml"
SAMPLES = ROOT / "tests" / "book" / "samples"


@pytest.fixture
def environment(tmp_path: Path, database_url: str) -> dict[str, str]:
    """A book of its own on the test server."""
    made = {**os.environ, "DUECOURSE_HOME": str(tmp_path / "home"), "DUECOURSE_DATABASE_URL": database_url}
    duecourse(made, "init", "--simulated")
    return made


def duecourse(environment: dict[str, str], *words: object, code: int = 0) -> str:
    return Shell(Path.cwd(), environment).type(*words, code=code)


@pytest.fixture
def incoming(tmp_path: Path) -> Path:
    folder = tmp_path / "incoming"
    script = [sys.executable, str(EXAMPLE / "make_delivery.py"), str(folder), "--faults", "--customers", "12"]
    subprocess.run(script, check=True)
    return folder


def test_a_delivery_is_checked_taken_and_left_alone(environment: dict[str, str], incoming: Path) -> None:
    said = json.loads(duecourse(environment, "book", "check", incoming, "--delivery", RULE, "--json", code=1))
    assert (said["state"], said["rejected"]) == ("checked", 28)
    said = json.loads(
        duecourse(environment, "book", "deliver", incoming, "--delivery", RULE, "--check", "--json", code=1)
    )
    assert said["state"] == "checked"
    text = duecourse(environment, "book", "deliver", incoming, "--delivery", RULE, code=1)
    assert "jianghe of 2026-03-10: in the book, 233 rows, 28 refused" in text
    assert "SCHED_20260310.dat:147: " in text and "(B026)" in text
    text = duecourse(environment, "book", "deliver", incoming, "--delivery", RULE)
    assert "in the book already, nothing to do" in text
    found = json.loads(duecourse(environment, "book", "summary", "--json"))
    assert [(one["state"], one["rejected"]) for one in found["deliveries"]] == [("done", 28)]
    assert "Last deliveries" in duecourse(environment, "book", "summary")


def test_totals_that_differ_name_file_found_and_expected(environment: dict[str, str], incoming: Path) -> None:
    flag = incoming / "JH_20260310.flg"
    flag.write_bytes(flag.read_bytes().replace(b"PHONE_20260310.dat|@|15", b"PHONE_20260310.dat|@|16"))
    text = duecourse(environment, "book", "deliver", incoming, "--delivery", RULE, code=1)
    assert (
        "PHONE_20260310.dat: rows: found 15, expected 16. Nothing of the delivery was imported. (B083)"
        in text
    )
    assert json.loads(duecourse(environment, "book", "summary", "--json"))["borrowers"] == 0


def test_a_watched_folder_takes_what_is_there_once(environment: dict[str, str], incoming: Path) -> None:
    watch = ("book", "watch", incoming, "--delivery", RULE, "--every", "0.2s", "--once")
    text = duecourse(environment, *watch)
    assert "jianghe of 2026-03-10: in the book, 233 rows, 28 refused" in text
    assert json.loads((incoming / "JH_20260310.flg.done").read_text())["rejected"] == 28
    assert "jianghe" not in duecourse(environment, *watch)
    (incoming / "JH_20260310.flg.done").unlink()  # as if it had died before the marker
    assert "in the book already, nothing to do" in duecourse(environment, *watch)


def test_a_watcher_refuses_goes_on_and_ends_plainly(environment: dict[str, str], incoming: Path) -> None:
    whole = (incoming / "CUST_20260310.dat").read_bytes()
    (incoming / "CUST_20260310.dat").write_bytes(whole[:-60])
    command = [
        sys.executable, "-m", "duecourse.cli.main",
        "book", "watch", str(incoming), "--delivery", str(RULE), "--every", "0.2s",
    ]  # fmt: skip
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as watcher:
        try:
            appears(incoming / "JH_20260310.flg.refused")
            (incoming / "CUST_20260310.dat").write_bytes(whole)
            appears(incoming / "JH_20260310.flg.done")
            watcher.send_signal(signal.SIGTERM)
            text, _ = watcher.communicate(timeout=20)
        finally:
            watcher.kill()
    assert watcher.returncode == 0
    lines = text.splitlines()
    assert len([line for line in lines if "CUST_20260310.dat: rows: found" in line]) == 1
    assert [line.split(" ", 2)[2].split(":")[0] for line in lines if "jianghe" in line and "->" in line] == [
        "jianghe of 2026-03-10",
        "jianghe of 2026-03-10",
    ]
    assert lines[-1].endswith("Stopped watching")
    assert not (incoming / "JH_20260310.flg.refused").exists()


def appears(path: Path) -> None:
    until = time.monotonic() + 30
    while not path.exists():
        assert time.monotonic() < until, f"{path.name} did not appear"
        time.sleep(0.05)


def test_a_shipped_mapping_is_found_by_its_name(environment: dict[str, str]) -> None:
    assert "fineract" in duecourse(environment, "book", "mappings")
    assert duecourse(environment, "book", "mappings", "frappe").startswith("# Frappe Lending")
    loans = SAMPLES / "fineract-loans.json"
    said = json.loads(duecourse(environment, "book", "import", loans, "--mapping", "fineract", "--json"))
    assert said["counts"]["installments new"] == 4
    said = json.loads(
        duecourse(
            environment, "book", "check", loans, "--mapping", "fineract", "--set", "creditor=acme", "--json"
        )
    )
    assert (said["state"], said["rejected"]) == ("checked", 0)
    assert "B073" in duecourse(environment, "book", "check", loans, "--mapping", "nothing-like-it", code=1)


def test_a_proposed_mapping_is_one_that_check_takes(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(
        "客户号,姓名,手机号码,合同号,应还日期,应还本金,应还利息\nC1,张三,13800138000,HT1,20260310,1000.00,50.00\n",
        encoding="gb18030",
    )
    out = tmp_path / "a.toml"
    text = duecourse(environment, "book", "map", tmp_path / "a.csv", "--out", out)
    assert "应还日期" in text and "installment.due_on" in text and "Open:" in text
    duecourse(environment, "book", "check", tmp_path / "a.csv", "--mapping", out)
    assert "D072" in duecourse(environment, "book", "map", tmp_path / "a.csv", "--out", out, code=1)
    said = json.loads(duecourse(environment, "book", "map", tmp_path / "a.csv", "--json"))
    assert said["columns"][0] == {
        "column": "客户号", "target": "borrower.key", "sure": "sure", "why": said["columns"][0]["why"],
    }  # fmt: skip


def test_a_proposal_speaks_chinese_to_whom_reads_it(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(
        "loan_no,name,mobile,due_date,due,status,remark,phone\nL1,Ann,n/a,01/02/2026,5000,weird,x,y\n",
        encoding="utf-8",
    )
    out = tmp_path / "a.toml"
    text = duecourse(
        {**environment, "DUECOURSE_LANGUAGE": "zh"}, "book", "map", tmp_path / "a.csv", "--out", out
    )
    told = [line for line in text.splitlines() if "duecourse book check" not in line]
    assert len([line for line in told if line.startswith("待定：")]) >= 5
    assert [line for line in told if re.search(r"[a-z]{3,} [a-z]{3,} [a-z]{3,}", line)] == []


def test_a_folder_that_is_not_there_is_said(environment: dict[str, str], tmp_path: Path) -> None:
    text = duecourse(
        environment, "book", "watch", tmp_path / "no", "--delivery", RULE, "--once", "--every", "0.2s", code=1
    )
    assert "B085" in text


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("book", "check", "x.csv"), "D070"),
        (("book", "check", "x.csv", "--mapping", "fineract", "--set", "region"), "D071"),
        (("book", "watch", ".", "--delivery", RULE, "--every", "soon"), "D073"),
    ],
)
def test_misuse_is_said(environment: dict[str, str], words: tuple[object, ...], code: str) -> None:
    assert code in duecourse(environment, *words, code=2)
