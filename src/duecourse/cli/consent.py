"""`duecourse consent`: what a person agreed to, and took back."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from duecourse.book.consents import Consent, ConsentKind, Scope, consents_of, record_consent
from duecourse.book.wishes import Person, Said, index_of_address
from duecourse.domain.messaging import Channel, Purpose

from .wishes import (
    AsOfOption,
    AtOption,
    BorrowerArgument,
    Case,
    DryRunOption,
    EvidenceOption,
    JsonOption,
    change_of,
    local_time,
    show_words,
    tell,
    touched,
    typed,
)
from .words import say, word
from .workshop import confirmer

app = typer.Typer(help="What a borrower agreed to: add, end, show.", no_args_is_help=True)


class Override(StrEnum):
    """What a consent may set aside."""

    HOURS = "hours"


KindOption = Annotated[ConsentKind, typer.Option(help="What it is about. contact: being contacted at all.")]
PurposeOption = Annotated[Purpose | None, typer.Option(help="Only for this purpose.", show_default=False)]
ChannelOption = Annotated[Channel | None, typer.Option(help="Only for this channel.", show_default=False)]
AddressOption = Annotated[
    str | None,
    typer.Option(
        help="Only for this number or e-mail address, - reads it from standard input. Kept as a keyed index.",
        show_default=False,
    ),
]


def _scope(case: Case, purpose: Purpose | None, channel: Channel | None, address: str | None) -> Scope:
    index = index_of_address(case.here.keyring, address, case.borrower.region)[1] if address else None
    return Scope(purpose, channel, index)


def _confirm(case: Case, said: Said, scope: Scope, address: str | None) -> bool:
    """Plan the one message that confirms a stop, where it was said; whether there is a new one."""
    confirms = confirmer(case.here)
    channel = scope.channel or (None if address is None else Channel.EMAIL if "@" in address else Channel.SMS)
    where = Scope(scope.purpose, channel, scope.address_index)
    person = None if scope.address_index else case.person
    return confirms.confirm(case.conn, confirms.policies(), said=said, scope=where, person=person) is not None


@app.command()
def add(
    borrower: BorrowerArgument,
    evidence: EvidenceOption,
    kind: KindOption = ConsentKind.CONSENT,
    purpose: PurposeOption = None,
    channel: ChannelOption = None,
    address: AddressOption = None,
    at: AtOption = None,
    expires: Annotated[
        str | None,
        typer.Option(
            metavar="INSTANT", help="Ends by itself then; a day alone: at its beginning.", show_default=False
        ),
    ] = None,
    overrides: Annotated[
        list[Override] | None,
        typer.Option(help="Also agreed to contact outside the hours of the law.", show_default=False),
    ] = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Record that a borrower agreed. With --kind contact it lifts a stop of exactly this scope.

    Example: duecourse consent add C00042 --kind consent --purpose marketing --channel sms --evidence "form 17, p. 2"
    """
    with change_of(borrower, dry_run=dry_run, as_json=as_json) as case:
        scope = _scope(case, purpose, channel, typed(address) if address else None)
        said = case.said(evidence, at)
        kinds = [kind, *(ConsentKind(one) for one in overrides or ())]
        expires_at = case.at(expires, "--expires")
        changed = sum(
            len(
                record_consent(
                    case.conn,
                    one,
                    granted=True,
                    said=said,
                    person=case.person,
                    scope=scope,
                    expires_at=expires_at,
                )
            )
            for one in dict.fromkeys(kinds)
        )
        messages = touched(case, [case.person], purpose=purpose, channel=channel)
        what = say("Recorded as agreed.") if changed else say("It stood there already.")
        tell(case, what, changed=changed, messages=messages)


@app.command()
def end(
    borrower: BorrowerArgument,
    evidence: EvidenceOption,
    kind: KindOption = ConsentKind.CONSENT,
    purpose: PurposeOption = None,
    channel: ChannelOption = None,
    address: AddressOption = None,
    at: AtOption = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Record that a borrower took back, or refused. With --kind contact it is a stop.

    It covers every narrower scope in force, and every message not yet handed over. With --address a stop holds for
    everybody who has that number or address. A stop with --address or --channel is confirmed there once, where a policy
    in force has a text for it (opt_out_confirmation).

    Example: duecourse consent end C00042 --kind contact --channel sms --evidence "call of 3 March, 10:12"
    """
    with change_of(borrower, dry_run=dry_run, as_json=as_json) as case:
        address = typed(address) if address else None
        scope = _scope(case, purpose, channel, address)
        said = case.said(evidence, at)
        people: list[Person] = []
        if address and kind is ConsentKind.CONTACT:
            people = record_consent(case.conn, kind, granted=False, said=said, scope=scope)
        if case.person not in people:
            people += record_consent(
                case.conn, kind, granted=False, said=said, person=case.person, scope=scope
            )
        concerned = list({case.person, *people})
        confirmed = bool(people) and kind is ConsentKind.CONTACT and _confirm(case, said, scope, address)
        what = say("Recorded as taken back.") if people else say("It stood there already.")
        tell(
            case,
            f"{what} {say('One message confirms it.')}" if confirmed else what,
            changed=len({one.borrower_id for one in people}),
            people=len({one.borrower_id for one in concerned}),
            messages=touched(case, concerned, purpose=purpose, channel=channel),
            confirmed=confirmed,
        )


@app.command()
def show(borrower: BorrowerArgument, as_of: AsOfOption = None, as_json: JsonOption = False) -> None:
    """What a borrower agreed to and took back: what is in force, and every word in order.

    Example: duecourse consent show C00042 --as-of 2026-03-01
    """
    columns = [
        say("about"), say("said"), say("purpose"), say("channel"), say("address"), say("since"), say("expires"),
        say("in force"), say("by"), say("evidence"),
    ]  # fmt: skip
    title = say("Consents of {borrower}", borrower=borrower)
    show_words(borrower, as_of, consents_of, as_json=as_json, title=title, columns=columns, row=_row)


def _row(one: Consent, zone: str) -> tuple[object, ...]:
    return (
        word("consent", one.kind),
        say("agreed") if one.granted else say("refused"),
        word("purpose", one.purpose) or say("all"),
        word("channel", one.channel) or say("all"),
        say("one address") if one.for_address else say("all"),
        local_time(one.effective_at, zone),
        local_time(one.expires_at, zone),
        say("yes") if one.in_force else say("no"),
        one.recorded_by,
        one.evidence,
    )
