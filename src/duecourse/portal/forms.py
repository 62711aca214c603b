"""What a form brought: read within bounds, every fault told together and beside its field."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Final
from urllib.parse import parse_qsl
from uuid import UUID, uuid4

from babel import Locale
from babel.numbers import NumberFormatError, parse_decimal

from duecourse.domain.money import Money, MoneyError, to_minor

MOST_BYTES: Final = 32_768
"""Of a form: 2,000 characters of any script, percent-encoded, and the rest of it."""
MOST_FIELDS: Final = 100


@dataclass(slots=True)
class Form:
    """The fields of a form and what is wrong with them. Personal: never logged."""

    values: Mapping[str, list[str]] = field(default_factory=dict, repr=False)
    errors: dict[str, tuple[str, Mapping[str, object]]] = field(default_factory=dict)
    """Field to the key of the text that says what is wrong, and its values."""
    request_id: UUID = field(default_factory=uuid4)
    """Of this one form as it was shown; the same again is the same request."""

    @classmethod
    def read(cls, body: bytes) -> Form:
        """An application/x-www-form-urlencoded body. Raises ValueError for one that is none, or has too many fields."""
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=bool(body),
            errors="strict",
            max_num_fields=MOST_FIELDS,
        )
        values: dict[str, list[str]] = {}
        for name, value in pairs:
            values.setdefault(name, []).append(value)
        form = cls(values)
        if given := form.get("request"):
            form.request_id = UUID(given)
        return form

    def get(self, name: str) -> str:
        """As it was typed, the first of several; '' where there is none."""
        return self.values.get(name, [""])[0]

    def all(self, name: str) -> list[str]:
        """Every value of a field: of a list of boxes to tick."""
        return self.values.get(name, [])

    def fault(self, name: str, key: str, **values: object) -> None:
        """Note what is wrong with a field; the first fault stands."""
        self.errors.setdefault(name, (key, values))

    def text(self, name: str, *, most: int, needed: str = "", lines: bool = False) -> str:
        """Trimmed text of at most so many characters, no control characters in it.

        needed: key of the text that says it must be given; '' when it need not. lines: it may have several.
        """
        typed = self.get(name).replace("\r\n", "\n").replace("\r", "\n").strip()
        kept = "".join(
            sign
            for sign in typed
            if (sign == "\n" and lines) or unicodedata.category(sign) not in ("Cc", "Cs")
        )
        if len(kept) > most:
            self.fault(name, "frame.too_long", most=most)
            return kept[:most]
        if not kept and needed:
            self.fault(name, needed)
        return kept

    def choice(self, name: str, known: Container[str], *, needed: str) -> str:
        """One of the values offered; '' and a fault for anything else. needed: key of the text for none chosen."""
        given = self.get(name)
        if given and given in known:
            return given
        self.fault(name, needed)
        return ""

    def day(
        self, name: str, *, earliest: date, latest: date, needed: str = "frame.day_needed"
    ) -> date | None:
        """A day within bounds, both counted; None and a fault for anything else. needed: as for `choice`."""
        given = unicodedata.normalize("NFKC", self.get(name)).strip().replace("/", "-").replace(".", "-")
        if not given:
            self.fault(name, needed)
            return None
        try:
            year, month, on = (int(part) for part in given.split("-"))
            day = date(year, month, on)
        except (ValueError, OverflowError):
            self.fault(name, "frame.day_unread")
            return None
        if not earliest <= day <= latest:
            self.fault(name, "frame.day_outside", earliest=earliest, latest=latest)
            return None
        return day

    def amount(
        self,
        name: str,
        currency: str,
        language: str,
        *,
        most_minor: int,
        least_minor: int = 1,
        needed: str = "frame.amount_needed",
    ) -> Money | None:
        """An amount as people of a language write it; None and a fault for anything else.

        least_minor: 0 or more. needed: key of the text for none given; '' when it need not be given.
        """
        typed = unicodedata.normalize("NFKC", self.get(name)).translate(_DIGITS)
        found = _FIGURES.search(typed)
        given = "".join(found[0].split()) if found else ""
        if not typed.strip():
            if needed:
                self.fault(name, needed)
            return None
        try:
            amount_minor = to_minor(_decimal(given, language), currency)
        except MoneyError:
            self.fault(name, "frame.amount_unread")
            return None
        if amount_minor < least_minor or "-" in typed:
            self.fault(name, "frame.amount_unread")
            return None
        if amount_minor > most_minor:
            self.fault(name, "frame.amount_beyond", most=Money(most_minor, currency))
            return None
        return Money(amount_minor, currency)


_FIGURES: Final = re.compile(r"\d(?:.*\d)?", re.DOTALL)
"""From the first figure to the last: a currency may stand before or after, and nothing but separators between."""
_NUMBER: Final = re.compile(r"[\d.,٫٬']+")
_DIGITS: Final = str.maketrans("٠١٢٣٤٥٦٧٨٩०१२३४५६७८९", "01234567890123456789")


def _decimal(given: str, language: str) -> Decimal:
    """By the separators of the language; a lone point before at most two figures is a decimal point everywhere.

    Raises MoneyError for what is no number.
    """
    if not _NUMBER.fullmatch(given):
        raise MoneyError("is no number")
    whole, point, rest = given.rpartition(".")
    if point and "," not in whole and "." not in whole and 1 <= len(rest) <= 2:
        try:
            return Decimal(given)
        except InvalidOperation:
            raise MoneyError("is no number") from None
    try:
        return parse_decimal(given, locale=Locale.parse(language, sep="-"), strict=True)
    except NumberFormatError:
        raise MoneyError("is no number") from None
