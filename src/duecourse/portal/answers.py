"""What a borrower says of the bill: I have paid, I will pay on a day, something is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final
from uuid import UUID, uuid5

from starlette.responses import Response

from duecourse.domain.messaging import Channel
from duecourse.domain.money import LARGEST_MINOR, Money
from duecourse.policy.model import Responses
from duecourse.responses.intents import Intent
from duecourse.responses.recording import Heard, record_response, terms_of

from .asked import Asked
from .bill import last_day, promises_of
from .lender import SQL
from .owing import Owed
from .page import Button, Page

MOST_TEXT: Final = 2000
MOST_REFERENCE: Final = 80
PAID_DAYS_BACK: Final = 90
"""How long ago a payment may be that somebody tells of here."""
WAYS: Final = ("transfer", "app", "card", "counter", "debit", "other")
"""How somebody paid: keys `answers.way_…`."""
WRONGS: Final = ("amount", "paid", "terms", "stranger", "fraud", "other")
"""What is wrong: keys `answers.wrong_…`."""
_STOLEN: Final = frozenset({"fraud"})
"""Of WRONGS: somebody else took the loan in this name."""


@dataclass(frozen=True, slots=True)
class Debt:
    """What an answer can be about: one loan, or everything owed in a currency."""

    value: str
    """In the form: the loan's id, or the currency."""
    loan_id: UUID | None
    loan_ref: str | None
    open: Money
    label: str


def request_of(asked: Asked) -> UUID:
    """The id of a form's request, of this visitor and page: nobody's form can be taken for another's.

    And of what it says: who goes back in their browser, changes the form and sends it again says something new.
    """
    said = sorted(
        (name, values) for name, values in asked.form.values.items() if name not in ("csrf", "request")
    )
    return uuid5(asked.form.request_id, f"{asked.person.borrower_id} {asked.path} {said}")


def debts(asked: Asked) -> list[Debt]:
    """What the visitor owes, as they can choose among it: where it is several, all of a currency first."""
    single = each_debt(asked, asked.owed)
    if len(single) < 2:
        return single
    totals: dict[str, int] = {}
    for debt in single:
        totals[debt.open.currency] = totals.get(debt.open.currency, 0) + debt.open.amount_minor
    sums = [Money(amount, currency) for currency, amount in sorted(totals.items())]
    everything = [Debt(one.currency, None, None, one, asked.say("answers.all", amount=one)) for one in sums]
    return [*everything, *single]


def each_debt(asked: Asked, owed: Sequence[Owed]) -> list[Debt]:
    """Every loan of some that is owed of the visitor's."""
    loans: dict[UUID, list[Owed]] = {}
    for one in owed:
        loans.setdefault(one.loan_id, []).append(one)
    return [_debt(asked, loan_id, of) for loan_id, of in loans.items()]


def _debt(asked: Asked, loan_id: UUID, of: Sequence[Owed]) -> Debt:
    total = Money(sum(one.open.amount_minor for one in of), of[0].open.currency)
    label = asked.say(
        "answers.one", product=asked.product(of[0].product), contract=asked.tail(of[0].loan_ref), amount=total
    )
    return Debt(str(loan_id), loan_id, of[0].loan_ref, total, label)


def chosen(asked: Asked, among: Sequence[Debt]) -> Debt | None:
    """The debt the form names, of this visitor's own; the only one where there is one. A fault for anything else."""
    if len(among) == 1:
        return among[0]
    value = asked.form.choice("debt", [one.value for one in among], needed="answers.debt_needed")
    return next((one for one in among if one.value == value), None)


def hear(
    asked: Asked,
    intents: tuple[Intent, ...],
    *,
    text: str = "",
    channel: Channel | None = None,
    debt: Debt | None = None,
    **more: object,
) -> UUID:
    """Record what the visitor said by this form, in the request's transaction; a repeated form is heard once."""
    visitor = asked.visitor
    return record_response(
        asked.conn,
        asked.site.keyring,
        Heard(
            person=asked.person,
            source="page",
            request_id=request_of(asked),
            channel=channel,
            intents=intents,
            text=text,
            loan_id=debt.loan_id if debt else None,
            of_all=debt is not None and debt.loan_id is None,
            message_id=visitor.message_id if visitor else None,
            attempt_id=visitor.attempt_id if visitor else None,
            **more,  # type: ignore[arg-type]
        ),
        now=asked.now,
        room=asked.room(),
    )


