"""One form of a text for rules, days, amounts and the model: what can be written in two ways becomes one."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import Final

from opencc import OpenCC

from duecourse.domain.messaging import Channel

LONGEST: Final = 4_000
"""Characters of an answer that are read; what follows is for a person."""

_APOSTROPHES: Final = re.compile(r"(?<=\w)['’‘`´ʼ＇](?=\w)")
_UNSEEN: Final = re.compile(r"[\u200b-\u200f\u2060\ufeff\ufe0e\ufe0f]")
_REPEATED: Final = re.compile(r"([a-z!?~])\1{2,}")
_SPACES: Final = re.compile(r"[^\S\n]+")
_HAN: Final = re.compile(r"[\u3400-\u9fff]")
_HAN_GAPS: Final = re.compile(r"(?<=[\u3400-\u9fff]) +(?=[\u3400-\u9fff])")
_MIXED: Final = re.compile(r"(?<=[a-z])(?=[\u3400-\u9fff])|(?<=[\u3400-\u9fff])(?=[a-z])")
_QUOTED: Final = re.compile(
    r"^(>|on .{3,80} wrote:|-{2,} ?original message|-{3,} ?forwarded|from: |sent from my |发件人[:：]|寄件者[:：]"
    r"|-{2,} ?原始邮件|-{2,} ?原始郵件|在 ?\d{4}.{3,60}写道[:：]|於 ?\d{4}.{3,60}寫道[:：])",
    re.IGNORECASE | re.MULTILINE,
)


def plain(text: str, channel: Channel | None = None) -> str:
    """Lower case, half width, simplified characters, without apostrophes and without what an e-mail quotes.

    "Don’t" is "dont", "ＳＴＯＰ" is "stop", "stoppppp" is "stopp", "還款" is "还款". Lines stay lines.
    """
    whole = unquoted(text, channel)
    folded = _UNSEEN.sub("", unicodedata.normalize("NFKC", whole[:LONGEST])).lower()
    if _HAN.search(folded):
        folded = _HAN_GAPS.sub("", _simplifier().convert(folded))
        folded = _MIXED.sub(" ", folded)
    folded = _REPEATED.sub(r"\1\1", _APOSTROPHES.sub("", folded))
    return _SPACES.sub(" ", folded).strip()


def has_han(text: str) -> bool:
    """Whether a text has Chinese characters."""
    return _HAN.search(text) is not None


def unquoted(text: str, channel: Channel | None) -> str:
    """What the writer added above the first line that an e-mail program quotes; all where nothing stands above."""
    quote = _QUOTED.search(text) if channel is Channel.EMAIL else None
    above = text[: quote.start()] if quote else text
    return above if above.strip() else text


@cache
def _simplifier() -> OpenCC:
    """Traditional to simplified characters. OpenCC 1.4 `t2s` (Apache-2.0)."""
    return OpenCC("t2s")
