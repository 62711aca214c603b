"""Boundary cases of every shipped rule: what it refuses and what it no longer does, one step to either side."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any, Final, get_args
from zoneinfo import ZoneInfo

from duecourse.domain.messaging import Channel, Purpose
from duecourse.rules import model
from duecourse.rules.days_off import days_off
from duecourse.rules.packs import Packs
from duecourse.rules.word_lists import word_list, word_list_names, words_found

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
WEDNESDAY: Final = date(2026, 11, 11)
NOT_JUDGED: Final = ("P12", "P13", "P18")
"""They plan, keep or explain; nothing is refused by them."""
SAYS: Final = {
    "institution": "Test Bank", "opt-out": "Reply STOP to opt out.", "contact": "Tel 400-123-4567.",
    "query-route": "Questions?", "name": "Test Person", "balance": "¥120.00", "reason": "payment due",
    "rights": "your rights", "seal": "sealed", "agent-name": "on behalf of", "debt-advice": "debt advice",
    "postal-address": "12 Long Road, 100020", "limited-content": "",
}  # fmt: skip


def ordinary(packs: Packs, rule: model.Rule, **changed: Any) -> dict[str, Any]:
    """A contact that the rule looks at, at noon of a day on which it holds, with everything else in order."""
    looks = rule.applies_to
    regions = [rule.region] if rule.region else packs.pack_of[rule.id].regions
    # Of no pack, for what holds everywhere; and a union of countries has no zone of its own.
    region = "NZ" if "*" in regions else next(one for one in regions if one and packs.zones(one))
    zone = packs.zones(region)[0]
    day = max(rule.effective_from or WEDNESDAY, WEDNESDAY)
    if rule.effective_to and day > rule.effective_to:
        day = rule.effective_to - timedelta(days=6)
    made: dict[str, Any] = {
        "region": region,
        "timezone": zone,
        "purpose": looks.purpose[0] if looks.purpose else "collection",
        "channel": looks.channel[0] if looks.channel else "sms",
        "actor": looks.actor[0] if looks.actor else "creditor",
        "product": looks.product[0] if looks.product else None,
        "party": looks.party[0] if looks.party else "borrower",
        "address_kind": looks.address_kind[0] if looks.address_kind else None,
        "now": datetime.combine(day, time(12), ZoneInfo(zone)).isoformat(),
        "lender": [looks.lender[0]] if looks.lender else [],
        "provider": looks.provider[0] if looks.provider else None,
    }
    if looks.action:
        made["action"] = looks.action[0]
    return {**made, **changed}


def cases_of(packs: Packs, rule: model.Rule) -> Iterator[dict[str, Any]]:
    """The rule's scenarios: its own boundaries, then what it looks at and when it holds."""
    if rule.does.primitive in NOT_JUDGED:
        return
    own = list(_boundaries(packs, rule))
    yield from own
    refused = own[0]  # the first is one that it refuses
    yield from _elsewhere(packs, rule, refused)


