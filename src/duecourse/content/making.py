"""From which part of a template each thing that a channel carries is made: its own, one that may stand in, or ours.

Only what is safe is derived. A longer channel takes the short text, never an SMS the long one; a lock screen takes the
short text only if it says nothing that a lock screen must not show; what is said before somebody is known to be the
right person, and to a machine, is never made of anything that could name a debt. Where nothing may stand in, the part
is missing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from liquid.exceptions import LiquidError

from duecourse.domain.messaging import Channel
from duecourse.policy.templates import PLAIN, WECHAT, TemplateText

from .liquid_env import Kind, environment
from .refusals import amount_in, overdue_words
from .shipped import ShippedText, shipped_text
from .variables import EVERY_VARIABLE

Output: TypeAlias = Literal["text", "subject", "html", "greeting", "notice", "voicemail", "keys"]
"""What a channel carries. Of a push the subject is the title and the text the body."""

SHIPPED: Final = "shipped."
"""Prefix of the parts that are not the template's but ours: `shipped.greeting`."""
OWN_LINK: Final = re.compile(
    r"\A(?:\{\{\s*link\s*\}\}|(?P<asks>\{%\s*if link\s*%\})\s*\{\{\s*link\s*\}\}\s*\{%\s*endif\s*%\})\Z"
)
"""The part `link` that opens the borrower's own page; `asks`: where there is one."""
OPENS: Final = (Channel.APP, Channel.WEBPUSH, Channel.WECHAT, Channel.INBOX)
"""The channels that open the part `link`."""
_CODED: Final = frozenset({"link", "code"})
_SIGNATURE: Final = re.compile(r"\A\s*【[^【】]*】\s*")


@dataclass(frozen=True, slots=True)
class Piece:
    """One thing that a channel carries and the Liquid it is made of."""

    output: Output
    part: str
    """The template's part, `plain.sms`; or `shipped.greeting`."""
    source: str
    kind: Kind
    derived: bool
    """Whether another part than its own stands in for it."""


@dataclass(frozen=True, slots=True)
class Missing:
    """Something a channel carries that nothing may stand in for."""

    output: Output
    part: str
    """The part to write."""
    why: str


@dataclass(frozen=True, slots=True)
class _From:
    part: str
    refuses: Callable[[TemplateText, str], str] | None = None
    """Why a source may not stand in; '' when it may."""


@dataclass(frozen=True, slots=True)
class _Recipe:
    output: Output
    sources: tuple[_From, ...]
    """The first is its own part; the others may stand in, in this order."""
    kind: Kind = "text"
    shipped: ShippedText | None = None
    optional: bool = False
    refusal: str = ""
    """Why nothing else may stand in."""


def lock_screen_faults(text: TemplateText, source: str) -> str:
    """What of a Liquid source a lock screen must not show, whatever the values; '' for nothing."""
    try:
        used = environment(text.language, "text").parse_source(source).analyze().globals
    except LiquidError:
        return "it is not Liquid"
    told = [name for name in used if name in EVERY_VARIABLE and not EVERY_VARIABLE[name].in_subject]
    if told:
        return f"'{told[0]}' may not stand there"
    late = overdue_words(source)
    if late:
        return f"it says '{late[0]}'"
    return "it shows an amount" if amount_in(source) else ""


def says(language: str, sources: Iterable[str], names: Set[str]) -> bool:
    """Whether a Liquid source says one of these variables, in any branch; what is no Liquid says nothing."""
    for source in sources:
        try:
            used = environment(language, "text").parse_source(source).analyze().globals
        except LiquidError:
            continue
        if names & used.keys():
            return True
    return False


def carries_code(text: TemplateText, channel: Channel, *, plain: bool = False, linked: bool = True) -> bool:
    """Whether what a channel is given of a template holds the code or the link of its attempt.

    linked: whether there is an address, without which no link is said.
    """
    names = _CODED if linked else _CODED - {"link"}
    if linked and channel in OPENS and OWN_LINK.match(text.parts.get("link", "")):
        return True
    made, _ = pieces(text, channel, plain=plain)
    said = [piece.source for piece in made]
    return says(text.language, [*said, *(fields(text).values() if channel == Channel.WECHAT else ())], names)


def _spoken_code(text: TemplateText, source: str) -> str:
    return "nobody can follow an address that is read out" if says(text.language, [source], _CODED) else ""


