"""What an import does to the book, on real PostgreSQL."""

from __future__ import annotations

import stat
import textwrap
from datetime import date, timedelta
from pathlib import Path

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from duecourse.book.importing import import_rows
from duecourse.book.mapping import parse_mapping
from duecourse.book.reading import find_borrower
from duecourse.domain.problems import DuecourseError
from duecourse.privacy.keyring import Keyring
from duecourse.privacy.sealing import open_value

from .conftest import BORROWER, HEAD, LOAN, NOW, Importer

PEOPLE = HEAD + BORROWER
PHONE = """
    [[contact_point]]
    channel = "sms"
    address = "{phone}"
"""
PAYMENT = """
    [[payment]]
    loan = "{loan}"
    creditor = "bank"
    source = "core"
    reference = "{ref}"
    amount = "{amount}"
    paid_on = "{day}"
"""
DUE = """
    [[installment]]
    number = "{no}"
    due_on = "{due_on}"
    due = "{due}"
"""
FULL = PEOPLE + LOAN + DUE
FULL_ROWS = """
    cust,name,loan,no,due_on,due
    C1,Ann Lee,L1,1,2026-03-10,100.00
    C1,Ann Lee,L1,2,2026-04-10,100.00
    C2,Bo Chen,L2,1,2026-03-15,50.50
"""


def test_one_row_becomes_a_borrower_a_loan_and_an_installment(bring: Importer) -> None:
    report = bring(FULL, FULL_ROWS)
    assert (report.rows, report.rejected, report.state) == (3, 0, "done")
    assert bring.all("SELECT borrower_key, zone FROM borrower ORDER BY 1") == [
        ("C1", "America/New_York"),
        ("C2", "America/New_York"),
    ]
    assert bring.all(
        "SELECT loan_ref, number, due_on, due_minor, i.borrower_id = l.borrower_id"
        " FROM installment i JOIN loan l USING (lane, loan_id) ORDER BY 1, 2"
    ) == [
        ("L1", 1, date(2026, 3, 10), 10000, True),
        ("L1", 2, date(2026, 4, 10), 10000, True),
        ("L2", 1, date(2026, 3, 15), 5050, True),
    ]


def test_the_same_file_twice_changes_nothing(bring: Importer) -> None:
    mapping = FULL + PHONE.replace("{phone}", "+1415555{row:04d}")
    tables = ("borrower", "contact_point", "loan", "installment", "borrower_key", "book_history")

    def everything() -> list[object]:
        return [bring.all(f"SELECT * FROM {table} ORDER BY 1, 2, 3") for table in tables]

    rows = "cust,name,loan,no,due_on,due\n" + "".join(f"C{i},N{i},L{i},1,2026-03-10,1\n" for i in range(9))
    bring(mapping, rows)
    before = everything()
    report = bring(mapping, rows, now=NOW + timedelta(days=1))
    assert everything() == before
    assert {name for name in report.counts if report.counts[name]} == {
        "borrowers same", "contact_points same", "loans same", "installments same",
    }  # fmt: skip


def test_a_changed_row_updates_and_the_old_one_is_history(bring: Importer) -> None:
    bring(FULL, FULL_ROWS)
    report = bring(FULL, FULL_ROWS.replace("50.50", "60.00").replace("Ann Lee", "Ann Li"))
    assert report.counts["installments changed"] == 1
    assert report.counts["borrowers changed"] == 1
    assert bring.all("SELECT due_minor FROM installment WHERE due_minor NOT IN (10000)") == [(6000,)]
    kept = bring.all("SELECT subject, was->>'due_minor' FROM book_history ORDER BY 1")
    assert kept == [("borrower", None), ("installment", "5050")]


