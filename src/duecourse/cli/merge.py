"""`duecourse borrower merge`."""

from __future__ import annotations

from typing import Annotated

import typer

from duecourse.dispatch.merging import merge_borrowers, undo_merge
from duecourse.domain.problems import DuecourseError, Problem

from .context import context
from .screen import print_json, table
from .words import say, word


def merge(
    keep_key: Annotated[str, typer.Argument(help="Customer key of the record that stays.")],
    other_key: Annotated[str, typer.Argument(help="Customer key of the record that becomes part of it.")],
    evidence: Annotated[
        str,
        typer.Option(help="How it is known that both are one person; nothing personal.", show_default=False),
    ] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Do it, say what it did, and take it back.")
    ] = False,
    undo: Annotated[bool, typer.Option("--undo", help="Take an earlier merge of these two back.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Report as JSON.")] = False,
) -> None:
    """Make two records of one person, or of one company, one.

    Loans, payments, messages, the ledger that caps count, addresses and wishes of the other record go to the one that
    stays, all at once or not at all; both keys lead to it from then on. Refused while a message of either is under way.
    An undo works until a message has spoken of loans of both.

    Example: duecourse borrower merge C00042 C00871 --evidence "same passport, seen on 3 March"
    """
    if not evidence and not undo:
        said = "say how it is known that both are one person"
        raise DuecourseError(Problem("D065", "--evidence", said, "Nothing was changed."))
    here = context()
    conn = here.connect(autocommit=True)
    pair = (here.keyring, keep_key, other_key)
    done = (
        undo_merge(conn, *pair, by=here.user, now=here.now(), dry_run=dry_run)
        if undo
        else merge_borrowers(conn, *pair, evidence=evidence, by=here.user, now=here.now(), dry_run=dry_run)
    )
    if as_json:
        state = {"kept": done.kept_key, "other": done.other_key, "undone": undo, "dry_run": dry_run}
        print_json(here.console, {**state, "rows": done.counts})
        return
    rows = [(word("moved", what), f"{count:,}") for what, count in done.counts.items() if count]
    here.console.print(table(say("Rows moved"), [say("what"), say("rows")], rows, right=[1]))
    if dry_run:
        here.console.print(say("Nothing was changed: this was a dry run"))
    elif undo:
        here.console.print(say("{other} is a record of its own again", other=done.other_key))
    else:
        here.console.print(
            say(
                "{other} is part of {kept} now; both keys lead there",
                other=done.other_key,
                kept=done.kept_key,
            )
        )
