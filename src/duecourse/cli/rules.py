"""`duecourse rules`: what the law and our conventions say, where, since when, and how sure that is."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from duecourse.domain.messaging import Channel, Purpose
from duecourse.domain.problems import DuecourseError, Problem
from duecourse.rules.diff import ParameterChange, RuleChange, diff_packs
from duecourse.rules.lender import OWN
from duecourse.rules.model import Actor, Names, Pack, Rule
from duecourse.rules.packs import Packs, load_packs, read_pack, shipped_packs, standing
from duecourse.rules.versions import recorded_pack
from duecourse.rules.wording import PRIMITIVES, applies_in_words, primitive_in_words

from .context import Context, context
from .dates import parse_date
from .screen import print_json, table
from .words import in_chinese, listed, say, word

app = typer.Typer(
    help="Rules of contact: what holds where, with its source.", no_args_is_help=True, rich_markup_mode=None
)
AsJson = Annotated[bool, typer.Option("--json", help="Report as JSON.")]
_REGION = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,3})?")


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the rule packs: the shipped ones and the lender's own, with versions and how sure their rules are.

    Example: duecourse rules list
    """
    here = context()
    packs = here.packs
    if as_json:
        print_json(here.console, [_pack_as_json(packs, pack) for pack in packs.packs])
        return
    columns = [say("pack"), say("version"), say("contents"), say("regions"), say("rules"), say("levels")]
    rows = [
        (
            pack.pack,
            pack.version,
            _in(pack.names),
            listed(pack.regions),
            len(pack.rules),
            listed(f"{level} {count}" for level, count in sorted(_levels(pack).items())),
        )
        for pack in packs.packs
    ]
    here.console.print(table(say("Rule packs"), columns, rows, right=[1, 4]))
    here.console.print(say("This rule set: {digest}", digest=packs.digest.hex()[:16]))


