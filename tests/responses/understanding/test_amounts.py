"""Amounts in words and figures, told apart from days, counts and telephone numbers."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from duecourse.responses.understanding.amounts import amount_named
from duecourse.responses.understanding.plain import plain


@pytest.mark.parametrize(
    ("text", "currency", "expected"),
    [
        ("I'll pay 500 on Friday", "USD", 50_000),
        ("$75.50 tomorrow", "USD", 7_550),
        ("£50 today", "GBP", 5_000),
        ("sending 1,250 now", "USD", 125_000),
        ("1.2k on friday", "USD", 120_000),
        ("two hundred dollars", "USD", 20_000),
        ("i can do fifty bucks", "USD", 5_000),
        ("先还500", "CNY", 50_000),
        ("先還５００元", "CNY", 50_000),
        ("五百", "CNY", 50_000),
        ("两千三", "CNY", 230_000),
        ("1.2万", "CNY", 1_200_000),
        ("一万零五百块", "CNY", 1_050_000),
        ("壹仟元", "CNY", 100_000),
        ("20号还800", "CNY", 80_000),
        ("will pay 5000 on monday", "JPY", 5_000),
    ],
)
def test_an_amount_is_read_in_minor_units(text: str, currency: str, expected: int) -> None:
    assert amount_named(plain(text), currency) == expected


@pytest.mark.parametrize(
    "text",
    [
        "half now",
        "about 100 on friday",
        "100 or 200",
        "pay in 3 days",
        "on the 15th",
        "call me at 555-0142",
        "my number is 13800000000",
        "£50",
        "you texted me 5 times",
        "stage 4",
        "paid in 2023",
        "3/20",
        "大概五百",
        "一半",
        "说了一百遍",
        "打12378投诉",
        "15号还",
        "三天后还",
        "2个月",
    ],
)
def test_what_is_near_or_no_amount_is_none(text: str) -> None:
    assert amount_named(plain(text), "USD" if text.isascii() or "£" in text else "CNY") is None


def test_without_a_currency_nothing_is_read() -> None:
    assert amount_named("i will pay 500 on friday", "") is None


@settings(max_examples=200, deadline=None)
@given(st.integers(10, 99_999))
def test_any_figure_of_yuan_is_read_as_it_stands(yuan: int) -> None:
    assert amount_named(f"明天还{yuan}元", "CNY") == yuan * 100
