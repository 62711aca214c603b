"""`duecourse template`: check templates, look at them on every channel, and say what changes between two versions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from duecourse.content.check import check_templates
from duecourse.content.check_text import check_text
from duecourse.content.differences import TemplateChange, template_changes
from duecourse.content.making import pieces
from duecourse.content.render import Renderer, RenderError
from duecourse.content.samples import sample_facts
from duecourse.content.sms_text import is_gsm
from duecourse.domain.messaging import Channel
from duecourse.domain.problems import DuecourseError, Problem
from duecourse.policy.model import Policy
from duecourse.policy.reading import Faults
from duecourse.policy.templates import TemplateText
from duecourse.policy.versions import TemplateRef

from .context import Context, context
from .screen import print_json, table
from .template_preview import preview
from .template_sources import Source, source_of
from .words import listed, say, word

app = typer.Typer(
    help="Templates: check them, look at them on every channel, compare versions.", no_args_is_help=True
)
app.command("preview")(preview)

AsJson = Annotated[bool, typer.Option("--json", help="Report as JSON.")]
PolicyOption = Annotated[
    Path | None,
    typer.Option(
        "--policy",
        metavar="FILE",
        exists=True,
        dir_okay=False,
        help="The policy that uses the templates. Default: policy.yaml beside their folder, if it is there.",
    ),
]


@app.command("check")
def check_(
    path: Annotated[
        Path,
        typer.Argument(metavar="PATH", exists=True, help="A template's file, their folder, or a policy."),
    ],
    policy: PolicyOption = None,
    as_json: AsJson = False,
) -> None:
    """Check templates: every fault with file, line and code, which channels each can be said on, and what an SMS takes.

    Example: duecourse template check examples/consumer-lender/templates
    """
    here = context()
    faults = Faults()
    source = source_of(path, policy, faults)
    texts = [source.chosen] if source.chosen else list(source.templates)
    if not texts and not faults.problems:
        faults.add("P201", str(path), "there is no template here")
    told = _checked(source, texts, faults, here.settings.public_url) if texts else []
    if as_json:
        print_json(
            here.console,
            {
                "ok": not faults.problems,
                "faults": [_problem(one) for one in faults.problems],
                "warnings": [_problem(one) for one in faults.warnings],
                "texts": told,
            },
        )
        if faults.problems:
            raise typer.Exit(1)
        return
    for warning in faults.warnings:
        line = say("warning: {problem}", problem=warning)
        here.console.print(line, style="yellow", markup=False, highlight=False, soft_wrap=True)
    if faults.problems:
        raise DuecourseError(faults.problems)
    _print_texts(here, told)
    here.console.print(say("ok: {texts} texts.", texts=len(texts)))


@app.command("diff")
def diff(
    old: Annotated[Path, typer.Argument(metavar="OLD", exists=True, help="A file, folder or policy.")],
    new: Annotated[Path, typer.Argument(metavar="NEW", exists=True, help="The newer one.")],
    as_json: AsJson = False,
) -> None:
    """Say in words what changes between two templates or two folders of them, part by part and language by language.

    Example: duecourse template diff old/templates new/templates
    """
    here = context()
    faults = Faults()
    before, after = source_of(old, None, faults), source_of(new, None, faults)
    if faults.problems:
        raise DuecourseError(faults.problems)
    changes = template_changes(_texts(before), _texts(after))
    if as_json:
        rows = [{**change.as_row(), "lines": list(change.lines)} for change in changes]
        print_json(here.console, {"old": str(old), "new": str(new), "changes": rows})
        return
    if not changes:
        here.console.print(say("nothing changes"))
    for change in changes:
        _print_change(here, change)


def _checked(
    source: Source, texts: Sequence[TemplateText], faults: Faults, public_url: str
) -> list[dict[str, Any]]:
    """Add the faults of the texts, and say of each what it can be used for."""
    whole = source.policy is not None and source.chosen is None
    if whole and source.policy is not None:
        check_templates(source.policy, source.templates, source.policy_file, faults, public_url)
    for text in texts:
        if not whole or source.policy is None or text.template not in source.policy.templates:
            using = source.using(text.language)
            check_text(using, text, list(using.uses_of(text.template)), faults, public_url)
    return [_told(source.using(text.language), text, public_url) for text in texts]


def _texts(source: Source) -> list[TemplateText]:
    return [source.chosen] if source.chosen else list(source.templates)


def _problem(problem: Problem) -> dict[str, str]:
    return {"code": problem.code, "where": problem.where, "message": problem.message}


def _told(using: Policy, text: TemplateText, public_url: str) -> dict[str, Any]:
    """What a text can be used for, and what an SMS of it takes for the first sample."""
    missing = {channel: pieces(text, channel)[1] for channel in Channel}
    step = next(using.uses_of(text.template))
    sms = None
    if not missing[Channel.SMS]:
        facts = sample_facts(using, step, text.language, public_url)[0].facts
        try:
            said = Renderer({TemplateRef(text.template, 0): [text]}).render(
                text.template, 0, text.language, Channel.SMS, facts
            )
        except RenderError:
            said = None  # told as a fault already
        if said is not None:
            alphabet = "GSM-7" if is_gsm(said.text) else "UCS-2"
            sms = {"parts": said.parts, "characters": len(said.text), "alphabet": alphabet}
    return {
        "template": text.template,
        "language": text.language,
        "channels": [channel.value for channel in Channel if not missing[channel]],
        "missing": {
            channel.value: {"part": lacks[0].part, "why": lacks[0].why}
            for channel, lacks in missing.items()
            if lacks
        },
        "sms": sms,
    }


def _print_texts(here: Context, told: list[dict[str, Any]]) -> None:
    rows = [
        (
            one["template"],
            one["language"],
            listed(word("channel", channel) for channel in one["channels"]),
            listed(word("channel", channel) for channel in one["missing"]),
            one["sms"]["parts"] if one["sms"] else "",
            one["sms"]["characters"] if one["sms"] else "",
            one["sms"]["alphabet"] if one["sms"] else "",
        )
        for one in told
    ]
    columns = [
        say("template"), say("language"), say("can be said by"), say("not by"), say("SMS parts"), say("characters"),
        say("alphabet"),
    ]  # fmt: skip
    here.console.print(table(say("Templates"), columns, rows, right=[4, 5]))


def _print_change(here: Context, change: TemplateChange) -> None:
    named = {"template": change.template, "language": change.language, "part": change.part}
    sentence = {
        "new": say("- {template}, {language}: part {part} is new", **named),
        "removed": say("- {template}, {language}: part {part} is gone", **named),
        "changed": say("- {template}, {language}: part {part} says something else", **named),
    }[change.kind]
    effects = []
    if change.names_now:
        effects.append(say("it now names {names}", names=listed(change.names_now)))
    if change.names_no_longer:
        effects.append(say("it no longer names {names}", names=listed(change.names_no_longer)))
    if change.kind == "changed" and change.length_before != change.length_now:
        effects.append(
            say("{before} characters become {now}", before=change.length_before, now=change.length_now)
        )
    here.console.print(
        f"{sentence}{': ' if effects else ''}{listed(effects)}", markup=False, highlight=False, soft_wrap=True
    )
    colours = {"+": "green", "-": "red"}
    for line in change.lines:
        here.console.print(
            f"    {line}", markup=False, highlight=False, soft_wrap=True, style=colours.get(line[:1])
        )
