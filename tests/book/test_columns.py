"""Read by column, a file leaves what it leaves read row by row: the same book, counts and words on every bad row."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import psycopg
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from duecourse.book.batches import BlockBuilder, batches, goes_by_column, one_ahead
from duecourse.book.blocks import Block, blocks
from duecourse.book.building import RowBuilder
from duecourse.book.importing import ImportReport, import_book, import_rows
from duecourse.book.mapping import parse_mapping
from duecourse.book.packing import EPOCH, Column, pack
from duecourse.book.records import InstallmentRecord, Packed, Records
from duecourse.book.source import open_source
from duecourse.domain.problems import DuecourseError
from duecourse.privacy.keyring import Keyring
from duecourse.privacy.sealing import open_value

from .conftest import NOW

COLUMNS = (
    "cust", "name", "phone", "loan", "product", "cur", "no", "due_on", "stated", "due", "principal", "interest",
    "fee", "balance", "kind", "paid",
)  # fmt: skip
MAPPING = """
mapping = "t"
[source]
format = "FORMAT"
empty = ["", "-"]
[numbers]
scientific = true
[lookup.product]
A = "cash-loan"
B = "car-loan"
[borrower]
key = "{cust}"
name = "{name}"
language = "en"
region = "US-MA"
zone = "America/New_York"
[[contact_point]]
channel = "sms"
address = "{phone}"
if_bad = "leave-out"
[loan]
ref = "{loan}"
borrower = "{cust}"
creditor = "bank"
product = {column = "product", lookup = "product"}
method = "given"
currency = "{cur}"
attributes = {grade = "{cust}{product}"}
[[installment]]
when = {column = "kind", not = "P"}
number = "{no}"
due_on = {column = "due_on"}
due = {column = "due"}
principal = {column = "principal"}
interest = {column = "interest"}
fee = {column = "fee", negative = "zero"}
[[installment]]
when = {column = "balance", greater = 0}
number = {base = "{no}", spread = "row", from = 100, to = 900}
due_on = {column = "due_on", plus_months = 1}
statement_on = {column = "stated", default = "2026-01-01"}
balance = {column = "balance"}
minimum = {percent = 10}
[[payment]]
when = {column = "paid", greater = 0}
source = "core"
reference = "{cust}-{no}"
amount = {column = "paid"}
paid_on = "2026-02-15"
"""
LISTED = """
mapping = "t"
[source]
format = "parquet"
[money]
currency = "USD"
[borrower]
key = "{loan}"
language = "en"
region = "US-MA"
zone = "America/New_York"
[loan]
ref = "{loan}"
creditor = "bank"
product = "p"
method = "given"
[[installment]]
number = "{no}"
due_on = "2026-03-28"
due = 1
"""
TYPES = {
    "no": pa.int64(),
    "due_on": pa.date32(),
    "stated": pa.date32(),
    **dict.fromkeys(("due", "principal", "interest", "fee", "balance", "paid"), pa.decimal128(30, 3)),
}


ODD: dict[str, tuple[Any, ...]] = {
    "cust": ("", None, "x" * 300, "1.2E+11", "C1", " C1 "),
    "name": (None, "-", "Other", "a\tb"),
    "phone": (None, "12", "soon", "4155550124"),
    "loan": (None, "L\x001", "L1"),
    "product": ("B", "C", None),
    "cur": ("JPY", "USX", None),
    "no": (0, 1, 2, None, 2**31, 2**40),
    "due_on": (None, date(1800, 1, 1), date(9999, 12, 31), date(2026, 7, 1)),
    "stated": (date(2026, 1, 3), date(2027, 1, 1)),
    "due": tuple(
        map(Decimal, ("-1", "0.001", "9" * 20, "9000000000000000", "0", "1.230", "100"))
    ),
    "principal": (Decimal("7"), Decimal("10"), Decimal("60000000000000000")),
    "interest": (Decimal(3), Decimal(-3), Decimal(0)),
    "fee": (Decimal(0), Decimal(-4), Decimal("0.5")),
    "balance": (Decimal(100), Decimal(-1), Decimal("0.001")),
    "kind": ("P", None),
    "paid": (Decimal(5), Decimal("5.001"), Decimal(100)),
}  # fmt: skip


def good(at: int) -> dict[str, Any]:
    """A row at which nothing is wrong: of three rows of a loan, of two loans of a borrower."""
    return dict.fromkeys(COLUMNS) | {
        "cust": f"C{at // 6}", "name": f"N{at // 6}", "phone": f"+1415555{at // 6:04d}", "loan": f"L{at // 3}",
        "product": "A", "cur": "USD", "no": at % 3 + 1, "due_on": date(2026, 1 + at % 3, 28), "kind": "",
        "due": Decimal(10 + at % 2),
    }  # fmt: skip


ODDITY = st.sampled_from([(column, value) for column, values in ODD.items() for value in values])


@st.composite
def files(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Good rows, of which some were made odd and some stand there twice."""
    rows = [good(at) for at in range(draw(st.integers(1, 30)))]
    places = st.integers(0, len(rows) - 1)
    for place, (column, value) in draw(st.lists(st.tuples(places, ODDITY), max_size=12)):
        rows[place][column] = value
    return rows + [dict(rows[place]) for place in draw(st.lists(places, max_size=2))]


