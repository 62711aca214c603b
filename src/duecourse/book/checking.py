"""Checks of single values that a lender's file brings: zones, languages, regions, words of a fixed set."""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache
from zoneinfo import available_timezones

from babel import Locale, UnknownLocaleError
from babel.numbers import list_currencies

from duecourse.domain.money import MoneyError, minor_digits

from .parsing import FieldFault, length, quoted

LONGEST_TEXT = 200

_REGION = re.compile(r"([A-Z]{2})(-[A-Z0-9]{1,3})?")
_CUT_OFF = re.compile(r"[0-9](?:\.[0-9]+)?[eE]\+[0-9]{2,3}")
"""As spreadsheets write a long number: a phone, an ID or an account number of which the last digits are gone."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def text_within(text: str, *, required: bool) -> str:
    """Trimmed text of at most LONGEST_TEXT characters without control characters. B016 when missing, B024 else."""
    text = text.strip()
    if required and not text:
        raise FieldFault("B016", "nothing is given", "a value is needed")
    if "+" in text and _CUT_OFF.fullmatch(text):
        raise FieldFault(
            "B014",
            f"{length(text)} in scientific notation",
            "a spreadsheet cut digits off; export it as text",
        )
    if len(text) > LONGEST_TEXT or _CONTROL.search(text):
        raise FieldFault("B024", length(text), f"expected one line of at most {LONGEST_TEXT} characters")
    return text


def one_of(text: str, known: Collection[str]) -> str:
    """Text that is one of a fixed set of words. B018 when it is not."""
    if text not in known:
        raise FieldFault("B018", f"{quoted(text)} is unknown", f"known: {', '.join(known)}")
    return text


@lru_cache(maxsize=1024)
def zone_name(text: str) -> str:
    """An IANA zone. B021: `UTC+8` would mean UTC-8 to PostgreSQL, so nothing but names of places and UTC pass."""
    if text != "UTC" and ("/" not in text or text.startswith("Etc/") or text not in available_timezones()):
        raise FieldFault(
            "B021", f"{quoted(text)} is not an IANA time zone", "use a place, e.g. Asia/Shanghai"
        )
    return text


@lru_cache(maxsize=1024)
def currency_code(text: str) -> str:
    """An ISO 4217 currency. B022."""
    try:
        minor_digits(text)
    except MoneyError:
        known = ", ".join(sorted(code for code in list_currencies() if code[:2] == text[:2].upper())[:5])
        hint = f" (like it: {known})" if known else ""
        raise FieldFault(
            "B022", f"{quoted(text)} is not an ISO 4217 currency", f"use CNY, TWD, …{hint}"
        ) from None
    return text


@lru_cache(maxsize=1024)
def language_tag(text: str) -> str:
    """A BCP 47 language that Unicode's locale data know: zh-CN, en. B023."""
    try:
        Locale.parse(text, sep="-")
    except (ValueError, UnknownLocaleError, TypeError):
        raise FieldFault(
            "B023", f"{quoted(text)} is not a known language", "use a tag like zh-CN or en"
        ) from None
    return text


@lru_cache(maxsize=1024)
def region_code(text: str) -> str:
    """An ISO 3166 country, or one of its subdivisions: CN, US-MA. B023."""
    match = _REGION.fullmatch(text)
    if match is None or match[1] not in Locale("en").territories:
        raise FieldFault(
            "B023", f"{quoted(text)} is not a known region", "use an ISO 3166 code like CN or US-MA"
        )
    return text
