"""What a claim passes on: a message that may go, an attempt that is committed, and the lanes both stand under."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import NAMESPACE_OID, UUID, uuid5

from duecourse.domain.messaging import Channel, Outgoing

from .lines import Line

HAND_OVER_SECONDS = 1.5
"""A claimed message is written to the socket within this or not at all. Since a claim also reads the stop, what was
claimed just before a stop is silent within it: the stop's two seconds hold without asking again."""

CONTENT_RECHECK = timedelta(hours=1)
"""When a text that a rule refused is looked at again."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """A message that the rules let go, before it is asked what others were sent: a row of `claim_messages`."""

    lane: int
    message_id: UUID
    seq: int
    route_at: int
    channel: str
    line: int
    """Its line's place, from 1."""
    contact_point_id: UUID
    address_sealed: bytes | None
    """None where the channel needs none: an inbox, a task for whom there is no number."""
    valid_until: datetime
    loans: Sequence[UUID]
    shared: bool
    address_index: bytes | None
    considered: Sequence[str]
    batch_id: UUID | None
    resumed: bool
    """Whether a second person let its batch go, whatever the band."""
    person: UUID | None
    """The id that several rows of the person share; None for who has one."""
    attempt_id: UUID = field(init=False)
    """The same for the same try of the same message, whoever makes it."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "attempt_id", uuid5(NAMESPACE_OID, f"{self.message_id}/{self.seq}"))


@dataclass(frozen=True, slots=True)
class Claimed:
    """One attempt, committed and ready to be handed over."""

    lane: int
    epoch: int
    message_id: UUID
    attempt_id: UUID
    line: Line
    outgoing: Outgoing
    seq: int = 1
    """1.. within the message."""

    @property
    def channel(self) -> Channel:
        """What it goes over."""
        return self.line.channel

    @property
    def provider(self) -> str:
        """Who it is handed to."""
        return self.line.provider


def latest_start(batch: Sequence[Claimed]) -> float:
    """Until when (monotonic) a batch reaches its provider in good time: with a third of its time left."""
    return min(one.outgoing.write_before for one in batch) - HAND_OVER_SECONDS / 3


def fence(epochs: Mapping[int, int], lanes: Iterable[int] | None = None) -> dict[str, list[int]]:
    """The parameters of the fragment `store.fence`: each lane once, all of them unless `lanes` says which."""
    held = sorted(epochs if lanes is None else set(lanes))
    return {"lanes": held, "epochs": [epochs[lane] for lane in held]}
