"""Rule packs as data: what a rule is, and the parameters of each of the eighteen primitives.

A pack is a YAML file of one jurisdiction. `Pack.model_validate` refuses what it does not know. Times are the
recipient's own; days are the recipient's calendar days.
"""

from __future__ import annotations

from datetime import date, time
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from duecourse.domain.messaging import Channel, Purpose

RuleId = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9]*(-[A-Z0-9]+)*$")]
RegionCode = Annotated[str, StringConstraints(pattern=r"^([A-Z]{2}(-[A-Z0-9]{1,3})?|\*)$")]
"""ISO 3166-1 or 3166-2, `US-NYC` for the city, `*` for everywhere."""


class Strict(BaseModel):
    """Base of everything in a pack."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")


class Actor(StrEnum):
    """Who contacts: rules bind them differently."""

    CREDITOR = "creditor"
    COLLECTOR = "collector"
    """Collects debts of others in the creditor's name, or bought them."""
    AGENCY = "agency"
    """An outside agency to which the debt was placed."""


class Party(StrEnum):
    """Who is contacted."""

    BORROWER = "borrower"
    CO_BORROWER = "co-borrower"
    GUARANTOR = "guarantor"
    THIRD = "third"


class Outcome(StrEnum):
    """What became of a contact; each includes the ones before it."""

    ATTEMPT = "attempt"
    """Tried: dialled, or handed over."""
    DELIVERED = "delivered"
    """A message that reached the device."""
    CONNECTED = "connected"
    """A call that was answered."""
    CONVERSATION = "conversation"
    """Answered by the right party, who talked about the debt."""


class Level(StrEnum):
    """How sure a rule is. V2, K and draft may only tighten what is allowed."""

    V1 = "V1"
    """The rule's own text was read."""
    V2 = "V2"
    """A secondary source says so."""
    K = "K"
    """From general knowledge, unread."""
    DRAFT = "draft"
    POLICY = "policy"
    """A convention of ours or the lender's, not law."""


class Names(Strict):
    """The same in English and Chinese."""

    en: str
    zh: str


class Source(Strict):
    """Where a rule stands. read_on: the day its text, or what says so, was read."""

    instrument: str
    clause: str = ""
    read_on: date
    note: str = ""


Action = Literal[
    "bureau-report", "outsourcing", "placement", "enforcement", "criminal-report", "debt-sale", "data-export"
]
AddressKind = Literal["home", "work", "mobile"]


class AppliesTo(Strict):
    """What a rule looks at. An empty tuple means every one."""

    purpose: tuple[Purpose, ...] = ()
    channel: tuple[Channel, ...] = ()
    actor: tuple[Actor, ...] = ()
    product: tuple[str, ...] = ()
    party: tuple[Party, ...] = ()
    except_party: tuple[Party, ...] = ()
    action: tuple[Action, ...] = ()
    """Acts that a message announces or performs. A rule that names some looks at nothing else."""
    address_kind: tuple[AddressKind, ...] = ()
    """Of the number or address that is tried. One of unknown kind is taken for the channel's ordinary one: a mobile
    number, a home address.
    """
    lender: tuple[str, ...] = ()
    """Kinds of licence, such as `consumer-finance`. A lender that has not said which it holds is bound by all."""
    provider: tuple[str, ...] = ()
    """Kinds of provider whose own limit this is, such as `aliyun`: it holds only for what goes through one."""


Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
EVERY_DAY: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Opening(Strict):
    """Days on which contact is open from `start` (counted) to `end` (not counted); 24:00 is written 00:00."""

    days: tuple[Weekday, ...] = EVERY_DAY
    start: time
    end: time


class ContactWindow(Strict):
    """P1. Open while any opening is, in every zone where the recipient may be. Openings of one day add up."""

    primitive: Literal["P1"]
    openings: tuple[Opening, ...] = Field(min_length=1)
    holidays: Literal["as-usual", "closed"] = "as-usual"
    """On public holidays of the recipient's region. A year the calendar does not cover is taken as the stricter side:
    refused on days that were a holiday in any covered year, see the docs.
    """
    overridden_by: Literal["hours"] | None = "hours"
    """The kind of consent that lifts this window; None when no consent can."""


class Cap(Strict):
    """P2. Refused when `most` or more contacts of the counted kind lie in the span before."""

    primitive: Literal["P2"]
    most: int = Field(ge=0)
    unit: Literal["attempt", "message", "connected", "conversation"]
    """message: one decision, whatever attempts and channels it took."""
    days: int | None = Field(default=None, ge=1)
    """That many of the recipient's consecutive calendar days, today being the last."""
    hours: int | None = Field(default=None, ge=1)
    """Rolling: so many hours before the instant. Exactly one of days, hours and seconds is given."""
    seconds: int | None = Field(default=None, ge=1)
    """As hours, for limits of a provider."""
    per: Literal["person", "debt", "number", "template"]
    """number: whoever has it. template: the same template to the same number, whoever has that."""
    counts_channels: tuple[Channel, ...] = ()
    """Contacts by these channels count; empty: those the rule applies to."""
    counts_purposes: tuple[Purpose, ...] = ()
    """As counts_channels."""
    unanswered_only: bool = False
    """Counts attempts that were not connected."""


