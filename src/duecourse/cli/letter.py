"""`duecourse letter`: what became of letters."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from duecourse.channels.letter.returns import read_returns
from duecourse.dispatch.receipts import append_receipts, unknown_references
from duecourse.domain.problems import DuecourseError

from .context import context
from .screen import print_json
from .words import say

app = typer.Typer(help="Letters: take a list of what came back.", no_args_is_help=True)


@app.command()
def returns(
    file: Annotated[
        Path,
        typer.Argument(help="CSV: reference, status and, if known, reason, on.", exists=True, dir_okay=False),
    ],
    provider: Annotated[
        str, typer.Option(help="The print house's name in providers.toml.", show_default=False)
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read and tell, store nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Take a list of letters that were delivered or came back: the print house's, or one kept in the mail room.

    The reference stands under the bars of each letter. The same list twice changes nothing. A worker applies it within
    a minute: an address where nobody of the name lives is retired, and the message's route goes on.

    Example: duecourse letter returns returned-2026-11.csv --provider print-house
    """
    here = context()
    told = read_returns(file.read_bytes(), file.name)
    if not told.receipts and told.problems:
        raise DuecourseError(list(told.problems))
    with here.store.connect() as conn:
        strange = unknown_references(conn, provider, [receipt.provider_id for receipt in told.receipts])
        known = [receipt for receipt in told.receipts if receipt.provider_id not in strange]
        if known and not dry_run:
            append_receipts(conn, here.keyring, provider, known, now=here.now())
    if as_json:
        print_json(
            here.console,
            {
                "taken": len(known),
                "unknown": sorted(strange),
                "bad_rows": [str(problem) for problem in told.problems],
                "dry_run": dry_run,
            },
        )
        return
    for problem in told.problems:
        here.console.print(str(problem), markup=False, highlight=False)
    for reference in sorted(strange):
        here.console.print(
            say("{reference}: no letter of {provider} has it.", reference=reference, provider=provider)
        )
    here.console.print(
        say("{count:,} would be taken; nothing was stored.", count=len(known))
        if dry_run
        else say("{count:,} taken.", count=len(known))
    )
