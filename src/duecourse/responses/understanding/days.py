"""The day that a text names, where it names one: in English and Chinese words, and in figures.

What could be two days is none: "next Friday" on a Wednesday, a weekend, "Monday or Tuesday", 12/3 where nobody knows which
is the month. What lies in the past is none either, and what is near a day or after it ("around the 20th", 15号以后).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Final

from .dates import last_of_month, month_first, next_date, next_day_of_month, next_weekday, of_week

Reader = Callable[[re.Match[str], date, str], tuple[date, ...]]
"""The days that a match names: none, one, or several where it could be any of them."""

_WEEKDAYS: Final = {
    **dict.fromkeys(("monday", "mon", "munday", "mondy", "monda"), 0),
    **dict.fromkeys(("tuesday", "tues", "tue", "teusday", "tuesdy", "tusday"), 1),
    **dict.fromkeys(("wednesday", "wed", "weds", "wensday", "wendsday", "wednsday", "wednesdy"), 2),
    **dict.fromkeys(("thursday", "thurs", "thur", "thu", "thursdy", "thrusday", "thirsday", "thurday"), 3),
    **dict.fromkeys(("friday", "fri", "frday", "firday", "fridy", "frid", "fryday"), 4),
    **dict.fromkeys(("saturday", "sat", "saterday", "satruday", "saturdy"), 5),
    **dict.fromkeys(("sunday", "sun", "sundy"), 6),
}
_MONTHS: Final = {
    name: at
    for at, names in enumerate(
        (
            "january jan",
            "february feb febuary",
            "march mar",
            "april apr",
            "may",
            "june jun",
            "july jul",
            "august aug",
            "september sept sep",
            "october oct",
            "november nov",
            "december dec",
        ),
        start=1,
    )
    for name in names.split()
}
_SMALL: Final = {
    name: at
    for at, name in enumerate(
        ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"],
        start=1,
    )
} | {"a": 1, "an": 1, "fourteen": 14, "fifteen": 15, "twenty": 20, "thirty": 30, "2 or 3": 0}
_ORDINALS: Final = {
    name: at
    for at, name in enumerate(
        [
            "first",
            "second",
            "third",
            "fourth",
            "fifth",
            "sixth",
            "seventh",
            "eighth",
            "ninth",
            "tenth",
            "eleventh",
            "twelfth",
            "thirteenth",
            "fourteenth",
            "fifteenth",
            "sixteenth",
            "seventeenth",
            "eighteenth",
            "nineteenth",
            "twentieth",
        ],
        start=1,
    )
} | {
    "twenty fifth": 25,
    "twenty-fifth": 25,
    "thirtieth": 30,
    "thirty first": 31,
}
_HAN_DIGITS: Final = {figure: at for at, figure in enumerate("一二三四五六七", start=1)} | {
    "日": 7,
    "天": 7,
    "末": 0,
    "两": 2,
}


def _either(names: dict[str, int]) -> str:
    return "(?:" + "|".join(sorted(names, key=len, reverse=True)) + ")"


_W: Final = _either({name: at for name, at in _WEEKDAYS.items() if name not in ("sat", "sun", "mon", "wed")})
_SHORT_W: Final = r"(?:sat|sun|mon|wed)"
_M: Final = _either(_MONTHS)
_COUNT: Final = r"\d{1,3}|" + _either(_SMALL)
_ORDINAL: Final = r"\d{1,2}(?:st|nd|rd|th)|" + _either(_ORDINALS)
_HAN_NUMBER: Final = r"(?:\d{1,3}|[一二两三四五六七八九十廿]{1,4})"
_WEEK: Final = r"(?:周|星期|礼拜)"
_WHEN: Final = r"(?:的时候|那天|当天)?"


_PARTS: Final = re.compile(r"[.,;!?。，；！？、\n]+|\bbut\b|但是?|不过")
_UNMEANT: Final = re.compile(
    r"\b(?:cant|cannot|can not|dont|wont|not|isnt|no money|unable|due|wasnt|didnt|was)\b|不了|不上|不出|没|不能|不行|不是|到期|还款日|该还"
)
"""Of several days, those that are the debt's, or those on which nothing will be paid."""
_NOW: Final = re.compile(
    r"\b(?:right now|rn|straight away|right away|this minute|paying now|pay now|pay it now|immediately)\b|现在就?|立刻|立即|即刻|这就"
)