def test_bad_rows_are_named_written_out_and_the_rest_goes_in(bring: Importer) -> None:
    report = bring(
        FULL,
        """
        cust,name,loan,no,due_on,due
        C1,Ann Lee,L1,1,2026-03-10,100.00
        C2,"Bo
        Chen",L2,1,2026-02-30,50.50
        C3,Cy Day,L3,1,2026-03-15,"1,000"
        C4,Di Eve,L4,1,2026-03-15
        C5,Ed Fox,L5,1,2026-03-15,5.00
        """.replace("        ", ""),
    )
    assert [str(problem) for problem in report.problems] == [
        "book.csv:3: name: a value of 7 characters; expected one line of at most 200 characters."
        " Row not imported. (B024)",
        "book.csv:3: due_on: '2026-02-30' is not a date; use YYYY-MM-DD. Row not imported. (B012)",
        "book.csv:5: due: '9,999' is not a number; write numbers like 1234.50. Row not imported. (B013)",
        "book.csv:6: has 5 cells; the file has 6 columns. Row not imported. (B010)",
    ]
    assert bring.all("SELECT borrower_key FROM borrower ORDER BY 1") == [("C1",), ("C5",)]
    text = bring.rejects()
    assert 'C3,Cy Day,L3,1,2026-03-15,"1,000",5,B013,' in text
    mode = stat.S_IMODE((bring.folder / "book.csv.rejects.csv").stat().st_mode)
    assert mode == 0o600


def test_a_mended_rejects_file_can_be_imported(bring: Importer) -> None:
    bring(FULL, FULL_ROWS.replace("2026-03-15", "2026-15-03"))
    mended = bring.rejects().replace("2026-15-03", "2026-03-15")
    report = bring(FULL, mended, name="mended.csv")
    assert report.rejected == 0
    assert bring.all("SELECT count(*) FROM installment") == [(3,)]


def test_strict_refuses_the_whole_file(bring: Importer) -> None:
    report = bring(FULL, FULL_ROWS.replace("2026-03-15", "soon"), strict=True, batch_rows=1)
    assert (report.state, report.rejected) == ("refused", 1)
    assert bring.all("SELECT count(*) FROM borrower") == [(0,)]
    assert bring.all("SELECT count(*) FROM borrower_key") == [(0,)]
    assert bring.all("SELECT state, rows_rejected FROM book_import") == [("refused", 1)]
    assert bring(FULL, FULL_ROWS, strict=True, batch_rows=1).state == "done"
    assert bring.all("SELECT count(*) FROM borrower") == [(2,)]


def test_a_check_writes_nothing_and_sees_what_an_import_would(bring: Importer) -> None:
    rows = FULL_ROWS + "    C3,Cy,L1,3,2026-05-10,1\n    C2,Bo Chen,L2,1,2026-03-15,50.50\n"
    checked = bring(FULL, rows, dry_run=True, batch_rows=1)
    assert checked.state == "checked"
    for table in ("borrower", "borrower_key", "loan", "installment", "book_import"):
        assert bring.all(f"SELECT count(*) FROM {table}") == [(0,)]
    done = bring(FULL, rows, batch_rows=1)
    assert [(p.code, p.where) for p in checked.problems] == [(p.code, p.where) for p in done.problems]
    assert [p.code for p in done.problems] == ["B031", "B030"]


@pytest.mark.parametrize("batch_rows", [1, 100])
def test_rows_that_contradict_or_repeat_each_other_are_refused(bring: Importer, batch_rows: int) -> None:
    rows = FULL_ROWS + "    C2,Bo Chen,L2,1,2026-03-16,50.50\n    C2,Other Name,L2,2,2026-03-16,50.50\n"
    for _ in range(2):
        report = bring(FULL, rows, batch_rows=batch_rows)
        assert [(p.code, p.where) for p in report.problems] == [
            ("B031", "book.csv:5"),
            ("B031", "book.csv:6"),
        ]
    assert bring.all("SELECT due_on FROM installment WHERE due_minor = 5050") == [(date(2026, 3, 15),)]


