"""What an SMS costs: the GSM 7-bit alphabet, how many parts a text takes, and what would say the same for less."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Final, NamedTuple

import smsutil  # type: ignore[import-untyped]

_EXTENSION: Final = frozenset("\f^{}\\[~]|€")
_GSM: Final = re.compile(
    "[@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,\\-./0-9:;<=>?¡A-ZÄÖÑÜ§¿a-zäöñüà\f^{}\\\\\\[~\\]|€]*"
)
_LIQUID: Final = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.S)
_CHEAPER: Final = {
    "’": "'", "‘": "'", "‛": "'", "ʼ": "'", "′": "'", "´": "'", "`": "'",
    "“": '"', "”": '"', "„": '"', "‟": '"', "″": '"', "«": '"', "»": '"', "‹": "'", "›": "'",
    "–": "-", "—": "-", "‐": "-", "‑": "-", "‒": "-", "−": "-", "―": "-",
    "…": "...", "•": "-", "·": "-", "●": "-", "▪": "-", "×": "x", "÷": "/", "→": "->", "⇒": "=>", "≤": "<=", "≥": ">=",
    "©": "(c)", "®": "(R)", "™": "TM", "№": "No.", "½": "1/2", "¼": "1/4", "¾": "3/4", "°": " deg", "‰": "per mille",
    "\N{NO-BREAK SPACE}": " ", "\N{NARROW NO-BREAK SPACE}": " ", "\N{THIN SPACE}": " ", "\N{FIGURE SPACE}": " ",
    "\N{ZERO WIDTH SPACE}": "", "\N{WORD JOINER}": "", "\N{SOFT HYPHEN}": "", "\N{ZERO WIDTH NO-BREAK SPACE}": "",
    "\t": " ", "₹": "Rs ", "₱": "PHP ", "₫": "VND ", "₦": "NGN ", "₩": "KRW ", "฿": "THB ", "¢": "c",
    "！": "!", "，": ",", "。": ".", "：": ":", "；": ";", "？": "?", "（": "(", "）": ")", "￥": "¥",
}  # fmt: skip
"""Characters outside the alphabet and what says the same inside it."""


class Costly(NamedTuple):
    """A character of a source that forces UCS-2, and where it stands: line and column count from 1."""

    character: str
    line: int
    column: int


def is_gsm(text: str) -> bool:
    """Whether an SMS fits the GSM 7-bit alphabet: 160 characters a part, else 70."""
    return _GSM.fullmatch(text) is not None


def not_gsm(text: str) -> list[str]:
    """The characters that force UCS-2, each once."""
    return [character for character in dict.fromkeys(text) if not is_gsm(character)]


def costly_places(source: str) -> Iterator[Costly]:
    """Every character of a Liquid source that forces UCS-2; what stands inside tags is not sent."""
    sent = _LIQUID.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), source)
    for number, line in enumerate(sent.split("\n"), 1):
        for column, character in enumerate(line, 1):
            if not is_gsm(character):
                yield Costly(character, number, column)


def cheaper(character: str) -> str | None:
    """What says the same in the GSM alphabet, '' for a character nobody sees; None when nothing does.

    A letter with a mark becomes the letter without it, as people write it in an SMS.
    """
    if character in _CHEAPER:
        return _CHEAPER[character]
    plain = unicodedata.normalize("NFKD", character)
    bare = "".join(sign for sign in plain if not unicodedata.combining(sign))
    return bare if bare and bare != character and is_gsm(bare) else None


def cheapened(text: str) -> str:
    """The text with every costly character that has a cheaper equal replaced."""
    return "".join(
        character if is_gsm(character) else character if (cheap := cheaper(character)) is None else cheap
        for character in text
    )


def sms_parts(text: str) -> int:
    """How many SMS the text is: 160 characters or 153 a part, else 70 or 67.

    Where nothing takes two places it is a division; smsutil splits the rest, since no part may end in half a character.
    """
    if is_gsm(text):
        doubled = sum(character in _EXTENSION for character in text)
        if len(text) + doubled <= 160:
            return 1
        return len(smsutil.split(text).parts) if doubled else -(-len(text) // 153)
    units = len(text.encode("utf-16-be")) // 2
    if units <= 70:
        return 1
    return len(smsutil.split(text).parts) if units > len(text) else -(-units // 67)
