"""The minimum due of a revolving statement."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from ..money import round_minor


@dataclass(frozen=True, slots=True)
class Minimum:
    """What a revolving loan asks for: percent of the statement (10 is 10 %), at least the floor and the interest."""

    percent: Decimal
    floor_minor: int = 0


def revolving_minimum(balance_minor: int, percent: Decimal, floor_minor: int) -> int:
    """Minimum due of a revolving statement: percent of the balance (10 is 10 %), at least the floor.

    Never above the balance. Rounded half-up to the minor unit; zero for a statement of zero or in credit.
    """
    if not 0 <= percent <= 100:
        raise ValueError("percent must be 0 to 100")
    if balance_minor <= 0:
        return 0
    return min(balance_minor, max(floor_minor, round_minor(balance_minor * percent / 100)))
