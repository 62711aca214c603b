"""Whether a rule became stricter: what a lender may do to a binding rule, and what `rules diff` says of a change.

For every primitive one function: new allows nothing that old refuses. What cannot be compared is not tighter.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import time
from typing import Any, Final, TypeVar

from .model import (
    Automated,
    Basis,
    Cap,
    ChannelLimit,
    ContactWindow,
    CoolOff,
    Hold,
    Language,
    Mandatory,
    MustNotSay,
    MustSay,
    Opening,
    OptOut,
    Preference,
    Primitive,
    PriorNotice,
    Recipient,
    Resolution,
    Retention,
    Sender,
    Strict,
)

P = TypeVar("P", bound=Strict)
DAY_MINUTES: Final = 1440


def is_tighter(old: Primitive, new: Primitive) -> bool:
    """Whether whatever `new` allows, `old` allows too; true also for equals. False across primitives."""
    if type(old) is not type(new):
        return False
    return old == new or _COMPARED[type(old)](old, new)


def open_minutes(window: ContactWindow) -> frozenset[tuple[str, int]]:
    """(weekday, minute of the day) for every minute of an ordinary week in which a window is open."""
    return frozenset(
        (day, minute)
        for opening in window.openings
        for day in opening.days
        for minute in range(*opening_minutes(opening))
    )


def opening_minutes(opening: Opening) -> tuple[int, int]:
    """First minute and the one after the last; an end of 00:00 is that of the day."""
    return _minute(opening.start), _minute(opening.end) or DAY_MINUTES


def _minute(at: time) -> int:
    return at.hour * 60 + at.minute


def _window(old: ContactWindow, new: ContactWindow) -> bool:
    return (
        open_minutes(new) <= open_minutes(old)
        and (old.holidays == "as-usual" or new.holidays == "closed")
        and (old.overridden_by is not None or new.overridden_by is None)
    )


_UNITS: Final = {
    "attempt": {"attempt", "message", "connected", "conversation"},
    "message": {"message"},
    "connected": {"connected", "conversation"},
    "conversation": {"conversation"},
}
"""A unit to those it counts at least as many of."""
_PER: Final = {
    "person": {"person", "debt"},
    "debt": {"debt"},
    "number": {"number", "template"},
    "template": {"template"},
}
"""As _UNITS, for the key of a cap."""


def _cap(old: Cap, new: Cap) -> bool:
    return (
        new.most <= old.most
        and _longer(old.days, new.days)
        and _longer(old.hours, new.hours)
        and _longer(old.seconds, new.seconds)
        and old.unit in _UNITS[new.unit]
        and old.per in _PER[new.per]
        and _counts_more(old.counts_channels, new.counts_channels)
        and _counts_more(old.counts_purposes, new.counts_purposes)
        and (old.unanswered_only or not new.unanswered_only)
    )


def _longer(old: int | None, new: int | None) -> bool:
    return new is None if old is None else new is not None and new >= old


def _counts_more(old: Collection[str], new: Collection[str]) -> bool:
    """Empty means what the rule applies to, which may hold others than those named."""
    return set(old) == set(new) or (bool(old) and set(old) <= set(new))


def _cool_off(old: CoolOff, new: CoolOff) -> bool:
    return (
        new.days >= old.days
        and (
            new.after == old.after
            or new.after == "attempt"
            or (old.after, new.after) == ("conversation", "connected")
        )
        and (old.per == new.per or new.per == "person")
        and _counts_more(old.counts_channels, new.counts_channels)
    )


def _basis(old: Basis, new: Basis) -> bool:
    return set(new.kinds) <= set(old.kinds) and _at_most(old.fresh_days, new.fresh_days)


def _at_most(old: int | None, new: int | None) -> bool:
    """An upper bound that is nowhere above the old one; None is no bound."""
    return old is None or (new is not None and new <= old)


_SCOPES: Final = ("as-said", "channel", "all-channels")


def _opt_out(old: OptOut, new: OptOut) -> bool:
    return (
        _SCOPES.index(new.scope) >= _SCOPES.index(old.scope)
        and new.within_days <= old.within_days
        and _at_most(old.confirmation_minutes, new.confirmation_minutes)
    )


def _hold(old: Hold, new: Hold) -> bool:
    return (
        set(old.kinds) <= set(new.kinds)
        and set(new.lets_pass) <= set(old.lets_pass)
        and (new.days is None or (old.days is not None and new.days >= old.days))
    )


def _recipient(old: Recipient, new: Recipient) -> bool:
    return set(new.parties) <= set(old.parties) and (old.after_refusal or not new.after_refusal)


def _must_say(old: MustSay, new: MustSay) -> bool:
    return (
        set(old.says) <= set(new.says)
        and set(old.parts) <= set(new.parts)
        and (old.first_contact_only or not new.first_contact_only)
    )


def _must_not_say(old: MustNotSay, new: MustNotSay) -> bool:
    return (
        set(old.words) <= set(new.words)
        and set(old.facts) <= set(new.facts)
        and set(old.parts) <= set(new.parts)
    )


def _sender(old: Sender, new: Sender) -> bool:
    narrower = bool(new.number_series) and set(new.number_series) <= set(old.number_series)
    return (
        set(old.registered) <= set(new.registered)
        and (not old.number_series or narrower)
        and (new.shown or not old.shown)
    )


def _prior_notice(old: PriorNotice, new: PriorNotice) -> bool:
    longer = new.notice == old.notice and new.wait_days >= old.wait_days and new.times >= old.times
    return longer and (old.or_conversation or not new.or_conversation)


def _mandatory(old: Mandatory, new: Mandatory) -> bool:
    same = (new.notice, new.trigger) == (old.notice, old.trigger)
    return same and new.within_days <= old.within_days and _at_most(old.again_months, new.again_months)


def _retention(old: Retention, new: Retention) -> bool:
    return (
        set(old.records) <= set(new.records)
        and (old.least_years is None or (new.least_years is not None and new.least_years >= old.least_years))
        and _at_most(old.most_years, new.most_years)
        and (new.storage_only or not old.storage_only)
    )


def _preference(old: Preference, new: Preference) -> bool:
    return set(old.honours) <= set(new.honours)


def _automated(old: Automated, new: Automated) -> bool:
    return (new.refusal or not old.refusal) and (new.assessment or not old.assessment)


def _language(old: Language, new: Language) -> bool:
    return (new.own_language or not old.own_language) and (
        new.special_care_to_person or not old.special_care_to_person
    )


def _channel_limit(old: ChannelLimit, new: ChannelLimit) -> bool:
    return (
        _at_most(old.most_characters, new.most_characters)
        and _at_most(old.most_octets, new.most_octets)
        and _each_at_most(old.fields, new.fields)
        and _each_at_most(old.figures, new.figures)
        and set(old.reserved) <= set(new.reserved)
    )


def _each_at_most(old: Mapping[str, int], new: Mapping[str, int]) -> bool:
    return all(_at_most(most, new.get(name)) for name, most in old.items())


_COMPARED: Final[Mapping[type[Strict], Callable[[Any, Any], bool]]] = {
    ContactWindow: _window,
    Cap: _cap,
    CoolOff: _cool_off,
    Basis: _basis,
    OptOut: _opt_out,
    Hold: _hold,
    Recipient: _recipient,
    MustSay: _must_say,
    MustNotSay: _must_not_say,
    Sender: _sender,
    PriorNotice: _prior_notice,
    Mandatory: _mandatory,
    Retention: _retention,
    Preference: _preference,
    Automated: _automated,
    Language: _language,
    ChannelLimit: _channel_limit,
    Resolution: lambda old, new: True,
}