def day_named(text: str, today: date, region: str = "") -> date | None:
    """The one day that a plain text names, today or later; None where it names none, or it could be two.

    today: the date where the writer is. region: ISO 3166, where the writer is.
    """
    days = set(_days(text, today, region))
    parts = _PARTS.split(text)
    meant = [part for part in parts if not _UNMEANT.search(part)]
    if len(days) > 1 or (days == {today} and meant and len(meant) < len(parts)):
        days = set(_days("\n".join(meant), today, region))
    if not days and _NOW.search("\n".join(meant)):
        return today
    if len(days) != 1:
        return None
    day = days.pop()
    return day if day >= today else None


def without_days(text: str) -> str:
    """The plain text with every day it names blanked, so that its figures are not taken for amounts."""
    for pattern, _ in _PATTERNS:
        text = pattern.sub(_blank, text)
    return text


def _days(text: str, today: date, region: str) -> Iterator[date]:
    """Pattern by pattern, the longest first: what one has read, the next does not see."""
    for pattern, read in _PATTERNS:
        for match in pattern.finditer(text):
            yield from read(match, today, region)
        text = pattern.sub(_blank, text)


def _blank(match: re.Match[str]) -> str:
    return "_" * len(match[0])


def _nothing(match: re.Match[str], today: date, region: str) -> tuple[date, ...]:
    return ()


def _two(match: re.Match[str], today: date, region: str) -> tuple[date, ...]:
    return today, today + timedelta(days=1)


def _after(days: int) -> Reader:
    return lambda match, today, region: (today + timedelta(days=days),)


