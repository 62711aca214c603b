"""Days past due, counted by the contract and by the lender's strategy, which waits for grace."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class DaysPastDue:
    """Whole days. contractual: since the due day. strategy: since the end of grace, never above the other."""

    contractual: int
    strategy: int


def days_past_due(as_of: date, oldest_unpaid_due_on: date | None, grace_days: int = 0) -> DaysPastDue:
    """Counted from the oldest installment that is still unpaid on as_of; None means nothing is unpaid.

    The due day itself is day 0, the day after is 1. With 5 days of grace the sixth day after the due day is
    strategy day 1.
    Raises ValueError for negative grace.
    """
    if grace_days < 0:
        raise ValueError("grace_days must not be negative")
    if oldest_unpaid_due_on is None:
        return DaysPastDue(0, 0)
    contractual = max(0, (as_of - oldest_unpaid_due_on).days)
    return DaysPastDue(contractual, max(0, contractual - grace_days))
