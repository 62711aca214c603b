"""How the sandbox behaves towards an address: told by the address alone, so that a run can be repeated."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field


class Behaviour(StrEnum):
    """What happens to a message."""

    DELIVERED = "delivered"
    UNDELIVERABLE = "undeliverable"  # accepted, then a failure: nobody has this address
    REFUSED = "refused"  # refused at once, for good
    THROTTLED = "throttled"  # refused the first times as too fast, then delivered
    SILENT = "silent"  # accepted, and never a word
    LATE = "late"  # delivered, the receipt comes later
    STOPS = "stops"  # delivered, and the person answers STOP
    UNANSWERED = "unanswered"  # taken off the wire, the submission itself is never answered
    LOST_ANSWER = "lost-answer"  # delivered and the receipt comes, only the submission is never answered
    BROKEN = "broken"  # refused at once, the far end's own trouble
    FULL = "full"  # refused for now: the person's box is full


NUMBER_ENDINGS: dict[str, Behaviour] = {
    "0001": Behaviour.UNDELIVERABLE,
    "0002": Behaviour.REFUSED,
    "0003": Behaviour.THROTTLED,
    "0004": Behaviour.SILENT,
    "0005": Behaviour.LATE,
    "0006": Behaviour.STOPS,
    "0007": Behaviour.UNANSWERED,
    "0008": Behaviour.BROKEN,
    "0009": Behaviour.LOST_ANSWER,
}
LOCAL_PART_BEGINNINGS: dict[str, Behaviour] = {
    "bounce-": Behaviour.UNDELIVERABLE,
    "refuse-": Behaviour.REFUSED,
    "busy-": Behaviour.THROTTLED,
    "silent-": Behaviour.SILENT,
    "slow-": Behaviour.LATE,
    "hang-": Behaviour.UNANSWERED,
    "broken-": Behaviour.BROKEN,
    "full-": Behaviour.FULL,
}


class SandboxRules(BaseModel):
    """The special addresses. Everything else is delivered at once."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    numbers: Mapping[str, Behaviour] = Field(default_factory=lambda: dict(NUMBER_ENDINGS))
    """Last four digits of a number."""
    local_parts: Mapping[str, Behaviour] = Field(default_factory=lambda: dict(LOCAL_PART_BEGINNINGS))
    """Beginning of a mail address, up to and with its first hyphen."""
    replies: Mapping[str, str] = Field(default_factory=dict)
    """Last four digits of a number to what its person answers to every delivered SMS, over the carriers' protocols."""
    throttled_times: int = Field(default=2, ge=0)
    """How often a throttled address is refused before it is taken."""
    late_seconds: float = Field(default=2.0, ge=0)

    def of_number(self, number: str) -> Behaviour:
        """The behaviour of a phone number."""
        return self.numbers.get(number[-4:], Behaviour.DELIVERED)

    def reply_of(self, number: str) -> str:
        """What the person answers; '' for nothing."""
        return "STOP" if self.of_number(number) is Behaviour.STOPS else self.replies.get(number[-4:], "")

    def of_mailbox(self, address: str) -> Behaviour:
        """The behaviour of a mail address."""
        beginning, hyphen, _ = address.lower().partition("-")
        return self.local_parts.get(beginning + hyphen, Behaviour.DELIVERED)
