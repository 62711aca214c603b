"""What a policy offers borrowers who cannot pay as the contract says, and within which bounds."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Literal

from .frozen import Condition, Frozen


class Kind(StrEnum):
    """In which way a borrower may pay otherwise."""

    EXTENSION = "extension"
    """The next installment some days later."""
    DUE_DAY = "due-day"
    """Another day of the month from now on."""
    PLAN = "plan"
    """All that is open in more and lower payments."""
    PAUSE = "pause"
    """All that is to come some months later."""


class Offer(Frozen):
    """One way to pay otherwise, for whom, and within which bounds. Bounds of other kinds are left as they are."""

    kind: Kind
    mode: Literal["at-once", "person"] = "person"
    """Agreed to by the borrower's tap, or asked for by it and approved by a person."""
    condition: Condition = Condition()
    """Over the loan and its oldest open installment."""
    times_a_year: int = 1
    """So often in 365 days for one loan; more is an exception."""
    interest: Literal["charged", "waived"] = "charged"
    """Of the odd days or months; of a plan never waived."""
    most_days: int = 15
    """Of an extension."""
    earliest_day: int = 1
    latest_day: int = 28
    """Of a due day: of the month."""
    lowest_percent: int = 50
    """Of a plan: no payment but the last is less than so many hundredths of today's."""
    more_payments: int = 12
    """Of a plan: at most so many more than are open."""
    rate: Decimal | None = None
    """Of a plan: its yearly rate, a fraction; never above the contract's. None: the contract's."""
    most_months: int = 1
    """Of a pause."""


class Offers(Frozen):
    """What may be offered, the first of a kind whose condition holds."""

    share_percent: int = 50
    """Of what a household has left in a month: so much a plan's payment may take."""
    cooling_off_days: int | None = None
    """For how many whole days a borrower may withdraw what they agreed to; None: not."""
    allowed: tuple[Offer, ...] = ()
