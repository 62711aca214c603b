"""The sections of a mapping file that bring what falls due and what came in."""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator

from .values import (
    DateValue,
    IntegerRule,
    IntegerValue,
    MoneyRule,
    MoneyValue,
    NumberValue,
    Section,
    Strict,
    TextRule,
    TextValue,
)


class MinimumSection(Strict):
    """The minimum due of a revolving statement: percent of the balance, at least the floor, never above it."""

    percent: NumberValue
    floor: MoneyValue = MoneyRule(value=0)


class InstallmentSection(Section):
    """An amount that falls due: an installment, or the minimum due of a statement."""

    loan: TextValue | None = None
    creditor: TextValue | None = None
    currency: TextValue | None = None
    number: IntegerValue
    due_on: DateValue
    statement_on: DateValue | None = None
    due: MoneyValue | None = None
    balance: MoneyValue | None = None
    minimum: MinimumSection | None = None
    principal: MoneyValue | None = None
    interest: MoneyValue | None = None
    fee: MoneyValue | None = None
    penalty: MoneyValue | None = None

    @model_validator(mode="after")
    def _due_has_one_source(self) -> InstallmentSection:
        if (self.due is None) == (self.minimum is None):
            raise ValueError("give 'due', or 'minimum' with 'balance'")
        if (self.balance is None) != (self.statement_on is None):
            raise ValueError("'balance' and 'statement_on' go together: they make a statement")
        if self.minimum is not None and self.balance is None:
            raise ValueError("'minimum' needs 'balance'")
        return self


class PaymentSection(Section):
    """Money that came in. source and reference together name it once and for all."""

    loan: TextValue | None = None
    creditor: TextValue | None = None
    currency: TextValue | None = None
    source: TextValue
    reference: TextValue
    amount: MoneyValue
    paid_on: DateValue
    reversed_on: DateValue | None = None
    reason: TextValue | None = None
    if_unknown: Literal["refuse-row", "suspense"] = "refuse-row"
    if_changed: Literal["refuse-row", "update"] = "refuse-row"


class ReversalSection(Section):
    """A payment taken back, named as the payment is."""

    loan: TextValue | None = None
    creditor: TextValue | None = None
    source: TextValue
    reference: TextValue
    reversed_on: DateValue
    reason: TextValue | None = None


class DebitSection(Section):
    """An instruction to the bank to collect, or what came of one. source and reference name it."""

    loan: TextValue | None = None
    creditor: TextValue | None = None
    currency: TextValue | None = None
    source: TextValue
    reference: TextValue
    number: IntegerValue | None = None
    amount: MoneyValue | None = None
    submitted_on: DateValue | None = None
    wait_days: IntegerValue = IntegerRule(value=3)
    state: TextValue = TextRule(value="submitted")
    result_on: DateValue | None = None
    code: TextValue | None = None
