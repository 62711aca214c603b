"""What follows from all that a person has answered, in the order it was said: a pure function of it.

Answers arrive late, twice and in any order, and are read otherwise afterwards. So what follows is never changed step by
step: it is worked out anew from the whole, and what stands in the book is brought in line (acting.py). No clock is
read: the same answers give the same holds, promises and questions for a person, whenever they are looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

from duecourse.book.holds import HoldKind
from duecourse.policy.model import Responses

from .intents import Intent

HOLD_OF: Final = {
    Intent.DISPUTE: HoldKind.DISPUTE,
    Intent.BANKRUPTCY: HoldKind.BANKRUPTCY,
    Intent.DECEASED: HoldKind.DECEASED,
    Intent.LAWYER: HoldKind.LAWYER,
    Intent.IDENTITY_THEFT: HoldKind.IDENTITY_THEFT,
    Intent.COMPLAINT: HoldKind.COMPLAINT,
    Intent.DISTRESS: HoldKind.DISTRESS,
}
OF_ONE_DEBT: Final = frozenset({Intent.DISPUTE, Intent.IDENTITY_THEFT})
"""Holds of the debt that the answer is about, where that is known; the others are of the person."""
KEPT_WITHIN: Final = timedelta(days=1)
"""After the day promised: a payment of the next day still keeps the promise."""
IN_A_ROW_DAYS: Final = 30
"""Of "I have paid" and "I cannot pay": how far back those before it count."""
SURE_STOP: Final = 0.30
"""A stop that the model alone took at less than this probability is in force, and a person looks whether it was one."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer as it is read now. Instants are where days end by the borrower's clock.

    said_on: the borrower's day. kept: whether payments kept what it promised. confidence, read_by: of its gravest
    intent, as in Understood.
    """

    response_id: UUID
    said_at: datetime
    said_on: date
    intents: tuple[Intent, ...]
    terms: Responses
    loan_id: UUID | None = None
    promised_on: date | None = None
    amount_minor: int | None = None
    currency: str = ""
    kept: bool = False
    promise_ends: datetime | None = None
    paid_wait_ends: datetime | None = None
    gentle_ends: datetime | None = None
    confidence: float = 1.0
    read_by: str = "form"


@dataclass(frozen=True, slots=True)
class Following:
    """A hold, or (kind None) gentler words, that follows from an answer. until: None lasts until a person ends it."""

    response_id: UUID
    kind: HoldKind | None
    loan_id: UUID | None
    since: datetime
    until: datetime | None

    @property
    def key(self) -> tuple[UUID, HoldKind | None, UUID | None]:
        """What makes two the same but for when it ends."""
        return (self.response_id, self.kind, self.loan_id)


@dataclass(frozen=True, slots=True)
class Promised:
    """A promise to pay. accepted: it pauses. standing: no later one took its place."""

    response_id: UUID
    loan_id: UUID | None
    said_at: datetime
    said_on: date
    promised_on: date
    amount_minor: int | None
    currency: str
    accepted: bool
    standing: bool

    @property
    def keep_by(self) -> date:
        """The last day on which a payment keeps it."""
        return self.promised_on + KEPT_WITHIN


@dataclass(slots=True)
class Followed:
    """What follows from all answers together. waits: why a person must look, by answer."""

    holds: list[Following] = field(default_factory=list)
    promises: list[Promised] = field(default_factory=list)
    waits: dict[UUID, str] = field(default_factory=dict)


def follow(answers: Iterable[Answer]) -> Followed:
    """What follows from a person's answers, in the order they were said, whatever the order they are given in."""
    found = Followed()
    ordered = sorted(answers, key=lambda one: (one.said_at, one.response_id))
    for place, answer in enumerate(ordered):
        before = ordered[:place]
        for intent in answer.intents:
            reason = _follow_one(found, before, answer, intent)
            if reason:
                found.waits.setdefault(answer.response_id, reason)
    return found


