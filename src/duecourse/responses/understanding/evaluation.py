"""How well answers are understood: against labelled ones that nobody saw who made the rules and the model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from duecourse.domain.money import from_minor
from duecourse.responses.intents import GRAVE, Intent, Understood

from .labelled import CURRENCIES, REGIONS, TODAY, Labelled, shipped
from .plain import plain
from .understand import understand

BARS: Final = {intent: 0.99 for intent in (Intent.STOP, Intent.DISPUTE, Intent.DECEASED, Intent.DISTRESS)}
"""The least recall of what must not be missed."""
_AT_ONCE: Final = GRAVE | {Intent.STOP}


@dataclass(frozen=True, slots=True)
class Measured:
    """Of one intent: answers that mean it, those understood so, and those of both."""

    intent: Intent
    meant: int
    taken: int
    right: int
    caught: int
    """Of those that mean it: understood so, or read by a person (another grave one, or unclear)."""

    @property
    def recall(self) -> float | None:
        """Share of what means it that was understood so; None of nothing."""
        return self.right / self.meant if self.meant else None

    @property
    def precision(self) -> float | None:
        """Share of what was understood so that means it; None of nothing."""
        return self.right / self.taken if self.taken else None

    @property
    def bar_met(self) -> bool | None:
        """Whether recall is at the bar; None where there is no bar, or no answer."""
        if self.intent not in BARS or self.recall is None:
            return None
        return self.recall >= BARS[self.intent]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The figures of one set of labelled answers."""

    answers: int
    exact: int
    """All intents, no other, and the gravest first."""
    first: int
    """The first intent is one of those meant."""
    to_a_person: int
    """Unclear, or grave: a person reads it."""
    unclear: int
    false_alarms: int
    """Answers that mean neither anything grave nor a stop, taken for one."""
    harmless: int
    """Answers that mean neither."""
    measured: tuple[Measured, ...]
    confusion: Mapping[tuple[Intent, Intent], int]
    """Gravest intent meant and first intent understood, to answers."""
    days: Mapping[str, int]
    """'right', 'missed', 'invented', 'wrong', of the answers that promise to pay."""
    amounts: Mapping[str, int]
    """The same, of all; 'none' where there is none and none was read."""
    known: int
    """Answers that stand word by word among those trained on."""

    def facts(self) -> dict[str, Any]:
        """All of it for a program."""
        return {
            "answers": self.answers,
            "exact": _share(self.exact, self.answers),
            "first_right": _share(self.first, self.answers),
            "to_a_person": _share(self.to_a_person, self.answers),
            "unclear": _share(self.unclear, self.answers),
            "false_alarms": _share(self.false_alarms, self.harmless),
            "standing_in_the_training_half": self.known,
            "intents": {
                one.intent.value: {
                    "answers": one.meant,
                    "recall": _rounded(one.recall),
                    "precision": _rounded(one.precision),
                    "reaching_a_person_or_understood": _share(one.caught, one.meant),
                    "bar": BARS.get(one.intent),
                    "bar_met": one.bar_met,
                }
                for one in self.measured
            },
            "confusion": [
                {"meant": meant.value, "understood": taken.value, "answers": count}
                for (meant, taken), count in sorted(self.confusion.items())
            ],
            "days": dict(self.days),
            "amounts": dict(self.amounts),
        }


def evaluate(answers: Sequence[Labelled]) -> Evaluation:
    """Read every answer and count. Nobody's memory: what is known of an answer is its text alone."""
    understood = [
        understand(
            one.text,
            today=TODAY,
            currency=CURRENCIES[one.language],
            languages=(one.language,),
            region=REGIONS[one.language],
        )
        for one in answers
    ]
    pairs = list(zip(answers, understood, strict=True))
    trained_on = {plain(one.text) for one in shipped()}
    harmless = [(meant, taken) for meant, taken in pairs if not _AT_ONCE & set(meant.intents)]
    return Evaluation(
        answers=len(answers),
        exact=sum(_exact(meant, taken) for meant, taken in pairs),
        first=sum(taken.intent in meant.intents for meant, taken in pairs),
        to_a_person=sum(_reaches_a_person(taken) for taken in understood),
        unclear=sum(taken.intent is Intent.UNCLEAR for taken in understood),
        false_alarms=sum(bool(_AT_ONCE & set(taken.intents)) for _, taken in harmless),
        harmless=len(harmless),
        measured=tuple(_measured(intent, pairs) for intent in Intent),
        confusion=Counter((meant.intents[0], taken.intent) for meant, taken in pairs),
        days=Counter(
            _outcome(meant.promised_on, taken.promised_on)
            for meant, taken in pairs
            if Intent.WILL_PAY in meant.intents and Intent.WILL_PAY in taken.intents
        ),
        amounts=Counter(_outcome(meant.amount, _amount(taken)) for meant, taken in pairs),
        known=sum(plain(one.text) in trained_on for one in answers),
    )


def _measured(intent: Intent, pairs: Iterable[tuple[Labelled, Understood]]) -> Measured:
    pairs = list(pairs)
    meaning = [taken for meant, taken in pairs if intent in meant.intents]
    return Measured(
        intent,
        meant=len(meaning),
        taken=sum(intent in taken.intents for _, taken in pairs),
        right=sum(intent in taken.intents for taken in meaning),
        caught=sum(intent in taken.intents or _reaches_a_person(taken) for taken in meaning),
    )


def _exact(meant: Labelled, taken: Understood) -> bool:
    grave_first = meant.intents[0] not in GRAVE or meant.intents[0] is taken.intent
    return set(meant.intents) == set(taken.intents) and grave_first


def _reaches_a_person(taken: Understood) -> bool:
    return taken.intent is Intent.UNCLEAR or taken.intent in GRAVE


def _outcome(meant: object, taken: object) -> str:
    if meant == taken:
        return "none" if meant is None else "right"
    if taken is None:
        return "missed"
    return "invented" if meant is None else "wrong"


def _amount(taken: Understood) -> Decimal | None:
    return None if taken.amount_minor is None else from_minor(taken.amount_minor, taken.currency)


def _share(part: int, whole: int) -> float | None:
    return _rounded(part / whole) if whole else None


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, 4)
