"""`duecourse schedule` as somebody types it: rows, amounts, shifts, events, and one plain error for bad input."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from typer.testing import CliRunner

from duecourse.cli.context import Context, close_context, set_context
from duecourse.cli.main import app
from duecourse.cli.settings import Settings
from duecourse.domain.problems import DuecourseError

LOAN = (
    "--method annuity --principal 120000 --rate 0.049 --periods 360 --start 2026-01-15 "
    "--first-due 2026-02-28 --currency CNY"
)
YEAR = "--principal 12000 --rate 0.12 --periods 12 --start 2026-01-15 --first-due 2026-02-15 --currency CNY"


@pytest.fixture(autouse=True)
def _screen() -> Iterator[None]:
    close_context()
    yield
    close_context()


def run(options: str) -> Any:
    """The JSON that the command prints. A problem is raised as main() gets it."""
    close_context()
    found = CliRunner().invoke(app, ["schedule", *shlex.split(options), "--json"], catch_exceptions=False)
    assert found.exit_code == 0, found.output
    return json.loads(found.stdout)


def figures(rows: list[dict[str, str]], *names: str) -> list[tuple[str, ...]]:
    return [tuple(str(row[name]) for name in names) for row in rows]


def test_a_mortgage_with_a_long_first_period() -> None:
    found = run(LOAN + " --due-day 31")
    rows = found["rows"]
    assert figures(rows[:3], "number", "due_on", "days", "principal", "interest", "payment", "balance") == [
        ("1", "2026-02-28", "44", "146.87", "708.82", "855.69", "119853.13"),
        ("2", "2026-03-31", "31", "147.47", "489.40", "636.87", "119705.66"),
        ("3", "2026-04-30", "30", "148.07", "488.80", "636.87", "119557.59"),
    ]
    assert {row["payment"] for row in rows[1:-1]} == {"636.87"}
    assert figures(rows[-1:], "number", "due_on", "payment", "balance") == [
        ("360", "2056-01-31", "638.32", "0.00")
    ]
    assert sum(Decimal(row["principal"]) for row in rows) == 120000
    assert found["totals"]["principal"] == "120000.00"


def test_the_due_day_is_the_first_ones_unless_told() -> None:
    assert [row["due_on"] for row in run(LOAN)["rows"][:3]] == ["2026-02-28", "2026-03-28", "2026-04-28"]


@pytest.mark.parametrize(
    ("every", "first", "days"),
    [
        ("1m", "2026-02-15", ["31", "28", "31"]),
        ("2w", "2026-01-29", ["14", "14", "14"]),
        ("1w", "2026-01-22", ["7", "7", "7"]),
    ],
)
def test_payments_fall_due_in_each_rhythm(every: str, first: str, days: list[str]) -> None:
    rows = run(YEAR.replace("2026-02-15", first) + f" --method equal-principal --every {every}")["rows"]
    assert [str(row["days"]) for row in rows[:3]] == days
    share = {"1m": 12, "2w": 26, "1w": 52}[every]
    assert Decimal(rows[0]["interest"]) == round(Decimal(12000) * Decimal("0.12") / share, 2)


@pytest.mark.parametrize(
    ("method", "first", "last", "count"),
    [
        ("annuity", ("946.19", "120.00", "1066.19"), ("1055.58", "10.56", "1066.14"), 12),
        ("equal-principal", ("1000.00", "120.00", "1120.00"), ("1000.00", "10.00", "1010.00"), 12),
        ("interest-only", ("0.00", "120.00", "120.00"), ("12000.00", "120.00", "12120.00"), 12),
        ("flat", ("1000.00", "120.00", "1120.00"), ("1000.00", "120.00", "1120.00"), 12),
        ("bullet", ("12000.00", "1440.00", "13440.00"), ("12000.00", "1440.00", "13440.00"), 1),
        ("revolving", ("1092.00", "120.00", "1212.00"), ("4201.31", "42.01", "4243.32"), 12),
    ],
)
def test_each_method_by_example(
    method: str, first: tuple[str, ...], last: tuple[str, ...], count: int
) -> None:
    rows = run(YEAR + f" --method {method}")["rows"]
    assert len(rows) == count
    assert figures([rows[0], rows[-1]], "principal", "interest", "payment") == [first, last]
    assert rows[-1]["balance"] == "0.00"


def test_a_prepayment_that_shortens_keeps_the_payment_and_one_that_lowers_keeps_the_end() -> None:
    plain = run(YEAR + " --method annuity")["rows"]
    shorter = run(YEAR + " --method annuity --prepay 2026-06-25:4000:shorten")["rows"]
    lower = run(YEAR + " --method annuity --prepay 2026-06-25:4000:lower")["rows"]
    for rows in (shorter, lower):
        paid = rows[5]
        assert (paid["kind"], paid["due_on"], paid["payment"]) == ("prepayment", "2026-06-25", "4000.00")
        balance = Decimal(plain[4]["balance"])
        accrued = balance * Decimal("0.01") * 10 / 30  # ten days of the thirty of the period
        assert paid["interest"] == str(round(accrued, 2))
        assert sum(Decimal(row["principal"]) for row in rows) == 12000
    assert shorter[-1]["due_on"] < plain[-1]["due_on"] == lower[-1]["due_on"]
    assert shorter[7]["payment"] == plain[0]["payment"]
    assert Decimal(lower[7]["payment"]) < Decimal(plain[0]["payment"])


def test_a_new_rate_splits_its_period_and_sets_the_payment_anew() -> None:
    rows = run(YEAR + " --method annuity --reprice 2026-06-25:0.06")["rows"]
    before, repriced, after = rows[4], rows[5], rows[6]
    balance = Decimal(before["balance"])
    split = balance * (Decimal("0.01") * 10 + Decimal("0.005") * 20) / 30
    assert repriced["interest"] == str(round(split, 2))
    assert {row["payment"] for row in rows[6:-1]} == {after["payment"]}
    assert Decimal(after["payment"]) < Decimal(before["payment"])
    assert abs(Decimal(rows[-1]["payment"]) - Decimal(after["payment"])) < Decimal("0.05")


def test_balloon_and_grace() -> None:
    rows = run(YEAR + " --method annuity --balloon 6000 --principal-grace 2 --interest-grace 1")["rows"]
    assert figures(rows[:2], "principal", "interest") == [("0.00", "0.00"), ("0.00", "240.00")]
    assert Decimal(rows[-1]["principal"]) > 6000 > Decimal(rows[-2]["payment"])


def test_what_settles_a_loan_on_a_day() -> None:
    found = run(YEAR + " --method equal-principal --settle-on 2026-03-25")
    assert found["settlement"] == {
        "on": "2026-03-25", "principal": "10000.00", "interest": "32.26", "amount": "10032.26",
    }  # fmt: skip
    assert run(YEAR + " --method flat")["settlement"] is None


def test_due_days_move_off_holidays_of_the_currency_s_country_and_stand_where_no_calendar_is() -> None:
    rows = run(LOAN + " --due-day 31 --shift modified-following")["rows"]
    assert figures(rows[:4], "due_on", "contract_due_on", "provisional") == [
        ("2026-02-28", "2026-02-28", "False"),  # a Saturday that is worked
        ("2026-03-31", "2026-03-31", "False"),
        ("2026-04-30", "2026-04-30", "False"),
        ("2026-05-29", "2026-05-31", "False"),
    ]
    assert rows[-1]["due_on"] == "2056-01-31" and rows[-1]["provisional"]
    assert rows[3]["days"] == 31  # interest runs by the contract's days
    american = run(LOAN + " --due-day 31 --shift following --region US")["rows"]
    assert american[0]["due_on"] == "2026-03-02"


@pytest.mark.parametrize(
    ("currency", "principal", "payment"),
    [("JPY", "1200000", "106619"), ("VND", "12000000", "1066185"), ("KWD", "12000.000", "1066.185")],
)
def test_amounts_have_the_currency_s_digits(currency: str, principal: str, payment: str) -> None:
    options = YEAR.replace("12000", principal).replace("CNY", currency)
    rows = run(options + " --method annuity")["rows"]
    assert rows[0]["payment"] == payment
    assert sum(Decimal(row["principal"]) for row in rows) == Decimal(principal)


def test_revolving_credit_runs_until_nothing_is_owed() -> None:
    options = "--method revolving --principal 1200 --rate 0.18 --start 2026-01-15 --first-due 2026-02-15 --currency CNY"
    rows = run(options + " --minimum-percent 10 --minimum-floor 50")["rows"]
    assert len(rows) > 12 and rows[-1]["balance"] == "0.00"
    assert rows[0]["payment"] == "121.80"  # 10 % of 1,218.00
    assert {row["payment"] for row in rows[-3:-1]} == {"50.00"}


def without(option: str) -> str:
    words = shlex.split(LOAN)
    at = words.index(option)
    return shlex.join(words[:at] + words[at + 2 :])


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (
            f"{without('--method')} --method level",
            "D042",
            "--method: 'level' is not known; use one of annuity,",
        ),
        (f"{without('--principal')} --principal 1e3x", "D040", "--principal: '1e3x' is not a number"),
        (
            f"{without('--principal')} --principal 1.234",
            "D041",
            "--principal: '1.234' has more than 2 decimal",
        ),
        (f"{without('--principal')} --principal -5", "D041", "'-5' is negative"),
        (f"{without('--rate')} --rate 4,9", "D040", "--rate: '4,9' is not a number"),
        (f"{without('--rate')} --rate 490", "D044", "--rate: '490': the annual rate must be a fraction"),
        (
            f"{without('--periods')} --periods 0",
            "D044",
            "--periods: '0': the number of installments must be 1 to",
        ),
        (without("--periods"), "D047", "--periods: is missing; annuity needs"),
        (f"{without('--currency')} --currency RMB", "D041", "--currency: 'RMB' is not an ISO 4217 currency"),
        (f"{without('--start')} --start 15/01/2026", "D005", "--start: '15/01/2026' is not a date"),
        (
            f"{without('--start')} --start 2026-03-15",
            "D044",
            "--first-due: '2026-02-28': the loan starts after",
        ),
        (f"{LOAN} --every 5d", "D042", "--every: '5d' is no interval"),
        (f"{LOAN} --day-count act/act", "D042", "--day-count: 'act/act' is not known; use one of 30/360,"),
        (f"{LOAN} --due-day 15", "D044", "--due-day: '15': the first due day lies on another day"),
        (f"{LOAN} --reprice 2027-01-01", "D043", "--reprice: '2027-01-01' is not DATE:RATE"),
        (f"{LOAN} --reprice 2066-01-01:0.04", "D044", "--reprice: 2066-01-01 lies outside the loan's"),
        (
            f"{LOAN} --prepay 2026-08-10:20000",
            "D043",
            "--prepay: '2026-08-10:20000' is not DATE:AMOUNT:shorten",
        ),
        (
            f"{LOAN} --prepay 2026-08-10:20000:less",
            "D042",
            "--prepay: 'less' is not known; use one of shorten",
        ),
        (f"{LOAN} --prepay 2026-08-10:200000:lower", "D045", "is more than is owed; 119313.70 CNY settles"),
        (f"{LOAN} --prepay 2025-08-10:2000:lower", "D045", "lies outside the loan's 2026-01-15 to"),
        (f"{LOAN} --balloon 120000.01", "D044", "--balloon: '120000.01': the balloon must be"),
        (f"{LOAN} --principal-grace 360", "D044", "--principal-grace: '360': grace must end before"),
        (f"{LOAN} --settle-on 2025-12-31", "D044", "--settle-on: 2025-12-31 lies outside the loan's"),
        (f"{LOAN} --shift next", "D042", "--shift: 'next' is not known; use one of none, following"),
        (f"{LOAN} --shift following --region China", "D048", "--region: 'China' is not a region; use an ISO"),
        (
            f"{without('--currency')} --currency EUR --shift following",
            "D048",
            "--region: EUR belongs to no one country",
        ),
        (f"{LOAN} --minimum-percent 110", "D046", "--minimum-percent: '110' is out of range; use 0 to 100"),
        (
            YEAR.replace("--periods 12", "--method revolving --minimum-percent 1"),
            "D046",
            "the minimum does not repay the loan in 1200 payments",
        ),
    ],
)
def test_bad_input_is_one_plain_error_that_names_the_option(options: str, code: str, said: str) -> None:
    with pytest.raises(DuecourseError) as refused:
        run(options)
    [problem] = refused.value.problems
    assert (problem.code, refused.value.exit_code) == (code, 2)
    assert said in str(problem)


def test_the_table_is_printed_in_chinese() -> None:
    os.environ["COLUMNS"] = "120"
    set_context(Context(settings=Settings(language="zh")))
    options = YEAR + " --method flat --settle-on 2026-03-25 --shift following --prepay 2026-03-20:1000:lower"
    found = CliRunner().invoke(app, ["schedule", *shlex.split(options)], catch_exceptions=False)
    assert "等本等息：本金 12,000.00 CNY，年利率 12 %" in found.stdout
    for said in (
        "期次",
        "应还日",
        "天数",
        "本金",
        "利息",
        "应还",
        "剩余本金",
        "提前还款",
        "合计",
        "提前结清应还",
    ):
        assert said in found.stdout
    assert "暂定" in found.stdout  # the last due day lies in 2027
