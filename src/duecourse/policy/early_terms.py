"""On which terms a policy lets borrowers end a loan early."""

from __future__ import annotations

from decimal import Decimal

from .frozen import Frozen


class EarlySettlement(Frozen):
    """What borrowers are quoted who would pay everything before its time."""

    fee_percent: Decimal = Decimal(0)
    """Of the principal that is paid before its day; 1 is 1 %."""
    fee_months: int | None = None
    """For so many months after the loan was paid out the fee is asked for; None: always."""
    valid_days: int = 7
    """A quote is for today or for a day at most so many days ahead."""
