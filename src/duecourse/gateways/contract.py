"""The words a payment gateway and the rest of the house share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import ClassVar, Literal, Protocol, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from duecourse.domain.messaging import RawRequest, RawResponse
from duecourse.domain.money import Money


class GatewaySettings(BaseModel):
    """What every gateway can be told. Times are in seconds where their name does not say otherwise."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    label: Mapping[str, str] = Field(default_factory=dict)
    """What borrowers read, by language (BCP 47); without one the gateway's name."""
    subject: str = Field(default="Payment", min_length=1, max_length=60)
    """What the gateway shows as paid for. It says nothing of the borrower, and the same for everybody."""
    creditor: str = ""
    """Whose account it pays into, as the book names creditors. '': any; then money without an order waits unnamed."""
    only: tuple[str, ...] = ()
    """Currencies offered through it, by ISO 4217; none: every one it knows."""
    lasts_minutes: int = Field(default=60, ge=31, le=1440)
    """So long an order can be paid. Source of the bounds: Stripe takes 30 minutes to 24 hours."""
    connect_seconds: float = Field(default=5, gt=0, le=60)
    response_seconds: float = Field(default=10, gt=0, le=60)
    ca_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """What a gateway is asked to collect. Nothing in it says who pays."""

    order_no: str
    """Our number: 32 characters of 0-9 and a-f."""
    amount: Money
    return_url: str
    """Where the payer's browser comes back to, whatever became of it."""
    notify_url: str
    """Where the gateway tells what became of it."""
    now: datetime
    expires_at: datetime
    language: str
    """BCP 47, of the payer."""
    phone: bool
    """Whether the payer holds a phone; else a desktop."""
    peer: str = field(default="", repr=False)
    """The payer's network address, which some gateways want; passed on and kept nowhere."""


@dataclass(frozen=True, slots=True)
class Started:
    """The gateway takes the order."""

    url: str = field(repr=False)
    """Where the payer goes."""
    way: Literal["redirect", "link", "code"] = "redirect"
    """redirect: sent there at once; link: by a link that names our site as where they come from; code: a picture to
    scan."""
    reference: str = ""
    """The gateway's own number of the order, where it must be asked by it."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """It did not answer, or not as its documents say; nothing is known. reason: ours, nothing personal."""

    reason: str
    lasting: bool = False
    """A person must act: a key is refused, an account closed."""


@dataclass(frozen=True, slots=True)
class Paid:
    """Money came in."""

    order_no: str
    trade_no: str
    """The gateway's number of this one payment."""
    amount: Money
    at: datetime


@dataclass(frozen=True, slots=True)
class Refunded:
    """Money went back to the payer."""

    order_no: str
    trade_no: str
    amount: Money
    at: datetime
    refund_no: str = ""
    """The gateway's number of this one refund; '': amount is all that went back of the trade so far."""


@dataclass(frozen=True, slots=True)
class Closed:
    """The order cannot be paid any more."""

    order_no: str


Fact: TypeAlias = Paid | Refunded | Closed


@dataclass(frozen=True, slots=True)
class Notice:
    """A genuine notification. No facts: it tells of something that changes nothing here."""

    facts: Sequence[Fact]
    taken: RawResponse
    """The answer once the facts are committed."""


class NotGenuineError(Exception):
    """The notification is not signed by the gateway, or not meant for this account. Its text is ours alone."""


class Gateway(Protocol):
    """What every gateway is. Its methods are called from several threads at once and never raise for the network."""

    kind: ClassVar[str]
    """Registry name, e.g. 'stripe'."""
    name: str
    """The configured name; trades are filed under it."""
    sources: Sequence[str]
    """Origins that a payer is sent to, as a content security policy writes them: `https://*.example.com` too."""
    failed: RawResponse
    """The answer to a notification that could not be stored: the gateway sends it again."""

    @property
    def settings(self) -> GatewaySettings:
        """What gateways.toml says of it."""

    def takes(self, currency: str) -> bool:
        """Whether it collects this currency."""

    def begin(self, order: Order) -> Started | Trouble:
        """Make the order; the same order again is the same one."""

    def ask(self, order_no: str, reference: str, now: datetime) -> Sequence[Fact] | Trouble:
        """What became of an order; no facts: nothing yet, or it does not know the order."""

    def check(self, now: datetime) -> Trouble | None:
        """Ask it something harmless: what is wrong with the address or the keys; None: nothing seems to be."""

    def hear(self, request: RawRequest, now: datetime) -> Notice:
        """Read a notification. Raises NotGenuineError, or ValueError for one that is signed but not understood."""
