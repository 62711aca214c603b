"""Files of every format give the same rows, with places that a person finds again."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from datetime import date
from decimal import Decimal
from pathlib import Path

import openpyxl
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from duecourse.book.mapping import Source
from duecourse.book.parsing import FieldFault, date_parser
from duecourse.book.rows import Row, Unreadable
from duecourse.book.source import open_source
from duecourse.domain.problems import DuecourseError

from .conftest import BORROWER, HEAD, LOAN, Importer


def rows(
    folder: Path, content: bytes, name: str = "file.dat", paths: tuple[str, ...] = (), **source: object
) -> list[Row | Unreadable]:
    path = folder / name
    path.write_bytes(content)
    with open_source(path, Source(**source)) as opened:  # type: ignore[arg-type]
        for one in paths:
            assert opened.paths is not None
            opened.paths.get(one)
        return list(opened.rows)


def cells(read: list[Row | Unreadable]) -> list[list[object]]:
    return [list(row.cells) for row in read if isinstance(row, Row)]


# -- separators ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("delimiter", ["|@|", "\x01", "^_^", "@@"])
@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_odd_separators_split_a_headerless_file(tmp_path: Path, delimiter: str, encoding: str) -> None:
    text = delimiter.join(["C1", "王小明", "a|b"]) + "\r\n" + delimiter.join(["C2", "", "x@y"]) + "\n"
    read = rows(
        tmp_path, text.encode(encoding), delimiter=delimiter, encoding=encoding, quote="", header=False,
        columns=["k", "n", "z"],
    )  # fmt: skip
    assert cells(read) == [["C1", "王小明", "a|b"], ["C2", "", "x@y"]]


def test_a_separator_of_several_characters_may_stand_in_quotes(tmp_path: Path) -> None:
    content = b'a|@|b\n1|@|"x|@|y\nz"\n2|@|w\n3|@|"u"v\n4|@|t\n'
    read = rows(tmp_path, content, delimiter="|@|")
    assert [(row.line, row.cells) for row in read if isinstance(row, Row)] == [
        (2, ["1", "x|@|y\nz"]),
        (4, ["2", "w"]),
        (6, ["4", "t"]),
    ]
    assert [(row.line, row.code) for row in read if isinstance(row, Unreadable)] == [(5, "B010")]


def test_broken_bytes_and_the_stand_in_cost_their_row_alone(tmp_path: Path) -> None:
    good = "王".encode("gb18030")
    content = b"a|@|b\n1|@|" + good + b"\n2|@|\xff\n3|@|" + "\ufdd0".encode("gb18030") + b"\n4|@|x\n"
    read = rows(tmp_path, content, delimiter="|@|", quote="", encoding="gb18030")
    assert [(row.line, getattr(row, "code", "")) for row in read] == [
        (2, ""),
        (3, "B011"),
        (4, "B011"),
        (5, ""),
    ]


def test_a_separator_at_the_end_of_every_line_and_a_trailer_are_no_data(tmp_path: Path) -> None:
    content = b"a|@|b|@|\n1|@|x|@|\n2|@||@|\nEND|@|2\n"
    read = rows(tmp_path, content, delimiter="|@|", quote="", trailing_delimiter=True, trailer_lines=1)
    assert cells(read) == [["1", "x"], ["2", ""]]
    assert len(read) == 2


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=100)
@given(
    st.lists(
        st.lists(
            st.text(
                st.characters(exclude_characters="\r\n\x00\ufdd0|@", exclude_categories=["Cs"]), max_size=6
            ),
            min_size=2,
            max_size=2,
        ).filter(lambda row: row != ["", ""]),
        max_size=8,
    )
)
def test_whatever_stands_between_separators_is_read_back(tmp_path: Path, table: list[list[str]]) -> None:
    content = "".join("|@|".join(row) + "\n" for row in table).encode("gb18030")
    read = rows(
        tmp_path, content, delimiter="|@|", quote="", encoding="gb18030", header=False, columns=["a", "b"]
    )
    assert cells(read) == table


# -- fixed width ---------------------------------------------------------------------------------------------------


def test_fixed_width_counts_bytes_of_gb18030(tmp_path: Path) -> None:
    line = "C001" + "王小明    " + "20260310" + "0000123456"
    read = rows(
        tmp_path, (line + "\r\n").encode("gb18030"), format="fixed", encoding="gb18030",
        fields=[
            {"name": "key", "start": 1, "width": 4},
            {"name": "name", "start": 5, "width": 10},
            {"name": "due", "start": 15, "width": 8},
            {"name": "fen", "start": 23, "width": 10},
        ],
    )  # fmt: skip
    assert cells(read) == [["C001", "王小明    ", "20260310", "0000123456"]]


def test_fixed_width_counts_characters_when_told(tmp_path: Path) -> None:
    read = rows(
        tmp_path, "C1王小明 7\n".encode(), format="fixed", counted_in="characters", widths=[2, 4, 1],
        columns=["k", "n", "x"],
    )  # fmt: skip
    assert cells(read) == [["C1", "王小明 ", "7"]]


def test_a_line_too_short_too_long_or_cut_within_a_character_is_refused(tmp_path: Path) -> None:
    lines = ["AB王小12", "AB王12", "AB王小12xx", "A王小123", "AB王小34  ", ""]
    read = rows(
        tmp_path, "".join(line + "\n" for line in lines).encode("gb18030"), format="fixed",
        encoding="gb18030", widths=[2, 4, 2], columns=["k", "n", "x"],
    )  # fmt: skip
    assert [(row.number, row.line, getattr(row, "code", "")) for row in read] == [
        (1, 1, ""),
        (2, 2, "B010"),
        (3, 3, "B010"),
        (4, 4, "B010"),
        (5, 5, ""),
    ]


# -- Excel ---------------------------------------------------------------------------------------------------------


def workbook(
    table: list[list[object]], sheet: str = "贷款", first: list[list[object]] | None = None
) -> bytes:
    book = openpyxl.Workbook()
    page = book.active
    assert page is not None
    page.title = "说明"
    for row in first or [["nothing"]]:
        page.append(row)
    page = book.create_sheet(sheet)
    for row in table:
        page.append(row)
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()


EXCEL = (
    HEAD
    + """
    [source]
    format = "excel"
    sheet = "贷款"
