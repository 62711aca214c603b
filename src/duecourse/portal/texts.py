"""What the pages say, in every language they are written in: `texts/<group>/<language>.toml`, read once."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final, TypeAlias

from babel import Locale, UnknownLocaleError
from babel.core import get_global

from duecourse.content.formats import formats

Text: TypeAlias = str | Mapping[str, str]
"""A sentence, or its plural forms by CLDR's category."""


@dataclass(frozen=True, slots=True)
class Written:
    """A language of the pages."""

    name: str
    """As its readers call it."""
    read: bool = True
    """Whether somebody who grew up with it has read the texts; where not, they want such a reader."""


LANGUAGES: Final[Mapping[str, Written]] = {
    "zh-CN": Written("简体中文"),
    "zh-TW": Written("繁體中文"),
    "en": Written("English"),
    "es": Written("Español", read=False),
    "hi": Written("हिन्दी", read=False),
    "id": Written("Bahasa Indonesia", read=False),
    "pt-BR": Written("Português (Brasil)", read=False),
    "vi": Written("Tiếng Việt", read=False),
    "ar": Written("العربية", read=False),
}
"""BCP 47, in the order in which they are offered."""

_FOLDER: Final = files(__package__).joinpath("texts")


@cache
def catalogue(language: str) -> Mapping[str, Text]:
    """Every text of a language of LANGUAGES, by `group.key`; a group that is not written in it speaks English."""
    found: dict[str, Text] = {}
    for group in groups():
        own = _FOLDER.joinpath(group, f"{language}.toml")
        text = (own if own.is_file() else _FOLDER.joinpath(group, "en.toml")).read_text("utf-8")
        found |= {f"{group}.{key}": value for key, value in tomllib.loads(text).items()}
    return found


@cache
def groups() -> tuple[str, ...]:
    """The groups of texts: one for each module of pages."""
    return tuple(sorted(entry.name for entry in _FOLDER.iterdir() if entry.is_dir()))


def say(language: str, key: str, **values: object) -> str:
    """A text with its values, the plural chosen by `count`. Raises KeyError for an unknown key or a missing value."""
    text = catalogue(language)[key]
    if not isinstance(text, str):
        count = values["count"]
        assert isinstance(count, int)
        own = formats(language)
        text = own.plural(count, dict(text))
        values = {**values, "count": own.counted(count)}
    return text.format_map(values) if "{" in text else text


@cache
def closest(tag: str) -> str | None:
    """The language of LANGUAGES that a reader of `tag` (BCP 47) reads: the same, or of its language and script."""
    if tag in LANGUAGES:
        return tag
    wanted = _script_of(tag)
    return next((known for known in LANGUAGES if wanted and _script_of(known) == wanted), None)


def accepted(header: str) -> str | None:
    """The first language of an Accept-Language header that we have. Anything may stand in it."""
    weighed: list[tuple[float, int, str]] = []
    for place, part in enumerate(header[:500].split(",")[:20]):
        tag, _, weight = part.strip().partition(";q=")
        try:
            weighed.append((-float(weight or 1), place, tag))
        except ValueError:
            continue
    return first(closest(tag) for _, _, tag in sorted(weighed))


def first(tags: Iterable[str | None]) -> str | None:
    """The first that is one."""
    return next((tag for tag in tags if tag), None)


def _script_of(tag: str) -> tuple[str, str] | None:
    try:
        locale = Locale.parse(tag, sep="-")
    except (ValueError, UnknownLocaleError, TypeError):
        return None
    likely = get_global("likely_subtags")
    whole = str(likely.get(str(locale)) or likely.get(locale.language) or "")
    script = locale.script or next((part for part in whole.split("_") if len(part) == 4), "")
    return locale.language, script
