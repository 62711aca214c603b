"""`duecourse hold`: reasons to leave a person or a debt alone."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from duecourse.book.holds import Hold, HoldEffect, HoldKind, add_hold, end_holds, holds_of
from duecourse.book.holds import person_needed as person_needed_at
from duecourse.dispatch.reading import waiting_for
from duecourse.domain.problems import DuecourseError, Problem

from .context import context
from .screen import print_json, table
from .wishes import (
    AsOfOption,
    AtOption,
    BorrowerArgument,
    CreditorOption,
    DryRunOption,
    EvidenceOption,
    JsonOption,
    LoanOption,
    change_of,
    local_time,
    parse_instant,
    show_words,
    tell,
    touched,
)
from .words import listed, say, word

app = typer.Typer(help="Reasons to leave a borrower alone: add, end, show.", no_args_is_help=True)

KindOption = Annotated[HoldKind, typer.Option(help="Why.", show_default=False)]


@app.command()
def add(
    borrower: BorrowerArgument,
    kind: KindOption,
    evidence: EvidenceOption,
    loan: LoanOption = None,
    creditor: CreditorOption = None,
    at: AtOption = None,
    until: Annotated[
        str | None,
        typer.Option(
            metavar="INSTANT", help="Ends by itself then; a day alone: when it is over.", show_default=False
        ),
    ] = None,
    effect: Annotated[
        HoldEffect | None,
        typer.Option(help="stop: nothing goes; person: a person contacts, no machine. Default: by kind."),
    ] = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Hold a borrower, or one debt of theirs. It takes effect on every message not yet handed over.

    Serious illness, bereavement, disability and minor route to a person. A hold that was ended by mistake is added
    again with its first date.

    Example: duecourse hold add C00042 --kind dispute --loan L-7 --evidence "letter of 3 March" --since 2026-03-03
    """
    with change_of(borrower, dry_run=dry_run, as_json=as_json) as case:
        loan_id = case.loan_id(loan, creditor)
        new = add_hold(
            case.conn,
            case.person,
            kind,
            said=case.said(evidence, at),
            loan_id=loan_id,
            until=case.at(until, "--until", end_of_day=True),
            effect=effect,
        )
        tell(
            case,
            say("The hold is in the book.") if new else say("It stood there already."),
            changed=int(new),
            messages=touched(case, [case.person], loan_id=loan_id),
        )


@app.command()
def end(
    borrower: BorrowerArgument,
    kind: KindOption,
    reason: Annotated[str, typer.Option(help="Why it ends; kept beside it.", show_default=False)],
    loan: LoanOption = None,
    creditor: CreditorOption = None,
    at: AtOption = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """End the open holds of a kind: of the loan given, or of the person as a whole.

    Example: duecourse hold end C00042 --kind dispute --loan L-7 --reason "settled, file 88"
    """
    with change_of(borrower, dry_run=dry_run, as_json=as_json) as case:
        loan_id = case.loan_id(loan, creditor)
        ended = end_holds(
            case.conn,
            case.person,
            kind,
            reason=reason,
            by=case.here.user,
            at=case.at(at) or case.now,
            now=case.now,
            loan_id=loan_id,
        )
        if not ended:
            of = sorted({one.loan for one in holds_of(case.conn, case.person, at=case.now)
                         if one.in_force and one.kind == kind and one.loan})  # fmt: skip
            hint = f"; one is open of --loan {of[0]}" if of and not loan else ""
            raise DuecourseError(
                Problem(
                    "D083", "--kind", f"no hold of this kind is open in this scope{hint}", "Nothing ended."
                )
            )
        tell(
            case,
            say("The hold has ended."),
            changed=ended,
            messages=touched(case, [case.person], loan_id=loan_id),
        )


@app.command()
def show(
    borrower: Annotated[
        str | None, typer.Argument(metavar="BORROWER", help="The lender's customer key.", show_default=False)
    ] = None,
    as_of: AsOfOption = None,
    person_needed: Annotated[
        bool, typer.Option("--person-needed", help="Every borrower whose messages wait for a person.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """The holds of a borrower, open and ended; or, with --person-needed, whom a person has to contact.

    Examples: duecourse hold show C00042    or    duecourse hold show --person-needed --json
    """
    if person_needed:
        _show_person_needed(as_of, as_json)
        return
    if borrower is None:
        raise DuecourseError(Problem("D084", "BORROWER", "give a borrower, or --person-needed"), exit_code=2)
    columns = [
        say("why"), say("effect"), say("loan"), say("since"), say("until"), say("ended"), say("end reason"),
        say("in force"), say("by"), say("evidence"),
    ]  # fmt: skip
    title = say("Holds of {borrower}", borrower=borrower)
    show_words(borrower, as_of, holds_of, as_json=as_json, title=title, columns=columns, row=_row)


def _row(one: Hold, zone: str) -> tuple[object, ...]:
    return (
        word("hold", one.kind),
        word("effect", one.effect),
        one.loan or say("all"),
        local_time(one.effective_at, zone),
        local_time(one.until, zone),
        local_time(one.ended_at, zone),
        one.end_reason,
        say("yes") if one.in_force else say("no"),
        one.recorded_by,
        one.evidence,
    )


def _show_person_needed(as_of: str | None, as_json: bool) -> None:
    here = context()
    conn = here.connect()
    now = here.now()
    at = parse_instant(conn, as_of, here.lender_zone, "--as-of") if as_of else now
    needed = person_needed_at(conn, at=at)
    waiting = waiting_for(conn, [(one.lane, one.borrower_id) for one in needed], now=now)
    rows: list[dict[str, Any]] = [
        {
            "borrower": one.borrower_key,
            "kinds": list(one.kinds),
            "since": one.since,
            "messages_waiting": waiting[one.borrower_id],
            "zone": one.zone,
        }
        for one in needed
    ]
    if as_json:
        print_json(here.console, rows)
        return
    shown = [
        (
            row["borrower"],
            listed(word("hold", kind) for kind in row["kinds"]),
            local_time(row["since"], row["zone"]),
            row["messages_waiting"],
        )
        for row in rows
    ]
    columns = [say("borrower"), say("why"), say("since"), say("messages waiting")]
    here.console.print(table(say("Waiting for a person"), columns, shown, right=(3,)))
