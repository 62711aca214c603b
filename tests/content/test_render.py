"""The exact text of the example policy's messages, in both languages, and what rendering refuses."""

# ruff: noqa: E501
# The tables of cases are read across.

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from duecourse.content.check import Checked, check
from duecourse.content.render import Renderer, RenderError
from duecourse.content.variables import ITEM_VARIABLES, VARIABLES, Facts, Item, template_values
from duecourse.policy.templates import TemplateText
from duecourse.policy.versions import TemplateRef

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def lender() -> Checked:
    return check(EXAMPLES / "consumer-lender" / "policy.yaml")


@pytest.fixture(scope="module")
def renderer(lender: Checked) -> Renderer:
    return Renderer({TemplateRef(name, 1): lender.templates.of(name) for name in lender.templates.names()})


def facts(lender: Checked, *items: Item, name: str = "王芳", currency: str = "CNY") -> Facts:
    return Facts(name, "any", currency, items, lender.policy.wording, code="7hK2mQx9")


CAR = Item("HT-2024-00017", date(2026, 3, 10), 123450, "car-loan")
CASH = Item("XJ-2025-90001", date(2026, 3, 12), 50000, "cash-loan", balance_minor=800000)

GOLDEN = [
    ("due-soon", "zh-CN", [CAR], 1, "【海港消费金融】王芳您好，您的汽车贷款将于3月10日到期，应还¥1,234.50。已还请忽略，咨询400-810-6688。"),
    ("due-soon", "zh-CN", [CASH], 1, "【海港消费金融】王芳您好，您的循环贷将于3月12日到期，最低应还¥500.00。已还请忽略，咨询400-810-6688。"),
    ("due-soon", "zh-CN", [CASH, CAR], 1, "【海港消费金融】王芳您好，您有2笔贷款待还，最近一笔3月10日到期，合计¥1,734.50。已还请忽略，咨询400-810-6688。"),
    ("due-soon", "en", [CAR], 1, "Harbour Finance: your car loan payment of CN¥1,234.50 is due on 10 March. Already paid? Please ignore this. Questions: 400-810-6688"),
    ("due-soon", "en", [CASH, CAR], 1, "Harbour Finance: 2 payments are coming up, the first on 10 March. Total CN¥1,734.50. Already paid? Please ignore this. Questions: 400-810-6688"),
    ("day-after", "zh-CN", [CAR], 2, "【海港消费金融】王芳您好，您的汽车贷款3月10日应还¥1,234.50尚未入账，可能是银行处理较慢。方便时请您核对，如需帮助请致电400-810-6688。"),
    ("overdue-second", "en", [Item("L1", date(2026, 3, 10), 5000, "mortgage", None, 1)], 2, "Harbour Finance: your home loan payment of CN¥50.00, due on 10 March, is 1 day overdue. Please pay or contact us. If paying is difficult, call 400-810-6688 to ask for an arrangement."),
]  # fmt: skip


@pytest.mark.parametrize(("template", "language", "items", "parts", "text"), GOLDEN)
def test_the_example_policy_says(
    lender: Checked,
    renderer: Renderer,
    template: str,
    language: str,
    items: list[Item],
    parts: int,
    text: str,
) -> None:
    rendered = renderer.render(template, 1, language, "sms", facts(lender, *items))
    assert (rendered.text, rendered.parts) == (text, parts)


def test_an_email_lists_every_item_and_masks_the_contract(lender: Checked, renderer: Renderer) -> None:
    rendered = renderer.render("due-soon", 1, "en", "email", facts(lender, CASH, CAR, name=""))
    assert rendered.subject == "A date to note on your account"
    assert rendered.text.startswith("Hello,\n\nThis is a friendly reminder")
    assert "- car loan (contract ending 0017): Tuesday 10 March, CN¥1,234.50\n" in rendered.text
    assert (
        "- credit line (contract ending 0001): Thursday 12 March, minimum CN¥500.00, statement"
        in rendered.text
    )
    assert "2024" not in rendered.text


@pytest.mark.parametrize(("borrower", "written"), [("zh-HK", "zh-TW"), ("en-US", "en"), ("sw", "en")])
def test_the_language_falls_back_as_the_policy_declares(
    lender: Checked, renderer: Renderer, borrower: str, written: str
) -> None:
    assert renderer.render("due-soon", 1, borrower, "sms", facts(lender, CAR)).language == written


