"""The example's first reminder in nine languages: amounts, dates, counts and direction as their readers write them."""

# ruff: noqa: E501
# The tables of cases are read across.

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from duecourse.content.check import Checked, check
from duecourse.content.formats import formats
from duecourse.content.liquid_env import environment
from duecourse.content.render import Renderer
from duecourse.content.sms_text import is_gsm
from duecourse.content.variables import Facts, Item
from duecourse.domain.money import Money
from duecourse.policy.versions import TemplateRef

EXAMPLES = Path(__file__).parents[2] / "examples"
LRM = "\N{LEFT-TO-RIGHT MARK}"
RLM = "\N{RIGHT-TO-LEFT MARK}"


@pytest.fixture(scope="module")
def lender() -> Checked:
    return check(EXAMPLES / "consumer-lender" / "policy.yaml")


def said(lender: Checked, language: str, count: int, currency: str, channel: str = "sms") -> str:
    items = tuple(
        Item(
            f"HT-{number:04d}",
            date(2026, 3, 10),
            123450 // (1 if currency not in ("VND",) else 100),
            "car-loan",
        )
        for number in range(count)
    )
    renderer = Renderer({TemplateRef("due-soon", 1): lender.templates.of("due-soon")})
    return renderer.render(
        "due-soon", 1, language, channel, Facts("", "any", currency, items, lender.policy.wording)
    ).text


GOLDEN = [
    ("zh-CN", 2, "CNY", "【海港消费金融】您好，您有2笔贷款待还，最近一笔3月10日到期，合计¥2,469.00。已还请忽略，咨询400-810-6688。"),
    ("zh-TW", 1, "TWD", "【海港消費金融】您好，您的汽車貸款將於3月10日到期，應還$1,234.50。已還請忽略，諮詢400-810-6688。"),
    ("en", 2, "INR", "Harbour Finance: 2 payments are coming up, the first on 10 March. Total INR 2,469.00. Already paid? Please ignore this. Questions: 400-810-6688"),
    ("hi", 1, "INR", "हार्बर फ़ाइनेंस: आपके कार ऋण की राशि ₹1,234.50 की तारीख 10 मार्च है। भुगतान हो चुका हो तो इसे छोड़ दें। पूछताछ: 400-810-6688"),
    ("hi", 2, "INR", "हार्बर फ़ाइनेंस: आपकी 2 किस्तें आने वाली हैं, पहली 10 मार्च को। कुल ₹2,469.00। भुगतान हो चुका हो तो इसे छोड़ दें। पूछताछ: 400-810-6688"),
    ("id", 1, "IDR", "Harbour Finance: angsuran kredit mobil Anda Rp 1.234,50 jatuh tempo 10 Maret. Sudah bayar? Abaikan pesan ini. Info: 400-810-6688"),
    ("vi", 1, "VND", "Harbour Finance: Khoan vay cua quy khach den han 2026-03-10, 1.234 VND. Neu da thanh toan, vui long bo qua. Lien he: 400-810-6688"),
    ("pt-BR", 1, "BRL", "Harbour Finance: sua parcela de R$ 1.234,50 e para 2026-03-10. Ja pagou? Ignore este aviso. Duvidas: 400-810-6688"),
    ("es", 1, "EUR", "Harbour Finance: su cuota de 1.234,50 € vence el 10 de marzo. Si ha pagado, ignore este aviso. Consultas: 400-810-6688"),
    ("ar", 1, "AED", f"هاربور للتمويل: موعد سداد قرض السيارة هو 10 مارس، {RLM}1,234.50 د.إ.{RLM}. إن كنت قد دفعت فتجاهل الرسالة. للاستفسار: {LRM}400-810-6688"),
    ("ar", 3, "AED", f"هاربور للتمويل: لديك 3 أقساط، أولها في 10 مارس. المجموع {RLM}3,703.50 د.إ.{RLM}. إن كنت قد دفعت فتجاهل الرسالة. للاستفسار: {LRM}400-810-6688"),
]  # fmt: skip


@pytest.mark.parametrize(("language", "count", "currency", "text"), GOLDEN)
def test_the_first_reminder_says(
    lender: Checked, language: str, count: int, currency: str, text: str
) -> None:
    assert said(lender, language, count, currency).replace("\u00a0", " ") == text


@pytest.mark.parametrize("language", ["en", "id", "vi", "pt-BR", "es"])
def test_latin_scripts_keep_to_the_cheaper_alphabet(lender: Checked, language: str) -> None:
    assert all(is_gsm(said(lender, language, count, "USD")) for count in (1, 2))


@pytest.mark.parametrize(
    ("count", "word"),
    [(2, "قسطان"), (3, "3 أقساط"), (10, "10 أقساط"), (11, "11 قسطًا"), (99, "99 قسطًا"), (100, "100 قسط"), (102, "102 قسط"),
     (103, "103 أقساط")],
)  # fmt: skip
def test_arabic_counts_have_their_six_forms(lender: Checked, count: int, word: str) -> None:
    assert f"لديك {word}،" in said(lender, "ar", count, "AED")


def test_digits_are_those_of_the_place() -> None:
    egypt, gulf = formats("ar-EG"), formats("ar-AE")
    assert egypt.date(date(2026, 3, 10)) == "١٠ مارس" and gulf.date(date(2026, 3, 10)) == "10 مارس"
    assert "١٬٢٣٤٫٥٠" in egypt.money(Money(123450, "EGP")) and "1,234.50" in gulf.money(Money(123450, "AED"))
    written = environment("ar-EG", "text").parse_source(
        "{{ n }} {% if n > 2 %}{{ n | plural: few: 'f', other: 'o' }}{% endif %}"
    )
    assert written.render(n=egypt.counted(3)) == "٣ f"
    assert type(gulf.counted(3)) is int


def test_a_sign_of_latin_letters_keeps_its_order_from_right_to_left() -> None:
    assert f"CN¥{LRM}" in formats("ar").money(Money(123450, "CNY"))
    assert formats("en").money(Money(123450, "CNY")) == "CN¥1,234.50"


@pytest.mark.parametrize(
    ("language", "currency", "spoken"),
    [("zh-CN", "CNY", "1234.50元"), ("zh-TW", "TWD", "1234.50元"), ("en", "CNY", "1,234.50 Chinese yuan"),
     ("es", "EUR", "1.234,50 euros"), ("id", "IDR", "1.234,50 Rupiah Indonesia"), ("zh-CN", "USD", "1,234.50美元")],
)  # fmt: skip
def test_an_amount_is_spoken_as_people_say_it(language: str, currency: str, spoken: str) -> None:
    assert formats(language, "voice").money(Money(123450, currency)) == spoken
