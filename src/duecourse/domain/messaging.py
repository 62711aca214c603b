"""What dispatch and an adapter say to each other. Outcomes are data; exceptions are for bugs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import ClassVar, Protocol, TypeAlias
from uuid import UUID


class Channel(StrEnum):
    """How a person is reached. Rules and consents know all of them; a policy may use those its templates can say
    (`policy.model.NEEDED`). Providers are chosen below this.
    """

    SMS = "sms"
    VOICE = "voice"
    EMAIL = "email"
    WECHAT = "wechat"
    APP = "app"
    WEBPUSH = "webpush"
    LETTER = "letter"
    INBOX = "inbox"


class Purpose(StrEnum):
    """Why a person is contacted. A reminder never speaks of being overdue; a collection notice may."""

    REMINDER = "reminder"
    COLLECTION = "collection"
    CONFIRMATION = "confirmation"
    """That a payment came, that a loan is settled."""
    STATUS = "status"
    """Application, approval, contract, pay-out, a changed rate or date."""
    MARKETING = "marketing"
    LEGAL = "legal"
    """A notice that a law or regulator asks for. Holds and opt-outs let it pass where the law says so."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One attempt, ready to be written to a socket."""

    attempt_id: UUID
    address: str
    """E.164 with plus for SMS; addr-spec for e-mail. Opened only for this hand-over; never logged."""
    text: str
    subject: str = ""
    html: str = ""
    language: str = ""
    valid_for_seconds: int = 86_400
    """How long the provider may keep trying; the adapter passes it on (validity period, ttl, expiration)."""
    write_before: float = field(default=float("inf"))
    """`time.monotonic()` value. An adapter checks it just before the write; later it answers NotWritten."""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Accepted:
    """The provider took it under this id."""

    provider_id: str
    parts: int = 1


@dataclass(frozen=True, slots=True)
class Refused:
    """The provider said no. permanent: this address will not work again."""

    code: str
    reason: str
    permanent: bool


@dataclass(frozen=True, slots=True)
class Throttled:
    """The provider asks us to slow down and has not taken the message. after_seconds >= 0."""

    code: str
    after_seconds: float


@dataclass(frozen=True, slots=True)
class Unknown:
    """It may have been taken: the line died, or no answer came before the deadline."""

    reason: str


@dataclass(frozen=True, slots=True)
class NotWritten:
    """It certainly was not handed over: not bound, stopped, or past `write_before`. Safe to judge again."""

    reason: str


Outcome: TypeAlias = Accepted | Refused | Throttled | Unknown | NotWritten


def reference_of(attempt_id: UUID) -> int:
    """The first two octets of an attempt's id, 0 to 65535: what a provider carries that has no room for all of it."""
    return int.from_bytes(attempt_id.bytes[:2])


class ReceiptStatus(StrEnum):
    """The provider's later word on an attempt."""

    DELIVERED = "delivered"
    READ = "read"
    FAILED = "failed"
    EXPIRED = "expired"
    BUFFERED = "buffered"  # still trying; changes nothing


@dataclass(frozen=True, slots=True)
class Receipt:
    """A provider's receipt. Exactly one of provider_id (theirs) and attempt_id (ours, when they carry it) is needed."""

    status: ReceiptStatus
    code: str
    provider_id: str = ""
    attempt_id: UUID | None = None
    permanent: bool = False
    """For FAILED: this address will not work again."""
    occurred_at: datetime | None = None
    address: str = field(default="", repr=False)
    """Who the attempt was for, E.164 with plus, where the provider says so. Personal: never logged."""
    reference: int | None = None
    """`reference_of` the attempt, where the provider carries it: finds one whose submission was never answered."""


@dataclass(frozen=True, slots=True)
class Reply:
    """Something a person sent us (a mobile-originated SMS, for now)."""

    provider: str
    sender: str
    recipient: str
    text: str


ReceiptSink: TypeAlias = Callable[[str, Sequence[Receipt]], Awaitable[None]]
"""(provider name, receipts): returns once they are committed. Only then may the adapter acknowledge them."""

ReplySink: TypeAlias = Callable[[Reply], Awaitable[None]]
"""As ReceiptSink, for what people write to us."""


class Adapter(Protocol):
    """What every channel adapter is. Opened once per worker, used by one event loop."""

    kind: ClassVar[str]
    """Registry name, e.g. 'sms.smpp'."""
    channel: ClassVar[Channel]
    deduplicates: ClassVar[bool]
    """Whether the provider drops a second submission that carries the same attempt id."""
    name: str
    """The configured provider's name; attempts and receipts are filed under it."""
    window: int
    """How many messages may be at the provider unanswered at once."""

    async def open(self) -> None:
        """Start the session in the background. Returns without waiting for a bind; raises only for misconfiguration."""

    async def send(self, batch: Sequence[Outgoing]) -> Sequence[Outcome]:
        """One outcome per message, in order, within the adapter's deadline; never raises for network trouble."""

    async def drain(self) -> None:
        """Wait until everything the far end has already sent us has been taken and committed."""

    async def close(self) -> None:
        """Unbind and stop. Receipts that arrived are committed first."""
