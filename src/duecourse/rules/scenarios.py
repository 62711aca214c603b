"""What-if: a scenario as a compliance officer writes it, judged by the SQL that plans and claims include.

A key left out takes its ordinary value: a text message by the creditor to the borrower's mobile number, about its one
debt, with nothing before it and nothing against it. A history entry left out of detail is about the same debt,
number, channel and purpose.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Annotated, Any, Literal
from uuid import NAMESPACE_OID, UUID, uuid5
from zoneinfo import ZoneInfo

import psycopg
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from duecourse.domain.messaging import Channel, Purpose
from duecourse.store.sql import load

from .compiling import RuleBook
from .model import Action, Actor, AddressKind, HoldKind, Outcome, Party
from .sentences import Reason, reasons

SQL = load("rules")
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
SPECIAL_CARE = frozenset({"serious-illness", "bereavement", "disability", "minor", "distress"})
_REACHED = {Outcome.ATTEMPT: 0, Outcome.DELIVERED: 1, Outcome.CONNECTED: 2, Outcome.CONVERSATION: 3}
_ANY_CONSENT = ("consent", "express-consent")


def _a_day_begins(value: object) -> object:
    """A date alone is its first instant; it gets the recipient's zone later."""
    if isinstance(value, str) and len(value) == 10:
        return datetime.combine(date.fromisoformat(value), time())
    return value


Instant = Annotated[datetime, BeforeValidator(_a_day_begins)]
"""With an offset; without one it is the recipient's wall clock."""


class Told(BaseModel):
    """Base of everything in a scenario: what it does not know is refused."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")


class Before(Told):
    """A contact that was. group: the decision it belonged to, when several share one."""

    at: Instant
    channel: Channel | None = None
    purpose: Purpose | None = None
    outcome: Outcome = Outcome.ATTEMPT
    debt: str | None = None
    number: str | None = None
    template: str | None = None
    group: str | None = None
    actor: Actor | None = None


class Word(Told):
    """A consent given or taken back. kind: as in docs/reference/wishes.md; not given, agreement to be contacted.

    overrides: `hours` lets it lift contact hours. Not granted, without a kind, it is a stop and takes back consents.
    """

    kind: str | None = None
    purpose: Purpose | None = None
    channel: Channel | None = None
    number: str | None = None
    granted: bool = True
    at: Instant | None = None
    expires: Instant | None = None
    overrides: tuple[Literal["hours"], ...] = ()
    evidence: str = ""


class OnHold(Told):
    """A hold. debt: only that one."""

    kind: HoldKind
    since: Instant | None = None
    until: Instant | None = None
    debt: str | None = None
    effect: Literal["stop", "person"] | None = None


class Served(Told):
    """A notice that was served."""

    kind: str
    at: Instant
    debt: str | None = None


class Scenario(Told):
    """One contact that somebody thinks of making at `now`."""

    region: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}(-[A-Z0-9]{1,3})?$")] = "CN"
    timezone: str | None = None
    """IANA name; null: unknown, so that every zone of the region must allow it."""
    purpose: Purpose = Purpose.COLLECTION
    channel: Channel = Channel.SMS
    actor: Actor = Actor.CREDITOR
    product: str | None = None
    party: Party = Party.BORROWER
    debt: str | None = "L-1"
    number: str | None = "n1"
    initiated_by: Literal["lender", "debtor"] = "lender"
    template: str | None = "t1"
    address_kind: AddressKind | None = None
    days_past_due: int | None = None
    action: Annotated[
        tuple[Action, ...], BeforeValidator(lambda value: (value,) if isinstance(value, str) else value or ())
    ] = ()
    """What the contact announces or is: `bureau-report`, `enforcement`, …"""
    lender: tuple[str, ...] | None = None
    """Kinds of licence; null: not said, so that rules of every kind bind."""
    provider: str | None = None
    registered: tuple[str, ...] | None = None
    """What the sender has registered: signature, header, template, …; null: whatever is asked for."""
    caller: str | None = None
    """The number shown; empty: hidden; null: nothing is known against it."""
    notices_served: tuple[Served, ...] = ()
    now: Instant
    history: tuple[Before, ...] = ()
    consents: tuple[Word, ...] = ()
    holds: tuple[OnHold, ...] = ()
    preferences: Mapping[str, Any] = Field(default_factory=dict)
    suppressed: bool = False
    text: str | None = None
    subject: str = ""
    institution: str = ""
    """Who the text must name; contact: whom it must say to call; name: the recipient's. Empty: not known."""
    contact: str = ""
    name: str = ""
    voicemail: bool = False
    language: str | None = None
    """Of the text; recipient_language: what the recipient reads."""
    recipient_language: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """allow, the first instant that is allowed (with the recipient's offset; `now` itself when allowed, None when no
    waiting within HORIZON_DAYS helps), the rules that decided and those that were looked at.
    """

    allow: bool
    not_before: datetime | None
    deciding: tuple[Reason, ...]
    considered: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """As `rules judge` prints it."""
        return {
            "allow": self.allow,
            "not_before": self.not_before.isoformat() if self.not_before else None,
            "deciding": [
                {"rule": one.rule, "primitive": one.primitive, "reason_en": one.en, "reason_zh": one.zh}
                for one in self.deciding
            ],
            "considered": list(self.considered),
        }


