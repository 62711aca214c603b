"""What a claimed message says: facts read in the claim's transaction, rendered by the version that planned it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from hashlib import sha256
from typing import Any, Self
from uuid import UUID

from duecourse.content.refusals import refusals
from duecourse.content.render import Renderer
from duecourse.content.rendered import Rendered
from duecourse.content.texts import Spoken, TextRefusal, text_refusals
from duecourse.content.variables import Facts as TemplateFacts
from duecourse.content.variables import Happened, Item, Standing
from duecourse.domain.days_past_due import Pause, counted_days
from duecourse.domain.messaging import Attachment, Registered, VoiceScript
from duecourse.domain.money import MoneyError
from duecourse.domain.problems import DuecourseError
from duecourse.policy.model import Policy
from duecourse.policy.templates import TemplateText
from duecourse.policy.versions import TemplateRef
from duecourse.privacy.keyring import Keyring
from duecourse.privacy.sealing import open_value
from duecourse.rules.model import Rule

from .links import LinkTerms

BATCH_HELD = "BATCH-HELD"


@dataclass(frozen=True, slots=True)
class Facts:
    """A message's facts as the claim's transaction saw them. Personal: never logged."""

    message_id: UUID
    borrower_id: UUID
    policy: str
    policy_version: int
    purpose: str
    creditor: str
    currency: str
    template: str
    template_version: int
    name: str
    language: str
    borrower_key: str
    large: bool
    """Whether the person wishes large type and plain words."""
    first: bool
    """Whether nothing was said to the person for this purpose before."""
    items: tuple[Item, ...]
    loan_ids: tuple[UUID, ...]
    """Zero stands for no loan: an application."""
    happened: tuple[Happened, ...] = ()
    """What it tells of; then it has no items."""
    standing: Standing | None = None

    @classmethod
    def from_row(cls, keyring: Keyring, row: Sequence[Any]) -> Self:
        """From a row of `read_facts`, whose items are JSON."""
        (_, message_id, borrower_id, policy, policy_version, purpose, creditor, currency) = row[:8]
        (template, template_version, local_on, name_sealed, language, borrower_key, large, first) = row[8:16]
        items, events, standing = row[16:]
        entries = items or []
        told = events or []
        return cls(
            message_id=message_id,
            borrower_id=borrower_id,
            policy=policy,
            policy_version=policy_version,
            purpose=purpose,
            creditor=creditor,
            currency=currency,
            template=template,
            template_version=template_version,
            name=open_value(keyring, name_sealed, "borrower", "name", borrower_id) if name_sealed else "",
            language=language,
            borrower_key=borrower_key,
            large=large,
            first=first,
            items=tuple(_item(entry, local_on) for entry in entries),
            loan_ids=tuple(dict.fromkeys(UUID(entry["loan_id"]) for entry in (*entries, *told))),
            happened=tuple(_happened(entry) for entry in told),
            standing=_standing(standing) if told and standing else None,
        )


def _item(entry: Mapping[str, Any], local_on: date) -> Item:
    due_on = date.fromisoformat(entry["due_on"])
    since = date.fromisoformat(entry["past_due_since"]) if entry["past_due_since"] else due_on
    paid = int(entry["paid_minor"])
    balance = entry["balance_minor"]
    deferrals = [
        Pause(date.fromisoformat(first), date.fromisoformat(last)) for first, last in entry["deferrals"] or ()
    ]
    return Item(
        loan_ref=entry["loan_ref"],
        due_on=due_on,
        amount_minor=max(0, int(entry["due_minor"]) - paid),
        product=entry["product"],
        balance_minor=None if balance is None else max(0, int(balance) - paid),
        days_past_due=counted_days(since, local_on, deferrals),
    )


def _happened(entry: Mapping[str, Any]) -> Happened:
    amount = entry["amount_minor"]
    return Happened(
        kind=entry["kind"],
        on=date.fromisoformat(entry["on"]),
        loan_ref=entry["loan_ref"] or "",
        product=entry["product"],
        amount_minor=None if amount is None else int(amount),
        detail={name: str(value) for name, value in entry["detail"].items()},
    )


def _standing(entry: Mapping[str, Any]) -> Standing:
    return Standing(
        remaining_minor=int(entry["remaining_minor"]),
        due_minor=int(entry["due_minor"]),
        next_on=date.fromisoformat(entry["next_on"]) if entry["next_on"] else None,
        next_minor=int(entry["next_minor"] or 0),
    )


@dataclass(frozen=True, slots=True)
class Rendition:
    """What will be said. refusals: why it must not be, if anything stands against it, and the rule that says so."""

    text: str = ""
    subject: str = ""
    html: str = ""
    language: str = ""
    """It is written in, BCP 47."""
    parts: int = 0
    script: VoiceScript | None = None
    registered: Registered | None = None
    """WeChat's fields; what a provider has approved for the text is added by who chooses the provider."""
    values: Mapping[str, str] = field(default_factory=dict)
    """The template's variables by name, as the text writes them: for the parameters of registered templates."""
    link: str = ""
    attachments: tuple[Attachment, ...] = ()
    large: bool = False
    refusals: Sequence[str] = field(default_factory=tuple)
    rule: str = "CONTENT"
    broken: Sequence[TextRefusal] = field(default_factory=tuple)
    """The rules of packs that refused the text, and what they saw."""

    @property
    def archived(self) -> str:
        """What is kept sealed: every part handed over. Of an attachment its digest: the template version and the facts
        make it again.
        """
        kept: dict[str, Any] = {"text": self.text, "subject": self.subject, "html": self.html}
        if self.script:
            kept["script"] = asdict(self.script)
        if self.registered:
            kept["registered"] = asdict(self.registered)
        if self.link:
            kept["link"] = self.link
        if self.attachments:
            kept["attachments"] = [
                {"name": one.name, "media_type": one.media_type, "sha256": sha256(one.content).hexdigest()}
                for one in self.attachments
            ]
        if self.large:
            kept["large"] = True
        return json.dumps(kept, ensure_ascii=False)


