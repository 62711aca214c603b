"""Packs compiled to the relation that the judging SQL reads: one row per rule, once per set of packs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, time
from functools import cache, cached_property
from typing import Any, Final

from .days_off import days_off
from .model import (
    Automated,
    Basis,
    Cap,
    ContactWindow,
    CoolOff,
    Hold,
    Language,
    Level,
    OptOut,
    Outcome,
    Pack,
    Preference,
    PriorNotice,
    Recipient,
    Rule,
    Sender,
    Status,
)
from .packs import EVERYWHERE, Packs, load_packs

HORIZON_DAYS: Final = 400
"""How far ahead a first allowed instant is looked for; a wait beyond it is told as none."""

WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_NOWHERE_KNOWN: Final = (
    "Pacific/Kiritimati", "Asia/Tokyo", "Asia/Kolkata", "Africa/Cairo", "UTC", "America/Sao_Paulo", "America/Denver",
    "Pacific/Pago_Pago",
)  # fmt: skip
"""For a region nobody knows zones of: round the world, so that no hour passes for right where nobody knows it."""

DAILY_CAP: Final[Mapping[str, Any]] = {
    "id": "DAILY-CAP", "primitive": "P2", "kin": "", "regions": ["*"],
    "purposes": ["reminder", "collection", "marketing"], "counts_purposes": ["reminder", "collection", "marketing"],
    "in_force": "{(,)}", "fallback": False, "most": -1, "unit": "message", "days": 1, "per": "person",
    "unanswered": False,
}  # fmt: skip
"""The policy's own cap. most: -1 stands for the message's number."""

SUPPRESSED: Final[Mapping[str, Any]] = {
    "id": "SUPPRESSED", "primitive": "P6", "kin": "", "regions": ["*"], "in_force": "{(,)}", "fallback": False,
    "kinds": [],
}  # fmt: skip
SPECIAL_CARE: Final[Mapping[str, Any]] = {
    "id": "SPECIAL-CARE", "primitive": "P16", "kin": "", "regions": ["*"], "in_force": "{(,)}", "fallback": False,
    "special": True, "purposes": ["reminder", "collection", "status", "marketing"],
}  # fmt: skip
"""Both are the book's own word, which no pack can take back."""

_UNITS: Final[Mapping[Outcome, str]] = {
    Outcome.ATTEMPT: "attempt", Outcome.DELIVERED: "delivered", Outcome.CONNECTED: "connected",
    Outcome.CONVERSATION: "conversation",
}  # fmt: skip


@dataclass(frozen=True)
class RuleBook:
    """The packs that judge here, compiled: what the judging statements take as parameters."""

    packs: Packs
    lender_kinds: frozenset[str] | None = None
    """Kinds of licence the lender holds; None: not said, so that rules of every kind bind it."""

    def compiled(self) -> RuleBook:
        """Itself, compiled now: that takes a second or more, for which no transaction must stand idle."""
        _ = self.parameters, self.number_parameters, self.person_parameters
        return self

    @property
    def version(self) -> str:
        """What a verdict keeps of the packs that judged: the digest under which `versions.record_packs` keeps them."""
        return self.packs.digest.hex()

    @cached_property
    def parameters(self) -> Mapping[str, Any]:
        """The parameters of the fragments rules.judge_units and rules.judge that come from packs."""
        compiled = [
            compile_rule(pack, rule)
            for pack in self.packs.packs
            for rule in pack.rules
            if rule.status is Status.IN_FORCE
            or (rule.status is Status.DRAFT and rule.id in self.packs.turned_on)
        ]
        compiled += [dict(one) for one in (DAILY_CAP, SUPPRESSED, SPECIAL_CARE)]
        for place, one in enumerate(compiled):
            one["place"] = place
        return {
            "rules": json.dumps(compiled, default=str),
            "region_zones": json.dumps(self._zones),
            "within": json.dumps(
                {inner: outer for pack in self.packs.packs for inner, outer in pack.within.items()}
            ),
            "look_back": json.dumps(self._look_back(compiled)),
            "rule_set": self.version,
            "lender_kinds": sorted(self.lender_kinds) if self.lender_kinds is not None else None,
            "horizon_days": HORIZON_DAYS,
        }

    @cached_property
    def number_parameters(self) -> Mapping[str, Any]:
        """The same with nothing but the caps that people who share a number share, and hours: when they let go."""
        return self._capped("number", "template")

    @cached_property
    def person_parameters(self) -> Mapping[str, Any]:
        """As number_parameters, with what counts all that a person had, under any of their records."""
        return self._capped("person", "debt")

    def _capped(self, *per: str) -> Mapping[str, Any]:
        kept = [
            one
            for one in json.loads(self.parameters["rules"])
            if one["primitive"] == "P1" or one.get("per") in per
        ]
        return dict(self.parameters) | {"rules": json.dumps(kept)}

    @cached_property
    def action_parameters(self) -> Mapping[str, Any]:
        """The same with nothing but the rules on acts that are no contact: a report to a bureau, enforcement, …"""
        acts = [one for one in json.loads(self.parameters["rules"]) if one.get("actions")]
        return dict(self.parameters) | {"rules": json.dumps(acts)}

    @cached_property
    def _zones(self) -> Mapping[str, Sequence[str]]:
        """Region to where a recipient may be, of the regions packs speak of; `*` for all others."""
        regions = {place for pack in self.packs.packs for place in (*pack.regions, *pack.zones)} - {
            EVERYWHERE
        }
        return {EVERYWHERE: list(_NOWHERE_KNOWN)} | {
            region: self.zones_of(region) for region in sorted(regions)
        }

    def _look_back(self, compiled: Sequence[Mapping[str, Any]]) -> Mapping[str, int]:
        """Region to the days of contacts its caps can ask for; one that is not here has its country's, or `*`."""
        caps = [one for one in compiled if one["primitive"] in ("P2", "P3")]
        regions = {region for one in caps for region in one["regions"]}
        regions |= {inner for pack in self.packs.packs for inner in pack.within} | {EVERYWHERE}
        found = {}
        for region in sorted(regions):
            around = set(self.packs.chain(None if region == EVERYWHERE else region))
            found[region] = max((_span_days(one) for one in caps if around & set(one["regions"])), default=1)
        return found

    def zones_of(self, region: str) -> Sequence[str]:
        """Every zone where a recipient of this region may be; round the world where nobody knows."""
        return self.packs.zones(region) or _NOWHERE_KNOWN


