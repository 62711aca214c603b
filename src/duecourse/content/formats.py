"""Money, dates and plurals in a language, from CLDR through babel, fast enough for a million messages.

Babel takes 20 to 40 µs for an amount. Prefix, suffix and separators are therefore learned from babel once per
currency and proved on samples; a language whose grouping does not follow them keeps to babel.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from functools import cache, lru_cache
from typing import Final, Literal, TypeAlias

from babel import Locale
from babel.dates import format_date, format_skeleton, get_month_names
from babel.numbers import format_currency, format_percent, get_currency_symbol

from duecourse.domain.money import Money, from_minor, minor_digits

from .sms_text import is_gsm

Write: TypeAlias = Callable[[int], str]

Manner: TypeAlias = Literal["text", "sms", "voice", "wechat"]
"""Where a value will stand. sms: characters that do not double the price. voice: as it is spoken. wechat: figures
without separators, which its fields refuse."""

DATE_STYLES: Final = ("day", "year", "weekday", "iso")
"""3月10日 / 10 March; 2026年3月10日 / 10 March 2026; 3月10日周二 / Tuesday 10 March; 2026-03-10."""

# CLDR's plain `en` is American; the day before the month is understood by every reader of English.
_DATE_LOCALES: Final = {"en": "en-GB"}
_SAMPLES: Final = (0, 1, -1, 99, -100, 123_456, 1_234_567, -12_345_678, 98_765_432_100, 10**15 + 7)
_SPACES: Final = {0xA0: " ", 0x202F: " ", 0x2009: " ", 0x2007: " "}
"""Spaces outside GSM-7: one of them would double the price of an SMS."""
_SPOKEN_UNITS: Final = {("zh", "CNY"): "元", ("zh", "TWD"): "元"}
"""What people say where CLDR has the name of the currency in full (人民币)."""
_DIGITS: Final = {"arab": "٠١٢٣٤٥٦٧٨٩", "deva": "०१२३४५६७८९", "beng": "০১২৩৪৫৬৭৮৯", "mymr": "၀၁၂၃၄၅၆၇၈၉"}
_LEFT_TO_RIGHT_MARK: Final = "\N{LEFT-TO-RIGHT MARK}"


class Count(int):
    """A count in a template, written in the digits of its language."""

    written: str

    @classmethod
    def of(cls, value: int, written: str) -> Count:
        """A count and how it is written."""
        count = cls(value)
        count.written = written
        return count

    def __str__(self) -> str:
        return self.written


@cache
def formats(language: str, manner: Manner = "text") -> Formats:
    """The one Formats of a language and manner. Raises babel's UnknownLocaleError for a tag CLDR does not know."""
    return Formats(language, manner)


