"""What the rules ask, told once more in plain Python, minute by minute: from the packs and the docs, not from the SQL.

`allowed` looks at one instant; `first_allowed` walks from minute to minute until it says yes. Slow, and without any of
the devices of the judgement proper: no fixed point, no ranges, no arrays of minutes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from duecourse.rules import model
from duecourse.rules.days_off import days_off
from duecourse.rules.packs import Packs
from duecourse.rules.scenarios import Before, Scenario, Word

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
REACHED = ("attempt", "delivered", "connected", "conversation")
CARE = ("serious-illness", "bereavement", "disability", "minor", "distress")
MINUTE = timedelta(minutes=1)


class Oracle:
    """One scenario and the packs."""

    def __init__(self, packs: Packs, one: Scenario) -> None:
        self.packs = packs
        self.one = one
        names = [one.timezone] if one.timezone else packs.zones(one.region)
        self.zones = [ZoneInfo(name) for name in names]
        self.now = one.now.astimezone(UTC)  # where no hour comes twice
        self.rules = [
            rule
            for rule in packs.of_region(one.region)
            if (rule.status == "in-force" or rule.id in packs.turned_on) and self._looks(rule.applies_to)
        ]
        self._asked = list(self.rules)

    def _looks(self, a: model.AppliesTo) -> bool:
        one = self.one
        kind = one.address_kind or ("mobile" if one.channel in ("sms", "voice") else "home")
        return all(
            (
                not a.purpose or one.purpose in a.purpose,
                not a.channel or one.channel in a.channel,
                not a.actor or one.actor in a.actor,
                not a.product or one.product is None or one.product in a.product,
                not a.party or one.party in a.party,
                one.party not in a.except_party,
                not a.action or any(action in a.action for action in one.action),
                not a.address_kind or kind in a.address_kind,
                not a.lender or one.lender is None or any(kind in a.lender for kind in one.lender),
                not a.provider or one.provider in a.provider,
            )
        )

    def first_allowed(self, days: int) -> datetime | None:
        """The first minute from now on at which nothing refuses; None when there is none within so many days."""
        if self._for_good():
            return None
        at = self.now
        for _ in range(days * 1440 + 1):
            if self._allows(at):
                return at
            at += MINUTE
        return None

    def _for_good(self) -> bool:
        """Whether something refuses now that does not look at the clock: no walk is needed then."""
        timeless = (model.OptOut, model.Sender, model.Automated)
        return self.one.suppressed or any(
            isinstance(rule.does, timeless) and not rule.fallback and not (rule.effective_from or rule.effective_to)
            and self._refuses(rule, self.now)
            for rule in self.rules
        )  # fmt: skip

    def _allows(self, at: datetime) -> bool:
        """As `not refusing(at)`, asking first who said no the minute before."""
        for place, rule in enumerate(self._asked):
            if self._holds(rule, at) and self._refuses(rule, at):
                self._asked.insert(0, self._asked.pop(place))
                return False
        return not (self.one.suppressed or self._care(at))

    def refusing(self, at: datetime) -> list[str]:
        """The rules that refuse at an instant."""
        found = [rule.id for rule in self.rules if self._holds(rule, at) and self._refuses(rule, at)]
        if self.one.suppressed:
            found.append("SUPPRESSED")
        if self._care(at):
            found.append("SPECIAL-CARE")
        return found

    def _care(self, at: datetime) -> bool:
        asked = self.one.purpose in ("reminder", "collection", "status", "marketing")
        return asked and self._on_hold(CARE, None, at, "person")

    def _holds(self, rule: model.Rule, at: datetime) -> bool:
        """In force on the recipient's date, wherever that may be, and not stepping back for a law."""
        for zone in self.zones:
            on = at.astimezone(zone).date()
            if in_force(rule, on) and not (
                rule.fallback and any(self._displaces(law, rule, on) for law in self.rules)
            ):
                return True
        return False

    @staticmethod
    def _displaces(law: model.Rule, convention: model.Rule, on: date) -> bool:
        if law.fallback or law.does.primitive != convention.does.primitive or not in_force(law, on):
            return False
        if law.level in ("K", "draft"):
            return False
        return law.does.primitive != "P2" or law.does.per in ("person", "debt")

    def _refuses(self, rule: model.Rule, at: datetime) -> bool:
        does = rule.does
        asked = self.one.initiated_by == "debtor"
        if isinstance(does, model.ContactWindow):
            return not asked and self._shut(rule, does, at)
        if isinstance(does, model.Cap):
            return not asked and self._count(rule, does, at) >= does.most
        if isinstance(does, model.CoolOff):
            return not asked and self._cooling(rule, does, at)
        return bool(self._gate(rule, does, at))

    def _shut(self, rule: model.Rule, window: model.ContactWindow, at: datetime) -> bool:
        if window.overridden_by and self._granted(("hours",), at, None):
            return False
        for zone in self.zones:
            here = at.astimezone(zone)
            if not in_force(rule, here.date()):
                continue
            off = window.holidays == "closed" and here.date() in set(self._days_off(rule))
            if off or not any(_within(o.days, o.start, o.end, here) for o in window.openings):
                return True
        return False

    def _days_off(self, rule: model.Rule) -> Iterable[date]:
        regions = [rule.region] if rule.region else self.packs.pack_of[rule.id].regions
        return (day for region in regions for day in days_off(region))

    def _counted(self, rule: model.Rule, does: Any, least: str) -> list[Before]:
        one = self.one
        channels = does.counts_channels or rule.applies_to.channel
        purposes = getattr(does, "counts_purposes", ()) or rule.applies_to.purpose
        found = []
        for seen in one.history:
            same = {
                "person": True,
                "debt": one.debt is not None and (seen.debt or one.debt) == one.debt,
                "number": (seen.number or one.number) == one.number,
                "template": (seen.template or one.template, seen.number or one.number)
                == (one.template, one.number),
            }[does.per]
            if (
                same
                and seen.at <= self.now
                and (not channels or (seen.channel or one.channel) in channels)
                and (not purposes or (seen.purpose or one.purpose) in purposes)
                and REACHED.index(seen.outcome) >= REACHED.index(least)
            ):
                found.append(seen)
        return found

    def _count(self, rule: model.Rule, cap: model.Cap, at: datetime) -> int:
        least = cap.unit if cap.unit in ("connected", "conversation") else "attempt"
        seen = self._counted(rule, cap, least)
        if cap.unanswered_only:
            seen = [each for each in seen if each.outcome in ("attempt", "delivered")]
        inside = [each for each in seen if self._inside(each.at, at, cap)]
        if cap.unit == "message":
            groups = {each.group or id(each) for each in inside}
            return len(groups)
        return len(inside)

    def _inside(self, then: datetime, at: datetime, cap: model.Cap) -> bool:
        if cap.days:
            return any(
                (at.astimezone(zone).date() - then.astimezone(zone).date()).days < cap.days
                for zone in self.zones
            )
        seconds = cap.seconds or (cap.hours or 0) * 3600
        return at - then < timedelta(seconds=seconds)

    def _cooling(self, rule: model.Rule, cool: model.CoolOff, at: datetime) -> bool:
        return any(
            (at.astimezone(zone).date() - seen.at.astimezone(zone).date()).days < cool.days
            for seen in self._counted(rule, cool, cool.after)
            for zone in self.zones
        )

    def _gate(self, rule: model.Rule, does: Any, at: datetime) -> bool:
        one = self.one
        match does:
            case model.Basis():
                contract = (
                    "contract" in does.kinds
                    and one.debt
                    and one.party != "third"
                    and one.purpose != "marketing"
                )
                return not contract and not self._granted(does.kinds, at, does.fresh_days)
            case model.OptOut():
                return self._stopped("contact", does.scope)
            case model.Hold():
                return one.purpose not in does.lets_pass and self._on_hold(does.kinds, does.days, at, "stop")
            case model.Recipient():
                refused = not does.after_refusal and self._on_hold(("refusal",), None, at, "stop")
                return one.party not in does.parties or refused
            case model.Sender():
                lacks = one.registered is not None and not set(does.registered) <= set(one.registered)
                alien = (
                    bool(does.number_series)
                    and one.caller is not None
                    and not one.caller.lstrip("+").startswith(
                        tuple(series.rstrip("xX*").lstrip("+") for series in does.number_series)
                    )
                )
                return lacks or alien or (does.shown and one.caller == "")
            case model.PriorNotice():
                return not self._served(does, at)
            case model.Preference():
                return self._unwished(rule, does, at)
            case model.Automated():
                return does.refusal and self._stopped("automation", "as-said")
            case model.Language():
                return does.special_care_to_person and self._on_hold(CARE, None, at, "person")
        return False

    def _served(self, does: model.PriorNotice, at: datetime) -> bool:
        days = sorted(n.at for n in self.one.notices_served if n.kind == does.notice and n.at <= self.now)
        chain: list[datetime] = []
        for one in days:
            if not chain or all(_apart(chain[-1], one, zone) >= does.wait_days for zone in self.zones):
                chain.append(one)
        if (
            does.or_conversation
            and self.one.debt is not None
            and any(
                one.outcome == "conversation"
                and one.at <= self.now
                and (one.debt or self.one.debt) == self.one.debt
                for one in self.one.history
            )
        ):
            return True
        if len(chain) < does.times:
            return False
        if does.times > 1 or does.wait_days == 0:
            return at >= chain[does.times - 1]
        return all(_apart(chain[0], at, zone) > does.wait_days for zone in self.zones)

    def _on_hold(self, kinds: Sequence[str], days: int | None, at: datetime, effect: str) -> bool:
        for hold in self.one.holds:
            is_care = (hold.effect or ("person" if hold.kind in CARE else "stop")) == "person"
            if (hold.kind not in kinds and effect == "stop") or is_care != (effect == "person"):
                continue
            if hold.debt is not None and hold.debt != self.one.debt:
                continue
            since = hold.since or datetime(2000, 1, 1, tzinfo=UTC)
            if at < since or (hold.until and at >= hold.until):
                continue
            if days and all(_apart(since, at, zone) >= days for zone in self.zones):
                continue
            return True
        return False

    def _words(self, kind: str) -> list[Word]:
        """What was said of a kind; without a kind it is about contact and every agreement to it."""
        return [
            word
            for word in self.one.consents
            if (word.at is None or word.at <= self.now)
            and (
                word.kind == kind
                or (word.kind is None and kind in ("contact", "consent", "express-consent"))
                or kind in word.overrides
            )
        ]

    def _covers(self, word: Word) -> bool:
        one = self.one
        return (
            word.purpose in (None, one.purpose)
            and word.channel in (None, one.channel)
            and word.number in (None, one.number)
        )

    def _granted(self, kinds: Sequence[str], at: datetime, fresh: int | None) -> bool:
        ever = datetime(2000, 1, 1, tzinfo=UTC)
        for kind in kinds:
            words = [word for word in self._words(kind) if self._covers(word)]
            for yes in words:
                since = yes.at or ever
                if not yes.granted or any(not no.granted and (no.at or ever) >= since for no in words):
                    continue
                fresh_until = since + timedelta(days=fresh) if fresh else None
                if (
                    at >= since
                    and not (yes.expires and at >= yes.expires)
                    and not (fresh_until and at >= fresh_until)
                ):
                    return True
        return False

    def _stopped(self, kind: str, scope: str) -> bool:
        ever = datetime(2000, 1, 1, tzinfo=UTC)
        one = self.one
        words = self._words(kind)
        for no in words:
            if no.granted:
                continue
            if scope == "as-said" and not self._covers(no):
                continue
            if scope == "channel" and no.channel not in (None, one.channel):
                continue
            taken_back = any(
                yes.granted
                and (yes.at or ever) > (no.at or ever)
                and yes.channel in (None, no.channel)
                and yes.purpose in (None, no.purpose)
                and yes.number in (None, no.number)
                for yes in words
            )
            if not taken_back:
                return True
        return False

    def _unwished(self, rule: model.Rule, does: model.Preference, at: datetime) -> bool:
        one = self.one
        wishes = {kind: wish for kind, wish in one.preferences.items() if wish not in (None, False)}
        kind = one.address_kind or ("mobile" if one.channel in ("sms", "voice") else "home")
        if "hours" in does.honours and "hours" in wishes and one.initiated_by == "lender":
            wish = wishes["hours"]
            start, end = (_clock(wish[key]) for key in ("from", "to"))
            for zone in self.zones:
                here = at.astimezone(zone)
                if in_force(rule, here.date()) and not _within(wish.get("days") or DAYS, start, end, here):
                    return True
        if "channel" in does.honours and "channel" in wishes:
            wish = wishes["channel"]
            if one.channel in wish.get("refused", ()) or (
                "allowed" in wish and one.channel not in wish["allowed"]
            ):
                return True
        if "channel" in does.honours and "person" in wishes and wishes["person"].get("wanted", True):
            return True
        if "place" in does.honours and "place" in wishes and kind in wishes["place"]["refused"]:
            return True
        if (
            "attorney" in does.honours
            and "attorney" in wishes
            and wishes["attorney"].get("represented", True)
        ):
            return True
        if "work-address" in does.honours and one.address_kind == "work":
            never = "work-address" in wishes and wishes["work-address"].get("never", False)
            return bool(never) or (rule.level != "policy" and one.channel == "email")
        return False


def in_force(rule: model.Rule, on: date) -> bool:
    """Whether a rule's dates hold a day."""
    return (rule.effective_from or date.min) <= on <= (rule.effective_to or date.max)


def _apart(earlier: datetime, later: datetime, zone: ZoneInfo) -> int:
    return (later.astimezone(zone).date() - earlier.astimezone(zone).date()).days


def _clock(text: str) -> time:
    return time() if text == "24:00" else time.fromisoformat(text)


def _within(days: Sequence[str], start: time, end: time, here: datetime) -> bool:
    """Whether a wall clock lies in an opening of one of these days, which may go past midnight."""
    clock, today = here.time(), DAYS[here.weekday()]
    yesterday = DAYS[here.weekday() - 1]
    if start < end:
        return today in days and start <= clock < end
    return (today in days and clock >= start) or (yesterday in days and clock < end)
