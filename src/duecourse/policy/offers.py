"""The `offers:` section of a policy file: what borrowers who cannot pay may agree to or ask for."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from duecourse.domain.due_day import MONTH_END

from .conditions import Known, misplaced, parse_condition
from .offered import Kind, Offer, Offers
from .reading import Section, percent_of, shown
from .routes import parse_duration
from .words import condition_in_words

_DAY: Final = 86_400
MOST_COOLING_DAYS: Final = 30
MOST_PAYMENTS: Final = 360
MOST_PAUSE_MONTHS: Final = 3


def parse_offers(top: Section, known: Known) -> Offers | None:
    """None when the policy has no such section.

    Faults P103, P465 (a cooling-off of no whole days), P466 (an entry that is never reached), P467 (a rate), P453 (a
    field that an installment does not have), and those of conditions.
    """
    under = top.section("offers", "offers")
    if under is None:
        return None
    usual = Offers()
    share = under.integer("share", usual.share_percent, 1, 100)
    cooling = _cooling_off(under)
    allowed: list[Offer] = []
    to_everyone: set[Kind] = set()
    for section in under.sections("allowed", lambda entry, at: f"offers {entry.get('kind', at + 1)}"):
        offer = _offer(section, known)
        if offer is None:
            continue
        if offer.kind in to_everyone:
            said = f"an entry before it offers {offer.kind} to everyone, so this one is never reached"
            section.fault("P466", "kind", said)
        if not section.has("if"):
            to_everyone.add(offer.kind)
        allowed.append(offer)
    if not under.has("allowed"):
        under.fault("P103", "allowed", "'allowed' is missing; list what may be offered")
    under.finish()
    return Offers(share_percent=share, cooling_off_days=cooling, allowed=tuple(allowed))


def offers_in_words(offers: Offers | None) -> str:
    """What may be offered, each with its bounds and for whom."""
    if offers is None:
        return "none"
    told = [
        f"{one.kind} {'at once' if one.mode == 'at-once' else 'by a person'} ({_bounds(one)}) "
        f"for: {condition_in_words(one.condition)}"
        for one in offers.allowed
    ]
    cooling = f"withdrawn within {offers.cooling_off_days}d" if offers.cooling_off_days else "not withdrawn"
    return f"{'; '.join(told) or 'nothing'}; a plan takes at most {offers.share_percent} % of what is left; {cooling}"


def _bounds(offer: Offer) -> str:
    interest = f"interest {offer.interest}"
    often = f"{offer.times_a_year} times a year"
    match offer.kind:
        case Kind.EXTENSION:
            return f"at most {offer.most_days} days, {interest}, {often}"
        case Kind.DUE_DAY:
            return f"day {offer.earliest_day} to {offer.latest_day}, {interest}, {often}"
        case Kind.PAUSE:
            return f"at most {offer.most_months} months, {interest}, {often}"
    rate = "the contract's rate" if offer.rate is None else f"{(offer.rate * 100).normalize():f} % a year"
    return (
        f"at least {offer.lowest_percent} % of a payment, at most {offer.more_payments} more, {rate}, {often}"
    )


def _cooling_off(under: Section) -> int | None:
    text = under.text("cooling_off")
    if text is None:
        return None
    seconds = parse_duration(text)
    if seconds is None or seconds % _DAY or seconds > MOST_COOLING_DAYS * _DAY:
        expected = f"1d to {MOST_COOLING_DAYS}d; write whole days, e.g. 3d"
        under.fault("P465", "cooling_off", f"cooling_off: {shown(text)} is not {expected}")
        return None
    return seconds // _DAY


def _offer(section: Section, known: Known) -> Offer | None:
    kind = section.choice("kind", list(Kind))
    mode = section.choice("mode", ["at-once", "person"], default="person")
    condition = parse_condition(section.section("if", f"{section.name} if"), known)
    for name in misplaced(condition, of_event=False):
        section.fault("P453", "if", f"field '{name}' is one of events; an offer looks at an installment")
    usual = Offer(kind=Kind.PLAN)
    given: dict[str, Any] = {"times_a_year": section.integer("times_a_year", usual.times_a_year, 1, 12)}
    if kind in (Kind.EXTENSION, Kind.DUE_DAY, Kind.PAUSE):
        given["interest"] = section.choice("interest", ["charged", "waived"], default="charged")
    if kind == Kind.EXTENSION:
        given["most_days"] = section.integer("most_days", usual.most_days, 1, 60)
    elif kind == Kind.DUE_DAY:
        first = given["earliest_day"] = section.integer("earliest_day", usual.earliest_day, 1, MONTH_END)
        given["latest_day"] = section.integer("latest_day", max(first, usual.latest_day), first, MONTH_END)
    elif kind == Kind.PLAN:
        given["lowest_percent"] = section.integer("lowest_percent", usual.lowest_percent, 1, 100)
        given["more_payments"] = section.integer("more_payments", usual.more_payments, 0, MOST_PAYMENTS)
        given["rate"] = _rate(section)
    elif kind == Kind.PAUSE:
        given["most_months"] = section.integer("most_months", usual.most_months, 1, MOST_PAUSE_MONTHS)
    if kind is None:
        return None
    section.finish()
    return Offer(
        kind=Kind(kind), mode="at-once" if mode == "at-once" else "person", condition=condition, **given
    )


def _rate(section: Section) -> Decimal | None:
    """'contract', or a yearly percentage such as 4.5%."""
    value = section.take("rate")
    if value is None or value == "contract":
        return None
    percent = percent_of(value)
    if percent is None or not 0 <= percent < 100:
        section.fault(
            "P467", "rate", f"rate: expected 'contract' or a share such as 4.5%, found {shown(value)}"
        )
        return None
    return percent / 100
