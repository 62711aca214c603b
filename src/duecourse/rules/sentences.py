"""A verdict in words, English and Chinese, from what is stored of it: the rule and what it saw.

The screen, `rules explain` and `rules judge` all say it by these, so that they say the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from .model import ContactWindow
from .packs import Packs
from .wording import primitive_in_words
from .words import RULES

_UNITS: Final[Mapping[str, tuple[str, str]]] = {
    "attempt": ("attempts", "次尝试"),
    "message": ("messages", "条消息"),
    "delivered": ("deliveries", "次送达"),
    "connected": ("answered calls", "次接通"),
    "conversation": ("conversations", "次通话"),
}
_PER: Final[Mapping[str, tuple[str, str]]] = {
    "person": ("to this person", "（同一人）"),
    "debt": ("about this debt", "（同一债务）"),
    "number": ("to this number", "（同一号码）"),
    "template": ("of this template", "（同一模板）"),
}


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a rule refused, in both languages."""

    rule: str
    primitive: str
    en: str
    zh: str


def reasons(packs: Packs, refused: Sequence[Mapping[str, Any]], zone: ZoneInfo) -> tuple[Reason, ...]:
    """One reason for each refusal as the judging SQL gives it (rule, primitive, saw). zone: the recipient's."""
    return tuple(_reason(packs, one, zone) for one in refused)


def _reason(packs: Packs, one: Mapping[str, Any], zone: ZoneInfo) -> Reason:
    rule, primitive, saw = str(one["rule"]), str(one["primitive"]), one.get("saw") or {}
    said_en, said_zh = rule_says(packs, rule)
    seen_en, seen_zh = _seen(primitive, saw, zone)
    known = packs.rules.get(rule)
    if known and isinstance(known.does, ContactWindow):
        # A lender may have narrowed the hours that the rule's own sentence speaks of.
        hours = primitive_in_words(known.does)
        seen_en, seen_zh = f"{seen_en}; {hours.en}", f"{seen_zh}；{hours.zh}"
    return Reason(
        rule,
        primitive,
        f"{said_en}: {seen_en}" if seen_en else said_en,
        f"{said_zh}：{seen_zh}" if seen_zh else said_zh,
    )


def rule_says(packs: Packs, rule: str) -> tuple[str, str]:
    """What a rule asks, in English and Chinese: a pack's words, or ours for what is no pack's; its id for neither."""
    if known := packs.rules.get(rule):
        return known.says.en, known.says.zh
    if ours := RULES.get(rule):
        return ours.en, ours.zh
    return rule, rule


def _seen(primitive: str, saw: Mapping[str, Any], zone: ZoneInfo) -> tuple[str, str]:
    match primitive:
        case "P1":
            at = _wall(saw.get("at"), zone)
            zones = ", ".join(saw.get("zones") or [])
            return f"it is {at} in {zones}", f"当地时间 {at}（{zones}）"
        case "P2" | "P3":
            return _cap(saw, zone)
        case "P4":
            kinds = ", ".join(saw.get("kinds") or [])
            return f"none of these is on record and valid: {kinds}", f"没有有效记录：{kinds}"
        case "P5":
            return (
                f"a stop that covers {saw.get('channel')} is on record",
                f"已有覆盖 {saw.get('channel')} 的退订记录",
            )
        case "P6" | "P16":
            kinds = ", ".join(saw.get("holds") or [])
            return (f"on record: {kinds}", f"已记录：{kinds}") if kinds else ("", "")
        case "P7":
            return f"this is the {saw.get('party')}", f"对象为 {saw.get('party')}"
        case "P10":
            has = ", ".join(saw.get("has") or []) or "-"
            return f"registered: {has}", f"已登记：{has}"
        case "P11":
            kind, days, times = saw.get("notice"), saw.get("wait_days"), saw.get("times")
            return (
                f"notices '{kind}' served: {saw.get('served')} of {times}; wait: {days} days",
                f"“{kind}”通知已送达 {saw.get('served')}/{times} 次；等待 {days} 天",
            )
        case "P14":
            wishes = ", ".join(dict.fromkeys(saw.get("wishes") or [])) or str(saw.get("address_kind"))
            return f"on record: {wishes}", f"已记录：{wishes}"
        case _:
            return "; ".join(saw.get("faults_en") or []), "；".join(saw.get("faults_zh") or [])


def _cap(saw: Mapping[str, Any], zone: ZoneInfo) -> tuple[str, str]:
    unit_en, unit_zh = _UNITS.get(str(saw.get("unit")), ("contacts", "次联系"))
    per_en, per_zh = _PER.get(str(saw.get("per")), ("", ""))
    span_en = f"in {saw['days']} days" if saw.get("days") else f"in {saw.get('span')}"
    span_zh = f"{saw['days']} 天内" if saw.get("days") else f"{saw.get('span')} 内"
    free = _wall(saw.get("free_at"), zone)
    return (
        f"{saw.get('taken')} {unit_en} {per_en} {span_en}, at most {saw.get('most')}"
        + (f"; free from {free}" if free else ""),
        f"{span_zh}{saw.get('taken')} {unit_zh}{per_zh}，上限 {saw.get('most')}"
        + (f"；{free} 起可再联系" if free else ""),
    )


def _wall(at: object, zone: ZoneInfo) -> str:
    return datetime.fromisoformat(str(at)).astimezone(zone).strftime("%Y-%m-%d %H:%M") if at else ""
