"""How long a record must be kept, and when it must go: the rules P13 of a place, taken together."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import Literal, TypeAlias

from .model import Actor, Retention
from .packs import Packs

Record: TypeAlias = Literal["messages", "recordings", "contacts", "assessments"]


@dataclass(frozen=True, slots=True)
class Keeping:
    """What the rules say of one record.

    keep_until: the last day it must be kept; None when no rule asks for keeping. delete_after: the last day it may be
    kept; None when no rule names one. Where both are said and the second is sooner, keeping goes before. storage_only:
    from the day it has served its purpose, or its erasure was asked for, it is stored and used for nothing.
    rules: the ids of those that speak.
    """

    keep_until: date | None
    delete_after: date | None
    storage_only: bool
    rules: tuple[str, ...]


def keeping(
    packs: Packs,
    region: str | None,
    record: Record,
    last_used_on: date,
    *,
    as_of: date,
    product: str | None = None,
    lender_kinds: Collection[str] | None = None,
    actor: Actor = Actor.CREDITOR,
) -> Keeping:
    """Judge one record by the rules in force on `as_of`; the longest keeping and the shortest limit win.

    last_used_on: the day of the last activity it belongs to, in the recipient's calendar. product, lender_kinds: None
    is not known, so that rules for any product and any lender count. Years end on the same day of the year; 29
    February ends on 1 March, since a record is never kept a day too short.
    """
    least: list[date] = []
    most: list[date] = []
    storage_only = False
    spoke: list[str] = []
    for rule in packs.of_region(region):
        does, looks = rule.does, rule.applies_to
        if not isinstance(does, Retention) or record not in does.records:
            continue
        if not packs.in_force(rule, as_of):
            continue
        if looks.product and product is not None and product not in looks.product:
            continue
        if looks.lender and lender_kinds is not None and not set(looks.lender) & set(lender_kinds):
            continue
        if looks.actor and actor not in looks.actor:
            continue
        spoke.append(rule.id)
        storage_only = storage_only or does.storage_only
        if does.least_years is not None:
            least.append(_years_after(last_used_on, does.least_years))
        if does.most_years is not None:
            most.append(_years_after(last_used_on, does.most_years))
    keep_until = max(least, default=None)
    delete_after = min(most, default=None)
    if keep_until is not None and delete_after is not None:
        delete_after = max(keep_until, delete_after)
    return Keeping(keep_until, delete_after, storage_only, tuple(spoke))


def _years_after(day: date, years: int) -> date:
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return date(day.year + years, 3, 1)