class CoolOff(Strict):
    """P3. No contact for `days` calendar days after one of the kind `after`; its own day is day 1."""

    primitive: Literal["P3"]
    after: Outcome
    days: int = Field(ge=1)
    per: Literal["person", "debt"] = "debt"
    counts_channels: tuple[Channel, ...] = ()


class Basis(Strict):
    """P4. Needs a consent (or another recorded basis) for purpose and channel that has not ended.

    kinds: any of these will do. A debt to the creditor is the contract: nothing more is recorded for `contract`.
    """

    primitive: Literal["P4"]
    kinds: tuple[Literal["consent", "contract", "texted-us", "number-check", "express-consent"], ...] = Field(
        min_length=1
    )
    fresh_days: int | None = Field(default=None, ge=1)
    """For number-check alone."""


class OptOut(Strict):
    """P5. Who said stop is not contacted within what the word covers; what must be offered in the text is P8."""

    primitive: Literal["P5"]
    scope: Literal["as-said", "channel", "all-channels"] = "as-said"
    """How far a word reaches: as it was said (channel, address, purpose), the whole channel, or every channel."""
    within_days: int = 0
    """By when it must be honoured; ours is at once, this is shown."""
    confirmation_minutes: int | None = Field(default=None, ge=0)
    """Within which one confirmation of the word may go, where it was said; 0: none may. None: it says nothing of it."""


HoldKind = Literal[
    "dispute", "complaint", "hardship", "bankruptcy", "deceased", "lawyer", "calamity", "cease-request",
    "moratorium", "promise", "says-paid", "refusal", "identity-theft",
    "serious-illness", "bereavement", "disability", "minor", "distress",
]  # fmt: skip


class Hold(Strict):
    """P6. While a hold of these kinds is open nothing goes but what `lets_pass` names."""

    primitive: Literal["P6"]
    kinds: tuple[HoldKind, ...] = Field(min_length=1)
    lets_pass: tuple[Purpose, ...] = ()
    days: int | None = Field(default=None, ge=1)
    """Ends by itself after so many days, the first day counted."""


class Recipient(Strict):
    """P7. Only these parties are contacted; a party who refused is not."""

    primitive: Literal["P7"]
    parties: tuple[Party, ...] = Field(min_length=1)
    after_refusal: bool = False
    """Whether contact may go on after the party refused."""


Part = Literal["text", "subject", "lock-screen", "envelope", "voicemail"]


class MustSay(Strict):
    """P8. The text must hold each of these."""

    primitive: Literal["P8"]
    says: tuple[
        Literal[
            "institution",
            "opt-out",
            "contact",
            "query-route",
            "name",
            "balance",
            "reason",
            "rights",
            "seal",
            "agent-name",
            "debt-advice",
            "postal-address",
            "limited-content",
        ],
        ...,
    ] = Field(min_length=1)
    parts: tuple[Part, ...] = ("text",)
    first_contact_only: bool = False


class MustNotSay(Strict):
    """P9. The text must hold none of these: classes of words (files of the rules room) and kinds of facts."""

    primitive: Literal["P9"]
    words: tuple[str, ...] = ()
    """Names of word lists in `rules/words/`: threats, insults, impersonation, new-loan, overdue, …"""
    facts: tuple[Literal["name", "amount", "lender-debt-line"], ...] = ()
    parts: tuple[Part, ...] = ("text", "subject", "lock-screen")


class Sender(Strict):
    """P10. The sender must be registered: signature, header, template; a caller's number must be of these series."""

    primitive: Literal["P10"]
    registered: tuple[Literal["signature", "header", "template", "category-suffix", "licence"], ...] = ()
    number_series: tuple[str, ...] = ()
    shown: bool = False
    """The number must not be hidden."""


Notice = Literal[
    "bureau", "outsourcing", "agent-named", "new-controller", "default", "demand", "validation", "arrears",
    "debt-advice",
]  # fmt: skip


class PriorNotice(Strict):
    """P11. What the rule applies to waits until a notice of this kind was served and `wait_days` have passed.

    times: so many notices, each at least wait_days after the one before; the wait follows the last but one.
    or_conversation: one that was had about the debt, by the same actor, does instead and needs no wait.
    """

    primitive: Literal["P11"]
    notice: Notice
    wait_days: int = Field(default=0, ge=0)
    times: int = Field(default=1, ge=1)
    or_conversation: bool = False


