"""How the visitor wishes to be reached: channels, hours, language, type size; and to stop, or to begin again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from starlette.responses import Response

from duecourse.book.consents import ConsentKind, consents_of
from duecourse.book.preferences import PreferenceKind, add_preference, end_preference, preferences_of
from duecourse.book.reading import contact_points_of
from duecourse.book.wishes import Said
from duecourse.domain.messaging import Channel
from duecourse.responses.intents import Intent

from .answers import hear
from .asked import Asked
from .entering import keep_display
from .frame import DISPLAY, Display
from .page import Button, Page
from .texts import LANGUAGES

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
HOURS: Final = tuple(f"{hour:02d}:00" for hour in range(7, 23))
EVERYTHING: Final = "everything"
"""In the form of a stop: every channel."""
_ORDER: Final = (
    Channel.SMS,
    Channel.WECHAT,
    Channel.APP,
    Channel.WEBPUSH,
    Channel.INBOX,
    Channel.EMAIL,
    Channel.VOICE,
    Channel.LETTER,
)
"""Channels a borrower chooses among, where they have an address for them."""


def channels_of(asked: Asked) -> list[str]:
    """Those the visitor can be reached by, in a fixed order. A number that is written to can be called."""
    place = asked.person
    points = contact_points_of(asked.conn, place.lane, place.borrower_id)
    there = {point.channel for point in points if point.state == "active"}
    if Channel.SMS in there:
        there.add(Channel.VOICE)
    return [channel.value for channel in _ORDER if channel.value in there]


def wishes_of(asked: Asked) -> Mapping[str, dict[str, Any]]:
    """The visitor's wishes in force, by kind."""
    found = preferences_of(asked.conn, asked.person, at=asked.now)
    return {one.kind: one.wish for one in found if one.in_force}


def stops_of(asked: Asked) -> list[str]:
    """What the visitor has stopped and not begun again: channels, or EVERYTHING; the widest first."""
    standing: dict[str, bool] = {}
    for one in consents_of(asked.conn, asked.person, at=asked.now):
        if one.kind != ConsentKind.CONTACT or one.purpose or not one.in_force:
            continue
        scope = one.channel or EVERYTHING
        if one.granted and scope == EVERYTHING:
            standing.clear()
        elif not one.granted or not one.for_address:
            standing[scope] = not one.granted
    known = (EVERYTHING, *(channel.value for channel in Channel))
    return [scope for scope in known if standing.get(scope)]


def show_preferences(asked: Asked) -> Response:
    """`/me/preferences`."""
    channels, wishes = channels_of(asked), wishes_of(asked)
    if asked.posted and _save(asked, channels, wishes):
        return asked.go("/me/preferences", done="preferences.saved")
    hours = wishes.get(PreferenceKind.HOURS, {})
    return asked.show(
        "preferences.html",
        channels=[(channel, asked.say(f"preferences.by_{channel}")) for channel in channels],
        wanted=_wanted(channels, wishes.get(PreferenceKind.CHANNEL, {})),
        start=hours.get("from", ""),
        end=hours.get("to", ""),
        days=[(day, asked.say(f"preferences.day_{day}")) for day in DAYS],
        kept_days=hours.get("days") or DAYS,
        hours=HOURS,
        tongues=[(tag, written.name) for tag, written in LANGUAGES.items()],
    )


def _wanted(channels: list[str], wish: Mapping[str, Any]) -> list[str]:
    if allowed := wish.get("allowed"):
        return [channel for channel in channels if channel in allowed]
    return [channel for channel in channels if channel not in wish.get("refused", ())]


def _save(asked: Asked, channels: list[str], wishes: Mapping[str, dict[str, Any]]) -> bool:
    """Put the form's wishes in force; False, and faults, where it says no sense."""
    form, kept = asked.form, wishes.get(PreferenceKind.HOURS, {})
    wanted = [channel for channel in channels if channel in form.all("channel")]
    if channels and not wanted:
        form.fault("channel", "preferences.channel_needed")
    start, end = form.get("from"), form.get("to")
    known = {*HOURS, kept.get("from"), kept.get("to")}
    if (start or end) and not (start in known and end in known and start < end):
        form.fault("from", "preferences.hours_needed")
    days = [day for day in DAYS if day in form.all("day")]
    if start and not days:
        form.fault("day", "preferences.days_needed")
    language = form.choice("language", LANGUAGES, needed="preferences.language_needed")
    if form.errors:
        return False
    elsewhere = [
        one for one in wishes.get(PreferenceKind.CHANNEL, {}).get("refused", ()) if one not in channels
    ]
    refused = [channel for channel in channels if channel not in wanted] + elsewhere
    _wish(asked, PreferenceKind.CHANNEL, {"refused": refused} if refused else None)
    hours = {"from": start, "to": end, "days": [] if len(days) == len(DAYS) else days}
    _wish(asked, PreferenceKind.HOURS, hours if start else None)
    large = form.get("large") == "1"
    keep_display(asked, language, large)
    asked.cookies[DISPLAY] = Display(language, large).cookie
    return True


def _wish(asked: Asked, kind: PreferenceKind, wish: Mapping[str, Any] | None) -> None:
    """A wish in force, or none any more."""
    if wish is None:
        end_preference(asked.conn, asked.person, kind, by="borrower", at=asked.now, now=asked.now)
        return
    said = Said("chosen on the borrower's page", "page", "borrower", asked.now, asked.now)
    add_preference(asked.conn, asked.person, kind, wish, said=said)


def stop(asked: Asked) -> Response:
    """`/me/stop`: no more messages, by one channel or at all; and messages again."""
    channels, stopped = channels_of(asked), stops_of(asked)
    if asked.posted:
        again = asked.form.get("again")
        known = stopped if again else [*channels, EVERYTHING]
        scope = asked.form.choice("again" if again else "scope", known, needed="preferences.stop_needed")
        if not asked.form.errors:
            channel = None if scope == EVERYTHING else Channel(scope)
            hear(asked, (Intent.START if again else Intent.STOP,), channel=channel)
            return asked.go("/me/stop", done="preferences.started" if again else "preferences.stopped")
    open_ = [channel for channel in channels if channel not in stopped]
    return asked.show(
        "stop.html",
        stopped=[(scope, asked.say(f"preferences.by_{scope}")) for scope in stopped],
        scopes=[
            (scope, asked.say(f"preferences.by_{scope}"))
            for scope in ([] if EVERYTHING in stopped else [*open_, EVERYTHING])
        ],
    )


PAGES: Final = (
    Page("/me/preferences", show_preferences, button=Button("preferences.title", "more", 60)),
    Page("/me/stop", stop, button=Button("preferences.stop", "more", 65)),
)
