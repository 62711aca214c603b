"""The level payment of an annuity."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, localcontext
from fractions import Fraction

from ..money import round_minor


def annuity_payment(principal: Decimal, periodic_rate: Decimal, periods: int) -> Decimal:
    """Level payment that repays `principal` in `periods` payments in arrears, unrounded.

    periodic_rate: per period, 0.01 is 1 %. Raises ValueError for periods < 1 or a negative rate.
    Source: standard annuity formula; agrees with numpy_financial.pmt.
    """
    if periods < 1:
        raise ValueError("periods must be 1 or more")
    if periodic_rate < 0:
        raise ValueError("the rate must not be negative")
    with localcontext() as precise:
        precise.prec = 50
        if periodic_rate == 0:
            return principal / periods
        growth = (1 + periodic_rate) ** periods
        if growth == 1:  # a rate below the precision bears no interest that money could show
            return principal / periods
        return principal * periodic_rate * growth / (growth - 1)


def level_minor(balance_minor: int, balloon_minor: int, factors: Sequence[Fraction]) -> int:
    """The payment that, made once a period, leaves of the balance just the balloon. Half-up to the minor unit.

    factors: interest of each period on one unit of balance. Periods of unequal length are allowed: the payment is level
    all the same, as long as it covers each period's interest.
    """
    with localcontext() as precise:
        precise.prec = 50
        if factors.count(factors[0]) == len(factors):
            rate = Decimal(factors[0].numerator) / factors[0].denominator
            repaid = annuity_payment(Decimal(balance_minor - balloon_minor), rate, len(factors))
            return round_minor(repaid + balloon_minor * rate)
        growth, weight = Decimal(1), Decimal(0)
        for factor in factors:
            step = 1 + Decimal(factor.numerator) / factor.denominator
            growth, weight = growth * step, weight * step + 1
        return round_minor((balance_minor * growth - balloon_minor) / weight)