def _follow_one(found: Followed, before: Sequence[Answer], answer: Answer, intent: Intent) -> str:
    """Add what follows from one intent; the reason why a person must look, or ''."""
    if kind := HOLD_OF.get(intent):
        loan_id = answer.loan_id if intent in OF_ONE_DEBT else None
        found.holds.append(Following(answer.response_id, kind, loan_id, answer.said_at, None))
        return intent.value
    match intent:
        case Intent.WILL_PAY:
            return _promise(found, before, answer)
        case Intent.PAID:
            if _times_before(before, answer, {Intent.PAID}) >= answer.terms.promises_in_a_row:
                return "paid-again"
            _pause(found, answer, HoldKind.SAYS_PAID, answer.paid_wait_ends)
        case Intent.CANNOT_PAY | Intent.WANTS_PLAN:
            if not _times_before(before, answer, {Intent.CANNOT_PAY, Intent.WANTS_PLAN}):
                kind = HoldKind.HARDSHIP if answer.terms.gentler == "pause" else None
                _pause(found, answer, kind, answer.gentle_ends)
            return intent.value
        case Intent.UNCLEAR | Intent.ABUSE:
            return intent.value
        case Intent.STOP if answer.read_by == "model" and answer.confidence < SURE_STOP:
            return "unsure-stop"
        case _:
            pass
    return ""


def _pause(found: Followed, answer: Answer, kind: HoldKind | None, until: datetime | None) -> None:
    one = Following(answer.response_id, kind, answer.loan_id, answer.said_at, until)
    if all(known.key != one.key for known in found.holds):
        found.holds.append(one)


def _times_before(before: Sequence[Answer], answer: Answer, intents: set[Intent]) -> int:
    """On how many earlier days of the last 30 the same was said. The same said twice on a day is said once."""
    since = answer.said_on - timedelta(days=IN_A_ROW_DAYS)
    return len(
        {one.said_on for one in before if intents & set(one.intents) and since < one.said_on < answer.said_on}
    )


def _promise(found: Followed, before: Sequence[Answer], answer: Answer) -> str:
    """A promise that pauses, one that does not and why, or the same one said again."""
    day = answer.promised_on
    if day is None or answer.promise_ends is None:
        return "no-day"
    if day < answer.said_on:
        return "day-past"
    if _said_already(found, answer):
        return ""
    reason = ""
    if day > answer.said_on + timedelta(days=answer.terms.promise_longest_days):
        reason = "too-far"
    elif _in_a_row(found, before) >= answer.terms.promises_in_a_row:
        reason = "too-many"
    if not reason:
        _replace_earlier(found, answer)
        _pause(found, answer, HoldKind.PROMISE, answer.promise_ends)
    found.promises.append(
        Promised(
            answer.response_id, answer.loan_id, answer.said_at, answer.said_on, day, answer.amount_minor,
            answer.currency, accepted=not reason, standing=not reason,
        )
    )  # fmt: skip
    return reason


def _said_already(found: Followed, answer: Answer) -> bool:
    """The promise that stands, said again."""
    return any(
        one.standing
        and (one.loan_id, one.promised_on) == (answer.loan_id, answer.promised_on)
        and answer.amount_minor in (None, one.amount_minor)
        for one in found.promises
    )


def _in_a_row(found: Followed, before: Sequence[Answer]) -> int:
    """How many promises paused since the last that was kept."""
    kept = {one.response_id for one in before if one.kept}
    run = 0
    for one in found.promises:
        run = 0 if one.response_id in kept else run + one.accepted
    return run


def _replace_earlier(found: Followed, answer: Answer) -> None:
    """The last word holds: an earlier promise about the same, or about any debt where this is about all, ends now."""
    gone = {
        one.response_id for one in found.promises if one.standing and answer.loan_id in (None, one.loan_id)
    }
    found.promises = [
        replace(one, standing=False) if one.response_id in gone else one for one in found.promises
    ]
    found.holds = [
        replace(one, until=min(one.until or answer.said_at, answer.said_at))
        if one.kind is HoldKind.PROMISE and one.response_id in gone
        else one
        for one in found.holds
    ]
