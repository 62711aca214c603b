"""What a template may say: every variable with its type and meaning, in this one place.

The check of a policy, the preview, the renderer and the documentation read it; a test holds them together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, Final, Literal, TypeAlias

from liquid.exceptions import FilterArgumentError, UndefinedError

from duecourse.domain.money import Money
from duecourse.policy.model import Wording

from .formats import Formats, formats

Type: TypeAlias = Literal["text", "number", "money", "date", "list"]


@dataclass(frozen=True, slots=True)
class Variable:
    """A name a template may use."""

    type: Type
    about: str
    in_subject: bool = True
    """Whether it may stand in an e-mail's subject, which a lock screen shows."""


@dataclass(frozen=True, slots=True)
class EventVariable(Variable):
    """A name that a text about an event may use. events: kinds that have it; none: all."""

    events: tuple[str, ...] = ()


VARIABLES: Final[Mapping[str, Variable]] = {
    "name": Variable("text", "the borrower's name; empty when the book has none", in_subject=False),
    "creditor": Variable("text", "who is owed, by the policy's name for it"),
    "contact_phone": Variable("text", "the creditor's telephone for questions, from the policy"),
    "product": Variable("text", "the product's name; empty when the items are of several products"),
    "count": Variable("number", "how many items, or events, there are, 1 or more"),
    "total": Variable("money", "the sum still to be paid over all items", in_subject=False),
    "balance": Variable(
        "money", "the whole statement of revolving items; nil when there is none", in_subject=False
    ),
    "due_on": Variable("date", "the earliest due date of the items"),
    "days_past_due": Variable(
        "number", "the most days any item is past its due date; 0 before", in_subject=False
    ),
    "items": Variable("list", "one entry per installment, the earliest due first", in_subject=False),
    "link": Variable(
        "text", "the address of the borrower's own page, under DUECOURSE_PUBLIC_URL", in_subject=False
    ),
    "code": Variable(
        "text",
        "the code that this address ends in: by it anybody can check that the notice is ours",
        in_subject=False,
    ),
}

ITEM_VARIABLES: Final[Mapping[str, Variable]] = {
    "loan_ref": Variable("text", "the last four characters of the contract number"),
    "product": Variable("text", "the product's name"),
    "due_on": Variable("date", "its due date"),
    "amount": Variable("money", "what is still to be paid of it"),
    "balance": Variable("money", "the whole statement of a revolving item; nil for others"),
    "days_past_due": Variable("number", "days past its due date; 0 before"),
}


_PAID: Final = ("payment.received", "payment.reversed")
_OWING: Final = (
    *_PAID,
    "payout.made",
    "debit.failed",
    "rate.changed",
    "date.changed",
    "promise.kept",
    "promise.broken",
)

EVENT_VARIABLES: Final[Mapping[str, EventVariable]] = {
    "amount": EventVariable(
        "money",
        "the money of it: paid, taken back, paid out, promised; nil where it has none",
        False,
        (*_PAID, "payout.made", "debit.failed", "promise.kept", "promise.broken"),
    ),
    "happened_on": EventVariable("date", "the day it happened, the earliest of several"),
    "loan_ref": EventVariable(
        "text", "the last four characters of the contract number; empty without a loan, or with several"
    ),
    "remaining": EventVariable(
        "money", "all that the loans still owe, by the installments the book has", False, _OWING
    ),
    "due_now": EventVariable("money", "what of it is due by today, or past due", False, _OWING),
    "next_on": EventVariable("date", "when the next installment is due; nil after the last", True, _OWING),
    "next_amount": EventVariable("money", "what is then to be paid; nil after the last", False, _OWING),
    "rate": EventVariable("text", "the new yearly rate, as 3.85%", False, ("rate.changed",)),
    "rate_before": EventVariable("text", "the rate before", False, ("rate.changed",)),
    "new_due_on": EventVariable(
        "date", "the new due day of the first installment moved", True, ("date.changed",)
    ),
    "due_before": EventVariable("date", "its due day before", True, ("date.changed",)),
    "decision": EventVariable("text", "approved or declined", False, ("application.decided",)),
    "reference": EventVariable(
        "text",
        "the lender's reference of it, such as the application's number; empty without one",
        False,
        ("application.received", "application.decided", "contract.signed", "payout.made"),
    ),
}
"""What a text of a step on an event may say besides those of VARIABLES that need no installment."""
OF_INSTALLMENTS: Final = ("total", "balance", "due_on", "days_past_due", "items")
"""Those of VARIABLES that only a text about installments may say."""


EVERY_VARIABLE: Final[Mapping[str, Variable]] = {**VARIABLES, **EVENT_VARIABLES}


def variables_of(event: str | None) -> Mapping[str, Variable]:
    """The variables of a text about installments (None), or about an event of this kind."""
    if event is None:
        return VARIABLES
    general = {name: one for name, one in VARIABLES.items() if name not in OF_INSTALLMENTS}
    return general | {
        name: one for name, one in EVENT_VARIABLES.items() if not one.events or event in one.events
    }


@dataclass(frozen=True, slots=True)
class Item:
    """One installment a message speaks of, as the book has it at claiming."""

    loan_ref: str
    due_on: date
    amount_minor: int
    """Still to be paid, in minor units of the message's currency."""
    product: str = ""
    balance_minor: int | None = None
    days_past_due: int = 0