class Mandatory(Strict):
    """P12. A notice that must be given, planned and not waited for.

    Within `within_days` of its trigger, and again every so many months.
    """

    primitive: Literal["P12"]
    notice: Notice
    trigger: Literal["two-payments-short", "first-past-due", "first-contact"]
    """first-contact: the first message that was handed over, or call that was answered, by an actor the rule binds."""
    within_days: int = Field(ge=0)
    again_months: int | None = Field(default=None, ge=1)


class Retention(Strict):
    """P13. How long records are kept at least, and at most; storage_only: kept after erasure, but used for nothing."""

    primitive: Literal["P13"]
    records: tuple[Literal["messages", "recordings", "contacts", "assessments"], ...] = Field(min_length=1)
    least_years: int | None = Field(default=None, ge=0)
    most_years: int | None = Field(default=None, ge=1)
    storage_only: bool = False


class Preference(Strict):
    """P14. The recipient's wishes that are honoured: hours and days, channel, address kind, place."""

    primitive: Literal["P14"]
    honours: tuple[Literal["hours", "channel", "work-address", "place", "attorney"], ...] = Field(
        min_length=1
    )


class Automated(Strict):
    """P15. Who refused automated decisions is reached by a person only.

    assessment: one must be on file; reported, not judged at sending.
    """

    primitive: Literal["P15"]
    refusal: bool = True
    assessment: bool = False


class Language(Strict):
    """P16. The text is in a language the recipient reads; special care gets the accessible form or a person."""

    primitive: Literal["P16"]
    own_language: bool = True
    special_care_to_person: bool = False


class ChannelLimit(Strict):
    """P17. What a channel carries: characters, octets, fields, and how often (rates are P2 with per: template)."""

    primitive: Literal["P17"]
    most_characters: int | None = None
    most_octets: int | None = None
    fields: dict[str, int] = Field(default_factory=dict)
    """Kind of a WeChat field to its longest length."""
    figures: dict[str, int] = Field(default_factory=dict)
    """Other upper bounds of the channel, by name, e.g. `ucs2-part: 67`, `replies: 5`, `reply-hours: 48`."""
    reserved: tuple[str, ...] = ()
    """Characters that may not stand in the body, such as 【】."""


class Resolution(Strict):
    """P18. A statement about how rules of this jurisdiction combine; it decides nothing by itself."""

    primitive: Literal["P18"]
    note: Names


Primitive = Annotated[
    ContactWindow
    | Cap
    | CoolOff
    | Basis
    | OptOut
    | Hold
    | Recipient
    | MustSay
    | MustNotSay
    | Sender
    | PriorNotice
    | Mandatory
    | Retention
    | Preference
    | Automated
    | Language
    | ChannelLimit
    | Resolution,
    Field(discriminator="primitive"),
]


class Status(StrEnum):
    """Where a rule stands in its own life. Dates say the rest: before `effective_from` it is to come."""

    IN_FORCE = "in-force"
    DRAFT = "draft"
    """Proposed. Shown, and applied only where the lender turns it on."""
    SUPERSEDED = "superseded"
    """Kept for messages it judged; applied to nothing."""


class Rule(Strict):
    """One rule of a pack. A law that needs two primitives is two rules with ids of one stem (CN-CARD-LETTER)."""

    id: RuleId
    fact: str = ""
    """The row of the facts table it encodes, when its id is another."""
    says: Names
    """What it says, for the screen and the archive."""
    region: RegionCode | None = None
    """Where it holds, when narrower than the pack: US-MA."""
    except_regions: tuple[RegionCode, ...] = ()
    applies_to: AppliesTo = AppliesTo()
    does: Primitive
    source: Source
    level: Level
    status: Status = Status.IN_FORCE
    binding: bool = True
    """Soft rules withhold like binding ones, but a lender may loosen or drop them; binding ones only tighten."""
    fallback: bool = False
    """Holds only where no rule that is none, of the same primitive and of level V1, V2 or policy, applies to the same
    contact (caps: one per person or debt): a convention of ours steps back where a law speaks.
    """
    effective_from: date | None = None
    effective_to: date | None = None
    """The last day it holds."""


class Pack(Strict):
    """The rules of one jurisdiction at one version."""

    pack: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]+$")]
    version: int = Field(ge=1)
    names: Names
    regions: tuple[RegionCode, ...] = Field(min_length=1)
    zones: dict[RegionCode, tuple[str, ...]] = Field(default_factory=dict)
    """Region to its zones: where a recipient may be when nothing better is known. The narrowest region here counts."""
    within: dict[RegionCode, RegionCode] = Field(default_factory=dict)
    """A region to the next larger one, where its code does not say so: US-NYC to US-NY."""
    rules: tuple[Rule, ...] = ()
