"""`duecourse contact`: contacts made elsewhere, and the ledger of one borrower."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from duecourse.book.importing import Progress
from duecourse.book.mapping import load_mapping
from duecourse.dispatch.contacts import contacts_of, import_contacts

from .book import import_as_json, import_bar, print_import
from .context import context
from .screen import print_json, table
from .wishes import BorrowerArgument, JsonOption, case_of, local_time
from .words import listed, say, word

app = typer.Typer(help="Contacts made elsewhere: import, show.", no_args_is_help=True)


@app.command("import")
def import_(
    file: Annotated[
        Path, typer.Argument(help="Calls and messages made elsewhere: CSV or Parquet.", show_default=False)
    ],
    mapping: Annotated[
        Path,
        typer.Option("--mapping", "-m", help="The mapping file (TOML) with [[contact]].", show_default=False),
    ],
    strict: Annotated[
        bool, typer.Option("--strict", help="One bad row refuses the file; nothing is written.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check every row, write nothing.")] = False,
    rejects: Annotated[
        Path | None, typer.Option("--rejects", help="Where refused rows go.", show_default=False)
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Append contacts made elsewhere to the ledger, where they count in every cap from then on.

    The same file twice changes nothing; a later file adds what was reached. Bad rows are named, written to
    FILE.rejects.csv and left out. Exit code 1 when a row was refused.

    Example: duecourse contact import calls.csv --mapping calls.toml
    """
    now = context()
    loaded = load_mapping(mapping)
    now.required_setting("lender_zone")  # says D001 when there is no book yet
    if not dry_run and rejects is None:
        folder = file.parent if os.access(file.parent, os.W_OK) else Path()
        rejects = folder / (file.name + ".rejects.csv")
    conn = now.store.connect(autocommit=True, idle_in_transaction_seconds=0)
    with conn, import_bar(file.name) as bar:
        task = bar.add_task("", total=1.0, note="")

        def show_progress(position: Progress) -> None:
            bar.update(task, completed=position.fraction)

        report = import_contacts(
            conn,
            now.keyring,
            file,
            loaded,
            now=now.now(),
            where=str(mapping),
            strict=strict,
            dry_run=dry_run,
            rejects=rejects,
            progress=show_progress,
        )
    if as_json:
        print_json(now.console, import_as_json(report))
    else:
        print_import(now.console, report)
    if report.rejected:
        raise typer.Exit(1)


@app.command()
def show(
    borrower: BorrowerArgument,
    most: Annotated[int, typer.Option(help="At most so many, the latest first.", min=1)] = 100,
    as_json: JsonOption = False,
) -> None:
    """Every contact of a borrower that caps count: ours, other systems' and permitted ones.

    Example: duecourse contact show C00042
    """
    with case_of(borrower) as case:
        contacts = contacts_of(case.conn, case.borrower.lane, case.borrower.borrower_id, most=most)
    if as_json:
        print_json(context().console, {"borrower": borrower, "contacts": contacts})
        return
    rows = [
        (
            local_time(one["at"], case.borrower.zone),
            word("channel", one["channel"]),
            word("purpose", one["purpose"]),
            word("actor", one["actor"]),
            word("outcome", one["outcome"]),
            listed(one["loans"]),
            word("ledger", one["source"]),
            one["system"],
            one["agent"],
            say("yes") if one["counts"] else say("no"),
        )
        for one in contacts
    ]
    columns = [
        say("at"), say("channel"), say("purpose"), say("by whom"), say("outcome"), say("loans"), say("known from"),
        say("system"), say("agent"), say("counts"),
    ]  # fmt: skip
    context().console.print(table(say("Contacts of {borrower}", borrower=borrower), columns, rows))
