"""One step of a policy file, from its mapping to a Step, with every fault in it reported."""

from __future__ import annotations

import re
from datetime import time
from typing import Final, get_args

from ruamel.yaml.comments import CommentedSeq

from duecourse.domain.messaging import Channel, Purpose
from duecourse.rules.model import Action

from .conditions import Known, parse_condition
from .model import Anchor, Condition, Grace, NextIf, Party, Step, UsefulUntil, Variant, Window
from .reading import Section, did_you_mean, shown

OPENS, CLOSES = time(8), time(21)
"""DEFAULT-HOURS: nothing is handed over before or from these borrower-local times on."""
STEP_PURPOSES = (Purpose.REMINDER, Purpose.COLLECTION)
"""What a step counted from a day may be for; the others follow events."""
NOTICES: Final = (
    "bureau", "outsourcing", "agent-named", "new-controller", "default", "demand", "validation", "arrears",
    "debt-advice",
)  # fmt: skip
"""Kinds of notice a step may serve, as rules name them (rules.model.Notice)."""
PLANNED_BY_RULES: Final = ("arrears", "bureau", "debt-advice", "validation")
"""Of these a rule says the day; before all others comes an act of the lender's own, whose day only the lender knows."""
MAX_OFFSET_DAYS = 3660
MAX_WAIT_SECONDS = 30 * 86_400

_WHEN = re.compile(
    r"(?P<anchor>[a-z_-]+)(?:\s*(?P<sign>[+-])\s*(?P<days>\d{1,5})\s*d)?"
    r"(?:\s+at\s+(?P<at>\S+)|\s+between\s+(?P<start>\S+)\s+and\s+(?P<end>\S+))\Z"
)
_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)\Z")
_DURATION = re.compile(r"(?:(\d{1,3})d)?(?:(\d{1,4})h)?(?:(\d{1,5})m)?\Z")
_USEFUL = re.compile(r"(?:same day|\+\s*(?P<days>\d{1,2})d)(?:\s+(?P<at>\S+))?\Z")
_EXAMPLE = "write e.g. 'due - 7d between 09:30 and 11:30' or 'overdue + 1d at 10:00'"


def parse_step(section: Section, grace: Grace, known: Known) -> Step | None:
    """None when something needed to go on is missing; what is wrong is in the section's faults either way."""
    step_id = section.identifier("id")
    when = _when(section)
    serves = section.choice("serves", NOTICES, default=None) if section.has("serves") else None
    act = section.choice("act", get_args(Action), default=None) if section.has("act") else None
    purpose = _purpose(section, serves)
    condition = parse_condition(section.section("if", f"{section.name} if"), known)
    to = _to(section)
    route = _route(section)
    send = section.choice("send", ["first", "all"], default="first")
    next_if = _next_if(section, route, send)
    useful_until = _useful_until(section, when[2] if when else None)
    template = section.identifier("template")
    variants = _variants(section, known)
    section.finish()
    if when is None or purpose is None or not route or step_id is None or template is None:
        return None
    anchor, offset_days, window = when
    step = Step(
        id=step_id,
        anchor=anchor,
        offset_days=offset_days,
        window=window,
        purpose=Purpose(purpose),
        condition=condition,
        to=to,
        route=route,
        send="all" if send == "all" else "first",
        next_if=next_if,
        useful_until=useful_until,
        serves=serves,
        act=act,
        template=template,
        variants=variants,
    )
    _check_law(section, step)
    if act and serves:
        section.fault(
            "P103",
            "act",
            "act: a step that serves a notice does nothing else; give the act a step of its own",
        )
    _check_purpose(section, step, grace)
    _check_waits(section, step)
    return step


def _purpose(section: Section, serves: str | None) -> str | None:
    """A notice is legal and need not say so."""
    if serves is None:
        return section.choice("purpose", [purpose.value for purpose in STEP_PURPOSES])
    return section.choice("purpose", [Purpose.LEGAL.value], default=Purpose.LEGAL.value)


