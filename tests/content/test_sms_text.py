"""What an SMS costs, what would say the same for less, and where it stands."""

# ruff: noqa: E501
# The tables of cases are read across.

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
import smsutil  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st

from duecourse.content.check_samples import costly_characters
from duecourse.content.sms_cost import read_prices
from duecourse.content.sms_text import cheapened, cheaper, costly_places, is_gsm, sms_parts
from duecourse.domain.problems import DuecourseError


@pytest.mark.parametrize(
    ("costly", "cheap"),
    [("’", "'"), ("“", '"'), ("–", "-"), ("…", "..."), ("\u00a0", " "), ("\u200b", ""), ("ó", "o"), ("ç", "c"), ("ế", "e"),
     ("₹", "Rs "), ("中", None), ("م", None)],
)  # fmt: skip
def test_a_costly_character_has_a_cheaper_equal_or_none(costly: str, cheap: str | None) -> None:
    assert cheaper(costly) == cheap


@given(st.text(max_size=200))
def test_what_is_cheapened_never_takes_more_parts_of_the_dearer_kind(text: str) -> None:
    cheap = cheapened(text)
    assert all(is_gsm(character) or cheaper(character) is None for character in cheap)
    if is_gsm(text):
        assert cheap == text


def test_places_count_lines_and_columns_and_leave_out_what_is_not_sent() -> None:
    source = "It’s due\n{% if count > 1 %}soon…{% endif %} {{ due_on | date: “day” }}"
    assert [tuple(place) for place in costly_places(source)] == [("’", 1, 3), ("…", 2, 23)]


def test_the_warning_says_what_to_write_where_and_what_it_saves() -> None:
    said = "It’s due on 10 March. " + "x" * 60
    assert list(costly_characters(said, said)) == [
        "'’' forces UCS-2, so a part holds 70 characters instead of 160; write ''' (at line 1 column 3); "
        "2 SMS parts become 1"
    ]
    [from_a_value] = costly_characters("{{ name }} is late", "Żaneta is late")
    assert from_a_value.endswith("write 'Z' (it comes with a value)")


@given(st.text(alphabet="a€[é中م😀 ’", max_size=500))
def test_parts_are_those_that_smsutil_splits_into(text: str) -> None:
    assert sms_parts(text) == max(1, len(smsutil.split(text).parts))


PRICES = """
currency = "CNY"
[[price]]
per_part = "0.50"
[[price]]
prefix = "+86"
per_part = "0.045"
[[price]]
prefix = "+852"
per_part = "0.32"
currency = "HKD"
[[price]]
provider = "cmpp"
prefix = "+86"
per_part = "0.031"
"""


@pytest.mark.parametrize(
    ("number", "provider", "price"),
    [("+8613800000000", "", "0.045 CNY"), ("+86", "cmpp", "0.031 CNY"), ("+85291234567", "cmpp", "0.32 HKD"),
     ("+14155550100", "", "0.50 CNY")],
)  # fmt: skip
def test_the_longest_prefix_and_a_provider_s_own_price_win(
    tmp_path: Path, number: str, provider: str, price: str
) -> None:
    file = tmp_path / "prices.toml"
    file.write_text(PRICES)
    found = read_prices(file).of(number, provider)
    assert found and f"{found.per_part} {found.currency}" == price
    assert found.per_part * sms_parts("x" * 161) == Decimal(price.split()[0]) * 2


def test_a_bad_file_of_prices_is_told_whole_and_a_missing_one_has_none(tmp_path: Path) -> None:
    assert read_prices(tmp_path / "none.toml").of("+86") is None
    file = tmp_path / "prices.toml"
    file.write_text('[[price]]\nprefix = "86"\nper_part = 0.1\n[[price]]\ncost = 1\n')
    with pytest.raises(DuecourseError) as caught:
        read_prices(file)
    assert [str(problem).removeprefix(f"{file} ") for problem in caught.value.problems] == [
        'price 1: prefix: expected a country code such as "+86", or "*" (P227)',
        'price 1: currency: expected an ISO 4217 code such as "CNY" (P227)',
        'price 1: per_part: expected a decimal number in quotes such as "0.045" (P227)',
        "price 2: expected a table with the keys currency, per_part, prefix, provider (P227)",
    ]
