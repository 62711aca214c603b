"""`duecourse task`: calls for a person to make: list, export, call, import."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from duecourse.dispatch.permits import Refusal
from duecourse.dispatch.reading import find_message
from duecourse.dispatch.task_files import write_rows
from duecourse.dispatch.tasks import Task, import_results, open_tasks, take_task
from duecourse.domain.problems import DuecourseError, Problem
from duecourse.privacy.mask import mask_name, mask_phone

from .context import context
from .permit import permit_facts, tell_permit
from .screen import print_json, print_problems, table
from .wishes import JsonOption, local_time
from .words import say, word

app = typer.Typer(help="Calls for a person to make: list, export, call, import.", no_args_is_help=True)

COLUMNS = (
    "task", "borrower", "name", "number", "language", "zone", "purpose", "loans", "say", "until", "result", "at",
    "agent",
)  # fmt: skip
LimitOption = Annotated[int, typer.Option("--limit", min=1, help="At most so many, the most urgent first.")]


@app.command("list")
def list_(take: LimitOption = 1000, as_json: JsonOption = False) -> None:
    """Calls that may still be made, the most urgent first; names and numbers masked.

    Example: duecourse task list --json
    """
    here = context()
    found = open_tasks(here.connect(), here.keyring, now=here.now(), most=take)
    if as_json:
        print_json(here.console, [_facts(one) for one in found])
        return
    rows = [
        (
            str(one.message_id)[:8], one.borrower_key, mask_name(one.name),
            mask_phone(one.number) if one.number else "", one.language, word("purpose", one.purpose),
            local_time(one.until, one.zone), say("yes") if one.called else "",
        )
        for one in found
    ]  # fmt: skip
    columns = [
        say("id"), say("borrower"), say("name"), say("number"), say("language"), say("purpose"), say("until"),
        say("permit"),
    ]  # fmt: skip
    here.console.print(table(say("Calls to make"), columns, rows))


@app.command()
def export(
    out: Annotated[
        Path,
        typer.Option(
            "--out", "-o", help="Where to: .xlsx is a workbook, anything else CSV.", show_default=False
        ),
    ],
    take: LimitOption = 10_000,
) -> None:
    """Write calls to make into a file for the call centre: whom, the number, the language, what to say, until when. The
    last columns are for the result, and come back with `duecourse task import`. The file holds names and numbers.

    Example: duecourse task export --out tasks.xlsx
    """
    here = context()
    found = open_tasks(here.connect(), here.keyring, now=here.now(), most=take)
    rows = [
        {
            "task": str(one.message_id),
            "borrower": one.borrower_key,
            "name": one.name,
            "number": one.number,
            "language": one.language,
            "zone": one.zone,
            "purpose": one.purpose,
            "loans": ", ".join(one.loans),
            "say": one.say,
            "until": one.until.astimezone(ZoneInfo(one.zone)).isoformat(timespec="minutes"),
            "result": "",
            "at": "",
            "agent": "",
        }
        for one in found
    ]
    write_rows(out, COLUMNS, rows)
    here.console.print(say("{count:,} calls to make in {file}", count=len(rows), file=out), highlight=False)


@app.command()
def call(
    task: Annotated[str, typer.Argument(metavar="ID", help="The task's id, or its beginning.")],
    as_json: JsonOption = False,
) -> None:
    """Ask whether the call may be made now, just before it is: a permit, which counts in every cap at once, with the
    number and the words.

    Exit code 1 when it may not: the rules that say no, and the first instant at which they would not.

    Example: duecourse task call 1f3a9c02
    """
    here = context()
    conn = here.connect()
    now = here.now()
    _, message_id = find_message(conn, task)
    found = open_tasks(conn, here.keyring, now=now, message_id=message_id)
    conn.rollback()
    if not found:
        raise DuecourseError(Problem("D031", "ID", "no call to make has this id, or its time is over"))
    as_of = now.astimezone(ZoneInfo(here.lender_zone)).date()
    answer = take_task(conn, here.keyring, here.rules, found[0], by=here.user, now=now, as_of=as_of)
    refused = isinstance(answer, Refusal)
    if as_json:
        spoken = {} if refused else {"name": found[0].name, "number": found[0].number, "say": found[0].say}
        print_json(here.console, permit_facts(answer) | spoken)
    else:
        tell_permit(here, answer, found[0].zone)
        if not refused:
            here.console.print(f"{found[0].name}  {found[0].number}", highlight=False, markup=False)
            here.console.print(found[0].say, highlight=False, markup=False)
    if refused:
        raise typer.Exit(1)


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="Results: CSV or a workbook.", show_default=False)],
    as_json: JsonOption = False,
) -> None:
    """Take what became of calls, by the columns task, result, at and agent. Results are conversation, connected,
    no-answer, busy, voicemail, wrong-party, dead-number and not-called. Again it changes nothing. Exit code 1 when a
    row was left out.

    Example: duecourse task import results.csv
    """
    here = context()
    report = import_results(here.connect(), here.keyring, file, by=here.user, now=here.now())
    if as_json:
        told = [{"code": one.code, "where": one.where, "message": one.message} for one in report.problems]
        print_json(
            here.console,
            {
                "rows": report.rows,
                "new": report.new,
                "known": report.known,
                "rejected": report.rejected,
                "problems": told,
            },
        )
    else:
        if report.problems:
            print_problems(here.console, DuecourseError(report.problems))
        counts = {"rows": report.rows, "new": report.new, "known": report.known, "left": report.rejected}
        here.console.print(say("{rows:,} results: {new:,} new, {known:,} known, {left:,} left out", **counts))
    if report.rejected:
        raise typer.Exit(1)


def _facts(one: Task) -> dict[str, Any]:
    return {
        "id": one.message_id,
        "borrower": one.borrower_key,
        "name": mask_name(one.name),
        "number": mask_phone(one.number) if one.number else "",
        "language": one.language,
        "zone": one.zone,
        "step": one.step,
        "purpose": one.purpose,
        "loans": list(one.loans),
        "since": one.since,
        "until": one.until,
        "permit_taken": one.called,
    }
