"""The amount that a text names, where it names one: $50, 1.2k, two hundred dollars, 五百, 两千三, 1.2万.

Near amounts ("about 100", 大概五百), shares ("half"), two amounts, and those of another currency than the debt's are none.
Telephone numbers, days, counts ("3 days", 2个月) and times are told apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from duecourse.domain.money import MoneyError, to_minor

from .days import without_days

_SIGNS: Final = {
    "$": (
        "USD",
        "CAD",
        "AUD",
        "NZD",
        "SGD",
        "HKD",
        "TWD",
        "MXN",
        "CLP",
        "COP",
        "ARS",
        "JMD",
        "BBD",
        "TTD",
        "FJD",
    ),
    "us$": ("USD",),
    "hk$": ("HKD",),
    "nt$": ("TWD",),
    "rmb": ("CNY",),
    "r$": ("BRL",),
    "£": ("GBP",),
    "€": ("EUR",),
    "¥": ("CNY", "JPY"),
    "₹": ("INR",),
    "rs": ("INR", "PKR", "LKR", "NPR"),
    "rp": ("IDR",),
    "₱": ("PHP",),
    "₦": ("NGN",),
    "ksh": ("KES",),
    "r": ("ZAR",),
}
_NAMES: Final = {
    "dollars?|bucks|dollar": _SIGNS["$"],
    "usd|us dollars": ("USD",),
    "pounds?|quid|gbp": ("GBP",),
    "euros?|eur": ("EUR",),
    "rupees?|inr": _SIGNS["rs"],
    "pesos?|php": ("PHP", "MXN", "CLP", "COP", "ARS"),
    "rands?": ("ZAR",),
    "naira": ("NGN",),
    "yuan|rmb|cny|人民币": ("CNY",),
    "元|块钱|块|圆|塊": ("CNY", "TWD", "HKD"),
    "刀|美元|美金": ("USD",),
    "蚊|港币|港元": ("HKD",),
    "台币|新台币": ("TWD",),
    "英镑": ("GBP",),
    "欧元": ("EUR",),
}
_FIGURE: Final = r"\d{1,3}(?:,\d{3})+(?:\.\d{1,2})?|\d{1,9}(?:\.\d{1,2})?"
_SIGN: Final = "|".join(re.escape(sign) for sign in sorted(_SIGNS, key=len, reverse=True))
_NAME: Final = "|".join(_NAMES)
_HAN_FIGURE: Final = "一二两三四五六七八九"
_HAN_AMOUNT: Final = (
    rf"[{_HAN_FIGURE}]?十?[{_HAN_FIGURE}]?万(?:零?[{_HAN_FIGURE}]千?)?(?:零?[{_HAN_FIGURE}]百?)?(?:零?[{_HAN_FIGURE}]?十?)?[{_HAN_FIGURE}]?"
    rf"|[{_HAN_FIGURE}]千(?:零?[{_HAN_FIGURE}]百?)?(?:零?[{_HAN_FIGURE}]?十?)?[{_HAN_FIGURE}]?"
    rf"|[{_HAN_FIGURE}]百(?:零?[{_HAN_FIGURE}]?十?)?[{_HAN_FIGURE}]?"
    rf"|[{_HAN_FIGURE}]?十[{_HAN_FIGURE}]?|[{_HAN_FIGURE}]"
)
_WORDS: Final = {
    word: at
    for at, word in enumerate(
        [
            "zero",
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
            "thirteen",
            "fourteen",
            "fifteen",
            "sixteen",
            "seventeen",
            "eighteen",
            "nineteen",
        ]
    )
} | {
    word: 10 * at
    for at, word in enumerate(
        ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"], start=2
    )
}
_WORD: Final = "(?:" + "|".join(sorted(_WORDS, key=len, reverse=True)) + ")"
_WORD_AMOUNT: Final = rf"(?:a|{_WORD}) (?:hundred|thousand|grand)(?: (?:and )?{_WORD}(?: (?:hundred|{_WORD}))?)?|{_WORD}(?:[ -]{_WORD})?"
_NEAR: Final = re.compile(
    r"(?:about|around|roughly|approx(?:imately)?|almost|nearly|maybe|like|at least|up to|under|over|more than|less than|between|some"
    r"|大概|大约|差不多|约|至少|最多|顶多|不到|超过|左右|将近|上|几) ?$"
)
_NEAR_AFTER: Final = re.compile(r"^ ?(?:or so|ish|or less|or more|左右|上下|多|来块|几|以内|以上|不到|\+)")
_COUNTED: Final = re.compile(
    r"^ ?-?(?:%|percent|days?\b|weeks?\b|wks?\b|months?\b|mths?\b|hours?\b|hrs?\b|h\b|min|years?\b|yrs?\b|times?\b|kids?\b|children|texts?\b"
    r"|calls?\b|messages?\b|msgs?\b|emails?\b|installments?\b|instalments?\b|payments?\b|people|am\b|pm\b|a\.m|p\.m|oclock|st\b|nd\b|rd\b|th\b"
    r"|/\d|:\d|more (?:days|weeks|months|times)|天|日|号|月|年|点|个|期|次|岁|分钟|分之|小时|条|遍|楼|人|周|星期|礼拜|号线|折|成|家|份|笔|张|封|通|分|倍|口)"
)
_PAYING: Final = re.compile(
    r"(?:pay|paid|paying|send|sent|sending|transfer\w*|put|give|gave|do|did|afford|owe\w*|only|deposit\w*|manage|have|make|just|another|with"
    r"|for|of|was|is|be|spare|got|offer|settle|clear|took|charged|to|at|down|by|cover|spring|me|you|u|it|says?|said|saying|not|take|accept|like|wire\w*|venmo\w*|zelle\w*)"
    r"(?: (?:you|u|in|back|down|only|just|the|a|of|is|for|off|it|over|them|me|at|to|first|exactly|another|say))* ?$"
)
_HAN_PAYING: Final = re.compile(
    r"[还付转给交缴存先只凑拿掉扣收欠借是出入款额了清:有我你] ?$|[还付转给打交缴存]个$"
)
_HAN_PAYING_AFTER: Final = re.compile(r"^(?:先|还|可以|行|今|明|后|过去|给你|好吗|行吗|怎么)")
_YEAR: Final = re.compile(r"19[89]\d|20[0-4]\d")
_IN: Final = re.compile(r"\b(?:in|since|year|from|until|before|of) $")
_AFTER: Final = re.compile(
    r"^(?:$| ?[,;!?)。，；！？~]|\.(?!\d)|\n| (?:on|by|_+|now|a|per|each|every|this|next|and|off|towards?|in|if|until|till|for|to|at|but|or|is"
    r"|of|then|weekly|monthly|instead|when|right|first|back|please|pls|plz|only|today|into|through|as|so|extra|from|ok|okay|not|was|that|already|last|out"
    r"|yesterday|with|via|because|cos|toward|tops|max|before|since|which|thru|you|u|up|will|cash)\b| ?/ ?(?:month|mo|week|wk)|_)"
)
_FORMAL: Final = str.maketrans("壹贰叁肆伍陆柒捌玖拾佰仟萬俩", "一二三四五六七八九十百千万两")
_CALLED: Final = re.compile(
    r"\+?\d[\d() -]{6,}\d|\b(?:ref|order|case|account|acct|id|number|no|#) ?[:#.]? ?\d+"
)


def amount_named(text: str, currency: str) -> int | None:
    """The one amount that a plain text names, in minor units of `currency`; None for none, two, or a near one."""
    shown = _CALLED.sub(
        lambda match: match[0] if _is_price(match[0]) else "_" * len(match[0]),
        without_days(text.translate(_FORMAL)),
    )
    found = {amount for amount in _amounts(shown, currency)}
    if len(found) != 1:
        return None
    amount = found.pop()
    if amount is None or not currency:
        return None
    try:
        return to_minor(amount, currency)
    except MoneyError:
        return None


def _is_price(written: str) -> bool:
    """Whether a run of figures is one with thousands, not one to be called."""
    return re.fullmatch(_FIGURE, written) is not None and len(written.replace(",", "")) < 7


def _amounts(text: str, currency: str) -> Iterator[Decimal | None]:
    """Each amount; None for one that is near, or of another currency."""
    for pattern, spoken in _PATTERNS:
        for match in pattern.finditer(text):
            amount = _written(match["amount"], match.groupdict().get("scale") or "")
            before, after = text[: match.start()], text[match.end() :]
            if not amount or not _counts(match, before, after, spoken):
                continue
            near = _NEAR.search(before) or _NEAR_AFTER.match(after)
            yield None if near or not _is_of(match, currency) else amount
        text = pattern.sub(lambda match: "_" * len(match[0]), text)


def _counts(match: re.Match[str], before: str, after: str, spoken: bool) -> bool:
    """Whether a bare figure is money: said by what stands about it. One with a sign or a name of money always is."""
    if match.groupdict().get("sign") or match.groupdict().get("name"):
        return True
    if _COUNTED.match(after) or before.endswith(("#", "/", ":", "第", "-", "+", "@")):
        return False
    if spoken:
        return True
    if _YEAR.fullmatch(match["amount"]) and not match.groupdict().get("scale") and _IN.search(before):
        return False
    alone = not before.strip("_ ,.!?，。了") and not after.strip("_ ,.!?，。")
    if match.groupdict().get("scale") or re.search(r"[,.]", match["amount"]):
        return True
    if re.search(r"[\u3400-\u9fff]", text_around(before, after)):
        return len(match["amount"]) > 1 and bool(_HAN_PAYING.search(before) or _HAN_PAYING_AFTER.match(after))
    return not alone and len(match["amount"]) > 1 and bool(_PAYING.search(before) and _AFTER.match(after))


def text_around(before: str, after: str) -> str:
    """The nearest characters on both sides."""
    return before[-2:] + after[:2]


def _is_of(match: re.Match[str], currency: str) -> bool:
    groups = match.groupdict()
    sign, name = groups.get("sign"), groups.get("name")
    if sign and currency not in _SIGNS[sign]:
        return False
    return not name or any(currency in of for names, of in _NAMES.items() if re.fullmatch(names, name))


def _written(amount: str, scale: str) -> Decimal | None:
    figures = amount.replace(",", "")
    if figures[0].isdigit():
        return Decimal(figures) * {"": 1, "k": 1000, "grand": 1000, "千": 1000, "百": 100}.get(
            scale.strip(), 10_000
        )
    if figures[0] in _HAN_FIGURE + "十万千百":
        return _han(figures)
    return _english(figures)


def _han(written: str) -> Decimal:
    """两千三 is 2300, 一万零五百 is 10500: a last figure without its unit is of the unit below the one before."""
    total, part, figure, unit, zero = 0, 0, 0, 1, False
    for one in written:
        if one == "零":
            zero = True
        elif one in _HAN_FIGURE:
            figure = 2 if one == "两" else "一二三四五六七八九".index(one) + 1
        elif one == "万":
            total, part, figure, unit, zero = (part + figure or 1) * 10_000, 0, 0, 10_000, False
        else:
            unit, zero = {"十": 10, "百": 100, "千": 1000}[one], False
            part, figure = part + (figure or 1) * unit, 0
    if figure:
        part += figure * (unit // 10 if unit >= 100 and not zero else 1)
    return Decimal(total + part)


def _english(written: str) -> Decimal:
    total, part = 0, 0
    for word in re.findall(r"[a-z]+", written):
        if word == "a":
            part = 1
        elif word == "hundred":
            part *= 100
        elif word in ("thousand", "grand"):
            total, part = (total + part) * 1000, 0
        elif word != "and":
            part += _WORDS[word]
    return Decimal(total + part)


_PATTERNS: Final[tuple[tuple[re.Pattern[str], bool], ...]] = tuple(
    (re.compile(pattern), spoken)
    for pattern, spoken in (
        (rf"(?<![a-z\d])(?P<sign>{_SIGN})\.? ?(?P<amount>{_FIGURE})(?P<scale>k\b|万|千)?(?![\d.]*\d)(?: ?(?P<name>{_NAME})(?![a-z]))?", False),
        (rf"(?<![\d.,])(?P<amount>{_FIGURE}) ?(?P<scale>k|万|千|百|w(?![a-z]))? ?(?P<name>{_NAME})(?![a-z])", False),
        (rf"(?<![\d.,])(?P<amount>{_FIGURE}) ?(?P<sign>[$£€])(?!\d)", False),
        (rf"(?<![\d.,a-z])(?P<amount>{_FIGURE})(?P<scale>k(?![a-z])|w(?![a-z])|万(?!一)|千| grand\b)", False),
        (rf"(?<![第几每上{_HAN_FIGURE}])(?P<amount>{_HAN_AMOUNT}) ?(?P<name>元|块钱|块|圆|蚊|刀|美元|美金|港币|港元|台币|人民币)(?![都也一])", False),
        (rf"(?<![第几每上千百万十{_HAN_FIGURE}])(?P<amount>(?=[{_HAN_FIGURE}十]{{1,3}}[万千百])(?:{_HAN_AMOUNT}))(?![分别一个十百千万遍次天年])", True),
        (rf"\b(?P<amount>{_WORD_AMOUNT}) (?P<name>dollars?|bucks|quid|pounds|euros|rupees|pesos|yuan)\b", False),
        (r"\b(?:pay|paying|paid|send|sending|sent|do|afford|transfer) (?:you |u )?(?P<amount>(?:twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety))\b(?! (?:days|percent|times))", True),
        (rf"\b(?P<amount>(?:a|{_WORD}) (?:hundred|thousand|grand)(?: (?:and )?{_WORD})?)\b(?! (?:times?|and one|texts?|messages?|calls?|percent|years?|days?|people|reasons|miles|more|different|other|things|of))", True),
        (rf"(?<![\d.,:/a-z+#-])(?P<amount>{_FIGURE})(?![\d:/a-z-]|\.\d)", False),
    )
)  # fmt: skip
