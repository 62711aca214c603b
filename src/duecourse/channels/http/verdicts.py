"""What a provider's code means, as data: a family lists its codes, this makes outcomes and receipts of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from duecourse.domain.messaging import AccountTrouble, Cause, Deferred, Outcome, Refused, Throttled, Unknown


class Meaning(StrEnum):
    """What an answer that is no acceptance says."""

    DEAD = "dead"
    """This address will not work again."""
    REFUSED = "refused"
    """This message will not go this way; the address is not to blame."""
    LATER = "later"
    """The provider's own trouble; not taken."""
    SLOWER = "slower"
    """Too fast; not taken."""
    ACCOUNT = "account"
    """Nothing goes until a person acts; not taken."""
    UNCLEAR = "unclear"
    """It may have been taken."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One line of a code table. words: ours, since a provider's own may quote the person."""

    meaning: Meaning
    words: str
    cause: Cause = Cause.OTHER
    after_seconds: float = 0.0
    """For SLOWER and LATER: how long to wait at least, where the code itself says so."""


Table: TypeAlias = Mapping[str, Verdict]


def outcome(code: str, verdict: Verdict, pause_seconds: float) -> Outcome:
    """The outcome of an answer with this code. pause_seconds: where the code names no pause of its own."""
    after = verdict.after_seconds or pause_seconds
    match verdict.meaning:
        case Meaning.DEAD | Meaning.REFUSED:
            cause = verdict.cause
            if verdict.meaning is Meaning.DEAD and cause is Cause.OTHER:
                cause = Cause.DEAD
            return Refused(code, verdict.words, verdict.meaning is Meaning.DEAD, cause)
        case Meaning.LATER:
            return Deferred(code, verdict.words, after)
        case Meaning.SLOWER:
            return Throttled(code, after)
        case Meaning.ACCOUNT:
            return AccountTrouble(code, verdict.words)
        case Meaning.UNCLEAR:
            return Unknown(f"{verdict.words} ({code})")


def of_status(status: int) -> Verdict:
    """What a bare HTTP status says where a family has no code of its own. Source: RFC 9110, 6585.

    502 and 504 come from something between us and the provider, which may have passed the request on.
    """
    if status == 429:
        return Verdict(Meaning.SLOWER, "too many requests")
    if status in (401, 402, 403, 407):
        return Verdict(Meaning.ACCOUNT, "the credential is refused")
    if status in (404, 405, 410):
        return Verdict(Meaning.ACCOUNT, "there is no such interface at this address")
    if status in (502, 504):
        return Verdict(Meaning.UNCLEAR, "a gateway on the way got no answer")
    if status in (408, 425) or status >= 500:
        return Verdict(Meaning.LATER, "trouble at the provider")
    if 200 <= status < 300:
        return Verdict(Meaning.UNCLEAR, "an answer without what says that it was taken")
    return Verdict(Meaning.REFUSED, "not accepted")
