"""An answer's meaning, its day and its amount."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from typing import Final, Literal

from duecourse.domain.messaging import Channel
from duecourse.responses.intents import GRAVE, Intent, Understood
from duecourse.rules.word_lists import opt_out_scope

from .amounts import amount_named
from .days import day_named, without_days
from .features import known_words
from .lexicon import read_data
from .model import MEANINGS, Weighed, weigh
from .plain import has_han, plain, unquoted
from .rules import Found, found_by_rules

GRAVEST_FIRST: Final = (
    Intent.DISTRESS,
    Intent.DECEASED,
    Intent.IDENTITY_THEFT,
    Intent.LAWYER,
    Intent.BANKRUPTCY,
    Intent.DISPUTE,
    Intent.COMPLAINT,
    Intent.STOP,
    Intent.WRONG_PERSON,
    Intent.AUTHENTICITY,
    Intent.ABUSE,
    Intent.PAID,
    Intent.WILL_PAY,
    Intent.CANNOT_PAY,
    Intent.WANTS_PLAN,
    Intent.CALL_ME,
    Intent.START,
    Intent.THANKS,
)
"""The order in which an answer's intents stand."""
LANGUAGES: Final = ("en", "zh")
"""Those that the model knows, by their first subtag."""

_OPPOSED: Final = ((Intent.STOP, Intent.START),)
"""Of two that cannot both be meant, the first is kept: it does less."""
_BARE: Final = 4
"""Characters beside a day that leave it a bare one."""
_WORD: Final = re.compile(r"[^\W\d_]+")
_HEARD: Final = 0.05
"""The least probability of a stop or something grave that a rule heard: the model may know better, but hardly."""
_SUSPECTED: Final = 0.08
"""The least probability of a suspected meaning: below it the answer is read by what else it says, or by a person."""
_SUSPICION: Final[Mapping[Intent, float]] = {
    Intent.STOP: 0.03,
    Intent.DECEASED: 0.0305,
    Intent.DISPUTE: 0.07,
    Intent.DISTRESS: 0.13,
}
"""Where it is another. Of a death the least at which a telephone that died is none."""
_TELLING: Final = frozenset({Intent.STOP, Intent.DECEASED, Intent.DISPUTE})
"""Suspected beside whatever is sure: who says that they paid, or that it is somebody else, may dispute all the same."""
_BESIDE: Final = 0.34
"""A suspected meaning is dropped beside a grave suspicion so much likelier than it: a person reads that one."""
_BESIDE_SURE: Final = 0.2
"""And beside a meaning that is sure, and so much likelier than it."""
_CLAUSES: Final = re.compile(r"[.!?;\n。！？；]+")
_CLAUSE: Final = 3
"""Characters of the shortest clause that is read for itself."""
_MANY: Final = 3
"""Clauses of a text that is read clause by clause, besides as a whole."""
_READ: Final = 40
"""Clauses of it that are read so, at most."""
_UNDONE: Final = 0.5
"""The least probability of a start that no rule heard: it undoes a stop, so it must be likelier than not."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How a text was read, for whoever asks why. Holds the borrower's words: never logged."""

    understood: Understood
    text: str = field(repr=False)
    """The plain text that rules and model saw."""
    found: Sequence[Found] = field(default=(), repr=False)
    """What the rules say."""
    chances: Mapping[Intent, float] = field(default_factory=dict)
    """What the model says, the likeliest first; empty where it was not asked."""


def understand(
    text: str,
    *,
    today: date,
    currency: str,
    channel: Channel | None = None,
    languages: Sequence[str] | None = None,
    region: str = "",
) -> Understood:
    """What an answer means.

    today: the date where the borrower is, from which days in words count. currency: ISO 4217, of the debt; '' where it
    is several, and no amount is read then. channel: by which it came; an e-mail is read without what it quotes.
    languages: BCP 47, those of the borrower. region: ISO 3166, where the borrower is: the order of 3/12.
    """
    return read(
        text, today=today, currency=currency, channel=channel, languages=languages, region=region
    ).understood


