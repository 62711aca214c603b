"""`duecourse preference`: how a person wishes to be contacted."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from duecourse.book.preferences import (
    Preference,
    PreferenceKind,
    add_preference,
    end_preference,
    preferences_of,
)
from duecourse.domain.problems import DuecourseError, Problem

from .wishes import (
    AsOfOption,
    AtOption,
    BorrowerArgument,
    DryRunOption,
    EvidenceOption,
    JsonOption,
    change_of,
    local_time,
    show_words,
    tell,
    touched,
)
from .words import say, word

app = typer.Typer(help="How a borrower wishes to be contacted: add, end, show.", no_args_is_help=True)

KindOption = Annotated[PreferenceKind, typer.Option(help="What is wished.", show_default=False)]
_LIST = "Separated by commas."


def _list(text: str | None) -> list[str] | None:
    return [one.strip() for one in text.split(",")] if text is not None else None


@app.command()
def add(
    borrower: BorrowerArgument,
    kind: KindOption,
    evidence: EvidenceOption,
    days: Annotated[
        str | None,
        typer.Option(help="For hours: mon,tue,wed,thu,fri,sat,sun. Default: every day.", show_default=False),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="HH:MM", help="For hours: from, in the borrower's time.", show_default=False
        ),
    ] = None,
    end: Annotated[
        str | None,
        typer.Option("--to", metavar="HH:MM", help="For hours: until, not counted.", show_default=False),
    ] = None,
    allowed: Annotated[
        str | None, typer.Option(help=f"For channel: only these. {_LIST}", show_default=False)
    ] = None,
    refused: Annotated[
        str | None,
        typer.Option(
            help=f"For channel: not these. For place: home, work, mobile. {_LIST}", show_default=False
        ),
    ] = None,
    language: Annotated[
        str | None, typer.Option(help="For language: a tag such as zh-CN.", show_default=False)
    ] = None,
    at: AtOption = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Record how a borrower wishes to be contacted; it takes the place of the wish of its kind before.

    Example: duecourse preference add C00042 --kind hours --days mon,tue --from 18:00 --to 20:00 --evidence "call 12"
    """
    given: dict[str, Any] = {
        "days": _list(days),
        "from": start,
        "to": end,
        "allowed": _list(allowed),
        "refused": _list(refused),
        "language": language,
    }
    wish = {name: value for name, value in given.items() if value is not None}
    with change_of(borrower, dry_run=dry_run, as_json=as_json) as case:
        new = add_preference(case.conn, case.person, kind, wish, said=case.said(evidence, at))
        tell(
            case,
            say("The wish is in the book.") if new else say("It stood there already."),
            changed=int(new),
            messages=touched(case, [case.person]),
        )


@app.command()
def end(
    borrower: BorrowerArgument,
    kind: KindOption,
    at: AtOption = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """End the borrower's wish of a kind.

    Example: duecourse preference end C00042 --kind hours
    """
    with change_of(borrower, dry_run=dry_run, as_json=as_json) as case:
        by, when = case.here.user, case.at(at) or case.now
        if not end_preference(case.conn, case.person, kind, by=by, at=when, now=case.now):
            raise DuecourseError(Problem("D085", "--kind", "no wish of this kind is open", "Nothing ended."))
        messages = touched(case, [case.person])
        tell(
            case,
            say("The wish has ended."),
            changed=1,
            messages=messages,
        )


@app.command()
def show(borrower: BorrowerArgument, as_of: AsOfOption = None, as_json: JsonOption = False) -> None:
    """How a borrower wishes to be contacted: what is in force, and every wish in order.

    Example: duecourse preference show C00042
    """
    columns = [
        say("about"), say("wish"), say("since"), say("ended"), say("in force"), say("by"), say("evidence"),
    ]  # fmt: skip
    title = say("Wishes of {borrower}", borrower=borrower)
    show_words(borrower, as_of, preferences_of, as_json=as_json, title=title, columns=columns, row=_row)


def _row(one: Preference, zone: str) -> tuple[object, ...]:
    return (
        word("preference", one.kind),
        json.dumps(one.wish, ensure_ascii=False),
        local_time(one.effective_at, zone),
        local_time(one.ended_at, zone),
        say("yes") if one.in_force else say("no"),
        one.recorded_by,
        one.evidence,
    )
