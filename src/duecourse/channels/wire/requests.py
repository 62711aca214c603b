"""What a session is asked to write, and how each piece of it ended."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from duecourse.channels.wire.frame import Frame


@dataclass(slots=True, eq=False)
class Request:
    """One or more PDUs that are written together or not at all."""

    command: int
    bodies: Sequence[bytes]
    write_before: float = float("inf")
    tag: object = None
    weight: int = 1
    """Carried for the owner: how many messages it stands for at the provider."""
    replies: list[Frame | None] = field(default_factory=list)
    unanswered: int = 0
    unwritten: str | None = None
    lost: str | None = None
    exchange: Exchange | None = None


class Exchange:
    """The requests of one call and the future that waits for the last of them."""

    __slots__ = ("left", "waiter")

    def __init__(self, left: int, waiter: asyncio.Future[None]) -> None:
        self.left = left
        self.waiter = waiter

    def ended(self) -> None:
        """One of its requests has."""
        self.left -= 1
        if self.left == 0 and not self.waiter.done():
            self.waiter.set_result(None)


def never_written(request: Request, why: str) -> None:
    """It ends without a PDU of it on the line."""
    request.unwritten = why
    if request.exchange is not None:
        request.exchange.ended()


def part_ended(request: Request, lost: str | None) -> None:
    """One PDU of it was answered, or never will be: lost says why. The last one ends the request."""
    request.unanswered -= 1
    request.lost = request.lost or lost
    if request.unanswered == 0 and request.exchange is not None:
        request.exchange.ended()
