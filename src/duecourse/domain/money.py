"""Money as an integer of minor units with an ISO 4217 currency. Never a float."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, localcontext
from functools import cache

from babel.numbers import list_currencies

# ruff: noqa: SIM905
# ISO 4217 (list one, amendment 177). Babel's own digits are CLDR's, which give IQD 0 where ISO gives 3.
_NO_MINOR = frozenset("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split())
_THREE = frozenset("BHD IQD JOD KWD LYD OMR TND".split())
_FOUR = frozenset("CLF UYW".split())
_NOT_MONEY = frozenset("XAG XAU XBA XBB XBC XBD XDR XPD XPT XSU XTS XUA XXX".split())

LARGEST_MINOR = 2**63 - 1
"""What PostgreSQL's bigint holds; an amount beyond is refused, never wrapped."""


class MoneyError(ValueError):
    """An amount or currency that cannot be kept exactly. Its text names no amount."""


@cache
def minor_digits(currency: str) -> int:
    """Decimal places by ISO 4217: JPY 0, TWD 2, KWD 3. Raises MoneyError for an unknown code."""
    if currency in _NOT_MONEY or currency not in list_currencies():
        raise MoneyError(f"'{currency}' is not an ISO 4217 currency")
    if currency in _NO_MINOR:
        return 0
    if currency in _THREE:
        return 3
    return 4 if currency in _FOUR else 2


def to_minor(amount: Decimal, currency: str) -> int:
    """Minor units of an amount in currency units, exactly.

    Raises MoneyError when the amount is not finite, has more decimal places than the currency
    (12.345 CNY; 12.340 is fine) or exceeds LARGEST_MINOR.
    """
    digits = minor_digits(currency)
    if not amount.is_finite():
        raise MoneyError("is not a finite amount")
    if amount.adjusted() + digits > 18:
        raise MoneyError("is larger than any amount that can be kept")
    with localcontext() as exact:
        exact.prec = max(28, len(amount.as_tuple().digits) + digits + 1)
        scaled = amount.scaleb(digits)
    minor = int(scaled)
    if minor != scaled:
        raise MoneyError(f"has more than {digits} decimal places, which {currency} does not have")
    if abs(minor) > LARGEST_MINOR:
        raise MoneyError("is larger than any amount that can be kept")
    return minor


def from_minor(amount_minor: int, currency: str) -> Decimal:
    """The amount in currency units, with all of the currency's decimal places: 150000 CNY is 1500.00."""
    with localcontext() as exact:
        exact.prec = 40
        return Decimal(amount_minor).scaleb(-minor_digits(currency))


def round_minor(amount_minor: Decimal) -> int:
    """Whole minor units, half away from zero."""
    with localcontext() as exact:
        exact.prec = 60
        return int(amount_minor.quantize(Decimal(1), rounding=ROUND_HALF_UP))


@dataclass(frozen=True, slots=True, order=False)
class Money:
    """An amount that knows its currency. Adding unlike currencies raises MoneyError."""

    amount_minor: int
    currency: str

    @classmethod
    def of(cls, amount: Decimal | str | int, currency: str) -> Money:
        """From currency units: Money.of("1500.00", "CNY")."""
        return cls(to_minor(Decimal(amount), currency), currency)

    @property
    def amount(self) -> Decimal:
        """In currency units."""
        return from_minor(self.amount_minor, self.currency)

    def __add__(self, other: Money) -> Money:
        return Money(self.amount_minor + self._like(other), self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(self.amount_minor - self._like(other), self.currency)

    def _like(self, other: Money) -> int:
        if other.currency != self.currency:
            raise MoneyError(f"cannot add {other.currency} to {self.currency}")
        return other.amount_minor
