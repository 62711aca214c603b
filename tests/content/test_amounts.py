"""Whether a template names an amount is read from all its languages, parts and branches."""

from __future__ import annotations

import pytest

from duecourse.content.amounts import names_amount
from duecourse.policy.templates import TemplateText


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("Your payment is due on {{ due_on | date }}.", False),
        ("{{ count }} payments, the first {{ days_past_due }} days ago.", False),
        ("{% for item in items %}{{ item.loan_ref }} {{ item.due_on | date }}{% endfor %}", False),
        ("the amount and the balance, in words only", False),
        ("{{ total | money }}", True),
        ("{% if balance %}a statement{% endif %}", True),
        ("{% if count == 1 %}one{% else %}{{ total | money }}{% endif %}", True),
        ("{% for item in items %}{{ item.amount | money }}{% endfor %}", True),
        ("{{ items[0].amount | money }}", True),
        ("{% assign sum = total %}{{ sum | money }}", True),
        ("{% assign first = items[0] %}{{ first.balance | money }}", True),
        ("{{ total", True),
    ],
)
def test_an_amount_anywhere_in_a_text_counts(source: str, names: bool) -> None:
    assert names_amount([TemplateText("t", "en", {"sms": source})]) is names


def test_one_language_or_part_with_an_amount_is_enough() -> None:
    plain = TemplateText("t", "en", {"sms": "due soon"})
    assert names_amount([plain, TemplateText("t", "zh-CN", {"sms": "应还{{ total | money }}"})])
    assert names_amount([TemplateText("t", "en", {"sms": "due soon", "html": "{{ total | money }}"})])
    assert not names_amount([plain])
