"""`duecourse book`: import a lender's file, check one, sum the book up; deliveries and mappings stand beside."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from duecourse.book.importing import ImportReport, import_book
from duecourse.book.importing import Progress as Position
from duecourse.book.rejects import rejects_name
from duecourse.book.shipped import find_mapping
from duecourse.book.summary import summary as summarise
from duecourse.domain.problems import DuecourseError, Problem

from .allocation import app as allocation_app
from .context import context
from .dates import parse_date
from .delivery import check_delivery, deliver, watch
from .mappings import SetOption, map_, mappings, parse_settings
from .screen import print_json, table
from .words import listed, say, word

app = typer.Typer(
    help="The loan book: import, check, deliveries, mappings, summary, order of allocation.",
    no_args_is_help=True,
)
app.command()(deliver)
app.command()(watch)
app.command("map")(map_)
app.command()(mappings)
app.add_typer(allocation_app, name="allocation")

FileArgument = Annotated[
    Path,
    typer.Argument(
        help="The lender's file: CSV, fixed width, Excel, JSON, JSON lines or Parquet.", show_default=False
    ),
]
MappingOption = Annotated[
    Path,
    typer.Option(
        "--mapping",
        "-m",
        help="The mapping file (TOML), or the name of one that comes with the program.",
        show_default=False,
    ),
]
RejectsOption = Annotated[
    Path | None, typer.Option("--rejects", help="Where refused rows go.", show_default=False)
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")]

PROBLEMS_SHOWN = 20


@app.command("import")
def import_(
    file: FileArgument,
    mapping: MappingOption,
    strict: Annotated[
        bool, typer.Option("--strict", help="One bad row refuses the file; nothing is written.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="As `book check`.")] = False,
    rejects: RejectsOption = None,
    set_: SetOption = None,
    complete_through: Annotated[
        str | None,
        typer.Option(
            help="The file has all payments of its feed through this day, YYYY-MM-DD; before the mapping's own.",
            metavar="DATE",
            show_default=False,
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Import a file into the book. The same file twice changes nothing; changed rows update, with history.

    Bad rows are listed, written to FILE.rejects.csv (of JSON: .jsonl; here, when FILE's folder is read-only) and
    left out; the rest goes in. Exit code 1 when a row was refused.

    Example: duecourse book import accounts.csv --mapping mapping.toml
    """
    day = parse_date(complete_through, "--complete-through") if complete_through else None
    _run(
        file,
        mapping,
        strict=strict,
        dry_run=dry_run,
        rejects=rejects,
        settings=set_,
        complete_through=day,
        as_json=as_json,
    )


