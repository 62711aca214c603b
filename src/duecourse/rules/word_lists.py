"""Words that rules look for: classes that a text must not hold, and what people write to be left alone.

One TOML file per class in `words/`, its keys being languages (BCP 47). `opt_out.toml` has two lists per language.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final, Literal

OPT_OUT: Final = "opt_out"
OptOutScope = Literal["channel", "everything"]
_MARKS: Final = " \t\r\n.!?。！？,，、;；:\"'“”‘’()（）[]【】*¡¿।"
_NO_SPACES: Final = re.compile(r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff]")
"""Thai, Japanese, Chinese: written without spaces, so that a word is found wherever it stands."""


@cache
def word_list_names() -> frozenset[str]:
    """Names of the classes of words, which P9 rules name; the opt-out words are none."""
    names = (file.name for file in files(__package__).joinpath("words").iterdir())
    return frozenset(name.removesuffix(".toml") for name in names if name.endswith(".toml")) - {OPT_OUT}


@cache
def word_list(name: str) -> Mapping[str, tuple[str, ...]]:
    """A class of words: language to its words. Raises FileNotFoundError for an unknown one."""
    return {language: tuple(words) for language, words in _read(name).items()}


def words_found(name: str, text: str) -> list[str]:
    """The words of a class that a text holds, lower-case, each once, in order of appearance.

    Without regard to case; whole words where a script has spaces, and any white space between the words of a phrase.
    """
    # Nearly every text holds none, and looking for each word's beginning costs a tenth of the pattern.
    flat = _flat(text)
    if not any(beginning in flat for beginning in _beginnings(name)):
        return []
    return list(dict.fromkeys(match.lower() for match in _pattern(name).findall(_composed(text))))


def opt_out_scope(text: str) -> OptOutScope | None:
    """How far a reply reaches that is nothing but an opt-out word; None when it is anything else.

    channel: messages to the number or address that answered. everything: every channel.
    """
    return _opt_out_words().get(" ".join(_composed(text).strip(_MARKS).lower().split()))


@cache
def opt_out_languages() -> Mapping[str, Mapping[str, tuple[str, ...]]]:
    """Language to its opt-out words by scope."""
    return {
        language: {scope: tuple(words) for scope, words in scopes.items()}
        for language, scopes in _read(OPT_OUT).items()
    }


@cache
def _opt_out_words() -> dict[str, OptOutScope]:
    scopes: tuple[OptOutScope, ...] = ("channel", "everything")
    return {
        _composed(word): scope
        for scope in scopes
        for by_scope in opt_out_languages().values()
        for word in by_scope[scope]
    }


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads(files(__package__).joinpath("words", f"{name}.toml").read_text("utf-8"))


@cache
def _pattern(name: str) -> re.Pattern[str]:
    words = {_composed(word) for words in word_list(name).values() for word in words}
    return re.compile("|".join(map(_as_pattern, sorted(words, key=len, reverse=True))), re.IGNORECASE)


@cache
def _beginnings(name: str) -> tuple[str, ...]:
    """The first word of each phrase of a class, without those that begin with another one."""
    first = sorted({_flat(word).split()[0] for words in word_list(name).values() for word in words}, key=len)
    return tuple(one for place, one in enumerate(first) if not any(one.startswith(o) for o in first[:place]))


def _flat(text: str) -> str:
    """Without case as a pattern sees it, to which the i's with and without a dot are one."""
    return _composed(text).casefold().replace("\u0307", "").replace("ı", "i")


def _as_pattern(word: str) -> str:
    pattern = re.escape(word).replace(r"\ ", r"\s+")
    return pattern if _NO_SPACES.search(word) else rf"(?<![\w]){pattern}(?![\w])"


def _composed(text: str) -> str:
    """One form for what can be written in two, such as a letter with its accent."""
    return unicodedata.normalize("NFC", text)
