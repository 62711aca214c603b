"""How a borrower stands: what is due, what is overdue, what holds messages back, what was promised."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from uuid import UUID
from zoneinfo import ZoneInfo

from psycopg.rows import dict_row
from pydantic import Field

from duecourse.book.counting import LoanCounters, counters_of
from duecourse.book.holds import Hold, holds_of
from duecourse.book.reading import Installment, Loan, installments_of, loans_of
from duecourse.book.wishes import Person
from duecourse.domain.money import from_minor
from duecourse.policy.counting import counting_rules
from duecourse.policy.versions import published_policies
from duecourse.store.sql import load

from .endpoint import Call, Day, Endpoint, Instant, Model, Nothing
from .keys import Scope
from .messages import borrower_at

SQL = load("api")


class NextDue(Model):
    """What falls due next."""

    number: int
    due_on: Day
    amount: str = Field(description="What is still open of it.")


class LoanStanding(Model):
    """One loan."""

    loan: str
    creditor: str
    product: str
    currency: str
    state: str
    next_due: NextDue | None
    overdue: str = Field(description="What is past due, in the currency's units; 0.00 where nothing is.")
    days_past_due: int = Field(description="By the contract, grace not counted.")


class HoldLine(Model):
    """A reason to leave the person, or one debt of theirs, alone."""

    kind: str
    effect: str = Field(description="stop: nobody contacts; person: no machine does.")
    loan: str | None = Field(description="null: every debt of theirs.")
    since: Instant
    until: Instant | None


class OpenPromise(Model):
    """A promise to pay."""

    loan: str | None = Field(description="null: every debt of theirs.")
    promised_on: Day
    keep_by: Day = Field(description="The last day on which a payment keeps it.")
    amount: str | None = Field(description="null: what is due by then.")
    currency: str


class StatusOut(Model):
    """As of today where the borrower lives."""

    borrower: str
    as_of: Day
    zone: str
    loans: list[LoanStanding]
    holds: list[HoldLine] = Field(description="In force.")
    promises: list[OpenPromise] = Field(description="Not kept or broken yet.")


def status(call: Call[Nothing]) -> StatusOut:
    """Raises DuecourseError D033."""
    borrower = borrower_at(call.conn, call.keyring, call.path["key"])
    place = (borrower.lane, borrower.borrower_id)
    today = call.now.astimezone(ZoneInfo(borrower.zone)).date()
    rules = counting_rules(one.model for one in published_policies(call.conn))
    counted = counters_of(
        call.conn, today, lanes=[borrower.lane], borrower_id=borrower.borrower_id, rules=rules
    )
    late = {one.loan_id: one for one in counted}
    open_ones = defaultdict(list)
    for one in installments_of(call.conn, *place, as_of=today):
        if one.is_open:
            open_ones[one.loan_id].append(one)
    holds = [one for one in holds_of(call.conn, Person(*place), at=call.now) if one.in_force]
    return StatusOut(
        borrower=borrower.borrower_key,
        as_of=today,
        zone=borrower.zone,
        loans=[
            _standing(loan, open_ones[loan.loan_id], late.get(loan.loan_id), today)
            for loan in loans_of(call.conn, *place)
        ],
        holds=[_line(one) for one in holds],
        promises=_promises(call, *place),
    )


def _standing(
    loan: Loan, open_ones: list[Installment], late: LoanCounters | None, today: date
) -> LoanStanding:
    coming = min((one for one in open_ones if one.due_on >= today), key=lambda one: one.due_on, default=None)
    return LoanStanding(
        loan=loan.loan_ref,
        creditor=loan.creditor,
        product=loan.product,
        currency=loan.currency,
        state=loan.state,
        next_due=NextDue(
            number=coming.number,
            due_on=coming.due_on,
            amount=str(from_minor(coming.due_minor - coming.paid_minor, loan.currency)),
        )
        if coming
        else None,
        overdue=str(from_minor(late.past_due_minor if late else 0, loan.currency)),
        days_past_due=late.days.contractual if late else 0,
    )


def _promises(call: Call[Nothing], lane: int, borrower_id: UUID) -> list[OpenPromise]:
    with call.conn.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(SQL["open_promises"], {"lane": lane, "borrower_id": borrower_id}).fetchall()
    return [
        OpenPromise(
            loan=one["loan"],
            promised_on=one["promised_on"],
            keep_by=one["keep_by"],
            amount=None
            if one["amount_minor"] is None
            else str(from_minor(one["amount_minor"], one["currency"])),
            currency=one["currency"],
        )
        for one in rows
    ]


def _line(hold: Hold) -> HoldLine:
    return HoldLine(
        kind=hold.kind, effect=hold.effect, loan=hold.loan, since=hold.effective_at, until=hold.until
    )


ENDPOINTS = (
    Endpoint(
        "GET", "/borrowers/{key:path}/status", "getStatus", "What a borrower owes, and what holds messages back",
        Scope.BORROWERS_READ, StatusOut, status, problems=(404,),
    ),
)  # fmt: skip
