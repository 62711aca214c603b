"""`duecourse inbox`: what the lender's own app fetches for a borrower, and noting that it was opened."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from duecourse.dispatch.inbox import InboxMessage, inbox_of, mark_read
from duecourse.dispatch.reading import find_message
from duecourse.domain.problems import DuecourseError, Problem

from .screen import print_json, table
from .wishes import Case, JsonOption, case_of, local_time
from .words import say, word

app = typer.Typer(help="The inbox of the lender's own app: list, read.", no_args_is_help=True)

BorrowerOption = Annotated[
    str, typer.Option("--borrower", help="The lender's customer key.", show_default=False)
]


@app.command("list")
def list_(
    borrower: BorrowerOption,
    unread: Annotated[bool, typer.Option("--unread", help="Only what was not opened yet.")] = False,
    take: Annotated[int, typer.Option("--limit", min=1, help="At most so many, the latest first.")] = 100,
    as_json: JsonOption = False,
) -> None:
    """What lies in a borrower's inbox, the latest first. Nothing is marked: `duecourse inbox read` does that.

    Example: duecourse inbox list --borrower C00042 --unread --json
    """
    with case_of(borrower) as case:
        found = [one for one in _inbox(case, take) if not (unread and one.read)]
    if as_json:
        print_json(case.here.console, [_facts(one) for one in found])
        return
    rows = [
        (
            str(one.message_id)[:8], local_time(one.sent_at, case.borrower.zone), word("purpose", one.purpose),
            one.subject, say("yes") if one.read else "",
        )
        for one in found
    ]  # fmt: skip
    columns = [say("id"), say("sent at"), say("purpose"), say("subject"), say("opened")]
    case.here.console.print(table(say("Inbox"), columns, rows))


@app.command()
def read(
    message: Annotated[str, typer.Argument(metavar="ID", help="The message's id, or its beginning.")],
    borrower: BorrowerOption,
    as_json: JsonOption = False,
) -> None:
    """One message of a borrower's inbox, and note that it was opened. Again it changes nothing.

    Example: duecourse inbox read 1f3a9c02 --borrower C00042
    """
    with case_of(borrower) as case:
        _, message_id = find_message(case.conn, message)
        found = next((one for one in _inbox(case, 10_000) if one.message_id == message_id), None)
        if found is None:
            raise DuecourseError(Problem("D031", "ID", "no message of this borrower's inbox has this id"))
        mark_read(case.conn, case.here.keyring, found, now=case.now)
    if as_json:
        print_json(case.here.console, _facts(found) | {"read": True})
        return
    case.here.console.print(found.subject, style="bold", highlight=False, markup=False)
    case.here.console.print(found.text, highlight=False, markup=False)
    if found.link:
        case.here.console.print(found.link, highlight=False, markup=False)


def _inbox(case: Case, most: int) -> list[InboxMessage]:
    return inbox_of(case.conn, case.here.keyring, case.borrower.lane, case.borrower.borrower_id, most=most)


def _facts(one: InboxMessage) -> dict[str, Any]:
    return {
        "id": one.message_id,
        "step": one.step,
        "purpose": one.purpose,
        "sent_at": one.sent_at,
        "read": one.read,
        "subject": one.subject,
        "text": one.text,
        "html": one.html,
        "link": one.link,
    }
