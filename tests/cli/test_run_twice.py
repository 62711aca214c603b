"""The same days lived through twice: the second time goes out what belongs to what was added, and nothing else."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from repository import ROOT

from shell import Shell

MAPPING = """
mapping = "twice"

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
HEADER = "customer,name,mobile,language,contract,due,amount\n"
BOOK = HEADER + (
    "C-1,Li Lei,+8613812345678,en,L-1,2026-03-10,1500.00\n"
    "C-2,Ann Example,+8613812345671,en,L-2,2026-03-10,820.50\n"
)
DAYS = "run --from 2026-03-03 --to 2026-03-12 --json"


class Simulated:
    """`duecourse` in processes of their own, on a simulated book."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        settings = {
            "DUECOURSE_HOME": folder / "home", "DUECOURSE_DATABASE_URL": url, "DUECOURSE_LANGUAGE": "en",
        }  # fmt: skip
        self.shell = Shell(folder, settings)
        self.journal = folder / "home" / "sandbox" / "journal.jsonl"
        (folder / "mapping.toml").write_text(MAPPING, "utf-8")

    def type(self, line: str, code: int = 0) -> str:
        return self.shell.type(*line.split(), code=code)

    def book(self, rows: str) -> None:
        (self.folder / "book.csv").write_text(rows, "utf-8")
        self.type("book import book.csv --mapping mapping.toml")

    def sent_to(self) -> Counter[str]:
        """How often the sandbox's SMSC was handed a message, by number."""
        lines = [json.loads(line) for line in self.journal.read_text("utf-8").splitlines()]
        return Counter(line["to"][-4:] for line in lines if line["event"] == "submit")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("added", "number", "messages"),
    [
        pytest.param("C-3,Wang Fang,+8613812345679,en,L-3,2026-03-10,1.00\n", "5679", 5, id="new borrower"),
        # Due a day earlier: on the 6th and the 8th; on the 9th and 10th L-1 was spoken of, and it is one a day.
        pytest.param("C-1,Li Lei,+8613812345678,en,L-3,2026-03-09,1.00\n", "5678", 2, id="new loan"),
    ],
)
def test_the_second_run_sends_what_belongs_to_the_loan_added(
    tmp_path: Path, empty_database_url: str, added: str, number: str, messages: int
) -> None:
    shell = Simulated(tmp_path, empty_database_url)
    shell.type("init --simulated --zone Asia/Shanghai")
    shell.book(BOOK)
    shell.type(f"policy publish {ROOT / 'examples' / 'consumer-lender' / 'policy.yaml'}")
    shell.type(DAYS)
    first = shell.sent_to()
    assert set(first) == {"5678", "5671"}
    shell.type(DAYS)
    assert shell.sent_to() == first
    shell.book(BOOK + added)
    shell.type(DAYS)
    assert shell.sent_to() - first == Counter({number: messages})
    shell.type(DAYS)
    assert sum(shell.sent_to().values()) == sum(first.values()) + messages


def test_a_book_never_gets_a_second_key_ring(tmp_path: Path, empty_database_url: str) -> None:
    shell = Simulated(tmp_path, empty_database_url)
    shell.type("init --simulated --zone Asia/Shanghai")
    shell.book(BOOK)
    keys = tmp_path / "home" / "keys.json"
    keys.rename(tmp_path / "kept")
    assert "D014" in shell.type("init", code=1)
    assert not keys.exists()


def test_a_live_book_is_never_replayed(tmp_path: Path, empty_database_url: str) -> None:
    shell = Simulated(tmp_path, empty_database_url)
    shell.type("init --zone Asia/Shanghai")
    assert "D006" in shell.type(DAYS, code=1)
    assert not shell.journal.exists()
