"""Reading what gateways write: amounts and numbers within bounds, everything else refused with ValueError."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Final
from urllib.parse import parse_qsl

from duecourse.domain.money import LARGEST_MINOR, Money, minor_digits, to_minor

from .contract import NotGenuineError

MOST_FIELDS: Final = 200
"""Of a notification; the longest documented have some forty."""
MOST_NUMBER: Final = 128
"""Characters of a trade, refund or order number; the longest documented are 64."""


def form_fields(body: bytes) -> dict[str, str]:
    """The fields of a form. Raises NotGenuineError for a field that is there twice, ValueError for what is no form."""
    pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise NotGenuineError("a field is there twice")
    return fields


def in_minor(written: str | int, currency: str) -> Money:
    """A positive whole number of minor units."""
    minor_digits(currency)  # raises MoneyError, a ValueError, for an unknown currency
    if isinstance(written, bool) or not isinstance(written, int | str):
        raise ValueError("an amount is no whole number")
    minor = int(written)
    if not 0 < minor <= LARGEST_MINOR:
        raise ValueError("an amount is out of bounds")
    return Money(minor, currency)


def in_units(written: str, currency: str) -> Money:
    """A positive amount in units, written with a decimal point: '88.88'."""
    try:
        minor = to_minor(Decimal(written), currency)
    except InvalidOperation:
        raise ValueError("an amount is no number") from None
    return in_minor(minor, currency)


def a_number(text: object) -> str:
    """A gateway's number of something: printable, not empty, not longer than MOST_NUMBER."""
    if (
        not isinstance(text, str)
        or not 0 < len(text) <= MOST_NUMBER
        or not text.isascii()
        or not text.isprintable()
    ):
        raise ValueError("a number is missing or is none")
    return text