@app.command()
def check(
    file: FileArgument,
    mapping: Annotated[
        Path | None,
        typer.Option(
            "--mapping",
            "-m",
            help="The mapping file (TOML), or the name of one that comes with the program.",
            show_default=False,
        ),
    ] = None,
    delivery: Annotated[
        Path | None,
        typer.Option(
            "--delivery", "-d", help="The delivery file (TOML); FILE is then a folder.", show_default=False
        ),
    ] = None,
    rejects: RejectsOption = None,
    set_: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check a file against its mapping and the book, row by row, and write nothing; or a folder as a delivery.

    Exit code 1 when a row would be refused.

    Example: duecourse book check accounts.csv --mapping mapping.toml
    """
    if (mapping is None) == (delivery is None):
        misuse = Problem("D070", "book check", "give --mapping for a file, or --delivery for a folder")
        raise DuecourseError(misuse, exit_code=2)
    if delivery is not None:
        check_delivery(file, delivery, as_json=as_json)
    elif mapping is not None:
        _run(file, mapping, strict=False, dry_run=True, rejects=rejects, settings=set_, as_json=as_json)


@app.command()
def summary(as_json: JsonOption = False) -> None:
    """Sum the book up: borrowers, loans, installments, payments, their amounts, and the last imports.

    Example: duecourse book summary --json
    """
    now = context()
    simulated = now.simulated  # says D001 when there is no book yet
    found = {**summarise(now.connect(autocommit=True)), "simulated": simulated}
    if as_json:
        print_json(now.console, found)
        return
    people = {
        "borrowers": found["borrowers"],
        "lanes": found["lanes"],
        "points": found["contact_points"],
        "retired": found["retired_contact_points"],
        "opt_outs": found["opt_outs"],
    }
    now.console.print(
        say(
            "A simulated book: {borrowers:,} borrowers in {lanes} lanes, {points:,} contact points "
            "({retired:,} retired), {opt_outs:,} opt-outs",
            **people,
        )
        if simulated
        else say(
            "A live book: {borrowers:,} borrowers in {lanes} lanes, {points:,} contact points "
            "({retired:,} retired), {opt_outs:,} opt-outs",
            **people,
        )
    )
    _print_money(now.console, found)
    _print_last(now.console, found)


def _print_money(console: Console, found: Mapping[str, Any]) -> None:
    rows = [
        (
            currency,
            f"{money['loans']:,}",
            f"{money['installments']:,}",
            money["installments_amount"],
            f"{money['payments']:,}",
            money["payments_amount"],
            money["reversed_amount"],
            money["unallocated_amount"],
        )
        for currency, money in found["currencies"].items()
    ]
    columns = [
        say("currency"), say("loans"), say("installments"), say("amount"), say("payments"), say("amount"),
        say("reversed"), say("unallocated"),
    ]  # fmt: skip
    console.print(table(say("Money"), columns, rows, right=(1, 2, 3, 4, 5, 6, 7)))
    if found["suspense"]:
        console.print(
            say(
                "Money without a loan: {count:,} payments; see: duecourse payment suspense",
                count=found["suspense"],
            )
        )


def _print_last(console: Console, found: Mapping[str, Any]) -> None:
    feeds = [(one["creditor"], one["source"], one["complete_through"]) for one in found["feeds"]]
    if feeds:
        columns = [say("creditor"), say("source"), say("complete through")]
        console.print(table(say("Payment feeds"), columns, feeds))
    deliveries = [
        (one["started_at"][:16], one["delivery"], one["delivered_on"], word("delivery", one["state"]),
         one["rows"], one["rejected"])
        for one in found["deliveries"]
    ]  # fmt: skip
    if deliveries:
        columns = [say("started"), say("delivery"), say("of"), say("state"), say("rows"), say("rejected")]
        console.print(table(say("Last deliveries"), columns, deliveries, right=(4, 5)))
    imports = [
        (
            one["started_at"][:16],
            one["file"],
            one["mapping"],
            word("import", one["state"]),
            one["rows"],
            one["rejected"],
        )
        for one in found["imports"]
    ]
    columns = [say("started"), say("file"), say("mapping"), say("state"), say("rows"), say("rejected")]
    console.print(table(say("Last imports"), columns, imports, right=(4, 5)))


def _run(
    file: Path,
    mapping_file: Path,
    *,
    strict: bool,
    dry_run: bool,
    rejects: Path | None,
    settings: list[str] | None,
    complete_through: date | None = None,
    as_json: bool,
) -> None:
    now = context()
    mapping = find_mapping(mapping_file, parse_settings(settings))
    if not dry_run and rejects is None:
        folder = file.parent if os.access(file.parent, os.W_OK) else Path()
        rejects = folder / rejects_name(file, mapping.source)
    now.required_setting("lender_zone")  # says D001 when there is no book yet
    # No limit on idle time in a transaction: a strict import holds one while it reads the file.
    conn = now.store.connect(autocommit=True, idle_in_transaction_seconds=0)
    with conn, import_bar(file.name) as bar:
        task = bar.add_task("", total=1.0, note="")

        def show(position: Position) -> None:
            seconds = bar.tasks[0].elapsed or 0
            rate = position.rows / seconds if seconds else 0
            note = say(
                "{rows:,} rows, {rate:,.0f}/s, {refused:,} refused",
                rows=position.rows,
                rate=rate,
                refused=position.rejected,
            )
            bar.update(task, completed=position.fraction, note=note)

        report = import_book(
            conn,
            now.keyring,
            file,
            mapping,
            now=now.now(),
            where=str(mapping_file),
            strict=strict,
            dry_run=dry_run,
            rejects=rejects,
            complete_through=complete_through,
            progress=show,
            zones_of=now.packs.zones,
        )
        bar.update(task, completed=1.0)
    if as_json:
        print_json(now.console, import_as_json(report))
    else:
        print_import(now.console, report)
    if report.rejected:
        raise typer.Exit(1)


def import_bar(file: str) -> Progress:
    """How far an import is, on standard error."""
    return Progress(
        TextColumn(file),
        BarColumn(),
        TextColumn("{task.fields[note]}"),
        TimeElapsedColumn(),
        TextColumn(say("left")),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )


def import_as_json(report: ImportReport) -> dict[str, object]:
    """What an import did, for programs."""
    return {
        "file": report.file,
        "state": report.state,
        "rows": report.rows,
        "rejected": report.rejected,
        "counts": dict(report.counts),
        "codes": dict(report.codes),
        "scientific": report.scientific,
        "rejects": str(report.rejects) if report.rejects else None,
        "seconds": round(report.seconds, 3),
        "problems": [{"code": p.code, "where": p.where, "text": str(p)} for p in report.problems],
    }


def print_import(console: Console, report: ImportReport) -> None:
    """What an import did, for people."""
    for problem in report.problems[:PROBLEMS_SHOWN]:
        console.print(str(problem), style="red", highlight=False, markup=False, soft_wrap=True)
    kinds = (
        "borrowers", "contact_points", "parties", "loans", "installments", "payments", "reversals", "debits",
        "suspense", "consents", "holds", "preferences", "events",
    )  # fmt: skip
    rows = [
        (
            word("kind of row", kind),
            *(f"{report.counts[f'{kind} {what}']:,}" for what in ("new", "changed", "same")),
        )
        for kind in kinds
        if any(report.counts[f"{kind} {what}"] for what in ("new", "changed", "same"))
    ]
    if rows:
        console.print(
            table(report.file, ("", say("new"), say("changed"), say("unchanged")), rows, right=(1, 2, 3))
        )
    rate = report.rows / report.seconds if report.seconds else 0
    console.print(
        say(
            "{rows:,} rows in {seconds:.1f} s ({rate:,.0f}/s), {refused:,} refused",
            rows=report.rows,
            seconds=report.seconds,
            rate=rate,
            refused=report.rejected,
        )
    )
    if report.codes:
        codes = listed(f"{code} {count:,}" for code, count in sorted(report.codes.items()))
        console.print(say("By code: {codes}", codes=codes))
    if overruled := report.counts["moved days overruled"]:
        console.print(
            say("{count:,} due days that were moved on request are again as the file says", count=overruled)
        )
    if ended := report.counts["arrangements overruled"]:
        console.print(
            say("{count:,} arrangements with borrowers end, since the file says something else", count=ended)
        )
    if contradicted := report.counts["zones contradicted"]:
        console.print(
            say(
                "Borrowers with a number that is not of their region: {count:,}; hours hold by the zones of both",
                count=contradicted,
            )
        )
    if listed_ones := report.counts["installments left to the list"]:
        console.print(
            say(
                "{count:,} installments that terms would give stay as the lender lists them; "
                "compare with: duecourse book differences",
                count=listed_ones,
            )
        )
    if report.scientific:
        console.print(
            say(
                "{count:,} numbers stood in scientific notation; the mapping allows it, "
                "but a spreadsheet may have rounded them",
                count=report.scientific,
            )
        )
    if report.rejects:
        console.print(say("Refused rows: {file}", file=report.rejects))
    if report.state == "refused":
        console.print(say("Nothing was written: --strict refuses the whole file"))
    if report.state == "checked":
        console.print(say("Nothing was written: this was a check"))
