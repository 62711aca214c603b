"""What people type into a form is read as they mean it, or not at all."""

from __future__ import annotations

from datetime import date
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from duecourse.portal.forms import Form


def form(**fields: str) -> Form:
    return Form.read(urlencode(fields).encode())


@pytest.mark.parametrize(
    ("typed", "language", "minor"),
    [
        ("500", "en", 50000),
        ("1,234.56", "en", 123456),
        ("¥1,234.56", "zh-CN", 123456),
        ("１２３４．５", "zh-CN", 123450),
        ("500元", "zh-CN", 50000),
        ("1.234,56", "es", 123456),
        ("1.50", "es", 150),
        ("1,5", "es", 150),
        ("1,234.56", "hi", 123456),
        ("٥٠٠", "ar", 50000),
        ("1,5", "en", None),
        ("1.234,56", "en", None),
        ("0", "en", None),
        ("-5", "en", None),
        ("12.345", "en", None),
        ("five", "en", None),
        ("1e9", "en", None),
        ("99999999999999999999", "en", None),
        ("NaN", "en", None),
    ],
)
def test_an_amount_is_read_as_the_language_writes_it(typed: str, language: str, minor: int | None) -> None:
    read = form(amount=typed).amount("amount", "CNY", language, most_minor=10**9)
    assert (read.amount_minor if read else None) == minor


def test_more_than_is_owed_is_refused() -> None:
    read = form(amount="10.01")
    assert read.amount("amount", "CNY", "en", most_minor=1000) is None
    assert read.errors["amount"][0] == "frame.amount_beyond"


@pytest.mark.parametrize(
    ("typed", "day"),
    [
        ("2026-03-10", date(2026, 3, 10)),
        ("2026/3/10", date(2026, 3, 10)),
        ("２０２６-０３-１０", date(2026, 3, 10)),
        ("2026-02-30", None),
        ("10.03.2026", None),
        ("2026-03-32", None),
        ("tomorrow", None),
        ("2027-03-10", None),
    ],
)
def test_a_day_is_read_in_one_order_within_its_bounds(typed: str, day: date | None) -> None:
    assert form(on=typed).day("on", earliest=date(2026, 3, 1), latest=date(2026, 3, 31)) == day


@settings(max_examples=150)
@given(st.text(max_size=60), st.sampled_from(["en", "zh-CN", "es", "ar", "hi", "vi"]))
def test_whatever_is_typed_is_read_or_refused(typed: str, language: str) -> None:
    read = Form({"x": [typed]})
    amount = read.amount("x", "CNY", language, most_minor=10**12, needed="")
    day = Form({"x": [typed]}).day("x", earliest=date(2000, 1, 1), latest=date(2100, 1, 1))
    text = Form({"x": [typed]}).text("x", most=50)
    assert amount is None or 0 < amount.amount_minor <= 10**12
    assert day is None or date(2000, 1, 1) <= day <= date(2100, 1, 1)
    assert len(text) <= 50 and not any(sign < " " for sign in text)


@settings(max_examples=100)
@given(st.binary(max_size=200))
def test_any_body_is_a_form_or_a_value_error(body: bytes) -> None:
    try:
        read = Form.read(body)
    except ValueError:
        return
    assert Form.read(urlencode(read.values, doseq=True).encode()).values == read.values
