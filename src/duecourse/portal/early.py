"""Ending a loan early: what it takes on a day, made up as the lender's policy says, or a person to ask."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from starlette.responses import Response

from duecourse.domain.money import Money
from duecourse.responses.intents import Intent
from duecourse.responses.quoting import NO_POLICY, NoQuote, Quote, quotes_for

from .answers import debts, hear
from .asked import Asked
from .bill import counted_through
from .page import Button, Page

PAY: Final = "/me/pay"


@dataclass(frozen=True, slots=True)
class Section:
    """One loan of the page."""

    loan: str
    """Its id, as the form that asks a person names it."""
    product: str
    contract: str
    quote: Quote | None
    parts: Sequence[tuple[str, Money]] = ()
    """Words and amount, in the order in which they are added up."""
    saving: str = ""
    """The sentence that compares it with paying to the end."""


def show_early(asked: Asked) -> Response:
    """`/me/early`: what ends each of the visitor's own loans, today or on a day soon."""
    today, form = asked.today, asked.form
    found = early_quotes(asked, today)
    latest = min((one.latest_on for one in found if one.latest_on), default=today)
    on = today
    if asked.posted and form.get("do") == "ask":
        if _ask(asked, found):
            return asked.go("/me", done="early.asked_done")
    elif asked.posted:
        on = form.day("on", earliest=today, latest=latest) or today
        found = early_quotes(asked, on)
    return asked.show(
        "early.html",
        sections=[_section(asked, one) for one in found],
        on=on,
        earliest=today,
        latest=latest,
        pays=any(one.path == PAY and one.button and one.button.shown(asked) for one in asked.pages),
        counted_through=counted_through(asked, asked.owed),
    )


def early_quotes(asked: Asked, on: date) -> list[Quote | NoQuote]:
    """Of the visitor's own open loans. A guarantor's or co-borrower's are their borrower's to end."""
    person = asked.person
    return quotes_for(asked.conn, person.lane, person.borrower_id, on=on, today=asked.today)


def _section(asked: Asked, one: Quote | NoQuote) -> Section:
    loan = one.loan
    named = (str(loan.loan_id), asked.product(loan.product), asked.tail(loan.loan_ref))
    if isinstance(one, NoQuote):
        return Section(*named, None)
    parts = [
        (asked.say("early.due"), one.due),
        (asked.say("early.principal"), one.principal),
        (asked.say("early.interest", count=one.days), one.interest),
        (asked.say("early.fee"), one.fee),
    ]
    return Section(*named, one, [part for part in parts if part[1].amount_minor], _saving(asked, one.saved))


def _saving(asked: Asked, saved: Money) -> str:
    if saved.amount_minor > 0:
        return asked.say("early.saved", amount=saved)
    if saved.amount_minor < 0:
        return asked.say("early.costs", amount=Money(-saved.amount_minor, saved.currency))
    return asked.say("early.even")


def _ask(asked: Asked, found: Sequence[Quote | NoQuote]) -> bool:
    """Record that the visitor wants a person to compute it; False, and a fault, for a loan that is not theirs."""
    known = {str(one.loan.loan_id) for one in found}
    loan = asked.form.choice("loan", known, needed="answers.debt_needed")
    debt = next((one for one in debts(asked) if one.loan_id and str(one.loan_id) == loan), None)
    if debt is None:
        return False
    text = asked.say("early.asked_text", day=asked.today)
    hear(asked, (Intent.CALL_ME,), text=text, debt=debt)
    return True


def _offered(asked: Asked) -> bool:
    """Whether a policy lets any loan of the visitor's be quoted, or asked for."""
    if not any(one.early_settlement for one in asked.policies):
        return False
    return any(
        not isinstance(one, NoQuote) or one.because != NO_POLICY for one in early_quotes(asked, asked.today)
    )


PAGES: Final = (Page("/me/early", show_early, button=Button("early.title", "more", 40, _offered)),)
