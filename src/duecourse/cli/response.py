"""`duecourse response`: what borrowers answer, and the answers that wait for a person."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated

import psycopg
import typer

from duecourse.book.reading import find_borrower
from duecourse.book.wishes import Person
from duecourse.domain.money import MoneyError, to_minor
from duecourse.domain.problems import DuecourseError, Problem
from duecourse.responses.correcting import (
    Place,
    assign_response,
    close_response,
    find_response,
    read_again,
    response_at,
    undo_response,
)
from duecourse.responses.intents import Intent
from duecourse.responses.promises import PromiseState, judge_promises, list_promises
from duecourse.responses.queue import list_responses, show_response
from duecourse.responses.recording import Room

from .answers import (
    followed_in_words,
    money_in_words,
    print_answers,
    print_response,
    promise_facts,
    response_facts,
)
from .context import Context, context
from .dates import parse_date
from .screen import print_json, table
from .wishes import JsonOption
from .words import listed, say, word
from .workshop import confirmer, policies_in_force

app = typer.Typer(
    help="What borrowers answer: list, show, handle, close, undo, promises.", no_args_is_help=True
)

IdArgument = Annotated[
    str, typer.Argument(metavar="ID", help="The answer's id, or its first six digits or more.")
]
LimitOption = Annotated[int, typer.Option("--limit", min=1, help="At most so many.")]


@dataclass(frozen=True, slots=True)
class Case:
    """One answer, in a transaction that is committed at the end."""

    here: Context
    conn: psycopg.Connection
    place: Place
    now: datetime
    room: Room


@contextmanager
def _case(text: str) -> Iterator[Case]:
    here = context()
    conn = here.connect()
    plannables = policies_in_force(conn, here.settings.actor)
    room = Room(plannables=plannables, confirmer=confirmer(here), by=here.user)
    with conn.transaction():
        yield Case(here, conn, find_response(conn, text), here.now(), room)


@app.command("list")
def list_(
    open_only: Annotated[
        bool,
        typer.Option("--open", help="Only those that wait for a person: the gravest first, then the oldest."),
    ] = False,
    intent: Annotated[
        Intent | None, typer.Option(help="Only those read as this.", show_default=False)
    ] = None,
    take: LimitOption = 200,
    as_json: JsonOption = False,
) -> None:
    """What borrowers answered and how it was read, without their words; the latest first.

    Example: duecourse response list --open
    """
    here = context()
    conn = here.connect()
    found = list_responses(conn, open_only=open_only, intent=intent, take=take)
    if as_json:
        now = here.book_now()
        print_json(here.console, [response_facts(one, now) for one in found])
        return
    print_answers(here, found, say("Answers that wait for a person") if open_only else say("Answers"))


@app.command()
def show(response: IdArgument, as_json: JsonOption = False) -> None:
    """One answer in full: the borrower's words, how they were read, what followed. That you looked is noted with it.

    Example: duecourse response show 3f2a9c
    """
    with _case(response) as case:
        found = show_response(case.conn, case.here.keyring, case.place, by=case.here.user, now=case.now)
    if as_json:
        print_json(case.here.console, found | response_facts(found, case.here.book_now()))
        return
    print_response(case.here, found)


@app.command()
def handle(
    response: IdArgument,
    meant: Annotated[
        list[Intent] | None,
        typer.Option(
            "--as", help="What it means, the gravest first; may be given more than once.", show_default=False
        ),
    ] = None,
    promise: Annotated[
        str | None,
        typer.Option(metavar="DATE", help="The day promised, as YYYY-MM-DD.", show_default=False),
    ] = None,
    amount: Annotated[
        str | None,
        typer.Option(help="The amount promised, in units of the debt's currency.", show_default=False),
    ] = None,
    borrower: Annotated[
        str | None,
        typer.Option(metavar="KEY", help="Whose answer it is, where that was not known.", show_default=False),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Say what an answer means, or whose it is. What followed from another reading is taken back, what follows from
    this one is done, and it leaves the queue.

    Example: duecourse response handle 3f2a9c --as will-pay --promise 2026-03-20 --amount 500
    """
    with _case(response) as case:
        place = case.place
        if borrower is not None:
            place = _assigned(case, borrower)
        if meant:
            read_again(
                case.conn,
                place,
                tuple(meant),
                by=case.here.user,
                now=case.now,
                promised_on=parse_date(promise, "--promise") if promise else None,
                amount_minor=_minor(case, place, amount) if amount else None,
                room=case.room,
            )
        elif borrower is None or promise or amount:
            raise DuecourseError(
                Problem("D195", "--as", "say what it means, or whose it is with --borrower"), exit_code=2
            )
        _tell(case, place, as_json=as_json)


