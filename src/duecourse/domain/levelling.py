"""Allotting due days: spread over the month so that neither the lender's cash nor the day's messages heap up."""

from __future__ import annotations

import heapq
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

DAYS = range(1, 29)
"""Days that every month has."""

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True)
class ToAllot(Generic[K]):
    """A loan that needs a due day. order: what settles equals, so that the same loans get the same days.

    amount_minor: what it is expected to pay a month; 0 where nobody knows.
    """

    loan: K
    order: str
    currency: str
    amount_minor: int


@dataclass(slots=True)
class Load:
    """What already falls due in a month: money by currency and day, messages by day."""

    cash_minor: dict[str, dict[int, int]] = field(default_factory=dict)
    messages: dict[int, int] = field(default_factory=dict)

    def add(self, day: int, currency: str, amount_minor: int, messages: int = 1) -> None:
        """Count a due day of a loan. A day after the 28th counts as the 28th."""
        day = min(day, DAYS[-1])
        by_day = self.cash_minor.setdefault(currency, {})
        by_day[day] = by_day.get(day, 0) + amount_minor
        self.messages[day] = self.messages.get(day, 0) + messages


def allot(loans: Iterable[ToAllot[K]], load: Load) -> Mapping[K, int]:
    """A due day for each loan, the largest first, each on the day that bears least; `load` takes them on.

    What a day bears is its share of the month's cash in the loan's currency plus its share of the month's messages.
    Equal days: the earlier. Deterministic, whatever the order of the loans given.
    """
    by_currency: dict[str, list[ToAllot[K]]] = {}
    for loan in loans:
        by_currency.setdefault(loan.currency, []).append(loan)
    chosen: dict[K, int] = {}
    for currency, group in sorted(by_currency.items()):
        _allot_one_currency(group, currency, load, chosen)
    return chosen


def _allot_one_currency(group: list[ToAllot[K]], currency: str, load: Load, chosen: dict[K, int]) -> None:
    group.sort(key=lambda loan: (-loan.amount_minor, loan.order))
    cash = load.cash_minor.setdefault(currency, {})
    # Shares of what the month will bear in the end, in whole numbers: cash/total + messages/total, times both totals.
    all_cash = sum(cash.values()) + sum(loan.amount_minor for loan in group) or 1
    all_messages = sum(load.messages.values()) + len(group)

    def weight(day: int) -> int:
        return cash.get(day, 0) * all_messages + load.messages.get(day, 0) * all_cash

    heap = [(weight(day), day) for day in DAYS]
    heapq.heapify(heap)
    for loan in group:
        day = heap[0][1]
        chosen[loan.loan] = day
        load.add(day, currency, loan.amount_minor)
        heapq.heapreplace(heap, (weight(day), day))
