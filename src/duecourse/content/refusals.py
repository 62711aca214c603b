"""Content rules: what a text must not say. Run on every rendered text before it is handed over."""

from __future__ import annotations

import re
from typing import NamedTuple

from duecourse.domain.messaging import Channel, Purpose
from duecourse.rules.word_lists import words_found

from .rendered import Rendered

RULE = "CONTENT"
OFFERING_NOTHING = (Purpose.CONFIRMATION, Purpose.STATUS, Purpose.LEGAL)
"""Purposes whose texts tell and offer nothing: a thank-you that advertises is marketing under another name."""
PUSHED = (Channel.APP, Channel.WEBPUSH)
"""The channels whose whole text stands on a lock screen."""
_SIGNATURE = re.compile(r"\A【[^【】]{1,40}】[^【】]*\Z", re.S)
_AMOUNT = re.compile(
    r"[$€£¥￥₱₫₹₩฿]\s?\d|\d\s?[元$€£¥₱₫₹₩฿]|\b[A-Z]{3}\s?\d[\d.,]*\b|\b\d[\d.,]*\s[A-Z]{3}\b"
)


class Refusal(NamedTuple):
    """A rule and why it refuses. The reason quotes words of the rule's own list, never of the book."""

    rule: str
    reason: str


def refusals(rendered: Rendered, purpose: str, *, name: str = "") -> list[Refusal]:
    """Every content rule that the text breaks; empty when it may go out.

    purpose: a word of Purpose. name: the borrower's, which an e-mail's subject must not show.
    """
    reasons = []
    if not rendered.text.strip():
        reasons.append("the text is empty")
    if purpose == Purpose.REMINDER:
        words = overdue_words(f"{rendered.subject}\n{rendered.text}\n{rendered.html}")
        reasons += [f"a reminder says '{word}'" for word in words]
    if purpose in OFFERING_NOTHING:
        offers = offers_in(f"{rendered.subject}\n{rendered.text}\n{rendered.html}")
        reasons += [f"a text that is to offer nothing says '{word}'" for word in offers]
    if rendered.channel == "sms" and not signature_is_right(rendered.text):
        reasons.append("【】 is for the signature at the start of an SMS, once")
    if rendered.subject:
        reasons += [
            f"the subject, which a lock screen shows, {fault}"
            for fault in subject_faults(rendered.subject, name)
        ]
    if rendered.channel in PUSHED:
        reasons += [
            f"the push, which a lock screen shows, {fault}" for fault in subject_faults(rendered.text, name)
        ]
    if rendered.script:
        reasons += [f"the greeting {fault}" for fault in _script_faults(rendered.script.greeting)]
        reasons += [f"the voicemail {fault}" for fault in _script_faults(rendered.script.voicemail)]
    return [Refusal(RULE, reason) for reason in reasons]


def _script_faults(said: str) -> list[str]:
    """What anybody but the right party must not hear."""
    faults = [f"says '{word}'" for word in overdue_words(said)]
    return [*faults, "names an amount"] if amount_in(said) else faults


def subject_faults(subject: str, name: str = "") -> list[str]:
    """What a lock screen must not show: an amount, a name, a word that says a payment is late."""
    faults = [f"says '{word}'" for word in overdue_words(subject)]
    if amount_in(subject):
        faults.append("shows an amount")
    if name and name in subject:
        faults.append("shows the borrower's name")
    return faults


def amount_in(text: str) -> bool:
    """Whether a text shows an amount of money."""
    return _AMOUNT.search(text) is not None


def signature_is_right(text: str) -> bool:
    """Whether 【】 is absent, or stands once, at the very start."""
    return not ("【" in text or "】" in text) or _SIGNATURE.match(text) is not None


def offers_in(text: str) -> list[str]:
    """The words that offer something and that a text holds, each once, in order."""
    return words_found("offers", text)


def overdue_words(text: str) -> list[str]:
    """The words that say a payment is late and that a text holds, each once, in order."""
    return words_found("overdue", text)
