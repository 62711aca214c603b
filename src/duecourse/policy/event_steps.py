"""A step that tells of an event (`on: payment.received`): what of its mapping differs from a step on a day."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from duecourse.book.events import EVENT_KINDS, EventKind
from duecourse.domain.messaging import Channel, Purpose

from .conditions import misplaced
from .model import ANY_TIME, Condition, Step, Window
from .reading import Section, did_you_mean, shown
from .routes import CLOSES, parse_duration, parse_time

EVENT_PURPOSES: Final = (Purpose.CONFIRMATION, Purpose.STATUS, Purpose.LEGAL)
"""What a step on an event may be for."""
_OF_DAYS: Final = ("when", "serves", "act", "earlier", "useful_until")
"""Keys that only a step on a day has."""
OF_EVENTS: Final = ("after", "gather", "useful_for")
"""Keys that only a step on an event has."""

_ON: Final = re.compile(r"(?P<event>[a-z][a-z._-]*)(?:\s+between\s+(?P<start>\S+)\s+and\s+(?P<end>\S+))?\Z")


def parse_on(section: Section) -> tuple[EventKind, Window] | None:
    """The event and the hours: 'payment.received' or 'payment.received between 09:00 and 20:00'.

    Faults P106, P107, P108 and P450 go to the section's list, and P451 for keys that only a step on a day has.
    """
    for key in _OF_DAYS:
        if section.has(key):
            section.fault("P451", key, f"{key}: a step on an event has none; {_why(key)}")
            section.take(key)
    text = section.text("on", required=True)
    if text is None:
        return None
    match = _ON.match(text.strip())
    if match is None:
        example = "write e.g. 'payment.received' or 'payment.received between 09:00 and 20:00'"
        section.fault("P450", "on", f"on: {shown(text)} is not understood; {example}")
        return None
    kind = next((known for known in EVENT_KINDS if known == match["event"]), None)
    if kind is None:
        known = did_you_mean(match["event"], EVENT_KINDS)
        section.fault("P450", "on", f"on: event {shown(match['event'])} is unknown; {known}")
        return None
    window = _hours(section, match["start"], match["end"]) if match["start"] else ANY_TIME
    return (kind, window) if window else None


def parse_spans(section: Section) -> tuple[int, int, int]:
    """Seconds of `after`, `gather` and `useful_for`; faults P452 go to the section's list."""
    after, gather, useful_for = (
        _span(section, key, default) for key, default in zip(OF_EVENTS, (0, 0, 86_400), strict=True)
    )
    return after, gather, useful_for


def check_event_step(section: Section, step: Step, applies_to: Sequence[Condition]) -> None:
    """What hangs together: P110, P453. applies_to: conditions that hold for the policy as a whole."""
    if step.on and step.next_if and step.next_if.unless == "paid":
        section.fault("P110", "next_if", "next_if: 'paid' waits for a debt; a step on an event asks for none")
    for condition in (step.condition, *(variant.condition for variant in step.variants), *applies_to):
        for name in misplaced(condition, of_event=step.on is not None):
            what = "an installment" if step.on else "an event"
            message = f"{name} asks of {what}, of which this step does not speak"
            section.fault("P453", "if" if section.has("if") else None, message)
    if step.on and step.useful_for_seconds < step.gather_seconds:
        section.fault("P452", "gather", "gather: it waits longer than the message has use; see useful_for")
    if step.on and Channel.TASK in step.route and step.purpose is Purpose.CONFIRMATION:
        section.faults.warn("P454", section.where("route"), "route: nobody needs to be called to be thanked")


def _why(key: str) -> str:
    if key == "when":
        return "write either 'when' or 'on'"
    if key == "useful_until":
        return "write 'useful_for: 24h', counted from the event"
    return "it belongs to steps on a day"


def _span(section: Section, key: str, default: int) -> int:
    text = section.text(key)
    if text is None:
        return default
    seconds = 0 if re.fullmatch(r"0[mhd]", text.strip()) and key != "useful_for" else parse_duration(text)
    if seconds is None:
        section.fault("P452", key, f"{key}: {shown(text)} is not a time of 1m to 30d; write e.g. 10m or 24h")
        return default
    return seconds


def _hours(section: Section, first: str, last: str) -> Window | None:
    start, end = parse_time(first), parse_time(last)
    if start is None or end is None:
        found = shown(first if start is None else last)
        section.fault("P106", "on", f"on: {found} is not a time of day; write HH:MM, e.g. 09:30")
        return None
    if start >= end:
        found = f"on: the hours {first} to {last} are empty, or pass midnight; they lie in one local day"
        section.fault("P107", "on", found)
        return None
    if start.hour < 8 or end > CLOSES:
        found = f"on: {first} to {last} is outside 08:00-21:00 borrower-local (rule DEFAULT-HOURS)"
        section.fault("P108", "on", found)
        return None
    return Window(start=start, end=end)
