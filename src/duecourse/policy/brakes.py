"""The brakes of a policy file: the band in which a batch goes out by itself, and its canary."""

from __future__ import annotations

from decimal import Decimal

from ruamel.yaml.comments import CommentedMap

from duecourse.domain.money import MoneyError, to_minor

from .model import Brakes, Canary
from .reading import Section, decimal_of, percent_of, shown
from .routes import parse_duration

MOST_MESSAGES = 100_000_000
MOST_CANARIES = 100_000


def parse_brakes(top: Section) -> Brakes | None:
    """None when the policy has none; faults P103, P150 (a band that holds nothing) and P151 (an amount)."""
    under = top.section("brakes", "brakes")
    if under is None:
        return None
    least, most = _messages(under)
    currency, most_amount, most_total = _amounts(under)
    brakes = Brakes(
        least_messages=least,
        most_messages=most,
        times_usual=_times_usual(under),
        currency=currency,
        most_amount_minor=most_amount,
        most_total_minor=most_total,
        canary=_canary(under),
    )
    under.finish()
    return brakes


def _messages(under: Section) -> tuple[int | None, int | None]:
    band = under.section("messages", "brakes messages")
    if band is None:
        return None, None
    least = band.integer("min", 0, 0, MOST_MESSAGES) if band.has("min") else band.take("min")
    most = band.integer("max", MOST_MESSAGES, 1, MOST_MESSAGES) if band.has("max") else band.take("max")
    band.finish()
    if least is not None and most is not None and least > most:
        band.fault("P150", "min", f"messages: no number is at least {least} and at most {most}")
    return least, most


def _times_usual(under: Section) -> Decimal | None:
    value = under.take("times_usual")
    if value is None:
        return None
    times = decimal_of(value)
    if times is None or not 1 < times <= 1000:
        under.fault("P150", "times_usual", f"times_usual: expected a number above 1, found {shown(value)}")
        return None
    return times


def _amounts(under: Section) -> tuple[str, int | None, int | None]:
    band = under.section("amount", "brakes amount")
    if band is None:
        return "", None, None
    currency = band.text("currency", required=True) or ""
    amounts: list[int | None] = []
    for key in ("max", "total"):
        value = band.take(key)
        amount = decimal_of(value)
        if value is None or not currency:
            amounts.append(None)
            continue
        try:
            if amount is None or amount <= 0:
                raise MoneyError("is not an amount above zero")
            amounts.append(to_minor(amount, currency))
        except MoneyError as error:
            band.fault("P151", key, f"{key}: {shown(value)} {error}")
            amounts.append(None)
    band.finish()
    return currency, amounts[0], amounts[1]


def _canary(under: Section) -> Canary | None:
    value = under.take("canary")
    if value is True:
        return Canary()
    if value is None or value is False:
        return None
    if not isinstance(value, CommentedMap):
        under.fault("P103", "canary", f"canary: expected true or a mapping, found {shown(value)}")
        return None
    canary = Section(value, under.file, under.faults, "brakes canary")
    usual = Canary()
    size = canary.integer("size", usual.size, 1, MOST_CANARIES)
    percent = _percent(canary)
    wait = canary.text("wait")
    seconds = usual.wait_seconds if wait is None else parse_duration(wait)
    canary.finish()
    if seconds is None:
        canary.fault("P150", "wait", f"wait: {shown(wait)} is not a time; write e.g. 15m or 1h30m")
        seconds = usual.wait_seconds
    return Canary(size=size, most_bad_percent=percent, wait_seconds=seconds)


def _percent(canary: Section) -> Decimal:
    value = canary.take("most_bad")
    if value is None:
        return Canary().most_bad_percent
    percent = percent_of(value)
    if percent is None or not 0 <= percent < 100:
        canary.fault("P150", "most_bad", f"most_bad: expected a share such as 5%, found {shown(value)}")
        return Canary().most_bad_percent
    return percent