def judge_scenarios(conn: psycopg.Connection, book: RuleBook, scenarios: Sequence[Scenario]) -> list[Answer]:
    """Judge each scenario by itself, all in one statement; nothing is written. Needs the schema's functions.

    Raises ValueError for a zone nobody knows.
    """
    rows = [_row(book, scenario, place) for place, scenario in enumerate(scenarios)]
    found = conn.execute(
        SQL["what_if"],
        dict(book.parameters) | {"scenarios": json.dumps(rows)},
    ).fetchall()
    answers: dict[UUID, Answer] = {}
    for message_id, allow, not_before, refused, shut, considered, zones in found:
        zone = ZoneInfo(zones[0])
        answers[message_id] = Answer(
            allow,
            not_before.astimezone(zone) if not_before else None,
            reasons(book.packs, [*(refused or []), *(shut or [])], zone),
            tuple(considered),
        )
    return [answers[_id(place)] for place in range(len(rows))]


def _id(place: int) -> UUID:
    return UUID(int=place)


def _uuid(kind: str, name: str | None) -> str | None:
    return None if name is None else str(uuid5(NAMESPACE_OID, f"{kind}/{name}"))


def _index(name: str | None) -> str | None:
    return None if name is None else "\\x" + name.encode().hex()


def _row(book: RuleBook, one: Scenario, place: int) -> dict[str, Any]:
    """A scenario as a row of the statement what_if."""
    zones = [one.timezone] if one.timezone else list(book.zones_of(one.region))
    here = ZoneInfo(zones[0])

    def instant(given: datetime) -> str:
        return (given if given.tzinfo else given.replace(tzinfo=here)).isoformat()

    now = instant(one.now)
    return {
        "message_id": str(_id(place)),
        "group_id": str(_id(place)),
        "loan_id": _uuid("debt", one.debt),
        "region": one.region,
        "zones": zones,
        "purpose": one.purpose,
        "channel": one.channel,
        "actor": one.actor,
        "product": one.product,
        "party": one.party,
        "address_kind": one.address_kind,
        "actions": list(one.action),
        "lenders": None if one.lender is None else list(one.lender),
        "provider_kind": one.provider,
        "by_debtor": one.initiated_by == "debtor",
        "at": now,
        "address_index": _index(one.number),
        "template": one.template,
        "suppressed": one.suppressed,
        "registered": None if one.registered is None else list(one.registered),
        "caller": one.caller,
        "contacts": [
            _contact(one, seen, n, instant) for n, seen in enumerate(one.history) if _past(seen.at, one, here)
        ],
        "consents": [
            row for word in one.consents if _past(word.at, one, here) for row in _words(word, instant)
        ],
        "holds": [
            {
                "kind": hold.kind,
                "effect": hold.effect or ("person" if hold.kind in SPECIAL_CARE else "stop"),
                "loan_id": _uuid("debt", hold.debt),
                "since": instant(hold.since or LONG_AGO),
                "until": instant(hold.until) if hold.until else None,
            }
            for hold in one.holds
        ],
        "wishes": [
            {"kind": kind, "wish": wish if isinstance(wish, Mapping) else {}}
            for kind, wish in one.preferences.items()
            if wish not in (None, False)
        ],
        "notices": [
            {"kind": notice.kind, "loan_id": _uuid("debt", notice.debt), "served_at": instant(notice.at)}
            for notice in one.notices_served
            if _past(notice.at, one, here)
        ],
    }


def _past(at: datetime | None, one: Scenario, here: ZoneInfo) -> bool:
    """Whether it has happened: what lies after `now` nobody can know."""
    if at is None:
        return True
    now = one.now if one.now.tzinfo else one.now.replace(tzinfo=here)
    return (at if at.tzinfo else at.replace(tzinfo=here)) <= now


def _contact(one: Scenario, seen: Before, place: int, instant: Any) -> dict[str, Any]:
    debt = _uuid("debt", one.debt if seen.debt is None else seen.debt)
    return {
        "attempt_id": _uuid("contact", str(place)),
        "group_id": _uuid("group", seen.group) or _uuid("contact", str(place)),
        "loans": [debt] if debt else [],
        "channel": seen.channel or one.channel,
        "purpose": seen.purpose or one.purpose,
        "reached": _REACHED[seen.outcome],
        "address_index": _index(one.number if seen.number is None else seen.number),
        "template": one.template if seen.template is None else seen.template,
        "at": instant(seen.at),
    }


def _words(word: Word, instant: Any) -> list[dict[str, Any]]:
    """The rows of the book that one word of a scenario stands for."""
    kinds = (word.kind,) if word.kind else (*_ANY_CONSENT, "contact")
    return [
        {
            "kind": kind,
            "granted": word.granted,
            "purpose": word.purpose,
            "channel": word.channel,
            "address_index": _index(word.number),
            "since": instant(word.at or LONG_AGO),
            "until": instant(word.expires) if word.expires else None,
        }
        for kind in (*kinds, *word.overrides)
    ]
