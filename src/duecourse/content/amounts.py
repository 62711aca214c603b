"""Whether a template names an amount: what it may not do while the book is stale or a debit is in process."""

from __future__ import annotations

from collections.abc import Iterable

from liquid.exceptions import LiquidError

from duecourse.policy.templates import TemplateText

from .liquid_env import environment
from .variables import EVERY_VARIABLE, ITEM_VARIABLES

_AMOUNTS = frozenset(name for name, variable in EVERY_VARIABLE.items() if variable.type == "money")
_ITEM_AMOUNTS = frozenset(name for name, variable in ITEM_VARIABLES.items() if variable.type == "money")


def names_amount(texts: Iterable[TemplateText]) -> bool:
    """Whether any part in any language uses a variable of type money, also where only one branch says it.

    What is no Liquid is taken to name one: the stricter side.
    """
    return any(
        asks_for_picture([text])
        or any(_part_names_amount(text.language, source) for source in text.parts.values())
        for text in texts
    )


def asks_for_picture(texts: Iterable[TemplateText]) -> bool:
    """Whether any language sends the bill's picture along, which shows amounts."""
    return any("picture" in text.parts for text in texts)


def _part_names_amount(language: str, source: str) -> bool:
    try:
        analysis = environment(language, "text").parse_source(source).analyze()
    except LiquidError:
        return True
    if _AMOUNTS & analysis.globals.keys():
        return True
    segments = (use.segments[1:] for uses in analysis.variables.values() for use in uses)
    return any(segment in _ITEM_AMOUNTS for tail in segments for segment in tail if isinstance(segment, str))
