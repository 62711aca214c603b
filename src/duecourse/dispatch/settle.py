"""Settling: what the provider answered, and what follows for the message."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Protocol
from uuid import UUID

import psycopg

from duecourse.book.contact_points import retire_contact_points
from duecourse.domain.messaging import (
    Accepted,
    AccountTrouble,
    Cause,
    Channel,
    Deferred,
    NotWritten,
    Outcome,
    Refused,
    Throttled,
    Unknown,
)
from duecourse.store.shards import centre_of
from duecourse.store.sql import load

from .claimed import fence
from .lines import Line

SQL = load("dispatch")

NOT_SOONER = timedelta(milliseconds=200)
"""How long a message waits at least that no provider took: its back-off is a random part of a growing time."""


@dataclass(frozen=True, slots=True)
class Silence:
    """When a number that is switched off or barred counts as given up: so many times in a row, the last so many days
    after the first or later. times 0: never.
    """

    times: int = 5
    days: int = 14


@dataclass(frozen=True, slots=True)
class _Answer:
    state: str
    provider_id: str = ""
    code: str = ""
    reason: str = ""
    parts: int | None = None
    permanent: bool = False
    cause: str | None = None
    after: timedelta = timedelta(0)
    rule: str | None = None


def _answer(outcome: Outcome) -> _Answer:
    match outcome:
        case Accepted(provider_id, parts):
            return _Answer("sent", provider_id=provider_id, parts=parts)
        case Refused(code, reason, permanent, cause):
            dead = permanent or cause is Cause.DEAD
            return _Answer("refused", code=code, reason=reason, permanent=dead, cause=cause.value)
        case Throttled(code, after_seconds):
            return _Answer(
                "released",
                code=code,
                reason="throttled",
                after=max(NOT_SOONER, timedelta(seconds=after_seconds)),
                rule="THROTTLED",
            )
        case Deferred(code, reason, after_seconds):
            return _Answer(
                "released",
                code=code,
                reason=reason,
                after=max(NOT_SOONER, timedelta(seconds=after_seconds)),
                rule="DEFERRED",
            )
        case AccountTrouble(code, reason):
            return _Answer("released", code=code, reason=reason, after=NOT_SOONER, rule="ACCOUNT-TROUBLE")
        case NotWritten(reason):
            return _Answer("released", reason=reason, after=NOT_SOONER, rule="NOT-HANDED-OVER")
        case Unknown(reason):
            return _Answer("unknown", reason=reason)


class Settling(Protocol):
    """What settling asks of a claim."""

    @property
    def lane(self) -> int: ...
    @property
    def epoch(self) -> int: ...
    @property
    def attempt_id(self) -> UUID: ...
    @property
    def channel(self) -> Channel: ...


class Unspoken(NamedTuple):
    """A claim whose commit nobody heard of, so that it was not handed over."""

    lane: int
    epoch: int
    attempt_id: UUID
    channel: Channel


def settle(
    conn: psycopg.Connection,
    claimed: Sequence[Settling],
    outcomes: Sequence[Outcome],
    *,
    now: datetime,
    lines: Sequence[Line] = (),
    silence: Silence = Silence(),
    deduplicating: Collection[str] = (),
) -> list[Settled]:
    """Record one outcome per claimed attempt, in order; returns those that were settled.

    lines: those that the worker has now, to tell whether a message that was not taken has another provider to go to.

    Fewer than given means that a lane was taken over meanwhile: its new owner has made those attempts unknown.
    deduplicating: the providers that drop a second submission of the same id: what they may have taken is sent again.
    A permanent refusal retires the contact point in the same transaction; so does a silence that lasted too long.
    """
    answers = [_answer(outcome) for outcome in outcomes]
    rivals = Counter(
        channel for channel, _ in {(each.channel, each.provider) for each in lines if each.ready}
    )
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
        "causes": [answer.cause for answer in answers],
        "rivals": [rivals[one.channel] for one in claimed],
        "afters": [answer.after for answer in answers],
        "rules": [answer.rule for answer in answers],
        "deduplicating": sorted(deduplicating),
        "now": now,
    }
    with conn.transaction():
        settled = [Settled(*row) for row in conn.execute(SQL["settle_attempts"], parameters)]
        failed = [
            Failed(one.lane, one.point, one.permanent, one.cause) for one in settled if one.state == "refused"
        ]
        retire_failed(conn, failed, silence=silence, now=now)
    return settled


class Settled(NamedTuple):
    """What an attempt came to: a row of `settle_attempts`."""

    lane: int
    message_id: UUID
    attempt_id: UUID
    channel: str
    provider: str
    point: UUID
    state: str
    permanent: bool
    cause: str | None
    rule: str | None
    """Why nobody took it."""


def release_unspoken(
    conn: psycopg.Connection,
    old: Mapping[int, int],
    epochs: Mapping[int, int],
    *,
    now: datetime,
    lines: Sequence[Line],
    silence: Silence,
) -> list[Settled]:
    """Release what was claimed under the old epochs (lane to epoch) and never handed over; returns these attempts.

    epochs: under which the same lanes are held now.
    """
    given = {**fence(epochs), "old_epochs": [old[lane] for lane in sorted(epochs)]}
    with conn.transaction():
        rows = conn.execute(SQL["adopt_attempts"], given).fetchall()
        unspoken = [Unspoken(row[0], row[1], row[2], Channel(row[3])) for row in rows]
        said = NotWritten("its claim was lost before the hand-over")
        return settle(conn, unspoken, [said] * len(unspoken), now=now, lines=lines, silence=silence)


class Failed(NamedTuple):
    """A contact point at which an attempt has just failed."""

    lane: int
    point: UUID
    permanent: bool
    cause: str | None


def retire_failed(
    conn: psycopg.Connection, failed: Iterable[Failed], *, silence: Silence, now: datetime
) -> None:
    """Retire contact points that a provider said are dead, and those that were off or barred for too long."""
    every = set(failed)
    quiet = {one for one in every if one.cause in (Cause.OFF, Cause.SUSPENDED)}
    dead = {one[:2] for one in every - quiet if one.permanent or one.cause == Cause.DEAD}
    if dead:
        retire_contact_points(
            centre_of(conn), sorted(dead), reason="refused by the provider as permanent", now=now
        )
    if quiet and silence.times:
        asked = sorted({one[:2] for one in quiet} - dead)
        given = {
            "lanes": [lane for lane, _ in asked],
            "points": [point for _, point in asked],
            "times": silence.times,
            "days": silence.days,
        }
        if gone := conn.execute(SQL["silent_points"], given).fetchall():
            retire_contact_points(centre_of(conn), gone, reason="off or barred for too long", now=now)
