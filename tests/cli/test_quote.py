"""`duecourse arrangement quote` over an imported book: what ends loans early, or why a person must say."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest

from duecourse.book.importing import import_rows
from duecourse.book.mapping import parse_mapping
from duecourse.domain.day_count import DayCount
from duecourse.domain.schedule import Method, Terms, run_schedule
from duecourse.privacy.keyring import Keyring
from duecourse.store.migrate import put_setting

Run = Callable[..., Any]

MAPPING = """
mapping = "m"
[money]
currency = "CNY"
[borrower]
key = "C1"
language = "en"
region = "CN"
zone = "Asia/Shanghai"
[loan]
ref = "{loan}"
creditor = "acme"
product = "{product}"
method = "annuity"
principal = 12000
annual_rate = 0.12
started_on = "2026-01-31"
[loan.schedule]
periods = 12
first_due_on = "2026-02-28"
due_day = 31
day_count = "actual/365"
"""
TERMS = Terms(
    1_200_000, Decimal("0.12"), 12, date(2026, 2, 28), started_on=date(2026, 1, 31), due_day=31,
    day_count=DayCount.ACTUAL_365,
)  # fmt: skip
POLICY = """
policy: small
applies_to: {product: [cash-loan]}
languages: [en]
early_settlement: {fee: 2%, fee_months: 3}
steps:
  - {id: soon, when: due - 1d at 09:00, purpose: reminder, route: [sms], template: soon}
"""


@pytest.fixture
def run(type_in: Run, database: psycopg.Connection, keyring: Keyring, tmp_path: Path) -> Run:
    """Types `duecourse arrangement quote ...` at a book that stands at 20 March."""
    put_setting(database, "simulated", True)
    put_setting(database, "replayed_through", "2026-03-20")
    rows = [{"loan": "L-1", "product": "cash-loan"}, {"loan": "L-2", "product": "card"}]
    import_rows(
        database, keyring, rows, parse_mapping(MAPPING, "m"), columns=("loan", "product"),
        now=datetime(2026, 2, 1, tzinfo=UTC),
    )  # fmt: skip
    database.execute("UPDATE installment SET settled_on = due_on WHERE number = 1")
    database.commit()
    (tmp_path / "templates").mkdir()
    (tmp_path / "policy.yaml").write_text(POLICY, "utf-8")
    (tmp_path / "templates" / "soon.en.yaml").write_text('sms: "{{ creditor }}: please pay."\n', "utf-8")
    type_in("policy", "publish", tmp_path / "policy.yaml")
    return lambda line, code=None: type_in("arrangement", "quote", *line.split(), code=code)


@pytest.mark.parametrize("day", ["2026-03-20", "2026-03-27"])
def test_a_quote_is_the_engines_to_the_cent_with_the_policys_fee(run: Run, day: str) -> None:
    found = run(f"L-1 --on {day} --json")
    settled = run_schedule(Method.ANNUITY, TERMS, settle_on=date.fromisoformat(day)).settlement
    assert settled is not None
    (one,) = found["loans"]
    quote = {
        name: Decimal(value)
        for name, value in one["quote"].items()
        if name in ("principal", "interest", "fee", "total")
    }
    principal, interest = Decimal(settled.principal_minor) / 100, Decimal(settled.interest_minor) / 100
    fee = round(principal * 2 / 100, 2)
    assert quote == {
        "principal": principal, "interest": interest, "fee": fee, "total": principal + interest + fee,
    }  # fmt: skip
    assert (one["quote"]["valid_until"], one["quote"]["policy"], one["quote"]["policy_version"]) == (
        day,
        "small",
        1,
    )


def test_all_loans_of_a_customer_are_told_and_why_one_is_not(run: Run) -> None:
    told = run("C1 --json")["loans"]
    assert [(one["loan"], one.get("because")) for one in told] == [("L-1", None), ("L-2", "no-policy")]
    shown = run("C1")
    assert "what ends it on 2026-03-20" in shown and "interest on it for 20 days" in shown
    assert "L-2: a person computes it, because no policy in force that applies" in shown


def test_after_its_months_the_fee_is_not_asked_for(run: Run, database: psycopg.Connection) -> None:
    database.execute("UPDATE installment SET settled_on = due_on WHERE number <= 3")
    put_setting(database, "replayed_through", "2026-04-30")
    database.commit()
    assert run("L-1 --json")["loans"][0]["quote"]["fee"] == "0.00"


def test_a_debit_under_way_leaves_it_to_a_person(run: Run, database: psycopg.Connection) -> None:
    database.execute(
        """INSERT INTO debit (lane, debit_id, loan_id, source, reference, amount_minor, submitted_on, wait_until, state,
               effective_at, recorded_at)
           SELECT lane, gen_random_uuid(), loan_id, 'bank', 'D-1', 1, '2026-03-19', '2026-03-22', 'submitted', now(),
               now() FROM loan WHERE loan_ref = 'L-1'"""
    )
    database.commit()
    assert run("L-1 --json")["loans"][0]["because"] == "debit"


@pytest.mark.parametrize(
    ("line", "code"), [("L-1 --on 2026-03-19", "P477"), ("L-1 --on 2026-03-28", "P477"), ("nobody", "B045")]
)
def test_a_day_out_of_reach_and_an_unknown_word_are_refused(run: Run, line: str, code: str) -> None:
    run(line, code)
    assert "what ends it on 2026-03-20" in run("L-1")