@app.command("show")
def show(
    region: Annotated[
        str,
        typer.Argument(metavar="REGION", help="ISO 3166 code: CN, US-MA, GB, BR-SP; US-NYC for the city."),
    ],
    purpose: Annotated[Purpose | None, typer.Option("--purpose", help="Only rules for this purpose.")] = None,
    channel: Annotated[Channel | None, typer.Option("--channel", help="Only rules for this channel.")] = None,
    actor: Annotated[Actor | None, typer.Option("--actor", help="Only rules that bind this one.")] = None,
    on: Annotated[
        str | None, typer.Option("--on", metavar="DATE", help="The day in question; without it, today.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show every rule of a region, of what lies around it and of everywhere, as it stands on a day.

    Example: duecourse rules show US-NYC --purpose collection --on 2026-09-01
    """
    here = context()
    packs, place = here.packs, _region(region)
    day = parse_date(on, "--on") if on else datetime.now(UTC).date()
    rules = [
        rule
        for rule in _nearest_first(packs, place)
        if (purpose is None or not rule.applies_to.purpose or purpose in rule.applies_to.purpose)
        and (channel is None or not rule.applies_to.channel or channel in rule.applies_to.channel)
        and (actor is None or not rule.applies_to.actor or actor in rule.applies_to.actor)
    ]
    if as_json:
        about = {"region": place, "chain": packs.chain(place), "known": packs.knows(place), "on": day}
        print_json(
            here.console,
            {
                **about,
                "zones": packs.zones(place),
                "rules": [_rule_as_json(packs, rule, day) for rule in rules],
            },
        )
        return
    columns = [
        say("rule"),
        say("what it says"),
        say("looks at"),
        say("level"),
        say("source"),
        say("validity"),
    ]
    rows = [_rule_row(packs, rule, day) for rule in rules]
    title = say("Rules of {region} on {day}", region=listed(packs.chain(place)), day=day)
    here.console.print(table(title, columns, rows))
    if not packs.knows(place):
        here.console.print(
            say("No pack speaks of {region}: only what holds everywhere applies.", region=place)
        )


@app.command("diff")
def diff(
    old: Annotated[
        str, typer.Argument(metavar="OLD", help="A file, a pack (cn), or one version of it (cn@1).")
    ],
    new: Annotated[str, typer.Argument(metavar="NEW", help="As OLD; what it becomes.")],
    as_json: AsJson = False,
) -> None:
    """Say rule by rule what a pack adds, removes, tightens or loosens against another.

    Examples: duecourse rules diff cn@1 cn; duecourse rules diff cn new-cn.yaml
    """
    here = context()
    changes = diff_packs(_pack(here, old), _pack(here, new))
    if as_json:
        print_json(here.console, [_change_as_json(change) for change in changes])
        return
    if not changes:
        here.console.print(say("nothing changes"))
    for change in changes:
        line = say("{rule}: {kind}", rule=change.rule, kind=word("rule change", change.kind))
        here.console.print(f"- {line}", markup=False, highlight=False)
        for each in change.changes:
            here.console.print(f"    {_parameter(each)}", markup=False, highlight=False, soft_wrap=True)


@app.command("check")
def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A lender's own rule file.")],
    as_json: AsJson = False,
) -> None:
    """Check a lender's rule file against the shipped packs; every fault is listed with line and code.

    Example: duecourse rules check rules/ours.yaml
    """
    here = context()
    try:
        packs = load_packs([file])
    except DuecourseError as error:
        if not as_json:
            raise
        faults = [{key: str(getattr(p, key)) for key in ("code", "where", "message")} for p in error.problems]
        print_json(here.console, {"ok": False, "faults": faults})
        raise typer.Exit(1) from None
    shipped = Packs(shipped_packs()).rules
    own = [rule for rule in packs.rules if rule not in shipped]
    changed = [rule for rule in packs.rules if rule in shipped and packs.rules[rule] != shipped[rule]]
    changed += [rule for rule in shipped if rule not in packs.rules]
    drafts = sorted(packs.turned_on)
    if as_json:
        found = {"own": own, "changed": changed, "turned_on": drafts}
        print_json(here.console, {"ok": True, "faults": [], **found})
        return
    here.console.print(
        say(
            "ok: {own} rules of its own, {changed} changed, {drafts} drafts turned on.",
            own=len(own),
            changed=len(changed),
            drafts=len(drafts),
        )
    )


def _nearest_first(packs: Packs, place: str) -> list[Rule]:
    """The rules of a region, those for everywhere last."""
    chain = packs.chain(place)

    def distance(rule: Rule) -> int:
        held = (rule.region,) if rule.region else packs.pack_of[rule.id].regions
        return next((far for far, region in enumerate(chain) if region in held), len(chain))

    return sorted(packs.of_region(place), key=distance)


def _region(code: str) -> str:
    """The code in capitals. Raises R015 for what is none."""
    place = code.strip().upper()
    if not _REGION.fullmatch(place):
        message = f"'{code}' is no region code; write ISO 3166, such as CN, US-MA or BR-SP"
        raise DuecourseError(Problem("R015", "REGION", message), exit_code=2)
    return place


def _pack(here: Context, named: str) -> Pack:
    """A pack by file, name or name@version. Raises R016 when there is none, or the faults of the file."""
    if Path(named).is_file():
        return read_pack(Path(named))
    name, _, version = named.partition("@")
    for pack in here.packs.packs:
        if pack.pack == name and version in ("", str(pack.version)):
            return pack
    if version.isdigit() and (kept := _kept(here, name, int(version))):
        return kept
    known = ", ".join(pack.pack for pack in here.packs.packs)
    message = f"there is no such file, pack or version; known packs: {known}"
    raise DuecourseError(Problem("R016", named, message))


def _kept(here: Context, name: str, version: int) -> Pack | None:
    """A pack that judged something once; None without a book to ask."""
    try:
        return recorded_pack(here.connect(), name, version)
    except DuecourseError:
        return None


def _in(names: Names) -> str:
    return names.zh if in_chinese() else names.en


def _levels(pack: Pack) -> Counter[str]:
    return Counter(str(rule.level) for rule in pack.rules)


def _rule_row(packs: Packs, rule: Rule, day: date) -> tuple[str, ...]:
    source = listed(filter(None, (rule.source.instrument, rule.source.clause)))
    kind = _in(PRIMITIVES[rule.does.primitive])
    soft = "" if rule.binding else f"\n{say('soft')}"
    return (
        rule.id,
        f"{_in(rule.says)}\n{rule.does.primitive} {kind}{'：' if in_chinese() else ': '}"
        f"{_in(primitive_in_words(rule.does))}",
        _in(applies_in_words(rule.applies_to)),
        f"{rule.level}{soft}",
        f"{source}\n{say('read on {day}', day=rule.source.read_on)}",
        _standing(packs, rule, day),
    )


def _standing(packs: Packs, rule: Rule, day: date) -> str:
    now = standing(rule, day)
    if now == "draft" and rule.id in packs.turned_on:
        return say("draft, turned on")
    dates = f"{rule.effective_from or ''}..{rule.effective_to or ''}"
    return "\n".join(filter(None, (word("standing", now), dates if dates != ".." else "")))


def _parameter(change: ParameterChange) -> str:
    named = {"key": change.key, "was": _plain(change.was), "becomes": _plain(change.becomes)}
    return say("{key}: from {was} to {becomes}", **named)


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(_plain(each) for each in value) + "]"
    if isinstance(value, dict):
        return " ".join(f"{key}={_plain(each)}" for key, each in value.items()) or say("nothing")
    return say("nothing") if value is None or value == "" else str(value)


def _pack_as_json(packs: Packs, pack: Pack) -> dict[str, Any]:
    return {
        "pack": pack.pack,
        "version": pack.version,
        "digest": packs.digests[pack.pack].hex(),
        "names": pack.names.model_dump(),
        "regions": list(pack.regions),
        "own": pack.names == OWN,
        "levels": dict(_levels(pack)),
        "rules": [rule.id for rule in pack.rules],
    }


def _rule_as_json(packs: Packs, rule: Rule, day: date) -> dict[str, Any]:
    words = primitive_in_words(rule.does)
    pack = packs.pack_of[rule.id]
    return {
        "rule": rule.id,
        "fact": rule.fact or rule.id,
        "pack": pack.pack,
        "version": pack.version,
        "primitive": rule.does.primitive,
        "says_en": rule.says.en,
        "says_zh": rule.says.zh,
        "words_en": words.en,
        "words_zh": words.zh,
        "level": rule.level,
        "binding": rule.binding,
        "fallback": rule.fallback,
        "standing": standing(rule, day),
        "in_force": packs.in_force(rule, day),
        "region": rule.region,
        "applies_to": rule.applies_to.model_dump(mode="json"),
        "does": rule.does.model_dump(mode="json"),
        "source": rule.source.model_dump(mode="json"),
        "effective_from": rule.effective_from,
        "effective_to": rule.effective_to,
    }


def _change_as_json(change: RuleChange) -> dict[str, Any]:
    parameters = [{"key": c.key, "was": c.was, "becomes": c.becomes} for c in change.changes]
    return {"rule": change.rule, "kind": change.kind, "changes": parameters}
