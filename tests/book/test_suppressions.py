"""Suppression lists: matched by index, imported in any shape, ended by two people."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import openpyxl
import psycopg
import pytest

from duecourse.book.suppressions import (
    SuppressionKind,
    SuppressionReport,
    agree_to_end,
    ask_to_end,
    holders_of,
    import_suppressions,
    suppress,
    suppression_index,
    suppressions,
)
from duecourse.book.wishes import Said
from duecourse.domain.problems import DuecourseError
from duecourse.privacy.keyring import Keyring
from lender import Lender

NOW = datetime.fromisoformat("2026-03-01T09:00+08:00")
LATER = datetime.fromisoformat("2026-03-02T09:00+08:00")
SAID = Said("recycled-number", "cli", "anna", NOW, NOW)
PHONE = SuppressionKind.PHONE


@pytest.fixture
def index(keyring: Keyring) -> bytes:
    return suppression_index(keyring, PHONE, "139 0000 1111", "CN")


def listed(conn: psycopg.Connection, at: datetime = LATER) -> list[str]:
    return [row["reason"] for row in suppressions(conn, at=at)]


def bring(
    conn: psycopg.Connection,
    keyring: Keyring,
    path: Path,
    raw: bytes,
    kind: SuppressionKind = PHONE,
    **options: Any,
) -> SuppressionReport:
    path.write_bytes(raw)
    return import_suppressions(conn, keyring, path, kind, said=SAID, region="CN", **options)


def test_a_number_is_found_however_it_is_written_and_is_nowhere_in_the_database(
    database: psycopg.Connection, index: bytes, keyring: Keyring
) -> None:
    assert suppress(database, PHONE, [index], said=SAID) == 1
    assert (
        suppress(database, PHONE, [suppression_index(keyring, PHONE, "+8613900001111", "US")], said=SAID) == 0
    )
    [row] = suppressions(database, at=LATER)
    assert "13900001111" not in repr(row) and "13900001111" not in repr(
        database.execute("SELECT s::text FROM suppression s").fetchall()
    )


def test_it_ends_when_one_person_asks_and_another_agrees(database: psycopg.Connection, index: bytes) -> None:
    suppress(database, PHONE, [index], said=SAID)
    with pytest.raises(DuecourseError, match="B106"):
        agree_to_end(database, PHONE, index, by="ben", now=LATER)
    ask_to_end(database, PHONE, index, by="anna", reason="the borrower's again", now=NOW)
    with pytest.raises(DuecourseError, match="B104"):
        agree_to_end(database, PHONE, index, by="anna", now=LATER)
    assert listed(database) == ["recycled-number"]
    agree_to_end(database, PHONE, index, by="ben", now=LATER)
    assert listed(database) == []
    assert listed(database, NOW) == ["recycled-number"]
    with pytest.raises(DuecourseError, match="B105"):
        agree_to_end(database, PHONE, index, by="ben", now=LATER)
    with pytest.raises(DuecourseError, match="B105"):
        ask_to_end(database, PHONE, index, by="ben", reason="again", now=LATER)


def test_the_database_itself_refuses_an_end_by_one_person(database: psycopg.Connection, index: bytes) -> None:
    suppress(database, PHONE, [index], said=SAID)
    with pytest.raises(psycopg.errors.CheckViolation):
        database.execute("UPDATE suppression SET end_asked_by = 'a', ended_by = 'a', ended_at = now()")


@pytest.mark.parametrize(
    "raw",
    [
        b"13900001111\n+8613900002222\n",
        "\ufeff13900001111\r\n13900002222\r\n".encode(),
        "号码\n13900001111\n13900002222\n".encode("gb18030"),
        "號碼;備註\n13900001111;舊\n13900002222;\n".encode("big5"),
        "phone\n13900001111\n13900002222\n".encode("utf-16"),
        b'"13900001111","x"\n"13900002222","y"\n\n',
    ],
    ids=["plain", "bom-crlf", "gb18030", "big5", "utf-16", "quoted"],
)
def test_a_list_of_one_column_comes_in_whatever_its_encoding(
    database: psycopg.Connection, keyring: Keyring, tmp_path: Path, raw: bytes
) -> None:
    report = bring(database, keyring, tmp_path / "list.txt", raw)
    assert (report.rows, report.new, report.rejected) == (2, 2, 0)
    again = bring(database, keyring, tmp_path / "list.txt", raw)
    assert (again.rows, again.new, again.known) == (2, 0, 2)


def test_a_spreadsheet_comes_in_too(database: psycopg.Connection, keyring: Keyring, tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for value in ("number", 13900001111, "+86 139 0000 2222", "none"):
        book.active.append([value])
    book.save(tmp_path / "list.xlsx")
    report = import_suppressions(database, keyring, tmp_path / "list.xlsx", PHONE, said=SAID, region="CN")
    assert (report.new, report.rejected, report.problems[0].where) == (2, 1, "list.xlsx:4")


def test_an_id_number_that_a_spreadsheet_cut_is_not_taken_for_another(
    database: psycopg.Connection, keyring: Keyring, tmp_path: Path
) -> None:
    book = openpyxl.Workbook()
    for value in ("id number", 110101199003077758, "110101199003077766"):
        book.active.append([value])
    book.save(tmp_path / "list.xlsx")
    kind = SuppressionKind.ID_NUMBER
    sheet = import_suppressions(database, keyring, tmp_path / "list.xlsx", kind, said=SAID, region="CN")
    text = bring(database, keyring, tmp_path / "list.csv", b"1.10101E+17\n", kind)
    for report, line in ((sheet, "list.xlsx:2"), (text, "list.csv:1")):
        assert [(problem.code, problem.where) for problem in report.problems] == [("B014", line)]
    assert (sheet.new, text.new) == (1, 0)


@pytest.mark.parametrize("raw", [b'13900001111,"x\n13900002222,y\n', b"1" * 2_000_000])
def test_a_list_that_would_lose_entries_is_refused_whole(
    database: psycopg.Connection, keyring: Keyring, tmp_path: Path, raw: bytes
) -> None:
    with pytest.raises(DuecourseError, match="B005"):
        bring(database, keyring, tmp_path / "list.csv", raw)
    assert listed(database) == []


def test_bad_lines_are_named_without_what_they_hold(
    database: psycopg.Connection, keyring: Keyring, tmp_path: Path
) -> None:
    report = bring(database, keyring, tmp_path / "list.txt", b"13900001111\n123\nnobody@example.com\n")
    assert [(problem.where, problem.code) for problem in report.problems] == [
        ("list.txt:2", "B019"),
        ("list.txt:3", "B019"),
    ]
    assert "nobody" not in str(report.problems)
    mails = bring(
        database, keyring, tmp_path / "mails.txt", b"a@example.com\nb at example\n", SuppressionKind.EMAIL
    )
    assert (mails.new, [problem.code for problem in mails.problems]) == (1, ["B020"])


def test_a_trial_lists_nothing(database: psycopg.Connection, keyring: Keyring, tmp_path: Path) -> None:
    report = bring(database, keyring, tmp_path / "list.txt", b"13900001111\n", dry_run=True)
    assert (report.new, listed(database)) == (1, [])


def test_what_is_on_a_list_again_is_suppressed_again(
    database: psycopg.Connection, keyring: Keyring, tmp_path: Path, index: bytes
) -> None:
    suppress(database, PHONE, [index], said=Said("first", "cli", "a", NOW, NOW))
    ask_to_end(database, PHONE, index, by="anna", reason="x", now=NOW)
    agree_to_end(database, PHONE, index, by="ben", now=LATER)
    (tmp_path / "list.txt").write_text("13900001111")
    again = Said("list of May", "import", "carl", LATER, LATER)
    import_suppressions(database, keyring, tmp_path / "list.txt", PHONE, said=again, region="CN")
    assert listed(database) == ["list of May"]


def test_a_file_that_cannot_be_read_is_named(
    database: psycopg.Connection, keyring: Keyring, tmp_path: Path
) -> None:
    with pytest.raises(DuecourseError, match="B005"):
        import_suppressions(database, keyring, tmp_path / "none.txt", PHONE, said=SAID, region="CN")


def test_the_borrowers_it_concerns_are_found_in_every_lane(lender: Lender, index: bytes) -> None:
    lender.book(
        "loan borrower due_on phone\nL-1 B 2026-03-10 +8613900001111\nL-2 C 2026-03-10 +8613900001111"
    )
    lender.reindex_contact_points()
    assert len(holders_of(lender.conn, PHONE, index)) == 2
