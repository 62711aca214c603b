"""Words that rules look for: classes that a text must not hold, and what people write to be left alone.

One TOML file per class in `words/`, its keys being languages (BCP 47). `opt_out.toml` has two lists per language.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Mapping
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any, Final, Literal

OPT_OUT: Final = "opt_out"
OptOutScope = Literal["channel", "everything"]
_MARKS: Final = " \t\r\n.!?。！？,，、;；:\"'“”‘’()（）[]【】*¡¿।"
_NO_SPACES: Final = re.compile(r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff]")
"""Thai, Japanese, Chinese: written without spaces, so that a word is found wherever it stands."""
_WORD: Final = re.compile(r"\w+")
_FOLDS_ODDLY: Final = re.compile("[\u0307\u0345]")
"""A dot above a letter that has none, and a Greek iota below: without case the one is gone and the other a letter, so
that words begin and end elsewhere."""


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
    text = _composed(text)
    begun = _begun(name, text)
    if not begun:
        return []
    return list(dict.fromkeys(match.lower() for match in _pattern(name, begun).findall(text)))


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


@lru_cache(maxsize=1000)
def _pattern(name: str, begun: tuple[str, ...]) -> re.Pattern[str]:
    """The phrases of a class that begin in one of these ways."""
    words = {
        _composed(word)
        for words in word_list(name).values()
        for word in words
        if _beginning(word)[0] in begun
    }
    return re.compile("|".join(map(_as_pattern, sorted(words, key=len, reverse=True))), re.IGNORECASE)


def _begun(name: str, text: str) -> tuple[str, ...]:
    """Which beginnings of a class a text holds, for a hundredth of what its pattern costs. Most hold none;
    where one does, only the phrases that begin so are looked for.

    text: composed.
    """
    letters, words, flat = _seen(text)
    whole, anywhere = _beginnings(name)
    if _FOLDS_ODDLY.search(text):
        return tuple(sorted({*whole, *anywhere}))
    return tuple(sorted({*(whole & words), *(one for one in anywhere if one[0] in letters and one in flat)}))


@lru_cache(maxsize=4)
def _seen(text: str) -> tuple[frozenset[str], frozenset[str], str]:
    """The characters, the words and the whole of a composed text, without case. Kept, since one text is asked about by
    class after class.
    """
    flat = _flat(text)
    return frozenset(flat), frozenset(_WORD.findall(flat)), flat


@cache
def _beginnings(name: str) -> tuple[frozenset[str], tuple[str, ...]]:
    """How the phrases of a class begin: those that begin with a whole word, and those that stand anywhere."""
    ways = {_beginning(word) for words in word_list(name).values() for word in words}
    return (
        frozenset(begins for begins, whole in ways if whole),
        tuple(sorted(begins for begins, whole in ways if not whole)),
    )


def _beginning(word: str) -> tuple[str, bool]:
    """How a phrase begins, without case, and whether that is a whole word of a text that holds it."""
    flat = _flat(_composed(word))
    begins = _WORD.match(flat)
    if begins and not _NO_SPACES.search(word):
        return begins[0], True
    return flat.split()[0], False


def _flat(text: str) -> str:
    """A composed text without case as a pattern sees it, to which the i's with and without a dot are one."""
    return text.casefold().replace("\u0307", "").replace("ı", "i")


def _as_pattern(word: str) -> str:
    pattern = re.escape(word).replace(r"\ ", r"\s+")
    return pattern if _NO_SPACES.search(word) else rf"(?<![\w]){pattern}(?![\w])"


def _composed(text: str) -> str:
    """One form for what can be written in two, such as a letter with its accent."""
    return unicodedata.normalize("NFC", text)
