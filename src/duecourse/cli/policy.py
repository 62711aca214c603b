"""`duecourse policy`: check, preview, publish, compare and list what is said, when, to whom and how."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from duecourse.content.check import Checked, check
from duecourse.content.links import publishing_faults
from duecourse.content.preview import previews
from duecourse.domain.problems import DuecourseError
from duecourse.planning.acts import forgotten_notices
from duecourse.policy.diff import Change, TextChange, diff_policies, diff_templates
from duecourse.policy.model import Policy, Step
from duecourse.policy.templates import TemplateText
from duecourse.policy.versions import load_templates, policy_at, policy_history, publish, published_policies
from duecourse.policy.words import (
    condition_in_words,
    day_in_words,
    grace_in_words,
    in_time_order,
    languages_in_words,
    route_in_words,
    templates_in_words,
    times_in_words,
)
from duecourse.rules.model import Actor

from .context import Context, context
from .screen import print_json, table
from .words import listed, say, word

app = typer.Typer(
    help="Policies and templates: check, publish, compare.", no_args_is_help=True, rich_markup_mode=None
)

File = Annotated[
    Path, typer.Argument(metavar="FILE", help="A policy; its templates are in templates/ beside it.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Report as JSON.")]


@app.command("check")
def check_(
    file: File,
    preview: Annotated[
        bool, typer.Option("--preview", help="Show every text as a sample borrower gets it.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Check a policy and its templates as a whole; every fault is listed with file, line and code.

    Example: duecourse policy check examples/consumer-lender/policy.yaml
    """
    here = context()
    if as_json:
        _check_as_json(here, file)
        return
    checked = _checked(here, file)
    _warn(here, checked)
    _print_policy(here, checked.policy)
    if preview:
        _print_previews(here, checked)
    texts = sum(len(checked.templates.of(name)) for name in checked.policy.templates)
    here.console.print(
        say(
            "ok: {policy}, {steps} steps, {texts} texts.",
            policy=checked.policy.name,
            steps=len(checked.policy.steps),
            texts=texts,
        )
    )