class Composer:
    """Renders for every policy version that planned messages. Versions never change, so each is read once.

    One per desk: it is not for several threads at once.
    """

    def __init__(
        self,
        renderer: Renderer,
        read_policy: Callable[[str, int], Policy],
        read_templates: Callable[[TemplateRef], Mapping[TemplateRef, Sequence[TemplateText]]],
        links: LinkTerms = LinkTerms(),  # noqa: B008 frozen
    ) -> None:
        self._renderer = renderer
        self._read_policy = read_policy
        self._read_templates = read_templates
        self._links = links
        self._policies: dict[tuple[str, int], Policy] = {}

    def over_band(self, facts: Facts, *, resumed: bool) -> Rendition | None:
        """A refusal when the message asks for more than the policy's band and no second person let it; else None."""
        brakes = None if resumed else self._policy(facts).brakes
        if brakes is None or brakes.most_amount_minor is None or brakes.currency != facts.currency:
            return None
        if sum(item.amount_minor for item in facts.items) <= brakes.most_amount_minor:
            return None
        return Rendition(refusals=("asks for more than the policy's band",), rule=BATCH_HELD)

    def link_days(self, facts: Facts, channel: str) -> int | None:
        """How many days the link holds that the message carries on this channel; None where it carries no code."""
        try:
            self._load(facts)
            policy = self._policy(facts)
        except DuecourseError:  # `compose` says so
            return None
        coded = self._renderer.carries_code(
            facts.template,
            facts.template_version,
            facts.language,
            channel,
            policy.wording,
            plain=facts.large,
            linked=bool(self._links.public_url),
        )
        return (policy.link_days or self._links.days) if coded else None

    def compose(self, facts: Facts, channel: str, rules: Sequence[Rule] = (), *, code: str = "") -> Rendition:
        """The message as this channel says it; a text that cannot be made or breaks a rule is a refusal.

        rules: those of the packs that look at its text. code: of the attempt, where `link_days` says that it has one.
        """
        if not facts.items and not facts.happened:
            return Rendition(refusals=("nothing is due any more",))
        try:
            self._load(facts)
            made = self._renderer.render(
                facts.template,
                facts.template_version,
                facts.language,
                channel,
                TemplateFacts(
                    facts.name,
                    facts.creditor,
                    facts.currency,
                    facts.items,
                    self._policy(facts).wording,
                    code,
                    self._links.address(code),
                    facts.happened,
                    facts.standing,
                ),
                plain=facts.large,
            )
        except DuecourseError as error:  # also a version that is not there
            return Rendition(refusals=(str(error),))
        except MoneyError as error:  # a currency nobody knows
            return Rendition(refusals=(str(error),))
        faults = tuple(refusal.reason for refusal in refusals(made, facts.purpose, name=facts.name))
        broken = self._broken(rules, facts, made) if rules else []
        return Rendition(
            text=made.text,
            subject=made.subject,
            html=made.html,
            language=made.language,
            parts=made.parts,
            script=made.script,
            registered=Registered(values=made.fields) if made.fields else None,
            values=made.values,
            link=made.link,
            attachments=made.attachments,
            large=made.large,
            refusals=faults or tuple(fault for one in broken for fault in one.faults_en),
            rule="CONTENT" if faults or not broken else broken[0].rule,
            broken=() if faults else broken,
        )

    def _broken(self, rules: Sequence[Rule], facts: Facts, made: Rendered) -> list[TextRefusal]:
        """The rules that the text breaks, and those that what a machine would hear breaks."""
        spoken = self._spoken(facts, made)
        broken = text_refusals(rules, spoken)
        if made.script:
            heard = replace(spoken, text=made.script.voicemail, voicemail=True)
            told = {one.rule for one in broken}
            broken += [one for one in text_refusals(rules, heard) if one.rule not in told]
        return broken

    def _spoken(self, facts: Facts, made: Rendered) -> Spoken:
        creditor = self._policy(facts).wording.creditor(facts.creditor)
        # The language is the borrower's or the fallback that the lender declared for it: no rule is asked.
        return Spoken(
            channel=made.channel,
            text=made.text,
            subject=made.subject,
            html=made.html,
            institution=creditor.name.get(made.language, "") if creditor else "",
            contact=creditor.contact_phone if creditor else "",
            name=facts.name,
            first=facts.first,
        )

    def _load(self, facts: Facts) -> None:
        """Raises DuecourseError when there is no such version."""
        for ref in self._renderer.missing([TemplateRef(facts.template, facts.template_version)]):
            self._renderer.add(self._read_templates(ref))

    def _policy(self, facts: Facts) -> Policy:
        key = (facts.policy, facts.policy_version)
        if key not in self._policies:
            self._policies[key] = self._read_policy(*key)
        return self._policies[key]