@dataclass(frozen=True, slots=True)
class Happened:
    """One event that a message tells of. amount_minor: in the message's currency; None for none."""

    kind: str
    on: date
    loan_ref: str = ""
    product: str = ""
    amount_minor: int | None = None
    detail: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Standing:
    """What the loans of a message about events owe when it is claimed. next_on: None after the last installment."""

    remaining_minor: int
    due_minor: int
    next_on: date | None
    next_minor: int


@dataclass(frozen=True, slots=True)
class Facts:
    """What a message is rendered from. Personal: never logged, never in an error."""

    name: str
    creditor: str
    """`loan.creditor`; its name and telephone come from the wording."""
    currency: str
    items: tuple[Item, ...]
    """At least one, or else what happened."""
    wording: Wording
    """Of the policy version that made the message."""
    code: str = ""
    """Of this attempt; '' where it carries none."""
    link: str = ""
    """The address that ends in it; '' without a code, or where the installation has no address."""
    happened: tuple[Happened, ...] = ()
    """All of one kind, the earliest first."""
    standing: Standing | None = None


class Amount(Money):
    """Money in a template, written with the filter `money`: without it there is no language to write in."""

    __slots__ = ()

    def __str__(self) -> str:
        raise FilterArgumentError("an amount needs the filter money: {{ total | money }}", token=None)


class Day(date):
    """A date in a template, written with the filter `date`."""

    def __str__(self) -> str:
        raise FilterArgumentError("a date needs the filter date: {{ due_on | date }}", token=None)

    @classmethod
    def of(cls, day: date) -> Day:
        """The same day."""
        return cls(day.year, day.month, day.day)


class NoLink:
    """Stands for `link` where there is none: false to `if link`, and refused where it is to be written."""

    def __liquid__(self) -> None:
        return None

    def __str__(self) -> str:
        raise UndefinedError("'link' is undefined: there is no public address", token=None)


def template_values(facts: Facts, language: str) -> dict[str, Any]:
    """The values of VARIABLES for one message, in a known language.

    A telephone the policy does not give is left out, as is a code that is none: a text that needs it is refused, not
    sent without. A link that is none can be asked for by `if link`.
    """
    own = formats(language)
    wording = facts.wording
    creditor = wording.creditor(facts.creditor)
    products = {one.product for one in facts.happened or facts.items}
    values: dict[str, Any] = {
        "name": facts.name,
        "creditor": creditor.name.get(language, facts.creditor) if creditor else facts.creditor,
        "product": wording.product(products.pop(), language) if len(products) == 1 else "",
        "count": own.counted(len(facts.happened or facts.items)),
        **(event_values(facts, own) if facts.happened else _item_values(facts, language, own)),
    }
    values["link"] = facts.link or NoLink()
    if facts.code:
        values["code"] = facts.code
    if creditor and creditor.contact_phone:
        values["contact_phone"] = own.telephone(creditor.contact_phone)
    return values


def _item_values(facts: Facts, language: str, own: Formats) -> dict[str, Any]:
    """Of installments."""
    items = sorted(facts.items, key=lambda item: item.due_on)
    counted, wording, currency = own.counted, facts.wording, facts.currency
    balances = [item.balance_minor for item in items if item.balance_minor is not None]
    return {
        "total": Amount(sum(item.amount_minor for item in items), currency),
        "balance": Amount(sum(balances), currency) if balances else None,
        "due_on": Day.of(items[0].due_on),
        "days_past_due": counted(max(item.days_past_due for item in items)),
        "items": [
            {
                "loan_ref": item.loan_ref[-4:],
                "product": wording.product(item.product, language),
                "due_on": Day.of(item.due_on),
                "amount": Amount(item.amount_minor, currency),
                "balance": None if item.balance_minor is None else Amount(item.balance_minor, currency),
                "days_past_due": counted(item.days_past_due),
            }
            for item in items
        ],
    }


def event_values(facts: Facts, own: Formats) -> dict[str, Any]:
    """Of events: of EVENT_VARIABLES those that their kind has."""
    first, currency, standing = facts.happened[0], facts.currency, facts.standing
    amounts = [one.amount_minor for one in facts.happened if one.amount_minor is not None]
    loans = {one.loan_ref for one in facts.happened}
    detail = first.detail

    def money(minor: int | None) -> Amount | None:
        return None if minor is None else Amount(minor, currency)

    def day(text: str | None) -> Day | None:
        return Day.of(date.fromisoformat(text)) if text else None

    def percent(name: str) -> str:
        return own.percent(Decimal(detail[name])) if name in detail else ""

    found: dict[str, Any] = {
        "amount": money(sum(amounts) if amounts else None),
        "happened_on": Day.of(min(one.on for one in facts.happened)),
        "loan_ref": loans.pop()[-4:] if len(loans) == 1 else "",
        "remaining": money(standing.remaining_minor if standing else 0),
        "due_now": money(standing.due_minor if standing else 0),
        "next_on": Day.of(standing.next_on) if standing and standing.next_on else None,
        "next_amount": money(standing.next_minor if standing and standing.next_on else None),
        "rate": percent("rate"),
        "rate_before": percent("rate_before"),
        "new_due_on": day(detail.get("due_on")),
        "due_before": day(detail.get("due_before")),
        "decision": detail.get("decision", ""),
        "reference": detail.get("reference", ""),
    }
    return {name: found[name] for name in found if name in variables_of(first.kind)}
