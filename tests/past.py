"""A file of past contacts written as rows, audited on a fresh database."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg

from duecourse.audit.figures import Breach, Findings, breaches, findings
from duecourse.audit.judging import judge_contacts
from duecourse.audit.reading import Defaults, read_contacts
from duecourse.book.importing import ImportReport
from duecourse.book.mapping import parse_mapping
from duecourse.privacy.keyring import Keyring
from duecourse.rules.compiling import shipped

NOW = datetime.fromisoformat("2026-11-25T09:00+08:00")
HEAD = "id,cust,loan,number,region,zone,channel,actor,result,agent,party,at,text"
MAPPING = """
    mapping = "past"
    [[contact]]
    source = "calls"
    reference = "{id}"
    borrower = "{cust}"
    loan = "{loan}"
    creditor = "bank"
    number = "{number}"
    region = "{region}"
    zone = "{zone}"
    channel = "{channel}"
    actor = "{actor}"
    outcome = { column = "result", default = "attempt" }
    agent = "{agent}"
    party = "{party}"
    at = { column = "at", formats = ["YYYY-MM-DD hh:mm"] }
    text = "{text}"
"""


@dataclass(frozen=True)
class Audited:
    """What came of one file."""

    report: ImportReport
    found: Findings
    breaches: list[Breach]

    def lines(self, *, proven: bool = True) -> list[tuple[int, str]]:
        """(line, rule) of each breach."""
        return [(one.line, one.rule) for one in self.breaches if one.proven is proven]


class Past:
    """Audits files on one database."""

    def __init__(self, conn: psycopg.Connection, keyring: Keyring, folder: Path) -> None:
        self.conn, self.keyring, self.folder = conn, keyring, folder

    def audit(
        self, rows: str, mapping: str = MAPPING, *, with_book: bool = False, **defaults: Any
    ) -> Audited:
        """rows: as CSV, without the head; or a whole file with one of its own."""
        text = textwrap.dedent(rows)
        path = self.folder / "past.csv"
        path.write_text(text if text.startswith("id,") else f"{HEAD}\n{text}", "utf-8")
        book = shipped()
        report = read_contacts(
            self.conn, self.keyring, path, parse_mapping(textwrap.dedent(mapping), "past.toml"), book,
            Defaults(**defaults), with_book=with_book, now=NOW, where="past.toml",
            rejects=self.folder / "rejects.csv", progress=None,
        )  # fmt: skip
        judge_contacts(self.conn, book)
        found = findings(self.conn, book, report, mapping="past", with_book=with_book)
        return Audited(report, found, list(breaches(self.conn, book.packs)))


def row(n: int, at: str, **given: str) -> str:
    """One row: a call by the creditor to the borrower C of China unless said otherwise."""
    told = {
        "id": str(n), "cust": "C", "loan": "", "number": "", "region": "CN", "zone": "", "channel": "voice",
        "actor": "creditor", "result": "", "agent": "a7", "party": "borrower", "at": at, "text": "",
    } | given  # fmt: skip
    return ",".join(told[name] for name in HEAD.split(",")) + "\n"
