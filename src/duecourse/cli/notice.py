"""`duecourse notice`: notices that a law asks for, served, and what may follow them."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from typing import Annotated, get_args

import typer

from duecourse.book.notices import notices_of, record_notice
from duecourse.book.parties import loans_answered
from duecourse.dispatch.acts import ACTS, may_act
from duecourse.rules.compiling import RuleBook
from duecourse.rules.model import Actor, Notice

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
    case_of,
    change_of,
    local_time,
    tell,
    touched,
)
from .words import in_chinese, say

app = typer.Typer(help="Notices that a law asks for: add, show, check.", no_args_is_help=True)

NoticeWord = StrEnum("NoticeWord", {kind.upper().replace("-", "_"): kind for kind in get_args(Notice)})  # type: ignore[misc]
ActWord = StrEnum("ActWord", {act.upper().replace("-", "_"): act for act in ACTS})  # type: ignore[misc]


@app.command()
def add(
    borrower: BorrowerArgument,
    kind: Annotated[NoticeWord, typer.Option(help="Which notice.", show_default=False)],
    evidence: EvidenceOption,
    loan: LoanOption = None,
    creditor: CreditorOption = None,
    at: AtOption = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Enter a notice that was served elsewhere, by letter or by an agency. Our own enter themselves.

    Example: duecourse notice add C00042 --kind default --loan L-7 --at 2026-03-03 --evidence "registered letter 88"
    """
    with change_of(borrower, dry_run=dry_run, as_json=as_json) as case:
        loan_id = case.loan_id(loan, creditor)
        new = record_notice(case.conn, case.person, kind.value, said=case.said(evidence, at), loan_id=loan_id)
        tell(
            case,
            say("The notice is in the book.") if new else say("It stood there already."),
            changed=int(new),
            messages=touched(case, [case.person], loan_id=loan_id),
        )


@app.command()
def show(borrower: BorrowerArgument, as_of: AsOfOption = None, as_json: JsonOption = False) -> None:
    """The notices that a borrower was served.

    Example: duecourse notice show C00042
    """
    with case_of(borrower) as case:
        at = case.at(as_of, "--as-of") or case.now
        found = notices_of(case.conn, case.person, at=at)
    if as_json:
        print_json(
            context().console, {"borrower": borrower, "as_of": at, "notices": [asdict(one) for one in found]}
        )
        return
    rows = [
        (
            one.kind,
            one.loan or say("all"),
            local_time(one.served_at, case.borrower.zone),
            one.recorded_by,
            one.evidence,
        )
        for one in found
    ]
    columns = [say("notice"), say("loan"), say("served"), say("by"), say("evidence")]
    context().console.print(table(say("Notices served to {borrower}", borrower=borrower), columns, rows))


@app.command()
def check(
    borrower: BorrowerArgument,
    action: Annotated[ActWord, typer.Option(help="What is to be done.", show_default=False)],
    loan: Annotated[
        str, typer.Option(help="With which loan, by the lender's contract key.", show_default=False)
    ],
    creditor: CreditorOption = None,
    actor: Annotated[
        Actor | None, typer.Option(help="Who does it. Default: DUECOURSE_ACTOR.", show_default=False)
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Ask whether a debt may be reported to a bureau, enforced, placed: whether notice was given and its wait is over.

    Exit code 1 when it may not: the rules that say no, and the first instant at which they would not.

    Example: duecourse notice check C00042 --action bureau-report --loan L-7
    """
    with case_of(borrower) as case:
        loan_id = case.loan_id(loan, creditor)
        product = next(
            one.product
            for one in loans_answered(case.conn, case.borrower.lane, case.borrower.borrower_id)
            if one.loan_id == loan_id
        )
        assert loan_id is not None
        answer = may_act(
            case.conn,
            RuleBook(case.here.packs).compiled(),
            case.borrower,
            action.value,
            loan_id=loan_id,
            product=product,
            actor=actor or Actor(case.here.settings.actor),
            now=case.now,
        )
    here, zone = case.here, case.borrower.zone
    if as_json:
        print_json(
            here.console,
            {
                "allow": answer.allow,
                "not_before": answer.not_before,
                "deciding": [
                    {"rule": one.rule, "primitive": one.primitive, "reason_en": one.en, "reason_zh": one.zh}
                    for one in answer.reasons
                ],
            },
        )
    elif answer.allow:
        here.console.print(say("It may be done."))
    else:
        for one in answer.reasons:
            here.console.print(f"{one.rule}: {one.zh if in_chinese() else one.en}", highlight=False)
        first = local_time(answer.not_before, zone)
        here.console.print(
            say("Not before {first}", first=first) if first else say("No waiting alone helps.")
        )
    if not answer.allow:
        raise typer.Exit(1)
