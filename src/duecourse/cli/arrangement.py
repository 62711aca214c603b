"""`duecourse arrangement`: what is agreed with borrowers who cannot pay as the contract says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, time
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import psycopg
import typer

from duecourse.book.wishes import local_instant
from duecourse.responses.offers.agreeing import Found, approve, decline
from duecourse.responses.offers.listing import find_arrangement, list_arrangements, show_arrangement

from .arrangements import (
    arrangement_facts,
    export_csv,
    export_facts,
    found_facts,
    print_arrangement,
    print_arrangements,
)
from .context import Context, context
from .dates import parse_date
from .screen import print_json
from .wishes import JsonOption
from .words import say, word

arrangement_app = typer.Typer(
    help="What is agreed with borrowers who cannot pay as the contract says.", no_args_is_help=True
)

IdArgument = Annotated[
    str, typer.Argument(metavar="ID", help="The arrangement's id, or its first six digits or more.")
]
MOST_EXPORTED = 100_000


class State(StrEnum):
    """How an arrangement may stand."""

    PROPOSED = "proposed"
    SECONDED = "seconded"
    AGREED = "agreed"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"
    BROKEN = "broken"
    COMPLETED = "completed"
    OVERRULED = "overruled"


class Form(StrEnum):
    """What an export is written as."""

    CSV = "csv"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class Case:
    """One arrangement, in a transaction that is committed at the end."""

    here: Context
    conn: psycopg.Connection
    found: Found
    now: datetime


@contextmanager
def _case(text: str) -> Iterator[Case]:
    here = context()
    conn = here.connect()
    with conn.transaction():
        yield Case(here, conn, find_arrangement(conn, text), here.now())


@arrangement_app.command("list")
def list_(
    state: Annotated[State | None, typer.Option(help="Only those that stand so.", show_default=False)] = None,
    take: Annotated[int, typer.Option("--limit", min=1, help="At most so many.")] = 200,
    as_json: JsonOption = False,
) -> None:
    """What borrowers took up and how it stands, without what they stated; the latest first.

    Example: duecourse arrangement list --state proposed
    """
    here = context()
    found = list_arrangements(here.connect(), state=state.value if state else None, take=take)
    if as_json:
        print_json(here.console, [arrangement_facts(one) for one in found])
        return
    print_arrangements(here, found)


@arrangement_app.command()
def show(arrangement: IdArgument, as_json: JsonOption = False) -> None:
    """One arrangement in full: what the borrower stated, every figure before and after, who decided what.

    That you looked is noted with it.

    Example: duecourse arrangement show 3f2a9c
    """
    with _case(arrangement) as case:
        stated, events = show_arrangement(
            case.conn, case.here.keyring, case.found, by=case.here.user, now=case.now
        )
    if as_json:
        print_json(case.here.console, found_facts(case.found, stated, events))
        return
    print_arrangement(case.here, case.found, stated, events)


@arrangement_app.command("approve")
def approve_(arrangement: IdArgument) -> None:
    """Approve what a borrower asked for: it is agreed, and in the book. An exception wants a second person's approval.

    Only with the figures that the borrower saw: where the loan has changed since, it is refused.

    Example: duecourse arrangement approve 3f2a9c
    """
    with _case(arrangement) as case:
        state = approve(case.conn, case.here.keyring, case.found, by=case.here.user, now=case.now)
    case.here.console.print(
        say("Agreed: the new days and amounts hold from now on.")
        if state == "agreed"
        else say(
            "Approved by you; an exception ({why}) wants a second person.",
            why=word("exception", case.found.exception),
        )
    )


@arrangement_app.command("decline")
def decline_(
    arrangement: IdArgument,
    reason: Annotated[
        str, typer.Option(help="Why; the borrower is not shown it. Nothing personal.", show_default=False)
    ],
) -> None:
    """Decline what a borrower asked for. Their answer keeps waiting for a person, who tells them.

    Example: duecourse arrangement decline 3f2a9c --reason "income is not borne out"
    """
    with _case(arrangement) as case:
        decline(case.conn, case.found, reason=reason, by=case.here.user, now=case.now)
    case.here.console.print(say("Declined. Call the borrower: duecourse response list --open"))


@arrangement_app.command()
def export(
    since: Annotated[
        str,
        typer.Option(metavar="DATE", help="Agreed on this day of the lender's or later.", show_default=False),
    ],
    until: Annotated[
        str | None, typer.Option(metavar="DATE", help="Agreed before this day.", show_default=False)
    ] = None,
    form: Annotated[Form, typer.Option("--format", help="csv or json.")] = Form.CSV,
    out: Annotated[
        Path | None, typer.Option(help="The file to write; without it standard output.", show_default=False)
    ] = None,
) -> None:
    """What was agreed, for the lender's own system: every installment with another day or amount, and control totals.

    Amounts are what is still to be paid of an installment. Key them before the next file of the book comes: a file that
    says something else of an arrangement's installments ends it.

    Example: duecourse arrangement export --since 2026-03-01 --out arrangements.csv
    """
    here = context()
    conn = here.connect()
    bounds = [
        local_instant(conn, parse_date(text, option), time(), here.lender_zone) if text else None
        for text, option in ((since, "--since"), (until, "--until"))
    ]
    found = list_arrangements(conn, since=bounds[0], until=bounds[1], take=MOST_EXPORTED)
    found = [one for one in found if one.state != State.WITHDRAWN]
    if form is Form.JSON and out is None:
        print_json(here.console, export_facts(found))
        return
    text = (
        export_csv(found)
        if form is Form.CSV
        else json.dumps(export_facts(found), ensure_ascii=False, indent=2)
    )
    if out is None:
        here.console.out(text, highlight=False, end="")
        return
    out.write_text(text, encoding="utf-8")
    here.console.print(say("{count:,} arrangements are written to {path}.", count=len(found), path=out))
