"""The sections of a mapping file that bring wishes, events, and contacts made elsewhere."""

from __future__ import annotations

from pydantic import Field

from .values import BooleanValue, InstantValue, MoneyValue, Section, TextRule, TextValue


class ConsentSection(Section):
    """A word of consent, or its withdrawal. A stop is kind `contact`, not granted."""

    borrower: TextValue | None = None
    kind: TextValue = TextRule(value="consent")
    granted: BooleanValue
    purpose: TextValue | None = None
    channel: TextValue | None = None
    address: TextValue | None = None
    region: TextValue | None = None
    at: InstantValue
    expires: InstantValue | None = None
    evidence: TextValue


class HoldSection(Section):
    """A reason to leave a person, or one debt of theirs, alone."""

    borrower: TextValue | None = None
    kind: TextValue
    loan: TextValue | None = None
    creditor: TextValue | None = None
    effect: TextValue | None = None
    since: InstantValue
    until: InstantValue | None = None
    evidence: TextValue


class PreferenceSection(Section):
    """How a person wishes to be contacted. Lists are separated by commas."""

    borrower: TextValue | None = None
    kind: TextValue
    days: TextValue | None = None
    from_: TextValue | None = Field(default=None, alias="from")
    to: TextValue | None = None
    allowed: TextValue | None = None
    refused: TextValue | None = None
    language: TextValue | None = None
    since: InstantValue
    evidence: TextValue


class EventSection(Section):
    """Something that happened: an application, its decision, a contract signed, a loan paid out.

    kind, whose it is and reference together name it once and for all.
    """

    kind: TextValue
    borrower: TextValue | None = None
    loan: TextValue | None = None
    creditor: TextValue | None = None
    reference: TextValue
    at: InstantValue
    decision: TextValue | None = None
    product: TextValue | None = None
    currency: TextValue | None = None
    amount: MoneyValue | None = None


class ContactSection(Section):
    """A contact made elsewhere: a call, an SMS. source and reference together name it once and for all.

    zone and what follows it are for an audit of the past; the ledger keeps none of them.
    """

    source: TextValue
    reference: TextValue
    borrower: TextValue | None = None
    loan: TextValue | None = None
    creditor: TextValue | None = None
    channel: TextValue
    purpose: TextValue = TextRule(value="collection")
    actor: TextValue = TextRule(value="creditor")
    outcome: TextValue = TextRule(value="attempt")
    number: TextValue | None = None
    region: TextValue | None = None
    template: TextValue | None = None
    agent: TextValue | None = None
    at: InstantValue
    zone: TextValue | None = None
    product: TextValue | None = None
    party: TextValue = TextRule(value="borrower")
    address_kind: TextValue | None = None
    initiated_by: TextValue = TextRule(value="lender")
    text: TextValue | None = None
    subject: TextValue | None = None
