"""Made-up borrowers that a template is tried on before it is published. None of them exists."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from babel import Locale
from babel.core import get_global
from babel.numbers import get_territory_currencies

from duecourse.domain.messaging import Purpose
from duecourse.domain.money import minor_digits
from duecourse.policy.model import Policy, Step

from .addresses import SAMPLE_CODE, sample_address
from .variables import Facts, Happened, Item, Standing, variables_of

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
_DETAILS: Final[Mapping[str, Mapping[str, str]]] = {
    "rate.changed": {"rate": "0.0385", "rate_before": "0.042"},
    "date.changed": {"due_on": "2026-04-15", "due_before": "2026-04-10", "number": "3"},
}
_ALWAYS_OF_MONEY: Final = (
    "payment.received",
    "payment.reversed",
    "loan.settled",
    "rate.changed",
    "date.changed",
)
"""Kinds that are always about a loan and, where they have an amount at all, about money."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One made-up message and what is special about it."""

    about: str
    facts: Facts


def sample_facts(policy: Policy, step: Step, language: str, public_url: str = "") -> list[Sample]:
    """One installment; three of several products without a name; a revolving statement; each creditor.

    Of an event: one; three about several loans without a name; the last of its loan, with nothing that can be missing.
    public_url: what links begin with; '' takes an address made up.
    """
    samples = (
        _event_samples(policy, step, step.on, language) if step.on else _item_samples(policy, step, language)
    )
    link = sample_address(public_url)
    return [replace(one, facts=replace(one.facts, code=SAMPLE_CODE, link=link)) for one in samples]


def _item_samples(policy: Policy, step: Step, language: str) -> list[Sample]:
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
        return Facts(who, creditor, currency, items, policy.wording)

    first, *others = list(policy.wording.creditors) or ["*"]
    samples = [
        Sample("one installment", facts(name, first, item(0))),
        Sample("three installments, name unknown", facts("", first, item(0), item(1), item(2))),
        Sample("a revolving statement", facts(name, first, item(0, balance_minor=98_765 * unit))),
    ]
    return samples + [Sample(f"creditor {key}", facts(name, key, item(0))) for key in others]


def _event_samples(policy: Policy, step: Step, kind: str, language: str) -> list[Sample]:
    products, currency = _products(policy, step), _currency(policy, step)
    unit = 10 ** minor_digits(currency)
    name = _NAMES.get(language.partition("-")[0], _NAMES["en"])
    with_amount = "amount" in variables_of(kind)
    details = _DETAILS.get(kind, {"reference": "SQ20260042"})
    decisions = [test.any_of[0] for test in step.condition.tests if test.field == "decision" and test.any_of]
    if kind == "application.decided":
        details = {"reference": "SQ20260042", "decision": decisions[0] if decisions else "approved"}
    going_on = Standing(5_430 * unit, 1_086 * unit, date.fromordinal(_DAY.toordinal() + 31), 1_086 * unit)

    def happened(index: int) -> Happened:
        amount_minor = (1234 + 1111 * index) * unit + unit // 2 if with_amount else None
        return Happened(
            kind, _DAY, f"HT2026{index:04d}", products[index % len(products)], amount_minor, details
        )

    def facts(who: str, creditor: str, standing: Standing, *events: Happened) -> Facts:
        return Facts(who, creditor, currency, (), policy.wording, happened=events, standing=standing)

    first, *others = list(policy.wording.creditors) or ["*"]
    bare = Happened(
        kind, _DAY, "", "", None, {one: two for one, two in details.items() if one != "reference"}
    )
    samples = [
        Sample("one event", facts(name, first, going_on, happened(0))),
        Sample(
            "three events, name unknown", facts("", first, going_on, happened(0), happened(1), happened(2))
        ),
        Sample("the last of a loan", facts(name, first, Standing(0, 0, None, 0), happened(0))),
    ]
    if kind not in _ALWAYS_OF_MONEY:
        samples.append(Sample("an event without amount or loan", facts(name, first, going_on, bare)))
    return samples + [Sample(f"creditor {key}", facts(name, key, going_on, happened(0))) for key in others]


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
