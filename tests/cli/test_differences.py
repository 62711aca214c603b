"""`duecourse book differences` from a lender's file to what is printed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from duecourse.cli.context import Context, close_context, set_context
from duecourse.cli.main import app
from duecourse.cli.settings import Settings

MAPPING = """
mapping = "listed"
[money]
currency = "CNY"
[borrower]
key = "{cust}"
language = "zh-CN"
region = "CN"
zone = "Asia/Shanghai"
[loan]
ref = "{loan}"
creditor = "bank"
product = "car-loan"
method = "equal-principal"
rate_type = "{type}"
principal = "3000"
annual_rate = "0.12"
started_on = "2025-12-15"
[[installment]]
number = "{no}"
due_on = "{due_on}"
due = "{due}"
"""
FILE = """cust,loan,type,no,due_on,due
C1,L1,fixed,1,2026-01-15,1030.00
C1,L1,fixed,2,2026-02-15,1020.00
C1,L1,fixed,3,2026-03-15,1010.00
C2,L2,fixed,1,2026-01-15,1030.00
C2,L2,fixed,2,2026-02-15,1021.50
C2,L2,fixed,3,2026-03-15,1010.01
C3,L3,floating,1,2026-01-15,1030.00
C4,L4,fixed,1,2026-01-16,3031.00
"""


@pytest.fixture
def typed(tmp_path: Path, empty_database_url: str) -> Iterator[CliRunner]:
    (tmp_path / "file.csv").write_text(FILE, "utf-8")
    (tmp_path / "mapping.toml").write_text(MAPPING, "utf-8")
    settings = Settings(home=tmp_path, database_url=empty_database_url, language="zh")  # type: ignore[arg-type]
    set_context(Context(settings=settings))
    runner = CliRunner()
    for words in (
        ["init", "--simulated"],
        ["book", "import", str(tmp_path / "file.csv"), "--mapping", str(tmp_path / "mapping.toml")],
    ):
        done = runner.invoke(app, words, catch_exceptions=False)
        assert done.exit_code == 0, done.output
    yield runner
    close_context()


def test_differing_loans_are_listed_and_all_are_counted(typed: CliRunner) -> None:
    words = ["book", "differences", "--tolerance", "1"]
    found = json.loads(typed.invoke(app, [*words, "--json"], catch_exceptions=False).stdout)
    assert found["compared"] == 3
    assert found["differing"] == 2
    assert found["left_out"] == {"floating rate": 1}
    by_loan = {one["loan"]: one["differences"] for one in found["loans"]}
    assert by_loan["L2"] == [
        {"number": 2, "field": "payment", "listed": "1021.50", "computed": "1020.00"},
    ]
    assert [one["field"] for one in by_loan["L4"]] == ["payment"]
    assert by_loan["L4"][0]["listed"] == "3031.00"

    shorter = typed.invoke(app, [*words, "--limit", "1", "--json"], catch_exceptions=False)
    assert (len(json.loads(shorter.stdout)["loans"]), json.loads(shorter.stdout)["differing"]) == (1, 2)

    printed = typed.invoke(app, [*words, "--limit", "1"], catch_exceptions=False).stdout
    counted = ("比对 3 笔贷款，2 笔与条款不符", "仅列出前 1 笔", "未比对：1 笔，浮动利率")
    for said in ("机构所列", "按条款计算", "应还", *counted):
        assert said in printed
