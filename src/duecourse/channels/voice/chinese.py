"""Chinese numbers as they are said: 一千二百三十四元五角六分, 十一月二十五日, a telephone number by its digits."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

_DIGITS: Final = "零一二三四五六七八九"
_DIALLED: Final = "零幺二三四五六七八九"
_UNITS: Final = ("", "十", "百", "千")
_GROUPS: Final = ("", "万", "亿", "万亿")
_NUMBER: Final = r"\d+(?:\.\d+)?"
_FROM_DIALLED: Final = 5
"""From so many digits on, a bare number is one to dial or compare."""


def whole_number(number: int) -> str:
    """A number in words: 1234 is 一千二百三十四, 10 is 十, 2000 is 两千. 0 <= number < 10**16."""
    if not 0 <= number < 10**16:
        raise ValueError("between 0 and 10**16")
    if number == 0:
        return "零"
    groups: list[int] = []
    while number:
        number, group = divmod(number, 10_000)
        groups.append(group)
    words = ""
    for place in range(len(groups) - 1, -1, -1):
        group = groups[place]
        if group == 0:
            continue
        # A gap is said once: 一万零五, but 一万一千.
        lacking = bool(words) and (group < 1000 or groups[place + 1] == 0)
        # Two of a great unit is a pair: 两万, 两亿.
        said = "两" if group == 2 and place else _group(group)
        words += ("零" if lacking else "") + said + _GROUPS[place]
    return re.sub(r"^一十", "十", words)


def _group(group: int) -> str:
    words, gap = "", False
    for place in range(3, -1, -1):
        digit = group // 10**place % 10
        if digit == 0:
            gap = bool(words)
            continue
        said = "两" if digit == 2 and place == 3 else _DIGITS[digit]
        words += ("零" if gap else "") + said + _UNITS[place]
        gap = False
    return words


def decimal_number(text: str) -> str:
    """`3.5` is 三点五. Digits with at most one point."""
    whole, _, rest = text.partition(".")
    words = whole_number(int(whole)) if len(whole) < 17 else by_digit(whole)
    rest = rest.rstrip("0")
    return words + ("点" + "".join(_DIGITS[int(digit)] for digit in rest) if rest else "")


def by_digit(text: str, *, dialled: bool = False) -> str:
    """Every digit for itself. dialled: one is 幺, as on the telephone."""
    table = _DIALLED if dialled else _DIGITS
    return "".join(table[int(character)] for character in text if character.isdigit())


def yuan(text: str) -> str:
    """`1234.56` is 一千二百三十四元五角六分; `0.5` is 五角; more than two places are said with a point."""
    whole, _, rest = text.partition(".")
    rest = rest.rstrip("0")
    if len(rest) > 2:
        return decimal_number(text) + "元"
    jiao, fen = (int(digit) for digit in (rest + "00")[:2])
    words = _counted(int(whole)) + "元" if int(whole) or not rest else ""
    if jiao:
        words += _DIGITS[jiao] + "角"
    elif fen and words:
        words += "零"
    return words + (_DIGITS[fen] + "分" if fen else "")


def _counted(number: int) -> str:
    """Before a measure word two is 两."""
    return "两" if number == 2 else whole_number(number)


def _date(match: re.Match[str]) -> str:
    year = f"{by_digit(match['year'])}年" if match["year"] else ""
    month = f"{whole_number(int(match['month']))}月" if match["month"] else ""
    day = f"{whole_number(int(match['day']))}{match['sun']}" if match["day"] else ""
    return year + month + day


def _clock(match: re.Match[str]) -> str:
    minutes = int(match["minute"])
    said = "" if minutes == 0 else ("零" if minutes < 10 else "") + whole_number(minutes) + "分"
    return f"{whole_number(int(match['hour']))}点{said}"


def _plain(match: re.Match[str]) -> str:
    number = match[0]
    if "." not in number and (len(number) >= _FROM_DIALLED or (number.startswith("0") and len(number) > 1)):
        return by_digit(number, dialled=True)
    return decimal_number(number)


_SAID: Final[tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...]] = (
    (
        re.compile(
            r"(?:(?P<year>\d{4})年)?(?P<month>\d{1,2})月(?:(?P<day>\d{1,2})(?P<sun>[日号號]))?"
            r"|(?<!\d)(?P<year_alone>\d{4})年"
        ),
        lambda match: f"{by_digit(match['year_alone'])}年" if match["year_alone"] else _date(match),
    ),
    (re.compile(rf"({_NUMBER})元"), lambda match: yuan(match[1])),
    (re.compile(rf"({_NUMBER})[%％]"), lambda match: "百分之" + decimal_number(match[1])),
    (re.compile(r"(?<!\d)(?P<hour>[0-2]?\d)[:：](?P<minute>[0-5]\d)(?!\d)"), _clock),
    (
        re.compile(r"((?:尾号|尾號|尾数|末四位)(?:为|是|為)?)\s*(\d+)"),
        lambda match: match[1] + by_digit(match[2], dialled=True),
    ),
    (
        re.compile(r"(?<![\d.])(?:\+|00)?\d(?:[ \-]{0,1}\d){6,14}(?![\d.])"),
        lambda match: by_digit(match[0], dialled=True),
    ),
    (
        re.compile(r"(?<![\d.])(2)(?=[个個天次期种種笔筆位条條])"),
        lambda _: "两",
    ),
    (re.compile(_NUMBER), _plain),
)


def chinese(text: str) -> str:
    """Chinese text with everything in digits written as it is said; amounts in yuan end in 元, without grouping."""
    text = re.sub(r"(?<=\d),(?=\d{3}(?!\d))", "", text)
    for pattern, words in _SAID:
        text = pattern.sub(words, text)
    return text
