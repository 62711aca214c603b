"""Written text as it is said aloud: amounts, dates, times, telephone numbers and digits, by language.

A speech program reads plain numbers well in its own language and everything around them badly: `¥1,234.56` becomes
"yen one comma two". So what a reader takes in at a glance is turned into words here, before any program sees it.
Chinese is written out whole; in other languages the digits stay and lose what stands in their way. Currency names and
dates come from CLDR, by Babel.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Final

from babel import Locale
from babel.core import UnknownLocaleError
from babel.dates import format_date
from babel.numbers import NumberFormatError, get_currency_name, get_territory_currencies, parse_decimal

from duecourse.channels.voice.chinese import chinese, decimal_number, yuan

_NUMBER: Final = r"\d(?:[\d.,'\u00a0\u202f]*\d)?"
_ISO_DATE: Final = re.compile(r"(?<!\d)(\d{4})-(\d{2})-(\d{2})(?!\d)")
_TELEPHONE: Final = re.compile(r"(?<![\d.,])(?:\+|00)?\d(?:[ \-()]{0,2}\d){6,14}(?![\d.,]\d)")
# From five digits on, a bare number is one to be dialled or compared, not counted: said digit by digit.
_LONG_NUMBER: Final = re.compile(r"(?<![\d.,])\d{5,}(?![\d.,]\d)")
_TAIL: Final = re.compile(r"\b(ending(?: in| with)?) (\d{2,6})\b", re.IGNORECASE)

_CENTS: Final[Mapping[str, tuple[str, str]]] = {
    **dict.fromkeys(("USD", "EUR", "CAD", "AUD", "NZD", "SGD", "HKD"), ("cent", "cents")),
    "GBP": ("penny", "pence"),
    "INR": ("paisa", "paise"),
    "PHP": ("centavo", "centavos"),
    "MYR": ("sen", "sen"),
}
"""English names of hundredths; CLDR has none."""


def said(text: str, language: str) -> str:
    """`text` as it is said in `language` (BCP 47). A language that Babel does not know is left as written."""
    locale = _locale(language)
    if locale is None:
        return text
    text = _ISO_DATE.sub(lambda match: _long_date(match, locale), text)
    money, rest = _money(locale), _chinese if locale.language == "zh" else _other
    # What an amount has become is not looked at again: its digits are no telephone number.
    words, at = "", 0
    for match in money.pattern.finditer(text):
        words += rest(text[at : match.start()], locale) + money.words(match)
        at = match.end()
    return words + rest(text[at:], locale)


def _chinese(text: str, locale: Locale) -> str:
    return chinese(text)


def _other(text: str, locale: Locale) -> str:
    if locale.language == "en":
        text = _english_days(text, locale)
    text = _TAIL.sub(lambda match: f"{match[1]} {_digits(match[2])}", text)
    text = _TELEPHONE.sub(lambda match: _digits(match[0]), text)
    return _LONG_NUMBER.sub(lambda match: _digits(match[0]), text)


@lru_cache(maxsize=64)
def _locale(language: str) -> Locale | None:
    try:
        return Locale.parse(language or "en", sep="-")
    except (UnknownLocaleError, ValueError):
        return None


def _digits(text: str) -> str:
    return " ".join(character for character in text if character.isdigit())


def _long_date(match: re.Match[str], locale: Locale) -> str:
    try:
        day = date(int(match[1]), int(match[2]), int(match[3]))
    except ValueError:
        return match[0]
    return format_date(day, "long", locale=locale)


def _english_days(text: str, locale: Locale) -> str:
    """`Nov 25, 2026` as `November 25th, 2026`; `25 November` as `25th November`."""
    wide, short = locale.months["format"]["wide"], locale.months["format"]["abbreviated"]
    names = {name: wide[number] for table in (wide, short) for number, name in table.items()}
    month = "|".join(sorted(map(re.escape, names), key=len, reverse=True))
    text = re.sub(
        rf"\b({month})\.? (\d{{1,2}})(?![\d:])\b", lambda m: f"{names[m[1]]} {_ordinal(m[2])}", text
    )
    return re.sub(rf"\b(\d{{1,2}}) ({month})\b", lambda m: f"{_ordinal(m[1])} {names[m[2]]}", text)


def _ordinal(day: str) -> str:
    number = int(day)
    ending = "th" if number in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


@dataclass(frozen=True, slots=True)
class _Money:
    """How amounts stand in the texts of one locale."""

    locale: Locale
    pattern: re.Pattern[str]
    codes: Mapping[str, str]
    """Symbol or ISO code, as written, to the ISO code."""
    home: str
    """The currency people there mean when they say no country's name with it; '' where none is known."""

    def words(self, match: re.Match[str]) -> str:
        """An amount that `pattern` found, in words; as written where it is none."""
        found = self._parse(match)
        if found is None:
            return match[0]
        amount, code = found
        if self.locale.language == "zh":
            if code == "CNY":
                return yuan(f"{amount:f}")
            return decimal_number(f"{amount:f}") + get_currency_name(code, locale=self.locale)
        whole, hundredths = divmod(amount, 1)
        if hundredths and self.locale.language == "en" and code in _CENTS:
            cents = int(hundredths * 100)
            return f"{whole:f} {self._name(code, whole)} and {cents} {_CENTS[code][cents != 1]}"
        mark = self.locale.number_symbols.get("latn", {}).get("decimal", ".") if hundredths else "."
        number = amount if hundredths else whole
        return f"{number:f}".replace(".", mark) + f" {self._name(code, number)}"

    def _name(self, code: str, count: Decimal) -> str:
        name = get_currency_name(code, count=count, locale=self.locale)
        # Nobody in America says "US dollars", nor in India "Indian rupees".
        return name.split()[-1] if code == self.home and self.locale.language == "en" else name

    def _parse(self, match: re.Match[str]) -> tuple[Decimal, str] | None:
        mark, number = match["before"] or match["after"], match["number"] or match["first"]
        try:
            return parse_decimal(number, locale=self.locale), self.codes[mark]
        except NumberFormatError:
            return None


@lru_cache(maxsize=64)
def _money(locale: Locale) -> _Money:
    codes = {symbol: code for code, symbol in sorted(locale.currency_symbols.items(), reverse=True)}
    codes |= {code: code for code in locale.currencies}
    territory = locale.territory or {"zh": "CN", "en": "US", "hi": "IN", "vi": "VN", "id": "ID"}.get(
        locale.language, ""
    )
    home = next(iter(get_territory_currencies(territory)), "") if territory else ""
    if home:
        codes[locale.currency_symbols.get(home, home)] = home
    if "USD" in codes and "$" not in codes:
        codes["$"] = "USD"
    if locale.language == "zh":
        own = "TWD" if locale.territory == "TW" else "CNY"
        codes |= {
            "NT$": "TWD",
            "¥": "CNY",
            "￥": "CNY",
            "RMB": "CNY",
            "人民币": "CNY",
            "人民幣": "CNY",
            "元": own,
        }
    marks = "|".join(sorted(map(re.escape, codes), key=len, reverse=True))
    pattern = re.compile(
        rf"(?<![A-Za-z\d.])(?P<before>{marks})[ \u00a0\u202f]?(?P<number>{_NUMBER})(?:元(?!素))?"
        rf"|(?<![\d.,])(?P<first>{_NUMBER})[ \u00a0\u202f]?(?P<after>{marks})(?![A-Za-z])"
    )
    return _Money(locale, pattern, codes, home)
