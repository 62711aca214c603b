"""`duecourse registration`: what providers have approved, and what a text waits for."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from duecourse.dispatch.registry import (
    COLUMNS,
    Entry,
    changes_of,
    end_of,
    fault_of,
    find_entry,
    import_entries,
    list_entries,
    move_entry,
    set_entries,
)
from duecourse.domain.problems import DuecourseError, Problem

from .context import Context, context
from .dates import parse_date
from .provider import known_providers, require_provider
from .screen import local, print_json, table
from .words import say, word

app = typer.Typer(
    help="What providers have approved: add, submit, approve, refuse, expire, import, list.",
    no_args_is_help=True,
)

ProviderArgument = Annotated[str, typer.Argument(metavar="PROVIDER", help="Its name in providers.toml.")]
KindArgument = Annotated[
    str, typer.Argument(metavar="KIND", help="signature, sender, sub-port, template or category-suffix.")
]
SubjectArgument = Annotated[
    str, typer.Argument(metavar="SUBJECT", help="The signature or sender itself; our name of a template.")
]
VersionOption = Annotated[
    int, typer.Option(min=0, help="Of our template, as `policy show` numbers it; nothing else has one.")
]
LanguageOption = Annotated[str, typer.Option(help="BCP 47; empty: whatever the language.")]
CodeOption = Annotated[str, typer.Option(help="The provider's name for it, such as a template code.")]
ParametersOption = Annotated[
    str,
    typer.Option(
        help="Of a template: our variables in the provider's order, with commas; theirs=ours where it names them."
    ),
]
EvidenceOption = Annotated[
    str,
    typer.Option(
        help="Where it can be seen: a ticket, a letter, a page; nothing personal.", show_default=False
    ),
]
ExpiresOption = Annotated[
    str | None,
    typer.Option(
        metavar="DATE", help="The first day on which the approval counts no more.", show_default=False
    ),
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Say what would change, and change nothing.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Report as JSON.")]


def _parameters(text: str) -> tuple[str, ...]:
    return tuple(filter(None, text.replace(",", " ").split()))


@app.command()
def add(
    provider: ProviderArgument,
    kind: KindArgument,
    subject: SubjectArgument,
    evidence: EvidenceOption,
    version: VersionOption = 0,
    language: LanguageOption = "",
    code: CodeOption = "",
    parameters: ParametersOption = "",
) -> None:
    """Note a thing that a provider will have to approve, as a draft.

    Example: duecourse registration add aliyun template due-soon --version 3 --language zh-CN --parameters name,total
    --evidence "ticket 4711"
    """
    here = context()
    require_provider(here, provider)
    entry = Entry(
        provider, kind, subject, version, language, code, _parameters(parameters), evidence=evidence
    )
    if fault := fault_of(entry):
        raise DuecourseError(Problem("D142", str(entry), fault, "Nothing was changed."))
    conn = here.connect()
    if find_entry(conn, entry) is not None:
        raise DuecourseError(Problem("D142", str(entry), "is registered already", "Nothing was changed."))
    set_entries(conn, [entry], by=here.user, now=here.now())
    conn.commit()
    here.console.print(say("{entry}: {state}", entry=str(entry), state=word("registration", entry.state)))


def _move(state: str, entry: Entry, expires: str | None = None) -> None:
    here = context()
    require_provider(here, entry.provider)
    until = end_of(parse_date(expires, "--expires"), here.lender_zone) if expires else None
    wanted = replace(entry, state=state, expires_at=until)
    if fault := fault_of(wanted):
        raise DuecourseError(Problem("D142", str(wanted), fault, "Nothing was changed."))
    conn = here.connect()
    after = move_entry(conn, wanted, by=here.user, now=here.now())
    conn.commit()
    here.console.print(say("{entry}: {state}", entry=str(after), state=word("registration", after.state)))


@app.command()
def submit(
    provider: ProviderArgument,
    kind: KindArgument,
    subject: SubjectArgument,
    evidence: EvidenceOption,
    version: VersionOption = 0,
    language: LanguageOption = "",
    code: CodeOption = "",
) -> None:
    """Note that it was handed in to the provider and waits for its word.

    Example: duecourse registration submit aliyun template due-soon --version 3 --evidence "ticket 4711"
    """
    _move("submitted", Entry(provider, kind, subject, version, language, code, evidence=evidence))


@app.command()
def approve(
    provider: ProviderArgument,
    kind: KindArgument,
    subject: SubjectArgument,
    evidence: EvidenceOption,
    version: VersionOption = 0,
    language: LanguageOption = "",
    code: CodeOption = "",
    parameters: ParametersOption = "",
    expires: ExpiresOption = None,
) -> None:
    """Note the provider's approval: from the next claim on the text may go out through it.

    Example: duecourse registration approve aliyun template due-soon --version 3 --language zh-CN --code SMS_123456
    --evidence "console, 2026-11-25" --expires 2027-11-25
    """
    entry = Entry(
        provider, kind, subject, version, language, code, _parameters(parameters), evidence=evidence
    )
    _move("approved", entry, expires)


@app.command()
def refuse(
    provider: ProviderArgument,
    kind: KindArgument,
    subject: SubjectArgument,
    evidence: EvidenceOption,
    version: VersionOption = 0,
    language: LanguageOption = "",
) -> None:
    """Note that the provider refused it, or took its approval back: what needs it stays from the next claim on.

    Example: duecourse registration refuse aliyun signature 某某银行 --evidence "console, 2026-11-25"
    """
    _move("refused", Entry(provider, kind, subject, version, language, evidence=evidence))


@app.command()
def expire(
    provider: ProviderArgument,
    kind: KindArgument,
    subject: SubjectArgument,
    evidence: EvidenceOption,
    version: VersionOption = 0,
    language: LanguageOption = "",
) -> None:
    """Note that an approval is over; one with a day of expiry ends by itself.

    Example: duecourse registration expire aliyun sender 1069001 --evidence "contract ended"
    """
    _move("expired", Entry(provider, kind, subject, version, language, evidence=evidence))


@app.command("import")
def import_file(
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help=f"CSV with a header of: {', '.join(COLUMNS)}.")
    ],
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Take in a provider's own list of approvals. The same file again changes nothing; every bad row is named.

    Example: duecourse registration import approvals.csv --dry-run
    """
    here = context()
    conn = here.connect()
    with file.open(encoding="utf-8-sig", newline="") as lines:
        report = import_entries(
            conn,
            lines,
            name=file.name,
            providers=known_providers(here),
            zone=here.lender_zone,
            by=here.user,
            now=here.now(),
            dry_run=dry_run,
        )
    conn.commit()
    print_import(here, file.name, report, dry_run, as_json)


