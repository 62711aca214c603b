"""`duecourse permit`: ask before somebody else calls, and report what became of it."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID
from zoneinfo import ZoneInfo

import typer

from duecourse.book.wishes import index_of_address
from duecourse.dispatch.permits import Permit, Question, Refusal, ask_permit, report_permit
from duecourse.domain.messaging import Channel, Purpose
from duecourse.domain.problems import DuecourseError, Problem
from duecourse.rules.model import Actor, Party

from .context import Context, context
from .screen import print_json
from .wishes import CreditorOption, JsonOption, case_of, local_time, typed
from .words import in_chinese, say

app = typer.Typer(help="Leave for one contact by a dialler or an agency: ask, report.", no_args_is_help=True)


class AddressKindWord(StrEnum):
    """Where the number or address is."""

    HOME = "home"
    WORK = "work"
    MOBILE = "mobile"


class ReportWord(StrEnum):
    """What became of a permit."""

    CONNECTED = "connected"
    CONVERSATION = "conversation"
    NO_ANSWER = "no-answer"
    NOT_USED = "not-used"


ActorOption = Annotated[
    Actor | None, typer.Option(help="Who contacts. Default: DUECOURSE_ACTOR.", show_default=False)
]
LoanOption = Annotated[
    str | None,
    typer.Option(
        help="About this loan, by the lender's contract key. Default: every open one.", show_default=False
    ),
]
NumberOption = Annotated[
    str | None,
    typer.Option(
        help="The number or e-mail address, - reads it from standard input. Default: the borrower's first.",
        show_default=False,
    ),
]
AddressKindOption = Annotated[
    AddressKindWord | None, typer.Option(help="Whose number it is: home, work, mobile.", show_default=False)
]
CallerOption = Annotated[
    str | None, typer.Option(help="The number that will be shown; '' for a hidden one.", show_default=False)
]
HumanOption = Annotated[
    bool, typer.Option("--human", help="A person will speak: special care does not stand against it.")
]
ReferenceOption = Annotated[
    str, typer.Option(help="Names the question: asked again, it gets the same permit.", show_default=False)
]


@app.command()
def ask(
    borrower: Annotated[str, typer.Option(help="The lender's customer key.", show_default=False)],
    channel: Annotated[Channel, typer.Option(help="How.", show_default=False)],
    actor: ActorOption = None,
    loan: LoanOption = None,
    creditor: CreditorOption = None,
    number: NumberOption = None,
    purpose: Annotated[Purpose, typer.Option(help="Why.")] = Purpose.COLLECTION,
    party: Annotated[Party, typer.Option(help="Who is contacted.")] = Party.BORROWER,
    address_kind: AddressKindOption = None,
    caller: CallerOption = None,
    human: HumanOption = False,
    reference: ReferenceOption = "",
    minutes: Annotated[int, typer.Option(help="How long the permit may be used.", min=1, max=60)] = 10,
    as_json: JsonOption = False,
) -> None:
    """Ask whether one contact may be made now. A permit counts in every cap at once, and expires.

    Exit code 1 when it may not: the rules that say no, and the first instant at which they would not.

    Example: duecourse permit ask --borrower C00042 --loan L-7 --channel voice --actor agency --number +8613900001111
    """
    rules = context().rules
    with case_of(borrower) as case:
        here = case.here
        index = index_of_address(here.keyring, typed(number), case.borrower.region)[1] if number else None
        answer = ask_permit(
            case.conn,
            rules,
            case.borrower,
            Question(
                purpose,
                channel,
                actor or Actor(here.settings.actor),
                loan_id=case.loan_id(loan, creditor),
                address_index=index,
                address_kind=address_kind.value if address_kind else None,
                party=party,
                caller=caller,
                human=human,
                reference=reference,
            ),
            by=here.user,
            now=case.now,
            as_of=case.now.astimezone(ZoneInfo(here.lender_zone)).date(),
            lasts=timedelta(minutes=minutes),
        )
        zone = case.borrower.zone
    if as_json:
        print_json(here.console, permit_facts(answer))
    else:
        tell_permit(here, answer, zone)
    if isinstance(answer, Refusal):
        raise typer.Exit(1)


@app.command()
def report(
    permit: Annotated[
        str, typer.Argument(metavar="PERMIT", help="The id of the permit.", show_default=False)
    ],
    outcome: Annotated[ReportWord, typer.Option(help="not-used gives the contact back.", show_default=False)],
    as_json: JsonOption = False,
) -> None:
    """Report what became of a permit, also after it expired. One that is never reported counts as tried.

    Example: duecourse permit report 6f9619ff-8b86-4d01-b42d-00cf4fc964ff --outcome no-answer
    """
    here = context()
    try:
        permit_id = UUID(permit)
    except ValueError:
        raise DuecourseError(Problem("D089", "PERMIT", "expected the id of a permit"), exit_code=2) from None
    report_permit(here.connect(), permit_id, outcome.value, by=here.user, now=here.now())
    if as_json:
        print_json(here.console, {"permit_id": permit_id, "outcome": outcome.value})
    else:
        here.console.print(say("Reported."))


def permit_facts(answer: Permit | Refusal) -> dict[str, Any]:
    """An answer as JSON."""
    if isinstance(answer, Permit):
        return {"allow": True, "permit_id": answer.permit_id, "expires_at": answer.expires_at}
    return {
        "allow": False,
        "not_before": answer.not_before,
        "deciding": [
            {"rule": one.rule, "primitive": one.primitive, "reason_en": one.en, "reason_zh": one.zh}
            for one in answer.reasons
        ],
    }


def tell_permit(here: Context, answer: Permit | Refusal, zone: str) -> None:
    """An answer on the screen, instants by the borrower's clock."""
    console = here.console
    if isinstance(answer, Permit):
        until = local_time(answer.expires_at, zone)
        console.print(
            say("Permit {permit}, until {until}", permit=answer.permit_id, until=until), highlight=False
        )
        return
    for one in answer.reasons:
        console.print(f"{one.rule}  {one.zh if in_chinese() else one.en}", highlight=False)
    if answer.not_before is None:
        console.print(say("No permit, and no waiting helps."))
    else:
        opens = local_time(answer.not_before, zone)
        console.print(say("No permit before {opens}", opens=opens), highlight=False)
