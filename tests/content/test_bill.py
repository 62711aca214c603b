"""The bill as a picture: what it says, that it is one, and that the same bill is the same picture."""

# ruff: noqa: E501
# The tables of cases are read across.

from __future__ import annotations

import struct
from datetime import date
from pathlib import Path

import pytest

from duecourse.content.bill import BillArtist, bill_values
from duecourse.content.check import check
from duecourse.content.variables import Facts, Item
from duecourse.domain.problems import DuecourseError
from duecourse.domain.typefaces import families_for, font_folders
from duecourse.policy.model import Wording

EXAMPLES = Path(__file__).parents[2] / "examples"
CAR = Item("HT-2024-00017", date(2026, 3, 10), 123450, "car-loan")
CASH = Item("XJ-2025-90001", date(2026, 3, 12), 50000, "cash-loan", balance_minor=800000)


@pytest.fixture(scope="module")
def wording() -> Wording:
    return check(EXAMPLES / "consumer-lender" / "policy.yaml").policy.wording


@pytest.fixture(scope="module")
def artist() -> BillArtist:
    return BillArtist()


def test_it_says_what_is_due_when_and_whom_to_ask_but_not_who_owes(wording: Wording) -> None:
    values = bill_values(Facts("王芳", "any", "CNY", (CASH, CAR), wording), "zh-CN", large=False)
    assert values["rows"] == [
        {"product": "汽车贷款", "amount": "¥1,234.50", "contract": "合同 …0017", "due": "还款日 2026年3月10日", "statement": ""},
        {"product": "循环贷 · 最低", "amount": "¥500.00", "contract": "合同 …0001", "due": "还款日 2026年3月12日",
         "statement": "本期账单 ¥8,000.00"},
    ]  # fmt: skip
    assert (values["title"], values["total"], values["phone"]) == (
        "您的账单",
        "¥1,734.50",
        "咨询电话 400-810-6688",
    )
    assert "王芳" not in str(values)


@pytest.mark.parametrize("language", ["zh-CN", "zh-TW", "en", "hi", "id", "vi", "pt-BR", "es", "ar"])
def test_every_language_is_drawn_with_fonts_that_come_along(
    artist: BillArtist, wording: Wording, language: str
) -> None:
    one = artist(Facts("", "any", "CNY", (CAR,), wording), language, False)
    assert (one.name, one.media_type, one.content[:8]) == ("bill.png", "image/png", b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", one.content[16:24])
    assert width == 800 and 300 < height < 1500


def test_the_same_bill_is_the_same_picture_whoever_draws_it_and_another_is_another(
    artist: BillArtist, wording: Wording
) -> None:
    facts = Facts("", "any", "CNY", (CAR,), wording)
    assert artist(facts, "zh-CN", False).content == BillArtist()(facts, "zh-CN", False).content
    assert artist(facts, "zh-CN", True).content != artist(facts, "zh-CN", False).content
    more = Facts("", "any", "CNY", (CAR, CASH), wording)
    assert artist(more, "zh-CN", False).content != artist(facts, "zh-CN", False).content


def test_a_character_without_a_font_is_refused_and_not_quoted(artist: BillArtist, wording: Wording) -> None:
    strange = Item("L", date(2026, 3, 10), 1, "ᠮᠣᠩᠭᠣᠯ")
    with pytest.raises(DuecourseError, match=r"no font has 5 of its characters.*P412"):
        artist(Facts("", "any", "CNY", (strange,), wording), "zh-CN", False)


def test_all_fonts_are_installed_and_traditional_characters_come_first_where_they_are_read() -> None:
    assert len(font_folders()) == 5
    assert families_for("zh-TW").index("Noto Sans TC") < families_for("zh-TW").index("Noto Sans SC")
    assert families_for("zh-CN").index("Noto Sans SC") < families_for("zh-CN").index("Noto Sans TC")
