"""A checked policy: frozen, serialisable, and free of any trace of the file it came from.

`Policy.model_dump(mode="json")` is what a published version stores; `Policy.model_validate` reads it back.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from datetime import time, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Literal

from duecourse.book.events import EventKind
from duecourse.domain.buckets import DEFAULT_BUCKETS
from duecourse.domain.days_past_due import BureauRule
from duecourse.domain.messaging import Channel, Purpose
from duecourse.domain.money import to_minor

from .early_terms import EarlySettlement
from .frozen import Condition as Condition
from .frozen import Frozen as Frozen
from .frozen import Test as Test
from .offered import Offers


class Anchor(StrEnum):
    """The day a step counts from, in the borrower's calendar."""

    STATEMENT = "statement"
    """`installment.statement_on`; installments without one have no such step."""
    DUE = "due"
    """`installment.due_on`."""
    OVERDUE = "overdue"
    """End of grace: `due_on + grace_days`, the last day of grace. `overdue + 1d` is the first day past it."""
    PROMISE = "promise"
    """The day that the person has promised to pay (`promise.promised_on`); nobody without a promise that stands."""
    LAW = "law"
    """The day on which a rule of the borrower's place wants the notice that the step serves."""
    EVENT = "event"
    """No day: the moment at which something happened (Step.on)."""


class Party(StrEnum):
    """As what somebody is told of a debt."""

    BORROWER = "borrower"
    CO_BORROWER = "co-borrower"
    GUARANTOR = "guarantor"


class Window(Frozen):
    """Borrower-local times of one day. `start == end` is a single moment (`at 09:00`)."""

    start: time
    end: time

    @property
    def seconds(self) -> int:
        """Width of the window; 0 for a single moment."""
        return _seconds(self.end) - _seconds(self.start)


ANY_TIME = Window(start=time(0), end=time(23, 59))
"""Of a step on an event: at once, at whatever hour the rules allow."""


class UsefulUntil(Frozen):
    """When a message has lost its use, counted from its local day."""

    days: int = 0
    at: time | None = None
    """Borrower-local; None is the end of that day (the next midnight)."""


class NextIf(Frozen):
    """When the route moves on to its next channel: `unless` was not reached in time. One of the times is given."""

    unless: Literal["sent", "delivered", "read", "answered", "paid"]
    within_seconds: int | None = None
    """Since it was sent, in hours at which the next channel may be used."""
    by: time | None = None
    """The first time of day, borrower-local, after it was sent."""


class Variant(Frozen):
    """Another template for a segment. The first variant whose condition holds wins."""

    condition: Condition
    template: str


class Step(Frozen):
    """One point of the policy: when, to whom, why, over which channels, with which words."""

    id: str
    anchor: Anchor
    offset_days: int
    """Days from the anchor; negative is before. 0 for an event."""
    window: Window
    """Of a step on an event: hours that it keeps to besides the rules', or ANY_TIME."""
    on: EventKind | None = None
    """The event that the step tells of; given exactly with Anchor.EVENT."""
    after_seconds: int = 0
    """Of a step on an event: how long after it."""
    gather_seconds: int = 0
    """Of a step on an event: how long its message waits for others of the same person, to tell of all at once."""
    useful_for_seconds: int = 86_400
    """Of a step on an event: how long after its moment it still has use; what is older is told to nobody."""
    purpose: Purpose
    condition: Condition = Condition()
    to: tuple[Party, ...] = (Party.BORROWER,)
    """Who is told, each with a message of their own. Who plays several of these parts is told once, as the first."""
    route: tuple[Channel, ...]
    send: Literal["first", "all"] = "first"
    next_if: NextIf | None = None
    """Only with send `first` and two or more channels. None: move on only when a channel fails."""
    earlier: Literal["wait", "supersede"] = "wait"
    """What becomes of an earlier step's message about the same installment that still has a way to go: this waits for
    it, or takes its place."""
    useful_until: UsefulUntil = UsefulUntil()
    serves: str | None = None
    """The kind of notice (rules.model.Notice) that its message is, entered in the book when it was served."""
    act: str | None = None
    """What its message threatens or does (rules.model.Action): rules on that act then look at it, and it waits for the
    notice they want first."""
    template: str
    variants: tuple[Variant, ...] = ()

    @property
    def templates(self) -> tuple[str, ...]:
        """Every template the step may use, its own first, each once."""
        return tuple(dict.fromkeys((self.template, *(variant.template for variant in self.variants))))


