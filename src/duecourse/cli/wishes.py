"""What the commands about wishes share: the borrower, instants, evidence, and how a change is told."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID
from zoneinfo import ZoneInfo

import psycopg
import typer

from duecourse.book.parties import loans_answered
from duecourse.book.reading import Borrower, find_borrower
from duecourse.book.wishes import Person, Said, instant_of
from duecourse.dispatch.reading import count_touched
from duecourse.domain.problems import DuecourseError, Problem

from .context import Context, context
from .screen import print_json, table
from .words import say

BorrowerArgument = Annotated[
    str, typer.Argument(metavar="BORROWER", help="The lender's customer key.", show_default=False)
]
EvidenceOption = Annotated[
    str,
    typer.Option(
        help="Where it can be seen: a document, a call, a message. Nothing personal.", show_default=False
    ),
]
AtOption = Annotated[
    str | None,
    typer.Option(
        "--at",
        "--since",
        metavar="INSTANT",
        help="Since when: ISO 8601 with its offset; without, and for a day alone, the borrower's time. Default: now.",
        show_default=False,
    ),
]
AsOfOption = Annotated[
    str | None,
    typer.Option(
        metavar="INSTANT",
        help="What was in force then, as it was known then. Default: now.",
        show_default=False,
    ),
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Say what would change, and change nothing.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Report as JSON.")]
LoanOption = Annotated[
    str | None, typer.Option(help="Only this loan, by the lender's contract key.", show_default=False)
]
CreditorOption = Annotated[
    str | None, typer.Option(help="Whose loan, when two creditors use one contract key.", show_default=False)
]


@dataclass(frozen=True)
class Case:
    """One borrower, one change: on a connection, at an instant."""

    here: Context
    conn: psycopg.Connection
    borrower: Borrower
    now: datetime
    dry_run: bool = False
    as_json: bool = False

    @property
    def person(self) -> Person:
        """The borrower by place."""
        return Person(self.borrower.lane, self.borrower.borrower_id)

    def at(self, text: str | None, option: str = "--at", *, end_of_day: bool = False) -> datetime | None:
        """What an option says, as an instant; None when it is not given. Raises DuecourseError D080, exit code 2."""
        if text is None:
            return None
        return parse_instant(self.conn, text, self.borrower.zone, option, end_of_day=end_of_day)

    def said(self, evidence: str, at: str | None) -> Said:
        """Who says what, since when."""
        return Said(evidence, "cli", self.here.user, self.at(at) or self.now, self.now)

    def loan_id(self, loan: str | None, creditor: str | None) -> UUID | None:
        """The loan of an option, if they answer for it. Raises DuecourseError D081 (for none) or D082 (for several)."""
        if loan is None:
            return None
        found = list(
            dict.fromkeys(
                one.loan_id
                for one in loans_answered(self.conn, self.borrower.lane, self.borrower.borrower_id)
                if one.loan_ref == loan and creditor in (None, one.creditor)
            )
        )
        if not found:
            raise DuecourseError(
                Problem("D081", "--loan", "the borrower answers for no loan with this contract key")
            )
        if len(found) > 1:
            raise DuecourseError(
                Problem(
                    "D082", "--loan", "several creditors use this contract key; say which with --creditor"
                )
            )
        return found[0]


def typed(text: str) -> str:
    """What an option says; for `-` the next line of standard input, so that no number stands in a shell's history."""
    return sys.stdin.readline().strip() if text == "-" else text


def parse_instant(
    conn: psycopg.Connection, text: str, zone: str, option: str, *, end_of_day: bool = False
) -> datetime:
    """An instant of the command line. Raises DuecourseError D080, exit code 2."""
    try:
        return instant_of(conn, text, zone, end_of_day=end_of_day)
    except ValueError:
        raise DuecourseError(
            Problem("D080", option, f"{text!r} is no instant; use 2026-03-01 or 2026-03-01T09:30+08:00"),
            exit_code=2,
        ) from None


@contextmanager
def case_of(key: str) -> Iterator[Case]:
    """The borrower of a key, in a transaction that is committed at the end. Raises DuecourseError D033."""
    here = context()
    conn = here.connect()
    borrower = find_borrower(conn, here.keyring, key)
    if borrower is None:
        raise DuecourseError(Problem("D033", "BORROWER", "no borrower of the book has this customer key"))
    with conn.transaction():
        yield Case(here, conn, borrower, here.now())


@contextmanager
def tried(conn: psycopg.Connection, dry_run: bool) -> Iterator[None]:
    """What is done inside, and taken back when it was only a trial."""
    with conn.transaction(force_rollback=dry_run):
        yield


@contextmanager
def change_of(key: str, *, dry_run: bool, as_json: bool) -> Iterator[Case]:
    """As case_of, for a change that is told by `tell`; taken back when it is only a trial."""
    with case_of(key) as case, tried(case.conn, dry_run):
        yield replace(case, dry_run=dry_run, as_json=as_json)


def show_words(
    key: str,
    as_of: str | None,
    read: Callable[..., Sequence[Any]],
    *,
    as_json: bool,
    title: str,
    columns: Sequence[str],
    row: Callable[[Any, str], Sequence[object]],
) -> None:
    """What a borrower said, as it was known at an instant: what is in force, and every word in order.

    read: of the book, dataclasses with `in_force`; row: one of them and the borrower's zone as cells of the table.
    title: already in the reader's language.
    """
    with case_of(key) as case:
        at = case.at(as_of, "--as-of") or case.now
        words = read(case.conn, case.person, at=at)
    console, zone = case.here.console, case.borrower.zone
    if as_json:
        rows = [asdict(one) for one in words]
        in_force = [one for one in rows if one["in_force"]]
        print_json(console, {"borrower": key, "as_of": at, "in_force": in_force, "history": rows})
        return
    console.print(table(title, columns, [row(one, zone) for one in words]))


def touched(case: Case, people: Sequence[Person], **scope: Any) -> int:
    """Messages not handed over yet that a change is about."""
    return count_touched(case.conn, [(one.lane, one.borrower_id) for one in people], now=case.now, **scope)


def tell(
    case: Case,
    what: str,
    *,
    changed: int,
    people: int = 1,
    messages: int,
    **more: object,
) -> None:
    """What a change did or would do. what: the sentence, already in the reader's language."""
    if case.as_json:
        print_json(
            case.here.console,
            {
                "borrower": case.borrower.borrower_key,
                "changed": changed,
                "borrowers": people,
                "messages_affected": messages,
                "dry_run": case.dry_run,
                **more,
            },
        )
        return
    console = case.here.console
    console.print(what, highlight=False)
    if people > 1:
        console.print(say("Borrowers concerned: {count}", count=people))
    console.print(say("Messages not handed over yet that this is about: {count}", count=messages))
    if case.dry_run:
        console.print(say("A dry run: nothing was changed."))


def local_time(moment: datetime | None, zone: str) -> str:
    """An instant in the borrower's zone, to the minute."""
    return "" if moment is None else moment.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M %z")
