"""What is certain of a text without a model: the rules of `data/rules.toml`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from duecourse.responses.intents import Intent

from .lexicon import classes, read_data
from .plain import has_han

_CLASS: Final = re.compile(r"\{([a-z_]+)\}")
_ENDS: Final = " \t\n.,!?~…。，！？、；;:：\"'“”()（）[]【】*-"


@dataclass(frozen=True, slots=True)
class Found:
    """What a rule says of a text."""

    intent: Intent
    words: str
    """Those it went by. The borrower's: never logged."""
    denied: bool = False
    """The text says that it does not mean this."""


@dataclass(frozen=True, slots=True)
class _Rule:
    intent: Intent
    pattern: re.Pattern[str]
    unless: re.Pattern[str] | None
    whole: bool
    denies: bool
    chinese: bool

    def found(self, text: str, bare: str) -> Found | None:
        match = self.pattern.fullmatch(bare) if self.whole else self.pattern.search(text)
        if match is None or (self.unless is not None and self.unless.search(bare if self.whole else text)):
            return None
        return Found(self.intent, match[0], self.denies)


def found_by_rules(text: str) -> Sequence[Found]:
    """What the rules say of a plain text, in their order, each intent once; what is denied is not found beside it."""
    bare, chinese = text.strip(_ENDS), has_han(text)
    every = [
        found
        for rule in _rules()
        if (chinese or not rule.chinese) and (found := rule.found(text, bare)) is not None
    ]
    denied = {one.intent for one in every if one.denied}
    kept: dict[Intent, Found] = {}
    for one in every:
        if one.denied or one.intent not in denied:
            kept.setdefault(one.intent, one)
    return tuple(kept.values())


@cache
def _rules() -> tuple[_Rule, ...]:
    return tuple(_made(rule) for rule in read_data("rules")["rule"])


def _made(rule: dict[str, Any]) -> _Rule:
    words = classes(rule["language"])

    def pattern(name: str) -> re.Pattern[str]:
        return re.compile(_CLASS.sub(lambda match: words[match[1]], rule[name]))

    return _Rule(
        Intent(rule.get("intent") or rule["denies"]),
        pattern("is" if "is" in rule else "finds"),
        pattern("unless") if "unless" in rule else None,
        "is" in rule,
        "denies" in rule,
        rule["language"] == "zh",
    )