def _elsewhere(packs: Packs, rule: model.Rule, refused: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The refused one with each other value of what the rule looks at, and on the days about its dates."""
    looks = rule.applies_to
    for key, values in {
        "purpose": list(Purpose), "channel": list(Channel), "actor": list(model.Actor), "party": list(model.Party),
        "address_kind": get_args(model.AddressKind),
        "product": {*looks.product, "auto", "mortgage"},
        "provider": {*looks.provider, "aliyun", "tencent", None},
    }.items():  # fmt: skip
        for value in sorted(values, key=str):
            yield {**refused, key: value, **({"text": refused["text"]} if "text" in refused else {})}
    for kind in sorted({*looks.lender, "bank", "consumer-finance"}):
        yield {**refused, "lender": [kind]}
    for action in (*get_args(model.Action), None):
        yield {
            **{key: value for key, value in refused.items() if key != "action"},
            **({"action": action} if action else {}),
        }
    here = ZoneInfo(refused["timezone"])
    for edge in (rule.effective_from, rule.effective_to and rule.effective_to + timedelta(days=1)):
        if edge:
            clock = datetime.fromisoformat(refused["now"]).astimezone(here).time()
            for days in (-2, -1, 0, 1):
                yield _moved(refused, datetime.combine(edge + timedelta(days=days), clock, here))
    for region in rule.except_regions:
        yield {**refused, "region": region}


def _moved(one: dict[str, Any], now: datetime) -> dict[str, Any]:
    """The same scenario at another instant, all of its past moved along."""
    by = now - datetime.fromisoformat(one["now"])

    def move(text: str) -> str:
        return (datetime.fromisoformat(text) + by).astimezone(now.tzinfo).isoformat()

    moved = {**one, "now": now.isoformat()}
    for key, inner in (("history", "at"), ("consents", "at"), ("holds", "since"), ("notices_served", "at")):
        if key in one:
            moved[key] = [{**row, inner: move(row[inner])} if inner in row else row for row in one[key]]
    return moved


def _boundaries(packs: Packs, rule: model.Rule) -> Iterator[dict[str, Any]]:
    base = ordinary(packs, rule)
    match rule.does:
        case model.ContactWindow() as window:
            yield from _hours(rule, window, base)
        case model.Cap() as cap:
            yield from _caps(rule, cap, base)
        case model.CoolOff() as cool:
            for outcome in ("conversation", "connected", "delivered", "attempt"):
                for days in (cool.days - 1, cool.days, cool.days + 1):
                    yield {**base, "history": [_past(base, days, outcome=outcome)]}
            for more in (
                {"debt": "L-2"},
                *({"channel": channel} for channel in Channel),
                *({"purpose": p} for p in Purpose),
            ):
                yield {**base, "history": [_past(base, 1, outcome=cool.after, **more)]}
        case model.Basis() as basis:
            base = {**base, "party": "borrower", "debt": None} if "contract" in basis.kinds else base
            yield base
            yield {**base, "consents": [{"kind": kind, "at": _back(base, days=1)} for kind in basis.kinds]}
            for kind in ("consent", "express-consent", "contract", "texted-us", "number-check"):
                yield {**base, "consents": [{"kind": kind, "at": _back(base, days=1)}]}
                if basis.fresh_days:
                    for days in (basis.fresh_days - 1, basis.fresh_days, basis.fresh_days + 1):
                        yield {**base, "consents": [{"kind": kind, "at": _back(base, days=days)}]}
        case model.OptOut():
            for channel in (None, base["channel"], "letter", "voice"):
                for more in ({}, {"number": "n2"}, {"purpose": "marketing"}, {"purpose": base["purpose"]}):
                    yield {
                        **base,
                        "consents": [
                            {
                                "kind": "contact",
                                "granted": False,
                                "channel": channel,
                                "at": _back(base, days=1),
                                **more,
                            }
                        ],
                    }
        case model.Hold() as hold:
            for kind in (*hold.kinds, *(k for k in get_args(model.HoldKind) if k not in hold.kinds)):
                yield {**base, "holds": [{"kind": kind, "since": _back(base, days=3), "effect": "stop"}]}
            for days in (hold.days - 1, hold.days, hold.days + 1) if hold.days else (400,):
                yield {
                    **base,
                    "holds": [{"kind": hold.kinds[0], "since": _back(base, days=days), "effect": "stop"}],
                }
        case model.Recipient():
            for party in ("third", "guarantor", "co-borrower", "borrower"):
                yield {**base, "party": party}
            yield {**base, "holds": [{"kind": "refusal", "since": _back(base, days=3)}]}
        case model.Sender() as sender:
            known = ("signature", "header", "template", "licence", "category-suffix")
            prefix = (sender.number_series[0].rstrip("xX*") if sender.number_series else "1") + "23456"
            lacking = sender.registered[0] if sender.registered else ""
            worst = {
                "registered": [one for one in known if one != lacking],
                "caller": "" if sender.shown else "9990000",
            }
            yield {**base, **worst}
            for less in known:
                yield {**base, "registered": [one for one in known if one != less], "caller": prefix}
            for caller in (
                "",
                "9990000",
                "140555",
                "160055",
                "1600555",
                prefix,
                prefix[:3] + "0" + prefix[4:],
            ):
                yield {**base, "registered": list(known), "caller": caller}
        case model.PriorNotice() as prior:
            yield base
            for kind in get_args(model.Notice):
                yield {**base, "notices_served": [_served(base, kind, 100), _served(base, kind, 50)]}
            yield {**base, "history": [{"at": _back(base, days=2), "outcome": "conversation"}]}
            for days in range(max(0, prior.wait_days - 1), prior.wait_days + 3):
                yield {**base, "notices_served": [_served(base, prior.notice, days)]}
                yield {
                    **base,
                    "notices_served": [_served(base, prior.notice, days), _served(base, prior.notice, 0)],
                }
        case model.Preference():
            wishes: dict[str, Any] = {
                "hours": {"from": "15:00", "to": "16:00"}, "channel": {"refused": [base["channel"]]},
                "work-address": {"never": True}, "place": {"refused": ["work", "home", "mobile"]},
                "attorney": {"represented": True}, "person": {"wanted": True},
            }  # fmt: skip
            first = [kind for kind in wishes if kind in rule.does.honours]
            yield {**base, "preferences": wishes, "address_kind": "work"}
            for kind in (*first, *wishes):
                yield {
                    **base,
                    "preferences": {kind: wishes[kind]},
                    "address_kind": "work" if kind == "work-address" else None,
                }
            yield {**base, "address_kind": "work"}
        case model.Automated():
            yield {**base, "consents": [{"kind": "automation", "granted": False, "at": _back(base, days=1)}]}
        case model.Language():
            yield {**base, "text": "应还款提醒", "language": "zh-CN", "recipient_language": "en"}
            yield {**base, "holds": [{"kind": "bereavement", "since": _back(base, days=1)}]}
            yield base
        case _:
            yield from _texts(rule, base)


def _hours(rule: model.Rule, window: model.ContactWindow, base: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Each edge on each weekday; across a change of the clock; a holiday; the consent that lifts it."""
    here = ZoneInfo(base["timezone"])
    start = datetime.fromisoformat(base["now"]).date()
    days = [start + timedelta(days=n) for n in range(7)]
    changes = [day for day in _clock_changes(here) if (not rule.effective_from or day >= rule.effective_from)]
    edges = sorted({edge for opening in window.openings for edge in (opening.start, opening.end)})
    shut = _minute_before(datetime.combine(days[0], window.openings[0].start, here))
    yield {**base, "now": shut.isoformat()}
    for day in (*days, *changes):
        for edge in edges:
            at = datetime.combine(day, edge, here)
            yield {**base, "now": at.isoformat()}
            yield {**base, "now": _minute_before(at).isoformat()}
    ends = rule.effective_to or start + timedelta(days=400)
    for day in days_off(base["region"]):
        if ends - timedelta(days=400) < day <= ends and day >= (rule.effective_from or date.min):
            yield {**base, "now": datetime.combine(day, time(12), here).isoformat()}
    for kind in ("hours", "consent"):
        yield {**base, "now": shut.isoformat(), "consents": [{"kind": kind, "at": _back(base, days=30)}]}


def _clock_changes(zone: ZoneInfo) -> list[date]:
    """The days of 2026 and 2027 on which the zone's clock changes."""
    days = [date(2026, 1, 1) + timedelta(days=n) for n in range(730)]
    return [
        day
        for day in days
        if datetime.combine(day, time(), zone).utcoffset()
        != datetime.combine(day + timedelta(days=1), time(), zone).utcoffset()
    ]


def _minute_before(at: datetime) -> datetime:
    zone = at.tzinfo
    return (at.astimezone(ZoneInfo("UTC")) - timedelta(minutes=1)).astimezone(zone)


def _caps(rule: model.Rule, cap: model.Cap, base: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """One more and one fewer; the last contact that counts and the first that does not; each kind and channel."""
    outcome = {"connected": "connected", "conversation": "conversation"}.get(cap.unit, "attempt")
    channel = (cap.counts_channels or rule.applies_to.channel or (base["channel"],))[0]
    purpose = (cap.counts_purposes or rule.applies_to.purpose or (base["purpose"],))[0]
    one = {"outcome": outcome, "channel": channel, "purpose": purpose}
    span = cap.seconds or (cap.hours or 0) * 3600
    step = 1 if cap.seconds and cap.seconds < 3600 else 60
    full = [_past(base, 0, seconds=(n + 1) * step, **one) for n in range(cap.most)]
    yield {**base, "history": full}
    yield {**base, "history": full[1:]}
    yield {**base, "history": [*full, _past(base, 0, seconds=90 * step, **one)]}
    rest = full[1:]
    if cap.days:
        for days in (cap.days - 1, cap.days, cap.days + 1):
            yield {**base, "history": [*rest, _past(base, days, **one)]}
    else:
        for seconds in (span - 3600, span - 1, span, span + 1, span + 3600):
            if seconds > 0:
                yield {**base, "history": [*rest, _past(base, 0, seconds=seconds, **one)]}
    for more in (
        *({"outcome": outcome} for outcome in model.Outcome), *({"channel": other} for other in Channel),
        *({"purpose": other} for other in Purpose), {"debt": "L-2"}, {"number": "n2"}, {"template": "t2"},
        {"debt": "L-2", "number": "n2"}, {"debt": "L-2", "template": "t2"},
    ):  # fmt: skip
        yield {**base, "history": [*rest, _past(base, 0, seconds=1, **{**one, **more})]}
    yield {**base, "history": [{**seen, "group": "g"} for seen in full]}


def _texts(rule: model.Rule, base: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Texts that hold, and lack, each thing in each part."""
    match rule.does:
        case model.MustSay() as must:
            voice = (
                {"channel": "voice"}
                if must.parts == ("voicemail",) and "voice" in (rule.applies_to.channel or ("voice",))
                else {}
            )
            everything = " ".join(words for what, words in SAYS.items() if what != "limited-content")
            known = {"name": "Test Person", "institution": "Test Bank", "contact": "400-123-4567"}
            quiet = everything.replace(SAYS["balance"], "")
            dumb = "¥5 overdue" if "limited-content" in must.says else "-"
            for voicemail in ("voicemail" in must.parts and "text" not in must.parts, True, False):
                yield {**base, **voice, **known, "voicemail": voicemail, "text": dumb}
            for less in SAYS:
                text = everything.replace(SAYS[less], "") if SAYS[less] else everything
                for voicemail in (False, True):
                    yield {**base, **voice, **known, "text": text, "voicemail": voicemail}
                    softly = quiet.replace(SAYS[less] or "?", "")
                    yield {**base, **voice, **known, "text": softly, "voicemail": voicemail}
            for channel in (base["channel"], "email", "app", "letter"):
                yield {**base, **known, "channel": channel, "text": everything, "subject": "-"}
                yield {**base, **known, "channel": channel, "text": quiet, "subject": "-", "voicemail": True}
            for voicemail in (False, True):
                yield {**base, **known, "text": dumb, "history": [_past(base, 40)], "voicemail": voicemail}
            yield {**base, **known, "text": dumb, "subject": "-", "channel": "email"}
        case model.MustNotSay() as must_not:
            samples = {name: _only(name) for name in sorted(word_list_names())}
            facts = {"name": "Test Person", "amount": "¥120.00", "lender-debt-line": "Recoveries desk"}
            bad = " ".join(
                [*(samples[name] for name in must_not.words), *(facts[fact] for fact in must_not.facts)]
            )
            yield {**base, **_in_part(must_not.parts[0], bad, base)}
            for said in (*samples.values(), *facts.values()):
                for part in get_args(model.Part):
                    yield {**base, **_in_part(part, said, base)}
                    yield {**base, **_in_part(part, said, base), "channel": base["channel"]}
        case model.ChannelLimit() as limit:
            most = limit.most_characters or limit.most_octets
            if most is None and not limit.reserved:
                yield {**base, "text": "-"}
                return
            yield {**base, "text": "a" * (most + 1)} if most else {**base, "text": "a【b】"}
            for size in (most - 1, most, most + 1) if most else ():
                yield {**base, "text": "a" * size}
                yield {**base, "text": "é" * (size // 2)}
            for text in ("【Bank】 hello", "hello 【Bank】", "a【b", "a】b"):
                yield {**base, "text": text}


def _only(name: str) -> str:
    """A word of a class that no other class holds."""
    others = word_list_names() - {name}
    words = (word for listed in word_list(name).values() for word in listed)
    return next(word for word in words if not any(words_found(other, word) for other in others))


def _in_part(part: str, said: str, base: dict[str, Any]) -> dict[str, Any]:
    """A text that says something in one part and nothing elsewhere."""
    made: dict[str, Any] = {"text": "-", "subject": "", "name": "Test Person"}
    match part:
        case "subject":
            made |= {"subject": said, "channel": "inbox"}
        case "lock-screen":
            made |= {"text": said, "channel": "app"}
        case "envelope":
            made |= {"subject": said, "channel": "letter"}
        case "voicemail":
            made |= {"text": said, "voicemail": True, "channel": "voice"}
        case _:
            made |= {"text": said}
    return made


def _back(base: dict[str, Any], days: int = 0, seconds: int = 0) -> str:
    now = datetime.fromisoformat(base["now"]).astimezone(ZoneInfo(base["timezone"]))
    wall = (now - timedelta(days=days)).replace(fold=0)
    return (wall - timedelta(seconds=seconds)).isoformat()


def _past(base: dict[str, Any], days: int, seconds: int = 0, **more: Any) -> dict[str, Any]:
    return {"at": _back(base, days, seconds), **more}


def _served(base: dict[str, Any], kind: str, days: int) -> dict[str, Any]:
    return {"kind": kind, "at": _back(base, days=days)}
