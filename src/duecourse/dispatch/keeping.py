"""Erasing what has been kept long enough: words and addresses nobody uses, by the rules P13 of each place.

What the rules ask to keep is never touched; what they allow to be kept no longer goes, unless something open (a message
under way, a dispute) still wants it. Proofs stay whole: of a text its keyed digest, of an attempt its whole history.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

import psycopg
from psycopg.rows import dict_row

from duecourse.rules.model import Actor
from duecourse.rules.packs import Packs
from duecourse.rules.retention import Periods, Record, periods
from duecourse.store.lease import LANES
from duecourse.store.sql import Statements, load

SQL = load("dispatch/keeping")
POINTS = load("book/keeping")

LANES_AT_ONCE = 16
"""Lanes erased in one transaction: what was erased stays so when a later chunk fails."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Something that goes when its time is over. record: of P13. statements has NOUN_kinds, count_NOUNs, erase_NOUNs.

    and_replies: what is erased are answers; those that came as replies are told of, and erased there too.
    """

    name: str
    record: Record
    statements: Statements
    noun: str
    and_replies: bool = False


TEXTS: Final = Subject("texts", "messages", SQL, "text")
"""Of messages."""
ADDRESSES: Final = Subject("addresses", "contacts", POINTS, "point")
"""Of retired contact points."""


@dataclass(slots=True)
class Kept:
    """What there is of one kind, and what becomes of it.

    must: not erased before their shortest keeping is over. over: past their longest. wanted: of these those that
    something open still wants. erased: taken away by this run, or by one that is no dry run. purpose, actor: of texts.
    """

    subject: str
    region: str
    product: str
    channel: str
    purpose: str
    actor: str
    periods: Periods
    count: int = 0
    must: int = 0
    over: int = 0
    wanted: int = 0
    erased: int = 0


def erase(
    conn: psycopg.Connection,
    packs: Packs,
    *,
    by: str,
    as_of: date,
    now: datetime,
    dry_run: bool = False,
    subjects: Sequence[Subject] = (TEXTS, ADDRESSES),
    on_progress: Callable[[int], None] = lambda lanes_done: None,
) -> list[Kept]:
    """Take away what is past its longest keeping, some lanes at a time; answers with every kind of record there was.

    by: who decided so; it stands in the history of each attempt, answer and contact point. as_of: the lender's date.
    Again, it finds nothing to do; after a crash it goes on. subjects: texts before the addresses they went to.
    dry_run: the same statements run and are rolled back.
    """
    found: list[Kept] = []
    given = {"as_of": as_of, "now": now, "by": by}
    for lanes in _chunks():
        with conn.transaction(force_rollback=dry_run):
            for subject in subjects:
                found += _erased(conn, packs, subject, given | {"lanes": lanes})
        on_progress(len(lanes))
    return _merged(found)


def _chunks() -> Iterator[list[int]]:
    for start in range(0, LANES, LANES_AT_ONCE):
        yield list(range(start, min(start + LANES_AT_ONCE, LANES)))


def _erased(conn: psycopg.Connection, packs: Packs, subject: Subject, given: dict[str, Any]) -> list[Kept]:
    statements, noun = subject.statements, subject.noun
    with conn.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(statements[f"{noun}_kinds"], given).fetchall()
    kinds = [_kind(packs, subject, row, given["as_of"]) for row in rows]
    if not kinds:
        return []
    given = given | _parameters(kinds)
    for place, there, must, over, wanted in conn.execute(statements[f"count_{noun}s"], given):
        kind = kinds[place - 1]
        kind.count, kind.must, kind.over, kind.wanted = there, must, over, wanted
    if any(kind.over > kind.wanted for kind in kinds):
        for place, gone, *replies in conn.execute(statements[f"erase_{noun}s"], given).fetchall():
            kinds[place - 1].erased = gone
            if subject.and_replies and replies[0]:
                ids = {"lanes": [one.bytes[0] for one in replies[0]], "reply_ids": replies[0]}
                conn.execute(SQL["erase_replies"], ids)
    return kinds


def _kind(packs: Packs, subject: Subject, row: dict[str, Any], as_of: date) -> Kept:
    actor = str(row.get("actor") or Actor.CREDITOR)
    found = periods(
        packs,
        row["region"] or None,
        subject.record,
        as_of=as_of,
        product=row["product"] or None,
        actor=Actor(actor),
        purpose=row.get("purpose"),
        channel=row["channel"],
    )
    return Kept(
        subject.name, row["region"], row["product"], row["channel"], row.get("purpose") or "", actor, found
    )


def _parameters(kinds: Sequence[Kept]) -> dict[str, Any]:
    return {
        "regions": [kind.region for kind in kinds],
        "products": [kind.product for kind in kinds],
        "purposes": [kind.purpose for kind in kinds],
        "channels": [kind.channel for kind in kinds],
        "actors": [kind.actor for kind in kinds],
        "leasts": [kind.periods.least_years for kind in kinds],
        "mosts": [kind.periods.most_years for kind in kinds],
        "most_rules": [kind.periods.most_rule for kind in kinds],
    }


def _merged(found: Sequence[Kept]) -> list[Kept]:
    """The same kind of several lanes is one."""
    totals: dict[tuple[str, ...], Kept] = {}
    for kind in found:
        key = (kind.subject, kind.region, kind.product, kind.channel, kind.purpose, kind.actor)
        if key not in totals:
            totals[key] = kind
            continue
        total = totals[key]
        for name in ("count", "must", "over", "wanted", "erased"):
            setattr(total, name, getattr(total, name) + getattr(kind, name))
    return sorted(
        totals.values(), key=lambda kind: (kind.subject != "texts", kind.subject, kind.region, kind.product)
    )
