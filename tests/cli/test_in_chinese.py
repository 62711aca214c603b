"""The command line as somebody meets it who reads Chinese: ids and data apart, no English."""

from __future__ import annotations

import re
from functools import cached_property
from pathlib import Path

import pytest
from repository import ROOT

from shell import Shell

POLICY = ROOT / "examples" / "consumer-lender" / "policy.yaml"
MAPPING = """
mapping = "first-week"
[money]
currency = "CNY"
[borrower]
key = { column = "customer" }
name = { column = "name" }
language = { column = "language" }
region = "CN"
zone = "Asia/Shanghai"
grade = "A"
[[contact_point]]
channel = "sms"
address = { column = "mobile" }
[loan]
ref = { column = "contract" }
creditor = "first-lender"
product = "cash-loan"
method = "given"
[[installment]]
number = 1
due_on = { column = "due" }
due = { column = "amount" }
"""
BOOK = """customer,name,mobile,language,contract,due,amount
C-1,李雷,+8613812345678,zh-CN,L-1,2026-03-10,1500.00
C-2,韩梅梅,+8613812340001,zh-CN,L-2,2026-03-10,99.00
C-3,王芳,,zh-CN,L-3,2026-03-10,820.50
"""

DATA = re.compile(
    r"""\b(?: duecourse\ [a-z]+(?:\ [a-z]+)?(?:\ FILE\ --mapping\ MAPPING)? | ID\b               # what one may type
      | consumer-lender | first-week | first-lender | book\.csv(?:\.rejects\.csv)? | tester      # names in the book
      | due-(?:in-\d|today|soon(?:-mortgage)?) | day-after | overdue-(?:\d+|first|second|third) | debit-soon
      | [CL]-\d | CNY | correction | stopped | thanks | settled | applied | decided | signed | paid-out
      | payment-(?:received|reversed|taken-back) | loan-settled | application-(?:received|declined|approved)
      | contract-signed | (?:rate|date)-changed | cash-loan | Asia/Shanghai | zh-CN | [A] | sandbox-[a-z]+-[a-z]+
      | [A-Z]+(?:-[A-Z]+)+ | PAID | STOPPED | DELIVRD | UNDELIV                                  # rules and codes
      | [0-9a-f]{8}(?:-[0-9a-f]{4,12})* )""",
    re.VERBOSE,
)


class Reader:
    """Somebody at a shell whose reports are in Chinese."""

    def __init__(self, folder: Path, database_url: str, language: str = "zh") -> None:
        self.home = folder / "home"
        self.home.mkdir()
        settings = {
            "DUECOURSE_HOME": self.home,
            "DUECOURSE_DATABASE_URL": database_url,
            "DUECOURSE_LANGUAGE": language,
            "DUECOURSE_USER": "tester",
        }
        self.shell = Shell(folder, settings)

    def english(self, *words: str | Path, code: int = 0) -> list[str]:
        """English words in what a command prints, its data and ids apart. It has to print Chinese, too."""
        text = self.shell.type(*words, code=code)
        assert re.search(r"[\u4e00-\u9fff]", text), text
        for known in (str(self.home), self.database):
            text = text.replace(known, "")
        return re.findall(r"[A-Za-z]{2,}", DATA.sub("", text))

    @cached_property
    def database(self) -> str:
        """The database as `status` names it: data of the machine."""
        return str(self.shell.json("status")["database"])


@pytest.mark.slow
def test_reports_in_chinese_hold_no_english(tmp_path: Path, empty_database_url: str) -> None:
    reader = Reader(tmp_path, empty_database_url)
    (tmp_path / "book.csv").write_text(BOOK, "utf-8")
    (tmp_path / "mapping.toml").write_text(MAPPING, "utf-8")
    reader.shell.type("init", "--simulated")
    assert reader.english("init", "--simulated") == []
    assert reader.english("book", "import", "book.csv", "--mapping", "mapping.toml") == []
    assert reader.english("book", "check", "book.csv", "--mapping", "mapping.toml") == []
    assert reader.english("policy", "publish", POLICY, "--dry-run") == []
    assert reader.english("policy", "publish", POLICY) == []
    assert reader.english("policy", "list") == []
    assert reader.english("plan", "--as-of", "2026-03-07", "--dry-run") == []
    assert reader.english("run", "--from", "2026-03-03", "--to", "2026-03-12") == []
    assert reader.english("status") == []
    assert reader.english("book", "summary") == []
    assert reader.english("stop", "--channel", "sms") == []
    assert reader.english("status", code=1) == []
    assert reader.english("resume") == []
    assert reader.english("keys", "show") == []

    shown = reader.shell.json("borrower", "show", "C-2")
    assert {message["purpose"] for message in shown["messages"]} == {"reminder"}
    assert "failed" in {message["outcome"] for message in shown["messages"]}
    assert reader.english("borrower", "show", "C-2", "--as-of", "2026-03-12") == []
    assert reader.english("message", "show", shown["messages"][0]["message_id"]) == []


@pytest.mark.parametrize("language", ["en", "zh"])
def test_json_is_the_same_in_every_language(language: str, tmp_path: Path, empty_database_url: str) -> None:
    shell = Reader(tmp_path, empty_database_url, language).shell
    shell.type("init")
    found = shell.json("policy", "diff", POLICY)
    assert found["against"] == "nothing published"
    assert shell.json("status")["planned"] == 0