@cache
def shipped() -> RuleBook:
    """The shipped packs alone, as they judge where a lender has none of its own."""
    return RuleBook(load_packs())


def _span_days(one: Mapping[str, Any]) -> int:
    """Days of contacts that a rule can ask for, and two for zones that differ."""
    seconds = int(str(one.get("span") or "0").split()[0])
    return max(int(one.get("days") or 0), seconds // 86_400 + 1) + 2


def compile_rule(pack: Pack, rule: Rule) -> dict[str, Any]:
    """One rule as a row of the type compiled_rule; keys left out are null."""
    looks = rule.applies_to
    row: dict[str, Any] = {
        "id": rule.id,
        "primitive": rule.does.primitive,
        "kin": _kin(rule),
        "regions": [rule.region] if rule.region else list(pack.regions),
        "except_regions": list(rule.except_regions) or None,
        "purposes": list(looks.purpose) or None,
        "channels": list(looks.channel) or None,
        "actors": list(looks.actor) or None,
        "products": list(looks.product) or None,
        "parties": list(looks.party) or None,
        "except_parties": list(looks.except_party) or None,
        "actions": list(looks.action) or None,
        "address_kinds": list(looks.address_kind) or None,
        "lenders": list(looks.lender) or None,
        "providers": list(looks.provider) or None,
        "in_force": _dates(rule.effective_from, rule.effective_to),
        "fallback": rule.fallback,
    }
    return row | _does(pack, rule)


def _kin(rule: Rule) -> str:
    """Before what a fallback steps back: '' for a rule before which none does, and which is none."""
    if not rule.fallback and rule.level not in (Level.V1, Level.V2, Level.POLICY):
        return ""
    if isinstance(rule.does, Cap):
        return "P2" if rule.does.per in ("person", "debt") else ""
    return rule.does.primitive


def _dates(first: date | None, last: date | None) -> str:
    return f"{{[{first or ''},{last or ''}]}}".replace("[,", "(,").replace(",]", ",)")


def _does(pack: Pack, rule: Rule) -> dict[str, Any]:
    """What the rule's primitive asks, as columns."""
    does = rule.does
    channels = list(rule.applies_to.channel) or None
    purposes = list(rule.applies_to.purpose) or None
    match does:
        case ContactWindow():
            return {
                "openings": openings(does),
                "off": _off(pack, rule) if does.holidays == "closed" else "{}",
                "overridable": does.overridden_by == "hours",
            }
        case Cap():
            seconds = does.seconds or (does.hours or 0) * 3600
            return {
                "most": does.most,
                "unit": does.unit,
                "days": does.days,
                "span": f"{seconds} seconds" if seconds else None,
                "per": does.per,
                "counts_channels": list(does.counts_channels) or channels,
                "counts_purposes": list(does.counts_purposes) or purposes,
                "unanswered": does.unanswered_only,
            }
        case CoolOff():
            return {
                "most": 1,
                "unit": _UNITS[does.after],
                "days": does.days,
                "per": does.per,
                "counts_channels": list(does.counts_channels) or channels,
                "counts_purposes": purposes,
                "unanswered": False,
            }
        case Basis():
            return {"kinds": list(does.kinds), "fresh_days": does.fresh_days}
        case OptOut():
            return {"scope": does.scope}
        case Hold():
            return {"kinds": list(does.kinds), "lets_pass": list(does.lets_pass), "days": does.days}
        case Recipient():
            return {"obligors": list(does.parties), "after_refusal": does.after_refusal}
        case Sender():
            return {
                "registered": list(does.registered),
                "series": list(does.number_series) or None,
                "shown": does.shown,
            }
        case PriorNotice():
            return {
                "notice": does.notice,
                "wait_days": does.wait_days,
                "times": does.times,
                "spoken": does.or_conversation,
            }
        case Preference():
            return {"honours": list(does.honours), "special": rule.level is not Level.POLICY}
        case Automated():
            return {"refuses": does.refusal}
        case Language():
            return {"special": does.special_care_to_person}
        case _:
            return {}


def openings(window: ContactWindow) -> str:
    """A window's openings as minutes of the week: `{[480,1260),…}`. What ends before its start ends a day later."""
    parts: list[str] = []
    for opening in window.openings:
        start, end = _minute(opening.start), _minute(opening.end)
        end += 1440 if end <= start else 0
        for day in opening.days:
            at = WEEKDAYS.index(day) * 1440
            parts.append(f"[{at + start},{min(at + end, 10080)})")
            if at + end > 10080:
                parts.append(f"[0,{at + end - 10080})")
    return f"{{{','.join(parts)}}}"


def _minute(at: time) -> int:
    return at.hour * 60 + at.minute


def _off(pack: Pack, rule: Rule) -> str:
    """The days off of the regions a rule holds for, all of them together."""
    regions = [rule.region] if rule.region else list(pack.regions)
    days = sorted({day for region in regions for day in days_off(region)})
    return f"{{{','.join(f'[{day},{day}]' for day in days)}}}"
