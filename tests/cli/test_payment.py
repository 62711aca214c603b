"""`duecourse payment` and `duecourse book allocation` as a person uses them, and what follows for a reminder."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from duecourse.book.importing import import_rows
from duecourse.book.mapping import parse_mapping
from duecourse.privacy.keyring import Keyring

Run = Callable[..., Any]

MAPPING = """
mapping = "m"
[money]
currency = "CNY"
[borrower]
key = "C1"
language = "zh-CN"
region = "CN"
zone = "Asia/Shanghai"
[loan]
ref = "L-1"
creditor = "{creditor}"
borrower = "C1"
product = "cash-loan"
method = "given"
[[installment]]
repeat = [{ n = 1, day = "2026-01-10" }, { n = 2, day = "2026-02-10" }]
number = "{n}"
due_on = "{day}"
due = 120
principal = 90
interest = 20
penalty = 10
"""
SUSPENSE = """
mapping = "s"
[money]
currency = "CNY"
[[payment]]
loan = "{loan}"
creditor = "acme"
source = "bank"
reference = "R-1"
amount = 120
paid_on = "2026-01-09"
if_unknown = "suspense"
"""
PAID = ("--on", "2026-01-09", "--source", "desk", "--reference", "R-7")


@pytest.fixture
def run(type_in: Run, database: psycopg.Connection, keyring: Keyring) -> Run:
    """Types commands at a book with one loan."""
    bring(database, keyring, MAPPING, [{"creditor": "acme"}])
    return type_in


def bring(conn: psycopg.Connection, keyring: Keyring, mapping: str, rows: list[dict[str, object]]) -> None:
    now = datetime(2026, 3, 1, tzinfo=UTC)
    columns = list(rows[0])
    report = import_rows(conn, keyring, rows, parse_mapping(mapping, "m"), columns=columns, now=now)
    assert report.problems == []


def listed(run: Run, *more: str) -> list[tuple[Any, ...]]:
    found = run("payment", "list", "L-1", "--json", *more)
    return [
        (
            one["reference"],
            one["amount"],
            one["unallocated"],
            one["reversed_on"],
            [(share["number"], share["part"], share["amount"]) for share in one["allocations"]],
        )
        for one in found["payments"]
    ]


def test_a_payment_is_added_once_listed_and_reversed(run: Run) -> None:
    add = ("payment", "add", "L-1", "--amount", "150.50", *PAID, "--json")
    assert [run(*add)["outcome"] for _ in range(2)] == ["new", "same"]
    met = [(1, "due", "120.00"), (2, "due", "30.50")]
    assert listed(run) == [("R-7", "150.50", "0.00", None, met)]
    back = (
        "payment",
        "reverse",
        "desk",
        "R-7",
        "--loan",
        "L-1",
        "--on",
        "2026-01-12",
        "--reason",
        "returned",
    )
    assert "R-7" not in run(*back)
    assert listed(run) == [("R-7", "150.50", "0.00", "2026-01-12", [])]
    assert listed(run, "--as-of", "2026-01-11") == [("R-7", "150.50", "0.00", None, met)]
    assert listed(run, "--as-of", "2026-01-08") == []
    assert "returned" in run("payment", "list", "L-1")


def test_source_and_reference_are_read_as_from_a_file(run: Run) -> None:
    rest = ("--on", "2026-01-09", "--source", "desk", "--json", "--reference")
    add = ("payment", "add", "L-1", "--amount", "10", *rest)
    assert [run(*add, reference)["outcome"] for reference in ("R-7", " R-7 ")] == ["new", "same"]
    run(*add, " ", code="B016")
    run(*add, "R\n8", code="B024")


def test_what_is_over_is_shown(run: Run) -> None:
    run("payment", "add", "L-1", "--amount", "300", *PAID)
    assert listed(run)[0][2] == "60.00"
    money = run("book", "summary", "--json")["currencies"]["CNY"]
    assert (money["payments_amount"], money["reversed_amount"], money["unallocated_amount"]) == (
        "300",
        "0",
        "60",
    )


def test_what_cannot_be_is_said_by_name(run: Run, database: psycopg.Connection, keyring: Keyring) -> None:
    run("payment", "add", "L-1", "--amount", "10", *PAID)
    run("payment", "add", "L-1", "--amount", "11", *PAID, code="B050")
    run("payment", "add", "L-1", "--amount", "10", *PAID, "--currency", "USD", code="B034")
    run("payment", "add", "L-9", "--amount", "10", *PAID, code="D060")
    for amount in ("0", "-1", "1.234", "ten"):
        run("payment", "add", "L-1", f"--amount={amount}", *PAID, code="D063")
    reverse = ("--on", "2026-01-12", "--reason", "x")
    run("payment", "reverse", "desk", "R-8", "--loan", "L-1", *reverse, code="D062")
    run("payment", "place", "bank", "R-1", "--loan", "L-1", code="D064")
    bring(database, keyring, MAPPING, [{"creditor": "other"}])
    run("payment", "list", "L-1", code="D061")
    assert listed(run, "--creditor", "acme")[0][0] == "R-7"


def test_money_without_a_loan_is_listed_and_placed(
    run: Run, database: psycopg.Connection, keyring: Keyring
) -> None:
    bring(database, keyring, SUSPENSE, [{"loan": ""}])
    assert [(one["loan"], one["amount"]) for one in run("payment", "suspense", "--json")] == [
        (None, "120.00")
    ]
    assert "duecourse payment suspense" in run("book", "summary")
    assert run("payment", "place", "bank", "R-1", "--loan", "L-1", "--json")["amount"] == "120.00"
    assert run("payment", "suspense", "--json") == []
    assert listed(run) == [("R-1", "120.00", "0.00", None, [(1, "due", "120.00")])]


ORDER = """
[[allocation]]
creditor = "acme"
effective_on = 2026-01-01
order = ["penalty", "fee", "interest", "principal"]

