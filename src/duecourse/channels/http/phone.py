"""Phone numbers as the Chinese clouds write them: a mainland number bare, any other with its country and no plus."""

from __future__ import annotations

import re

_E164 = re.compile(r"\+[1-9]\d{6,14}")
_MAINLAND = re.compile(r"\+86(1\d{10})")
_BARE = re.compile(r"1\d{10}")


def is_e164(address: str) -> bool:
    """Whether it is +, country and number, digits alone."""
    return _E164.fullmatch(address) is not None


def bare(address: str) -> str:
    """+8613800000000 as 13800000000, +85261234567 as 85261234567."""
    mainland = _MAINLAND.fullmatch(address)
    return mainland[1] if mainland else address.lstrip("+")


def with_plus(number: str, country: str = "") -> str:
    """The E.164 number of what a cloud writes; '' for what is none. country: where the cloud gives it apart."""
    digits = number.removeprefix("+")
    if not digits.isdecimal() or not digits.isascii():
        return ""
    if number.startswith("+"):
        return number
    if country:
        return f"+{country}{digits}"
    return f"+86{digits}" if _BARE.fullmatch(digits) else f"+{digits}"
