"""A policy made up for templates that no policy uses yet, so that they can be checked and looked at."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import time
from typing import Final

from liquid.exceptions import LiquidError

from duecourse.book.events import EVENT_KINDS, EventKind
from duecourse.domain.messaging import Channel, Purpose
from duecourse.policy.model import ANY_TIME, Anchor, Creditor, Languages, Policy, Step, Window, Wording
from duecourse.policy.templates import Templates, TemplateText

from .liquid_env import environment
from .making import can_say
from .variables import EVENT_VARIABLES, variables_of

_SAMPLE_PHONE: Final = "400-000-0000"
_SAMPLE_CREDITORS: Final = {"zh": "示例金融", "ar": "شركة المثال للتمويل", "hi": "नमूना फ़ाइनेंस"}
_SAMPLE_PRODUCTS: Final = {"zh": "消费贷款", "ar": "قرض شخصي", "hi": "व्यक्तिगत ऋण"}


def policy_with(templates: Templates, policy: Policy | None = None, first: str = "") -> Policy:
    """The policy with a step more for every template it does not use; without one, a whole policy made up.

    The purpose of such a step is a status notice, which may say anything; its channels are those that every language of
    the template has what it takes for. first: the language in whose country's money the samples of a made-up policy
    owe. Raises ValueError when there are no templates.
    """
    used = set(policy.templates) if policy else set()
    steps = [_step(name, templates) for name in templates.names() if name not in used]
    if policy is not None:
        return policy.model_copy(update={"steps": (*policy.steps, *steps)})
    if not steps:
        raise ValueError("no templates")
    written = sorted((text.language for text in templates), key=lambda language: language != first)
    known = tuple(dict.fromkeys(written))
    wording = Wording(
        languages=Languages(known=known, fallback={language: known[0] for language in known}),
        creditors={
            "*": Creditor(
                name={language: _sample(_SAMPLE_CREDITORS, language, "Sample Finance") for language in known},
                contact_phone=_SAMPLE_PHONE,
            )
        },
        products={
            "sample": {language: _sample(_SAMPLE_PRODUCTS, language, "personal loan") for language in known}
        },
    )
    return Policy(name="sample", wording=wording, steps=tuple(steps))


def _sample(words: dict[str, str], language: str, other: str) -> str:
    return words.get(language.partition("-")[0], other)


def _step(template: str, templates: Templates) -> Step:
    texts = templates.of(template)
    able = [channel for channel in Channel if all(channel in can_say(text) for text in texts)]
    event = _event_of(texts)
    return Step(
        id=template,
        anchor=Anchor.EVENT if event else Anchor.DUE,
        offset_days=0,
        window=ANY_TIME if event else Window(start=time(9), end=time(9)),
        on=event,
        purpose=Purpose.STATUS,
        route=tuple(able) or (Channel.SMS,),
        template=template,
    )


def _event_of(texts: Sequence[TemplateText]) -> EventKind | None:
    """The first kind of event of which all can be said that texts say; None where they speak of installments."""
    said: set[str] = set()
    for text in texts:
        for source in text.parts.values():
            with suppress(LiquidError):
                said |= environment(text.language, "text").parse_source(source).analyze().globals.keys()
    told = said & EVENT_VARIABLES.keys()
    kinds = [kind for kind in EVENT_KINDS if told <= variables_of(kind).keys()]
    return kinds[0] if told and kinds else None
