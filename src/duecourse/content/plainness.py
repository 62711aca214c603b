"""Whether a text is in plain words: short sentences of common words, measured by what the script allows.

Alphabets: LIX (Björnsson 1968), the words of a sentence on average plus the hundred-fold share of words of more than
six letters; it needs no list of words. 40 and less is easy in the languages it was tried on, those of Europe; elsewhere
it serves to compare two texts. Chinese: the longest sentence and the characters outside the common set, which is level
1 of GB/T 2312 (3,755 characters) or Big5 (5,401); length and frequency are what studies of Chinese agree on.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

from babel import Locale

MOST_LIX: Final = 40.0
MOST_WORDS: Final = 20
"""In one sentence of an alphabet."""
MOST_CHARACTERS: Final = 30
"""In one sentence of Chinese, punctuation apart."""

_JUDGED: Final = frozenset({"en", "es", "pt", "fr", "de", "it", "nl", "sv", "da", "nb", "fi"})
"""Languages in which LIX has been tried."""
_ENDS: Final = re.compile(r"[.!?。！？；;।؟\n]+(?=\s|$|[\u3400-\u9fff])|\n")
_WORD: Final = re.compile(r"[^\W\d_]+(?:[\u0300-\u036f\u0900-\u097f\u064b-\u065f]|[^\W\d_])*")
_CJK: Final = re.compile(r"[\u3400-\u9fff]")
_COUNTED: Final = re.compile(r"[\w]")


@dataclass(frozen=True, slots=True)
class Plainness:
    """How hard a text is. longest: the longest sentence, in words or, for Chinese, characters."""

    longest: int
    score: float
    """LIX; for Chinese the average length of a sentence plus the hundred-fold share of uncommon characters."""
    faults: tuple[str, ...]
    """What makes it hard, in words; empty when it is plain."""


def plainness(text: str, language: str) -> Plainness:
    """Measure a rendered text in a language (BCP 47). An empty text is plain."""
    sentences = [sentence for sentence in _ENDS.split(text) if _COUNTED.search(sentence)]
    if not sentences:
        return Plainness(0, 0.0, ())
    if language.partition("-")[0] == "zh":
        return _chinese(sentences, language)
    words = [_WORD.findall(sentence) for sentence in sentences]
    every = [word for sentence in words for word in sentence]
    longest = max(map(len, words))
    long_share = sum(_letters(word) > 6 for word in every) / max(1, len(every))
    lix = len(every) / len(sentences) + 100 * long_share
    faults = []
    if longest > MOST_WORDS:
        faults.append(f"a sentence has {longest} words, at most {MOST_WORDS}")
    if language.partition("-")[0] in _JUDGED and lix > MOST_LIX:
        faults.append(f"LIX is {lix:.0f}, at most {MOST_LIX:.0f}")
    return Plainness(longest, lix, tuple(faults))


def _chinese(sentences: list[str], language: str) -> Plainness:
    lengths = [len(_COUNTED.findall(sentence)) for sentence in sentences]
    characters = [character for sentence in sentences for character in _CJK.findall(sentence)]
    hard = [character for character in dict.fromkeys(characters) if not _is_common(character, language)]
    share = sum(character in hard for character in characters) / max(1, len(characters))
    faults = []
    if max(lengths) > MOST_CHARACTERS:
        faults.append(f"a sentence has {max(lengths)} characters, at most {MOST_CHARACTERS}")
    if hard:
        faults.append(f"uncommon characters: {' '.join(hard)}")
    return Plainness(max(lengths), sum(lengths) / len(lengths) + 100 * share, tuple(faults))


def _is_common(character: str, language: str) -> bool:
    traditional = {"TW", "HK", "MO"} & {Locale.parse(language, sep="-").territory} or "Hant" in language
    codec, first, last = ("big5", 0xA4, 0xC6) if traditional else ("gb2312", 0xB0, 0xD7)
    try:
        return first <= character.encode(codec)[0] <= last
    except UnicodeEncodeError:
        return False


def _letters(word: str) -> int:
    """Letters of a word; marks above and below them are not counted."""
    return sum(not unicodedata.combining(sign) and unicodedata.category(sign) != "Mc" for sign in word)
