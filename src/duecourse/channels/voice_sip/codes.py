"""What a final SIP answer to a call means.

Sources: RFC 3261 section 21, RFC 8197 (607), RFC 8688 (608), RFC 3398 section 8 for what telephone networks send over a
gateway; read 2026-11-25. Networks are not of one mind: a gateway may say 404 where a switch said "unallocated number"
and 480 where it said "no user responding". What is not in the table is judged by its class.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from duecourse.domain.messaging import (
    AccountTrouble,
    Cause,
    Deferred,
    Outcome,
    Receipt,
    ReceiptStatus,
    Refused,
    Throttled,
)


class Kind(Enum):
    """What follows from a code."""

    REFUSED = auto()
    DEAD = auto()
    THROTTLED = auto()
    DEFERRED = auto()
    ACCOUNT = auto()


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a code says of a call."""

    kind: Kind
    cause: Cause
    words: str


def _of(kind: Kind, cause: Cause, words: str) -> Meaning:
    return Meaning(kind, cause, words)


CODES: Final[Mapping[int, Meaning]] = {
    401: _of(Kind.ACCOUNT, Cause.OTHER, "the credentials were refused"),
    402: _of(Kind.ACCOUNT, Cause.OTHER, "payment required"),
    403: _of(Kind.REFUSED, Cause.BLOCKED, "the provider forbids this call"),
    404: _of(Kind.DEAD, Cause.DEAD, "no such number"),
    407: _of(Kind.ACCOUNT, Cause.OTHER, "the credentials were refused"),
    408: _of(Kind.REFUSED, Cause.NO_ANSWER, "nobody answered"),
    410: _of(Kind.DEAD, Cause.DEAD, "the number is gone"),
    415: _of(Kind.REFUSED, Cause.OTHER, "no codec in common"),
    429: _of(Kind.THROTTLED, Cause.OTHER, "too many calls"),
    480: _of(Kind.REFUSED, Cause.OFF, "not available now"),
    484: _of(Kind.DEAD, Cause.DEAD, "the number is incomplete"),
    486: _of(Kind.REFUSED, Cause.BUSY, "busy"),
    487: _of(Kind.REFUSED, Cause.NO_ANSWER, "nobody answered"),
    488: _of(Kind.REFUSED, Cause.OTHER, "no codec in common"),
    503: _of(Kind.THROTTLED, Cause.OFF, "the exchange takes no calls now"),
    600: _of(Kind.REFUSED, Cause.BUSY, "busy everywhere"),
    603: _of(Kind.REFUSED, Cause.OTHER, "declined"),
    604: _of(Kind.DEAD, Cause.DEAD, "no such number anywhere"),
    606: _of(Kind.REFUSED, Cause.OTHER, "no codec in common"),
    607: _of(Kind.REFUSED, Cause.OPTED_OUT, "unwanted, says the person"),
    608: _of(Kind.REFUSED, Cause.BLOCKED, "rejected by a filter"),
}
_SERVER = _of(Kind.DEFERRED, Cause.OFF, "trouble at the exchange")
_CLIENT = _of(Kind.REFUSED, Cause.OTHER, "refused")
_CODE: Final = re.compile(r"^\s*([3-6]\d\d)\b")


def code_in(reason: str) -> int | None:
    """The SIP code at the beginning of the user agent's words on why a call ended; None when there was none."""
    found = _CODE.match(reason)
    return int(found[1]) if found else None


def meaning(code: int) -> Meaning:
    """What a final code of 300 or more means."""
    return CODES.get(code) or (_SERVER if 500 <= code < 600 else _CLIENT)


def outcome(code: int, pause_seconds: float) -> Outcome:
    """Of a call that ended with this code before anything rang: nobody was disturbed."""
    means = meaning(code)
    match means.kind:
        case Kind.ACCOUNT:
            return AccountTrouble(str(code), means.words)
        case Kind.THROTTLED:
            return Throttled(str(code), pause_seconds)
        case Kind.DEFERRED:
            return Deferred(str(code), means.words)
        case _:
            return Refused(str(code), means.words, permanent=means.kind is Kind.DEAD, cause=means.cause)


def failure(code: int) -> Receipt:
    """Of a call that had been accepted (it rang, or was announced) and then ended with this code. Names no attempt."""
    means = meaning(code)
    return Receipt(ReceiptStatus.FAILED, str(code), permanent=means.kind is Kind.DEAD, cause=means.cause)
