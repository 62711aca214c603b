"""Days past due, counted three ways that are kept apart: by the contract, by the lender's strategy, for the bureau.

All are counted from the oldest installment that is unpaid on a day. A pause is a span of days that do not count.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Literal, TypeAlias

Standing: TypeAlias = Literal["day", "month-end"]
PausesLeftOut: TypeAlias = Literal["none", "deferrals", "all"]


@dataclass(frozen=True, slots=True)
class Pause:
    """Days of a loan that do not count, both ends included.

    deferral: the contract itself was put off. Then contractual days pause too; else only the lender's strategy does.
    """

    from_on: date
    to_on: date
    deferral: bool = False

    def __post_init__(self) -> None:
        if self.to_on < self.from_on:
            raise ValueError(f"a pause ends on {self.to_on}, before it begins")


@dataclass(frozen=True, slots=True)
class BureauRule:
    """How a lender counts what it reports to a credit bureau. The default is the contract's own count."""

    count_from: Literal["due", "grace"] = "due"
    """The due day, or the end of grace."""
    from_days: int = 1
    """Fewer days than these are reported as none."""
    stand: Standing = "day"
    """The day asked, or the last month's end on or before it: what bureaus that are told once a month hold."""
    pauses: PausesLeftOut = "deferrals"
    """Which pauses do not count."""
    minimum_minor: Mapping[str, int] = field(default_factory=dict)
    """By currency: a loan with less past due than this is reported as none."""

    def standing_day(self, as_of: date) -> date:
        """The day whose standing is reported on as_of."""
        return as_of if self.stand == "day" else month_end_on_or_before(as_of)


@dataclass(frozen=True, slots=True)
class PastDue:
    """What is unpaid on a day: since when, with which grace, and how much of it is past its day."""

    since: date
    grace_days: int = 0
    amount_minor: int = 0
    currency: str = ""


@dataclass(frozen=True, slots=True)
class Counters:
    """Whole days, each 0 when nothing is past due. strategy is never above contractual."""

    contractual: int = 0
    strategy: int = 0
    bureau: int = 0


def counters(
    as_of: date,
    oldest: PastDue | None,
    pauses: Iterable[Pause] = (),
    *,
    rule: BureauRule | None = None,
    stood: PastDue | None = None,
) -> Counters:
    """The three counters of a loan on a day.

    oldest: what is unpaid on as_of, None if nothing. stood: what was unpaid on `rule.standing_day(as_of)`; the same
    as oldest where the bureau is told daily. rule None: the default rule. pauses must not overlap.
    The due day itself is day 0, the day after is 1. With 5 days of grace the sixth day after is strategy day 1.
    """
    rule = rule or BureauRule()
    known = list(pauses)
    contractual = strategy = 0
    if oldest is not None:
        contractual = counted_days(oldest.since, as_of, [p for p in known if p.deferral])
        strategy = counted_days(oldest.since + timedelta(oldest.grace_days), as_of, known)
    return Counters(contractual, strategy, _bureau(as_of, stood, known, rule))


def _bureau(as_of: date, stood: PastDue | None, pauses: list[Pause], rule: BureauRule) -> int:
    if stood is None or stood.amount_minor < rule.minimum_minor.get(stood.currency, 0):
        return 0
    left_out = [p for p in pauses if rule.pauses == "all" or (rule.pauses == "deferrals" and p.deferral)]
    begins = stood.since + timedelta(stood.grace_days if rule.count_from == "grace" else 0)
    days = counted_days(begins, rule.standing_day(as_of), left_out)
    return days if days >= rule.from_days else 0


def counted_days(since: date, until: date, pauses: Iterable[Pause] = ()) -> int:
    """Days after `since` through `until` that no pause takes out; 0 when `until` is not after `since`.

    pauses must not overlap.
    """
    days = (until - since).days
    if days <= 0:
        return 0
    first = since + timedelta(1)
    return days - sum(max(0, (min(p.to_on, until) - max(p.from_on, first)).days + 1) for p in pauses)


def paused_grace(due_on: date, grace_days: int, pauses: Iterable[Pause]) -> int:
    """Grace in calendar days when paused days do not use it up: a pause within grace, or right after it, extends it.

    The day after it is the first that counts. pauses must not overlap. Raises ValueError for negative grace.
    """
    if grace_days < 0:
        raise ValueError("grace_days must not be negative")
    extended = grace_days
    for pause in sorted(pauses, key=lambda one: one.from_on):
        first = max(pause.from_on, due_on + timedelta(1))
        if first <= pause.to_on and first <= due_on + timedelta(extended + 1):
            extended += (pause.to_on - first).days + 1
    return extended


def month_end_on_or_before(day: date) -> date:
    """The day itself if it ends its month, else the last day of the month before."""
    tomorrow = day + timedelta(1)
    return tomorrow.replace(day=1) - timedelta(1)
