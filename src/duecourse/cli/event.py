"""`duecourse event`: what happened to people and their loans, and what was said of it."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from typing import Annotated

import typer

from duecourse.book.events import (
    DECISIONS,
    EVENT_KINDS,
    NO_CURRENCY,
    SAID_BY_LENDER,
    WITHOUT_LOAN,
    EventLine,
    Happening,
    events_of,
    record_event,
)
from duecourse.book.payments import LoanAt, find_loan
from duecourse.book.reading import find_borrower
from duecourse.book.wishes import Person
from duecourse.domain.money import from_minor
from duecourse.domain.problems import DuecourseError, Problem

from .context import context
from .payment import minor_of
from .screen import print_json, table
from .wishes import AtOption, BorrowerArgument, CreditorOption, JsonOption, LoanOption, case_of, local_time
from .words import listed, rule_in_words, say, word

app = typer.Typer(help="What happened to people and their loans: add, list.", no_args_is_help=True)

SaidKind = StrEnum("SaidKind", {kind.upper().replace(".", "_"): kind for kind in SAID_BY_LENDER})  # type: ignore[misc]
AnyKind = StrEnum("AnyKind", {kind.upper().replace(".", "_"): kind for kind in EVENT_KINDS})  # type: ignore[misc]
Decision = StrEnum("Decision", {word.upper(): word for word in DECISIONS})  # type: ignore[misc]
NOTHING = "Nothing was written."


@app.command()
def add(
    borrower: BorrowerArgument,
    kind: Annotated[SaidKind, typer.Option(help="What happened.", show_default=False)],
    loan: LoanOption = None,
    creditor: CreditorOption = None,
    reference: Annotated[
        str,
        typer.Option(help="The lender's own, e.g. the application's number: the same again is one event."),
    ] = "",
    at: AtOption = None,
    decision: Annotated[
        Decision | None, typer.Option(help="Of application.decided.", show_default=False)
    ] = None,
    product: Annotated[str, typer.Option(help="Of an application: for which product.")] = "",
    amount: Annotated[
        str | None, typer.Option(help="In the currency's units: 1234.50.", show_default=False)
    ] = None,
    currency: Annotated[str | None, typer.Option(help="ISO 4217. Default: the loan's.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Record an application, its decision, a signed contract or a pay-out; the policy's steps tell of it.

    All other events follow from the book: add the payment, import the new rate, move the due day.

    Example: duecourse event add C00042 --kind application.decided --decision approved --creditor bank --reference A-7
    """
    with case_of(borrower) as case:
        place = find_loan(case.conn, loan, creditor) if loan and case.loan_id(loan, creditor) else None
        _check(kind.value, place, creditor, decision)
        money = currency or (place.currency if place else None)
        if amount is not None and money is None:
            missing = "an amount needs a currency: give --currency or --loan"
            raise DuecourseError(Problem("D222", "--amount", missing, NOTHING))
        person = Person(place.lane, case.borrower.borrower_id) if place else case.person
        happening = Happening(
            person,
            next(known for known in SAID_BY_LENDER if known == kind.value),
            case.at(at) or case.now,
            reference,
            place.loan_id if place else None,
            creditor=creditor or "",
            product=product,
            currency=money or NO_CURRENCY,
            amount_minor=minor_of(amount, money) if amount is not None and money else None,
            detail={"decision": decision.value} if decision else {},
        )
        new = record_event(case.conn, happening, source="cli", by=case.here.user, now=case.now)
    if as_json:
        print_json(case.here.console, {"event": happening.event_id, "new": new})
        return
    case.here.console.print(say("The event is in the book.") if new else say("It stood there already."))


def _check(kind: str, place: LoanAt | None, creditor: str | None, decision: Decision | None) -> None:
    problems = []
    if (kind == "application.decided") != (decision is not None):
        found = "application.decided needs one: approved or declined; nothing else has one"
        problems.append(Problem("D220", "--decision", found, NOTHING))
    if place is None and kind not in WITHOUT_LOAN:
        problems.append(Problem("D221", "--loan", f"{kind} is of a loan; say of which", NOTHING))
    elif place is None and not creditor:
        found = "without a loan nobody knows whom it is from; say so with --creditor"
        problems.append(Problem("D221", "--creditor", found, NOTHING))
    if problems:
        raise DuecourseError(problems)


@app.command("list")
def list_(
    customer: Annotated[
        str | None, typer.Option(metavar="KEY", help="Only of this customer key.", show_default=False)
    ] = None,
    kind: Annotated[AnyKind | None, typer.Option(help="Only of this kind.", show_default=False)] = None,
    most: Annotated[int, typer.Option(help="How many, the latest first.", min=1, max=10_000)] = 50,
    as_json: JsonOption = False,
) -> None:
    """List what happened, the latest first, and the messages that tell of it.

    Example: duecourse event list --customer C00042
    """
    here = context()
    conn = here.connect(autocommit=True)
    borrower = find_borrower(conn, here.keyring, customer) if customer else None
    if customer and borrower is None:
        raise DuecourseError(Problem("D033", "--customer", "no borrower of the book has this customer key"))
    lines = events_of(
        conn,
        borrower_id=borrower.borrower_id if borrower else None,
        kind=kind.value if kind else None,
        most=most,
    )
    if as_json:
        print_json(here.console, {"events": [asdict(line) for line in lines]})
        return
    columns = [
        say("happened"), say("borrower"), say("event"), say("loan"), say("amount"), say("known since"), say("told"),
    ]  # fmt: skip
    rows = [
        (
            local_time(line.occurred_at, line.zone),
            line.borrower_key,
            word("event", line.kind),
            line.loan or "",
            ""
            if line.amount_minor is None
            else f"{from_minor(line.amount_minor, line.currency)} {line.currency}",
            local_time(line.recorded_at, line.zone),
            _told(line),
        )
        for line in lines
    ]
    here.console.print(table(say("What happened, by the borrower's clock"), columns, rows, right=[4]))


def _told(line: EventLine) -> str:
    """What was planned of it, and what became of that."""
    if not line.messages:
        return say("not looked at yet") if line.planned_at is None else say("nobody is told")
    told = []
    for one in line.messages:
        rule = one["rule"] if one["state"] == "planned" else None
        state = f"{one['step']}: {word('state', one['state'])}"
        told.append(f"{state} ({rule_in_words(rule) or rule})" if rule else state)
    return listed(told)