def print_import(here: Context, name: str, report: Any, dry_run: bool, as_json: bool) -> None:
    """What an import of a small list did; exit code 1 when rows were not taken."""
    if as_json:
        print_json(
            here.console,
            {
                "file": name,
                "rows": report.rows,
                "changed": report.changed,
                "rejected": len(report.problems),
                "dry_run": dry_run,
                "problems": [{"code": p.code, "where": p.where, "text": str(p)} for p in report.problems],
            },
        )
    else:
        for problem in report.problems[:20]:
            here.console.print(str(problem), style="red", highlight=False, markup=False, soft_wrap=True)
        here.console.print(
            say(
                "{rows:,} rows: {changed:,} new or changed, {rejected:,} not taken",
                rows=report.rows,
                changed=report.changed,
                rejected=len(report.problems),
            )
        )
        if dry_run:
            here.console.print(say("A dry run: nothing was changed."))
    if report.problems:
        raise typer.Exit(1)


@app.command("list")
def list_registrations(
    provider: Annotated[str | None, typer.Option(help="Only of this provider.", show_default=False)] = None,
    state: Annotated[
        str | None,
        typer.Option(
            help="Only in this state: draft, submitted, approved, refused, expired.", show_default=False
        ),
    ] = None,
    history: Annotated[bool, typer.Option("--history", help="With every change.")] = False,
    as_json: JsonOption = False,
) -> None:
    """What is registered, with whom, in which state, by whose word.

    Example: duecourse registration list --provider aliyun --state approved
    """
    here = context()
    conn = here.connect()
    found = [
        {**_facts(one), **({"changes": changes_of(conn, one)} if history else {})}
        for one in list_entries(conn, now=here.now(), provider=provider, state=state)
    ]
    if as_json:
        print_json(here.console, found)
        return
    zone = ZoneInfo(here.lender_zone)
    rows = [
        (
            one["provider"], word("registration", one["kind"]), one["subject"], one["version"] or "", one["language"],
            one["code"], word("registration", one["state"]), _day(one["expires_at"], zone), one["recorded_by"],
            one["evidence"],
        )
        for one in found
    ]  # fmt: skip
    columns = [
        say("provider"), say("kind"), say("what"), say("version"), say("language"), say("code"), say("standing"),
        say("until"), say("by"), say("evidence"),
    ]  # fmt: skip
    here.console.print(table(say("Registrations"), columns, rows, right=[3]))
    if history:
        for one in found:
            for each in one["changes"]:
                here.console.print(
                    say(
                        "{what}: {state} by {who} at {at}: {evidence}",
                        what=f"{one['kind']} {one['subject']}",
                        state=word("registration", each["state"]),
                        who=each["recorded_by"],
                        at=local(each["changed_at"], zone),
                        evidence=each["evidence"],
                    ),
                    highlight=False,
                )


def _facts(one: Entry) -> dict[str, Any]:
    return {
        **one.key,
        "code": one.code,
        "parameters": list(one.parameters),
        "state": one.state,
        "expires_at": one.expires_at,
        "evidence": one.evidence,
        "recorded_by": one.recorded_by,
        "changed_at": one.changed_at,
    }


def _day(at: datetime | None, zone: ZoneInfo) -> str:
    return f"{at.astimezone(zone):%Y-%m-%d}" if at else ""
