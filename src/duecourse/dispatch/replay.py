"""Living through days that are over: the same planning, judging and sending, on a clock that waits for the sockets."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final, Protocol
from zoneinfo import ZoneInfo

from .desk import Desk
from .switchboard import Switchboard

TICK: Final = timedelta(minutes=10)
"""The clock stops at multiples of this: what falls due between two stops goes out at the second."""

REPLAY_RECHECK: Final = timedelta(days=1)
"""In a replay new facts come with a new day, so that nothing is judged again before."""

_STANDSTILL: Final = 200
"""Rounds at one instant after which the clock moves on regardless: a far end that refuses for ever ends so."""


@dataclass(frozen=True, slots=True)
class Day:
    """One day of a replay. starts and ends are the lender's midnights."""

    on: date
    starts: datetime
    ends: datetime


def days_between(first: date, last: date, lender_zone: str) -> list[Day]:
    """Every day from first to last, both included, in the lender's zone. Raises ValueError when last < first."""
    if last < first:
        raise ValueError("the last day is before the first")
    zone = ZoneInfo(lender_zone)

    def midnight(day: date) -> datetime:
        return datetime.combine(day, time(), zone)

    count = (last - first).days + 1
    days = [first + timedelta(days=offset) for offset in range(count)]
    return [Day(day, midnight(day), midnight(day + timedelta(days=1))) for day in days]


class Events(Protocol):
    """What happens during a replay."""

    async def next_instant(self) -> datetime | None:
        """When the next thing happens that nobody was told of; None when nothing does."""

    async def tell(self, now: datetime) -> None:
        """Plan what tells of all that happened by `now`."""


async def replay(
    days: Sequence[Day],
    desks: Sequence[Desk],
    switchboard: Switchboard,
    *,
    take: int,
    before_day: Callable[[Day], Awaitable[None]],
    on_clock: Callable[[datetime], None] = lambda now: None,
    events: Events | None = None,
) -> None:
    """Live through the days. before_day brings the day's facts in and plans it, at the lender's midnight.

    events: tells of what happens during the day, at its moment.

    Lanes are divided among the desks beforehand. The clock moves to the next instant at which something is to do,
    and only after every message at hand was answered and every receipt the far ends sent was committed and applied.
    """
    for day in days:
        switchboard.now = day.starts
        await before_day(day)
        await _live_through(day, desks, switchboard, take, on_clock, events)


async def _live_through(
    day: Day,
    desks: Sequence[Desk],
    switchboard: Switchboard,
    take: int,
    on_clock: Callable[[datetime], None],
    events: Events | None,
) -> None:
    now = day.starts
    rounds = 0
    while True:
        instants = [instant for desk in desks if (instant := await desk.next_instant())]
        happens = await events.next_instant() if events else None
        instants += [happens] if happens else []
        upcoming = min(instants, default=day.ends)
        if upcoming >= day.ends:
            await _finish_day(day, desks)
            return
        if upcoming > now or rounds >= _STANDSTILL:
            now = _tick_after(max(upcoming, now + TICK if rounds >= _STANDSTILL else now), day)
            rounds = 0
        rounds += 1
        switchboard.now = now
        on_clock(now)
        if events and happens and happens <= now:
            await events.tell(now)
        await asyncio.gather(*(_finish_instant(desk, now, take) for desk in desks))
        await switchboard.drain()
        for desk in desks:
            await desk.receive(now)
            await desk.advance(now)


async def _finish_day(day: Day, desks: Sequence[Desk]) -> None:
    """What ends with the day ends with it, also when no other day follows."""
    for desk in desks:
        await desk.advance(day.ends)


async def _finish_instant(desk: Desk, now: datetime, take: int) -> None:
    while await desk.take_turn(now, take):
        pass


def _tick_after(instant: datetime, day: Day) -> datetime:
    """The first tick at or after an instant, counted from the day's start; the last moment of the day at most."""
    ticks = -(-(instant - day.starts) // TICK)
    return min(day.starts + ticks * TICK, day.ends - timedelta(microseconds=1))
