"""What dispatch and an adapter say to each other. Outcomes are data; exceptions are for bugs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import ClassVar, Final, Protocol, TypeAlias, runtime_checkable
from uuid import UUID


class Channel(StrEnum):
    """How a person is reached. Rules, consents, policies and templates know all of them; providers are chosen below."""

    SMS = "sms"
    VOICE = "voice"
    EMAIL = "email"
    WECHAT = "wechat"
    APP = "app"
    WEBPUSH = "webpush"
    LETTER = "letter"
    INBOX = "inbox"
    TASK = "task"
    """A person calls: a task handed to the lender's staff. Rules judge it as the voice call that it is."""


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
class Registered:
    """What the provider has approved for this text: it sends its own copy with our values filled in."""

    template: str = ""
    """The provider's code of the template; '' where it takes free text."""
    signature: str = ""
    """SMS signature or sender's registered name, as the provider knows it."""
    sender: str = ""
    """Number, sub-port or header the message leaves from; '' leaves it to the provider's settings."""
    values: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """The template's parameters in its order, name to rendered value. Personal: never logged."""


@dataclass(frozen=True, slots=True)
class VoiceScript:
    """What a call says. Only `notice` may name a debt, and only after the right party has confirmed."""

    greeting: str
    """Who calls, that the call is recorded, and the question whether this is the person. Names no debt."""
    notice: str = field(repr=False)
    voicemail: str
    """What a machine may hear: who called and a number to call back. Names no debt."""
    repeat: str = ""
    """What the keys mean, spoken after the notice."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A picture, sound or document that goes along."""

    name: str
    media_type: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One attempt, ready to be written to a socket. What a channel does not carry its adapter leaves aside."""

    attempt_id: UUID
    address: str
    """E.164 with plus for SMS, voice and tasks; addr-spec for e-mail; OpenID for WeChat; device token for push;
    subscription as JSON for web push; lines of a postal address, name first, for a letter; the lender's customer
    number for the inbox. Opened only for this hand-over; never logged."""
    text: str
    """The whole text in plain words: of an SMS, an e-mail, a letter, the body of a push, what a call says."""
    subject: str = ""
    """Subject of an e-mail, title of a push or inbox message, heading of a letter. Stands on lock screens."""
    html: str = ""
    language: str = ""
    """BCP 47."""
    purpose: str = ""
    """A `Purpose`; '' where it does not matter to anyone."""
    registered: Registered | None = None
    """WeChat fields and the templates of cloud SMS and voice; None where the text itself is sent."""
    script: VoiceScript | None = None
    link: str = ""
    """An https address to open; '' when there is none. Never holds personal data."""
    attachments: tuple[Attachment, ...] = ()
    large: bool = False
    """The person wants large type: HTML has it already, a letter sets it."""
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


class Cause(StrEnum):
    """Why something did not arrive, whatever the provider calls it."""

    OTHER = "other"
    DEAD = "dead"
    """No such number, box, token or follower any more."""
    OFF = "off"
    """Switched off or out of reach; may work another time."""
    SUSPENDED = "suspended"
    """The person's line is barred or out of service, for now."""
    BLOCKED = "blocked"
    """By a carrier's or provider's filter."""
    OPTED_OUT = "opted-out"
    """The person has refused messages there."""
    NO_CONSENT = "no-consent"
    """The channel asks for a consent of its own, and there is none (left)."""
    FULL = "full"
    CONTENT = "content"
    """The text, template or signature is not accepted."""
    BUSY = "busy"
    NO_ANSWER = "no-answer"
    VOICEMAIL = "voicemail"
    """A machine answered."""
    WRONG_PARTY = "wrong-party"
    """Somebody answered who is not the person."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The provider said no to this message. permanent: this address will not work again."""

    code: str
    reason: str
    permanent: bool
    cause: Cause = Cause.OTHER


@dataclass(frozen=True, slots=True)
class Deferred:
    """The provider had trouble and has certainly not taken the message: the same may go later, or by another."""

    code: str
    reason: str
    after_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class AccountTrouble:
    """No balance, a refused credential, a closed account: it takes nothing until a person acts. Not taken."""

    code: str
    reason: str


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


Outcome: TypeAlias = Accepted | Refused | Deferred | Throttled | AccountTrouble | Unknown | NotWritten


def reference_of(attempt_id: UUID) -> int:
    """The first two octets of an attempt's id, 0 to 65535: what a provider carries that has no room for all of it."""
    return int.from_bytes(attempt_id.bytes[:2])


