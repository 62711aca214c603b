"""What is wrong with a pack beyond the shape of its keys: dates, zones, regions, levels, parameters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from duecourse.domain.problems import Problem
from duecourse.store.zones import known_zones

from .model import Cap, ContactWindow, Level, MustNotSay, Pack, Primitive, Retention, Rule, Status
from .reading import Document, did_you_mean, shown
from .tightening import opening_minutes
from .word_lists import word_list_names

EVERYWHERE = "*"


def check_pack(pack: Pack, document: Document, faults: list[Problem]) -> None:
    """Everything that can be told from one pack alone (R003-R009)."""
    seen: dict[str, str] = {}
    for index, rule in enumerate(pack.rules):
        where = document.where("rules", index)
        if rule.id in seen:
            faults.append(Problem("R003", where, f"rule id {rule.id} is taken already at {seen[rule.id]}"))
        seen.setdefault(rule.id, where.partition(" ")[0])
        for code, key, message in _rule_faults(rule, pack):
            faults.append(Problem(code, document.where("rules", index, *key.split(".")), message))
    for region, zones in pack.zones.items():
        for zone in zones:
            if zone not in known_zones():
                message = f"zone {shown(zone)} is unknown; {did_you_mean(zone, known_zones())}"
                faults.append(Problem("R005", document.where("zones", region), message))
        if not _is_inside(region, pack):
            message = f"region {region} is outside of the pack's {', '.join(pack.regions)}"
            faults.append(Problem("R006", document.where("zones", region), message))


def check_together(
    read: Sequence[tuple[Pack, Document]], others: Sequence[Pack], faults: list[Problem]
) -> None:
    """What several packs have in common that they may not (R003, R010). others: packs known to be good."""
    packs = {pack.pack: "a shipped pack" for pack in others}
    rules = {rule.id: f"pack {pack.pack}" for pack in others for rule in pack.rules}
    for pack, document in read:
        if pack.pack in packs:
            message = f"pack name {pack.pack} is taken already by {packs[pack.pack]}"
            faults.append(Problem("R010", document.where("pack"), message))
        packs.setdefault(pack.pack, document.name)
        for index, rule in enumerate(pack.rules):
            if rule.id in rules and rules[rule.id] != document.name:
                message = (
                    f"rule id {rule.id} is taken already by {rules[rule.id]}; to change a rule write tighten"
                )
                faults.append(Problem("R003", document.where("rules", index), message))
            rules.setdefault(rule.id, document.name)


def _rule_faults(rule: Rule, pack: Pack) -> Iterator[tuple[str, str, str]]:
    """(code, key, message) of one rule."""
    if rule.effective_from and rule.effective_to and rule.effective_to < rule.effective_from:
        yield (
            "R004",
            "effective_to",
            f"it ends on {rule.effective_to}, before it begins on {rule.effective_from}",
        )
    for key, regions in (
        ("region", [rule.region] if rule.region else []),
        ("except_regions", rule.except_regions),
    ):
        for region in regions:
            if not _is_inside(region, pack):
                yield "R006", key, f"region {region} is outside of the pack's {', '.join(pack.regions)}"
    if rule.level is Level.DRAFT and rule.status is Status.IN_FORCE:
        yield "R007", "level", "a draft cannot be in force; write status: draft"
    if rule.fallback and (rule.binding or rule.level is not Level.POLICY):
        yield "R007", "fallback", "only a soft convention steps back: level: policy and binding: false"
    yield from parameter_faults(rule.does)


def parameter_faults(does: Primitive) -> Iterator[tuple[str, str, str]]:
    """(code, key of a rule, message) of parameters that are of the right shape and mean nothing (R008, R009)."""
    match does:
        case ContactWindow(openings=openings):
            for opening in openings:
                start, end = opening_minutes(opening)
                if start >= end:
                    told = f"{opening.start:%H:%M} to {opening.end:%H:%M}"
                    yield (
                        "R008",
                        "does.openings",
                        f"opening {told} ends before it begins; write one for each day",
                    )
        case Cap(days=days, hours=hours, seconds=seconds):
            if sum(span is not None for span in (days, hours, seconds)) != 1:
                yield "R008", "does", "a cap has exactly one of days, hours and seconds"
        case MustNotSay(words=words):
            for name in words:
                if name not in word_list_names():
                    yield (
                        "R009",
                        "does.words",
                        f"word list {shown(name)} is unknown; {did_you_mean(name, word_list_names())}",
                    )
        case Retention(least_years=least, most_years=most):
            if least is not None and most is not None and most < least:
                yield "R008", "does", f"kept at least {least} years and at most {most}: nothing is both"
        case _:
            return


def _is_inside(region: str, pack: Pack) -> bool:
    """Whether a region is one of the pack's or a part of one."""
    return EVERYWHERE in pack.regions or any(region == r or region.startswith(f"{r}-") for r in pack.regions)
