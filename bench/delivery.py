"""A delivery of several files with control totals, against a bare COPY of the rows it leaves in the book."""

from __future__ import annotations

import importlib.util
from datetime import date
from pathlib import Path
from statistics import median

from .house import ROOT, House
from .importing import TABLES, copy_bare
from .measure import Report, interleaved, ratio, spread, summary
from .peak import Ran, run

SIZES = {"small": 100_000, "full": 1_000_000}
REPETITIONS = 3
ROWS_PER_CUSTOMER = 17
"""A customer, a number, a loan, twelve installments, two payments."""
DAY = date(2026, 3, 10)
WRITTEN = (*TABLES, "payment", "allocation")
EXAMPLE = ROOT / "examples" / "jianghe"


def write_files(folder: Path, rows: int) -> int:
    """The example lender's files of one night; answers how many rows they have."""
    spec = importlib.util.spec_from_file_location("make_delivery", EXAMPLE / "make_delivery.py")
    assert spec is not None and spec.loader is not None
    lender = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(lender)
    made = lender.tables(DAY, max(1, rows // ROWS_PER_CUSTOMER))
    lender.write(folder, DAY, made)
    return sum(map(len, made.values()))


def bench(house: House, rows: int, seed: int) -> Report:
    """rows: of all files together; a tenth of them is delivered too, to compare the memory it takes."""
    report = Report("delivery", {"rows": rows, "repetitions": REPETITIONS}, seed)
    folders = {name: house.folder / f"delivery-{name}" for name in ("whole", "tenth")}
    count = write_files(folders["whole"], rows)
    write_files(folders["tenth"], rows // 10)
    ran: dict[str, list[Ran]] = {name: [] for name in folders}
    last = ""

    def delivered(name: str) -> float:
        nonlocal last
        if last:
            house.drop(last)
        last = house.copy()
        house.settle()
        rule = str(EXAMPLE / "delivery.toml")
        done = run(house, last, "book", "deliver", str(folders[name]), "--delivery", rule, "--json")
        if done.said["state"] != "done" or done.said["rejected"]:
            raise RuntimeError(f"not every row went in: {done.said['problems']}")
        ran[name].append(done)
        return float(done.said["seconds"])

    def copied(_: int) -> float:
        with house.open(last) as store, store.connect(autocommit=True, idle_in_transaction_seconds=0) as conn:
            return copy_bare(house, conn, WRITTEN)

    taken = interleaved(
        REPETITIONS,
        {
            "delivery, a tenth": lambda _: delivered("tenth"),
            "delivery": lambda _: delivered("whole"),
            "bare COPY": copied,
        },
    )
    house.drop(last)
    slower = ratio(taken["delivery"], taken["bare COPY"])
    rate = count / median(taken["delivery"])
    peaks = {name: median(one.peak_mib for one in done) for name, done in ran.items()}
    growth = peaks["whole"] / peaks["tenth"]
    report.figures = {
        "rows": count,
        "rows_per_second": round(rate),
        "seconds": {name: summary(seconds) for name, seconds in taken.items()},
        "ratio_to_bare_copy": round(slower, 2),
        "peak_mib": {name: round(peak, 1) for name, peak in peaks.items()},
        "peak_ratio_whole_to_tenth": round(growth, 2),
    }
    report.rows = [
        (
            f"a delivery of {count:,} rows in eight files, GB18030",
            f"{spread(taken['delivery'])}, {rate:,.0f} rows/s",
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
