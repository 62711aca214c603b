"""What a mail server's answer means.

Sources: RFC 5321 (4.2.3), RFC 3463 and the IANA registry of enhanced status codes.

A number is judged by its enhanced status where there is one. A bare 550 covers "no such user" and "rejected
by policy" alike, so it never marks an address as dead.
"""

from __future__ import annotations

import re

from duecourse.domain.messaging import AccountTrouble, Cause, Deferred, Outcome, Refused, Throttled

_ENHANCED = re.compile(r"^\s*([245]\.\d{1,3}\.\d{1,3})\b")

DEAD_ADDRESS = frozenset({"5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1", "5.4.4"})
SLOW_DOWN = frozenset({"4.3.2", "4.4.5", "4.5.3", "4.7.0", "4.7.1", "4.7.28", "4.7.29"})
FULL = frozenset({"4.2.2", "5.2.2"})
BLOCKED = frozenset({"5.7.1", "5.7.20", "5.7.23", "5.7.25", "5.7.26"})
NO_ACCOUNT = frozenset({454, 530, 534, 535, 538})
"""Answers to AUTH, and to MAIL without one (RFC 4954, 6)."""
WHOLE_RELAY = frozenset({"421", "4.3.2", "4.4.5"})
"""Throttling that is not about one recipient."""
EXPIRED = frozenset({"4.4.7", "5.4.7"})
MEANINGS = {
    "1.0": "trouble with the address",
    "1.1": "no such mailbox",
    "1.2": "no such mail domain",
    "1.3": "the address is malformed",
    "1.6": "the mailbox has moved and left no address",
    "1.7": "the sender's address is malformed",
    "1.8": "the sender's domain is not accepted",
    "1.10": "the domain takes no mail",
    "2.0": "trouble with the mailbox",
    "2.1": "the mailbox is disabled",
    "2.2": "the mailbox is full",
    "2.3": "the message is longer than the mailbox takes",
    "3.0": "trouble in the mail system",
    "3.1": "the mail system is full",
    "3.2": "the mail system takes no messages now",
    "3.4": "the message is too big",
    "4.1": "the host does not answer",
    "4.2": "the connection failed",
    "4.4": "no route to the domain",
    "4.5": "the mail system is congested",
    "4.7": "the time to deliver ran out",
    "5.0": "trouble with the protocol",
    "5.3": "too many recipients",
    "6.7": "an address needs SMTPUTF8",
    "7.0": "refused by policy",
    "7.1": "delivery is not authorised",
    "7.20": "no DKIM signature passed",
    "7.23": "SPF did not pass",
    "7.25": "reverse DNS did not pass",
    "7.26": "several authentication checks failed",
    "7.28": "too much mail",
}


def enhanced_status(text: str) -> str:
    """The enhanced status code at the beginning of a reply's text; empty when there is none."""
    match = _ENHANCED.match(text)
    return match[1] if match else ""


def meaning(status: str) -> str:
    """Words for an enhanced status. The server's own words may quote the address, so they are not used."""
    detail = status.partition(".")[2]
    return MEANINGS.get(detail) or MEANINGS.get(f"{detail.partition('.')[0]}.0") or "refused"


def outcome(code: int, text: str, pause_seconds: float) -> Outcome:
    """The outcome of a reply that is not a success."""
    status = enhanced_status(text)
    label = status if status and code != 421 else str(code)
    if code == 421 or status in SLOW_DOWN:
        return Throttled(label, pause_seconds)
    words = meaning(status) if status else f"reply {code}"
    if code in NO_ACCOUNT:
        return AccountTrouble(label, "the relay does not accept the login")
    if code < 500 and status not in FULL:
        return Deferred(label, words)
    return Refused(label, words, permanent=status in DEAD_ADDRESS, cause=cause(status))


def cause(status: str) -> Cause:
    """Why mail was refused or came back, by its enhanced status."""
    if status in DEAD_ADDRESS:
        return Cause.DEAD
    if status in FULL:
        return Cause.FULL
    return Cause.BLOCKED if status in BLOCKED else Cause.OTHER
