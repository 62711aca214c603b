"""Contacts made elsewhere come into the ledger once, for whom they were, with what was reached."""

from __future__ import annotations

import textwrap
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from duecourse.book.importing import ImportReport, import_book
from duecourse.book.mapping import parse_mapping
from duecourse.book.records import loan_id_of
from duecourse.dispatch.contacts import contacts_of, import_contacts
from duecourse.domain.problems import DuecourseError
from lender import Lender, borrower_id_of, lane_of

NOW = datetime.fromisoformat("2026-03-10T09:00+08:00")
CALLS = """
    mapping = "calls"
    [[contact]]
    source = "call-centre"
    reference = "{id}"
    borrower = "{cust}"
    loan = "{loan}"
    creditor = "bank"
    number = "{number}"
    region = "CN"
    channel = "voice"
    actor = "agency"
    outcome = { column = "result", default = "attempt" }
    agent = "{agent}"
    at = { column = "at", formats = ["YYYY-MM-DD hh:mm"], zone = "Asia/Shanghai" }
"""
HEAD = "id,cust,loan,number,result,agent,at\n"


class Calls:
    """A book of two borrowers who share a number in two lanes, and the calls made to them."""

    def __init__(self, lender: Lender, folder: Path) -> None:
        self.lender, self.folder = lender, folder
        lender.book("loan borrower due_on\nL-1 B 2026-03-12\nL-2 B 2026-03-12\nL-3 C 2026-03-12")
        lender.reindex_contact_points()
        for name in ("B", "C"):
            lender.name_in_directory(name)
        for ref in ("L-1", "L-2", "L-3"):  # under the ids that an import gives them
            lender.conn.execute(
                "UPDATE loan SET loan_id = %s WHERE loan_ref = %s", (loan_id_of("bank", ref), ref)
            )
        lender.conn.commit()

    def bring(self, rows: str, mapping: str = CALLS, **options: Any) -> ImportReport:
        path = self.folder / "calls.csv"
        path.write_text(HEAD + textwrap.dedent(rows))
        parsed = parse_mapping(textwrap.dedent(mapping), "calls.toml")
        return import_contacts(self.lender.conn, self.lender.keyring, path, parsed, now=NOW, **options)

    def ledger(self) -> list[tuple[Any, ...]]:
        """(borrower, loan, weight, outcome) in order."""
        rows = self.lender.conn.execute(
            """SELECT coalesce(borrower_key, '?'), coalesce(loan_ref, '-'), weight, outcome
               FROM contact LEFT JOIN borrower USING (lane, borrower_id) LEFT JOIN loan USING (lane, loan_id)
               ORDER BY 1, contact.at, 2, weight DESC, 4"""
        ).fetchall()
        self.lender.conn.commit()
        return rows


@pytest.fixture
def calls(lender: Lender, tmp_path: Path) -> Calls:
    return Calls(lender, tmp_path)


def test_a_call_without_a_loan_counts_for_every_open_debt_and_keeps_what_was_reached(calls: Calls) -> None:
    report = calls.bring("1,B,,+8613900001111,conversation,a7,2026-03-09 10:00\n")
    assert (report.rejected, report.counts["contacts new"]) == (0, 1)
    assert calls.ledger() == [
        ("B", loan, weight, outcome)
        for loan in ("L-1", "L-2")
        for weight, outcome in ((1, "attempt"), (0, "connected"), (0, "conversation"))
    ]
    [shown] = contacts_of(calls.lender.conn, lane_of("B"), borrower_id_of("B"))
    assert (shown["outcome"], shown["loans"], shown["agent"], shown["counts"], shown["source"]) == (
        "conversation", ["L-1", "L-2"], "a7", True, "import",
    )  # fmt: skip
    assert shown["at"] == datetime.fromisoformat("2026-03-09T10:00+08:00")


def test_the_same_file_twice_changes_nothing_and_a_later_one_adds_what_was_reached(calls: Calls) -> None:
    calls.bring("1,C,,,,a7,2026-03-09 10:00\n")
    again = calls.bring("1,C,,,,a7,2026-03-09 10:00\n")
    assert (again.counts["contacts new"], again.counts["contacts same"]) == (0, 1)
    later = calls.bring("1,C,,,connected,a7,2026-03-09 10:00\n")
    assert (later.counts["contacts new"], later.counts["contacts changed"]) == (0, 1)
    assert calls.ledger() == [("C", "L-3", 1, "attempt"), ("C", "L-3", 0, "connected")]


