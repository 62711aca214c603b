"""Limits of messages a second, for a provider and for each of its senders, held by all workers together.

`rate_per_second = N` means that in no second more than N are taken for the provider. A bucket holds a fifth of N and
is filled at the rest: whatever second one looks at, the bucket and what flows into it are N at most. It is reserved
before a claim, and what was not used is given back after it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import psycopg

from duecourse.store.sql import load

from .lines import Line

SQL = load("dispatch/providers")


@dataclass(frozen=True, slots=True)
class Bucket:
    """What a limit of so many a second (at least 1) means. burst: how many at once. rate: how fast it fills."""

    burst: int
    rate: float


def bucket_of(per_second: int) -> Bucket:
    """burst - 1 + rate <= per_second: nothing more fits into a second."""
    burst = max(1, per_second // 5)
    return Bucket(burst, float(per_second - burst + 1))


def reserve(conn: psycopg.Connection, lines: Sequence[Line], *, take: int, now: datetime) -> list[Line]:
    """The lines with the room that their limits leave, taken from their buckets, and which may be tried again; commits.

    now: the database's clock. Lines without a limit keep theirs.
    """
    with conn.transaction():
        tried = {
            row[0]
            for row in conn.execute(SQL["take_probes"], {"providers": [line.provider for line in lines]})
        }
        opened = [
            replace(line, probe=True, room=min(1, line.room)) if line.provider in tried else line
            for line in lines
        ]
        return _limited(conn, opened, take, now)


def _limited(conn: psycopg.Connection, lines: list[Line], take: int, now: datetime) -> list[Line]:
    wanted = {(line.provider, line.sender): min(take, line.room) for line in lines if line.ready}
    of_senders = _take(
        conn,
        {
            (line.provider, line.sender): (
                bucket_of(line.routing.rate_per_sender),
                wanted.get((line.provider, line.sender), 0),
            )
            for line in lines
            if line.routing.rate_per_sender and line.sender
        },
        now,
    )
    wanted |= of_senders
    needs: Counter[str] = Counter()
    for (provider, _), number in wanted.items():
        needs[provider] += number
    of_providers = _take(
        conn,
        {
            (line.provider, ""): (bucket_of(line.routing.rate_per_second), min(take, needs[line.provider]))
            for line in lines
            if line.routing.rate_per_second
        },
        now,
    )
    left = {provider: granted for (provider, _), granted in of_providers.items()}
    result, surplus = [], {}
    for line in lines:
        key = (line.provider, line.sender)
        if key not in of_senders and line.provider not in left:
            result.append(line)
            continue
        room = of_senders.get(key, min(take, line.room))
        if line.provider in left:
            share = min(room, left[line.provider])
            left[line.provider] -= share
            if key in of_senders and room > share:
                surplus[key] = room - share
            room = share
        result.append(replace(line, room=room, limited=True))
    _give(conn, surplus, {line.provider: line for line in lines})
    return result


def _take(
    conn: psycopg.Connection, wants: dict[tuple[str, str], tuple[Bucket, int]], now: datetime
) -> dict[tuple[str, str], int]:
    asked = sorted((key, value) for key, value in wants.items() if value[1] > 0)
    granted = dict.fromkeys(wants, 0)
    if asked:
        rows = conn.execute(
            SQL["reserve_tokens"],
            {
                "providers": [key[0] for key, _ in asked],
                "senders": [key[1] for key, _ in asked],
                "wants": [number for _, (_, number) in asked],
                "bursts": [bucket.burst for _, (bucket, _) in asked],
                "rates": [bucket.rate for _, (bucket, _) in asked],
                "now": now,
            },
        )
        granted |= {(provider, sender): int(number) for provider, sender, number in rows}
    return granted


def give_back(conn: psycopg.Connection, lines: Sequence[Line], used: Iterable[Line]) -> None:
    """Return what of a reservation was not used. used: the line of each message that goes."""
    gone = Counter((line.provider, line.sender) for line in used)
    surplus: Counter[tuple[str, str]] = Counter()
    for line in lines:
        rest = line.room - gone[line.provider, line.sender]
        if line.limited and rest > 0:
            if line.routing.rate_per_second:
                surplus[line.provider, ""] += rest
            if line.routing.rate_per_sender and line.sender:
                surplus[line.provider, line.sender] += rest
    with conn.transaction():
        _give(conn, surplus, {line.provider: line for line in lines})


def used_up(used: Sequence[Line]) -> bool:
    """Whether all that was used is limited and nothing of its room is left. used: the line of each message."""
    gone = Counter((line.provider, line.sender) for line in used)
    return bool(used) and all(line.limited and gone[line.provider, line.sender] >= line.room for line in used)


def _give(conn: psycopg.Connection, surplus: dict[tuple[str, str], int], lines: dict[str, Line]) -> None:
    if not surplus:
        return
    given: dict[str, list[Any]] = {"providers": [], "senders": [], "numbers": [], "bursts": []}
    for (provider, sender), number in surplus.items():
        routing = lines[provider].routing
        limit = routing.rate_per_sender if sender else routing.rate_per_second
        given["providers"].append(provider)
        given["senders"].append(sender)
        given["numbers"].append(number)
        given["bursts"].append(bucket_of(limit or 1).burst)
    conn.execute(SQL["return_tokens"], given)
