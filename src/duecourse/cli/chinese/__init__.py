"""The catalogue: what commands print, English to Chinese, in the trade's own words.

A module a group of commands; a group of its own adds its module and a name in `_GROUPS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from . import (
    answers,
    arrangements,
    audit,
    batch,
    book,
    certificate,
    cluster,
    deliveries,
    due_days,
    events,
    gateway,
    judging,
    keeping,
    law,
    letters,
    link,
    notices,
    parties,
    payment,
    policy,
    push,
    quote,
    residence,
    routes,
    routing,
    rules,
    schedule,
    sending,
    serving,
    showing,
    template,
    understanding,
    watching,
    wechat,
    wishes,
)
from .stored import REASONS as STORED
from .stored import WORDS as STORED_WORDS

_GROUPS: Final = (
    answers,
    arrangements,
    audit,
    batch,
    book,
    certificate,
    cluster,
    deliveries,
    due_days,
    events,
    gateway,
    judging,
    keeping,
    law,
    letters,
    link,
    notices,
    parties,
    payment,
    policy,
    quote,
    residence,
    routes,
    routing,
    rules,
    schedule,
    sending,
    serving,
    showing,
    template,
    understanding,
    watching,
    wechat,
    wishes,
)

SENTENCES: Final[Mapping[str, str]] = {
    english: chinese for group in _GROUPS for english, chinese in group.SENTENCES.items()
}

WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    **STORED_WORDS,
    **answers.WORDS,
    **arrangements.WORDS,
    **certificate.WORDS,
    **link.WORDS,
    "event": events.KINDS,
}

REASONS: Final[Mapping[str, str]] = {
    **STORED,
    **answers.REASONS,
    **deliveries.REASONS,
    **events.REASONS,
    **gateway.REASONS,
    **law.REASONS,
    **push.REASONS,
    **quote.REASONS,
    **routes.REASONS,
    **routing.REASONS,
}

__all__ = ["REASONS", "SENTENCES", "WORDS"]
