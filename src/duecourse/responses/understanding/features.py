"""What the model sees of a text: words and pairs, pieces of words, characters, sounds, classes of words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import Final
from zlib import crc32

from .lexicon import classes_found
from .rules import Found, found_by_rules

BUCKETS: Final = 1 << 17
"""Features are hashed into so many columns."""
_TOKEN: Final = re.compile(r"[a-z]+|\d+|[\u3400-\u9fff]|[^\s\w]")
_WORD: Final = re.compile(r"[a-z]+")
_HAN_RUN: Final = re.compile(r"[\u3400-\u9fff]+")
_NOT: Final = frozenset(
    [
        "not",
        "no",
        "never",
        "dont",
        "didnt",
        "doesnt",
        "wont",
        "cant",
        "isnt",
        "wasnt",
        "arent",
        "havent",
        "hasnt",
        "aint",
        "cannot",
        "couldnt",
        "shouldnt",
        "wouldnt",
        "nor",
    ]
)
_NEGATED: Final = 4
"""Words after a negation that are seen as negated."""


_HEARD: Final = 6
"""Features that a rule's word counts as: it is one word among sixty features otherwise."""


def features(text: str, found: Sequence[Found] = ()) -> Iterator[str]:
    """The names of a plain text's features; some more than once. found: what the rules say of it."""
    for one in found:
        name = f"{'not ' if one.denied else ''}{one.intent}"
        yield from (f"r{at} {name}" for at in range(_HEARD))
    said = sorted({one.intent.value for one in found})
    yield from (f"rr {first} {second}" for at, first in enumerate(said) for second in said[at + 1 :])
    tokens = ["0" * min(len(token), 6) if token.isdigit() else token for token in _TOKEN.findall(text)]
    words = [token for token in tokens if _WORD.fullmatch(token)]
    yield from (f"w {token}" for token in tokens)
    framed = ["^", *tokens, "$"]
    yield from (f"p {first} {second}" for first, second in pairwise(framed))
    yield from (f"s {first} {third}" for first, third in zip(framed, framed[2:], strict=False))
    if len(tokens) <= 4:
        yield f"all {' '.join(tokens)}"
    for word in words:
        whole = f"<{word}>"
        for size in (3, 4):
            yield from (f"c {whole[at : at + size]}" for at in range(len(whole) - size + 1))
    run = f" {' '.join(words)} "
    yield from (f"x {run[at : at + 5]}" for at in range(len(run) - 4) if words)
    yield from _negated(tokens)
    yield from _chinese(text)
    seen = sorted({name for name, _ in classes_found(text)})
    yield from (f"k {name}" for name in seen)
    yield from (f"kk {first} {second}" for at, first in enumerate(seen) for second in seen[at + 1 :])


def columns(text: str, found: Sequence[Found] = ()) -> list[int]:
    """The columns of a plain text's features, in order, each once."""
    return sorted({crc32(name.encode()) % BUCKETS for name in features(text, found)})


def whole_columns(text: str) -> list[int]:
    """The columns of a whole text, with what the rules say of it."""
    return columns(text, found_by_rules(text))


def _negated(tokens: list[str]) -> Iterator[str]:
    reach = 0
    for token in tokens:
        if token in _NOT:
            reach = _NEGATED
        elif not token[0].isalnum():
            reach = 0
        elif reach:
            reach -= 1
            yield f"n {token}"


def _chinese(text: str) -> Iterator[str]:
    """Runs of characters as pieces of two to four, and as they sound: what is typed by sound is mistyped by sound."""
    for run in _HAN_RUN.findall(text):
        whole = f"^{run}$"
        for size in (3, 4):
            yield from (f"h {whole[at : at + size]}" for at in range(len(whole) - size + 1))
        spoken = [sounds().get(character, character) for character in run]
        yield from (f"y {first} {second}" for first, second in pairwise(spoken))
        yield from (f"y {a} {b} {c}" for a, b, c in zip(spoken, spoken[1:], spoken[2:], strict=False))


@cache
def known_words() -> frozenset[str]:
    """The English words of the answers in the package."""
    return frozenset(_WORD.findall(files(__package__).joinpath("data", "en.tsv").read_text("utf-8").lower()))


@cache
def sounds() -> dict[str, str]:
    """Character to its commonest reading without tone, of the 6,763 characters of GB 2312."""
    lines = files(__package__).joinpath("data", "sounds.tsv").read_text("utf-8").splitlines()
    return {
        character: sound for sound, _, run in (line.partition("\t") for line in lines) for character in run
    }