def write_parquet(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    schema = pa.schema([(name, TYPES.get(name, pa.string())) for name in COLUMNS])
    pq.write_table(pa.Table.from_pylist(list(rows), schema), path, row_group_size=7)


def as_text(cell: Any) -> str:
    """As a CSV file would have it, a whole hundred in scientific notation."""
    if cell is None:
        return "-"
    text = str(cell).replace("\t", " ").replace("\x00", " ")
    return "1e2" if text == "100" else text


def write_text(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    lines = [",".join(as_text(row[name]) for name in COLUMNS) for row in rows]
    # A line cut short cannot be read; others stand around it.
    path.write_text("\n".join([",".join(COLUMNS), *lines[:3], "cut,short", *lines[3:], ""]))


def unpacked(packed: Packed) -> Iterator[InstallmentRecord]:
    """What COPY reads of it."""
    data, at = packed.data, 19
    while (fields := struct.unpack_from(">h", data, at)[0]) != -1:
        at += 2
        cells: list[bytes | None] = []
        for _ in range(fields):
            (size,) = struct.unpack_from(">i", data, at)
            at += 4
            cells.append(None if size == -1 else data[at : at + size])
            at += max(size, 0)
        numbers = [None if cell is None else int.from_bytes(cell, "big", signed=True) for cell in cells]
        days = [None if n is None else date.fromordinal(n + EPOCH) for n in numbers[4:6]]
        row, loan, currency = numbers[0], cells[1], cells[3]
        assert row is not None and loan is not None and currency is not None
        yield InstallmentRecord(
            row, UUID(bytes=loan), numbers[2], currency.decode(), *days, *numbers[6:12], bool(numbers[12])  # type: ignore[arg-type]
        )  # fmt: skip
    assert at + 2 == len(data)


def plain(records: Records) -> dict[str, list[tuple[Any, ...]]]:
    """What records say in the order of their rows, without what sealing makes anew each time."""
    installments = [*records.installments, *(one for packed in records.packed for one in unpacked(packed))]
    return {
        "borrowers": sorted(r._replace(name_sealed=None)[:-2] for r in records.borrowers),  # type: ignore[type-var]
        "points": sorted(r._replace(address_sealed=b"")[:8] for r in records.contact_points),
        "loans": sorted((r.row, repr(r)) for r in records.loans),
        "installments": sorted((r.row, repr(r)) for r in installments),
        "payments": sorted((r.row, repr(r)) for r in records.payments),
    }


@pytest.mark.parametrize(("kind", "write"), [("parquet", write_parquet), ("csv", write_text)])
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=files(), size=st.sampled_from([1, 5, 100]))
def test_by_column_every_row_brings_what_it_brings_by_itself(
    tmp_path: Path,
    keyring: Keyring,
    kind: str,
    write: Callable[[Path, Sequence[dict[str, Any]]], None],
    rows: list[dict[str, Any]],
    size: int,
) -> None:
    write(path := tmp_path / f"book.{kind}", rows)
    mapping = parse_mapping(MAPPING.replace("FORMAT", kind), "m")
    with open_source(path, mapping.source) as source, open_source(path, mapping.source) as again:
        builder, alone = RowBuilder(mapping, "m", source, keyring), RowBuilder(mapping, "m", again, keyring)
        assert goes_by_column(source, builder)
        one_by_one = iter(list(again.rows))
        for block in blocks(source, size):
            columns = BlockBuilder(builder).build(block, 0)
            expected = Records()
            faults = []
            for row in (next(one_by_one) for _ in range(len(block))):
                read = block.rows([row.number - block.first])
                assert read == [row]
                found = alone.build(row, expected) if hasattr(row, "cells") else None
                faults += [(row.number, found)] if found or found is None else []
            assert [(row.number, f if hasattr(row, "cells") else None) for row, f in columns.faulty] == faults
            refused = sum(f is None or any(one.refuses for one in f) for _, f in faults)
            assert (columns.read, columns.taken) == (len(block), len(block) - refused)
            assert columns.records.whole is not None
            assert plain(columns.records.whole()) == plain(expected)
            assert builder.notes == alone.notes
        assert next(one_by_one, None) is None


BOOK = {
    "borrower_key": "SELECT kind, key_hash, lane, borrower_id FROM borrower_key",
    "borrower": "SELECT lane, borrower_id, borrower_key, language, zone, attributes, row_digest FROM borrower",
    "contact_point": """SELECT lane, borrower_id, contact_point_id, channel, rank, address_index, state, retired_reason
                        FROM contact_point""",
    "loan": "SELECT lane, loan_id, borrower_id, loan_ref, product, currency, attributes, row_digest FROM loan",
    "installment": """SELECT lane, loan_id, number, borrower_id, due_on, statement_on, due_minor, balance_minor,
                             principal_minor, interest_minor, fee_minor, penalty_minor, computed, settled_on
                      FROM installment""",
    "payment": "SELECT lane, loan_id, payment_id, reference, amount_minor, paid_on FROM payment",
    "allocation": "SELECT lane, loan_id, number, payment_id, amount_minor FROM allocation",
    "event": "SELECT lane, borrower_id, kind, loan_id, amount_minor, detail FROM event",
    "book_history": """SELECT lane, subject, subject_id,
                              was - '{name_sealed,address_sealed,recorded_at,effective_at}'::text[]
                       FROM book_history""",
}


def book_of(conn: psycopg.Connection, keyring: Keyring) -> dict[str, list[str]]:
    """All that an import leaves, but for bytes that sealing makes anew and the clock."""
    book = {table: sorted(map(repr, conn.execute(query).fetchall())) for table, query in BOOK.items()}  # type: ignore[call-overload]
    sealed = conn.execute(
        "SELECT borrower_id, name_sealed FROM borrower WHERE name_sealed IS NOT NULL"
    ).fetchall()
    book["names"] = sorted(open_value(keyring, name, "borrower", "name", own) for own, name in sealed)
    return book


def said(report: ImportReport) -> tuple[Any, ...]:
    """What the report says, problems in full."""
    return report.rows, report.rejected, +report.counts, report.codes, report.problems, report.scientific


@contextmanager
def passing(conn: psycopg.Connection) -> Iterator[None]:
    """What is done meanwhile is undone."""
    with conn.transaction(force_rollback=True):
        yield


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=files(), second=files(), size=st.sampled_from([13, 100]), dry=st.booleans())
def test_both_ways_leave_the_same_book_counts_and_rejects(
    database: psycopg.Connection,
    keyring: Keyring,
    tmp_path: Path,
    first: list[dict[str, Any]],
    second: list[dict[str, Any]],
    size: int,
    dry: bool,
) -> None:
    mapping = parse_mapping(MAPPING.replace("FORMAT", "parquet"), "m")
    path = tmp_path / "book.parquet"
    with passing(database):
        by_column, read = [], []
        for rows in (first, second):
            write_parquet(path, rows)
            read.append(pq.read_table(path).to_pylist())
            by_column.append(said(import_book(database, keyring, path, mapping, now=NOW, batch_rows=size)))
        left = book_of(database, keyring)
        unchanged = import_book(database, keyring, path, mapping, now=NOW, dry_run=dry, batch_rows=size)
        assert unchanged.rejected == by_column[1][1]
        again = book_of(database, keyring)
    with passing(database):
        by_row = [
            said(
                import_rows(
                    database, keyring, rows, mapping,
                    columns=COLUMNS, now=NOW, name="book.parquet", batch_rows=size,
                )
            )
            for rows in read
        ]  # fmt: skip
        assert by_column == by_row
        assert left == book_of(database, keyring)
    assert again == left