class Grace(Frozen):
    """Days after the due date before an installment counts as overdue, by the borrower's grade."""

    default: int = 0
    by_grade: Mapping[str, int] = {}

    def days(self, grade: str) -> int:
        """Grace of a grade; the default for a grade that is not named, and for none."""
        return self.by_grade.get(grade, self.default)

    @property
    def is_zero(self) -> bool:
        """Whether no borrower at all has grace."""
        return self.default == 0 and not any(self.by_grade.values())


class Bureau(Frozen):
    """How the lender counts the days past due that it reports to a credit bureau (domain.BureauRule)."""

    count_from: Literal["due", "grace"] = "due"
    from_days: int = 1
    stand: Literal["day", "month-end"] = "day"
    pauses: Literal["none", "deferrals", "all"] = "deferrals"
    minimum: Mapping[str, Decimal] = {}
    """By currency, in its units: a loan with less past due is reported as none."""

    def rule(self) -> BureauRule:
        """As the book counts by it."""
        minimum = {currency: to_minor(amount, currency) for currency, amount in self.minimum.items()}
        return BureauRule(self.count_from, self.from_days, self.stand, self.pauses, minimum)


class Languages(Frozen):
    """The languages a policy's templates are written in, BCP 47."""

    known: tuple[str, ...]
    default: str | None = None
    """For a borrower whose language is neither known nor covered by `fallback`; None: send nothing."""
    fallback: Mapping[str, str] = {}
    """Borrower's language to a known one; the only way to another script besides `default`. For a known language: the
    one in which a template is used that is not written in it."""

    def resolve(self, language: str) -> str | None:
        """The known language to write in: exact, declared fallback, base language, default; None if none."""
        if language in self.known:
            return language
        if language in self.fallback:
            return self.fallback[language]
        base = language.partition("-")[0]
        return base if base in self.known else self.default

    def written(self, language: str, texts: Container[str]) -> str | None:
        """The language in which one of `texts` is to be used: as resolve, and where a template is not written in that,
        its declared fallback; None if there is none.
        """
        known = self.resolve(language)
        if known is not None and known not in texts:
            known = self.fallback.get(known)
        return known if known in texts else None


class Creditor(Frozen):
    """How a creditor appears in a message."""

    name: Mapping[str, str] = {}
    """Known language to name."""
    contact_phone: str = ""


class Wording(Frozen):
    """What templates need besides the book: languages, names of creditors and products, whom to call."""

    languages: Languages
    creditors: Mapping[str, Creditor] = {}
    """By `loan.creditor`; the key `*` stands for any other."""
    products: Mapping[str, Mapping[str, str]] = {}
    """`loan.product` to known language to name."""

    def creditor(self, key: str) -> Creditor | None:
        """The entry for a creditor of the book, else the one for any other, else None."""
        return self.creditors.get(key) or self.creditors.get("*")

    def product(self, key: str, language: str) -> str:
        """A product's name in a known language; the book's own word when the policy names none."""
        return self.products.get(key, {}).get(language, key)


class Canary(Frozen):
    """The first of a batch go alone; the others wait until it is seen how they came back."""

    size: int = 500
    most_bad_percent: Decimal = Decimal(5)
    """Of the canaries handed over: more than this refused, of unknown outcome or answered by a stop holds the batch."""
    wait_seconds: int = 900
    """How long after the last canary was handed over silence counts as good."""


class Brakes(Frozen):
    """What is usual for one step on one day. A batch outside it waits for a second person."""

    least_messages: int | None = None
    most_messages: int | None = None
    times_usual: Decimal | None = None
    """Most and, as its inverse, least number of messages against the median of the step's batches of 28 days."""
    currency: str = ""
    """Of the two amounts; batches of another currency are not held for them."""
    most_amount_minor: int | None = None
    """Of one message, in minor units."""
    most_total_minor: int | None = None
    """Of all messages together, in minor units."""
    canary: Canary | None = None


class Responses(Frozen):
    """What follows from what borrowers answer. The defaults hold where a policy does not say."""

    paid_wait_days: int = 3
    """So many whole days nothing asks again for a debt that is said to be paid: the payment may be on its way."""
    promise_longest_days: int = 14
    """A day promised that is further away than so many does not pause: a person decides."""
    promises_in_a_row: int = 2
    """So many promises pause without one of them kept; one more does not. "I have paid" pauses as often in 30 days."""
    gentler: Literal["pause", "variants"] = "pause"
    """What "I cannot pay" changes: nothing is asked for, or (variants) what the policy says where `gentle` is true."""
    gentle_days: int = 7
    """For how many whole days."""
    authenticity_reply: str | None = None
    """The template that answers who asks whether it is really us; None: a person does."""
    person_calls: tuple[str, ...] = ("distress",)
    """Intents upon which a task is planned at once: a person calls."""


