"""What a provider has taken and not told of yet, for those that must be asked about each message."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

MOST_REMEMBERED = 50_000
MOST_ASKED = 50
"""Questions a pull asks at most, before it lets others have their turn."""


@dataclass(slots=True)
class _Awaited(Generic[T]):
    what: T
    ask_at: float
    pause: float
    give_up_at: float


class Outstanding(Generic[T]):
    """By the provider's id; times are of time.monotonic. In memory: after a restart only what comes by itself is heard.

    A message is asked about after `first_seconds`, then at growing intervals, until it is settled or `for_seconds` old.
    """

    def __init__(self, first_seconds: float, for_seconds: float) -> None:
        self._first = first_seconds
        self._for = for_seconds
        self._awaited: OrderedDict[str, _Awaited[T]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._awaited)

    def add(self, provider_id: str, what: T, now: float) -> None:
        """Remember; beyond MOST_REMEMBERED the oldest is forgotten."""
        self._awaited[provider_id] = _Awaited(what, now + self._first, self._first, now + self._for)
        while len(self._awaited) > MOST_REMEMBERED:
            self._awaited.popitem(last=False)

    def due(self, now: float) -> list[tuple[str, T]]:
        """Those to ask about now, at most MOST_ASKED; the next time is set at once."""
        for old in [each for each, awaited in self._awaited.items() if awaited.give_up_at < now]:
            del self._awaited[old]
        due = [(each, awaited) for each, awaited in self._awaited.items() if awaited.ask_at <= now][
            :MOST_ASKED
        ]
        for _, awaited in due:
            awaited.pause = min(awaited.pause * 2, max(3600.0, self._first))
            awaited.ask_at = now + awaited.pause
        return [(each, awaited.what) for each, awaited in due]

    def again(self, provider_id: str, now: float) -> None:
        """Ask at the next pull: what was heard could not be stored."""
        if provider_id in self._awaited:
            self._awaited[provider_id].ask_at = now

    def settle(self, provider_id: str) -> None:
        """It has been told of."""
        self._awaited.pop(provider_id, None)