class Formats:
    """How one language writes values."""

    def __init__(self, language: str, manner: Manner = "text") -> None:
        self.locale = Locale.parse(language, sep="-")
        self.date_locale = Locale.parse(_DATE_LOCALES.get(language, language), sep="-")
        self.manner = manner
        self.right_to_left = self.locale.text_direction == "rtl"
        self._latin = unicodedata.name(get_month_names(locale=self.locale)[1][0], "").startswith("LATIN")
        own = _DIGITS.get(self.locale.default_numbering_system)
        self._own_digits = str.maketrans("0123456789", own) if own else None
        self._writers: dict[str, Write] = {}
        self.date = lru_cache(maxsize=2000)(self._date)

    def money(self, amount: Money) -> str:
        """¥1,234.00, with the decimal places of ISO 4217. Raises MoneyError for an unknown currency."""
        writer = self._writers.get(amount.currency)
        if writer is None:
            writer = self._writers[amount.currency] = self._writer(amount.currency)
        return writer(amount.amount_minor)

    def counted(self, value: int) -> int:
        """A count that is written in the digits of the language."""
        return Count.of(value, self._digits(str(value))) if self._own_digits else value

    def percent(self, fraction: Decimal) -> str:
        """A fraction as a percentage with what decimal places it has, four at most: 0.0385 is 3.85%."""
        pattern = self.locale.percent_formats[None].pattern.replace("#0", "#0.####")
        text = format_percent(fraction, pattern, locale=self.locale, numbering_system="default")
        return self._plain(self._digits(text))

    def telephone(self, number: str) -> str:
        """A number to call, or another run of figures. From right to left a mark keeps its groups in their order."""
        return f"{_LEFT_TO_RIGHT_MARK}{number}" if number and self.right_to_left else number

    def _date(self, day: date, style: str = "day") -> str:
        """A date in a style of DATE_STYLES. Raises ValueError for another."""
        if style == "iso":
            return day.isoformat()
        if style == "day":
            text = format_skeleton("MMMMd", day, locale=self.date_locale)
        elif style == "weekday":
            text = format_skeleton("MMMMEEEEd", day, locale=self.date_locale)
        elif style == "year":
            text = format_date(day, "long", locale=self.date_locale)
        else:
            raise ValueError(f"date style '{style}' is unknown; known: {', '.join(DATE_STYLES)}")
        return self._plain(self._digits(text))

    def plural(self, count: int, forms: dict[str, str]) -> str:
        """The form for a count by CLDR's category (one, few, many, other); `other` when it is not given."""
        return forms.get(self.locale.plural_form(count)) or forms["other"]

    def categories(self) -> frozenset[str]:
        """The plural forms that some count up to a thousand takes: what a text must have a form for."""
        return frozenset(self.locale.plural_form(count) for count in range(1001))

    def _digits(self, text: str) -> str:
        return text.translate(self._own_digits) if self._own_digits else text

    def _plain(self, text: str) -> str:
        return text.translate(_SPACES) if self.manner == "sms" else text

    def _writer(self, currency: str) -> Write:
        digits = minor_digits(currency)
        if self.manner == "voice":
            return self._spoken(currency, digits)
        pattern = _with_digits(self.locale.currency_formats["standard"].pattern, digits)
        if self.manner == "wechat":
            return self._ungrouped(currency, digits)

        def by_babel(amount_minor: int, pattern: str = pattern) -> str:
            text = format_currency(
                from_minor(amount_minor, currency),
                currency,
                pattern,
                locale=self.locale,
                currency_digits=False,
                numbering_system="default",
            )
            spaced = self._digits(_spaced(text))
            return self._plain(_isolated(spaced) if self.right_to_left else spaced)

        if self.manner == "sms" and self._latin and not is_gsm(by_babel(0)):
            pattern = pattern.replace("¤", "¤¤")  # PHP 100.00: the sign would force UCS-2 on the whole text

        def written(amount_minor: int) -> str:
            return by_babel(amount_minor, pattern)

        fast = _learned(written, digits)
        if not all(fast(sample) == written(sample) for sample in _SAMPLES):
            fast = lru_cache(maxsize=4000)(written)  # lakhs, or digits of the script's own
        return fast

    def _spoken(self, currency: str, digits: int) -> Write:
        unit = _SPOKEN_UNITS.get((self.locale.language, currency))
        pattern = _with_digits("#,##0", digits)

        def spoken(amount_minor: int) -> str:
            value = from_minor(amount_minor, currency)
            if unit:
                return f"{value}{unit}"
            return format_currency(
                value,
                currency,
                pattern,
                locale=self.locale,
                currency_digits=False,
                format_type="name",
            )

        return lru_cache(maxsize=4000)(spoken)

    def _ungrouped(self, currency: str, digits: int) -> Write:
        # Whatever the reader's language, ¥ is the yuan there; CN¥ would be more signs than a field takes.
        sign = get_currency_symbol(currency, "zh_CN")

        def figures(amount_minor: int) -> str:
            return f"{sign}{from_minor(amount_minor, currency):.{digits}f}"

        return figures


def _with_digits(pattern: str, digits: int) -> str:
    """A CLDR currency pattern with exactly so many decimal places, as ISO 4217 has them."""
    places = "." + "0" * digits if digits else ""
    return re.sub(r"0(\.0+)?(?!\d)", "0" + places, pattern)


def _spaced(text: str) -> str:
    """CLDR's currency spacing, which babel leaves out: a letter does not touch a figure."""
    return re.sub(r"(?<=\d)(?=[^\W\d_])|(?<=[^\W\d_])(?=[-+]?\d)", "\N{NO-BREAK SPACE}", text)


def _isolated(text: str) -> str:
    """From right to left: CN¥ stays together and is not turned into ¥CN."""
    return re.sub(r"([A-Z]+[^\w\s])", rf"\1{_LEFT_TO_RIGHT_MARK}", text)


def _learned(written: Write, digits: int) -> Write:
    """Format by what one positive and one negative sample show; the caller proves it on more."""
    scale = 10**digits
    plain, negative = written(1_234_567 * scale), written(-1_234_567 * scale)
    shape = re.compile(r"\A(\D*)1(\D*)234(\D*)567(?:(\D+)0+)?(\D*)\Z")
    found, minus = shape.match(plain), shape.match(negative)
    if not found or not minus:
        return lambda _: ""
    before, group, _, point, after = found.groups()
    minus_before, minus_after = minus[1], minus[5]

    def fast(amount_minor: int) -> str:
        whole, fraction = divmod(abs(amount_minor), scale)
        figures = f"{whole:,}" if group == "," else f"{whole:,}".replace(",", group)
        if digits:
            figures = f"{figures}{point}{fraction:0{digits}d}"
        if amount_minor < 0:
            return f"{minus_before}{figures}{minus_after}"
        return f"{before}{figures}{after}"

    return fast