class ReceiptStatus(StrEnum):
    """The provider's later word on an attempt."""

    DELIVERED = "delivered"
    """On the device; of a call: a person answered."""
    READ = "read"
    """Opened; of a call: the right party confirmed and heard the notice."""
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
    cause: Cause = Cause.OTHER
    """For FAILED."""
    occurred_at: datetime | None = None
    address: str = field(default="", repr=False)
    """Who the attempt was for, E.164 with plus, where the provider says so. Personal: never logged."""
    reference: int | None = None
    """`reference_of` the attempt, where the provider carries it: finds one whose submission was never answered."""
    evidence: str = ""
    """What proves it and is kept elsewhere: where, and its digest (`3f/3f….wav sha256:…` of a recorded call)."""


class ReplyKind(StrEnum):
    """What a person did towards us."""

    TEXT = "text"
    KEY = "key"
    """A key pressed during a call; `text` is the key."""
    UNSUBSCRIBED = "unsubscribed"
    """Stopped this channel by its own means: one-click unsubscribe, unfollowed, refused in the settings."""
    SUBSCRIBED = "subscribed"
    """Began or allowed this channel by its own means; `text` is the scene or template where it tells one."""
    COMPLAINT = "complaint"
    """Marked as unwanted at the person's provider (ARF)."""


@dataclass(frozen=True, slots=True)
class Reply:
    """Something a person sent us or did: a mobile-originated SMS, a key pressed, an unsubscribe."""

    provider: str
    sender: str = field(repr=False)
    """Whose it is, in the form of `Outgoing.address`; '' when only attempt_id tells."""
    recipient: str
    text: str = field(repr=False)
    channel: Channel = Channel.SMS
    kind: ReplyKind = ReplyKind.TEXT
    attempt_id: UUID | None = None
    """Our attempt that it answers, where the provider says so."""
    count: int = 1
    """For SUBSCRIBED: how many messages it allows; 0 is without end."""
    reference: str = ""
    """The provider's own name of it: the same told again is the same reply. '' where the provider has none."""


@dataclass(frozen=True, slots=True)
class RawRequest:
    """An HTTP request that a provider made to our address for it. Nothing in it is believed yet."""

    method: str
    query: str
    """As written after the question mark, not decoded."""
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes = field(repr=False)
    url: str = ""
    """The address as the provider called it, for signatures over it."""
    peer: str = ""
    """The network address it came from; behind a reverse proxy on this machine, the one that the proxy names."""


@dataclass(frozen=True, slots=True)
class RawResponse:
    """What to answer."""

    status: int = 200
    body: bytes = b""
    media_type: str = "text/plain"


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
    """How many messages may be at the provider unanswered at once; 0: it takes none now (every line has a call)."""

    async def open(self) -> None:
        """Start the session in the background. Returns without waiting for a bind; raises only for misconfiguration."""

    async def send(self, batch: Sequence[Outgoing]) -> Sequence[Outcome]:
        """One outcome per message, in order, within the adapter's deadline; never raises for network trouble."""

    async def drain(self) -> None:
        """Wait until everything the far end has already sent us has been taken and committed."""

    async def close(self) -> None:
        """Unbind and stop. Receipts that arrived are committed first."""


@dataclass(frozen=True, slots=True)
class LineState:
    """How the way to a provider stands in this process.

    connected: whether a message could be written now; where connections are made on demand, that the last did not fail.
    lines: how many are up, where they are kept up. counts: since it was opened, by a word of LINE_COUNTS.
    """

    connected: bool
    lines: int | None = None
    counts: Mapping[str, int] = field(default_factory=dict)


LINE_COUNTS: Final[Mapping[str, str]] = {
    "binds": "Times a line was made and bound.",
    "late_responses": "Responses that came after their submit had been given up.",
    "unexpected_responses": "Responses that answered nothing.",
    "deadlines_missed": "Submits whose response did not come in time.",
    "deliveries_refused": "Receipts and replies that could not be read and were refused.",
}
"""What an adapter may count, in words."""


@runtime_checkable
class Watched(Protocol):
    """An adapter that knows how its lines stand. Of any other its being open is all that is known."""

    def line_state(self) -> LineState:
        """How the way to the provider stands; asks nobody."""


@runtime_checkable
class Receives(Protocol):
    """An adapter whose provider calls us: receipts and events come as HTTP requests."""

    async def receive(self, request: RawRequest) -> RawResponse:
        """Check the signature, parse, hand in receipts and replies, and answer once they are committed.

        A forged or unreadable request is answered 403 or 400 and hands in nothing. When the sink fails the answer
        is 503: the provider sends it again.
        """