def test_payments_need_their_loan_its_currency_and_a_reference_of_their_own(bring: Importer) -> None:
    bring(FULL, FULL_ROWS)
    report = bring(
        HEAD.replace('"USD"', '"{cur}"') + PAYMENT,
        """
        loan,ref,amount,day,cur
        L1,P1,10.00,2026-03-01,USD
        L1,P1,10.00,2026-03-01,USD
        L9,P2,10.00,2026-03-01,USD
        L1,P3,10.00,2026-03-01,EUR
        L1,P4,0.00,2026-03-01,USD
        L1,P5,10.00,2026-03-01,USX
        """,
    )
    assert sorted((p.where, p.code) for p in report.problems) == [
        ("book.csv:3", "B030"),
        ("book.csv:4", "B032"),
        ("book.csv:5", "B034"),
        ("book.csv:6", "B015"),
        ("book.csv:7", "B022"),
    ]
    assert bring.all("SELECT reference FROM payment") == [("P1",)]


def test_a_row_whose_loan_falls_takes_the_rows_that_build_on_it_with_it(bring: Importer) -> None:
    mapping = FULL + PAYMENT.replace('"{loan}"', '"{paid_loan}"')
    report = bring(
        mapping,
        """
        cust,name,loan,no,due_on,due,paid_loan,ref,amount,day
        C1,A,L1,1,2026-03-10,1,L9,P1,1,2026-03-01
        C2,B,L2,1,2026-03-10,1,L1,P2,1,2026-03-01
        C3,C,L3,1,2026-03-10,1,L2,P3,1,2026-03-01
        C4,D,L4,1,2026-03-10,1,L4,P4,1,2026-03-01
        """,
    )
    assert [(p.code, p.where) for p in report.problems] == [
        ("B032", "book.csv:2"),
        ("B032", "book.csv:3"),
        ("B032", "book.csv:4"),
    ]
    assert bring.all("SELECT borrower_key FROM borrower") == [("C4",)]


def test_amounts_that_do_not_add_up_are_refused(bring: Importer) -> None:
    mapping = FULL + '    principal = "{p}"\n    interest = "{i}"\n'
    report = bring(
        mapping,
        "cust,name,loan,no,due_on,due,p,i\nC1,A,L1,1,2026-03-10,10,9,1\nC2,A,L2,1,2026-03-10,10,9,2\n",
    )
    assert [(problem.code, problem.where) for problem in report.problems] == [("B026", "book.csv:3")]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "gb18030", "big5"])
def test_files_in_chinese_encodings(bring: Importer, keyring: Keyring, encoding: str) -> None:
    source = "utf-8" if encoding == "utf-8-sig" else encoding
    mapping = f'mapping = "t"\n[source]\nencoding = "{source}"\n' + textwrap.dedent(
        BORROWER.replace("{cust}", "{客戶}").replace("{name}", "{姓名}")
    )
    assert bring(mapping, "客戶,姓名\nC1,王小明\n".encode(encoding)).rejected == 0
    found = find_borrower(bring.conn, keyring, "C1")
    assert found is not None and found.name_sealed is not None
    assert open_value(keyring, found.name_sealed, "borrower", "name", found.borrower_id) == "王小明"


def test_a_broken_byte_costs_its_row_and_comes_back_in_the_rejects(bring: Importer) -> None:
    report = bring(PEOPLE, b"cust,name\nC1,Ann\nC2,\xff\xfe\nC3,Cy\n")
    assert [(p.code, p.where) for p in report.problems] == [("B011", "book.csv:3")]
    assert b"\xff\xfe" in (bring.folder / "book.csv.rejects.csv").read_bytes()
    assert bring.all("SELECT count(*) FROM borrower") == [(2,)]


def test_semicolons_decimal_commas_and_no_header(bring: Importer) -> None:
    mapping = (
        'mapping = "t"\n[source]\ndelimiter = ";"\nheader = false\nskip_lines = 2\n'
        'columns = ["cust", "name", "loan", "no", "due_on", "due"]\n'
        '[numbers]\nthousands = "."\ndecimal = ","\n[dates]\nformats = ["DD.MM.YYYY"]\n[money]\ncurrency = "EUR"\n'
    ) + textwrap.dedent(BORROWER + LOAN + DUE)
    report = bring(mapping, "Export\n\nC1;Ann;L1;1;10.03.2026;1.234,56\nC2;Bo;L2;1;10.03.2026;1.234.56\n")
    assert bring.all("SELECT due_on, due_minor FROM installment") == [(date(2026, 3, 10), 123456)]
    assert [(p.code, p.where) for p in report.problems] == [("B013", "book.csv:4")]