def test_a_row_that_falls_leaves_what_others_say_alike_of_its_loan(
    database: psycopg.Connection, keyring: Keyring, tmp_path: Path
) -> None:
    """The first row of a loan repeats an installment of another file's loan: the second brings loan and borrower."""
    row = dict.fromkeys(COLUMNS) | {
        "cust": "C1", "name": "Ann", "phone": "+14155550123", "loan": "L1", "product": "A", "cur": "USD",
        "due_on": date(2026, 3, 28), "due": Decimal(10),
    }  # fmt: skip
    lone = row | {"cust": "C2", "loan": "L2", "no": 1}
    rows = [
        lone,
        lone | {"due": Decimal(11)},
        row | {"no": 1, "paid": Decimal(5), "cur": "JPY"},
        row | {"no": 2},
    ]
    write_parquet(path := tmp_path / "book.parquet", rows)
    report = import_book(
        database, keyring, path, parse_mapping(MAPPING.replace("FORMAT", "parquet"), "m"), now=NOW
    )
    assert [(p.code, p.where) for p in report.problems] == [
        ("B031", "book.parquet:2"),
        ("B031", "book.parquet:4"),
    ]
    found = database.execute("SELECT loan_ref, currency FROM loan ORDER BY 1").fetchall()
    assert found == [("L1", "JPY"), ("L2", "USD")]