def test_no_text_for_a_language_is_refused_not_guessed(lender: Checked) -> None:
    languages = lender.policy.wording.languages.model_copy(update={"default": None})
    wording = lender.policy.wording.model_copy(update={"languages": languages})
    renderer = Renderer({TemplateRef("due-soon", 1): lender.templates.of("due-soon")})
    with pytest.raises(RenderError, match="P401"):
        renderer.render("due-soon", 1, "sw", "sms", Facts("", "any", "CNY", (CAR,), wording))


def test_a_template_that_is_not_loaded_is_told_and_can_be_added(lender: Checked) -> None:
    renderer = Renderer()
    ref = TemplateRef("due-soon", 1)
    assert renderer.missing([ref]) == {ref}
    with pytest.raises(RenderError, match="is not loaded"):
        renderer.render("due-soon", 1, "en", "sms", facts(lender, CAR))
    renderer.add({ref: lender.templates.of("due-soon")})
    assert renderer.missing([ref]) == set()


def written(lender: Checked, source: str, part: str = "sms", name: str = "Ann", phone: bool = True) -> str:
    """A source rendered for one car loan of Ann's."""
    parts = {"sms": source, "email": "x", "subject": "x"} | {part: source}
    renderer = Renderer({TemplateRef("t", 1): [TemplateText("t", "en", parts)]})
    wording = lender.policy.wording if phone else lender.policy.wording.model_copy(update={"creditors": {}})
    made = renderer.render(
        "t", 1, "en", "sms" if part == "sms" else "email", Facts(name, "any", "CNY", (CAR,), wording)
    )
    return {"sms": made.text, "subject": made.subject, "html": made.html, "email": made.text}[part]


@pytest.mark.parametrize(
    "source",
    [
        "{{ unheard }}",
        "{{ total }}",
        "{{ due_on }}",
        "{{ name | money }}",
        "{{ total | date }}",
        "{{ due_on | date: 'long' }}",
        "{{ name.__class__ }}",
        "{{ total.amount_minor }}",
        "{% for i in (1..1000) %}{{ i }}{% endfor %}",
    ],
)
def test_what_liquid_cannot_do_is_refused_without_a_value_in_the_error(lender: Checked, source: str) -> None:
    with pytest.raises(RenderError, match="P402") as caught:
        written(lender, source, name="Ann Secret")
    assert "Secret" not in str(caught.value) and "123450" not in str(caught.value)


def test_a_missing_telephone_is_refused_rather_than_left_out(lender: Checked) -> None:
    with pytest.raises(RenderError, match="'contact_phone' is undefined for this message"):
        written(lender, "call {{ contact_phone }}", phone=False)


def test_values_are_never_read_as_liquid_and_html_is_escaped(lender: Checked) -> None:
    assert written(lender, "{{ name }}", name="{{ total }}") == "{{ total }}"
    assert "\n<b>&lt;i&gt;&amp;</b>\n" in written(lender, "<b>{{ name }}</b>", "html", name="<i>&")
    assert "O'Hara" not in written(lender, "{{ name }}", "html", name="O'Hara")


def test_a_subject_is_one_line_whatever_the_values_hold(lender: Checked) -> None:
    assert written(lender, "a {{ name }}", "subject", name="x\r\nBcc: y") == "a x Bcc: y"


def test_an_sms_has_no_space_that_forces_ucs2(lender: Checked) -> None:
    assert written(lender, "pay\u00a0{{ total | money }}\u202fnow") == "pay CN¥1,234.50 now"


def test_every_declared_variable_has_a_value_and_no_other(lender: Checked) -> None:
    linked = replace(facts(lender, CAR, CASH), link="https://x.example/l/7hK2mQx9")
    values = template_values(linked, "en")
    assert values.keys() == VARIABLES.keys()
    assert all(item.keys() == ITEM_VARIABLES.keys() for item in values["items"])


def test_totals_are_those_of_the_items(lender: Checked) -> None:
    values = template_values(facts(lender, CASH, CAR), "zh-CN")
    assert (values["total"].amount_minor, values["balance"].amount_minor) == (173450, 800000)
    assert (values["count"], values["due_on"], values["product"]) == (2, date(2026, 3, 10), "")