@app.command("publish")
def publish_(
    file: File,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be published; write nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Publish a policy and the templates it uses as a new version; what says the same gets none.

    Example: duecourse policy publish examples/consumer-lender/policy.yaml
    """
    here = context()
    checked = _checked(here, file)
    if faults := publishing_faults(checked.policy, checked.templates, here.settings.public_url):
        raise DuecourseError(faults)
    with here.connect() as connection, connection.transaction():
        done = publish(
            connection,
            checked.policy,
            checked.templates,
            checked.source,
            now=here.now(),
            user=here.user,
            dry_run=dry_run,
        )
    if as_json:
        print_json(
            here.console,
            {
                "policy": done.policy,
                "version": done.version,
                "published": done.new_policy and not dry_run,
                "dry_run": dry_run,
                "new_templates": [ref._asdict() for ref in done.new_templates],
                "templates": dict(done.template_versions),
            },
        )
        return
    _warn(here, checked)
    if not done.new_policy:
        here.console.print(
            say(
                "{policy}: version {version} says the same; nothing published.",
                policy=done.policy,
                version=done.version,
            )
        )
        return
    new = listed(f"{ref.template} v{ref.version}" for ref in done.new_templates) or say("none")
    named = {"policy": done.policy, "version": done.version, "templates": new}
    here.console.print(
        say("{policy}: version {version} would be published; new templates: {templates}.", **named)
        if dry_run
        else say("{policy}: version {version} published; new templates: {templates}.", **named)
    )


@app.command("diff")
def diff(
    file: File,
    other: Annotated[
        Path | None,
        typer.Argument(
            metavar="OTHER", help="The newer file; without it FILE is compared with what is published."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say in words what a policy changes against the published version, or against an older file.

    Examples: duecourse policy diff policy.yaml; duecourse policy diff old/policy.yaml new/policy.yaml
    """
    here = context()
    if other is not None:
        own = here.settings.public_url
        older, newer = check(file, own), check(other, own)
        old: Policy | None = older.policy
        texts = [text for name in older.policy.templates for text in older.templates.of(name)]
        against = shown = str(file)
    else:
        newer = check(file, here.settings.public_url)
        old, texts, version = _in_force(here, newer.policy.name)
        against = f"version {version}, in force" if version else "nothing published"
        shown = say("version {version}, in force", version=version) if version else say("nothing published")
    changes = diff_policies(old, newer.policy)
    names = list(dict.fromkeys([*newer.policy.templates]))
    text_changes = diff_templates(texts, newer.templates, names)
    if as_json:
        _print_diff_as_json(here, against, changes, text_changes)
    else:
        _print_diff(here, shown, changes, text_changes)


@app.command("list")
def list_(
    every: Annotated[bool, typer.Option("--all", help="Retired versions too.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the published policies.

    Example: duecourse policy list --all
    """
    here = context()
    rows = [row for row in policy_history(here.connect()) if every or row["retired_at"] is None]
    if as_json:
        print_json(here.console, rows)
        return
    columns = [
        say("policy"), say("version"), say("steps"), say("published"), say("by"), say("retired"),
    ]  # fmt: skip
    here.console.print(
        table(
            say("Policies"),
            columns,
            [
                (
                    row["policy"],
                    row["version"],
                    row["steps"],
                    f"{row['published_at']:%Y-%m-%d %H:%M %z}",
                    row["published_by"],
                    f"{row['retired_at']:%Y-%m-%d %H:%M %z}" if row["retired_at"] else "",
                )
                for row in rows
            ],
            right=[1, 2],
        )
    )


@app.command("show")
def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A published policy.")],
    version: Annotated[int, typer.Option("--version", min=0, help="Which version; 0 is the newest.")] = 0,
    source: Annotated[bool, typer.Option("--source", help="The file as it was published.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show a published policy in time order.

    Example: duecourse policy show consumer-credit --version 2
    """
    here = context()
    published = policy_at(here.connect(), name, version)
    if as_json:
        model = published.model.model_dump(mode="json")
        templates = dict(published.template_versions)
        print_json(here.console, {"version": published.version, "templates": templates, "policy": model})
    elif source:
        here.console.out(published.source, highlight=False, end="")
    else:
        named = {
            "version": published.version,
            "at": f"{published.published_at:%Y-%m-%d %H:%M %z}",
            "who": published.published_by,
        }
        here.console.print(
            say("version {version}, retired, published {at} by {who}", **named)
            if published.retired_at
            else say("version {version}, in force, published {at} by {who}", **named)
        )
        _print_policy(here, published.model)


def _checked(here: Context, file: Path) -> Checked:
    """The policy checked, also by what rules want before the acts that its steps name."""
    checked = check(file, here.settings.public_url)
    forgotten = forgotten_notices(here.packs, checked.policy, Actor(here.settings.actor), str(file))
    return replace(checked, warnings=(*checked.warnings, *forgotten))


def _check_as_json(here: Context, file: Path) -> None:
    """The check's faults as one document; exit code 1 when there are any."""
    try:
        checked = _checked(here, file)
    except DuecourseError as error:
        print_json(
            here.console, {"ok": False, "faults": [_problem(p) for p in error.problems], "warnings": []}
        )
        raise typer.Exit(1) from None
    warnings = [_problem(problem) for problem in checked.warnings]
    print_json(here.console, {"ok": True, "policy": checked.policy.name, "faults": [], "warnings": warnings})


def _problem(problem: object) -> dict[str, str]:
    return {key: str(getattr(problem, key)) for key in ("code", "where", "message")}


def _warn(here: Context, checked: Checked) -> None:
    for warning in checked.warnings:
        here.console.print(
            say("warning: {problem}", problem=warning),
            style="yellow",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )


def _print_policy(here: Context, policy: Policy) -> None:
    for line in (
        say("{policy}: {condition}", policy=policy.name, condition=condition_in_words(policy.applies_to)),
        say("grace: {grace}", grace=grace_in_words(policy.grace)),
        say("languages: {languages}", languages=languages_in_words(policy.wording.languages)),
    ):
        here.console.print(line, markup=False, highlight=False)
    rows = [
        (
            step.id,
            f"{day_in_words(step)}\n{times_in_words(step)}",
            word("purpose", step.purpose),
            "\n".join((_route(step), _who(step), templates_in_words(step))),
        )
        for step in in_time_order(policy)
    ]
    here.console.print(
        table(
            say("In time order, for a borrower without grace"),
            [say("step"), say("when"), say("purpose"), say("what is sent")],
            rows,
        )
    )


def _route(step: Step) -> str:
    return say("by {route}", route=route_in_words(step))


def _who(step: Step) -> str:
    condition = condition_in_words(step.condition)
    return (
        say("where {condition}", condition=condition)
        if step.condition
        else say("to {condition}", condition=condition)
    )


def _print_previews(here: Context, checked: Checked) -> None:
    for one in previews(checked.policy, checked.templates, here.settings.public_url):
        parts = [f"{one.template} {one.rendered.language} {word('channel', one.rendered.channel)}"]
        if one.rendered.channel == "sms":
            parts.append(say("{count} SMS", count=one.rendered.parts))
        here.console.rule(listed(parts), align="left")
        if one.rendered.subject:
            here.console.print(one.rendered.subject, markup=False, highlight=False, style="bold")
        here.console.print(one.rendered.text, markup=False, highlight=False, soft_wrap=True)


def _in_force(here: Context, name: str) -> tuple[Policy | None, list[TemplateText], int]:
    """The published policy, its texts and its version; version 0 when there is none."""
    connection = here.connect()
    for published in published_policies(connection):
        if published.policy == name:
            texts = load_templates(connection, published.template_versions.items())
            return published.model, [text for found in texts.values() for text in found], published.version
    return None, [], 0


def _print_diff_as_json(here: Context, against: str, changes: list[Change], texts: list[TextChange]) -> None:
    print_json(
        here.console,
        {
            "against": against,
            "changes": [
                {"where": c.where, "what": c.what, "was": c.was, "becomes": c.becomes} for c in changes
            ],
            "texts": [
                {"template": t.template, "language": t.language, "part": t.part, "lines": list(t.lines)}
                for t in texts
            ],
        },
    )


def _print_diff(here: Context, against: str, changes: list[Change], texts: list[TextChange]) -> None:
    here.console.print(say("against {older}:", older=against), markup=False, highlight=False)
    if not changes and not texts:
        here.console.print(say("nothing changes"))
    for change in changes:
        here.console.print(f"- {change}", markup=False, highlight=False, soft_wrap=True)
    colours = {"+": "green", "-": "red"}
    for text in texts:
        here.console.print(
            say(
                "- template {template}, {language}, {part}:",
                template=text.template,
                language=text.language,
                part=text.part,
            ),
            highlight=False,
        )
        for line in text.lines:
            here.console.print(
                f"    {line}", markup=False, highlight=False, soft_wrap=True, style=colours.get(line[:1])
            )
