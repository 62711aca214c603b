"""The page that compares schedules holds the figures of today's code, and the differences are the ones it explains."""

from __future__ import annotations

import importlib.util
import tomllib
from decimal import Decimal
from types import ModuleType
from typing import Any

import pytest
from repository import DOCS

CASES: list[dict[str, Any]] = tomllib.loads((DOCS / "comparisons" / "schedules.toml").read_text("utf-8"))[
    "case"
]


@pytest.fixture(scope="module")
def compared() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_compare_schedules", DOCS / "compare_schedules.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_says_what_the_command_says(compared: ModuleType) -> None:
    assert compared.PAGE.read_text("utf-8") == compared.page(), (
        "schedules-compared.md is out of date: make docs"
    )


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_a_published_schedule_is_met_to_the_cent_unless_the_page_says_why_not(
    case: dict[str, Any], compared: ModuleType
) -> None:
    greatest = max(compared.differences(case).values())
    assert greatest == 0 or ("note" in case and greatest < Decimal("0.10"))


@pytest.mark.parametrize(("principal", "rate", "periods"), [("120000", "0.049", 360), ("5000", "0.24", 12)])
def test_level_payments_are_numpy_financial_s_to_the_cent(
    principal: str, rate: str, periods: int, compared: ModuleType
) -> None:
    ours, theirs, interest, repaid = compared.against_formula(principal, rate, periods)
    assert abs(Decimal(ours) - Decimal(theirs)) <= Decimal("0.005")
    growth = (1 + Decimal(rate) / 12) ** periods
    # half a cent a payment, compounded to the end
    assert max(interest, repaid) <= Decimal("0.01") * (growth - 1) / (Decimal(rate) / 12) + 1
