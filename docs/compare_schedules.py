"""Compare `duecourse schedule` with what others publish and with numpy_financial, and write the page about it.

python docs/compare_schedules.py            write docs/explanation/schedules-compared.md
python docs/compare_schedules.py --check    exit 1 when the page is out of date; write nothing
"""

from __future__ import annotations

import json
import shlex
import sys
import tomllib
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy_financial
from typer.testing import CliRunner

from duecourse.cli.context import close_context
from duecourse.cli.main import app

DOCS = Path(__file__).resolve().parent
CASES = DOCS / "comparisons" / "schedules.toml"
PAGE = DOCS / "explanation" / "schedules-compared.md"
NOTICE = "<!-- Written by docs/compare_schedules.py; edit docs/comparisons/schedules.toml, then run: make docs -->\n"
FIGURES = ("principal", "interest", "payment", "balance")
FORMULA = (
    # principal, yearly rate, payments
    ("120000", "0.049", 360),
    ("1000000", "0.0395", 240),
    ("35000", "0.0725", 60),
    ("5000", "0.24", 12),
    ("80000", "0.001", 36),
)


def main() -> int:
    """Write or, with --check, compare. Returns the exit code."""
    text = page()
    if PAGE.is_file() and PAGE.read_text("utf-8") == text:
        return 0
    if "--check" in sys.argv[1:]:
        print(f"{PAGE.name} is out of date; run: make docs", file=sys.stderr)
        return 1
    PAGE.write_text(text, "utf-8")
    print(f"wrote {PAGE.name}")
    return 0


def page() -> str:
    """The whole page as it should be."""
    return NOTICE + "\n".join(_lines()) + "\n"


def compute(options: str) -> list[dict[str, str]]:
    """The rows that the command gives for its options."""
    close_context()  # the screen of an earlier command would still be the old one
    ran = CliRunner().invoke(app, ["schedule", *shlex.split(options), "--json"], catch_exceptions=False)
    assert ran.exit_code == 0, ran.output
    return json.loads(ran.output)["rows"]


def differences(case: dict[str, Any]) -> dict[str, Decimal]:
    """The greatest difference in each figure that the source gives, ours less theirs taken without sign."""
    greatest: dict[str, Decimal] = {}
    for ours, theirs in zip(compute(case["options"]), case["rows"], strict=False):
        for figure, value in theirs.items():
            apart = abs(Decimal(ours[figure]) - Decimal(value))
            greatest[figure] = max(greatest.get(figure, Decimal(0)), apart)
    return greatest


def against_formula(principal: str, rate: str, periods: int) -> tuple[str, str, Decimal, Decimal]:
    """Our level payment and numpy_financial's; how far interest and principal of any row drift from its ipmt, ppmt."""
    rows = compute(
        f"--method annuity --principal {principal} --rate {rate} --periods {periods} "
        "--start 2026-01-15 --first-due 2026-02-15 --currency CNY"
    )
    monthly, amount = float(rate) / 12, float(principal)
    level = -numpy_financial.pmt(monthly, periods, amount)
    numbers = range(1, periods + 1)
    drift = [
        max(
            abs(Decimal(row[figure]) + Decimal(float(theirs)))
            for row, theirs in zip(rows, function(monthly, numbers, periods, amount), strict=True)
        )
        for figure, function in (("interest", numpy_financial.ipmt), ("principal", numpy_financial.ppmt))
    ]
    return rows[0]["payment"], f"{level:.6f}", drift[0], drift[1]


def _lines() -> Iterator[str]:
    cases = tomllib.loads(CASES.read_text("utf-8"))["case"]
    yield "# Schedules compared\n"
    yield (
        "What `duecourse schedule` computes beside what others publish for the same terms. Differences are the\n"
        "greatest of any row, in currency units. The figures of others stand in\n"
        "[`docs/comparisons/schedules.toml`](../comparisons/schedules.toml); ours come from the command when this\n"
        "page is written, and a test keeps it up to date.\n"
    )
    yield "| case | rows | principal | interest | payment | balance |\n|---|---|---|---|---|---|"
    for case in cases:
        found = differences(case)
        cells = " | ".join(f"{found[f]}" if f in found else "" for f in FIGURES)
        yield f"| [{case['name']}]({case['url']}) | {len(case['rows'])} | {cells} |"
    yield from _reasons(cases)
    yield "\n## Against numpy_financial\n"
    yield (
        "The unrounded formulas. A payment rounded to the cent is off by up to half a cent each time; what that\n"
        "compounds to over the years is the drift, and the last payment takes it.\n"
    )
    yield "| terms | our payment | `pmt` | drift of interest | drift of principal |\n|---|---|---|---|---|"
    for principal, rate, periods in FORMULA:
        ours, theirs, interest, repaid = against_formula(principal, rate, periods)
        yield f"| {principal} at {rate}, {periods} months | {ours} | {theirs} | {interest:.2f} | {repaid:.2f} |"
    yield "\n## Row by row\n"
    for case in cases:
        yield from _rows(case)


def _reasons(cases: list[dict[str, Any]]) -> Iterator[str]:
    yield "\nWhere they differ, and what was read with care:\n"
    for case in cases:
        if "note" in case:
            yield f"- {case['name']}. {case['note']}"


def _rows(case: dict[str, Any]) -> Iterator[str]:
    figures = [figure for figure in FIGURES if figure in case["rows"][0]]
    yield f"**{case['name']}**\n"
    yield f"```\nduecourse schedule {case['options']}\n```\n"
    heads = " | ".join(f"{figure}: theirs | ours" for figure in figures)
    yield f"| no. | {heads} |\n|---{'|---' * 2 * len(figures)}|"
    for ours, theirs in zip(compute(case["options"]), case["rows"], strict=False):
        cells = " | ".join(f"{theirs[figure]} | {ours[figure]}" for figure in figures)
        yield f"| {ours['number']} | {cells} |"
    yield ""


if __name__ == "__main__":
    sys.exit(main())
