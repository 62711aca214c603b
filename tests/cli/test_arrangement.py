"""`duecourse arrangement` as the people use it who decide, and the system that keys what was agreed."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from duecourse.domain.problems import DuecourseError
from duecourse.policy.offered import Kind
from hardship import POOR, Household, lend, offer
from lender import Lender
from prompt import at_prompt, home_of

Run = Callable[..., str]


@pytest.fixture
def run(database_url: str, lender: Lender, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Run `duecourse ...` as somebody, and give what it printed."""
    with at_prompt(monkeypatch, home_of(lender, tmp_path / "home"), database_url=database_url) as run:
        yield lambda *words, user="li": run("arrangement", *words, user=user)


@pytest.fixture
def home(lender: Lender) -> Household:
    """A household with twelve payments of 1,066.19 a century ahead."""
    offer(lender)
    lend(lender, "B", first="2126-03-15")
    row = lender.conn.execute("SELECT clock_timestamp()").fetchone()
    assert row is not None
    home = Household(lender, "B", row[0])
    home.state(replace(POOR, costs_minor=600_000))
    return home


def proposed(home: Household) -> str:
    """A plan that the household cannot pay, asked of a person; its id."""
    taken = home.take(Kind.PLAN)
    assert taken is not None and taken.state == "proposed"
    home.conn.commit()
    return taken.arrangement_id.hex


def test_an_exception_is_listed_shown_and_approved_by_two(run: Run, home: Household) -> None:
    number = proposed(home)
    [listed] = json.loads(run("list", "--state", "proposed", "--json"))
    assert (listed["borrower"], listed["kind"], listed["exception"]) == ("B", "plan", "beyond-means")
    assert (listed["now"]["next_payment"], listed["then"]["next_payment"]) == ("1066.19", "564.88")
    assert "beyond-means" in run("list") and "564.88 CNY" in run("list")
    shown = run("show", number[:8])
    assert "6,500.00 CNY" in shown and "-500.00 CNY" in shown
    assert json.loads(run("show", number, "--json"))["stated"]["surplus"] == "-500.00"
    assert "wants a second person" in run("approve", number)
    with pytest.raises(DuecourseError, match="second person"):
        run("approve", number)
    assert "Agreed" in run("approve", number, user="wang")
    events = [
        (one["event"], one["recorded_by"]) for one in json.loads(run("show", number, "--json"))["events"]
    ]
    assert [one for one in events if one[0] != "looked"] == [
        ("proposed", "borrower"), ("seconded", "li"), ("agreed", "wang"),
    ]  # fmt: skip
    assert events.count(("looked", "li")) == 3


def test_what_is_declined_is_not_in_the_book(run: Run, home: Household) -> None:
    number = proposed(home)
    assert "Declined" in run("decline", number, "--reason", "not borne out")
    [listed] = json.loads(run("list", "--json"))
    assert (listed["state"], listed["reason"], listed["last_by"]) == ("declined", "not borne out", "li")
    assert len(home.installments()) == 12


def test_the_export_has_every_changed_installment_and_totals_that_add_up(
    run: Run, home: Household, tmp_path: Path
) -> None:
    number = proposed(home)
    assert run("export", "--since", "2020-01-01").count("\n") == 1
    run("approve", number)
    run("approve", number, user="wang")
    rows = list(csv.DictReader(io.StringIO(run("export", "--since", "2020-01-01"))))
    *installments, total = rows
    assert [one["number"] for one in installments] == [str(number) for number in range(1, 25)]
    assert [one["listed"] for one in installments] == ["yes"] * 12 + ["no"] * 12
    assert all(
        Decimal(one["principal"]) + Decimal(one["interest"]) + Decimal(one["charges"])
        == Decimal(one["amount"])
        for one in installments
    )
    added = sum(Decimal(one["amount"]) for one in installments)
    assert (total["record"], total["arrangement"], total["number"], total["currency"]) == (
        "total",
        "1",
        "24",
        "CNY",
    )
    assert Decimal(total["amount"]) == added
    file = tmp_path / "out.json"
    run("export", "--since", "2020-01-01", "--format", "json", "--out", str(file))
    found = json.loads(file.read_text("utf-8"))
    assert found == json.loads(run("export", "--since", "2020-01-01", "--format", "json"))
    assert (found["arrangements"], len(found["installments"])) == (1, 24)
    assert found["totals"] == [
        {"currency": "CNY", "arrangements": 1, "installments": 24, "amount": f"{added}"}
    ]
    tomorrow = (home.now + timedelta(days=2)).date().isoformat()
    assert json.loads(run("export", "--since", tomorrow, "--format", "json"))["arrangements"] == 0
    assert (
        json.loads(run("export", "--since", "2020-01-01", "--until", "2020-01-02", "--format", "json"))[
            "totals"
        ]
        == []
    )


def test_what_was_withdrawn_is_not_to_be_keyed(run: Run, home: Household) -> None:
    taken = home.take(Kind.EXTENSION)
    assert taken is not None and home.withdraw(taken)
    home.conn.commit()
    assert json.loads(run("export", "--since", "2020-01-01", "--format", "json"))["arrangements"] == 0
