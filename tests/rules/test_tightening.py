"""Tighter means: whatever the new rule allows, the old one allows too."""

from __future__ import annotations

from datetime import date, time, timedelta
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from duecourse.rules.diff import diff_packs
from duecourse.rules.model import (
    Cap,
    ContactWindow,
    CoolOff,
    MustNotSay,
    Opening,
    Pack,
    Primitive,
    Recipient,
    Rule,
    Strict,
    Weekday,
)
from duecourse.rules.packs import shipped_packs
from duecourse.rules.tightening import is_tighter, open_minutes, opening_minutes

SHIPPED = [rule for pack in shipped_packs() for rule in pack.rules]
MODELS: dict[str, type[Strict]] = {
    get_args(model.model_fields["primitive"].annotation)[0]: model
    for model in get_args(get_args(Primitive)[0])
}

days = st.lists(st.sampled_from(get_args(Weekday)), min_size=1, unique=True).map(tuple)
times = st.integers(0, 23).map(time)


@st.composite
def windows(draw: st.DrawFn) -> ContactWindow:
    openings = []
    for _ in range(draw(st.integers(1, 2))):
        start, end = sorted(draw(st.lists(times, min_size=2, max_size=2, unique=True)))
        openings.append(Opening(days=draw(days), start=start, end=end))
    return ContactWindow(
        primitive="P1",
        openings=tuple(openings),
        holidays=draw(st.sampled_from(["as-usual", "closed"])),
        overridden_by=draw(st.sampled_from(["hours", None])),
    )


@given(
    windows(),
    windows(),
    st.sampled_from(get_args(Weekday)),
    st.integers(0, 1439),
    st.booleans(),
    st.booleans(),
)
@settings(max_examples=200)
def test_a_tighter_window_is_open_only_where_the_other_is(
    old: ContactWindow, new: ContactWindow, day: str, minute: int, holiday: bool, consent: bool
) -> None:
    def allows(window: ContactWindow) -> bool:
        """Opening by opening, as a person reads it."""
        if consent and window.overridden_by:
            return True
        if holiday and window.holidays == "closed":
            return False
        spans = [opening_minutes(opening) for opening in window.openings if day in opening.days]
        return any(start <= minute < end for start, end in spans)

    both = ContactWindow(**{**new.model_dump(), "openings": [*new.openings, *old.openings]})
    for one, other in ((old, new), (new, old), (both, new), (new, both)):
        if is_tighter(one, other):
            assert allows(one) or not allows(other)


UNITS = ("attempt", "connected", "conversation")
REACHED = {"attempt": 0, "connected": 1, "conversation": 2}


@st.composite
def caps(draw: st.DrawFn) -> Cap:
    return Cap(
        primitive="P2",
        most=draw(st.integers(0, 3)),
        unit=draw(st.sampled_from(UNITS)),
        days=draw(st.integers(1, 4)),
        per=draw(st.sampled_from(["person", "debt"])),
        counts_channels=draw(st.sampled_from([(), ("sms",), ("sms", "voice")])),
        counts_purposes=draw(st.sampled_from([(), ("collection",), ("reminder", "collection")])),
        unanswered_only=draw(st.booleans()),
    )


contacts = st.lists(
    st.tuples(
        st.integers(0, 4),  # days ago
        st.sampled_from(UNITS),
        st.sampled_from(["this", "other"]),  # debt
        st.sampled_from(["sms", "voice"]),
        st.sampled_from(["reminder", "collection"]),
    ),
    max_size=8,
)


@given(caps(), caps(), contacts)
@settings(max_examples=200)
def test_a_tighter_cap_refuses_whatever_the_other_refuses(old: Cap, new: Cap, history: list[Any]) -> None:
    def refuses(cap: Cap) -> bool:
        """Counts contact by contact; a rule for SMS collection, so that empty lists mean just these."""
        counted = 0
        for ago, outcome, debt, channel, purpose in history:
            counted += (
                ago < cap.days  # type: ignore[operator]
                and REACHED[outcome] >= REACHED[cap.unit]
                and (cap.per == "person" or debt == "this")
                and channel in (cap.counts_channels or ("sms",))
                and purpose in (cap.counts_purposes or ("collection",))
                and not (cap.unanswered_only and outcome != "attempt")
            )
        return counted >= cap.most

    if is_tighter(old, new):
        assert refuses(new) or not refuses(old)


@given(
    st.integers(1, 9),
    st.integers(1, 9),
    st.integers(0, 12),
    st.sampled_from(["delivered", "connected", "conversation"]),
)
def test_a_tighter_cool_off_covers_the_other(old: int, new: int, ago: int, after: str) -> None:
    one, other = (CoolOff(primitive="P3", after=after, days=days) for days in (old, new))  # type: ignore[arg-type]
    event = date(2026, 3, 1)
    refused = [event + timedelta(days=ago) <= event + timedelta(days=days - 1) for days in (old, new)]
    if is_tighter(one, other):
        assert refused[1] or not refused[0]


