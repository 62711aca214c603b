"""The database's clock between two looks at it, for what is signed and dated without a round trip."""

from __future__ import annotations

import time
from datetime import datetime, timedelta


class CarriedClock:
    """What the database's clock said last, carried on by this machine's monotonic one.

    The machine's own date may be off by any amount: a signature still fits its provider's minutes, and a validity ends
    when it should.
    """

    def __init__(self) -> None:
        self._heard: tuple[datetime, float] | None = None

    def hear(self, at: datetime) -> None:
        """The database has just said that it is so late."""
        self._heard = at, time.monotonic()

    def __call__(self) -> datetime:
        """How late it is. Raises RuntimeError when nothing was heard yet."""
        if self._heard is None:
            raise RuntimeError("the database was not asked what time it is")
        at, heard_at = self._heard
        return at + timedelta(seconds=time.monotonic() - heard_at)
