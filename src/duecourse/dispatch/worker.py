"""A worker: holds lanes, keeps them planned, sends what falls due, until it is told to stop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime

import psycopg
import structlog

from duecourse.store.lease import acquire, fair_share, release, renew

from .desk import Desk
from .switchboard import Switchboard

log = structlog.get_logger("duecourse.dispatch")

POLL_SECONDS = 0.2
ADVANCE_SECONDS = 1.0
LISTEN_SECONDS = 1.0
SWEEP_SECONDS = 60.0
PLAN_AGAIN_SECONDS = 5.0
EVENT_SECONDS = 1.0
"""How often a worker looks for what has happened: one look for all its lanes."""


@dataclass(frozen=True, slots=True)
class WorkerPlan:
    """How a worker works. owner: unique to the process; lease_seconds as the store knows it."""

    owner: str
    lease_seconds: int
    take: int
    """Most messages of one desk between claim and answer."""
    plan_every_seconds: float = 600.0
    until_idle: bool = False
    """End by itself once everything is planned and nothing is due or in flight in any lane."""


class Worker:
    """Runs desks side by side, each on its own lanes and connection."""

    def __init__(
        self,
        plan: WorkerPlan,
        desks: Sequence[Desk],
        switchboard: Switchboard,
        lease_conn: psycopg.Connection,
        plan_lanes: Callable[[datetime, date, Sequence[int]], None],
        tell_events: Callable[[datetime, date, Sequence[int]], bool] = lambda now, as_of, lanes: False,
    ) -> None:
        """tell_events: plans what tells of what has happened in these lanes; whether there was anything."""
        self._plan = plan
        self._desks = desks
        self._switchboard = switchboard
        self._lease_conn = lease_conn
        self._plan_lanes = plan_lanes
        self._tell_events = tell_events
        self._all_told = False
        self._stopping = asyncio.Event()
        self._finished = asyncio.Event()
        self._epochs: dict[int, int] = {}
        self._lease_ends = 0.0  # monotonic
        self._planned_once = False

    def stop(self) -> None:
        """Finish what is in hand and end."""
        self._stopping.set()

    async def run(self) -> None:
        """Until stop(): afterwards no lane is held and no attempt is left claimed."""
        await self._switchboard.open()
        keeper = asyncio.create_task(self._keep_leases())
        planners = [asyncio.create_task(self._keep_planned()), asyncio.create_task(self._keep_told())]
        # A worker that cannot plan must not live on as if it could: it finishes what is in hand and says why.
        for planner in planners:
            planner.add_done_callback(lambda _: self._stopping.set())
        try:
            async with asyncio.TaskGroup() as group:
                for desk in self._desks:
                    group.create_task(self._work(desk))
        finally:
            self._stopping.set()
            await asyncio.wait(planners)
            await self._switchboard.close()
            for desk in self._desks:
                await desk.receive(await desk.clock())
            self._finished.set()
            await keeper
            await asyncio.to_thread(release, self._lease_conn, self._plan.owner)
        for planner in planners:
            planner.result()

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()

    async def _keep_leases(self) -> None:
        """Renew what is held, take what is free, and recover what is new, three times per lease."""
        while not self._finished.is_set():
            try:
                await self._refresh()
            except psycopg.Error as error:
                log.error(
                    "could not renew the leases; the worker is idle until it can", error=type(error).__name__
                )
            with suppress(TimeoutError):
                async with asyncio.timeout(self._plan.lease_seconds / 3):
                    await self._finished.wait()

    async def _refresh(self) -> None:
        owner, lease = self._plan.owner, self._plan.lease_seconds
        asked_at = time.monotonic()
        held = await asyncio.to_thread(renew, self._lease_conn, owner, self._epochs, lease)
        for desk in self._desks:
            desk.epochs = {lane: epoch for lane, epoch in desk.epochs.items() if held.get(lane) == epoch}
        self._epochs = held
        self._lease_ends = asked_at + lease
        if self._stopping.is_set():
            return
        fresh = await asyncio.to_thread(acquire, self._lease_conn, owner, lease)
        self._epochs = held | fresh
        # Also those whose recovery failed the last time: a lane that is held is worked.
        worked = {item for desk in self._desks for item in desk.epochs.items()}
        waiting = {lane: epoch for lane, epoch in self._epochs.items() if (lane, epoch) not in worked}
        if waiting:
            now = await self._desks[0].clock()
            for place, desk in enumerate(self._desks):
                mine = {lane: epoch for lane, epoch in waiting.items() if lane % len(self._desks) == place}
                if mine:
                    await self._take_over(desk, mine, now)
        share = await asyncio.to_thread(fair_share, self._lease_conn)
        if len(self._epochs) > share:
            await self._share_out(sorted(self._epochs)[share:])

    async def _share_out(self, lanes: Sequence[int]) -> None:
        """Another worker has joined: give it lanes once nothing of them is in hand."""
        for desk in self._desks:
            await desk.let_go(lanes)
        self._epochs = {lane: epoch for lane, epoch in self._epochs.items() if lane not in set(lanes)}
        await asyncio.to_thread(release, self._lease_conn, self._plan.owner, lanes)

    async def _take_over(self, desk: Desk, mine: dict[int, int], now: datetime) -> None:
        unknown = await desk.recover(mine, now)
        if unknown:
            log.warning("attempts of an earlier owner are unknown now", attempts=unknown, lanes=len(mine))
        desk.epochs = desk.epochs | mine

    async def _keep_planned(self) -> None:
        while not self._stopping.is_set():
            if self._epochs:
                try:
                    now = await self._desks[0].clock()
                    as_of = self._desks[0].as_of(now)
                    await asyncio.to_thread(self._plan_lanes, now, as_of, sorted(self._epochs))
                except psycopg.OperationalError as error:
                    log.error("could not plan; tried again", error=type(error).__name__)
                    await self._pause(PLAN_AGAIN_SECONDS)
                    continue
                self._planned_once = True
                await self._pause(self._plan.plan_every_seconds)
            else:
                await self._pause(POLL_SECONDS)

    async def _keep_told(self) -> None:
        while not self._stopping.is_set():
            if not self._epochs:
                await self._pause(POLL_SECONDS)
                continue
            try:
                now = await self._desks[0].clock()
                as_of = self._desks[0].as_of(now)
                some = await asyncio.to_thread(self._tell_events, now, as_of, sorted(self._epochs))
            except psycopg.OperationalError as error:
                log.error("could not tell of events; tried again", error=type(error).__name__)
                await self._pause(PLAN_AGAIN_SECONDS)
                continue
            self._all_told = not some
            await self._pause(EVENT_SECONDS)

    async def _work(self, desk: Desk) -> None:
        advanced = swept = listened = time.monotonic()
        while not self._stopping.is_set():
            busy = False
            # A batch may take the hand-over, an answer's deadline and a settlement: begin none at the lease's end.
            if time.monotonic() < self._lease_ends - self._plan.lease_seconds / 3:
                read_at = time.monotonic()
                now = await desk.clock()
                if await desk.has_due(now):
                    busy = await desk.take_turn(
                        now, self._plan.take, hand_over_by=self._lease_ends, read_at=read_at
                    )
                if time.monotonic() - listened >= LISTEN_SECONDS:
                    listened = time.monotonic()
                    await desk.listen_around()
                await desk.receive(now)
                if time.monotonic() - advanced >= ADVANCE_SECONDS:
                    advanced = time.monotonic()
                    await desk.advance(now)
                if time.monotonic() - swept >= SWEEP_SECONDS:
                    swept = time.monotonic()
                    await desk.sweep(now)
            if not busy:
                if self._plan.until_idle and await self._is_idle():
                    self.stop()
                await self._pause(POLL_SECONDS)

    async def _is_idle(self) -> bool:
        return self._planned_once and self._all_told and await self._desks[0].is_idle()
