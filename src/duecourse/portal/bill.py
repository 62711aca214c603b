"""The bill: what is to be paid, when, how much and why, and what the visitor can do about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from starlette.responses import Response

from duecourse.book.holds import Hold, HoldKind, holds_of
from duecourse.domain.money import Money
from duecourse.policy.naming import named

from .asked import Asked
from .lender import SQL
from .owing import Owed, Standing, first_due, standing
from .page import Page


@dataclass(frozen=True, slots=True)
class Line:
    """One amount of the bill, in words."""

    product: str
    contract: str
    creditor: str
    """'' where all are of the creditor the page speaks for."""
    role: str
    amount: Money
    due_on: date
    state: str
    """late, unseen, today, coming: keys `bill.state_…`."""
    days_late: int
    parts: Sequence[tuple[str, Money]]
    """Key of the text and amount, the whole last where something was paid of it."""
    autopay: bool


def show_bill(asked: Asked) -> Response:
    """`/me`."""
    owed = asked.owed
    first = first_due(owed, today=asked.today)
    return asked.show(
        "bill.html",
        standing=[(one, _headline(one, asked.today)) for one in standing(owed, today=asked.today)],
        first=_lines(asked, first),
        later=_lines(asked, [one for one in owed if one not in first]),
        promised_until=max((last_day(asked, one) for one in promises_of(asked)), default=None),
        disputed=_in_force(asked, HoldKind.DISPUTE),
        counted_through=counted_through(asked, owed),
        pay=_buttons(asked, "pay"),
        answers=_buttons(asked, "answer"),
        more=_buttons(asked, "more"),
    )


def _headline(one: Standing, today: date) -> str:
    """Key of the text that says when."""
    if one.days_late:
        return "bill.when_late"
    if one.due_on < today:
        return "bill.when_unseen"
    return "bill.when_today" if one.due_on == today else "bill.when_coming"


def _lines(asked: Asked, owed: Sequence[Owed]) -> list[Line]:
    lines = []
    for one in owed:
        creditor = named(asked.policies, one.creditor, asked.language).name
        lines.append(
            Line(
                product=asked.product(one.product),
                contract=asked.tail(one.loan_ref),
                creditor=creditor if creditor != asked.lender.name else "",
                role=one.role,
                amount=one.open,
                due_on=one.due_on,
                state=_state(one, asked.today),
                days_late=one.days_late,
                parts=_parts(one),
                autopay=one.autopay and one.due_on >= asked.today,
            )
        )
    return lines


def _state(one: Owed, today: date) -> str:
    if one.days_late:
        return "late"
    if one.due_on < today:
        return "unseen"
    return "today" if one.due_on == today else "coming"


def _parts(one: Owed) -> list[tuple[str, Money]]:
    parts = [(f"bill.{part}", amount) for part, amount in one.parts]
    if one.paid.amount_minor:
        if not parts:
            parts.append(("bill.asked", one.open + one.paid))
        parts.append(("bill.paid", Money(-one.paid.amount_minor, one.paid.currency)))
    if one.balance is not None:
        parts.append(("bill.balance", one.balance))
    return parts


def _buttons(asked: Asked, group: str) -> list[tuple[str, str]]:
    """Path and text key of the pages of a group that are there for this visitor."""
    found = [
        (page.button.order, page.path, page.button.text)
        for page in asked.pages
        if page.button and page.button.group == group and page.button.shown(asked)
    ]
    return [(path, text) for _, path, text in sorted(found)]


def _in_force(asked: Asked, kind: HoldKind) -> bool:
    return any(one.in_force and one.kind == kind for one in holds_of(asked.conn, asked.person, at=asked.now))


def promises_of(asked: Asked) -> list[Hold]:
    """What pauses because of a promise to pay that stands."""
    found = holds_of(asked.conn, asked.person, at=asked.now)
    return [one for one in found if one.in_force and one.kind == HoldKind.PROMISE]


def last_day(asked: Asked, hold: Hold) -> date:
    """The last whole day of a hold by the visitor's clock."""
    if hold.until is None:
        return date.max
    return (hold.until - timedelta(microseconds=1)).astimezone(asked.zone).date()


def counted_through(asked: Asked, owed: Sequence[Owed]) -> date | None:
    """Through which day payments to all creditors of what is owed are surely in the book; None where nobody said."""
    creditors = sorted({one.creditor for one in owed})
    row = asked.conn.execute(SQL["counted_through"], {"creditors": creditors}).fetchone()
    return row[0] if row else None


PAGES: Final = (Page("/me", show_bill, posts=False),)
"""The bill itself; every other page leads back to it."""
