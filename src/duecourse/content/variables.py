"""What a template may say: every variable with its type and meaning, in this one place.

The check of a policy, the preview, the renderer and the documentation read it; a test holds them together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, Literal, TypeAlias

from liquid.exceptions import FilterArgumentError

from duecourse.domain.money import Money
from duecourse.policy.model import Wording

from .formats import formats

Type: TypeAlias = Literal["text", "number", "money", "date", "list"]


@dataclass(frozen=True, slots=True)
class Variable:
    """A name a template may use."""

    type: Type
    about: str
    in_subject: bool = True
    """Whether it may stand in an e-mail's subject, which a lock screen shows."""


VARIABLES: Final[Mapping[str, Variable]] = {
    "name": Variable("text", "the borrower's name; empty when the book has none", in_subject=False),
    "creditor": Variable("text", "who is owed, by the policy's name for it"),
    "contact_phone": Variable("text", "the creditor's telephone for questions, from the policy"),
    "product": Variable("text", "the product's name; empty when the items are of several products"),
    "count": Variable("number", "how many items there are, 1 or more"),
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
class Facts:
    """What a message is rendered from. Personal: never logged, never in an error."""

    name: str
    creditor: str
    """`loan.creditor`; its name and telephone come from the wording."""
    currency: str
    items: tuple[Item, ...]
    """At least one."""
    wording: Wording
    """Of the policy version that made the message."""
    code: str = ""
    """Of this attempt; '' where it carries none."""
    link: str = ""
    """The address that ends in it; '' without a code, or where the installation has no address."""


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


def template_values(facts: Facts, language: str) -> dict[str, Any]:
    """The values of VARIABLES for one message, in a known language.

    A telephone the policy does not give is left out, as is a link that is none: a text that needs it is refused, not
    sent without.
    """
    items = sorted(facts.items, key=lambda item: item.due_on)
    own = formats(language)
    counted = own.counted
    wording, currency = facts.wording, facts.currency
    creditor = wording.creditor(facts.creditor)
    products = {item.product for item in items}
    balances = [item.balance_minor for item in items if item.balance_minor is not None]
    values: dict[str, Any] = {
        "name": facts.name,
        "creditor": creditor.name.get(language, facts.creditor) if creditor else facts.creditor,
        "product": wording.product(items[0].product, language) if len(products) == 1 else "",
        "count": counted(len(items)),
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
    values |= {name: value for name, value in (("code", facts.code), ("link", facts.link)) if value}
    if creditor and creditor.contact_phone:
        values["contact_phone"] = own.telephone(creditor.contact_phone)
    return values
