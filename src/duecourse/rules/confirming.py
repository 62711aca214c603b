"""Within what a word to stop may be confirmed once: what the rules P5 of a place say, taken together."""

from __future__ import annotations

from datetime import date, timedelta

from duecourse.domain.messaging import Channel, Purpose

from .model import Actor, OptOut
from .packs import Contact, Packs


def confirmation_window(
    packs: Packs, region: str, channel: Channel, actor: Actor, *, on: date
) -> timedelta | None:
    """How long after the word its confirmation may go to somebody of a region; None where none may.

    on: the recipient's day. The shortest of all rules holds, for any purpose that the word may have ended; where one
    forbids it (0 minutes), or none names a time, none goes.
    """
    minutes = [
        rule.does.confirmation_minutes
        for purpose in Purpose
        for rule in packs.resolve(Contact(region, purpose, channel, actor), on=on)
        if isinstance(rule.does, OptOut) and rule.does.confirmation_minutes is not None
    ]
    shortest = min(minutes, default=0)
    return timedelta(minutes=shortest) if shortest else None
