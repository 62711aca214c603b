from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duecourse.domain.money import Money, MoneyError, from_minor, minor_digits, round_minor, to_minor


@pytest.mark.parametrize(
    ("currency", "digits"), [("JPY", 0), ("TWD", 2), ("CNY", 2), ("KWD", 3), ("IQD", 3), ("CLF", 4)]
)
def test_minor_digits_are_those_of_iso_4217(currency: str, digits: int) -> None:
    assert minor_digits(currency) == digits


@pytest.mark.parametrize("code", ["XXX", "XAU", "RMB", "cny", ""])
def test_what_is_no_currency_is_refused(code: str) -> None:
    with pytest.raises(MoneyError):
        minor_digits(code)


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [("1500", "TWD", 150000), ("1500.00", "JPY", 1500), ("-0.01", "CNY", -1), ("1E+05", "TWD", 10_000_000)],
)
def test_amounts_become_minor_units_exactly(amount: str, currency: str, minor: int) -> None:
    assert to_minor(Decimal(amount), currency) == minor


@pytest.mark.parametrize(
    ("amount", "currency"),
    [
        ("0.001", "CNY"),
        ("0.5", "JPY"),
        ("NaN", "CNY"),
        ("Infinity", "CNY"),
        ("1E+17", "CNY"),
        ("1E+400", "JPY"),
    ],
)
def test_what_cannot_be_kept_exactly_is_refused(amount: str, currency: str) -> None:
    with pytest.raises(MoneyError):
        to_minor(Decimal(amount), currency)


@given(st.integers(-(2**63) + 1, 2**63 - 1), st.sampled_from(["JPY", "TWD", "KWD", "CLF"]))
def test_minor_units_survive_the_way_to_a_decimal_and_back(minor: int, currency: str) -> None:
    try:
        assert to_minor(from_minor(minor, currency), currency) == minor
    except MoneyError:
        assert abs(minor) >= 10**18


def test_halves_are_rounded_away_from_zero() -> None:
    assert [round_minor(Decimal(v)) for v in ("0.5", "1.5", "-0.5", "0.49")] == [1, 2, -1, 0]


def test_unlike_currencies_do_not_add() -> None:
    assert Money.of("1.50", "CNY") + Money.of("0.50", "CNY") - Money.of(1, "CNY") == Money(100, "CNY")
    with pytest.raises(MoneyError):
        Money(1, "CNY") + Money(1, "USD")