def _in_days(match: re.Match[str], today: date, region: str) -> tuple[date, ...]:
    count = _small(match["n"])
    if not count:
        return _two(match, today, region)
    unit = match["unit"]
    if unit.startswith(("h", "小")):
        return (today + timedelta(days=count // 24),) if count >= 24 else _two(match, today, region)
    return (today + timedelta(days=count * (7 if unit.startswith(("w", "周", "星", "礼")) else 1)),)


def _small(written: str) -> int:
    if written.isdigit():
        return int(written)
    if written in _SMALL:
        return _SMALL[written]
    return _han(written)


def _han(written: str) -> int:
    """Up to 99: 五, 十五, 二十, 廿五."""
    if written.isdigit():
        return int(written)
    tens, ten, ones = written.replace("廿", "二十").partition("十")
    figure = {"两": 2, **{one: at for at, one in enumerate("一二三四五六七八九", start=1)}}
    if not ten:
        return figure.get(tens, 0)
    return figure.get(tens, 1) * 10 + figure.get(ones, 0)


def _weekday(match: re.Match[str], today: date, region: str) -> tuple[date, ...]:
    """A day of the week: that of this week or the next one to come, as its word says."""
    wanted, before = _WEEKDAYS[match["day"]], match["which"] or ""
    if "next week" in match[0]:
        return (of_week(today, 1, wanted),)
    if match["week"]:
        return (next_weekday(today, wanted) + timedelta(days=7),)
    if before == "next":
        this = of_week(today, 0, wanted)
        return (this, of_week(today, 1, wanted)) if this > today else (of_week(today, 1, wanted),)
    if wanted == today.weekday():
        return today, today + timedelta(days=7)
    return (next_weekday(today, wanted),)


def _han_weekday(match: re.Match[str], today: date, region: str) -> tuple[date, ...]:
    """下周五 is that of the next calendar week, 周五 the next one to come; weeks begin on Monday."""
    written = match["day"]
    wanted = (int(written) if written.isdigit() else _HAN_DIGITS[written]) - 1
    which = match["which"] or ""
    ahead = which.count("下")
    if wanted < 0:
        return of_week(today, ahead, 5), of_week(today, ahead, 6)
    if ahead or which:
        return (of_week(today, ahead, wanted),)
    if wanted == today.weekday():
        return today, today + timedelta(days=7)
    return (next_weekday(today, wanted),)


def _month_and_day(match: re.Match[str], today: date, region: str) -> tuple[date, ...]:
    month = match["month"]
    number = _MONTHS[month] if month in _MONTHS else _han(month)
    written = match["day"]
    day = _ORDINALS[written] if written in _ORDINALS else _han(re.sub(r"(st|nd|rd|th)$", "", written))
    year = match.groupdict().get("year")
    return next_date(today, number, day, int(year) if year else None)


def _day_of_month(match: re.Match[str], today: date, region: str) -> tuple[date, ...]:
    written = match["day"]
    day = _ORDINALS[written] if written in _ORDINALS else _han(re.sub(r"(st|nd|rd|th)$", "", written))
    month = match["month"] or ""
    if not 1 <= day <= 31:
        return ()
    return next_day_of_month(today, day, ahead=1 if month.startswith(("of next", "下")) else 0)


def _range(match: re.Match[str], today: date, region: str) -> tuple[date, ...]:
    return _two(match, today, region)


def _end_of_month(match: re.Match[str], today: date, region: str) -> tuple[date, ...]:
    return (last_of_month(today, 1 if re.search("next|下", match[0]) else 0),)


def _end_of_named_month(match: re.Match[str], today: date, region: str) -> tuple[date, ...]:
    month = match["month"]
    number = _MONTHS[month] if month in _MONTHS else _han(month)
    year = today.year + (number < today.month)
    return (last_of_month(date(year, number, 1), 0),) if 1 <= number <= 12 else ()


def _first_of_next(match: re.Match[str], today: date, region: str) -> tuple[date, ...]:
    return (last_of_month(today, 0) + timedelta(days=1),)


def _in_figures(match: re.Match[str], today: date, region: str) -> tuple[date, ...]:
    """3/12: by the region's order; both readings where nobody can know."""
    first, second, year = int(match["first"]), int(match["second"]), match["year"]
    whole = (int(year) + (2000 if len(year) == 2 else 0)) if year else None
    by_month = next_date(today, first, second, whole)
    by_day = next_date(today, second, first, whole)
    order = month_first(region)
    if order is None:
        return tuple({*by_month, *by_day})
    return (by_month or by_day) if order else (by_day or by_month)


def _iso(match: re.Match[str], today: date, region: str) -> tuple[date, ...]:
    return next_date(today, int(match["month"]), int(match["day"]), int(match["year"]))


_PATTERNS: Final[tuple[tuple[re.Pattern[str], Reader], ...]] = tuple(
    (re.compile(pattern), read)
    for pattern, read in (
        # What is past, comes again and again, or is only near.
        (rf"\b(?:last|past|previous|every|each|since|until last) (?:{_ORDINAL}|{_W}|{_SHORT_W}|{_M}|week|month|year|night)\b", _nothing),
        (rf"\b(?:{_COUNT}|few|couple(?: of)?|several) (?:days?|weeks?|months?|years?|yrs?|hours?) ago\b", _nothing),
        (r"\b(?:on )?the \d{1,2}(?:st|nd|rd|th) (?:of )?(?:every|each|last) month\b", _nothing),
        (r"\btomorrow week\b", _after(8)),
        (r"过两[天日]", _nothing),
        (r"\byesterday|\bystrday|\bday before yesterday", _nothing),
        (rf"(?:上个?|每个?){_WEEK}[一二三四五六日天末1-7]?|(?:上个?月|每个?月)(?:底|初|末|{_HAN_NUMBER}[号日])?|昨[天晚日夜]|前[天日]|琴日|寻日", _nothing),
        (rf"{_HAN_NUMBER}个?(?:天|日|{_WEEK}|月|年)(?:之?前|以前)", _nothing),
        (rf"\b(?:around|about|roughly|approximately|approx|circa|after) (?:(?:on|the) )*(?:next |this )?(?:{_ORDINAL}|{_W}|{_SHORT_W}|{_M} \d{{1,2}})\b", _two),
        (rf"(?:{_HAN_NUMBER}月)?{_HAN_NUMBER}[号日](?:左右|前后|上下|以后|之后|过后|后)|{_WEEK}[一二三四五六日天](?:左右|前后|以后|之后|过后)|月底(?:左右|前后)|(?:大概|大约|差不多)(?={_HAN_NUMBER}[号日])", _two),
        (rf"\b(?:{_ORDINAL}|\d{{1,2}}) ?(?:-|to|or|and|/|through) ?(?:the )?(?:{_ORDINAL})\b", _range),
        (rf"{_HAN_NUMBER}[号日]?(?:到|至|-|~|或者?|、|和|跟){_HAN_NUMBER}[号日]", _range),
        # Figures.
        (r"\b(?P<year>20\d\d)[-/.年] ?(?P<month>\d{1,2})[-/.月] ?(?P<day>\d{1,2})(?!\d)[日号]?", _iso),
        (r"(?<![\d/.$¥£€])(?P<first>\d{1,2})(?P<mark>[/])(?P<second>\d{1,2})(?:/(?P<year>20\d\d|\d\d))?(?![\d/])(?! of\b)", _in_figures),
        (r"(?<![\d.$¥£€])(?P<first>\d{1,2})(?P<mark>[-.])(?P<second>\d{1,2})(?P=mark)(?P<year>20\d\d)(?!\d)", _in_figures),
        (r"(?<![\d.$¥£€])(?P<first>1[0-2]|[1-9])\.(?P<second>[12]\d|3[01])(?P<year>(?!))?(?=[号日前还付缴交转])", _in_figures),
        # Months and days of months.
        (rf"\b(?P<month>{_M})\.? (?:the )?(?P<day>{_ORDINAL}|\d{{1,2}})\b(?:,? (?P<year>20\d\d))?(?!:)", _month_and_day),
        (rf"\b(?P<day>{_ORDINAL}|\d{{1,2}}) (?:of )?(?P<month>{_M})\b(?:,? (?P<year>20\d\d))?", _month_and_day),
        (r"(?P<month>\d{1,2}|十[一二]?|[一二三四五六七八九])月(?P<day>(?:\d{1,2}|[一二三]?十[一二三四五六七八九]?|[一二三四五六七八九]))(?:[日号]|(?!\d|个|天|期))", _month_and_day),
        (rf"\b(?:the )?(?:end|last day) of (?P<month>{_M})\b", _end_of_named_month),
        (r"(?P<month>\d{1,2}|十[一二]?|[一二三四五六七八九])月(?:底|末)", _end_of_named_month),
        (r"\b(?:the )?(?:end|last day) (?:of|o) (?:next month|the next month)\b|下个?月(?:底|末|尾)", _end_of_month),
        (r"\b(?:the )?(?:end|last day) (?:of|o) (?:the |this |da )?(?:month|mnth|mth)\b|\bmonths? ?end\b|\beom\b|(?:这个?月|本月|当月)?月?(?:底|末|尾)(?<=月.)|(?:这个?|本)月底", _end_of_month),
        (r"\b(?:the )?(?:1st|first) (?:day )?of (?:the |next )?(?:month|mnth)\b|\bfirst thing next month\b|下个?月(?:一号|1号|1日|一日)", _first_of_next),
        (rf"\b(?:the )?(?P<day>{_ORDINAL}) (?P<month>of next month|of this month|of the month)\b", _day_of_month),
        (r"(?P<month>下个?月|这个?月|本月)?(?<![\d.])(?P<day>\d{1,2}|[一二三]?十[一二三四五六七八九]?|廿[一二三四五六七八九]?|[一二三四五六七八九])[号日](?!线|楼|店|码|房|机|子|常|后|内|之内)", _day_of_month),
        (r"(?P<month>(?!))?\b(?:the )?(?P<day>\d{1,2}(?:st|nd|rd|th))\b(?! (?:time|message|text|call|reminder|floor|payment|installment|instalment|notice|letter|email))", _day_of_month),
        (rf"(?P<month>(?!))?\b(?:on|by|before|until|till|til) the (?P<day>{_either(_ORDINALS)})\b(?! (?:time|message|text|call|payment|installment|week))", _day_of_month),
        # Days from now.
        (r"\b(?:the )?day after (?:tomorrow|tmrw|tmr|tmw|tomorow|tommorow|tomoro)\b|\bovermorrow\b|(?<![大明])后[天日](?!大)|后儿", _after(2)),
        (r"大后[天日]", _after(3)),
        (rf"\b(?:in|within|next|give me|need|another|after|wait) (?:another |about |the next )?(?P<n>{_COUNT}) ?(?:more |working |business )?(?P<unit>days?|dys|weeks?|wks?|hours?|hrs?)(?: time)?\b(?! ago)", _in_days),
        (rf"\b(?P<n>{_COUNT}) ?(?P<unit>days?|weeks?|wks?|hours?|hrs?) (?:from (?:now|today)|later|time|max|tops|at most|latest)\b", _in_days),
        (r"\b(?P<n>a|one|two|\d) (?P<unit>weeks?) today\b", _in_days),
        (rf"(?:再?过|再等|再?给我?|宽限我?|等我?|等)(?P<n>{_HAN_NUMBER})(?P<unit>天|日|个?{_WEEK})(?:时间|就|再|后|内|之?内)?".replace("个?(?:周", "个?(?:周"), _in_days),
        (rf"(?P<n>{_HAN_NUMBER})个?(?P<unit>天|日|{_WEEK}|小时)(?:之?后|以后|之?内|以内|过后)", _in_days),
        (r"\bin a (?P<n>(?!))?(?:couple|few)(?: of)? (?P<unit>days|weeks)\b", _nothing),
        (r"\b(?:tomorrow|tmrw|tmr|tmw|tmrow|tmoro|tomoz|2moro|2morrow|2mrw|tomorow|tommorow|tommorrow|tomoro|tomorrrow|tomorro|tomorr)\b", _after(1)),
        (rf"(?:明|名|眀)(?:天|日|晚|早|儿|个(?!月)|朝|后天)(?<!明后天){_WHEN}|听日|听晚|听朝", _after(1)),
        (r"明后天|今明两?天", _two),
        (r"\btoday|\btonight\b|\btonite\b|\b2nite\b|\b2day\b|\btdy\b|\bthis (?:morning|afternoon|evening|eve|arvo)\b|\bend of (?:the |play )?(?:day|today)\b|\beod\b|\bby midnight\b|\bwithin the hour\b|\bin (?:an|one|a few|\d) (?:hours?|hrs?)\b", _after(0)),
        (r"今[天日晚夜早]|今儿|今个(?!月)|今下午|今上午|(?<![天日一二三四五六七号_])晚上(?=就?[还转付缴])|下班[就再后]|稍后就?[还转付]|下午(?=就?[还转付缴])", _after(0)),
        # Days of the week.
        (rf"(?P<which>下+个?|这个?|本|今个?)?{_WEEK}(?P<day>[一二三四五六日天末]|[1-7](?![\d天个]))", _han_weekday),
        (rf"(?P<week>week (?:on )?)?\b(?P<which>next|this|coming)? ?(?P<day>{_W})s?\b(?:(?: of)? next week)", _weekday),
        (rf"\bnext week (?:on )?(?P<which>(?!))?(?P<week>(?!))?(?P<day>{_W}|{_SHORT_W})\b", _weekday),
        (rf"\b(?P<week>a week (?:on |from )|week on )?(?:(?P<which>next|this|coming) )?(?P<day>{_W})\b", _weekday),
        (rf"\b(?P<week>(?!))?(?:on|by|until|till|til|before|this|(?P<which>next)|come) (?:this |coming )?(?P<day>{_SHORT_W})\b", _weekday),
        (rf"^(?P<week>(?!))?(?P<which>(?!))?(?P<day>{_SHORT_W})[.!]*$", _weekday),
        (r"\bweekend\b|周末", _two),
    )
)  # fmt: skip
