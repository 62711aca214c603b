"""What is said where a template is silent and nothing may be derived: `shipped.toml`, by language."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final, Literal, TypeAlias, TypeVar

from babel import Locale
from babel.core import get_global

T = TypeVar("T")
ShippedText: TypeAlias = Literal["subject", "push", "greeting", "voicemail", "keys"]
BILL_WORDS: Final = (
    "title",
    "product",
    "contract",
    "due",
    "amount",
    "total",
    "least",
    "statement",
    "questions",
)
"""The words on a bill."""

_NO_SPACES: Final = re.compile(r"[\u3400-\u9fff]")


def shipped_text(language: str, which: ShippedText) -> str | None:
    """Liquid in a language, by its script where that matters (zh-HK is zh-Hant); None where none is shipped."""
    found: str | None = (in_script_of(language, _read()) or {}).get(which)
    return found


def bill_words(language: str) -> Mapping[str, str]:
    """The words of BILL_WORDS in a language; in English where none are shipped."""
    words: Mapping[str, str] = (in_script_of(language, _read()) or _read()["en"])["bill"]
    return words


def shipped_languages() -> list[str]:
    """The languages that texts are shipped in."""
    return list(_read())


def debt_words(text: str) -> list[str]:
    """The words of a text that give a debt away, in any language, each once."""
    return list(dict.fromkeys(match.lower() for match in _debt_pattern().findall(text)))


def in_script_of(language: str, written: Mapping[str, T]) -> T | None:
    """What is written for a reader of a language (BCP 47): zh-HK reads `zh-Hant`, pt-BR `pt`; None where nothing is.

    written: by language, or language and script where that matters.
    """
    alone, script = _script_of(language)
    return written.get(f"{alone}-{script}") or written.get(alone)


@cache
def _script_of(language: str) -> tuple[str, str]:
    """A language without script and region, and the script that its readers most likely read; '' where nobody knows."""
    locale = Locale.parse(language, sep="-")
    likely = str(
        get_global("likely_subtags").get(str(locale)) or get_global("likely_subtags").get(locale.language)
    )
    return locale.language, locale.script or next((part for part in likely.split("_") if len(part) == 4), "")


@cache
def _read() -> Mapping[str, Mapping[str, Any]]:
    return tomllib.loads(files(__package__).joinpath("shipped.toml").read_text("utf-8"))


@cache
def _debt_pattern() -> re.Pattern[str]:
    words = sorted((word for one in _read().values() for word in one["debt_words"]), key=len, reverse=True)
    whole = "|".join(re.escape(word) for word in words if not _NO_SPACES.search(word))
    anywhere = "|".join(re.escape(word) for word in words if _NO_SPACES.search(word))
    return re.compile(rf"(?<!\w)(?:{whole})(?!\w)|{anywhere}", re.IGNORECASE)