def read(
    text: str,
    *,
    today: date,
    currency: str,
    channel: Channel | None = None,
    languages: Sequence[str] | None = None,
    region: str = "",
) -> Reading:
    """`understand`, with its reasons."""
    words = plain(text, channel)
    if opt_out_scope(unquoted(text, channel)) or opt_out_scope(words):
        said = Understood((Intent.STOP,), 1.0, "rule", currency=currency)
        return Reading(said, words, (Found(Intent.STOP, words),))
    if not _is_known(words, languages):
        return _foreign(words, currency)
    found = found_by_rules(words)
    if not found and _is_noise(words):
        return Reading(Understood((Intent.UNCLEAR,), 0.0, "rule", currency=currency), words)
    weighed = _weighed(words, found)
    day = day_named(words, today, region)
    intents = _decided(found, weighed)
    if (
        not intents
        and day is not None
        and len(without_days(words).replace("_", "").strip(" .,!?。，！~")) <= _BARE
    ):
        intents = (Intent.WILL_PAY,)
    by: Literal["rule", "model"] = "rule" if intents and _by_rules(intents[0], found) else "model"
    understood = Understood(
        intents or (Intent.UNCLEAR,),
        round(weighed.chances[intents[0]] if intents else 1 - max(weighed.chances.values()), 3),
        by,
        day if Intent.WILL_PAY in intents else None,
        amount_named(words, currency),
        currency,
    )
    return Reading(understood, words, found, weighed.chances)


def _weighed(words: str, found: Sequence[Found]) -> Weighed:
    """The whole text, and of a long one each clause: a grave one among harmless ones counts as if it stood alone."""
    whole = weigh(words, found)
    clauses = [one.strip() for one in _CLAUSES.split(words) if len(one.strip()) >= _CLAUSE]
    if len(clauses) < _MANY:
        return whole
    chances, grave = dict(whole.chances), set[Intent]()
    for clause in clauses[:_READ]:
        alone = weigh(clause, found_by_rules(clause))
        for one in alone.sure & GRAVE:
            grave.add(one)
            chances[one] = max(chances[one], alone.chances[one])
    return Weighed(
        dict(sorted(chances.items(), key=lambda one: (-one[1], one[0]))),
        whole.sure | grave,
        whole.suspected - grave,
    )


def _decided(found: Sequence[Found], weighed: Weighed) -> tuple[Intent, ...]:
    """What is taken, the gravest first: what the model is sure of, and of the grave what it or a rule suspects."""
    chances = weighed.chances
    denied = {one.intent for one in found if one.denied}
    heard = {one.intent for one in found if not one.denied}
    taken = set(weighed.sure) - denied
    taken |= {one for one in heard if one in GRAVE or one is Intent.STOP if chances[one] >= _HEARD}
    suspected = weighed.suspected - denied - taken
    graver = max((chances[one] for one in suspected if one in GRAVE), default=0.0)
    surer = max((chances[one] for one in taken), default=0.0)
    for one in suspected:
        least = max(_SUSPICION.get(one, _SUSPECTED), graver * _BESIDE)
        if chances[one] >= (least if one in _TELLING else max(least, surer * _BESIDE_SURE)):
            taken.add(one)
    if Intent.START not in heard and chances[Intent.START] < _UNDONE:
        taken.discard(Intent.START)
    for first, second in _OPPOSED:
        if first in taken:
            taken.discard(second)
    return tuple(one for one in GRAVEST_FIRST if one in taken)


def _by_rules(intent: Intent, found: Sequence[Found]) -> bool:
    return any(one.intent is intent and not one.denied for one in found)


def _is_known(words: str, languages: Sequence[str] | None) -> bool:
    """Whether a text is in a language of the model, as far as its letters and the borrower's languages tell."""
    if has_han(words):
        return True
    letters = _WORD.findall(words)
    if sum(not one.isascii() for one in letters) * 3 > len(letters):
        return False
    if not languages or any(one.split("-")[0].lower() in LANGUAGES for one in languages):
        return True
    return sum(one in known_words() for one in letters) * 2 >= len(letters)


def _is_noise(words: str) -> bool:
    """Whether there are words and the model has seen none of them: pieces of them would say anything."""
    letters = _WORD.findall(words)
    return bool(letters) and not has_han(words) and not any(one in known_words() for one in letters)


def _foreign(words: str, currency: str) -> Reading:
    """Grave words of other languages; the rest a person reads."""
    found = tuple(
        Found(intent, match[0])
        for intent, pattern in _other()
        if (match := pattern.search(words)) is not None
    )
    intents = tuple(one for one in GRAVEST_FIRST if any(each.intent is one for each in found))
    understood = Understood(intents or (Intent.UNCLEAR,), 0.9 if intents else 0.0, "rule", currency=currency)
    return Reading(understood, words, found)


@cache
def _other() -> tuple[tuple[Intent, re.Pattern[str]], ...]:
    return tuple(
        (
            Intent(name),
            re.compile(
                r"(?<!\w)(?:"
                + "|".join(re.escape(plain(word)) for words in by_language.values() for word in words)
                + r")(?!\w)"
            ),
        )
        for name, by_language in read_data("other").items()
    )


assert set(GRAVEST_FIRST) == set(MEANINGS)
