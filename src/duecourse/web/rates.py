"""How many requests a second one peer or key may make: a bucket each, in the memory of this process."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final

MOST_BUCKETS: Final = 50_000
"""Beyond it the one that was asked about longest ago is forgotten, and is full again."""
BURST_SECONDS: Final = 5.0
"""What may come at once, as so many seconds of the rate."""


class Rates:
    """Token buckets by name. Used by several threads."""

    def __init__(self, per_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        """per_second: above zero."""
        self._per_second = per_second
        self._most = max(1.0, per_second * BURST_SECONDS)
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def wait(self, who: str) -> float:
        """Take one request of `who` out of its bucket: 0.0, or after how many seconds there is one."""
        now = self._clock()
        with self._lock:
            left, at = self._buckets.pop(who, (self._most, now))
            left = min(self._most, left + (now - at) * self._per_second)
            allowed = left >= 1.0
            self._buckets[who] = (left - 1.0 if allowed else left, now)
            if len(self._buckets) > MOST_BUCKETS:
                self._buckets.popitem(last=False)
        return 0.0 if allowed else (1.0 - left) / self._per_second


def peer_net(peer: str) -> str:
    """By what a peer is counted: its address; of IPv6 the /64 that one subscriber has to himself."""
    try:
        address = ip_address(peer)
    except ValueError:
        return peer[:64]
    if isinstance(address, IPv6Address):
        return str(address.ipv4_mapped or ip_network((address, 64), strict=False))
    return str(address)
