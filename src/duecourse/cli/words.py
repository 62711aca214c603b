"""Everything a report says, in the reader's language. What is stored stays as it is; only the screen is translated.

Three ways in: `say` for our own sentences, titles and heads; `word` for a stored one such as a state, a channel or
a purpose; `reason` for the reason stored beside a verdict. JSON, ids, codes and what people typed pass by all three.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from string import Formatter

from duecourse.rules.model import Names
from duecourse.rules.words import RULES, RuleWords

from .chinese import REASONS, SENTENCES, WORDS
from .context import context


def in_chinese() -> bool:
    """Whether this command reports in Chinese (the setting `language`)."""
    return context().settings.language == "zh"


def say(text: str, **values: object) -> str:
    """One of our sentences, with its {placeholders} filled. text: the English, which is the key of the Chinese."""
    said = SENTENCES.get(text, text) if in_chinese() else text
    return said.format(**values) if values else said


def word(kind: str, stored: object) -> str:
    """A stored word as a reader knows it; an unknown one, and nothing, as it stands. kind: a key of WORDS."""
    plain = "" if stored is None else str(stored)
    if in_chinese():
        return WORDS[kind].get(plain, plain)
    return plain.replace("_", " ")


def rule_in_words(rule: str) -> str:
    """What a rule says, of the packs or of the book; empty for one we have no words for."""
    words = rule_words(rule)
    if words is None:
        return ""
    return words.zh if in_chinese() else words.en


def rule_words(rule: str) -> Names | RuleWords | None:
    """A rule's words in both languages; None for one we have none for."""
    law = context().packs.rules.get(rule)
    return law.says if law else RULES.get(rule)


def reason(stored: str) -> str:
    """The reason beside a verdict: ours in words, a person's or a provider's as it was given."""
    if not in_chinese():
        return stored
    if stored in REASONS:
        return REASONS[stored]
    for pattern, said in _reason_patterns():
        if match := pattern.fullmatch(stored):
            return said.format(**match.groupdict())
    return stored


def listed(parts: Iterable[str]) -> str:
    """Several words as one list."""
    return ("、" if in_chinese() else ", ").join(parts)


def sentences(parts: Iterable[str]) -> str:
    """Several statements beside each other."""
    return ("；" if in_chinese() else "; ").join(parts)


@cache
def _reason_patterns() -> list[tuple[re.Pattern[str], str]]:
    """The reasons that have placeholders, ready to be read back."""
    return [(_pattern(text), said) for text, said in REASONS.items() if "{" in text]


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(
        "".join(
            re.escape(literal) + (f"(?P<{field}>.+?)" if field else "")
            for literal, field, _, _ in Formatter().parse(text)
        )
    )
