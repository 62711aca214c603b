"""Schedules: what falls due when.

Amounts are integer minor units, shares of a year are Fractions; sums are exact and the last payment absorbs rounding.
"""

from __future__ import annotations

from .differences import Difference, compare_with_lender
from .due_days import add_months, clipped, monthly_due_dates
from .level import annuity_payment
from .revolving import Minimum, revolving_minimum
from .rhythm import Rhythm, rhythm_of
from .run import Schedule, Settlement, build_schedule, run_schedule
from .terms import (
    MOST_PERIODS,
    Due,
    Every,
    Method,
    Prepayment,
    PrepaymentError,
    Repricing,
    Terms,
    TermsError,
    Then,
)

__all__ = [
    "MOST_PERIODS",
    "Difference",
    "Due",
    "Every",
    "Method",
    "Minimum",
    "Prepayment",
    "PrepaymentError",
    "Repricing",
    "Rhythm",
    "Schedule",
    "Settlement",
    "Terms",
    "TermsError",
    "Then",
    "add_months",
    "annuity_payment",
    "build_schedule",
    "clipped",
    "compare_with_lender",
    "monthly_due_dates",
    "revolving_minimum",
    "rhythm_of",
    "run_schedule",
]
