"""Channels without device or network: what is handed over lies in the book, for the lender's app or staff to take."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from duecourse.channels.configured import Configured
from duecourse.domain.messaging import (
    Accepted,
    Channel,
    NotWritten,
    Outcome,
    Outgoing,
    ReceiptSink,
    ReplySink,
)


class HandedConfig(BaseModel):
    """Nothing is to be set."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Handed(Configured):
    """Accepts at once: the text is kept with the attempt. What becomes of it is told by whoever takes it from there."""

    kind: ClassVar[str]
    channel: ClassVar[Channel]
    deduplicates: ClassVar[bool] = True
    """An attempt is one row, however often it is handed over."""
    window: int = 1000

    settings_type = HandedConfig

    def __init__(
        self,
        name: str,
        config: HandedConfig,
        on_receipts: ReceiptSink,
        on_reply: ReplySink,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        """Nothing but the name is used: nobody reports to the machine, and nothing is dated by it."""
        self.name = name

    async def open(self) -> None:
        """Nothing is to be opened."""

    async def send(self, batch: Sequence[Outgoing]) -> Sequence[Outcome]:
        """Accepted under our own id, unless it comes too late."""
        now = time.monotonic()
        return [
            Accepted(str(one.attempt_id)) if now < one.write_before else NotWritten("too late")
            for one in batch
        ]

    async def drain(self) -> None:
        """Nothing is under way."""

    async def close(self) -> None:
        """Nothing is to be closed."""