def test_cells_of_every_type_are_told_apart_or_stand_alone() -> None:
    arrays = [
        pa.nulls(3), pa.array([True, None, True]), pa.array([1.5, float("inf"), float("inf")]),
        pa.array([Decimal("1.20")] * 3, pa.decimal256(50, 2)), pa.array(["a", None, "a"], pa.string_view()),
        pa.array([{"a": 1}, None, {"a": 1}]), pa.array(["x", "y", "x"]).dictionary_encode()[1:],
        pa.DictionaryArray.from_arrays(pa.array([0, 2, None]), pa.array(["x", "unused", "z"])),
    ]  # fmt: skip
    groups = []
    for array in arrays:
        found = Block(1, [array]).groups(frozenset({0}))
        groups.append(found.codes.tolist())
        assert [found.rows[code].cells[0] for code in found.codes] == array.to_pylist()
    assert groups == [[0, 0, 0], [0, 1, 0], [0, 1, 1], [0, 0, 0], [0, 1, 0], [0, 1, 2], [1, 0], [0, 1, 2]]


def test_installments_are_packed_as_copy_reads_them(database: psycopg.Connection) -> None:
    numbers, given_ = np.array([1, -2, 2**40]), np.array([True, False, True])
    days = np.array([0, -1, 9000], np.int32)
    raw = np.frombuffer(bytes(range(48)), "V16")
    database.execute("CREATE TEMP TABLE packed (n bigint, d date, u uuid, b boolean, t text)")
    columns = [
        Column(numbers, given_),
        Column(days),
        Column(raw),
        Column(given_),
        Column(np.array([b"USD"] * 3)),
    ]
    with database.cursor().copy("COPY packed FROM STDIN (FORMAT binary)") as copy:
        copy.write(pack(columns))
    assert database.execute("SELECT * FROM packed ORDER BY d").fetchall() == [
        (None, date(1999, 12, 31), UUID(bytes=bytes(range(16, 32))), False, "USD"),
        (1, date(2000, 1, 1), UUID(bytes=bytes(range(16))), True, "USD"),
        (2**40, date(2000, 1, 1) + timedelta(9000), UUID(bytes=bytes(range(32, 48))), True, "USD"),
    ]


def test_what_rows_share_is_built_and_sealed_once(tmp_path: Path, keyring: Keyring) -> None:
    row = dict.fromkeys(COLUMNS) | {
        "cust": "C1", "name": "Ann", "phone": "+14155550123", "loan": "L1", "product": "A", "cur": "USD",
        "due_on": date(2026, 3, 28), "due": Decimal(10),
    }  # fmt: skip
    write_parquet(path := tmp_path / "b.parquet", [row | {"no": n} for n in range(1, 25)])
    mapping = parse_mapping(MAPPING.replace("FORMAT", "parquet"), "m")
    with open_source(path, mapping.source) as source:
        (batch, _) = batches(source, RowBuilder(mapping, "m", source, keyring), None)
    assert Counter({kind: len(getattr(batch.records, kind)) for kind in ("borrowers", "contact_points", "loans")}) == {
        "borrowers": 1, "contact_points": 1, "loans": 1,
    }  # fmt: skip
    assert [packed.count for packed in batch.records.packed] == [24]
    assert batch.records.whole is not None
    sealed = {record.name_sealed for record in batch.records.whole().borrowers}
    assert len(batch.records.whole().borrowers) == 24
    assert len(sealed) == 1


def test_what_is_read_ahead_tells_of_damage_after_what_stands_before_it() -> None:
    def made() -> Iterator[Any]:
        yield "first"
        yield "second"
        raise OSError("damaged")

    taken = []
    with pytest.raises(OSError, match="damaged"), one_ahead(made()) as ahead:
        taken += iter(ahead.__next__, "second")
        taken.append(next(ahead))
    assert taken == ["first"]


def test_rows_before_a_damaged_page_are_imported(
    database: psycopg.Connection, keyring: Keyring, tmp_path: Path
) -> None:
    """Of a file damaged in its second row group, the rows of the first."""
    path, schema = tmp_path / "b.parquet", pa.schema([("loan", pa.string()), ("no", pa.int64())])
    with pq.ParquetWriter(path, schema) as out:
        for part in range(2):
            out.write_table(pa.table({"loan": [f"L{part}"] * 9000, "no": range(1, 9001)}, schema))
    second = pq.ParquetFile(path).metadata.row_group(1).column(1)
    held = bytearray(path.read_bytes())
    held[second.data_page_offset : second.data_page_offset + 20] = bytes(20)
    path.write_bytes(held)
    with pytest.raises(DuecourseError, match="is damaged after row 8,192"):
        import_book(database, keyring, path, parse_mapping(LISTED, "m"), now=NOW)
    found = database.execute(
        "SELECT loan_ref, count(*) FROM loan JOIN installment USING (lane, loan_id) GROUP BY 1"
    )
    assert found.fetchall() == [("L0", 8192)]
