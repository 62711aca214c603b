"""Settling: what the provider answered, and what follows for the message."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg

from duecourse.book.contact_points import retire_contact_points
from duecourse.domain.messaging import (
    Accepted,
    AccountTrouble,
    Cause,
    Deferred,
    NotWritten,
    Outcome,
    Refused,
    Throttled,
    Unknown,
)
from duecourse.store.sql import load

from .claim import Claimed, fence

SQL = load("dispatch")

RELEASE_PAUSE = timedelta(seconds=2)
"""How long a message waits after it was not handed over; a provider that is down is paused besides."""


@dataclass(frozen=True, slots=True)
class _Answer:
    state: str
    provider_id: str = ""
    code: str = ""
    reason: str = ""
    parts: int | None = None
    permanent: bool = False
    after: timedelta = timedelta(0)
    rule: str | None = None


def _answer(outcome: Outcome) -> _Answer:
    match outcome:
        case Accepted(provider_id, parts):
            return _Answer("sent", provider_id=provider_id, parts=parts)
        case Refused(code, reason, permanent, cause):
            dead = permanent or cause is Cause.DEAD
            return _Answer("refused", code=code, reason=reason, permanent=dead)
        case Throttled(code, after_seconds):
            return _Answer(
                "released",
                code=code,
                reason="throttled",
                after=max(RELEASE_PAUSE, timedelta(seconds=after_seconds)),
                rule="THROTTLED",
            )
        case Deferred(code, reason, after_seconds):
            return _Answer(
                "released",
                code=code,
                reason=reason,
                after=max(RELEASE_PAUSE, timedelta(seconds=after_seconds)),
                rule="DEFERRED",
            )
        case AccountTrouble(code, reason):
            return _Answer("released", code=code, reason=reason, after=RELEASE_PAUSE, rule="ACCOUNT-TROUBLE")
        case NotWritten(reason):
            return _Answer("released", reason=reason, after=RELEASE_PAUSE, rule="NOT-HANDED-OVER")
        case Unknown(reason):
            return _Answer("unknown", reason=reason)


def settle(
    conn: psycopg.Connection,
    claimed: Sequence[Claimed],
    outcomes: Sequence[Outcome],
    *,
    now: datetime,
    deduplicating: Collection[str] = (),
) -> int:
    """Record one outcome per claimed attempt, in order; returns how many were settled.

    Fewer than given means that a lane was taken over meanwhile: its new owner has made those attempts unknown.
    deduplicating: the providers that drop a second submission of the same id: what they may have taken is sent again.
    A permanent refusal retires the contact point in the same transaction.
    """
    answers = [_answer(outcome) for outcome in outcomes]
    parameters: dict[str, Any] = {
        **fence({one.lane: one.epoch for one in claimed}),
        "at_lanes": [one.lane for one in claimed],
        "attempts": [one.attempt_id for one in claimed],
        "states": [answer.state for answer in answers],
        "provider_ids": [answer.provider_id for answer in answers],
        "codes": [answer.code for answer in answers],
        "reasons": [answer.reason for answer in answers],
        "parts": [answer.parts for answer in answers],
        "permanents": [answer.permanent for answer in answers],
        "afters": [answer.after for answer in answers],
        "rules": [answer.rule for answer in answers],
        "deduplicating": sorted(deduplicating),
        "now": now,
    }
    with conn.transaction():
        rows = conn.execute(SQL["settle_attempts"], parameters).fetchall()
        retire_dead(conn, [(row[0], row[2]) for row in rows if row[3] == "refused" and row[4]], now=now)
    return len(rows)


def retire_dead(conn: psycopg.Connection, points: Sequence[tuple[int, Any]], *, now: datetime) -> None:
    """Retire contact points, given as (lane, id), that a provider said will not work again."""
    if points:
        retire_contact_points(conn, points, reason="refused by the provider as permanent", now=now)
