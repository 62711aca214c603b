"""The `early_settlement:` section of a policy file: on which terms borrowers are quoted what ends a loan early."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from .early_terms import EarlySettlement
from .reading import Section, percent_of, shown

MOST_PERCENT: Final = 10
MOST_MONTHS: Final = 360
MOST_DAYS: Final = 31


def parse_early_settlement(top: Section) -> EarlySettlement | None:
    """None when the policy has no such section; faults P103, P475 (a fee) and P476 (months of no fee)."""
    under = top.section("early_settlement", "early_settlement")
    if under is None:
        return None
    usual = EarlySettlement()
    fee = _fee(under)
    months = under.integer("fee_months", MOST_MONTHS, 1, MOST_MONTHS) if under.has("fee_months") else None
    if months is not None and not fee and not under.has("fee"):
        under.fault("P476", "fee_months", "fee_months: there is no fee; give fee, or leave this out")
    days = under.integer("valid_days", usual.valid_days, 0, MOST_DAYS)
    under.finish()
    return EarlySettlement(fee_percent=fee, fee_months=months, valid_days=days)


def early_in_words(terms: EarlySettlement | None) -> str:
    """Who may be quoted, and at which fee."""
    if terms is None:
        return "a person computes it"
    fee = "no fee"
    if terms.fee_percent:
        fee = f"a fee of {terms.fee_percent.normalize():f} % of the principal"
        fee += f" in the first {terms.fee_months} months" if terms.fee_months else ""
    return f"{fee}; for today and {terms.valid_days}d ahead"


def _fee(under: Section) -> Decimal:
    value = under.take("fee")
    if value is None:
        return Decimal(0)
    percent = percent_of(value)
    if percent is None or not 0 <= percent <= MOST_PERCENT:
        under.fault("P475", "fee", f"fee: expected a share from 0% to {MOST_PERCENT}%, found {shown(value)}")
        return Decimal(0)
    return percent
