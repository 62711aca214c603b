"""Made-up borrowers that a template is tried on before it is published. None of them exists."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

from babel import Locale
from babel.core import get_global
from babel.numbers import get_territory_currencies

from duecourse.domain.messaging import Purpose
from duecourse.domain.money import minor_digits
from duecourse.policy.model import Policy, Step

from .addresses import SAMPLE_CODE, sample_address
from .variables import Facts, Item

_NAMES: Final = {
    "zh": "王小芳",
    "en": "Alex Morgan",
    "hi": "अनिता शर्मा",
    "id": "Siti Rahma",
    "vi": "Nguyễn Thị Lan",
    "pt": "Ana Souza",
    "es": "Ana García",
    "ar": "ليلى أحمد",
}
_DAY: Final = date(2026, 3, 10)


@dataclass(frozen=True, slots=True)
class Sample:
    """One made-up message and what is special about it."""

    about: str
    facts: Facts


def sample_facts(policy: Policy, step: Step, language: str, public_url: str = "") -> list[Sample]:
    """One installment; three of several products without a name; a revolving statement; each creditor.

    public_url: what links begin with; '' takes an address made up.
    """
    products = _products(policy, step)
    currency = _currency(policy, step)
    unit = 10 ** minor_digits(currency)
    late = max(1, step.offset_days) if step.purpose is Purpose.COLLECTION else 0
    name = _NAMES.get(language.partition("-")[0], _NAMES["en"])

    def item(index: int, balance_minor: int | None = None) -> Item:
        product = products[index % len(products)]
        amount_minor = (1234 + 1111 * index) * unit + unit // 2
        due_on = date.fromordinal(_DAY.toordinal() + index)
        return Item(f"HT2026{index:04d}", due_on, amount_minor, product, balance_minor, late)

    def facts(who: str, creditor: str, *items: Item) -> Facts:
        link = sample_address(public_url)
        return Facts(who, creditor, currency, items, policy.wording, SAMPLE_CODE, link)

    first, *others = list(policy.wording.creditors) or ["*"]
    samples = [
        Sample("one installment", facts(name, first, item(0))),
        Sample("three installments, name unknown", facts("", first, item(0), item(1), item(2))),
        Sample("a revolving statement", facts(name, first, item(0, balance_minor=98_765 * unit))),
    ]
    return samples + [Sample(f"creditor {key}", facts(name, key, item(0))) for key in others]


def _products(policy: Policy, step: Step) -> list[str]:
    """Products the step can be about: of its condition, else of the policy, else those with a name."""
    for condition in (step.condition, policy.applies_to):
        for test in condition.tests:
            if test.field == "product" and test.any_of:
                return list(test.any_of)
    return list(policy.wording.products) or ["loan"]


def _currency(policy: Policy, step: Step) -> str:
    """A currency that the step's condition names, else that of the first language's country."""
    for test in (*step.condition.tests, *policy.applies_to.tests):
        if test.currency:
            return test.currency
    locale = Locale.parse(policy.wording.languages.known[0], sep="-")
    likely = str(get_global("likely_subtags").get(locale.language, "en_Latn_US"))
    territory = locale.territory or likely.rpartition("_")[2]
    return next(iter(get_territory_currencies(territory)), "USD")
