"""Money, dates and plurals agree with babel in every language, and cost no more SMS parts than they must."""

from __future__ import annotations

import re
from datetime import date

import pytest
from babel import Locale
from babel.numbers import format_currency
from hypothesis import given
from hypothesis import strategies as st

from duecourse.content.formats import formats
from duecourse.content.sms_text import is_gsm, not_gsm, sms_parts
from duecourse.domain.money import Money, from_minor

LANGUAGES = [
    "zh-CN",
    "zh-TW",
    "en",
    "en-GB",
    "fr",
    "de",
    "es",
    "hi",
    "vi",
    "id",
    "th",
    "pt-BR",
    "ar",
    "ar-EG",
    "ja",
    "pl",
]
CURRENCIES = ["CNY", "TWD", "USD", "JPY", "PHP", "EUR", "INR", "VND", "KWD", "GBP"]
"""Those whose decimal places are the same in ISO 4217 and CLDR, so that babel can judge."""


@given(st.sampled_from(LANGUAGES), st.sampled_from(CURRENCIES), st.integers(-(10**17), 10**17))
def test_money_is_what_babel_writes_with_cldr_spacing(
    language: str, currency: str, amount_minor: int
) -> None:
    written = formats(language).money(Money(amount_minor, currency))
    locale = Locale.parse(language, sep="-")
    value = from_minor(amount_minor, currency)
    babel = format_currency(value, currency, locale=locale, numbering_system="default")
    if locale.text_direction == "rtl":
        written = written.replace("\N{LEFT-TO-RIGHT MARK}", "")
    if language == "ar-EG":
        written = written.translate(
            str.maketrans("٠١٢٣٤٥٦٧٨٩", "0123456789")
        )  # babel translates the signs alone
    assert written == re.sub(r"([^\W\d_])([-+]?\d)", "\\1\N{NO-BREAK SPACE}\\2", babel)


@pytest.mark.parametrize(
    ("language", "currency", "amount_minor", "written"),
    [
        ("zh-CN", "CNY", 123450, "¥1,234.50"),
        ("zh-CN", "JPY", 1234, "JP¥1,234"),
        ("zh-TW", "TWD", 123450, "$1,234.50"),
        ("en", "CNY", 123450, "CN¥1,234.50"),
        ("en", "USD", -5, "-$0.05"),
        ("en", "PHP", 123450, "PHP 1,234.50"),
        ("en", "VND", 500000, "VND 500,000"),
        ("en", "EUR", 100, "€1.00"),
        ("fr", "EUR", 123456789, "1 234 567,89 €"),
        ("hi", "INR", 1234567890, "₹1,23,45,678.90"),
        ("en", "IQD", 1234, "IQD 1.234"),
    ],
)
def test_money_in_an_sms(language: str, currency: str, amount_minor: int, written: str) -> None:
    assert formats(language, "sms").money(Money(amount_minor, currency)) == written


@given(
    st.sampled_from(["en", "de", "es", "pt-BR", "id"]), st.sampled_from([*CURRENCIES, "NGN", "KRW", "ILS"])
)
def test_an_amount_never_forces_a_latin_sms_into_ucs2(language: str, currency: str) -> None:
    assert is_gsm(formats(language, "sms").money(Money(123456, currency)))


@pytest.mark.parametrize(
    ("language", "style", "written"),
    [
        ("zh-CN", "day", "3月10日"),
        ("zh-CN", "year", "2026年3月10日"),
        ("zh-CN", "weekday", "3月10日周二"),
        ("en", "day", "10 March"),
        ("en", "year", "10 March 2026"),
        ("en", "weekday", "Tuesday 10 March"),
        ("en-US", "day", "March 10"),
        ("fr", "day", "10 mars"),
    ],
)
def test_a_date_in_the_message_s_language(language: str, style: str, written: str) -> None:
    assert formats(language, "sms").date(date(2026, 3, 10), style) == written


def test_a_plural_follows_the_language_s_rules() -> None:
    forms = {"one": "rata", "few": "raty", "many": "rat", "other": "raty"}
    assert [formats("pl", "sms").plural(count, forms) for count in (1, 2, 5, 22)] == [
        "rata",
        "raty",
        "rat",
        "raty",
    ]
    assert formats("zh-CN", "sms").plural(1, {"one": "x", "other": "笔"}) == "笔"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("[" * 80, 1),
        ("[" * 81, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("款" * 70, 1),
        ("款" * 71, 2),
        ("款" * 134, 2),
        ("款" * 135, 3),
        ("a" * 70 + "’", 2),
    ],
)
def test_sms_parts(text: str, parts: int) -> None:
    assert sms_parts(text) == parts


def test_characters_that_force_ucs2_are_named() -> None:
    assert not_gsm("it’s – ok €") == ["’", "–"]
