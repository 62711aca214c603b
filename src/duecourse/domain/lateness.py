"""How late money comes: of what is due, the share paid on each day before and after, learnt from what was seen.

The estimate is Kaplan and Meier's product limit, over units of money instead of patients: what is not yet old
enough to have been paid late is not taken for unpaid, it only leaves the sum it was part of.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext

EARLIEST, LATEST = -31, 90
"""Days after the due day between which money is expected; earlier counts as EARLIEST, later is unpaid."""

_PRECISION = 28


@dataclass(frozen=True, slots=True)
class LatenessCurve:
    """hazard[i]: the share of what is still unpaid that comes on day EARLIEST + i after its due day, 0 to 1."""

    hazard: Sequence[Decimal]

    @property
    def unpaid_share(self) -> Decimal:
        """Of what falls due, the share that does not come through LATEST days after."""
        with localcontext() as precise:
            precise.prec = _PRECISION
            left = Decimal(1)
            for hazard in self.hazard:
                left *= 1 - hazard
        return left

    def expected(self, age: int) -> Iterator[tuple[int, Decimal]]:
        """(days after the due day, share) of what is still unpaid `age` days after its due day (before it: below 0).

        Only days later than age; shares above 0 alone. They add up to at most 1.
        """
        left = Decimal(1)
        for lag in range(max(age + 1, EARLIEST), LATEST + 1):
            hazard = self.hazard[lag - EARLIEST]
            if hazard:
                yield lag, left * hazard
                left *= 1 - hazard


ON_TIME = LatenessCurve([Decimal(lag == 0) for lag in range(EARLIEST, LATEST + 1)])
"""Where nothing was seen: everybody pays on the due day."""


def lateness_curve(paid: Mapping[int, int], left: Mapping[int, int]) -> LatenessCurve | None:
    """The curve of what was seen; None when nothing was.

    paid: days after the due day to the amount that came then. left: the age (in days after the due day) through
    which an unpaid amount was watched, to that amount. One unit for both, e.g. minor units of one currency.
    """
    due = sum(paid.values()) + sum(left.values())
    if due <= 0:
        return None
    coming, leaving = _within(paid), _within(left)
    hazards = []
    at_risk = due
    with localcontext() as precise:
        precise.prec = _PRECISION
        for lag in range(EARLIEST, LATEST + 1):
            came = coming.get(lag, 0)
            hazards.append(Decimal(came) / at_risk if at_risk > 0 else Decimal(0))
            at_risk -= came + leaving.get(lag, 0)
    return LatenessCurve(hazards)


def _within(amounts: Mapping[int, int]) -> dict[int, int]:
    found: dict[int, int] = {}
    for lag, amount in amounts.items():
        if lag <= LATEST:  # later than that is unpaid to the end
            place = max(lag, EARLIEST)
            found[place] = found.get(place, 0) + amount
    return found