@app.command()
def close(
    response: IdArgument,
    note: Annotated[
        str, typer.Option(help="What was done; kept sealed with the answer.", show_default=False)
    ],
) -> None:
    """Take an answer out of the queue: a person has dealt with it. Holds that follow from it stay until they are ended.

    Example: duecourse response close 3f2a9c --note "called back, agreed to a plan"
    """
    with _case(response) as case:
        closed = close_response(
            case.conn, case.here.keyring, case.place, note=note, by=case.here.user, now=case.now
        )
    case.here.console.print(say("The answer is closed.") if closed else say("It was not in the queue."))


@app.command()
def undo(response: IdArgument, as_json: JsonOption = False) -> None:
    """Take back all that followed from an answer: holds, pauses and stops end, a retired address serves again. The end
    of a number's suppression is asked for, and another person agrees to it. What was sent or asked of a person stays.

    Example: duecourse response undo 3f2a9c
    """
    with _case(response) as case:
        undo_response(case.conn, case.place, by=case.here.user, now=case.now, room=case.room)
        _tell(case, case.place, as_json=as_json)


@app.command()
def promises(
    first: Annotated[
        str | None, typer.Option("--from", metavar="DATE", help="First day promised.", show_default=False)
    ] = None,
    last: Annotated[
        str | None,
        typer.Option("--to", metavar="DATE", help="Last day promised, included.", show_default=False),
    ] = None,
    state: Annotated[
        PromiseState | None, typer.Option(help="Only those that stand so.", show_default=False)
    ] = None,
    take: LimitOption = 1000,
    as_json: JsonOption = False,
) -> None:
    """Promises to pay by their day, and whether the payments in the book kept them.

    A payment of the day after still keeps it. Nothing is called broken before the payments of its day are known.

    Example: duecourse response promises --from 2026-03-01 --to 2026-03-31
    """
    here = context()
    conn = here.connect()
    judge_promises(conn, lanes=range(256), as_of=here.book_day(), now=here.now())
    found = list_promises(
        conn,
        from_on=parse_date(first, "--from") if first else None,
        to_on=parse_date(last, "--to") if last else None,
        state=state,
        take=take,
    )
    if as_json:
        print_json(here.console, [promise_facts(one) for one in found])
        return
    rows = [
        (
            one.borrower_key, one.loan or say("all"), one.said_on, one.promised_on,
            money_in_words(one.amount_minor, one.currency), money_in_words(one.paid_minor, one.currency),
            word("promise", one.state),
            "" if one.accepted else say("did not pause"), str(one.response_id)[:8],
        )
        for one in found
    ]  # fmt: skip
    columns = [
        say("borrower"), say("loan"), say("said"), say("promised for"), say("amount"), say("paid in time"),
        say("stands"), say("pause"), say("id"),
    ]  # fmt: skip
    here.console.print(table(say("Promises to pay"), columns, rows, right=(4, 5)))


def _assigned(case: Case, key: str) -> Place:
    found = find_borrower(case.conn, case.here.keyring, key)
    if found is None:
        raise DuecourseError(Problem("D033", "--borrower", "no borrower of the book has this customer key"))
    return assign_response(
        case.conn,
        case.here.keyring,
        case.place,
        Person(found.lane, found.borrower_id),
        by=case.here.user,
        now=case.now,
        room=case.room,
    )


def _minor(case: Case, place: Place, text: str) -> int:
    """An amount in the currency of the answer's debt. Raises DuecourseError D196."""
    currency = response_at(case.conn, place)["currency"]
    try:
        if not currency:
            raise MoneyError("the person owes in several currencies")
        amount = to_minor(Decimal(text), currency)
        if amount <= 0:
            raise MoneyError("it is not above zero")
    except (InvalidOperation, MoneyError) as error:
        why = str(error) if isinstance(error, MoneyError) else "it is no number"
        raise DuecourseError(Problem("D196", "--amount", f"this is no amount: {why}"), exit_code=2) from None
    return amount


def _tell(case: Case, place: Place, *, as_json: bool) -> None:
    """What follows now."""
    found = show_response(case.conn, case.here.keyring, place, by=case.here.user, now=case.now)
    if as_json:
        print_json(case.here.console, found | response_facts(found, case.here.book_now()))
        return
    standing = [one for one in found["effects"] if one["undone_at"] is None]
    case.here.console.print(
        say(
            "Read as {intents}. What follows now: {effects}.",
            intents=listed(word("answer", one) for one in found["intents"]),
            effects=listed(followed_in_words(one) for one in standing) or say("nothing"),
        )
    )
    if found["waits"]:
        case.here.console.print(
            say("It waits for a person: {why}.", why=word("why an answer waits", found["waits"]))
        )