_SHORT: Final = (_From("sms"),)
_LONG: Final = (_From("email"), *_SHORT)
_SUBJECT: Final = _Recipe("subject", (_From("subject"),), shipped="subject")
_TOLD: Final = _Recipe("text", _LONG, refusal="an SMS text may stand in for it, and there is none")
_CALL: Final = (
    _Recipe(
        "greeting",
        (_From("voice.greeting"),),
        kind="voice",
        shipped="greeting",
        refusal="whoever answers hears it, so nothing that could name a debt may stand in",
    ),
    _Recipe(
        "notice",
        (_From("voice.notice"), _From("sms", _spoken_code), _From("email", _spoken_code)),
        kind="voice",
        refusal="an SMS or e-mail text without link and code may stand in for it, and there is none",
    ),
    _Recipe(
        "voicemail",
        (_From("voice.voicemail"),),
        kind="voice",
        shipped="voicemail",
        refusal="anybody may hear it, so nothing that could name a debt may stand in",
    ),
    _Recipe("keys", (_From("voice.keys"),), kind="voice", shipped="keys", optional=True),
)
_PUSH: Final = (
    _Recipe("subject", (_From("push.title"), _From("subject")), shipped="subject"),
    _Recipe(
        "text",
        (_From("push.body"), _From("sms", lock_screen_faults)),
        shipped="push",
        refusal="a lock screen shows it, and no SMS text that says nothing of the debt may stand in",
    ),
)
RECIPES: Final[Mapping[Channel, tuple[_Recipe, ...]]] = {
    Channel.SMS: (
        _Recipe("text", _SHORT, kind="sms", refusal="a long text does not become a short one by itself"),
    ),
    Channel.EMAIL: (_SUBJECT, _TOLD, _Recipe("html", (_From("html"),), kind="html", optional=True)),
    Channel.INBOX: (_SUBJECT, _TOLD, _Recipe("html", (_From("html"),), kind="html", optional=True)),
    Channel.LETTER: (
        _SUBJECT,
        _Recipe(
            "text",
            (_From("letter"), *_LONG),
            refusal="an e-mail or SMS text may stand in for it, and there is none",
        ),
    ),
    Channel.VOICE: _CALL,
    Channel.TASK: _CALL,
    Channel.APP: _PUSH,
    Channel.WEBPUSH: _PUSH,
    Channel.WECHAT: (),
}
"""What each channel carries. WeChat carries the fields of the template alone."""


def pieces(text: TemplateText, channel: Channel, *, plain: bool = False) -> tuple[list[Piece], list[Missing]]:
    """What a channel is given of a template, and what is missing. plain: of its plain-words form where it has one."""
    if channel == Channel.WECHAT:
        return [], [] if fields(text) else [_no_fields()]
    made: list[Piece] = []
    missing: list[Missing] = []
    for recipe in RECIPES[channel]:
        piece = _piece(text, recipe, plain)
        if piece is not None:
            made.append(piece)
        elif not recipe.optional:
            missing.append(Missing(recipe.output, recipe.sources[0].part, _why(text, recipe)))
    return made, missing


def fields(text: TemplateText) -> dict[str, str]:
    """WeChat's fields of a template: keyword to Liquid, in the template's order."""
    return {
        part.removeprefix(WECHAT): source for part, source in text.parts.items() if part.startswith(WECHAT)
    }


def can_say(text: TemplateText) -> list[Channel]:
    """The channels that a template has what it takes for."""
    return [channel for channel in Channel if not pieces(text, channel)[1]]


def _piece(text: TemplateText, recipe: _Recipe, plain: bool) -> Piece | None:
    prefixes: Sequence[str] = (PLAIN, "") if plain else ("",)
    for prefix in prefixes:
        for place, origin in enumerate(recipe.sources):
            part = f"{prefix}{origin.part}"
            source = text.parts.get(part)
            if source is None:
                continue
            if origin.part == "sms" and recipe.kind != "sms":
                source = _SIGNATURE.sub("", source)
            if origin.refuses is None or not origin.refuses(text, source):
                return Piece(recipe.output, part, source, recipe.kind, derived=place > 0)
        if prefix and recipe.output == "html" and f"{PLAIN}email" in text.parts:
            return None  # made from the plain long text, not the ordinary HTML
    source = shipped_text(text.language, recipe.shipped) if recipe.shipped else None
    if source is None:
        return None
    return Piece(recipe.output, f"{SHIPPED}{recipe.shipped}", source, recipe.kind, derived=True)


def _why(text: TemplateText, recipe: _Recipe) -> str:
    if recipe.shipped:
        said = f"none is shipped in {text.language}"
        return f"{recipe.refusal}, and {said}" if recipe.refusal else said
    return recipe.refusal


def _no_fields() -> Missing:
    return Missing("text", "wechat", "its fields have the keywords registered there, which no text can give")