def test_a_number_counts_for_everybody_who_has_it_and_one_that_nobody_has_is_kept(calls: Calls) -> None:
    calls.bring("1,,,139 0000 1111,,a7,2026-03-09 10:00\n2,,,13900002222,,a7,2026-03-09 11:00\n")
    assert calls.ledger() == [
        ("?", "-", 1, "attempt"),
        ("B", "L-1", 1, "attempt"),
        ("B", "L-2", 1, "attempt"),
        ("C", "L-3", 1, "attempt"),
    ]
    [(lane, first)] = calls.lender.conn.execute(
        "SELECT lane, get_byte(address_index, 0) FROM contact WHERE system = 'call-centre' AND reference = '2'"
    ).fetchall()
    assert lane == first


def test_a_call_about_a_loan_counts_for_that_loan_and_finds_its_borrower(calls: Calls) -> None:
    calls.bring("1,,L-2,,,a7,2026-03-09 10:00\n2,B,L-1,,,a7,2026-03-09 11:00\n")
    assert calls.ledger() == [("B", "L-2", 1, "attempt"), ("B", "L-1", 1, "attempt")]


def test_every_bad_row_is_named_and_nothing_of_it_is_written(calls: Calls) -> None:
    report = calls.bring(
        """\
        1,X,,,,a7,2026-03-09 10:00
        2,B,L-9,,,a7,2026-03-09 10:00
        3,,,,,a7,2026-03-09 10:00
        4,B,,12,,a7,2026-03-09 10:00
        5,B,,,shouted,a7,2026-03-09 10:00
        6,B,,,,a7,yesterday
        7,B,,,,a7,2026-03-11 10:00
        ,B,,,,a7,2026-03-09 10:00
        """
    )
    assert report.rejected == 8 and calls.ledger() == []
    assert dict(report.codes) == {"B033": 1, "B032": 1, "B016": 2, "B019": 1, "B018": 1, "B107": 1, "B113": 1}


def test_a_reference_that_comes_twice_in_a_file_is_named_also_across_batches(calls: Calls) -> None:
    rows = "1,C,,,,a7,2026-03-09 10:00\n1,C,,,,a7,2026-03-09 10:00\n1,C,,,,a7,2026-03-09 11:00\n"
    for size in (1, 100):
        report = calls.bring(rows, batch_rows=size)
        assert dict(report.codes) == {"B030": 1, "B031": 1}
    assert calls.ledger() == [("C", "L-3", 1, "attempt")]


def test_a_check_writes_nothing(calls: Calls) -> None:
    report = calls.bring("1,C,,,,a7,2026-03-09 10:00\n2,X,,,,a7,2026-03-09 10:00\n", dry_run=True)
    assert (report.rejected, report.state, calls.ledger()) == (1, "checked", [])


def test_a_mapping_of_another_command_is_refused(calls: Calls) -> None:
    holds = """
        mapping = "holds"
        [[hold]]
        borrower = "{cust}"
        kind = "dispute"
        since = "2026-03-01"
        evidence = "x"
    """
    with pytest.raises(DuecourseError, match=r"book import.*B112"):
        calls.bring("", holds)
    with pytest.raises(DuecourseError, match=r"contact import.*B112"):
        import_book(
            calls.lender.conn,
            calls.lender.keyring,
            calls.folder / "calls.csv",
            parse_mapping(textwrap.dedent(CALLS), "calls.toml"),
            now=NOW,
        )


def test_a_wall_clock_of_a_bare_number_needs_its_zone(calls: Calls) -> None:
    report = calls.bring(
        "1,,,13900001111,,a7,2026-03-09 10:00\n2,B,,,,a7,2026-03-09 10:00\n",
        CALLS.replace(', zone = "Asia/Shanghai"', ""),
    )
    assert (dict(report.codes), len(calls.ledger())) == ({"B107": 1}, 2)