@pytest.mark.parametrize("rule", SHIPPED, ids=lambda rule: rule.id)
def test_a_rule_is_as_strict_as_itself_and_comparable_to_its_own_kind_alone(rule: Rule) -> None:
    assert is_tighter(rule.does, rule.does)
    other = next(each for each in SHIPPED if each.does.primitive != rule.does.primitive)
    assert not is_tighter(rule.does, other.does)


STEPS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("P1", {"openings": [{"start": "08:00", "end": "22:00"}]}, {"openings": [{"start": "08:00", "end": "21:59"}]}),
    ("P1", {"openings": [{"start": "08:00", "end": "22:00"}]}, {"holidays": "closed"}),
    ("P1", {"openings": [{"start": "08:00", "end": "22:00"}]}, {"overridden_by": None}),
    ("P2", {"most": 3, "unit": "connected", "days": 1, "per": "debt"}, {"most": 2}),
    ("P2", {"most": 3, "unit": "connected", "days": 1, "per": "debt"}, {"days": 2}),
    ("P2", {"most": 3, "unit": "connected", "days": 1, "per": "debt"}, {"unit": "attempt"}),
    ("P2", {"most": 3, "unit": "connected", "days": 1, "per": "debt"}, {"per": "person"}),
    ("P2", {"most": 3, "unit": "attempt", "hours": 1, "per": "number", "unanswered_only": True},
     {"unanswered_only": False}),
    ("P2", {"most": 3, "unit": "attempt", "seconds": 30, "per": "number"}, {"seconds": 31}),
    ("P3", {"after": "conversation", "days": 7}, {"days": 8}),
    ("P3", {"after": "conversation", "days": 7}, {"after": "attempt"}),
    ("P3", {"after": "conversation", "days": 7}, {"per": "person"}),
    ("P4", {"kinds": ["consent", "texted-us"]}, {"kinds": ["consent"]}),
    ("P4", {"kinds": ["number-check"], "fresh_days": 60}, {"fresh_days": 59}),
    ("P5", {"scope": "as-said"}, {"scope": "channel"}),
    ("P5", {"within_days": 10}, {"within_days": 9}),
    ("P6", {"kinds": ["dispute"]}, {"kinds": ["dispute", "lawyer"]}),
    ("P6", {"kinds": ["dispute"], "lets_pass": ["legal"]}, {"lets_pass": []}),
    ("P6", {"kinds": ["moratorium"], "days": 60}, {"days": 61}),
    ("P6", {"kinds": ["moratorium"], "days": 60}, {"days": None}),
    ("P7", {"parties": ["borrower", "guarantor"]}, {"parties": ["borrower"]}),
    ("P7", {"parties": ["borrower"], "after_refusal": True}, {"after_refusal": False}),
    ("P8", {"says": ["institution"]}, {"says": ["institution", "contact"]}),
    ("P8", {"says": ["institution"], "first_contact_only": True}, {"first_contact_only": False}),
    ("P9", {"words": ["threats"]}, {"words": ["threats", "insults"]}),
    ("P9", {"words": ["threats"]}, {"facts": ["amount"]}),
    ("P10", {"registered": ["header"]}, {"registered": ["header", "template"]}),
    ("P10", {}, {"shown": True}),
    ("P10", {}, {"number_series": ["1600"]}),
    ("P11", {"notice": "bureau"}, {"wait_days": 14}),
    ("P11", {"notice": "demand", "wait_days": 30}, {"times": 2}),
    ("P11", {"notice": "bureau", "or_conversation": True}, {"or_conversation": False}),
    ("P5", {}, {"confirmation_minutes": 5}),
    ("P5", {"confirmation_minutes": 5}, {"confirmation_minutes": 0}),
    ("P12", {"notice": "arrears", "trigger": "two-payments-short", "within_days": 14}, {"within_days": 13}),
    ("P12", {"notice": "arrears", "trigger": "two-payments-short", "within_days": 14}, {"again_months": 6}),
    ("P13", {"records": ["messages"], "least_years": 3}, {"least_years": 4}),
    ("P13", {"records": ["messages"], "most_years": 5}, {"most_years": 4}),
    ("P13", {"records": ["messages"]}, {"storage_only": True}),
    ("P14", {"honours": ["hours"]}, {"honours": ["hours", "place"]}),
    ("P15", {"refusal": False}, {"refusal": True}),
    ("P15", {}, {"assessment": True}),
    ("P16", {"own_language": False}, {"own_language": True}),
    ("P16", {}, {"special_care_to_person": True}),
    ("P17", {"most_characters": 500}, {"most_characters": 499}),
    ("P17", {"most_octets": 4096}, {"most_octets": 4095}),
    ("P17", {"fields": {"thing": 20}}, {"fields": {"thing": 19}}),
    ("P17", {"figures": {"replies": 5}}, {"figures": {"replies": 4, "a-day": 3}}),
    ("P17", {"reserved": ["【"]}, {"reserved": ["【", "】"]}),
]  # fmt: skip


