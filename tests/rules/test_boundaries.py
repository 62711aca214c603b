"""For each shipped rule: cases that it refuses and cases that it does not, on which the oracle agrees.

And no parameter of any rule can be changed without one of them coming out otherwise.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from functools import cache
from typing import Any, Literal, get_args, get_origin, get_type_hints

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from pydantic import BaseModel

from duecourse.content.texts import Spoken, text_refusals
from duecourse.domain.messaging import Channel, Purpose
from duecourse.rules import model
from duecourse.rules.compiling import HORIZON_DAYS, compile_rule, shipped
from duecourse.rules.scenarios import Scenario, judge_scenarios
from duecourse.rules.word_lists import word_list_names
from duecourse.store.connect import Store
from rule_cases import NOT_JUDGED, cases_of
from rule_oracle import Oracle

PACKS = shipped().packs
JUDGED = [rule for rule in PACKS.rules.values() if rule.does.primitive not in NOT_JUDGED]
OF_TEXTS = ("P8", "P9", "P17")
EXPLAINED = {
    # Shown or planned, and judged nowhere: see the model's own words.
    "within_days", "confirmation_minutes", "assessment", "figures", "fields",
    # Where a rule looks at everything, adding one value to nothing is another rule, and tried; these say no more.
    "note",
}  # fmt: skip


@cache
def cases(rule_id: str) -> tuple[Scenario, ...]:
    """The scenarios of a rule, each once."""
    told = {json.dumps(one, sort_keys=True, default=str) for one in cases_of(PACKS, PACKS.rules[rule_id])}
    return tuple(Scenario.model_validate(json.loads(one)) for one in sorted(told))


@pytest.fixture(scope="module")
def database(server_conninfo: str, _template: str) -> Iterator[psycopg.Connection]:
    """One for all: nothing is written."""
    conninfo = make_conninfo(server_conninfo, dbname=_template)
    with Store(conninfo, None) as store, store.connect(idle_in_transaction_seconds=0) as connection:
        yield connection


class Alone:
    """Rules that hold by themselves, each in a region of its own: what judge_scenarios asks of a RuleBook."""

    packs = PACKS

    def __init__(self, rules: Mapping[str, model.Rule], pack: model.Pack) -> None:
        rows = []
        for place, (region, rule) in enumerate(rules.items()):
            rows.append(
                compile_rule(pack, rule)
                | {"regions": [region], "except_regions": None, "fallback": False, "place": place}
            )
        self.parameters = {
            "rules": json.dumps(rows, default=str),
            "region_zones": '{"*": ["UTC"]}',
            "within": "{}",
            "rule_set": "",
            "lender_kinds": None,
            "horizon_days": HORIZON_DAYS,
        }

    def zones_of(self, region: str) -> list[str]:
        """Never asked: every case says its zone."""
        raise AssertionError(region)


def outcomes(
    conn: psycopg.Connection, rules: list[model.Rule], told: tuple[Scenario, ...]
) -> list[list[tuple[bool, Any]]]:
    """For each rule by itself, what becomes of each case: refused or not, and when not any more."""
    if rules[0].does.primitive in OF_TEXTS:
        return [[(_text_refused(rule, one), None) for one in told] for rule in rules]
    regions = {f"ZZ-{place:03d}": rule for place, rule in enumerate(rules)}
    book = Alone(regions, PACKS.pack_of[rules[0].id] if rules[0].id in PACKS.pack_of else PACKS.packs[0])
    asked = [one.model_copy(update={"region": region}) for region in regions for one in told]
    answers = judge_scenarios(conn, book, asked)  # type: ignore[arg-type]
    found = [
        (not answer.allow or _text_refused(rules[place // len(told)], one), answer.not_before)
        for place, (one, answer) in enumerate(zip(asked, answers, strict=True))
    ]
    return [found[at : at + len(told)] for at in range(0, len(found), len(told))]


def _text_refused(rule: model.Rule, one: Scenario) -> bool:
    if one.text is None or not Oracle(PACKS, one)._looks(rule.applies_to) or not _on(rule, one):
        return False
    spoken = Spoken(
        channel=one.channel,
        text=one.text,
        subject=one.subject,
        institution=one.institution,
        contact=one.contact,
        name=one.name,
        language=one.language,
        reads=one.recipient_language,
        first=not one.history,
        voicemail=one.voicemail,
    )
    return bool(text_refusals([rule], spoken))


def _on(rule: model.Rule, one: Scenario) -> bool:
    return (rule.effective_from or date.min) <= one.now.date() <= (rule.effective_to or date.max)


@pytest.mark.parametrize("rule", JUDGED, ids=lambda rule: rule.id)
def test_a_rule_refuses_some_case_and_lets_another_pass_and_the_oracle_agrees(
    database: psycopg.Connection, rule: model.Rule
) -> None:
    told = cases(rule.id)
    refused = [no for no, _ in outcomes(database, [rule], told)[0]]
    if only_shown(rule):
        assert not any(refused)  # figures that are shown, for a provider to be configured by
        return
    assert any(refused) and not all(refused)
    if rule.does.primitive not in (*OF_TEXTS, "P16"):
        expected = []
        for one in told:
            oracle = Oracle(PACKS, one)
            looks = oracle._looks(rule.applies_to)
            expected.append(looks and _on_any(rule, oracle) and oracle._refuses(rule, one.now))
        assert refused == expected


def _on_any(rule: model.Rule, oracle: Oracle) -> bool:
    days = [oracle.now.astimezone(zone).date() for zone in oracle.zones]
    return any((rule.effective_from or date.min) <= day <= (rule.effective_to or date.max) for day in days)


@pytest.mark.parametrize("rule", JUDGED, ids=lambda rule: rule.id)
def test_no_parameter_of_a_rule_can_change_unnoticed(database: psycopg.Connection, rule: model.Rule) -> None:
    if only_shown(rule):
        return
    told = cases(rule.id)
    mutants = [(what, mutant) for what, mutant in mutants_of(rule) if not means_the_same(rule, mutant)]
    ours, *theirs = outcomes(database, [rule, *(mutant for _, mutant in mutants)], told)
    unnoticed = [what for (what, _), each in zip(mutants, theirs, strict=True) if each == ours]
    assert unnoticed == []


def only_shown(rule: model.Rule) -> bool:
    """Figures for people to configure a provider by, and an assessment that is reported on."""
    does = rule.does
    if isinstance(does, model.Automated) and not does.refusal:
        return True
    return isinstance(does, model.ChannelLimit) and not (
        does.most_characters or does.most_octets or does.reserved
    )


def means_the_same(rule: model.Rule, mutant: model.Rule) -> bool:
    """Whether the change is none: what it adds or takes away is implied by the rest."""
    was, now, looks = rule.does, mutant.does, rule.applies_to
    if (
        isinstance(was, model.Hold)
        and isinstance(now, model.Hold)
        and was.kinds == now.kinds
        and was.days == now.days
    ):
        asked = set(looks.purpose or Purpose)
        if looks.purpose and not mutant.applies_to.purpose:
            return set(Purpose) - asked <= set(was.lets_pass)
        changed = set(was.lets_pass) ^ set(now.lets_pass)
        return bool(changed) and not changed & asked
    if isinstance(was, model.Cap) and isinstance(now, model.Cap) and was.most == now.most == 1:
        units = {was.unit, now.unit}
        return units == {"attempt", "message"} or _compiled_alike(
            rule, mutant
        )  # one message took an attempt at least
    if isinstance(was, model.Sender) and isinstance(now, model.Sender):
        return bool(was.number_series) and was.shown != now.shown  # a hidden number is of no series
    if (
        isinstance(was, model.ContactWindow)
        and isinstance(now, model.ContactWindow)
        and was.holidays != now.holidays
    ):
        return "*" in PACKS.pack_of[rule.id].regions  # there is no calendar of everywhere
    if isinstance(was, model.MustNotSay | model.MustSay) and isinstance(
        now, model.MustNotSay | model.MustSay
    ):
        parts = set(was.parts) ^ set(now.parts)
        both = set(was.parts) & set(now.parts)
        reached = set(looks.channel or Channel)
        # What is pushed, and an e-mail's subject, are text and subject too; an envelope's line is a letter's subject.
        return (
            (parts == {"lock-screen"} and ({"text", "subject"} <= both or not reached & {"email", "app", "webpush"}))
            or (parts == {"envelope"} and ("subject" in both or "letter" not in reached))
        )  # fmt: skip
    return rule.does.primitive not in OF_TEXTS and _compiled_alike(rule, mutant)


def _compiled_alike(rule: model.Rule, mutant: model.Rule) -> bool:
    pack = PACKS.pack_of[rule.id]
    return compile_rule(pack, rule) == compile_rule(pack, mutant)


def mutants_of(rule: model.Rule) -> Iterator[tuple[str, model.Rule]]:
    """The rule with one parameter changed, in every way that its type allows nearby."""
    for name in type(rule.does).model_fields:
        if name in ("primitive", *EXPLAINED):
            continue
        for value in _nearby(type(rule.does), name, getattr(rule.does, name)):
            yield (
                f"{name}: {value}",
                rule.model_copy(update={"does": rule.does.model_copy(update={name: value})}),
            )
    for name in type(rule.applies_to).model_fields:
        was = getattr(rule.applies_to, name)
        for value in _fewer(was):
            if value:  # none at all is every one, which is tried as well
                yield (
                    f"applies_to.{name}: {value}",
                    rule.model_copy(update={"applies_to": rule.applies_to.model_copy(update={name: value})}),
                )
        if was and name != "product":
            yield (
                f"applies_to.{name}: ()",
                rule.model_copy(update={"applies_to": rule.applies_to.model_copy(update={name: ()})}),
            )
    for name in ("effective_from", "effective_to"):
        if was := getattr(rule, name):
            for days in (-1, 1):
                yield f"{name} {days}", rule.model_copy(update={name: was + timedelta(days=days)})


def _nearby(of: type[BaseModel], name: str, was: Any) -> Iterator[Any]:
    if isinstance(was, bool):
        yield not was
    elif isinstance(was, int):
        yield was + 1
        if was > (0 if name in ("wait_days",) else 1):
            yield was - 1
    elif name == "openings":
        yield from _openings(was)
    elif isinstance(was, tuple):
        yield from _fewer(was)
        yield from ((*was, more) for more in _others(of, name, was))
    elif isinstance(was, str):
        yield from (other for other in _others(of, name, (was,)))


def _openings(was: tuple[model.Opening, ...]) -> Iterator[tuple[model.Opening, ...]]:
    for place, one in enumerate(was):
        for edge in ("start", "end"):
            clock = datetime.combine(date(2026, 1, 1), getattr(one, edge))
            for minutes in (-1, 1):
                moved: time = (clock + timedelta(minutes=minutes)).time()
                yield (*was[:place], one.model_copy(update={edge: moved}), *was[place + 1 :])
        for day in one.days:
            fewer = tuple(other for other in one.days if other != day)
            yield (*was[:place], one.model_copy(update={"days": fewer}), *was[place + 1 :])


def _fewer(was: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    for one in was:
        yield tuple(other for other in was if other != one)


def _others(of: type[BaseModel], name: str, was: tuple[Any, ...]) -> list[Any]:
    """What else could stand there, by the model's own types."""
    if name == "words":
        return sorted(word_list_names() - set(was))
    hint = get_type_hints(of)[name]
    inner = (
        next((arg for arg in get_args(hint) if arg is not Ellipsis), hint)
        if get_origin(hint) is tuple
        else hint
    )
    if get_origin(inner) is Literal:
        return [value for value in get_args(inner) if value not in was]
    if isinstance(inner, type) and issubclass(inner, StrEnum):
        return [value for value in inner if value not in was]
    return []