def test_parquet_keeps_its_types(bring: Importer) -> None:
    path = bring.folder / "typed.parquet"
    columns = {
        "cust": ["C1", "C2"],
        "name": ["Ann", None],
        "loan": [1, 2],
        "no": [1, 1],
        "due_on": pa.array([date(2026, 3, 10), date(2026, 3, 11)]),
        "due": [12.5, 0.1],
    }
    pq.write_table(pa.table(columns), path)
    mapping = 'mapping = "t"\n[source]\nformat = "parquet"\n[money]\ncurrency = "USD"\n' + textwrap.dedent(
        BORROWER + LOAN + DUE
    )
    assert bring(mapping, path.read_bytes(), name="typed.parquet").rejected == 0
    assert bring.all(
        "SELECT loan_ref, due_on, due_minor FROM installment JOIN loan USING (lane, loan_id) ORDER BY 1"
    ) == [
        ("1", date(2026, 3, 10), 1250),
        ("2", date(2026, 3, 11), 10),
    ]


@pytest.mark.parametrize(
    ("mapping", "content", "codes"),
    [
        (PEOPLE, "cust,nome\nC1,Ann\n", ["B003"]),
        (PEOPLE, "cust,name,cust\n", ["B006"]),
        (PEOPLE, "", ["B006"]),
        (
            PEOPLE.replace("{name}", "{name} {first}").replace("{cust}", "{x}"),
            "cust,name\n",
            ["B003", "B003"],
        ),
        (PEOPLE.replace("[money]", '[source]\nothers = "refuse"\n[money]'), "cust,name,more\n", ["B007"]),
        (PEOPLE.replace("[money]", '[source]\nencoding = "klingon"\n[money]'), "cust,name\n", ["B005"]),
        (PEOPLE.replace("[money]", '[source]\nformat = "parquet"\n[money]'), "cust,name\n", ["B005"]),
    ],
)
def test_a_file_that_does_not_fit_its_mapping_is_refused_before_the_first_row(
    bring: Importer, mapping: str, content: str, codes: list[str]
) -> None:
    with pytest.raises(DuecourseError) as caught:
        bring(mapping, content)
    assert [problem.code for problem in caught.value.problems] == codes
    assert bring.all("SELECT count(*) FROM book_import") == [(0,)]


def test_rows_of_the_program_are_imported_like_a_file(database: psycopg.Connection, keyring: Keyring) -> None:
    mapping = parse_mapping(textwrap.dedent(FULL), "m")
    columns = ("cust", "name", "loan", "no", "due_on", "due")
    row = {"cust": "C1", "name": "Ann", "loan": "L1", "no": 1, "due_on": date(2026, 3, 10), "due": "5"}
    report = import_rows(database, keyring, [row], mapping, columns=columns, now=NOW)
    assert (report.rejected, report.counts["installments new"]) == (0, 1)


def test_the_import_is_logged_with_its_totals(bring: Importer) -> None:
    bring(FULL, FULL_ROWS)
    logged = bring.all(
        "SELECT file_name, rows_read, state, totals->>'installments new', length(file_digest) FROM book_import"
    )
    assert logged == [("book.csv", 3, "done", "3", 32)]


def test_no_staging_table_outlives_its_session(bring: Importer, store: object, tmp_path: Path) -> None:
    bring(FULL, FULL_ROWS)
    kept = bring.all("SELECT relname FROM pg_class WHERE relname LIKE 'stage_%%' AND relpersistence <> 't'")
    assert kept == []


def test_without_a_refused_row_no_rejects_file_is_made(bring: Importer) -> None:
    bring(FULL, FULL_ROWS)
    assert [path.name for path in bring.folder.iterdir()] == ["book.csv"]


def test_rejects_without_a_place_stop_the_import(bring: Importer) -> None:
    (bring.folder / "book.csv.rejects.csv.part").mkdir()
    with pytest.raises(DuecourseError, match="B040"):
        bring(FULL, FULL_ROWS.replace("50.50", "fifty"))
