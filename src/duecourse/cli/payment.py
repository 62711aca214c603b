"""`duecourse payment`: add one payment, take one back, list those of a loan, place money that came without its loan."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import Annotated

import typer

from duecourse.book.payments import (
    LoanAt,
    PaymentLine,
    add_payment,
    find_loan,
    payments_of_loan,
    place_suspended,
    reverse_payment,
    suspended,
)
from duecourse.domain.money import MoneyError, from_minor, to_minor
from duecourse.domain.problems import DuecourseError, Problem

from .context import Context, context
from .dates import AS_OF_HELP, parse_date
from .screen import print_json, table
from .words import listed, say, word

app = typer.Typer(
    help="Payments one by one: add, reverse, list; place what came without its loan.", no_args_is_help=True
)

LoanArgument = Annotated[str, typer.Argument(help="The loan's contract key.", show_default=False)]
LoanOption = Annotated[str, typer.Option("--loan", help="The loan's contract key.", show_default=False)]
CreditorOption = Annotated[
    str | None,
    typer.Option(help="Whose loan, where several creditors have the contract key.", show_default=False),
]
SourceArgument = Annotated[
    str, typer.Argument(help="Where it came from, as the payment carries it.", show_default=False)
]
ReferenceArgument = Annotated[str, typer.Argument(help="Its reference in that source.", show_default=False)]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")]


@app.command()
def add(
    loan: LoanArgument,
    amount: Annotated[str, typer.Option(help="In the currency's units: 1234.50.", show_default=False)],
    on: Annotated[
        str, typer.Option("--on", metavar="DATE", help="The day it was paid, YYYY-MM-DD.", show_default=False)
    ],
    source: Annotated[str, typer.Option(help="Where it came from, e.g. counter.", show_default=False)],
    reference: Annotated[str, typer.Option(help="Its reference in that source.", show_default=False)],
    currency: Annotated[str | None, typer.Option(help="ISO 4217. Default: the loan's.")] = None,
    creditor: CreditorOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add one payment; what it meets, and all that follows from it, is computed anew. The same one twice is one.

    A day in the past is allowed: the payment counts from that day on, also in a replay.

    Example: duecourse payment add L-1024 --amount 1200.00 --on 2026-03-09 --source counter --reference C-77
    """
    here = context()
    day = parse_date(on, "--on")
    conn = here.connect(autocommit=True)
    found = find_loan(conn, loan, creditor)
    minor = minor_of(amount, currency or found.currency)
    outcome = add_payment(
        conn,
        found,
        amount_minor=minor,
        currency=currency or found.currency,
        paid_on=day,
        source=source,
        reference=reference,
        now=here.now(),
    )
    _tell(here, found, outcome, as_json)


