"""A mapping proposed from column names and values: what is clear is found, what is ambiguous stays open."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import openpyxl
import psycopg
import pytest

from duecourse.book.evidence import dates_of, shape_of
from duecourse.book.importing import import_book
from duecourse.book.mapping import parse_mapping
from duecourse.book.proposing import Proposal, propose_mapping
from duecourse.book.synonyms import KNOWN, named, unit_of
from duecourse.domain.problems import DuecourseError
from duecourse.privacy.keyring import Keyring

from .conftest import NOW

SIMPLIFIED = """客户号,姓名,证件号码,手机号码,合同号,期数,应还日期,应还本金,应还利息,币种,贷款余额
C001,张三,11010519491231002X,13800138000,HT001,1,2026-03-10,1000.00,50.00,CNY,12000.00
C002,李四,440524188001010014,13900139000,HT002,2,2026/03/12,2000.50,60.10,CNY,22000.00
"""
TRADITIONAL = """客戶編號,客戶姓名,身分證字號,行動電話,貸款帳號,期數,應繳日期,應繳金額
A1,王大明,A123456789,0912345678,L-1,1,2026/03/10,5000.5
A2,陳美麗,B223456789,0922345678,L-2,2,2026/03/11,6000
"""
ENGLISH = """customer_no,full_name,mobile_phone,loan_account_no,installment_no,due_date,amount_due,currency
1,Ann Lee,+6591234567,L1,1,2026-03-10,100.00,SGD
2,Bo Chen,+6598765432,L2,1,2026-03-11,120.50,SGD
"""
PAYMENTS = """交易流水号|@|借据号|@|还款日期|@|还款金额(分)
T1|@|HT001|@|20260310|@|105000
T2|@|HT002|@|20260311|@|206060
"""


def propose(folder: Path, content: str | bytes, name: str = "book.csv", encoding: str = "utf-8") -> Proposal:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    found = propose_mapping(path)
    parse_mapping(found.toml, "proposed.toml")  # whatever stays open, it loads
    return found


def targets(found: Proposal) -> dict[str, tuple[str, str]]:
    return {one.column: (one.target, one.sure) for one in found.guesses}


def checked(
    conn: psycopg.Connection, keyring: Keyring, folder: Path, found: Proposal, name: str = "book.csv"
) -> dict[str, int]:
    mapping = parse_mapping(found.toml, "proposed.toml")
    return dict(import_book(conn, keyring, folder / name, mapping, now=NOW, dry_run=True).codes)


def test_chinese_columns_are_known_by_name_and_value(
    database: psycopg.Connection, keyring: Keyring, tmp_path: Path
) -> None:
    found = propose(tmp_path, SIMPLIFIED.replace("2026/", "2026-").replace("/12", "-12"), encoding="gb18030")
    assert targets(found) == {
        "客户号": ("borrower.key", "sure"),
        "姓名": ("borrower.name", "sure"),
        "证件号码": ("borrower.id_number", "sure"),
        "手机号码": ("contact.sms", "sure"),
        "合同号": ("loan.ref", "sure"),
        "期数": ("installment.number", "sure"),
        "应还日期": ("installment.due_on", "sure"),
        "应还本金": ("installment.principal", "sure"),
        "应还利息": ("installment.interest", "sure"),
        "币种": ("loan.currency", "sure"),
        "贷款余额": ("", "unused"),
    }
    assert found.source == {"encoding": "gb18030"} and found.open == []
    assert checked(database, keyring, tmp_path, found) == {}


@pytest.mark.parametrize(
    ("content", "encoding", "says"),
    [
        (TRADITIONAL, "big5", ['encoding = "big5"', 'region = "TW"', 'zone = "Asia/Taipei"', 'currency = "TWD"']),
        (ENGLISH, "utf-8", ['region = "SG"', 'zone = "Asia/Singapore"', 'currency = { column = "currency" }']),
        (ENGLISH.replace(",", "\x01"), "utf-8", ['delimiter = "\\u0001"']),
        (ENGLISH.replace(",", ";"), "utf-8-sig", ['delimiter = ";"']),
        (ENGLISH.replace("2026-03-", "202603"), "utf-8", ['formats = ["YYYYMMDD"]']),
        (ENGLISH.replace("2026-03-10", "13/03/2026").replace("2026-03-11", "01/02/2026"), "utf-8",
         ['formats = ["DD/MM/YYYY"]']),
        (ENGLISH.replace("100.00", '"1,100.00"'), "utf-8", ['thousands = ","']),
    ],
)  # fmt: skip
def test_what_the_file_is_and_where_its_people_live_is_seen_from_it(
    database: psycopg.Connection,
    keyring: Keyring,
    tmp_path: Path,
    content: str,
    encoding: str,
    says: list[str],
) -> None:
    found = propose(tmp_path, content, encoding=encoding)
    assert [one for one in says if one not in found.toml] == []
    assert found.open == []
    assert checked(database, keyring, tmp_path, found) == {}


def test_an_ambiguous_day_stays_open_and_refuses_its_rows(
    database: psycopg.Connection, keyring: Keyring, tmp_path: Path
) -> None:
    found = propose(tmp_path, ENGLISH.replace("2026-03-10", "01/02/2026").replace("2026-03-11", "03/04/2026"))
    (left,) = found.open
    assert "'due_date' may be DD/MM/YYYY or MM/DD/YYYY" in left
    assert "# OPEN: 'due_date' may be" in found.toml
    assert checked(database, keyring, tmp_path, found) == {"B012": 2}


def test_whole_numbers_of_no_said_unit_stay_open(
    database: psycopg.Connection, keyring: Keyring, tmp_path: Path
) -> None:
    found = propose(tmp_path, ENGLISH.replace("100.00", "10000").replace("120.50", "12050"))
    (left,) = found.open
    assert 'say whether unit = "major" (yuan) or "minor" (fen)' in left
    assert checked(database, keyring, tmp_path, found) == {"B013": 2}


def test_a_payment_file_in_fen_is_known(tmp_path: Path) -> None:
    found = propose(tmp_path, PAYMENTS, encoding="gb18030")
    assert [one.target for one in found.guesses] == [
        "payment.reference", "loan.ref", "payment.paid_on", "payment.amount",
    ]  # fmt: skip
    payment = found.toml[found.toml.index("[[payment]]") :]
    assert 'amount = { column = "还款金额(分)", unit = "minor" }' in payment
    assert 'paid_on = { column = "还款日期", formats = ["YYYYMMDD"] }' in payment
    assert found.source == {"encoding": "gb18030", "delimiter": "|@|", "quote": ""}


def test_no_currency_no_zone_and_no_number_are_asked_for(
    database: psycopg.Connection, keyring: Keyring, tmp_path: Path
) -> None:
    found = propose(tmp_path, "cust_id,name,loan_no,due_date,due\n1,A,L1,2026-03-10T00:00:00,5.5\n")
    assert len(found.open) == 4
    assert {"region", "zone"} <= {word for text in found.open for word in text.replace(";", "").split()}
    assert checked(database, keyring, tmp_path, found)["B022"] >= 1


def test_a_file_without_column_names_is_judged_by_its_values_alone(tmp_path: Path) -> None:
    found = propose(tmp_path, "C1,11010519491231002X,13800138000\nC2,440524188001010014,13900139000\n")
    assert targets(found) == {
        "c1": ("", "unused"),
        "c2": ("borrower.id_number", "likely"),
        "c3": ("contact.sms", "likely"),
    }
    assert found.source == {"header": False, "columns": ["c1", "c2", "c3"]}


def test_a_name_whose_values_say_otherwise_is_not_believed(tmp_path: Path) -> None:
    found = propose(tmp_path, ENGLISH.replace("2026-03-10", "n/a").replace("2026-03-11", "n/a"))
    assert targets(found)["due_date"] == ("", "open")


def test_workbooks_and_json_are_looked_into_too(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    page = book.active
    assert page is not None
    for line in ENGLISH.strip().splitlines():
        page.append(
            [
                float(cell) if cell.replace(".", "").isdigit() and "." in cell else cell
                for cell in line.split(",")
            ]
        )
    written = io.BytesIO()
    book.save(written)
    found = propose(tmp_path, written.getvalue(), "book.xlsx")
    assert targets(found)["due_date"] == ("installment.due_on", "sure") and found.source == {
        "format": "excel"
    }
    periods = '[{"number": 1, "due_date": [2026, 3, 10], "due": 5.5}]'
    content = f'{{"loan_no": "L1", "client": {{"id": 5}}, "periods": {periods}}}'
    found = propose(tmp_path, content, "loans.jsonl")
    assert found.source == {"format": "jsonl", "explode": ["periods"]}
    assert targets(found)["periods.due_date"] == ("installment.due_on", "sure")


def test_a_damaged_archive_says_so(tmp_path: Path) -> None:
    (tmp_path / "book.csv.gz").write_bytes(gzip.compress(b"contract_no,amount\nL-1,100\n")[:30])
    with pytest.raises(DuecourseError, match="B005"):
        propose_mapping(tmp_path / "book.csv.gz")


def test_a_file_without_columns_says_so(tmp_path: Path) -> None:
    with pytest.raises(DuecourseError, match="B090"):
        propose(tmp_path, "one\ntwo\n")


@pytest.mark.parametrize(
    ("column", "target"),
    [
        ("应还日", "installment.due_on"),
        ("應還本金", "installment.principal"),
        ("手机号", "contact.sms"),
        ("身份证号", "borrower.id_number"),
        ("借款人姓名", "borrower.name"),
        ("Customer No.", "borrower.key"),
        ("DUE DATE", "installment.due_on"),
        ("应还金额（元）", "installment.due"),
        ("amount_due_fen", "installment.due"),
        ("本期应还利息(分)", "installment.interest"),
    ],
)
def test_a_name_is_known_however_it_is_spelled(column: str, target: str) -> None:
    assert named(column) == (target, True)


def test_every_name_of_the_dictionary_has_one_meaning() -> None:
    assert all(named(name) == (target, True) for name, target in KNOWN.items())


def test_units_and_shapes_are_read() -> None:
    assert [unit_of(name) for name in ("金额(分)", "金额（元）", "due_fen", "due")] == [
        "minor",
        "major",
        "minor",
        "",
    ]
    assert shape_of(["11010519491231002X"]).id_number == "CN"
    assert shape_of(["110105194912310021"]).id_number == ""  # its check digit is wrong
    assert dates_of(["2026-03-10", "2026-03-11"]) == ("YYYY-MM-DD",)
    assert dates_of(["01/02/2026"]) == ("DD/MM/YYYY", "MM/DD/YYYY")
    assert dates_of(["13/02/2026"]) == ("DD/MM/YYYY",)
