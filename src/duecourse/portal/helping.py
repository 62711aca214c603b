"""Help for who cannot pay: what the trouble is, what is possible beside today's contract, agreed or asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final
from uuid import UUID

from starlette.responses import Response

from duecourse.domain.due_day import MONTH_END
from duecourse.domain.money import LARGEST_MINOR, Money
from duecourse.policy.offered import Kind
from duecourse.responses.intents import Intent
from duecourse.responses.offers.agreeing import arrangements_of, take_up, withdraw
from duecourse.responses.offers.figures import Figures
from duecourse.responses.offers.offering import Offering, offers_for
from duecourse.responses.offers.stating import Stated, Statement, Trouble, record_statement, statement_of

from .answers import Debt, chosen, each_debt, hear, request_of
from .asked import Asked
from .entering import nothing
from .page import Button, Page

LONGEST_DAYS: Final = 366
"""How far ahead somebody may say that they will have money."""
ROWS_SHOWN: Final = 24
"""Payments listed of an offer; the page must stay small."""
HOUSEHOLD: Final = (
    ("income", "plan.income_needed"),
    ("costs", "plan.costs_needed"),
    ("debts", "plan.debts_needed"),
)
"""The amounts of a household's month, and what is said where one is missing."""
_IN_FORCE: Final = frozenset({"proposed", "seconded", "agreed"})
_WANTS: Final = frozenset({Trouble.LATE_INCOME, Trouble.OTHER_DAY})
"""Troubles of somebody who can pay, only not so."""


@dataclass(frozen=True, slots=True)
class Side:
    """One way to pay, in figures: today's contract, or an offer."""

    payment: Money
    due_on: date
    payments: int
    last_on: date
    total: Money
    interest: Money | None
    more: Money | None = None
    """Than today's contract; below zero where it is less. None: it is today's contract."""
    overdue: Money | None = None
    """What would still be past its day; None where nothing is as it stands."""
    rows: Sequence[tuple[date, Money]] = ()
    """The first payments of an offer."""

    @property
    def difference(self) -> Money | None:
        """By how much it is more, or less."""
        return self.more and Money(abs(self.more.amount_minor), self.more.currency)


@dataclass(frozen=True, slots=True)
class Card:
    """An offer, or an arrangement, with what can be done about it."""

    kind: str
    side: Side
    at_once: bool
    exception: str
    digest: str = ""
    cooling_off_days: int | None = None


def show_help(asked: Asked) -> Response:
    """`/me/plan`: what stands, and a form for what the trouble is."""
    standing = [one for one in arrangements_of(asked.conn, asked.person) if one.state in _IN_FORCE]
    taken = {one.loan_id for one in standing}
    own = [one for one in asked.owed if one.role == "borrower" and one.loan_id not in taken]
    among, form = each_debt(asked, own), asked.form
    if not among and not standing:
        return asked.go("/me")
    latest = asked.today + timedelta(days=LONGEST_DAYS)
    if asked.posted and among:
        debt = chosen(asked, among)
        stated = _stated(asked, (debt or among[0]).open.currency, latest)
        if not form.errors and debt and debt.loan_id and stated:
            return asked.go(f"/me/plan/offers/{_record(asked, debt, debt.loan_id, stated)}")
    return asked.show(
        "plan.html",
        standing=[(one, _card(one.figures), one.withdrawable(asked.now)) for one in standing],
        debts=among,
        troubles=[(one.value, asked.say(f"plan.trouble_{one.value}")) for one in Trouble],
        earliest=asked.today,
        latest=latest,
        days=range(1, MONTH_END + 1),
    )


def show_offers(asked: Asked) -> Response:
    """`/me/plan/offers/{statement}`: what is possible, and agreeing to it as it is shown."""
    statement = statement_of(
        asked.conn, asked.site.keyring, asked.person.lane, asked.parameters["statement"], of=asked.person
    )
    if statement is None:
        return nothing(asked)
    if asked.posted:
        answer = _take(asked, statement)
        if answer is not None:
            return answer
        asked.form.fault("offer", "plan.changed")
    offering = _offering(asked, statement)
    if offering is None or offering.because == "in-force":
        return asked.go("/me/plan")
    assert statement.stated is not None
    now = offering.offers[0].figures if offering.offers else None
    return asked.show(
        "offers.html",
        because=offering.because,
        action=asked.path,
        left=Money(statement.stated.surplus_minor, offering.standing.currency),
        now=_before(now) if now else None,
        offers=[
            _card(one.figures, one.figures.digest().hex(), one.cooling_off_days) for one in offering.offers
        ],
    )


