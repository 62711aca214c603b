"""The files of an audit: every breach as CSV, the figures as JSON."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields
from datetime import date, datetime
from pathlib import Path
from typing import Any

from .figures import Breach, Count, Findings, RuleCount

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write_breaches(path: Path, breaches: Iterable[Breach]) -> int:
    """One line per contact and rule, as UTF-8 with a mark by which a spreadsheet knows it. Answers how many."""
    lines = 0
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([one.name for one in fields(Breach)])
        for breach in breaches:
            writer.writerow([_cell(getattr(breach, one.name)) for one in fields(Breach)])
            lines += 1
    return lines


def _cell(value: object) -> str:
    """As a spreadsheet shows it and does not compute it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.isoformat(" ", "minutes")
    text = str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def as_json(found: Findings) -> dict[str, Any]:
    """The figures for programs; counts of contacts, shares as fractions."""
    return {
        "file": found.file,
        "mapping": found.mapping,
        "rule_set": found.rule_set,
        "packs": dict(found.packs),
        "rows": found.rows,
        "rejected": found.rejected,
        "reject_codes": dict(found.reject_codes),
        "judged": found.all.contacts,
        "not_judged": {"no_region": found.no_region},
        "people": found.people,
        "first_on": _day(found.first_on),
        "last_on": _day(found.last_on),
        "known": {
            "book": found.with_book,
            "people_in_book": found.people_in_book,
            "texts": found.texts,
            "no_loan": found.no_loan,
            "no_product": found.no_product,
            "no_zone": found.no_zone,
            "regions": list(found.regions),
            "regions_without_pack": list(found.unknown_regions),
        },
        "breaches": _count(found.all),
        "withheld": found.all.withheld,
        "unproven": [_rule(one) for one in found.unproven],
        "by_rule": [_rule(one) for one in found.rules],
        "by_channel": [{"channel": key, **_count(count)} for key, count in found.channels.items()],
        "by_agent": [
            {"actor": actor, "agent": agent or None, **_count(count)}
            for (actor, agent), count in found.agents.items()
        ],
        "by_month": [{"month": key, **_count(count)} for key, count in found.months.items()],
        "by_hour": [
            {"weekday": weekday, "hour": hour, **_count(count)}
            for (weekday, hour), count in found.hours.items()
        ],
    }


def _count(count: Count) -> Mapping[str, Any]:
    return {**asdict(count), "share": round(count.share, 6)}


def _rule(one: RuleCount) -> Mapping[str, Any]:
    return {
        key: value.isoformat() if isinstance(value, date) else value for key, value in asdict(one).items()
    }


def _day(day: date | None) -> str | None:
    return day.isoformat() if day else None
