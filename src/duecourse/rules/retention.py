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


@dataclass(frozen=True, slots=True)
class Periods:
    """The years of keeping that rules ask for and allow, counted from the last activity; None where none says.

    least_rule, most_rule: which say so, '' for none. rules: all that speak.
    """

    least_years: int | None
    most_years: int | None
    storage_only: bool
    least_rule: str
    most_rule: str
    rules: tuple[str, ...]


def periods(
    packs: Packs,
    region: str | None,
    record: Record,
    *,
    as_of: date,
    product: str | None = None,
    lender_kinds: Collection[str] | None = None,
    actor: Actor = Actor.CREDITOR,
    purpose: str | None = None,
    channel: str | None = None,
) -> Periods:
    """The periods of one kind of record by the rules in force on `as_of`: the longest least, the shortest most.

    product, lender_kinds, purpose, channel: None is not known, so that rules for any of them count. What must be kept
    is kept whatever a message was for: a reminder is part of a collection's file. A limit holds for its purpose alone.
    """
    spoke = []
    for rule in packs.of_region(region):
        looks = rule.applies_to
        if not isinstance(rule.does, Retention) or record not in rule.does.records:
            continue
        if (
            packs.in_force(rule, as_of)
            and (not looks.product or product is None or product in looks.product)
            and (not looks.lender or lender_kinds is None or set(looks.lender) & set(lender_kinds))
            and (not looks.actor or actor in looks.actor)
        ):
            exactly = (not looks.purpose or purpose is None or purpose in looks.purpose) and (
                not looks.channel or channel is None or channel in looks.channel
            )
            spoke.append((rule.id, rule.does, exactly))
    least = [(does.least_years, id_) for id_, does, _ in spoke if does.least_years is not None]
    most = [(does.most_years, id_) for id_, does, exactly in spoke if exactly and does.most_years is not None]
    longest, least_rule = max(least, default=(None, ""))
    shortest, most_rule = min(most, default=(None, ""))
    return Periods(
        longest,
        shortest,
        any(does.storage_only for _, does, _ in spoke),
        least_rule,
        most_rule,
        tuple(id_ for id_, _, _ in spoke),
    )


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

    last_used_on: the day of the last activity it belongs to, in the recipient's calendar; the rest as in periods. Years
    end on the same day of the year; 29 February ends on 1 March, since a record is never kept a day too short.
    """
    found = periods(
        packs, region, record, as_of=as_of, product=product, lender_kinds=lender_kinds, actor=actor
    )
    keep_until = None if found.least_years is None else _years_after(last_used_on, found.least_years)
    delete_after = None if found.most_years is None else _years_after(last_used_on, found.most_years)
    if keep_until is not None and delete_after is not None:
        delete_after = max(keep_until, delete_after)
    return Keeping(keep_until, delete_after, found.storage_only, found.rules)


def _years_after(day: date, years: int) -> date:
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return date(day.year + years, 3, 1)