def _check_law(section: Section, step: Step) -> None:
    """P106: `law` stands alone, and only where a rule knows the day."""
    if step.anchor is not Anchor.LAW:
        return
    if step.serves not in PLANNED_BY_RULES:
        named = ", ".join(PLANNED_BY_RULES)
        section.fault(
            "P106", "when", f"when: rules know the day of these notices only: {named}; give a day of your own"
        )
    elif step.offset_days:
        section.fault("P106", "when", "when: the rule says the day; write 'law at 10:00', without days")


def _when(section: Section) -> tuple[Anchor, int, Window] | None:
    text = section.text("when", required=True)
    if text is None:
        return None
    match = _WHEN.match(text.strip())
    if match is None:
        section.fault("P106", "when", f"when: {shown(text)} is not understood; {_EXAMPLE}")
        return None
    anchors = [anchor.value for anchor in Anchor]
    if match["anchor"] not in anchors:
        known = did_you_mean(match["anchor"], anchors)
        section.fault("P106", "when", f"when: anchor {shown(match['anchor'])} is unknown; {known}")
        return None
    days = int(match["days"] or 0)
    if days > MAX_OFFSET_DAYS:
        section.fault("P106", "when", f"when: {days} days is more than {MAX_OFFSET_DAYS}")
        return None
    window = _window(
        section, match["at"] or match["start"], match["at"] or match["end"], single=bool(match["at"])
    )
    return (Anchor(match["anchor"]), -days if match["sign"] == "-" else days, window) if window else None


def _window(section: Section, first: str, last: str, *, single: bool) -> Window | None:
    start, end = _time(first), _time(last)
    if start is None or end is None:
        found = shown(first if start is None else last)
        section.fault("P106", "when", f"when: {found} is not a time of day; write HH:MM, e.g. 09:30")
        return None
    if not single and start == end:
        section.fault("P107", "when", f"when: the window {first} to {last} is empty; write 'at {first}'")
        return None
    if start > end:
        section.fault(
            "P107", "when", f"when: the window {first} to {last} crosses midnight; a step is one local day"
        )
        return None
    if start < OPENS or end > CLOSES or start >= CLOSES:
        given = first if single else f"{first} to {last}"
        section.fault(
            "P108", "when", f"when: {given} is outside 08:00-21:00 borrower-local (rule DEFAULT-HOURS)"
        )
        return None
    return Window(start=start, end=end)


def _time(text: str) -> time | None:
    match = _TIME.match(text)
    return time(int(match[1]), int(match[2])) if match else None


def _route(section: Section) -> tuple[Channel, ...]:
    value = section.take("route")
    known = [channel.value for channel in Channel]
    entries = list(value) if isinstance(value, CommentedSeq) else [] if value is None else [value]
    if not entries:
        section.fault("P109", "route", f"route: at least one channel is needed; known: {', '.join(known)}")
    good: list[Channel] = []
    for entry in entries:
        if entry not in known:
            section.fault(
                "P104", "route", f"channel {shown(entry)} is unknown; {did_you_mean(str(entry), known)}"
            )
        elif entry in good:
            section.fault("P109", "route", f"route: channel {shown(entry)} stands twice")
        else:
            good.append(Channel(entry))
    return tuple(good)


def _to(section: Section) -> tuple[Party, ...]:
    value = section.take("to")
    entries = list(value) if isinstance(value, CommentedSeq) else [value] if value is not None else []
    if section.has("to") and not entries:
        section.fault("P103", "to", f"to: at least one party is needed; known: {', '.join(Party)}")
    good: list[Party] = []
    for entry in entries:
        if entry not in list(Party):
            section.fault(
                "P103", "to", f"to: {shown(entry)} is unknown; {did_you_mean(str(entry), list(Party))}"
            )
        elif entry in good:
            section.fault("P103", "to", f"to: {shown(entry)} stands twice")
        else:
            good.append(Party(entry))
    return tuple(good) or (Party.BORROWER,)