def say_paid(asked: Asked) -> Response:
    """`/me/paid`: when, how, under which reference."""
    among, form, today = debts(asked), asked.form, asked.today
    if not among:
        return asked.go("/me")
    earliest = today - timedelta(days=PAID_DAYS_BACK)
    if asked.posted:
        debt = chosen(asked, among)
        on = form.day("on", earliest=earliest, latest=today)
        way = form.choice("way", WAYS, needed="answers.way_needed")
        currency = debt.open.currency if debt else among[0].open.currency
        amount = form.amount("amount", currency, asked.language, most_minor=LARGEST_MINOR, needed="")
        reference = form.text("reference", most=MOST_REFERENCE)
        if not form.errors and on:
            said = [
                f"{on}",
                asked.say(f"answers.way_{way}"),
                asked.money(amount) if amount else "",
                reference,
            ]
            hear(
                asked,
                (Intent.PAID,),
                text=" · ".join(part for part in said if part),
                debt=debt,
                amount_minor=amount.amount_minor if amount else None,
                currency=currency,
            )
            return asked.go("/me", done="answers.paid_done")
    ways = [(way, asked.say(f"answers.way_{way}")) for way in WAYS]
    return asked.show("paid.html", debts=among, earliest=earliest, latest=today, ways=ways)


def say_promise(asked: Asked) -> Response:
    """`/me/promise`: on which day, and how much of it."""
    among, form, today = debts(asked), asked.form, asked.today
    if not among:
        return asked.go("/me")
    latest = today + timedelta(days=_terms(asked).promise_longest_days)
    if asked.posted:
        debt = chosen(asked, among)
        on = form.day("on", earliest=today, latest=latest)
        amount = None
        if debt:
            most, currency = debt.open.amount_minor, debt.open.currency
            amount = form.amount("amount", currency, asked.language, most_minor=most, needed="")
        if not form.errors and debt and on:
            hear(
                asked,
                (Intent.WILL_PAY,),
                debt=debt,
                promised_on=on,
                amount_minor=(amount or debt.open).amount_minor,
                currency=debt.open.currency,
            )
            pauses = _pauses(asked, debt, on)
            return asked.go("/me", done="answers.promise_done" if pauses else "answers.promise_waits")
    return asked.show("promise.html", debts=among, earliest=today, latest=latest)


def _terms(asked: Asked) -> Responses:
    """What follows from the visitor's answers: by the policy whose message they came by, as when it is recorded."""
    name = None
    if asked.visitor and asked.visitor.message_id:
        given = {"lane": asked.visitor.lane, "message_id": asked.visitor.message_id}
        row = asked.conn.execute(SQL["policy_of_message"], given).fetchone()
        name = row[0] if row else None
    return terms_of(asked.policies, name)


def _pauses(asked: Asked, debt: Debt, on: date) -> bool:
    """Whether a promise pauses a debt through a day: the one just given, or one that stood before it."""
    return any(one.loan in (None, debt.loan_ref) and last_day(asked, one) >= on for one in promises_of(asked))


def say_dispute(asked: Asked) -> Response:
    """`/me/dispute`: what is wrong, in the visitor's words."""
    among, form = debts(asked), asked.form
    if asked.posted:
        debt = chosen(asked, among) if among else None
        wrong = form.choice("wrong", WRONGS, needed="answers.wrong_needed")
        text = form.text("text", most=MOST_TEXT, needed="answers.text_needed", lines=True)
        if not form.errors:
            intent = Intent.IDENTITY_THEFT if wrong in _STOLEN else Intent.DISPUTE
            hear(asked, (intent,), text=f"{asked.say(f'answers.wrong_{wrong}')}\n{text}", debt=debt)
            return asked.go("/me", done="answers.dispute_done")
    wrongs = [(wrong, asked.say(f"answers.wrong_{wrong}")) for wrong in WRONGS]
    return asked.show("dispute.html", debts=among, wrongs=wrongs, most=MOST_TEXT)


def _owes(asked: Asked) -> bool:
    return bool(asked.owed)


PAGES: Final = (
    Page("/me/paid", say_paid, button=Button("answers.paid", "answer", 10, _owes)),
    Page("/me/promise", say_promise, button=Button("answers.promise", "answer", 20, _owes)),
    Page("/me/dispute", say_dispute, button=Button("answers.dispute", "answer", 90)),
)