"""
    + BORROWER
    + LOAN
    + """
    [[installment]]
    number = "{no}"
    due_on = "{due_on}"
    due = { column = "due" }
"""
)


def test_a_sheet_brings_typed_dates_and_amounts_without_rounding(bring: Importer) -> None:
    head: list[object] = ["cust", "name", "loan", "no", "due_on", "due"]
    content = workbook(
        [
            head,
            [1001, "Ann", "L1", 1, date(2026, 3, 10), 1234.1],
            [],
            [1001, "Ann", "L1", 2, "2026-04-10", "99.99"],
            [1001, "Ann", "L1", 3, date(2026, 5, 10), 10.005],
        ]
    )
    report = bring(EXCEL, content, name="book.xlsx")
    assert bring.all("SELECT borrower_key FROM borrower") == [("1001",)]
    assert bring.all("SELECT number, due_on, due_minor FROM installment ORDER BY 1") == [
        (1, date(2026, 3, 10), 123410),
        (2, date(2026, 4, 10), 9999),
    ]
    # 10.005 is no amount in cents: it is refused, not rounded.
    assert [str(problem).split(" ")[0] for problem in report.problems] == ["book.xlsx:5:"]
    assert report.codes == {"B015": 1}


@pytest.mark.parametrize("number", [622202123456789012, "6.22202E+17", "1.38E+10"])
def test_a_number_that_a_spreadsheet_cut_off_is_no_key(bring: Importer, number: object) -> None:
    content = workbook(
        [["cust", "name", "loan", "no", "due_on", "due"], [number, "A", "L1", 1, "2026-03-10", 1]]
    )
    report = bring(EXCEL, content, name="book.xlsx")
    assert report.codes["B014"] >= 1
    assert bring.all("SELECT count(*) FROM borrower") == [(0,)]


def test_an_unknown_sheet_is_named_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(DuecourseError, match=r"has no sheet 'x'; it has 说明, 贷款.*B070"):
        rows(tmp_path, workbook([["a"]]), format="excel", sheet="x")


# -- JSON ----------------------------------------------------------------------------------------------------------

LOANS = [
    {"id": 1, "who": {"name": "Ann"}, "tags": [{"t": "x"}], "periods": [{"no": 1, "due": 10.10}, {"no": 2}]},
    {"id": 2, "who": {"name": "王"}, "periods": []},
]
PATHS = ("id", "who.name", "tags[0].t", "periods.no", "periods.due")


@pytest.mark.parametrize(
    ("name", "content", "source"),
    [
        ("a.json", json.dumps(LOANS), {"format": "json"}),
        ("a.json", json.dumps({"total": 2, "page": LOANS}), {"format": "json", "records": "page"}),
        ("a.json", json.dumps(LOANS[0]) + "\n" + json.dumps(LOANS[1]), {"format": "json"}),
        ("a.json", json.dumps(LOANS), {"format": "auto", "records": "page"}),
        (
            "a.jsonl",
            json.dumps(LOANS[0]) + "\n" + json.dumps(LOANS[1], ensure_ascii=False),
            {"format": "auto"},
        ),
    ],
)
def test_json_of_every_shape_gives_the_record_and_its_elements(
    tmp_path: Path, name: str, content: str, source: dict[str, object]
) -> None:
    read = rows(tmp_path, content.encode(), name, PATHS, explode="periods", **source)
    assert [(row.number, row.line, row.part, row.place) for row in read if isinstance(row, Row)] == [
        (1, 1, 0, ""),
        (2, 1, 1, "1 periods[0]"),
        (3, 1, 1, "1 periods[1]"),
        (4, 2, 0, ""),
    ]
    assert cells(read) == [
        [1, "Ann", "x", None, None],
        [1, "Ann", "x", 1, Decimal("10.1")],
        [1, "Ann", "x", 2, None],
        [2, "王", None, None, None],
    ]


def test_a_bad_line_of_json_costs_its_line_and_a_bad_array_the_rest(tmp_path: Path) -> None:
    read = rows(tmp_path, b'{"id": 1}\n{"id": oops}\n[1]\n{"id": NaN}\n{"id": 5}\n', "a.jsonl", format="auto")
    assert [(row.line, getattr(row, "code", "")) for row in read] == [
        (1, ""), (2, "B071"), (3, "B071"), (4, "B071"), (5, ""),
    ]  # fmt: skip
    read = rows(tmp_path, b'[{"id": 1}, {"id": oops}, {"id": 3}]', "a.json", format="json")
    assert [(row.line, getattr(row, "code", "")) for row in read] == [(1, ""), (2, "B071")]
    assert "nothing after it could be read" in getattr(read[1], "message", "")


def test_characters_that_are_no_text_cost_their_record(tmp_path: Path) -> None:
    content = b'{"id": "a\\u0000"}\n{"id": "\\ud800"}\n{"id": "\xff"}\n{"id": "\xe7\x8e\x8b"}\n'
    read = rows(tmp_path, content, "a.jsonl", ("id",), format="jsonl")
    assert [(row.line, getattr(row, "code", "")) for row in read] == [
        (1, "B011"), (2, "B011"), (3, "B011"), (4, ""),
    ]  # fmt: skip
    (row,) = rows(tmp_path, content.splitlines()[0], "a.json", ("id",), format="json")
    assert isinstance(row, Unreadable)


def test_refused_elements_of_a_record_can_be_mended_and_imported_again(bring: Importer) -> None:
    mapping = (
        HEAD
        + """
    [source]
    format = "auto"
    explode = "periods"
    [borrower]
    key = "{id}"
    language = "en"
    region = "US-MA"
    zone = "America/New_York"
    [loan]
    ref = "{id}"
    creditor = "bank"
    product = "p"
    method = "given"
    [[installment]]
    number = "{periods.no}"
    due_on = { column = "periods.on" }
    due = "{periods.due}"
    """
    )
    periods = [{"no": 1, "on": [2026, 3, 10], "due": 1}, {"no": 2, "on": [2026, 2, 31], "due": 1.25}]
    report = bring(mapping, json.dumps([{"id": 7, "periods": periods}]), name="loans.json")
    assert [str(problem) for problem in report.problems] == [
        "loans.json:1 periods[1]: periods.on: the list is not a day; expected [year, month, day]. "
        "Row not imported. (B012)"
    ]
    (refused,) = [json.loads(line) for line in bring.rejects("loans.json").splitlines()]
    assert (refused["reject_place"], refused["reject_codes"]) == ("1 periods[1]", "B012")
    assert refused["periods"] == [periods[1]]
    refused["periods"][0]["on"] = [2026, 4, 10]
    again = bring(mapping, json.dumps(refused), name="mended.jsonl")
    assert again.rejected == 0
    assert bring.all("SELECT number, due_minor FROM installment ORDER BY 1") == [(1, 100), (2, 125)]


# -- compressed, times ---------------------------------------------------------------------------------------------


def test_a_compressed_file_is_read_like_its_content_and_a_torn_one_says_so(tmp_path: Path) -> None:
    packed = gzip.compress(b"a,b\n" + b"1,x\n" * 50_000)
    assert len(rows(tmp_path, packed, "file.csv.gz")) == 50_000
    with pytest.raises(DuecourseError, match="breaks off or is damaged"):
        rows(tmp_path, packed[:-20], "file.csv.gz")


def test_a_damaged_sheet_says_so(tmp_path: Path) -> None:
    book, whole, torn = openpyxl.Workbook(), io.BytesIO(), io.BytesIO()
    book.active.append(["a"])
    book.save(whole)
    with zipfile.ZipFile(whole) as good, zipfile.ZipFile(torn, "w") as bad:
        for name in good.namelist():
            bad.writestr(name, b"<" if "sheet1" in name else good.read(name))
    with pytest.raises(DuecourseError, match="B005"):
        rows(tmp_path, torn.getvalue(), "book.xlsx", format="excel")


def test_a_damaged_page_of_parquet_says_after_which_row(tmp_path: Path) -> None:
    whole = io.BytesIO()
    pq.write_table(pa.table({"a": [f"{n:09}" for n in range(20_000)]}), whole, row_group_size=10_000)
    torn = bytearray(whole.getvalue())
    middle = len(torn) // 2
    torn[middle : middle + 4000] = bytes(4000)
    with pytest.raises(DuecourseError, match=r"B005") as refused:
        rows(tmp_path, bytes(torn), "book.parquet", format="parquet")
    assert "is damaged after row" in str(refused.value)


def test_a_line_too_deep_to_read_costs_its_record(tmp_path: Path) -> None:
    deep = b'{"a": 1}\n' + b'{"a": ' * 200_000 + b'\n{"a": 2}\n'
    read = rows(tmp_path, deep, paths=("a",), format="jsonl")
    assert (cells(read), read[1].code) == ([[1], [2]], "B071")  # type: ignore[union-attr]


def test_a_time_after_the_day_is_left_away_only_when_the_format_has_it() -> None:
    assert date_parser(["YYYY-MM-DD hh:mm:ss"])("2026-03-10 23:59:59") == date(2026, 3, 10)
    for text in ("2026-03-10 24:00:00", "2026-03-10"):
        with pytest.raises(FieldFault):
            date_parser(["YYYY-MM-DD hh:mm:ss"])(text)


# -- the lender's amounts ------------------------------------------------------------------------------------------


def test_installments_that_a_file_gives_stay_as_given_beside_terms(bring: Importer) -> None:
    mapping = (
        HEAD
        + BORROWER
        + LOAN.replace('"given"', '"annuity"')
        + """
    principal = "1200"
    annual_rate = "0.06"
    started_on = "2026-01-10"
    [loan.schedule]
    periods = 12
    first_due_on = "2026-02-10"
    [[installment]]
    number = "{no}"
    due_on = { column = "due_on" }
    due = { column = "due", plus = [{ column = "fee" }] }
    """
    )
    rows_ = (
        "cust,name,loan,no,due_on,due,fee\nC1,A,L1,1,2026-02-10,104.00,1.50\nC1,A,L1,2,2026-03-10,103.99,\n"
    )
    for _ in range(2):
        assert bring(mapping, rows_).rejected == 0
        assert bring.all("SELECT number, due_minor FROM installment ORDER BY 1") == [(1, 10550), (2, 10399)]
