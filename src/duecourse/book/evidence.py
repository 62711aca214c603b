"""What the values of a column look like: days and their format, phone and ID numbers, amounts, currencies."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import phonenumbers
from babel.numbers import list_currencies

from .parsing import FieldFault, date_parser, number_parser

DATE_FORMATS = (
    "YYYYMMDD",
    "YYYY-MM-DD",
    "YYYY/MM/DD",
    "YYYY.MM.DD",
    "YYYY年MM月DD日",
    "YYYY年M月D日",
    "YYYY-M-D",
    "YYYY/M/D",
    "DD.MM.YYYY",
    "DD/MM/YYYY",
    "MM/DD/YYYY",
    "DD-MM-YYYY",
    "MM-DD-YYYY",
    "D/M/YYYY",
    "M/D/YYYY",
    "YYYY-MM-DD hh:mm:ss",
    "YYYY/MM/DD hh:mm:ss",
    "YYYY-MM-DDThh:mm:ss",
)
_SAME = {
    ("YYYY-MM-DD", "YYYY-M-D"),
    ("YYYY/MM/DD", "YYYY/M/D"),
    ("YYYY年MM月DD日", "YYYY年M月D日"),
    ("DD/MM/YYYY", "D/M/YYYY"),
    ("MM/DD/YYYY", "M/D/YYYY"),
}
"""Of two formats that both fit, the first is the narrower reading of the same."""
_CHINESE_ID = re.compile(r"[1-9][0-9]{16}[0-9X]")
_TAIWAN_ID = re.compile(r"[A-Z][12][0-9]{8}")
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CURRENCIES = frozenset(list_currencies())


@dataclass(frozen=True, slots=True)
class Shape:
    """What all non-empty samples of a column agree on."""

    filled: int
    dates: tuple[str, ...] = ()
    """Formats under which every value is a day; several when that is ambiguous."""
    phone: str = ""
    """Country whose mobile numbers they are; '+' when they carry country codes of several."""
    id_number: str = ""
    """CN: 18 characters with the right check digit; TW: one letter and nine digits."""
    email: bool = False
    currency: bool = False
    number: bool = False
    whole: bool = False
    thousands: bool = False
    percent: bool = False
    """Numbers with at least one above 1 and none above 100."""
    fraction: bool = False
    """Numbers between 0 and 1."""
    least: float = 0.0


def shape_of(samples: Sequence[str]) -> Shape:
    """The shape of a column's sample values, as text."""
    values = [value.strip() for value in samples if value.strip()]
    if not values:
        return Shape(0)
    number, thousands = _numbers(values)
    parsed = [float(value.replace(",", "")) for value in values] if number else []
    return Shape(
        len(values),
        dates_of(values),
        _phone(values),
        _id_number(values),
        all(re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", value) for value in values),
        all(value in _CURRENCIES for value in values),
        number,
        number and all(re.fullmatch(r"[+-]?[0-9,]+", value) for value in values),
        thousands,
        number and max(parsed) > 1 and max(parsed) <= 100,
        number and max(parsed) <= 1 and min(parsed) >= 0,
        min(parsed) if parsed else 0.0,
    )


def dates_of(values: Sequence[str]) -> tuple[str, ...]:
    """The formats under which every value is a day between 1950 and 2100."""
    fitting = []
    for one in DATE_FORMATS:
        parse = date_parser([one])
        try:
            if all(1950 <= parse(value).year <= 2100 for value in values):
                fitting.append(one)
        except FieldFault:
            continue
    return tuple(one for one in fitting if not any((narrow, one) in _SAME for narrow in fitting))


def _numbers(values: Sequence[str]) -> tuple[bool, bool]:
    """Whether all are numbers with a decimal point, and whether with commas between thousands."""
    for separator in ("", ","):
        parse = number_parser(separator, ".", scientific=False)
        try:
            for value in values:
                parse(value)
            return True, separator == ","
        except FieldFault:
            continue
    return False, False


def _phone(values: Sequence[str]) -> str:
    if all(re.fullmatch(r"1[3-9][0-9]{9}", value) for value in values):
        return "CN"
    if all(re.fullmatch(r"09[0-9]{8}", value) for value in values):
        return "TW"
    if all(re.fullmatch(r"\+[0-9][0-9 ()-]{7,18}", value) for value in values):
        regions = set()
        for value in values:
            try:
                regions.add(phonenumbers.region_code_for_number(phonenumbers.parse(value, None)))
            except phonenumbers.NumberParseException:
                return ""
        return regions.pop() or "+" if len(regions) == 1 else "+"
    return ""


def _id_number(values: Sequence[str]) -> str:
    if all(_CHINESE_ID.fullmatch(value.upper()) and _checks(value.upper()) for value in values):
        return "CN"
    return "TW" if all(_TAIWAN_ID.fullmatch(value.upper()) for value in values) else ""


def _checks(number: str) -> bool:
    """The check digit of a Chinese resident's ID number: ISO 7064 MOD 11-2, by GB 11643."""
    total = sum(int(digit) * weight for digit, weight in zip(number, _WEIGHTS, strict=False))
    return "10X98765432"[total % 11] == number[17]
