"""Amounts as gateways write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duecourse.domain.money import Money
from duecourse.gateways.reading import a_number, in_minor, in_units
from duecourse.gateways.stripe.adapter import from_stripe, to_stripe


@pytest.mark.parametrize(
    ("minor", "currency", "theirs"),
    [
        (123456, "CNY", 123456),
        (500, "JPY", 500),
        (500, "UGX", 50000),
        (500, "ISK", 50000),
        (5000, "KWD", 5000),
        (500, "MGA", 5),
    ],
)
def test_stripe_counts_as_its_documents_say(minor: int, currency: str, theirs: int) -> None:
    assert to_stripe(Money(minor, currency)) == theirs
    assert from_stripe(theirs, currency.lower()) == Money(minor, currency)


@pytest.mark.parametrize(("minor", "currency"), [(5001, "KWD"), (501, "MGA")])
def test_what_stripe_cannot_take_is_refused(minor: int, currency: str) -> None:
    with pytest.raises(ValueError, match=r"there|fractions"):
        to_stripe(Money(minor, currency))


@given(st.integers(1, 10**9), st.sampled_from(["CNY", "USD", "JPY", "KRW", "UGX", "INR", "BRL"]))
def test_an_amount_comes_back_from_stripe_as_it_went(minor: int, currency: str) -> None:
    assert from_stripe(to_stripe(Money(minor, currency)), currency.lower()) == Money(minor, currency)


@pytest.mark.parametrize("written", ["", "abc", "-1.00", "0", "1.005", "NaN", "Infinity", "1e30", "１２.x"])
def test_an_amount_that_is_none_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        in_units(written, "CNY")


@pytest.mark.parametrize("written", [0, -5, True, None, 1.5, "1.5", 2**63])
def test_a_whole_amount_that_is_none_is_refused(written: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        in_minor(written, "CNY")  # type: ignore[arg-type]


@pytest.mark.parametrize("written", ["", None, 5, "x" * 129, "a\nb", "月"])
def test_a_number_that_is_none_is_refused(written: object) -> None:
    with pytest.raises(ValueError, match="number"):
        a_number(written)