class Policy(Frozen):
    """What a lender has decided to say, when, to whom and how."""

    name: str
    priority: int = 0
    """Where messages of several policies merge, the higher priority picks the template."""
    applies_to: Condition = Condition()
    bundle: Literal["borrower", "loan"] = "borrower"
    """One message for all that fall due together for a borrower, or one for each loan."""
    grace: Grace = Grace()
    buckets: tuple[int, ...] = DEFAULT_BUCKETS
    """The last day past due of each bucket but the one above them all."""
    bureau: Bureau = Bureau()
    daily_cap: int = 1
    """Most messages to one borrower on one local day."""
    max_book_age_seconds: int | None = None
    """Where the book is older than this, nothing that names an amount goes out; None: however old."""
    sms_parts_max: int = 4
    """Most parts one SMS may take; a template whose sample needs more is a fault."""
    brakes: Brakes | None = None
    """None: a step's messages go out whatever their number."""
    correction: str | None = None
    """The template in which `duecourse correct` speaks to those whom a wrong batch reached."""
    opt_out_confirmation: str | None = None
    """The template of the one message that confirms a word to stop, where it was said; None: none is sent."""
    pay_link: str | None = None
    """The template of the SMS with a link to pay that a person asks for by a key during a call; None: none is sent."""
    authenticity: Literal["optional", "required"] = "optional"
    """Whether every written message must carry its code, by which anybody can check that it is ours, or its link."""
    link_days: int | None = None
    """How long the links in its messages hold; None: as the lender's setting says."""
    verify_address: str | None = None
    """The template of the message with the code (`code`) that goes to an address which a borrower gives on their page;
    None: they are told to call."""
    responses: Responses | None = None
    """None: the defaults of Responses."""
    offers: Offers | None = None
    """What borrowers who cannot pay may agree to by themselves or ask for; None: nothing, a person decides."""
    certificates: Literal["on_request", "on_settlement"] = "on_request"
    """Whether a settled loan's certificate is issued at once, or only when staff does it."""
    early_settlement: EarlySettlement | None = None
    """On which terms borrowers are quoted what ends a loan early; None: a person computes it."""
    part_payments: Literal["refused", "allowed"] = "refused"
    """Whether borrowers may pay an amount of their own choice on their page."""
    actor: Literal["creditor", "collector", "agency"] | None = None
    """As whom its messages speak; None: as the lender's setting says."""
    wording: Wording
    steps: tuple[Step, ...]

    def step(self, step_id: str) -> Step:
        """Raises KeyError for a step the policy does not have."""
        for step in self.steps:
            if step.id == step_id:
                return step
        raise KeyError(step_id)

    @property
    def max_book_age(self) -> timedelta | None:
        """As a time span."""
        return None if self.max_book_age_seconds is None else timedelta(seconds=self.max_book_age_seconds)

    @property
    def templates(self) -> tuple[str, ...]:
        """Every template some step may use, each once, in the order of steps, and those of no step after them."""
        used = [name for step in self.steps for name in step.templates]
        apart = [
            self.correction,
            self.opt_out_confirmation,
            self.pay_link,
            self.verify_address,
            self.authenticity_reply,
        ]
        return tuple(dict.fromkeys([*used, *(name for name in apart if name)]))

    @property
    def authenticity_reply(self) -> str | None:
        """The template that answers who asks whether it is really us."""
        return self.responses.authenticity_reply if self.responses else None

    def uses_of(self, template: str) -> Iterator[Step]:
        """The steps that may use a template; a correction and the confirmation of a stop may follow any of them, and
        speak of installments also there.
        """
        for step in self.steps:
            if template in step.templates:
                yield step
            apart = step if step.on is None else step.model_copy(update={"on": None})
            if template == self.correction:
                yield apart
            if template == self.pay_link and Channel.VOICE in step.route:
                yield apart.model_copy(update={"route": (Channel.SMS,)})
            if template == self.verify_address and step is self.steps[0]:
                route = (Channel.SMS, Channel.EMAIL)
                yield apart.model_copy(update={"purpose": Purpose.STATUS, "route": route})
            if template == self.authenticity_reply:
                yield apart.model_copy(update={"purpose": Purpose.STATUS})
            if template == self.opt_out_confirmation:
                yield apart.model_copy(update={"purpose": Purpose.CONFIRMATION})


def _seconds(moment: time) -> int:
    return moment.hour * 3600 + moment.minute * 60 + moment.second
