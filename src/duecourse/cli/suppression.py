"""`duecourse suppression`: numbers and ID numbers that nobody contacts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from duecourse.book.parsing import FieldFault
from duecourse.book.suppressions import (
    SuppressionKind,
    agree_to_end,
    ask_to_end,
    count_suppressions,
    holders_of,
    import_suppressions,
    suppress,
    suppression_index,
    suppressions,
    waiting_for_the_second,
)
from duecourse.book.wishes import Person, Said
from duecourse.dispatch.reading import count_touched
from duecourse.domain.problems import DuecourseError, Problem

from .context import Context, context
from .screen import local, print_json, table
from .wishes import DryRunOption, JsonOption, parse_instant, typed
from .words import say, word

app = typer.Typer(help="Numbers that nobody contacts: add, import, end, show.", no_args_is_help=True)

NumberOption = Annotated[
    str | None,
    typer.Option(
        help="A phone number, - reads it from standard input; kept as a keyed index only.", show_default=False
    ),
]
EmailOption = Annotated[
    str | None, typer.Option(help="An e-mail address; kept as a keyed index only.", show_default=False)
]
IdNumberOption = Annotated[
    str | None, typer.Option(help="An ID number; kept as a keyed index only.", show_default=False)
]
RegionOption = Annotated[
    str, typer.Option(help="ISO 3166 country of numbers that are written without a country code.")
]


def _given(
    here: Context, number: str | None, email: str | None, id_number: str | None, region: str
) -> tuple[SuppressionKind, bytes] | None:
    """Kind and index of what the options name; None for nothing. Raises DuecourseError D086 (several) or B108."""
    given = [
        (kind, text)
        for kind, text in (
            (SuppressionKind.PHONE, number),
            (SuppressionKind.EMAIL, email),
            (SuppressionKind.ID_NUMBER, id_number),
        )
        if text is not None
    ]
    if len(given) > 1:
        raise DuecourseError(
            Problem("D086", "options", "give one of --number, --email and --id-number"), exit_code=2
        )
    if not given:
        return None
    kind, text = given[0]
    try:
        return kind, suppression_index(here.keyring, kind, typed(text), region)
    except FieldFault as fault:
        raise DuecourseError(Problem(fault.code, f"--{kind}", str(fault), "Nothing was done.")) from None


def _needed(given: tuple[SuppressionKind, bytes] | None) -> tuple[SuppressionKind, bytes]:
    if given is None:
        raise DuecourseError(
            Problem("D086", "options", "give one of --number, --email and --id-number"), exit_code=2
        )
    return given


@app.command()
def add(
    reason: Annotated[
        str,
        typer.Option(
            help="Why, such as recycled-number or wrong-person. Nothing personal.", show_default=False
        ),
    ],
    number: NumberOption = None,
    email: EmailOption = None,
    id_number: IdNumberOption = None,
    region: RegionOption = "CN",
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Suppress a number, an e-mail address or an ID number, also of somebody who is no borrower.

    Example: duecourse suppression add --number +8613900001111 --reason recycled-number
    """
    here = context()
    kind, index = _needed(_given(here, number, email, id_number, region))
    conn, now = here.connect(), here.now()
    with conn.transaction(force_rollback=dry_run):
        new = suppress(conn, kind, [index], said=Said(reason, "cli", here.user, now, now))
    holders = holders_of(conn, kind, index)
    _tell(
        here,
        say("Suppressed.") if new else say("It stood there already."),
        {
            "changed": new,
            "borrowers": len(holders),
            "messages_affected": count_touched(conn, _places(holders), now=now),
            "dry_run": dry_run,
        },
        as_json,
    )


