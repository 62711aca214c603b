"""One step of a policy file, from its mapping to a Step, with every fault in it reported."""

from __future__ import annotations

import re
from datetime import time
from typing import Final, get_args

from ruamel.yaml.comments import CommentedSeq

from duecourse.domain.messaging import Purpose
from duecourse.rules.model import Action

from .conditions import Known, parse_condition
from .event_steps import EVENT_PURPOSES, OF_EVENTS, check_event_step, parse_on, parse_spans
from .model import Anchor, Condition, Grace, Party, Step, UsefulUntil, Variant, Window
from .reading import Section, did_you_mean, shown
from .routes import CLOSES, check_waits, parse_next_if, parse_route, parse_time

OPENS = time(8)
"""DEFAULT-HOURS: nothing is handed over before this borrower-local time."""
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
PROMISE_OVER_DAYS: Final = 2
"""Days after the one promised from which the pause is over."""

_WHEN = re.compile(
    r"(?P<anchor>[a-z_-]+)(?:\s*(?P<sign>[+-])\s*(?P<days>\d{1,5})\s*d)?"
    r"(?:\s+at\s+(?P<at>\S+)|\s+between\s+(?P<start>\S+)\s+and\s+(?P<end>\S+))\Z"
)
_USEFUL = re.compile(r"(?:same day|\+\s*(?P<days>\d{1,2})d)(?:\s+(?P<at>\S+))?\Z")
_EXAMPLE = "write e.g. 'due - 7d between 09:30 and 11:30' or 'overdue + 1d at 10:00'"


def parse_step(section: Section, grace: Grace, known: Known, applies_to: Condition) -> Step | None:
    """None when something needed to go on is missing; what is wrong is in the section's faults either way.

    applies_to: the policy's.
    """
    if section.has("on"):
        return _parse_event_step(section, known, applies_to)
    for key in OF_EVENTS:
        if section.has(key):
            section.fault(
                "P451", key, f"{key}: only a step on an event has it; write 'on' in place of 'when'"
            )
            section.take(key)
    step_id = section.identifier("id")
    when = _when(section)
    serves = section.choice("serves", NOTICES, default=None) if section.has("serves") else None
    act = section.choice("act", get_args(Action), default=None) if section.has("act") else None
    purpose = _purpose(section, serves, when[0] if when else None)
    condition = parse_condition(section.section("if", f"{section.name} if"), known)
    to = _to(section)
    route = parse_route(section)
    send = section.choice("send", ["first", "all"], default="first")
    next_if = parse_next_if(section, route, send, when[2] if when else None)
    earlier = section.choice("earlier", ["wait", "supersede"], default="wait")
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
        earlier="supersede" if earlier == "supersede" else "wait",
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
    check_waits(section, step)
    check_event_step(section, step, ())
    return step


def _parse_event_step(section: Section, known: Known, applies_to: Condition) -> Step | None:
    step_id = section.identifier("id")
    on = parse_on(section)
    after, gather, useful_for = parse_spans(section)
    purpose = section.choice("purpose", [purpose.value for purpose in EVENT_PURPOSES])
    condition = parse_condition(section.section("if", f"{section.name} if"), known)
    to = _to(section)
    route = parse_route(section)
    send = section.choice("send", ["first", "all"], default="first")
    next_if = parse_next_if(section, route, send, None)
    template = section.identifier("template")
    variants = _variants(section, known)
    section.finish()
    if on is None or purpose is None or not route or step_id is None or template is None:
        return None
    step = Step(
        id=step_id,
        anchor=Anchor.EVENT,
        offset_days=0,
        window=on[1],
        on=on[0],
        after_seconds=after,
        gather_seconds=gather,
        useful_for_seconds=useful_for,
        purpose=Purpose(purpose),
        condition=condition,
        to=to,
        route=route,
        send="all" if send == "all" else "first",
        next_if=next_if,
        template=template,
        variants=variants,
    )
    check_event_step(section, step, (applies_to,))
    return step


def _purpose(section: Section, serves: str | None, anchor: Anchor | None) -> str | None:
    """A notice is legal and need not say so. A promise may be spoken of while it pauses all that asks for money."""
    if serves is None:
        purposes = (*STEP_PURPOSES, Purpose.STATUS) if anchor is Anchor.PROMISE else STEP_PURPOSES
        return section.choice("purpose", [purpose.value for purpose in purposes])
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
    anchors = [anchor.value for anchor in Anchor if anchor is not Anchor.EVENT]
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
    start, end = parse_time(first), parse_time(last)
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


def _useful_until(section: Section, window: Window | None) -> UsefulUntil:
    text = section.text("useful_until")
    if text is None:
        return UsefulUntil()
    match = _USEFUL.match(text.strip())
    at = parse_time(match["at"]) if match and match["at"] else None
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
    """P113: within grace it is a reminder, past it a collection notice. P432: what the promise itself holds."""
    if step.purpose is Purpose.LEGAL:
        return
    if step.anchor is Anchor.PROMISE:
        _check_promise(section, step)
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


def _check_promise(section: Section, step: Step) -> None:
    """P432: until the day after the one promised nothing may ask for money; what speaks of the promise is a status."""
    if (step.offset_days < PROMISE_OVER_DAYS) != (step.purpose is Purpose.STATUS):
        section.fault(
            "P432",
            "purpose",
            f"purpose: before 'promise + {PROMISE_OVER_DAYS}d' the promise holds every reminder and collection notice, "
            "so it is a status; from then on it is a reminder or a collection notice",
        )
