"""`duecourse carrier`: which carriers serve the book's numbers, and which numbers were ported."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from duecourse.dispatch.carriers import count_carriers, import_ported, learn_carriers

from .context import context
from .registration import DryRunOption, JsonOption, print_import
from .screen import print_json, table
from .words import say, word

app = typer.Typer(help="Carriers of numbers: import, list.", no_args_is_help=True)


@app.command("import")
def import_file(
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="CSV with a header of number and carrier.")
    ],
    region: Annotated[
        str, typer.Option(help="ISO 3166 country of numbers that are written without a country code.")
    ] = "CN",
    source: Annotated[str, typer.Option(help="Who says so; kept with each number.")] = "import",
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Take in numbers that left the carrier of their prefix: from now on the providers of the new one carry them.

    Only a keyed index of each number is kept. The same file again changes nothing; every bad row is named.

    Example: duecourse carrier import ported.csv --source "number portability centre"
    """
    here = context()
    conn = here.connect()
    with file.open(encoding="utf-8-sig", newline="") as lines:
        report = import_ported(
            conn,
            here.keyring,
            lines,
            name=file.name,
            region=region,
            source=source,
            now=here.now(),
            dry_run=dry_run,
        )
    conn.commit()
    print_import(here, file.name, report, dry_run, as_json)


@app.command("list")
def list_carriers(as_json: JsonOption = False) -> None:
    """How many of the book's numbers each carrier serves, and how that is known: by prefix, ported, or checked.

    Example: duecourse carrier list --json
    """
    here = context()
    conn = here.connect()
    learn_carriers(conn, here.keyring, range(256), now=here.now())
    found = count_carriers(conn)
    if as_json:
        print_json(
            here.console,
            [{"carrier": carrier, "source": source, "numbers": count} for carrier, source, count in found],
        )
        return
    rows = [(carrier or say("not known"), word("carrier", source), count) for carrier, source, count in found]
    here.console.print(
        table(say("Numbers by carrier"), [say("carrier"), say("by"), say("how many")], rows, right=[2])
    )
