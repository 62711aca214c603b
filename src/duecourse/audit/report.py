"""The report of an audit: one HTML file that needs nothing else, in English or Chinese, with charts drawn as SVG."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, partial
from typing import Literal

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from .figures import Count, Findings, RuleCount
from .words import DAYS, said, stored

AGENTS_SHOWN = 20
BARS_DRAWN = 12
Language = Literal["en", "zh"]


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of a chart: parts as fractions of the longest bar."""

    label: str
    law: float
    draft: float
    policy: float
    figure: str


@dataclass(frozen=True, slots=True)
class Cell:
    """One hour of the week. heat: 0 to 1, of the hour with the most breaches."""

    weekday: int
    hour: int
    heat: float
    count: Count


def render(found: Findings, language: Language) -> str:
    """The whole page. Holds the lender's keys of people and nothing else of them."""
    say = partial(said, language=language)
    agents = list(found.agents.items())[:AGENTS_SHOWN]
    return _template().render(
        f=found,
        language=language,
        say=say,
        word=partial(stored, language=language),
        days=[getattr(day, language) for day in DAYS],
        months=_count_bars((month, count) for month, count in found.months.items()),
        channels=_count_bars((stored(name, language), count) for name, count in found.channels.items()),
        agents=agents,
        agent_bars=_count_bars((_who(one, language), count) for one, count in agents[:BARS_DRAWN]),
        who=partial(_who, language=language),
        rules=_rule_bars(found.rules[:BARS_DRAWN]),
        cells=_cells(found),
        says=lambda one: getattr(one, f"says_{language}"),
        why=lambda one: getattr(one, f"reason_{language}"),
        codes=", ".join(f"{code} {_number(count)}" for code, count in found.reject_codes.items()),
        packs=", ".join(f"{name} {version}" for name, version in found.packs.items()),
    )


@cache
def _template() -> Template:
    made = Environment(
        loader=PackageLoader("duecourse.audit", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["number"] = _number
    made.filters["percent"] = _percent
    return made.get_template("report.html.j2")


def _who(one: tuple[str, str], language: Language) -> str:
    """Actor and agent in one."""
    actor, agent = one
    return f"{stored(actor, language)} · {agent or said('no_agent', language)}"


def _number(count: int) -> str:
    return f"{count:,}"


def _percent(fraction: float) -> str:
    """One decimal place, two below one per cent; nothing that is some is shown as none."""
    if fraction == 0:
        return "0%"
    if fraction < 0.0001:
        return "<0.01%"
    return f"{fraction:.2%}" if fraction < 0.01 else f"{fraction:.1%}"


def _count_bars(counts: Iterable[tuple[str, Count]]) -> list[Bar]:
    listed = list(counts)
    most = max((count.breaches for _, count in listed), default=0) or 1
    return [
        Bar(label, count.law / most, count.draft / most, count.policy / most, _number(count.breaches))
        for label, count in listed
    ]


def _rule_bars(rules: Iterable[RuleCount]) -> list[Bar]:
    listed = list(rules)
    most = max((one.contacts for one in listed), default=0) or 1
    return [
        Bar(
            one.rule,
            law=one.contacts / most if one.kind == "law" else 0.0,
            draft=one.contacts / most if one.kind == "draft" else 0.0,
            policy=one.contacts / most if one.kind == "policy" else 0.0,
            figure=_number(one.contacts),
        )
        for one in listed
    ]


def _cells(found: Findings) -> list[Cell]:
    most = max((count.breaches for count in found.hours.values()), default=0) or 1
    return [
        Cell(weekday, hour, count.breaches / most, count)
        for weekday in range(1, 8)
        for hour in range(24)
        for count in [found.hours.get((weekday, hour), Count())]
    ]
