"""What an SMS costs before it is sent: prices a part by provider and country prefix, from the lender's prices.toml."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from duecourse.domain.problems import DuecourseError, Problem

_PREFIX = re.compile(r"\+\d{1,15}\Z|\*\Z")
_KEYS = {"provider", "prefix", "per_part", "currency"}


@dataclass(frozen=True, slots=True)
class Price:
    """Of one part. provider '' is any; prefix '*' is everywhere."""

    provider: str
    prefix: str
    per_part: Decimal
    currency: str


@dataclass(frozen=True, slots=True)
class Prices:
    """Every price known."""

    prices: tuple[Price, ...] = ()

    def of(self, number: str, provider: str = "") -> Price | None:
        """The price for a number or prefix (with plus): the longest prefix, a provider's own before everybody's."""
        fitting = [
            price
            for price in self.prices
            if price.provider in ("", provider) and (price.prefix == "*" or number.startswith(price.prefix))
        ]
        return max(fitting, key=lambda price: (price.provider != "", len(price.prefix)), default=None)


def read_prices(path: Path) -> Prices:
    """The prices of a file. Raises DuecourseError P227 with every fault; a file that is not there has no prices."""
    if not path.exists():
        return Prices()
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise DuecourseError(Problem("P227", str(path), f"not TOML: {str(error).splitlines()[0]}")) from None
    faults: list[Problem] = []
    currency = document.get("currency", "")
    entries = document.get("price", [])
    for key in document.keys() - {"currency", "price"}:
        faults.append(Problem("P227", str(path), f"key '{key}' is unknown; known: currency, price"))
    found = []
    for number, entry in enumerate(entries if isinstance(entries, list) else [entries], 1):
        price = _price(entry, currency, f"{path} price {number}", faults)
        if price is not None:
            found.append(price)
    if faults:
        raise DuecourseError(faults)
    return Prices(tuple(found))


def _price(entry: Mapping[str, Any], currency: object, where: str, faults: list[Problem]) -> Price | None:
    if not isinstance(entry, dict) or entry.keys() - _KEYS:
        faults.append(Problem("P227", where, f"expected a table with the keys {', '.join(sorted(_KEYS))}"))
        return None
    prefix, own = entry.get("prefix", "*"), entry.get("currency", currency)
    before = len(faults)
    if not isinstance(prefix, str) or not _PREFIX.match(prefix):
        faults.append(Problem("P227", where, 'prefix: expected a country code such as "+86", or "*"'))
    if not isinstance(own, str) or not re.fullmatch("[A-Z]{3}", own):
        faults.append(Problem("P227", where, 'currency: expected an ISO 4217 code such as "CNY"'))
    per_part = Decimal(-1)
    if isinstance(entry.get("per_part"), str):  # a TOML float is binary: money never passes through one
        try:
            per_part = Decimal(entry["per_part"])
        except InvalidOperation:
            per_part = Decimal(-1)
    if not per_part.is_finite() or per_part < 0:
        faults.append(Problem("P227", where, 'per_part: expected a decimal number in quotes such as "0.045"'))
    if len(faults) > before:
        return None
    return Price(str(entry.get("provider", "")), prefix, per_part, own)