@pytest.mark.parametrize(("primitive", "loose", "step"), STEPS)
def test_one_parameter_made_stricter_is_tighter_and_back_is_looser(
    primitive: str, loose: dict[str, Any], step: dict[str, Any]
) -> None:
    model = MODELS[primitive]
    old = model(**{"primitive": primitive, **loose})
    new = model(**{"primitive": primitive, **loose, **step})
    assert is_tighter(old, new)  # type: ignore[arg-type]
    assert not is_tighter(new, old)  # type: ignore[arg-type]


def test_every_primitive_but_the_statement_has_a_step_above() -> None:
    assert {primitive for primitive, _, _ in STEPS} == set(MODELS) - {"P18"}


def test_what_cannot_be_compared_is_not_tighter() -> None:
    day = Cap(primitive="P2", most=3, unit="attempt", days=1, per="debt")
    hours = Cap(primitive="P2", most=3, unit="attempt", hours=24, per="debt")
    assert not is_tighter(day, hours) and not is_tighter(hours, day)
    assert open_minutes(ContactWindow(primitive="P1", openings=(Opening(start=time(8), end=time(0)),))) >= {
        ("mon", 1439)
    }


def test_tighter_is_transitive_over_the_shipped_rules() -> None:
    for kind in MODELS:
        group = [rule.does for rule in SHIPPED if rule.does.primitive == kind]
        pairs = {
            (a, b) for a in range(len(group)) for b in range(len(group)) if is_tighter(group[a], group[b])
        }
        assert [(a, c) for a, b in pairs for d, c in pairs if b == d and (a, c) not in pairs] == []


def pack_of(*does: Primitive, **more: Any) -> Pack:
    names = {"en": "it", "zh": "它"}
    source = {"instrument": "Law", "read_on": "2026-11-22"}
    rules = [
        {"id": f"XX-{n}", "says": names, "does": d.model_dump(), "source": source, "level": "V1", **more}
        for n, d in enumerate(does)
    ]
    return Pack.model_validate(
        {"pack": "xx", "version": 1, "names": names, "regions": ["XX"], "rules": rules}
    )


def test_a_diff_says_what_was_added_removed_tightened_and_loosened() -> None:
    seven, six = (CoolOff(primitive="P3", after="conversation", days=days) for days in (7, 6))  # type: ignore[arg-type]
    words = MustNotSay(primitive="P9", words=("threats",))
    debtor = Recipient(primitive="P7", parties=("borrower",))  # type: ignore[arg-type]

    def told(old: Pack, new: Pack) -> list[tuple[str, str, list[tuple[str, Any, Any]]]]:
        return [
            (c.rule, c.kind, [(p.key, p.was, p.becomes) for p in c.changes]) for c in diff_packs(old, new)
        ]

    assert told(pack_of(seven), pack_of(six)) == [("XX-0", "loosened", [("does.days", 7, 6)])]
    assert told(pack_of(six), pack_of(seven)) == [("XX-0", "tightened", [("does.days", 6, 7)])]
    assert told(pack_of(seven), pack_of(seven, words)) == [("XX-1", "added", [])]
    assert told(pack_of(seven, words), pack_of(seven)) == [("XX-1", "removed", [])]
    assert [c.kind for c in diff_packs(pack_of(seven), pack_of(debtor))] == ["changed"]
    assert [c.kind for c in diff_packs(pack_of(seven), pack_of(six, region="XX-1"))] == ["changed"]
    assert diff_packs(pack_of(seven), pack_of(seven)) == []


def test_changing_any_parameter_of_any_shipped_rule_is_told() -> None:
    for pack in shipped_packs():
        for index, rule in enumerate(pack.rules):
            for key, value in rule.does.model_dump(mode="json").items():
                if key == "primitive" or not isinstance(value, int) or isinstance(value, bool):
                    continue
                does = rule.does.model_copy(update={key: value + 1})
                changed = rule.model_copy(update={"does": does})
                new = pack.model_copy(
                    update={"rules": (*pack.rules[:index], changed, *pack.rules[index + 1 :])}
                )
                found = diff_packs(pack, new)
                assert [(c.rule, len(c.changes)) for c in found] == [(rule.id, 1)]
                assert found[0].kind in ("tightened", "loosened")
