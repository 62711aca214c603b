"""What an SMS costs: the GSM 7-bit alphabet and how many parts a text takes."""

from __future__ import annotations

import re
from typing import Final

import smsutil  # type: ignore[import-untyped]

_EXTENSION: Final = frozenset("\f^{}\\[~]|€")
_GSM: Final = re.compile(
    "[@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,\\-./0-9:;<=>?¡A-ZÄÖÑÜ§¿a-zäöñüà\f^{}\\\\\\[~\\]|€]*"
)


def is_gsm(text: str) -> bool:
    """Whether an SMS fits the GSM 7-bit alphabet: 160 characters a part, else 70."""
    return _GSM.fullmatch(text) is not None


def not_gsm(text: str) -> list[str]:
    """The characters that force UCS-2, each once."""
    return [character for character in dict.fromkeys(text) if not is_gsm(character)]


def sms_parts(text: str) -> int:
    """How many SMS the text is. A short text is counted at once; smsutil splits the rest."""
    if is_gsm(text):
        septets = len(text) + sum(character in _EXTENSION for character in text)
        return 1 if septets <= 160 else len(smsutil.split(text).parts)
    return 1 if len(text.encode("utf-16-be")) <= 140 else len(smsutil.split(text).parts)
