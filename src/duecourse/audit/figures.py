"""What an audit found: figures by rule, channel, agent, month and hour; examples; and every breach, one by one.

A breach is a contact that a rule would have refused. Three kinds of rule are kept apart: law (levels V1, V2 and K),
drafts that the lender turned on, and policy (conventions that are no law, and the lender's own). What a rule refuses
only because the file can hold no record of a consent or a notice is no breach: it is told as unproven.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
from psycopg.rows import dict_row

from duecourse.book.importing import ImportReport
from duecourse.rules.compiling import RuleBook
from duecourse.rules.packs import Packs
from duecourse.rules.sentences import reasons, rule_says
from duecourse.store.sql import load

from .judging import level_of

SQL = load("audit")
EXAMPLES_EACH = 3


@dataclass(frozen=True, slots=True)
class Count:
    """Judged contacts of one kind, and how many of them were what. law, draft and policy add up to breaches: a contact
    that breaks both a law and a convention stands under law.
    """

    contacts: int = 0
    breaches: int = 0
    law: int = 0
    draft: int = 0
    policy: int = 0
    unproven: int = 0
    withheld: int = 0

    @property
    def share(self) -> float:
        """Breaches of all contacts, 0 to 1."""
        return self.breaches / self.contacts if self.contacts else 0.0


@dataclass(frozen=True, slots=True)
class RuleCount:
    """What one rule refused. contacts: also counted under other rules that refused the same."""

    rule: str
    primitive: str
    level: str
    """As the pack has it: V1, V2, K, draft, policy; book for what is no pack's."""
    kind: str
    """law, draft or policy."""
    binding: bool
    instrument: str
    clause: str
    says_en: str
    says_zh: str
    contacts: int
    people: int
    withheld: int
    first_on: date
    last_on: date


@dataclass(frozen=True, slots=True)
class Breach:
    """One contact that one rule refused. person: the lender's key, else a label of ours; at: the person's time."""

    line: int
    system: str
    reference: str | None
    person: str
    loan: str | None
    at: datetime
    region: str
    channel: str
    purpose: str
    actor: str
    agent: str | None
    party: str
    rule: str
    primitive: str
    kind: str
    level: str
    binding: bool
    instrument: str
    clause: str
    reason_en: str
    reason_zh: str
    proven: bool
    first_allowed: datetime | None
    withheld: bool


@dataclass(frozen=True, slots=True)
class Findings:
    """All figures of an audit."""

    file: str
    mapping: str
    rule_set: str
    packs: Mapping[str, int]
    """Pack to its version."""
    rows: int
    rejected: int
    reject_codes: Mapping[str, int]
    no_region: int
    """Good rows that were not judged, but counted as having happened: nobody knows the region."""
    people: int
    people_in_book: int
    with_book: bool
    first_on: date | None
    last_on: date | None
    no_loan: int
    no_product: int
    no_zone: int
    """Contacts whose zone is not known though their region has several: all of them had to allow it."""
    texts: int
    regions: Sequence[str]
    unknown_regions: Sequence[str]
    """Of those, regions no pack speaks of: judged by what holds everywhere."""
    all: Count
    rules: Sequence[RuleCount]
    unproven: Sequence[RuleCount]
    months: Mapping[str, Count]
    channels: Mapping[str, Count]
    agents: Mapping[tuple[str, str], Count]
    """(actor, agent) to its count, the most breaches first; agent '' where none is given."""
    hours: Mapping[tuple[int, int], Count]
    """(weekday 1 to 7, hour 0 to 23) of the person's own time."""
    examples: Sequence[Breach] = field(default=())


