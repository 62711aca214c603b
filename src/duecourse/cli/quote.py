"""`duecourse arrangement quote`: what ends a loan early."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any, Final
from uuid import UUID

import psycopg
import typer

from duecourse.book.reading import find_borrower
from duecourse.domain.money import Money
from duecourse.domain.problems import DuecourseError, Problem
from duecourse.privacy.keyring import Keyring
from duecourse.responses.quoting import DAY, NoQuote, Quote, owners_of_loan, quotes_for

from .context import Context, context
from .dates import parse_date
from .screen import print_json, table
from .words import reason, say

WHY: Final = {
    "no-rate": "the book does not know its rate, or since when interest runs",
    "parts": "the book does not know of every installment what is principal and what interest, or more is in one",
    "statements": "it is a revolving credit, which falls due by statements",
    "overdue": "something of it is past its day, and what was added to it since is the lender's to say",
    "paid-ahead": "something that falls due later has been paid on",
    "contract": "the interest that the lender lists for this period is not what its rate and its days give",
    "closed": "nothing of it is open",
    "no-policy": "no policy in force that applies to it has early_settlement",
    "debit": "a debit is under way",
}
"""Why there is no quote, by responses.quoting.BECAUSE; a day out of reach is an error instead."""


def quote(
    who: Annotated[
        str, typer.Argument(metavar="CUSTOMER|LOAN", help="A customer key, or a loan's reference.")
    ],
    on: Annotated[
        str | None,
        typer.Option(metavar="DATE", help="The day on which everything is paid, YYYY-MM-DD. Default: today."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Report as JSON.")] = False,
) -> None:
    """What ends a loan early on a day: principal, interest to the day, fee, and what it saves.

    A quote holds through its day and is computed from the book as it stands. Where the book does not know enough, or no
    policy says on which terms, it is said why, and a person computes it.

    Example: duecourse arrangement quote L-00042 --on 2026-03-20
    """
    here = context()
    conn, today = here.connect(), here.book_day()
    day = parse_date(on, "--on") if on else today
    found: list[Quote | NoQuote] = []
    for lane, borrower_id, loan_id in _meant(conn, here.keyring, who):
        of = quotes_for(conn, lane, borrower_id, on=day, today=today)
        found += [one for one in of if loan_id in (None, one.loan.loan_id)]
    for one in found:
        if isinstance(one, NoQuote) and one.because == DAY:
            raise DuecourseError(
                Problem("P477", "--on", f"{day} is not a day from {today} to {one.latest_on}"), exit_code=2
            )
    if as_json:
        print_json(here.console, {"as_of": today, "on": day, "loans": [_json(one) for one in found]})
        return
    _print(here, found, day)


def _meant(conn: psycopg.Connection, keyring: Keyring, who: str) -> Sequence[tuple[int, UUID, UUID | None]]:
    """Lane, borrower, and the loan where it is one. Raises DuecourseError B045 for nobody's word."""
    borrower = find_borrower(conn, keyring, who)
    if borrower is not None:
        return [(borrower.lane, borrower.borrower_id, None)]
    owners = owners_of_loan(conn, who)
    if not owners:
        raise DuecourseError(
            Problem(
                "B045", "CUSTOMER|LOAN", "no customer of the book has this key, and no loan this reference"
            )
        )
    return [(lane, borrower_id, loan_id) for lane, borrower_id, loan_id, _ in owners]


def _json(one: Quote | NoQuote) -> dict[str, Any]:
    known: dict[str, Any] = {
        "loan": one.loan.loan_ref,
        "creditor": one.loan.creditor,
        "currency": one.loan.currency,
    }
    if isinstance(one, NoQuote):
        return known | {"quote": None, "because": one.because, "why": WHY[one.because]}
    return known | {
        "quote": {
            "due_until_then": str(one.due.amount),
            "principal": str(one.principal.amount),
            "interest": str(one.interest.amount),
            "interest_days": one.days,
            "fee": str(one.fee.amount),
            "total": str(one.total.amount),
            "saved": str(one.saved.amount),
            "valid_until": one.on,
            "policy": one.policy,
            "policy_version": one.version,
        }
    }


def _print(here: Context, found: Sequence[Quote | NoQuote], day: date) -> None:
    if not found:
        here.console.print(say("Nothing is open."))
    for one in found:
        if isinstance(one, NoQuote):
            why = reason(WHY[one.because])
            here.console.print(
                say("{loan}: a person computes it, because {why}.", loan=one.loan.loan_ref, why=why)
            )
            continue
        figures = [
            (say("due until then"), one.due),
            (say("principal that falls due later"), one.principal),
            (say("interest on it for {count} days", count=one.days), one.interest),
            (say("fee"), one.fee),
            (say("all together"), one.total),
            (say("saved against paying to the end"), one.saved),
        ]
        title = say(
            "{loan}: what ends it on {day}, through which this holds", loan=one.loan.loan_ref, day=day
        )
        rows = [(what, _written(amount)) for what, amount in figures]
        here.console.print(table(title, ["", one.loan.currency], rows, right=(1,)))


def _written(amount: Money) -> str:
    return f"{amount.amount:,}"