[[allocation.overdue]]
from_days = 90
order = ["principal", "interest", "fee", "penalty"]
across = "vertical"
"""


def test_after_ninety_days_principal_comes_first(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "order.toml"
    path.write_text(ORDER)
    run(
        "payment",
        "add",
        "L-1",
        "--amount",
        "40",
        "--on",
        "2026-04-09",
        "--source",
        "desk",
        "--reference",
        "A",
    )
    run(
        "payment",
        "add",
        "L-1",
        "--amount",
        "100",
        "--on",
        "2026-04-10",
        "--source",
        "desk",
        "--reference",
        "B",
    )
    assert run("book", "allocation", "set", path, "--json") == {"orders": 1, "loans": 1}
    assert [one[4] for one in listed(run, "--as-of", "2026-12-31")] == [
        [(1, "interest", "20.00"), (1, "penalty", "10.00"), (1, "principal", "10.00")],  # the 89th day
        [(1, "principal", "80.00"), (2, "principal", "20.00")],  # the 90th
    ]
    shown = run("book", "allocation", "show", "--json")
    assert [(one["from_days"], one["across"], one["order"][0]) for one in shown] == [
        (0, "horizontal", "penalty"),
        (90, "vertical", "principal"),
    ]
    assert "vertical" in run("book", "allocation", "show")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param('"fee", "interest", "principal"]', '"fee"]', id="parts missing"),
        pytest.param('across = "vertical"', 'across = "diagonal"', id="no such way"),
        pytest.param("from_days = 90", "from_days = 0", id="two bands from the same day"),
        pytest.param("2026-01-01", '"soon"', id="no day"),
        pytest.param("[[allocation]]", "[allocation", id="no TOML"),
    ],
)
def test_an_order_that_is_not_whole_is_refused(run: Run, tmp_path: Path, old: str, new: str) -> None:
    path = tmp_path / "order.toml"
    path.write_text(ORDER.replace(old, new, 1))
    run("book", "allocation", "set", path, code="B052")
    assert run("book", "allocation", "show", "--json") == []
