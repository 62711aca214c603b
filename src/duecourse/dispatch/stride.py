"""How many messages a desk claims at once: as many as it can judge and write well before they must be handed over.

A claim has a cost of its own whatever it holds, so a small one is dear; one that takes too long on a busy machine
leaves its messages too little time, and each of them would be released, due again, and claimed in vain again.
"""

from __future__ import annotations

from typing import Final

from .claimed import HAND_OVER_SECONDS

CLAIM_SECONDS: Final = HAND_OVER_SECONDS / 3
"""What a claim should take, of the time that its messages have."""
FIRST: Final = 100
"""Before anything is known of the machine."""


class Stride:
    """Of one desk. It at most doubles or halves from one claim to the next."""

    def __init__(self) -> None:
        self._messages = FIRST

    def within(self, most: int) -> int:
        """How many to claim now: at least 1, at most `most`."""
        return max(1, min(self._messages, most))

    def took(self, asked: int, judged: int, seconds: float) -> None:
        """Note a claim. asked: how many could have been; judged: how many there were. A claim that was not full
        says nothing of a greater one, unless it was slow as it is.
        """
        change = min(2.0, max(0.5, CLAIM_SECONDS / max(seconds, 0.001)))
        if change < 1:
            self._messages = max(1, round(min(asked, max(judged, 1)) * change))
        elif judged >= asked >= self._messages:
            self._messages = round(asked * change) + 1

    def lost(self, asked: int) -> None:
        """Note a claim of which nothing was heard: it may have been cut for taking too long, and would be again."""
        self._messages = max(1, min(asked, self._messages) // 2)
