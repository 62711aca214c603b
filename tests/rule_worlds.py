"""Random scenarios, the same for the same seed: on the minute, near edges of windows, caps and changes of the clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

REGIONS = {
    "CN": ["Asia/Shanghai"],
    "US": ["America/New_York", "America/Los_Angeles"],
    "US-MA": ["America/New_York"],
    "US-FL": ["America/New_York", "America/Chicago"],
    "US-NYC": ["America/New_York"],
    "GB": ["Europe/London"],
    "DE": ["Europe/Berlin"],
    "IN": ["Asia/Kolkata"],
    "BR-SP": ["America/Sao_Paulo"],
    "BR-RJ": ["America/Sao_Paulo"],
    "BR": ["America/Manaus"],
    "HK": ["Asia/Hong_Kong"],
    "SG": ["Asia/Singapore"],
    "ID": ["Asia/Jakarta", "Asia/Jayapura"],
    "PH": ["Asia/Manila"],
    "VN": ["Asia/Ho_Chi_Minh"],
    "MX": ["America/Mexico_City", "America/Tijuana"],
    "KE": ["Africa/Nairobi"],
    "NG": ["Africa/Lagos"],
    "AU": ["Australia/Lord_Howe"],
}
PURPOSES = (
    "collection",
    "collection",
    "collection",
    "reminder",
    "reminder",
    "marketing",
    "confirmation",
    "status",
    "legal",
)
CHANNELS = ("sms", "sms", "voice", "voice", "email", "wechat", "app", "webpush", "letter", "inbox")
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
# Where clocks change, where rules begin or end, and ordinary weeks.
ANCHORS = (
    "2026-03-08", "2026-11-01", "2026-03-29", "2026-10-25", "2026-04-05", "2026-10-04",
    "2026-08-31", "2026-09-01", "2027-01-31", "2026-09-30", "2026-12-24", "2026-06-10", "2026-11-22", "2026-11-20",
)  # fmt: skip


def scenario(random: Random) -> dict[str, Any]:
    """One scenario as JSON would give it."""
    region = random.choice(list(REGIONS))
    zone = ZoneInfo(random.choice(REGIONS[region]))
    day = datetime.fromisoformat(random.choice(ANCHORS)).replace(tzinfo=zone) + timedelta(
        days=random.randint(-3, 3)
    )
    hour = random.choice((0, 1, 2, 3, 5, 6, 7, 8, 8, 9, 12, 14, 18, 19, 20, 20, 21, 22, 23))
    now = (
        (day.replace(hour=hour, minute=random.choice((0, 0, 1, 29, 30, 59)))).astimezone(UTC).astimezone(zone)
    )
    made: dict[str, Any] = {
        "region": region,
        "timezone": None if random.random() < 0.15 else zone.key,
        "purpose": random.choice(PURPOSES),
        "channel": random.choice(CHANNELS),
        "actor": random.choice(("creditor", "creditor", "collector", "agency")),
        "product": random.choice((None, "auto", "credit-card", "consumer", "card")),
        "party": random.choices(("borrower", "co-borrower", "guarantor", "third"), (12, 1, 1, 1))[0],
        "debt": random.choices(("L-1", "L-2", None), (10, 2, 1))[0],
        "number": random.choice(("n1", "n1", "n2")),
        "initiated_by": random.choices(("lender", "debtor"), (12, 1))[0],
        "template": random.choice(("t1", "t2")),
        "address_kind": random.choice((None, None, "home", "work", "mobile")),
        "now": now.isoformat(),
        "history": [_before(random, now) for _ in range(random.choice((0, 0, 1, 2, 3, 4, 8)))],
        "consents": [_word(random, now) for _ in range(random.choice((0, 0, 0, 1, 2, 3)))],
        "holds": [_hold(random, now) for _ in range(random.choices((0, 1, 2), (7, 2, 1))[0])],
        "preferences": _wishes(random),
        "notices_served": [
            _notice(random, now) for _ in range(random.choices((0, 1, 2, 3), (6, 2, 1, 1))[0])
        ],
    }
    if random.random() < 0.1:
        made["action"] = random.choice(("bureau-report", "outsourcing", "placement", "enforcement"))
    if random.random() < 0.1:
        made["lender"] = random.choice(([], ["consumer-finance"], ["bank"]))
    if random.random() < 0.08:
        made["registered"] = random.choice(([], ["signature"], ["header", "template"]))
    if random.random() < 0.08:
        made["caller"] = random.choice(("", "1600123", "140555", "+861012345678"))
    if random.random() < 0.06:
        made["provider"] = random.choice(("aliyun", "tencent"))
    if random.random() < 0.02:
        made["suppressed"] = True
    return made


def _back(random: Random, now: datetime, days: int) -> datetime:
    """Some time before, now and then on the very minute that a whole day or a midnight makes."""
    at = now - timedelta(minutes=random.randint(0, days * 1440))
    if random.random() < 0.3:
        at = now - timedelta(days=random.randint(0, days))
    if random.random() < 0.2:
        at = at.replace(hour=0, minute=0)
    return min(at, now)


def _before(random: Random, now: datetime) -> dict[str, Any]:
    seen: dict[str, Any] = {
        "at": _back(random, now, random.choice((1, 1, 8, 32))).isoformat(),
        "outcome": random.choice(("attempt", "attempt", "delivered", "connected", "conversation")),
    }
    if random.random() < 0.5:
        seen["channel"] = random.choice(CHANNELS)
    if random.random() < 0.3:
        seen["purpose"] = random.choice(PURPOSES)
    if random.random() < 0.2:
        seen["debt"] = random.choice(("L-1", "L-2"))
    if random.random() < 0.2:
        seen["number"] = random.choice(("n1", "n2"))
    if random.random() < 0.2:
        seen["template"] = random.choice(("t1", "t2"))
    if random.random() < 0.2:
        seen["group"] = random.choice(("g1", "g2"))
    return seen


def _word(random: Random, now: datetime) -> dict[str, Any]:
    at = _back(random, now, random.choice((3, 90)))
    word: dict[str, Any] = {"granted": random.random() < 0.7, "at": at.isoformat()}
    if random.random() < 0.3:
        word["kind"] = random.choice(
            ("contact", "consent", "express-consent", "texted-us", "number-check", "hours", "automation")
        )
    if random.random() < 0.4:
        word["channel"] = random.choice(CHANNELS[:5])
    if random.random() < 0.3:
        word["purpose"] = random.choice(PURPOSES[:6])
    if random.random() < 0.2:
        word["number"] = random.choice(("n1", "n2"))
    if word["granted"] and random.random() < 0.4 and word.get("kind") != "hours":
        word["overrides"] = ["hours"]
    if random.random() < 0.3:
        word["expires"] = (now + timedelta(minutes=random.choice((-30, 0, 45, 600, 4000)))).isoformat()
    return word


def _hold(random: Random, now: datetime) -> dict[str, Any]:
    kinds = (
        *(
            "dispute",
            "complaint",
            "hardship",
            "bankruptcy",
            "deceased",
            "lawyer",
            "calamity",
            "cease-request",
        ),
        *("moratorium", "moratorium", "promise", "promise", "refusal", "identity-theft"),
        *("serious-illness", "bereavement", "minor"),
    )
    since = _back(random, now, random.choice((2, 70)))
    hold: dict[str, Any] = {"kind": random.choice(kinds), "since": since.isoformat()}
    if random.random() < 0.1:
        hold["since"] = (now + timedelta(hours=random.randint(1, 40))).isoformat()
    if random.random() < 0.6:
        hold["until"] = (now + timedelta(minutes=random.choice((-60, 0, 60, 1440, 5000)))).isoformat()
    if random.random() < 0.2:
        hold["debt"] = random.choice(("L-1", "L-2"))
    return hold


def _notice(random: Random, now: datetime) -> dict[str, Any]:
    kinds = ("bureau", "outsourcing", "agent-named", "default", "demand", "validation", "new-controller")
    return {"kind": random.choice(kinds), "at": _back(random, now, random.choice((3, 40))).isoformat()}


def _wishes(random: Random) -> dict[str, Any]:
    wishes: dict[str, Any] = {}
    if random.random() < 0.15:
        start = random.choice(("00:00", "02:30", "08:00", "09:15", "18:00", "22:00"))
        end = random.choice(("24:00", "02:15", "12:00", "17:30", "21:00"))
        days = random.sample(DAYS, random.randint(1, 7)) if random.random() < 0.5 else []
        wishes["hours"] = {"days": days, "from": start, "to": end}
    if random.random() < 0.06:
        wishes["channel"] = random.choice(({"refused": ["voice"]}, {"allowed": ["sms", "email"]}))
    if random.random() < 0.04:
        wishes["work-address"] = {"never": True}
    if random.random() < 0.04:
        wishes["place"] = {"refused": ["home"]}
    if random.random() < 0.02:
        wishes["attorney"] = {"represented": True}
    if random.random() < 0.02:
        wishes["person"] = {"wanted": True}
    return wishes
