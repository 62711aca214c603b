"""Channels without device or network: what is handed over lies in the book, for the lender's app or staff to take."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict

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


class Handed:
    """Accepts at once: the text is kept with the attempt. What becomes of it is told by whoever takes it from there."""

    kind: ClassVar[str]
    channel: ClassVar[Channel]
    deduplicates: ClassVar[bool] = True
    """An attempt is one row, however often it is handed over."""
    window: int = 1000

    def __init__(self, name: str) -> None:
        self.name = name

    @classmethod
    def configured(
        cls,
        name: str,
        config: Mapping[str, Any],
        on_receipts: ReceiptSink,
        on_reply: ReplySink,
        clock: Callable[[], datetime] | None = None,
    ) -> Self:
        """An adapter from its settings as written. Raises pydantic.ValidationError when there are any."""
        HandedConfig.model_validate(config)
        return cls(name)

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
