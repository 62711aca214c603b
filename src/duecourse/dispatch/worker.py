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

from duecourse.store.lease import LANES, WHOLE, acquire, by_place, fair_share, release, renew, retake
from duecourse.store.lifeline import DatabaseLostError, Lifeline

from .desk import Desk
from .switchboard import Switchboard

log = structlog.get_logger("duecourse.dispatch")

POLL_SECONDS = 0.2
SHORT_SECONDS = 0.1
"""How long a desk waits for limits of messages a second to leave enough for a claim: a bucket is full after 0.25."""
ADVANCE_SECONDS = 1.0
LISTEN_SECONDS = 1.0
SWEEP_SECONDS = 60.0
PLAN_AGAIN_SECONDS = 5.0
AWAY_SECONDS = (0.2, 5.0)
"""How long a desk waits that lost the database: the first time, and at most, doubling in between."""
LOST = (psycopg.OperationalError, DatabaseLostError)
EVENT_SECONDS = 1.0
"""How often a worker looks for what has happened: one look for all its lanes."""


@dataclass(frozen=True, slots=True)
class WorkerPlan:
    """How a worker works. owner: unique to the process; lease_seconds as the store knows it."""

    owner: str
    lease_seconds: int
    take: int
    """Most messages of all desks between claim and answer; the providers' windows are the other bound."""
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
        lease_conn: psycopg.Connection | Lifeline,
        plan_lanes: Callable[[datetime, date, Sequence[int]], None],
        tell_events: Callable[[datetime, date, Sequence[int]], bool] = lambda now, as_of, lanes: False,
        together: Sequence[Sequence[int]] = WHOLE,
    ) -> None:
        """tell_events: plans what tells of what has happened in these lanes; whether there was anything.

        together: which lanes lie together, as of store.lease. The desks' lanes are all, and no lane is of two desks.
        """
        self._together = together
        self._plan = plan
        self._desks = desks
        self._switchboard = switchboard
        self._leases = Lifeline.of(lease_conn)
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

    @property
    def is_stopping(self) -> bool:
        """Whether nothing is begun any more. May be asked by any thread."""
        return self._stopping.is_set()

    @property
    def lanes_held(self) -> int:
        """How many lanes it may work now: none once its leases ran out."""
        return len(self._epochs) if time.monotonic() < self._lease_ends else 0

    async def run(self) -> None:
        """Until stop(): afterwards no lane is held and no attempt is left claimed, unless the database is away."""
        await self._switchboard.open()
        keeper = asyncio.create_task(self._keep_leases())
        planners = [asyncio.create_task(self._keep_planned()), asyncio.create_task(self._keep_told())]
        # A worker that cannot plan, or keep its lanes, must not live on as if it could: it finishes what is in hand and
        # says why.
        for beside in (keeper, *planners):
            beside.add_done_callback(lambda _: self._stopping.set())
        try:
            async with asyncio.TaskGroup() as group:
                for desk in self._desks:
                    group.create_task(self._work(desk))
        finally:
            self._stopping.set()
            await asyncio.wait(planners)
            await self._switchboard.close()
            for desk in self._desks:
                await self._close(desk)
            self._finished.set()
            await asyncio.wait([keeper])
            try:
                await self._leases.within(lambda conn: release(conn, self._plan.owner, None, self._together))
            except LOST as error:
                log.error(
                    "could not give the lanes back; they are free when their leases end", **_told(error)
                )
        for beside in (keeper, *planners):
            beside.result()

    async def _close(self, desk: Desk) -> None:
        """Record what is not recorded, as long as nobody else can have its lanes, and apply what was heard."""
        while True:
            try:
                await desk.record()
                if desk.epochs:
                    await desk.receive(await desk.clock())
                return
            except LOST as error:
                if time.monotonic() >= self._lease_ends:
                    log.error("answers are not recorded; what they are of will be unknown", **_told(error))
                    return
            await asyncio.sleep(POLL_SECONDS)

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()

    async def _keep_leases(self) -> None:
        """Renew what is held, take what is free, and recover what is new, three times per lease."""
        while not self._finished.is_set():
            try:
                await self._refresh()
            except (psycopg.Error, DatabaseLostError) as error:
                log.error("could not renew the leases; the worker is idle until it can", **_told(error))
            with suppress(TimeoutError):
                async with asyncio.timeout(self._plan.lease_seconds / 3):
                    await self._finished.wait()

    async def _refresh(self) -> None:
        owner, lease = self._plan.owner, self._plan.lease_seconds
        asked_at = time.monotonic()
        held = await self._leases.within(lambda conn: renew(conn, owner, self._epochs, lease, self._together))
        for desk in self._desks:
            desk.epochs = {lane: epoch for lane, epoch in desk.epochs.items() if held.get(lane) == epoch}
        self._epochs = held
        self._lease_ends = asked_at + lease
        for desk in self._desks:
            await self._take_back(desk)
        if self._stopping.is_set():
            return
        fresh = await self._leases.within(lambda conn: acquire(conn, owner, lease, LANES, self._together))
        self._epochs = self._epochs | fresh
        # Also those whose recovery failed the last time: a lane that is held is worked.
        # One that came into doubt just now is not: it is taken anew first.
        worked = {item for desk in self._desks for item in (desk.epochs | desk.in_doubt).items()}
        waiting = {lane: epoch for lane, epoch in self._epochs.items() if (lane, epoch) not in worked}
        if waiting:
            now = await self._desks[0].clock()
            for desk in self._desks:
                mine = {lane: epoch for lane, epoch in waiting.items() if lane in desk.lanes}
                if mine:
                    await self._take_over(desk, mine, now)
        share = await self._leases.within(fair_share)
        if len(self._epochs) > share:
            await self._share_out(by_place(sorted(self._epochs), self._together)[share:])

    async def _share_out(self, lanes: Sequence[int]) -> None:
        """Another worker has joined: give it lanes once nothing of them is in hand."""
        for desk in self._desks:
            await desk.let_go(lanes)
        self._epochs = {lane: epoch for lane, epoch in self._epochs.items() if lane not in set(lanes)}
        await self._leases.within(lambda conn: release(conn, self._plan.owner, lanes, self._together))

    async def _take_back(self, desk: Desk) -> None:
        """Take lanes in which a lost claim may have been committed under a new epoch, and release what it claimed."""
        if not desk.in_doubt:
            return
        owner, lease = self._plan.owner, self._plan.lease_seconds
        now = await desk.clock()  # first: what is taken anew must also be given back
        doubted = dict(desk.in_doubt)
        # Under the epochs that they have by now: an earlier try may have come so far.
        held = {lane: self._epochs[lane] for lane in doubted if lane in self._epochs}
        epochs = await self._leases.within(lambda conn: retake(conn, owner, held, lease, self._together))
        others = {lane: epoch for lane, epoch in self._epochs.items() if lane not in doubted}
        self._epochs = others | epochs
        released = await desk.take_back(doubted, epochs, now)
        log.warning("claims were lost with the database and given back", attempts=released, lanes=len(epochs))

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
                except LOST as error:
                    log.error("could not plan; tried again", **_told(error))
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
            except LOST as error:
                log.error("could not tell of events; tried again", **_told(error))
                await self._pause(PLAN_AGAIN_SECONDS)
                continue
            self._all_told = not some
            await self._pause(EVENT_SECONDS)

    async def _work(self, desk: Desk) -> None:
        rounds = _Rounds()
        away = AWAY_SECONDS[0]
        while not self._stopping.is_set():
            busy = False
            try:
                if self._may_turn(desk):
                    busy = await self._turn(desk, rounds)
                else:
                    await desk.record()
                    if self._has_nothing(desk):
                        await desk.rest()
                if not busy and self._plan.until_idle and await self._is_idle():
                    self.stop()
            except LOST as error:
                log.error("the database is away; tried again", seconds=away, **_told(error))
                await self._pause(away)
                away = min(2 * away, AWAY_SECONDS[1])
                continue
            away = AWAY_SECONDS[0]
            if not busy:
                await self._pause(POLL_SECONDS)

    def _has_nothing(self, desk: Desk) -> bool:
        # A desk without lanes asks nothing, but for the first: what adapters date with is set by its clock.
        return not (desk.epochs or desk.in_doubt) and desk is not self._desks[0]

    def _may_turn(self, desk: Desk) -> bool:
        if self._has_nothing(desk):
            return False
        # A batch may take the hand-over, an answer's deadline and a settlement: begin none at the lease's end.
        return time.monotonic() < self._lease_ends - self._plan.lease_seconds / 3

    async def _turn(self, desk: Desk, rounds: _Rounds) -> bool:
        """Once everything a desk does; whether more is due already."""
        read_at = time.monotonic()
        busy = False
        now = await desk.clock()
        if await desk.has_due(now):
            self._switchboard.share_between(sum(bool(one.epochs) for one in self._desks))
            take = self._switchboard.take(self._plan.take)
            busy = await desk.take_turn(now, take, hand_over_by=self._lease_ends, read_at=read_at)
            if busy and desk.is_short:
                await self._pause(SHORT_SECONDS)
        else:
            await desk.record()
        if rounds.is_time("listen", LISTEN_SECONDS):
            await desk.listen_around()
        await desk.receive(now)
        if rounds.is_time("advance", ADVANCE_SECONDS):
            await desk.advance(now)
        if rounds.is_time("sweep", SWEEP_SECONDS):
            await desk.sweep(now)
        return busy

    async def _is_idle(self) -> bool:
        return self._planned_once and self._all_told and await self._desks[0].is_idle()


class _Rounds:
    """What is done now and then: the first time after its seconds."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._last: dict[str, float] = {}

    def is_time(self, what: str, seconds: float) -> bool:
        """Whether so long passed since it was last; then it counts as done."""
        now = time.monotonic()
        if now - self._last.get(what, self._began) < seconds:
            return False
        self._last[what] = now
        return True


def _told(error: Exception) -> dict[str, str]:
    """Only the kind: the text of such an error may hold an address or a value."""
    said = str(error) if isinstance(error, DatabaseLostError) else type(error).__name__
    return {"error": said, "problem": "S035"}