def findings(
    conn: psycopg.Connection, book: RuleBook, report: ImportReport, *, mapping: str, with_book: bool
) -> Findings:
    """Sum up what `judge_contacts` left on this connection."""
    packs = book.packs
    with conn.cursor(row_factory=dict_row) as cursor:
        total = cursor.execute(SQL["totals"]).fetchone() or {}
        counted = cursor.execute(SQL["counts"]).fetchall()
        ruled = cursor.execute(SQL["count_rules"]).fetchall()
        shown = cursor.execute(SQL["examples"], {"each": EXAMPLES_EACH}).fetchall()
    by: dict[str, dict[Any, Count]] = {which: {} for which in ("all", "month", "channel", "agent", "hour")}
    keys = {
        "month": ("month",),
        "channel": ("channel",),
        "agent": ("actor", "agent"),
        "hour": ("weekday", "hour"),
    }
    for row in counted:
        key = tuple(row[name] for name in keys.get(row["which"], ()))
        by[row["which"]][key[0] if len(key) == 1 else key] = Count(*(row[name] for name in Count.__slots__))
    regions = total["regions"] or []
    return Findings(
        file=report.file,
        mapping=mapping,
        rule_set=book.version,
        packs={pack.pack: pack.version for pack in packs.packs},
        rows=report.rows,
        rejected=report.rejected,
        reject_codes=dict(sorted(report.codes.items())),
        no_region=total["no_region"],
        people=total["people"],
        people_in_book=total["people_in_book"],
        with_book=with_book,
        first_on=total["first_on"],
        last_on=total["last_on"],
        no_loan=total["no_loan"],
        no_product=total["no_product"],
        no_zone=sum(count for region, count in _zoneless(conn) if len(book.zones_of(region)) > 1),
        texts=total["texts"],
        regions=regions,
        unknown_regions=[region for region in regions if not packs.knows(region)],
        all=by["all"].get((), Count()),
        rules=[_rule_count(packs, row) for row in ruled if row["proven"]],
        unproven=[_rule_count(packs, row) for row in ruled if not row["proven"]],
        months=by["month"],
        channels=by["channel"],
        agents=dict(sorted(by["agent"].items(), key=lambda one: (-one[1].breaches, one[0]))),
        hours=by["hour"],
        examples=[_breach(packs, row) for row in shown],
    )


def breaches(conn: psycopg.Connection, packs: Packs) -> Iterator[Breach]:
    """Every breach in the order of the file, a few thousand at a time."""
    with conn.transaction(), conn.cursor("audit_breaches", row_factory=dict_row) as cursor:
        cursor.itersize = 5_000
        for row in cursor.execute(SQL["breaches"]):
            yield _breach(packs, row)


def _zoneless(conn: psycopg.Connection) -> list[tuple[str, int]]:
    return conn.execute(SQL["zoneless"]).fetchall()


def _about(packs: Packs, rule: str) -> tuple[str, bool, str, str]:
    """Level, whether it binds, instrument and clause."""
    known = packs.rules.get(rule)
    if known is None:
        return "book", True, "", ""
    return str(known.level), known.binding, known.source.instrument, known.source.clause


def _rule_count(packs: Packs, row: Mapping[str, Any]) -> RuleCount:
    level, binding, instrument, clause = _about(packs, row["rule"])
    en, zh = rule_says(packs, row["rule"])
    return RuleCount(
        row["rule"], row["primitive"], level, level_of(packs, row["rule"]), binding, instrument, clause, en, zh,
        row["contacts"], row["people"], row["withheld"], row["first_on"], row["last_on"],
    )  # fmt: skip


def _breach(packs: Packs, row: Mapping[str, Any]) -> Breach:
    level, binding, instrument, clause = _about(packs, row["rule"])
    zone = ZoneInfo(row["clock"])
    [reason] = reasons(packs, [row], zone)
    return Breach(
        line=row["line"],
        system=row["system"],
        reference=row["reference"],
        person=row["person"],
        loan=row["loan_ref"],
        at=row["at"].astimezone(zone),
        region=row["region"],
        channel=row["channel"],
        purpose=row["purpose"],
        actor=row["actor"],
        agent=row["agent"],
        party=row["party"],
        rule=row["rule"],
        primitive=row["primitive"],
        kind=level_of(packs, row["rule"]),
        level=level,
        binding=binding,
        instrument=instrument,
        clause=clause,
        reason_en=reason.en,
        reason_zh=reason.zh,
        proven=row["proven"],
        first_allowed=row["opens_at"].astimezone(zone) if row["opens_at"] else None,
        withheld=row["withheld"],
    )
