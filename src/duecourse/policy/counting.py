"""How a policy counts days past due: its buckets, and the lender's rule for the bureau."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from psycopg import sql
from ruamel.yaml.comments import CommentedSeq

from duecourse.book.counting import CountingRules
from duecourse.domain.buckets import DEFAULT_BUCKETS, MAX_DAYS, check_bounds
from duecourse.domain.days_past_due import BureauRule
from duecourse.domain.money import MoneyError, to_minor

from .conditions import condition_sql
from .model import Bureau, Policy
from .reading import Section, is_whole, shown


def read_buckets(top: Section) -> tuple[int, ...]:
    """The last days of a policy's buckets; faults P120 go to the section's list."""
    value = top.take("buckets")
    if value is None:
        return DEFAULT_BUCKETS
    bounds = list(value) if isinstance(value, CommentedSeq) else []
    try:
        if not all(is_whole(bound) for bound in bounds):
            raise ValueError(f"buckets: expected whole days, e.g. [7, 15, 30, 60, 90], found {shown(value)}")
        check_bounds(bounds)
    except ValueError as error:
        top.fault("P120", "buckets", str(error))
        return DEFAULT_BUCKETS
    return tuple(int(bound) for bound in bounds)


def read_bureau(top: Section) -> Bureau:
    """The rule by which the bureau is told; faults P103 and P121 go to the section's list."""
    under = top.section("bureau", "bureau")
    if under is None:
        return Bureau()
    count_from = under.choice("count_from", ["due", "grace"], default="due")
    from_days = under.integer("from_days", 1, 1, MAX_DAYS)
    stand = under.choice("stand", ["day", "month-end"], default="day")
    pauses = under.choice("pauses", ["none", "deferrals", "all"], default="deferrals")
    minimum = _minimum(under)
    under.finish()
    return Bureau.model_validate(
        {
            "count_from": count_from,
            "from_days": from_days,
            "stand": stand,
            "pauses": pauses,
            "minimum": minimum,
        }
    )


def _minimum(under: Section) -> dict[str, Decimal]:
    amounts = under.section("minimum", "bureau minimum")
    found: dict[str, Decimal] = {}
    for currency in amounts.content if amounts else ():
        value = amounts.take(currency) if amounts else None
        try:
            amount = Decimal(str(value)) if is_whole(value) or isinstance(value, Decimal) else Decimal("NaN")
            if to_minor(amount, str(currency)) < 0:
                raise MoneyError("is below zero")
        except MoneyError as error:
            under.fault("P121", "minimum", f"minimum of {shown(currency)}: {shown(value)} {error}")
        else:
            found[str(currency)] = amount
    return found


def counting_rules(policies: Iterable[Policy]) -> CountingRules:
    """Which policy counts which loan: of those that apply, that of the highest priority, then by name.

    A loan that none applies to is counted by the default rule and buckets.
    """
    ordered = sorted(policies, key=lambda policy: (-policy.priority, policy.name))
    if not ordered:
        return CountingRules()
    parameters: dict[str, Any] = {}
    branches: list[sql.Composable] = []
    for place, policy in enumerate(ordered, start=1):
        applies, more = condition_sql(policy.applies_to, prefix=f"counts{place}_")
        parameters |= more
        branches.append(sql.SQL("WHEN {} THEN {} ").format(applies, sql.Literal(place)))
    otherwise = sql.Literal(len(ordered) + 1)
    return CountingRules(
        [*(policy.bureau.rule() for policy in ordered), BureauRule()],
        [*(policy.buckets for policy in ordered), DEFAULT_BUCKETS],
        sql.SQL("CASE {}ELSE {} END").format(sql.Composed(branches), otherwise),
        parameters,
    )