@app.command()
def reverse(
    source: SourceArgument,
    reference: ReferenceArgument,
    loan: LoanOption,
    on: Annotated[
        str,
        typer.Option(
            "--on", metavar="DATE", help="The first day it does not count, YYYY-MM-DD.", show_default=False
        ),
    ],
    reason: Annotated[str, typer.Option(help="Why, e.g. 'returned by the bank'.", show_default=False)],
    creditor: CreditorOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take a payment back: from a day on it meets nothing, and what it had settled is open again.

    Reminders that were withheld because of it are judged again. The same word twice is one.

    Example: duecourse payment reverse counter C-77 --loan L-1024 --on 2026-03-12 --reason "cheque returned"
    """
    here = context()
    day = parse_date(on, "--on")
    conn = here.connect(autocommit=True)
    found = find_loan(conn, loan, creditor)
    outcome = reverse_payment(
        conn, found, source=source, reference=reference, reversed_on=day, reason=reason, now=here.now()
    )
    _tell(here, found, outcome, as_json)


@app.command("list")
def list_(
    loan: LoanArgument,
    creditor: CreditorOption = None,
    as_of: Annotated[str | None, typer.Option(metavar="DATE", help=AS_OF_HELP + " Default: today.")] = None,
    as_json: JsonOption = False,
) -> None:
    """List the payments of a loan as a day knows them, with what each met and what is left over.

    Example: duecourse payment list L-1024
    """
    here = context()
    conn = here.connect(autocommit=True)
    found = find_loan(conn, loan, creditor)
    day = parse_date(as_of, "--as-of") if as_of else here.book_day()
    lines = payments_of_loan(conn, found, day)
    if as_json:
        print_json(here.console, {"as_of": day, **_as_json(found, lines)})
        return
    columns = [
        say("paid on"), say("source"), say("reference"), say("amount"), say("met"), say("unallocated"),
        say("reversed on"),
    ]  # fmt: skip
    rows = [
        (
            line.paid_on,
            line.source,
            line.reference,
            _amount(line.amount_minor, found),
            _met(line, found),
            _amount(line.unallocated_minor, found),
            f"{line.reversed_on} {line.reason}" if line.reversed_on else "",
        )
        for line in lines
    ]
    title = say("Payments of {loan}, {currency}", loan=found.loan_ref, currency=found.currency)
    here.console.print(table(title, columns, rows, right=(3, 5)))


@app.command()
def suspense(as_json: JsonOption = False) -> None:
    """List money whose loan the book does not know; it becomes a payment when the loan comes, or by `payment place`.

    Example: duecourse payment suspense
    """
    here = context()
    waiting = suspended(here.connect(autocommit=True))
    if as_json:
        print_json(
            here.console,
            [
                {
                    "creditor": one.creditor,
                    "loan": one.loan_ref or None,
                    "source": one.source,
                    "reference": one.reference,
                    "amount": str(from_minor(one.amount_minor, one.currency)),
                    "currency": one.currency,
                    "paid_on": one.paid_on,
                }
                for one in waiting
            ],
        )
        return
    columns = [
        say("paid on"), say("creditor"), say("loan"), say("source"), say("reference"), say("amount"), "",
    ]  # fmt: skip
    rows = [
        (
            one.paid_on,
            one.creditor,
            one.loan_ref,
            one.source,
            one.reference,
            from_minor(one.amount_minor, one.currency),
            one.currency,
        )
        for one in waiting
    ]
    here.console.print(table(say("Money without a loan"), columns, rows, right=(5,)))


@app.command()
def place(
    source: SourceArgument,
    reference: ReferenceArgument,
    loan: LoanOption,
    creditor: CreditorOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make money that waits without its loan a payment of this one.

    Example: duecourse payment place bank R-4711 --loan L-1024
    """
    here = context()
    conn = here.connect(autocommit=True)
    found = find_loan(conn, loan, creditor)
    minor = place_suspended(conn, found, source=source, reference=reference, now=here.now())
    if as_json:
        print_json(here.console, {"loan": found.loan_ref, "amount": _amount(minor, found)})
        return
    here.console.print(
        say(
            "{amount} {currency} placed with {loan}.",
            amount=_amount(minor, found),
            currency=found.currency,
            loan=found.loan_ref,
        )
    )


def minor_of(amount: str, currency: str) -> int:
    """Raises DuecourseError D063 for what is no amount above zero in the currency."""
    try:
        minor = to_minor(Decimal(amount), currency)
    except (InvalidOperation, MoneyError, ValueError):
        minor = 0
    if minor <= 0:
        expected = f"expected an exact amount above zero in {currency}, e.g. 1234.50"
        raise DuecourseError(Problem("D063", "--amount", expected, "Nothing was written."), exit_code=2)
    return minor


def _tell(here: Context, loan: LoanAt, outcome: str, as_json: bool) -> None:
    if as_json:
        print_json(here.console, {"loan": loan.loan_ref, "creditor": loan.creditor, "outcome": outcome})
        return
    here.console.print(say("{loan}: {outcome}", loan=loan.loan_ref, outcome=word("payment", outcome)))


def _as_json(loan: LoanAt, lines: Sequence[PaymentLine]) -> dict[str, object]:
    return {
        "loan": loan.loan_ref,
        "creditor": loan.creditor,
        "currency": loan.currency,
        "unallocated": _amount(sum(line.unallocated_minor for line in lines), loan),
        "payments": [
            {
                "source": line.source,
                "reference": line.reference,
                "amount": _amount(line.amount_minor, loan),
                "paid_on": line.paid_on,
                "reversed_on": line.reversed_on,
                "reason": line.reason or None,
                "unallocated": _amount(line.unallocated_minor, loan),
                "allocations": [
                    {
                        "number": share.number,
                        "part": share.part,
                        "amount": _amount(share.amount_minor, loan),
                    }
                    for share in line.allocations
                ],
            }
            for line in lines
        ],
    }


def _met(line: PaymentLine, loan: LoanAt) -> str:
    return listed(
        say(
            "no. {number} {part} {amount}",
            number=share.number,
            part=word("part", share.part),
            amount=_amount(share.amount_minor, loan),
        )
        for share in line.allocations
    )


def _amount(minor: int, loan: LoanAt) -> str:
    return str(from_minor(minor, loan.currency))
