"""Tables of reports fit a screen of 130 columns, in both languages, with a large lender's figures."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table

from duecourse.cli import reports
from duecourse.cli.context import Context, close_context, set_context
from duecourse.cli.settings import Settings
from duecourse.rules.words import RULES

WIDTH = 130


@pytest.fixture(params=["en", "zh"], autouse=True)
def language(request: pytest.FixtureRequest) -> Iterator[str]:
    set_context(Context(settings=Settings(language=request.param)))
    yield request.param
    close_context()


def printed(table: Table) -> list[str]:
    screen = StringIO()
    Console(file=screen, width=WIDTH).print(table)
    return screen.getvalue().splitlines()


def rows(table: Table) -> list[str]:
    """The lines below the head."""
    lines = printed(table)
    assert max(cell_len(line) for line in lines) <= WIDTH
    return lines[next(index for index, line in enumerate(lines) if "╇" in line) + 1 :]


MONTH: dict[str, Any] = {
    "month": date(2005, 10, 1),
    "currency": "TWD",
    "due": 29_870,
    "due_minor": Decimal(159_870_123_00),
    "reminded": 29_870,
    "met_by_due": 21_345,
    "met_in_grace": 3_456,
    "overdue": 12_345,
    "contacted": 12_345,
    "met_late": 10_234,
    "payers": 25_432,
    "payments": 31_234,
    "paid_minor": Decimal(158_765_432_00),
}


def test_a_month_is_one_line_and_its_currency_has_a_column_of_its_own() -> None:
    (line,) = rows(reports.month_table([MONTH]))
    cells = [cell.strip() for cell in line.split("│")]
    assert cells[2:4] == ["159,870,123.00", "TWD"]
    assert cells[-1] == "158,765,432.00"


def test_a_step_is_one_line() -> None:
    funnel = [
        {
            "policy": "consumer-lender",
            "step": "overdue-15-mortgage",
            "purpose": "collection",
            "standing": standing,
            "rule": "",
            "messages": 123_456,
        }
        for standing in ("delivered", "sent", "failed", "unknown", "expired", "planned")
    ]
    assert len(rows(reports.step_table(reports.step_rows(funnel)))) == 1


def test_what_was_withheld_says_why_in_the_reader_s_language_alone(language: str) -> None:
    funnel = [{"standing": "expired", "rule": rule, "messages": 3} for rule in RULES]
    lines = rows(reports.withheld_table(funnel))
    assert len(lines) == len(RULES)
    for line, words in zip(lines, RULES.values(), strict=True):
        assert (words.en in line, words.zh in line) == (language == "en", language == "zh")


def test_every_explanation_of_a_disagreement_is_shown(language: str) -> None:
    states = [
        {"month": "2005-10", "state": state, "ours": ours, "arrears": arrears, "accounts": 1_000}
        for state in (-2, -1, 0, 1, 8)
        for ours in ("met", "short", "missed", "nothing-due")
        for arrears in (False, True)
    ]
    found = reports.state_rows(states)
    assert len(rows(reports.state_table(found))) == 5
    text = "\n".join(rows(reports.disagreement_table(found)))
    assert ("an earlier minimum was still open" in text) == (language == "en")
    assert ("以前月份的最低还款额仍未还足" in text) == (language == "zh")
