"""What WeChat lets a field of a template hold, by the type that its keyword begins with: `thing1`, `amount2`.

A field outside its bounds is refused there with 47003, whole message and all; so it is refused here first.
Source: developers.weixin.qq.com, subscribeMessage.send, "参数值内容限制" (read 2026-11-25); template messages of
service accounts have the same types since 2023.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

_DAY: Final = r"(?:\d{4}[年/.-])?\d{1,2}[月/.-]\d{1,2}日?|\d{4}[年/.-]\d{1,2}月?"
_CLOCK: Final = r"\d{1,2}:\d{2}(?::\d{2})?"
_MOMENT: Final = rf"(?:{_DAY})(?: ?{_CLOCK})?"
_TYPES: Final[Mapping[str, tuple[str, str]]] = {
    "thing": (r"[^\n\r\t]{1,20}", "at most 20 characters, on one line"),
    "number": (r"(?=.{1,32}\Z)\d+(?:\.\d+)?", "at most 32 digits, with a decimal point or none"),
    "letter": (r"[A-Za-z]{1,32}", "at most 32 letters"),
    "symbol": (r"[^\w\s]{1,5}", "at most 5 symbols"),
    "character_string": (r"[!-~]{1,32}", "at most 32 digits, letters or symbols"),
    "time": (rf"(?:{_MOMENT}|{_CLOCK})(?:~(?:{_MOMENT}|{_CLOCK}))?", "a time, or a date with or without one"),
    "date": (rf"{_MOMENT}(?:~{_MOMENT})?", "a date such as 2019年10月1日 or 2019-10-01"),
    "amount": (
        r"[^\w\s]?\d{1,10}(?:\.\d+)?元?",
        "one currency sign at most, 10 digits at most, 元 at the end or not",
    ),
    "phone_number": (r"[\d+*#() -]{1,17}", "at most 17 digits or symbols"),
    "car_number": (r"\w{1,8}", "at most 8 characters"),
    "name": (
        r"(?=.*[\u3400-\u9fff]).{1,10}|[A-Za-z .'-]{1,20}",
        "at most 10 characters, or 20 when all are Latin letters",
    ),
    "phrase": (r"[\u3400-\u9fff]{1,5}", "at most 5 Chinese characters"),
    "enum": (r"[^\n\r\t]{1,20}", "one of the values registered"),
    "const": (r"[^\n\r\t]{1,20}", "one of the values registered"),
}
_KEYWORD: Final = re.compile(r"([a-z_]+?)\d{1,2}\Z")
_PATTERNS: Final = {kind: re.compile(pattern) for kind, (pattern, _) in _TYPES.items()}

FIELD_TYPES: Final = tuple(_TYPES)
"""Every type a field may have."""


def field_type(keyword: str) -> str | None:
    """The type of a keyword, `thing` of `thing1`; None when it is no keyword of WeChat's."""
    match = _KEYWORD.match(keyword)
    return match[1] if match and match[1] in _TYPES else None


def field_fault(keyword: str, value: str) -> str | None:
    """What is wrong with a field's value, without quoting it; None when WeChat takes it."""
    kind = field_type(keyword)
    if kind is None:
        return f"'{keyword}' is no field of WeChat's; they are {', '.join(_TYPES)}, each with a number"
    if _PATTERNS[kind].fullmatch(value):
        return None
    return f"{keyword} takes {_TYPES[kind][1]}; this has {len(value)} characters"