def _next_if(section: Section, route: tuple[Channel, ...], send: str | None) -> NextIf | None:
    under = section.section("next_if", f"{section.name} next_if")
    if under is None:
        return None
    unless = under.choice("not", ["sent", "delivered", "read"])
    text = under.text("within", required=True)
    under.finish()
    seconds = parse_duration(text) if text else None
    if text and seconds is None:
        under.fault(
            "P111", "within", f"within: {shown(text)} is not a time of 1m to 30d; write e.g. 2h or 1h30m"
        )
    if send == "all":
        section.fault(
            "P110", "next_if", "next_if: with 'send: all' every channel goes at once; remove one of the two"
        )
    elif len(route) == 1:
        section.fault(
            "P110", "next_if", f"next_if: the route has no channel after '{route[0]}' to move on to"
        )
    if unless == "read":
        section.faults.warn(
            "P119",
            section.where("next_if"),
            "next_if: neither SMS nor e-mail reports that it was read; always moves on",
        )
    if seconds is None or unless not in ("sent", "delivered", "read"):
        return None
    return NextIf.model_validate({"unless": unless, "within_seconds": seconds})


def parse_duration(text: str) -> int | None:
    """`2h`, `90m`, `1h30m`, `1d` in seconds, from a minute to 30 days; None for anything else."""
    match = _DURATION.match(text.strip().replace(" ", ""))
    if match is None:
        return None
    days, hours, minutes = (int(group or 0) for group in match.groups())
    seconds = days * 86_400 + hours * 3600 + minutes * 60
    return seconds if 60 <= seconds <= MAX_WAIT_SECONDS else None


def _useful_until(section: Section, window: Window | None) -> UsefulUntil:
    text = section.text("useful_until")
    if text is None:
        return UsefulUntil()
    match = _USEFUL.match(text.strip())
    at = _time(match["at"]) if match and match["at"] else None
    if match is None or (match["at"] and at is None):
        examples = "'same day', 'same day 20:00' or '+2d'"
        section.fault(
            "P116", "useful_until", f"useful_until: {shown(text)} is not understood; write {examples}"
        )
        return UsefulUntil()
    useful = UsefulUntil(days=int(match["days"] or 0), at=at)
    if window and useful.days == 0 and useful.at and useful.at <= window.end:
        message = f"useful_until: {useful.at:%H:%M} is not after the window's end, {window.end:%H:%M}"
        section.fault("P116", "useful_until", message)
    return useful


def _variants(section: Section, known: Known) -> tuple[Variant, ...]:
    variants = []
    for under in section.sections("variants", lambda _, index: f"{section.name} variant {index + 1}"):
        condition = parse_condition(under.section("if", f"{under.name} if"), known)
        template = under.identifier("template")
        under.finish()
        if not under.has("if"):
            under.fault(
                "P103", None, "'if' is missing: a variant without a condition would hide the step's template"
            )
        if template:
            variants.append(Variant(condition=condition or Condition(), template=template))
    return tuple(variants)


def _check_purpose(section: Section, step: Step, grace: Grace) -> None:
    """P113: within grace it is a reminder, past it a collection notice."""
    if step.purpose is Purpose.LEGAL:
        return
    day = f"{step.anchor} {'-' if step.offset_days < 0 else '+'} {abs(step.offset_days)}d"
    if step.anchor is Anchor.OVERDUE and step.offset_days > 0:
        if step.purpose is not Purpose.COLLECTION:
            section.fault("P113", "purpose", f"purpose: '{day}' is past grace, so it is a collection notice")
    elif step.purpose is Purpose.COLLECTION and not (
        step.anchor is Anchor.DUE and step.offset_days > 0 and grace.is_zero
    ):
        reason = "may fall within grace" if step.offset_days > 0 else "is not past the due date and grace"
        section.fault(
            "P113",
            "purpose",
            f"purpose: '{day}' {reason}, so it is a reminder; collection is 'overdue + 1d' or later",
        )


def _check_waits(section: Section, step: Step) -> None:
    """P118, a warning: a route that cannot reach its last channel on the step's day."""
    if step.next_if is None or step.useful_until.days:
        return
    begins = step.window.start.hour * 3600 + step.window.start.minute * 60
    last = begins + step.window.seconds + step.next_if.within_seconds * (len(step.route) - 1)
    if last >= CLOSES.hour * 3600:
        message = (
            f"next_if: a message sent at {step.window.end:%H:%M} would reach '{step.route[-1]}' after 21:00, "
            "when it may no longer go; begin earlier, wait less or extend useful_until"
        )
        section.faults.warn("P118", section.where("next_if"), message)
