"""What became of messages, told once it is committed: counted in the meters, and logged one by one at level debug.

Every line about a message carries its id under `message`; one about an attempt also `attempt`, so that a message's life
can be followed through the logs of all processes. Nothing else about a person is said.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

import structlog

from .claim import ClaimResult
from .meters import Meters
from .receipts import Applied
from .settle import Settled

log = structlog.get_logger("duecourse.dispatch")


def tell(event: str, message_id: UUID, **more: Any) -> None:
    """A line of log about one message, at level debug. more: nothing personal."""
    log.debug(event, message=str(message_id), **more)


def is_told() -> bool:
    """Whether lines about single messages are written at all."""
    return bool(log.is_enabled_for(logging.DEBUG))


def tell_claim(meters: Meters, result: ClaimResult) -> None:
    """What a claim let go and what it withheld."""
    for rule, number in Counter(rule for _, rule in result.withheld).items():
        meters.withheld.labels(rule).inc(number)
    carried = Counter((one.channel.value, one.provider) for one in result.claimed)
    for (channel, provider), number in carried.items():
        meters.claimed.labels(channel, provider).inc(number)
    if is_told():
        for message_id, rule in result.withheld:
            tell("withheld", message_id, rule=rule)
        for one in result.claimed:
            tell("claimed", one.message_id, attempt=str(one.attempt_id), provider=one.provider)


def tell_settled(meters: Meters, settled: Sequence[Settled]) -> None:
    """What the providers answered."""
    _count(meters, ((one.state, one.channel, one.provider, one.cause or one.rule) for one in settled))
    if is_told():
        for one in settled:
            why = one.cause or one.rule
            said = {"why": why} if why else {}
            tell(one.state, one.message_id, attempt=str(one.attempt_id), provider=one.provider, **said)


def tell_applied(meters: Meters, applied: Sequence[Applied]) -> None:
    """Attempts that a receipt moved."""
    _count(meters, ((one.state, one.channel, one.provider, one.cause) for one in applied))
    if is_told():
        for one in applied:
            tell(one.state, one.message_id, attempt=str(one.attempt_id), receipt=str(one.receipt_id))


def tell_unknown(meters: Meters, attempts: Sequence[tuple[UUID, UUID, str, str]]) -> None:
    """Attempts (message, id, channel, provider) that an earlier owner of the lane left claimed."""
    _count(meters, (("unknown", channel, provider, None) for _, _, channel, provider in attempts))
    for message_id, attempt_id, _, provider in attempts:
        tell("unknown", message_id, attempt=str(attempt_id), provider=provider)


def tell_moved(meters: Meters, moved: Iterable[tuple[UUID, str]]) -> None:
    """Messages (id, new standing) that went on to their next channel or came to an end by the passing of time."""
    for message_id, standing in moved:
        if standing == "expired":
            meters.expired.inc()
        tell(standing, message_id)


def _count(meters: Meters, moves: Iterable[tuple[str, str, str, str | None]]) -> None:
    """Count (state, channel, provider, why) of attempts."""
    for (state, channel, provider, why), number in Counter(moves).items():
        match state:
            case "sent":
                meters.sent.labels(channel, provider).inc(number)
            case "delivered":
                meters.delivered.labels(channel, provider).inc(number)
            case "read":
                meters.read.labels(channel, provider).inc(number)
            case "refused":
                meters.failed.labels(channel, provider, why or "other").inc(number)
            case "unknown":
                meters.unknown.labels(channel, provider).inc(number)
            case "released":
                meters.released.labels(channel, provider, why or "other").inc(number)
