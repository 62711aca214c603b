"""Importing a lender's Parquet file, against a bare COPY of the rows it leaves in the book."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from statistics import median

import psycopg
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]

from .book import ordinary_number
from .house import House
from .measure import Report, interleaved, ratio, spread, summary
from .peak import Ran, run

SIZES = {"small": 100_000, "full": 5_000_000}
REPETITIONS = 3
INSTALLMENTS = 12
GROUP_ROWS = 60_000
FIRST = date(2026, 1, 5)
TABLES = ("borrower_key", "borrower", "contact_point", "loan", "installment")

MAPPING = """
mapping = "bench"
[source]
format = "parquet"
[money]
currency = "CNY"
[borrower]
key = "{customer}"
name = "{name}"
language = "zh-CN"
region = "CN"
zone = "Asia/Shanghai"
[[contact_point]]
channel = "sms"
address = "{phone}"
[loan]
ref = "{contract}"
borrower = "{customer}"
creditor = "bank"
product = "cash-loan"
method = "given"
[[installment]]
loan = "{contract}"
number = "{number}"
due_on = "{due_on}"
due = "{due}"
"""


def write_file(path: Path, rows: int, seed: int, first: date = FIRST) -> None:
    """A file of installments, each row with its borrower's name and number, as lenders export them. first: the day on
    which the first of them is due."""
    schema = pa.schema(
        [(column, pa.string()) for column in ("customer", "name", "phone", "contract")]
        + [("number", pa.int32()), ("due_on", pa.date32()), ("due", pa.decimal128(12, 2))]
    )
    with pq.ParquetWriter(path, schema) as writer:
        for start in range(0, rows, GROUP_ROWS):
            numbers = range(start, min(start + GROUP_ROWS, rows))
            loans = [number // INSTALLMENTS for number in numbers]
            places = [number % INSTALLMENTS for number in numbers]
            writer.write_table(
                pa.table(
                    [
                        [f"C-{seed}-{loan:08d}" for loan in loans],
                        [f"测试{loan % 997}" for loan in loans],
                        [ordinary_number(loan) for loan in loans],
                        [f"L-{seed}-{loan:08d}" for loan in loans],
                        [place + 1 for place in places],
                        [
                            first + timedelta(days=30 * place + loan % 28)
                            for loan, place in zip(loans, places, strict=True)
                        ],
                        pa.array([(10_000 + loan % 90_000) for loan in loans], pa.int64())
                        .cast(pa.decimal128(20, 0))
                        .cast(pa.decimal128(12, 2)),
                    ],
                    schema=schema,
                )
            )


def bench(house: House, rows: int, seed: int) -> Report:
    """rows: installments in the file; a tenth of them is imported too, to compare the memory it takes."""
    report = Report(
        "import", {"rows": rows, "installments_per_loan": INSTALLMENTS, "repetitions": REPETITIONS}, seed
    )
    whole, tenth = house.folder / "whole.parquet", house.folder / "tenth.parquet"
    write_file(whole, rows, seed)
    write_file(tenth, rows // 10, seed)
    mapping = house.folder / "mapping.toml"
    mapping.write_text(MAPPING, encoding="utf-8")
    ran: dict[str, list[Ran]] = {"whole": [], "tenth": []}
    last = ""

    def imported(path: Path, name: str) -> float:
        nonlocal last
        if last:
            house.drop(last)
        last = house.copy()
        house.settle()
        done = run(house, last, "book", "import", str(path), "--mapping", str(mapping), "--json")
        if done.said["rejected"] or done.said["counts"]["installments new"] != done.said["rows"]:
            raise RuntimeError(f"not every row went in: {done.said['codes']}")
        ran[name].append(done)
        return float(done.said["seconds"])

    def copied(_: int) -> float:
        with house.open(last) as store, store.connect(autocommit=True, idle_in_transaction_seconds=0) as conn:
            return copy_bare(house, conn, TABLES)

    taken = interleaved(
        REPETITIONS,
        {
            "import, a tenth": lambda _: imported(tenth, "tenth"),
            "import": lambda _: imported(whole, "whole"),
            "bare COPY": copied,
        },
    )
    house.drop(last)
    slower = ratio(taken["import"], taken["bare COPY"])
    rate = rows / median(taken["import"])
    peaks = {name: median(one.peak_mib for one in done) for name, done in ran.items()}
    growth = peaks["whole"] / peaks["tenth"]
    report.figures = {
        "rows_per_second": round(rate),
        "seconds": {name: summary(seconds) for name, seconds in taken.items()},
        "ratio_to_bare_copy": round(slower, 2),
        "peak_mib": {name: round(peak, 1) for name, peak in peaks.items()},
        "peak_ratio_whole_to_tenth": round(growth, 2),
    }
    report.rows = [
        (
            f"import {rows:,} installments, Parquet",
            f"{spread(taken['import'])}, {rate:,.0f} rows/s",
            f"bare COPY of what it wrote: {spread(taken['bare COPY'])}",
            f"{slower:.1f} ×",
        ),
        (
            "its peak memory",
            f"{peaks['whole']:.0f} MiB",
            f"a tenth of the rows: {peaks['tenth']:.0f} MiB",
            f"{growth:.2f} ×",
        ),
    ]
    return report


def copy_bare(house: House, conn: psycopg.Connection, tables: Sequence[str]) -> float:
    """Seconds of a COPY of the finished rows, held ready in memory, into tables with the same indexes."""
    held: dict[str, list[bytes]] = {}
    for table in tables:
        with conn.cursor().copy(f"COPY {table} TO STDOUT (FORMAT binary)") as copy:
            held[table] = [bytes(block) for block in copy]
        conn.execute(f"CREATE TABLE bare_{table} (LIKE {table} INCLUDING ALL)")
    house.settle()
    blocks = {table: _joined(pieces) for table, pieces in held.items()}
    began = time.perf_counter()
    with conn.transaction():
        for table in tables:
            with conn.cursor().copy(f"COPY bare_{table} FROM STDIN (FORMAT binary)") as copy:
                for block in blocks[table]:
                    copy.write(block)
    return time.perf_counter() - began


def _joined(pieces: list[bytes], size: int = 1 << 16) -> list[bytes]:
    """Blocks as a client would send them, not one a row."""
    whole = b"".join(pieces)
    return [whole[at : at + size] for at in range(0, len(whole), size)]
