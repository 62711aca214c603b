"""Due days moved off holidays. Only the day of payment moves: interest runs by the contract's days."""

from __future__ import annotations

from collections.abc import Iterable

from ..calendars import Shift, shift_day
from .terms import Due


def shift_dues(dues: Iterable[Due], shift: Shift, region: str) -> list[Due]:
    """The schedule with each installment due on a working day of the region; prepayments stay on their days.

    A day that no calendar covers yet stands, provisional. Raises UnknownRegionError for what is no ISO 3166 code.
    """
    moved = []
    for due in dues:
        if not due.is_prepayment:
            to = shift_day(due.contract_day, shift, region)
            due = due._replace(due_on=to.day, provisional=to.provisional)
        moved.append(due)
    return moved
