from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from duecourse.channels.voice.chinese import whole_number, yuan
from duecourse.channels.voice.words import said


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("本期应还¥1,234.56", "本期应还一千二百三十四元五角六分"),
        ("应还人民币20,000.05元。", "应还两万元零五分。"),
        ("10.50元", "十元五角"),
        ("0.05元", "五分"),
        ("2元", "两元"),
        ("CNY 1500.00", "一千五百元"),
        ("￥120,000,000.00", "一亿两千万元"),
        ("1200.5678元", "一千二百点五六七八元"),
        ("US$1,200.50", "一千二百点五美元"),
        ("到期日2026-11-25", "到期日二零二六年十一月二十五日"),
        ("2026年2月2日", "二零二六年二月二日"),
        ("11月25日21:00前", "十一月二十五日二十一点前"),
        ("09:05", "九点零五分"),
        ("利率3.65%", "利率百分之三点六五"),
        ("共2期", "共两期"),
        ("第12期", "第十二期"),
        ("尾号0012", "尾号零零幺二"),
        ("请拨打95588或400-820-8888", "请拨打九五五八八或四零零八二零八八八八"),
        ("13812345678", "幺三八幺二三四五六七八"),
        ("确认请按1", "确认请按一"),
    ],
)
def test_chinese_is_written_out_as_it_is_said(written: str, spoken: str):
    assert said(written, "zh-CN") == spoken


@pytest.mark.parametrize(
    ("language", "written", "spoken"),
    [
        (
            "en",
            "You owe $1,234.56 by Nov 25, 2026.",
            "You owe 1234 dollars and 56 cents by November 25th, 2026.",
        ),
        ("en", "$2.01", "2 dollars and 1 cent"),
        ("en", "$980.00 on March 3", "980 dollars on March 3rd"),
        ("en", "CNY 1,234.56", "1234.56 Chinese yuan"),
        ("en", "due 2026-12-11", "due December 11th, 2026"),
        (
            "en",
            "card ending 4242, call +1 415 555 2671",
            "card ending 4 2 4 2, call 1 4 1 5 5 5 5 2 6 7 1",
        ),
        ("en", "12 installments at 3.5%", "12 installments at 3.5%"),
        ("en-IN", "₹1,23,456.50", "123456 rupees and 50 paise"),
        ("en-GB", "£20.00 on 3 May", "20 pounds on 3rd May"),
        ("es", "1.234,56 € el 2026-11-25", "1234,56 euros el 25 de noviembre de 2026"),
        ("pt-BR", "R$ 1.234,00", "1234 Reais brasileiros"),
        ("id", "Rp 1.234.567", "1234567 Rupiah Indonesia"),
        ("vi", "1.234.567 ₫", "1234567 đồng Việt Nam"),
        ("zh-TW", "應還 NT$1,234", "應還 一千二百三十四新台幣"),
        ("xx-unknown", "$5", "$5"),
    ],
)
def test_amounts_and_dates_lose_what_a_voice_stumbles_over(language: str, written: str, spoken: str):
    assert said(written, language) == spoken


VALUES = {"零": 0, "一": 1, "二": 2, "两": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8, "九": 9}
UNITS = {"十": 10, "百": 100, "千": 1000}


def heard(words: str) -> int:
    """The number a listener understands: an own reading of the words, by the rules of the spoken language."""
    for unit, size in (("亿", 10**8), ("万", 10**4)):
        # 万亿 is ten thousand times a hundred million: the last 亿 parts the whole.
        if unit in words:
            before, _, after = words.rpartition(unit)
            return heard(before) * size + (heard(after) if after else 0)
    total = digit = 0
    for character in words:
        if character in UNITS:
            total, digit = total + (digit or 1) * UNITS[character], 0
        else:
            digit = VALUES[character]
    return total + digit


@settings(max_examples=200)
@given(st.integers(0, 10**12 - 1))
def test_listener_understands_the_number_that_was_said(number: int):
    words = whole_number(number)
    assert heard(words) == number
    assert not re.search("零零|零[十百千万亿]|零$", words) or number == 0


@settings(max_examples=200)
@given(st.integers(0, 10**9), st.integers(0, 99))
def test_listener_understands_yuan_jiao_and_fen(whole: int, hundredths: int):
    words = yuan(f"{whole}.{hundredths:02d}")
    found = re.fullmatch(r"(?:(.+)元)?零?(?:(.)角)?(?:(.)分)?", words)
    assert found
    parts = [heard(part) if part else 0 for part in found.groups()]
    assert parts == [whole, hundredths // 10, hundredths % 10]
