"""Tally: what the turns of some desks have come to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from duecourse.domain.messaging import Outcome


@dataclass(slots=True)
class Tally:
    """What turns have done, for progress and status."""

    judged: int = 0
    handed_over: int = 0
    settled: int = 0
    receipts: int = 0
    by_outcome: dict[str, int] = field(default_factory=dict)

    def count(self, outcomes: Sequence[Outcome]) -> None:
        """Count outcomes by their kind."""
        for outcome in outcomes:
            kind = type(outcome).__name__
            self.by_outcome[kind] = self.by_outcome.get(kind, 0) + 1