@app.command("import")
def import_(
    file: Annotated[
        Path, typer.Argument(help="A list of one column: text, CSV or Excel.", show_default=False)
    ],
    reason: Annotated[str, typer.Option(help="Why; kept beside every entry.", show_default=False)],
    kind: Annotated[SuppressionKind, typer.Option(help="What the list holds.")] = SuppressionKind.PHONE,
    region: RegionOption = "CN",
    encoding: Annotated[
        str | None, typer.Option(help="As Python names it. Default: found out.", show_default=False)
    ] = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Suppress a whole list. Bad lines are named, without what they hold, and left out; exit code 1 then.

    What was ended by two people and is on the list again is suppressed again.

    Example: duecourse suppression import recycled.txt --kind phone --region CN --reason recycled-number
    """
    here = context()
    conn, now = here.connect(), here.now()
    report = import_suppressions(
        conn,
        here.keyring,
        file,
        kind,
        said=Said(reason, "import", here.user, now, now),
        region=region,
        encoding=encoding,
        dry_run=dry_run,
    )
    if as_json:
        print_json(
            here.console,
            {
                "file": file.name,
                "rows": report.rows,
                "new": report.new,
                "known": report.known,
                "rejected": report.rejected,
                "header": report.header,
                "dry_run": dry_run,
                "problems": [{"code": p.code, "where": p.where, "text": str(p)} for p in report.problems],
            },
        )
    else:
        for problem in report.problems[:20]:
            here.console.print(str(problem), style="red", highlight=False, markup=False, soft_wrap=True)
        here.console.print(
            say(
                "{rows:,} entries: {new:,} new, {known:,} known, {rejected:,} refused",
                rows=report.rows,
                new=report.new,
                known=report.known,
                rejected=report.rejected,
            )
        )
        if dry_run:
            here.console.print(say("A dry run: nothing was changed."))
    if report.rejected:
        raise typer.Exit(1)


@app.command()
def end(
    number: NumberOption = None,
    email: EmailOption = None,
    id_number: IdNumberOption = None,
    region: RegionOption = "CN",
    reason: Annotated[
        str | None, typer.Option(help="Why it should end: asks for it.", show_default=False)
    ] = None,
    confirm: Annotated[
        bool, typer.Option("--confirm", help="Agree to the end that another person asked for.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """End a suppression: one person asks with --reason, another agrees with --confirm (DUECOURSE_USER says who).

    --confirm alone agrees to the one end that is asked for.

    Example: duecourse suppression end --number +8613900001111 --reason "number is the borrower's again"
    """
    here = context()
    given = _given(here, number, email, id_number, region)
    conn, now = here.connect(), here.now()
    if confirm == (reason is not None):
        raise DuecourseError(Problem("D087", "options", "give either --reason or --confirm"), exit_code=2)
    if reason is not None:
        kind, index = _needed(given)
        ask_to_end(conn, kind, index, by=here.user, reason=reason, now=now)
        what = say("Asked. Another person has to agree: duecourse suppression end --confirm")
        _tell(here, what, {"state": "asked"}, as_json)
        return
    if given is None:
        waiting = waiting_for_the_second(conn)
        if len(waiting) != 1:
            raise DuecourseError(
                Problem(
                    "D088",
                    "--confirm",
                    f"{len(waiting)} ends are asked for; say which with --number",
                    "All stay.",
                )
            )
        given = waiting[0]
    agree_to_end(conn, *given, by=here.user, now=now)
    _tell(here, say("Ended."), {"state": "ended"}, as_json)


@app.command()
def show(
    number: NumberOption = None,
    email: EmailOption = None,
    id_number: IdNumberOption = None,
    region: RegionOption = "CN",
    as_of: Annotated[
        str | None,
        typer.Option(
            metavar="INSTANT", help="What was in force then, as it was known then.", show_default=False
        ),
    ] = None,
    history: Annotated[bool, typer.Option("--history", help="Those that have ended too.")] = False,
    as_json: JsonOption = False,
) -> None:
    """The suppression list, the latest first, without what it holds; or whether one number is on it.

    Example: duecourse suppression show --number +8613900001111 --json
    """
    here = context()
    conn = here.connect()
    given = _given(here, number, email, id_number, region)
    at = parse_instant(conn, as_of, here.lender_zone, "--as-of") if as_of else here.now()
    kind, index = given or (None, None)
    rows = suppressions(conn, at=at, kind=kind, index=index, open_only=not history)
    counts = count_suppressions(conn, at=at)
    if as_json:
        print_json(here.console, {"as_of": at, "counts": counts, "entries": rows})
        return
    zone = _zone(here)
    shown = [
        (
            row["handle"],
            word("suppression", row["kind"]),
            row["reason"],
            local(row["effective_at"], zone),
            row["recorded_by"],
            row["end_asked_by"],
            row["ended_by"],
            local(row["ended_at"], zone),
        )
        for row in rows
    ]
    columns = [
        say("entry"), say("kind"), say("why"), say("since"), say("by"), say("end asked by"), say("ended by"),
        say("ended"),
    ]  # fmt: skip
    here.console.print(table(say("Suppressions"), columns, shown))
    for name, count in counts.items():
        here.console.print(say("{kind}: {count:,} in force", kind=word("suppression", name), count=count))


def _zone(here: Context) -> Any:

    return ZoneInfo(here.lender_zone)


def _places(people: list[Person]) -> list[tuple[int, Any]]:
    return [(one.lane, one.borrower_id) for one in people]


def _tell(here: Context, what: str, facts: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(here.console, facts)
        return
    here.console.print(what, highlight=False)
    if "messages_affected" in facts:
        here.console.print(say("Borrowers concerned: {count}", count=facts["borrowers"]))
        here.console.print(
            say("Messages not handed over yet that this is about: {count}", count=facts["messages_affected"])
        )
    if facts.get("dry_run"):
        here.console.print(say("A dry run: nothing was changed."))
