"""The way of a step from one channel to the next: its channels, the condition to move on, what each can report."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import time
from typing import Final, Literal, TypeAlias, get_args

from ruamel.yaml.comments import CommentedSeq

from duecourse.domain.messaging import Channel

from .model import NextIf, Step, Window
from .reading import Section, did_you_mean, shown

CLOSES: Final = time(21)
"""DEFAULT-HOURS: nothing is handed over from this borrower-local time on."""
MAX_WAIT_SECONDS: Final = 30 * 86_400
TIME: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)\Z")
_DURATION: Final = re.compile(r"(?:(\d{1,3})d)?(?:(\d{1,4})h)?(?:(\d{1,5})m)?\Z")

Standing: TypeAlias = Literal["sent", "delivered", "read", "answered", "paid"]
STANDINGS: Final = get_args(Standing)
_WORDS: Final = ("accepted", *STANDINGS)
"""`accepted` is `sent`: the provider took it."""

TELLS: Final[Mapping[Channel, tuple[Standing, ...]]] = {
    Channel.SMS: ("delivered", "answered"),
    Channel.VOICE: ("delivered", "read", "answered"),
    Channel.EMAIL: (),
    Channel.WECHAT: ("delivered", "answered"),
    Channel.APP: (),
    Channel.WEBPUSH: (),
    Channel.LETTER: (),
    Channel.INBOX: ("delivered", "read"),
    Channel.TASK: ("delivered", "read", "answered"),
}
"""What a channel can say beyond that it was sent. Of an e-mail and a letter only the return is heard; a push is taken
by Apple or Google, and no more is known. Of a call `delivered` is that somebody answered, `read` that the right person
heard it."""


def parse_route(section: Section) -> tuple[Channel, ...]:
    """The channels, each once; faults P104 and P109 go to the section's list."""
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


def parse_next_if(
    section: Section, route: tuple[Channel, ...], send: str | None, window: Window | None
) -> NextIf | None:
    """When the route moves on; faults P103, P110, P111, P130, P131 and the warning P119 go to the section's list."""
    under = section.section("next_if", f"{section.name} next_if")
    if under is None:
        return None
    word = under.choice("not", _WORDS)
    within, by = _within(under), _by(under, window)
    if under.has("within") == under.has("by"):
        under.fault("P131", None, "give either 'within: 2h' or 'by: \"18:00\"', and not both")
    under.finish()
    if send == "all":
        section.fault(
            "P110", "next_if", "next_if: with 'send: all' every channel goes at once; remove one of the two"
        )
    elif len(route) == 1:
        section.fault(
            "P110", "next_if", f"next_if: the route has no channel after '{route[0]}' to move on to"
        )
    unless = "sent" if word == "accepted" else word
    if unless is None or unless not in STANDINGS or (within is None) == (by is None):
        return None
    _warn_of_silence(section, route, unless)
    return NextIf.model_validate({"unless": unless, "within_seconds": within, "by": by})


def _within(under: Section) -> int | None:
    text = under.text("within")
    seconds = parse_duration(text) if text else None
    if text and seconds is None:
        under.fault(
            "P111", "within", f"within: {shown(text)} is not a time of 1m to 30d; write e.g. 2h or 1h30m"
        )
    return seconds


def _by(under: Section, window: Window | None) -> time | None:
    text = under.text("by")
    if text is None:
        return None
    by = parse_time(text)
    if by is None:
        under.fault("P130", "by", f'by: {shown(text)} is not a time of day; write HH:MM, e.g. "18:00"')
    elif window and by <= window.end:
        under.fault(
            "P130",
            "by",
            f"by: {by:%H:%M} is not after the window's end, {window.end:%H:%M}: nothing would be waited for",
        )
    return by


def _warn_of_silence(section: Section, route: tuple[Channel, ...], unless: str) -> None:
    """P119: channels that never say what is waited for. That a debt was paid the book says."""
    if unless in ("sent", "paid"):
        return
    silent = [channel for channel in route[:-1] if unless not in TELLS[channel]]
    if silent:
        section.faults.warn(
            "P119",
            section.where("next_if"),
            f"next_if: {' and '.join(silent)} cannot tell that a message was {unless}; it always moves on from there",
        )


def parse_time(text: str) -> time | None:
    """`09:30`; None for anything else."""
    match = TIME.match(text)
    return time(int(match[1]), int(match[2])) if match else None


def parse_duration(text: str) -> int | None:
    """`2h`, `90m`, `1h30m`, `1d` in seconds, from a minute to 30 days; None for anything else."""
    match = _DURATION.match(text.strip().replace(" ", ""))
    if match is None:
        return None
    days, hours, minutes = (int(group or 0) for group in match.groups())
    seconds = days * 86_400 + hours * 3600 + minutes * 60
    return seconds if 60 <= seconds <= MAX_WAIT_SECONDS else None


def check_waits(section: Section, step: Step) -> None:
    """P118, a warning: a route that cannot reach its last channel on the step's day."""
    if step.next_if is None or step.useful_until.days:
        return
    end = step.window.end
    last = end.hour * 3600 + end.minute * 60
    if step.next_if.by:
        last = step.next_if.by.hour * 3600 + step.next_if.by.minute * 60
        last += (
            0 if len(step.route) == 2 else 86_400
        )  # each channel after it has until that time of the next day
    else:
        last += (step.next_if.within_seconds or 0) * (len(step.route) - 1)
    if last >= CLOSES.hour * 3600:
        message = (
            f"next_if: a message sent at {end:%H:%M} would reach '{step.route[-1]}' after 21:00, "
            "when it may no longer go; begin earlier, wait less or extend useful_until"
        )
        section.faults.warn("P118", section.where("next_if"), message)
