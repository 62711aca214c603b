"""How many messages of each channel a claim looks at: not many more than there is room for.

A message that is judged and then finds its line full was judged in vain, and would be again and again: a backlog of
a provider that takes a hundred a second is mostly that.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from duecourse.domain.messaging import Channel

from .lines import Line

CHANNELS: Final = [channel.value for channel in Channel]
"""All of them: what asks for any message that is due goes by an index that asks for the channel too."""


class Reach:
    """Of one desk. For each channel, as many messages are looked at as its lines have room for, times a number.

    The number doubles while what was looked at did not fill that room (the rules held it back, it went by another
    channel of its route, or it was for another line of the same channel) and halves back to 1 when it did.
    """

    def __init__(self) -> None:
        self._times: dict[str, int] = {}

    def places(self, lines: Sequence[Line], take: int) -> dict[str, int]:
        """How many of each channel, at most `take`. Channels of which no line has room are not in it; of those that
        have no line, or none that may be used, `take`: it is said of each message what it waits for.
        """
        rooms = rooms_of_channels(lines)
        full = {line.channel.value for line in lines} - {
            line.channel.value for line in lines if line.room > 0
        }
        return {
            channel: min(take, self._times.get(channel, 1) * (rooms.get(channel, 0) or take))
            for channel in CHANNELS
            if channel not in full
        }

    def looked(
        self, lines: Sequence[Line], places: Mapping[str, int], seen: Mapping[str, int], went: Iterable[Line]
    ) -> None:
        """Note a claim. places: as it was told; seen: of each channel, how many it looked at; went: the line of each
        message that goes.
        """
        filled = Counter(line.channel.value for line in went)
        rooms = rooms_of_channels(lines)
        for channel, number in seen.items():
            times = self._times.get(channel, 1)
            if filled[channel] >= rooms.get(channel, 0):
                self._times[channel] = max(1, times // 2)
            elif number >= places[channel]:
                self._times[channel] = times * 2 if rooms[channel] * times <= places[channel] else times


def head_parameters(places: Mapping[str, int]) -> dict[str, list[Any]]:
    """The parameters of the fragment `dispatch.due_head`, but for how many it takes in all."""
    return {"head_channels": list(places), "head_places": list(places.values())}


def rooms_of_channels(lines: Sequence[Line]) -> dict[str, int]:
    """How many may be handed over now, of each channel that has a line that may be used."""
    rooms: Counter[str] = Counter()
    for line in lines:
        if line.ready and line.room > 0:
            rooms[line.channel.value] += line.room
    return dict(rooms)