def take_back(asked: Asked) -> Response:
    """`/me/plan/withdraw`: of what was agreed or asked for."""
    if asked.posted:
        wanted = asked.form.get("arrangement")
        found = next(
            (one for one in arrangements_of(asked.conn, asked.person) if one.arrangement_id.hex == wanted),
            None,
        )
        if found is None:
            return nothing(asked)
        done = withdraw(asked.conn, found, now=asked.now)
        return asked.go(
            "/me/plan" if not done else "/me", done=f"plan.withdrawn_{'done' if done else 'late'}"
        )
    return asked.go("/me/plan")


def _stated(asked: Asked, currency: str, latest: date) -> Stated | None:
    """What the form says of the household; None and faults for what it lacks."""
    form = asked.form
    trouble = form.choice("trouble", [one.value for one in Trouble], needed="plan.trouble_needed")
    amounts = [
        form.amount(name, currency, asked.language, most_minor=LARGEST_MINOR, least_minor=0, needed=needed)
        for name, needed in HOUSEHOLD
    ]
    until = form.day("until", earliest=asked.today, latest=latest) if form.get("until").strip() else None
    days = [str(day) for day in range(1, MONTH_END + 1)]
    day = form.choice("due_day", days, needed="plan.due_day_needed") if form.get("due_day") else ""
    if form.errors:
        return None
    income, costs, debts = (amount.amount_minor if amount else 0 for amount in amounts)
    return Stated(Trouble(trouble), income, costs, debts, until, int(day) if day else None)


def _record(asked: Asked, debt: Debt, loan_id: UUID, stated: Stated) -> UUID:
    intent = Intent.WANTS_PLAN if stated.trouble in _WANTS else Intent.CANNOT_PAY
    response_id = hear(asked, (intent,), debt=debt)
    return record_statement(
        asked.conn,
        asked.site.keyring,
        asked.person,
        loan_id,
        stated,
        request_id=request_of(asked),
        response_id=response_id,
        now=asked.now,
    )


def _offering(asked: Asked, statement: Statement) -> Offering | None:
    if statement.stated is None:
        return None
    return offers_for(
        asked.conn, asked.person, statement.loan_id, statement.stated, today=asked.today, now=asked.now
    )


def _take(asked: Asked, statement: Statement) -> Response | None:
    """None where the figures are no longer what was shown."""
    kind = asked.form.get("kind")
    if kind not in list(Kind):
        return None
    taken = take_up(
        asked.conn,
        asked.site.keyring,
        asked.person,
        statement.hardship_id,
        Kind(kind),
        asked.form.get("digest"),
        now=asked.now,
    )
    if taken is None:
        return None
    done = "plan.asked_done" if taken.state == "proposed" else "plan.agreed_done"
    return asked.go("/me" if kind == Kind.DUE_DAY else "/me/plan", done=done)


def _before(figures: Figures) -> Side:
    def money(amount_minor: int) -> Money:
        return Money(amount_minor, figures.currency)

    row, interest = figures.next_before, figures.interest_before
    overdue = sum(one.amount_minor for one in figures.before if one.due_on < figures.today)
    return Side(
        money(row.amount_minor),
        row.due_on,
        len(figures.before),
        figures.before[-1].due_on,
        money(figures.total_before),
        None if interest is None else money(interest),
        overdue=money(overdue) if overdue else None,
    )


def _card(figures: Figures, digest: str = "", cooling_off_days: int | None = None) -> Card:
    def money(amount_minor: int) -> Money:
        return Money(amount_minor, figures.currency)

    (row, day), interest = figures.next_after, figures.interest_after
    was_overdue = any(one.due_on < figures.today for one in figures.before)
    overdue = sum(one.amount_minor for one in figures.after if one.due_on < figures.today)
    both = list(zip(figures.after, figures.pay_on, strict=True))[:ROWS_SHOWN]
    side = Side(
        money(row.amount_minor),
        day,
        len(figures.after),
        figures.pay_on[-1],
        money(figures.total_after),
        None if interest is None else money(interest),
        money(figures.total_after - figures.total_before),
        money(overdue) if was_overdue else None,
        [(on, money(one.amount_minor)) for one, on in both],
    )
    return Card(figures.kind.value, side, figures.at_once, figures.exception, digest, cooling_off_days)


def _may_ask(asked: Asked) -> bool:
    return any(one.role == "borrower" for one in asked.owed)


PAGES: Final = (
    Page("/me/plan", show_help, button=Button("plan.button", "answer", 30, _may_ask)),
    Page("/me/plan/withdraw", take_back),
    Page("/me/plan/offers/{statement:uuid}", show_offers),
)
