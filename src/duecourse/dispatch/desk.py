"""The desk: one turn of claim, send, settle, receive, move on. Live workers and replays both take turns at it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import date, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

import psycopg
import structlog

from duecourse.domain.messaging import NotWritten, Outcome
from duecourse.privacy.keyring import Keyring
from duecourse.rules.compiling import RuleBook, shipped
from duecourse.store.connect import ask
from duecourse.store.lease import LANES
from duecourse.store.lifeline import DatabaseLostError, Lifeline
from duecourse.store.shards import centre_of
from duecourse.store.sql import load

from .batches import open_batches, weigh_batches
from .claim import ClaimResult, FenceLostError, claim_batch
from .claimed import HAND_OVER_SECONDS, Claimed, fence
from .compose import Composer
from .handing import hand_over
from .limits import give_back, reserve, used_up
from .lines import Line
from .meters import Meters
from .pace import Pace
from .providers import Answers, forget_answers, see_answers, stop_for_trouble, weigh
from .reach import CHANNELS, Reach
from .receipts import Heard, ReceiptKey, apply_receipts, heard_elsewhere, sweep_receipts
from .routes import Followed, advance_routes, claim_again, overtaken, take_words
from .settle import Settled, release_unspoken, settle
from .stride import Stride
from .switchboard import Switchboard, database_now
from .tally import Tally
from .telling import tell_applied, tell_claim, tell_moved, tell_settled, tell_unknown

SQL = load("dispatch")
T = TypeVar("T")
_DEADLOCK_TRIES = 4
COMMITS_WITHIN = timedelta(seconds=1)
"""How long after its row was written a receipt may be committed and be heard at once; the sweep finds any other."""
RECOVERED = timedelta(days=3)
"""How far back an owner new to a lane looks for what was heard."""
log = structlog.get_logger("duecourse.dispatch")


class Desk:
    """Works some lanes on one connection. Two desks of one worker never share a lane, so caps hold between them."""

    def __init__(
        self,
        conn: psycopg.Connection | Lifeline,
        keyring: Keyring,
        composer: Composer,
        switchboard: Switchboard,
        *,
        lender_zone: str,
        pace: Pace,
        tally: Tally,
        rules: RuleBook | None = None,
        meters: Meters | None = None,
        lanes: Iterable[int] = range(LANES),
    ) -> None:
        """rules: None takes the shipped packs alone. meters: of the process; None: nobody reads them. lanes: those that
        it may be given; of a shard, where `conn` is a session of it.
        """
        self.lanes = frozenset(lanes)
        self._line = Lifeline.of(conn)
        self._meters = meters or Meters()
        self._rules = (rules or shipped()).compiled()
        self._keyring = keyring
        self.composer = composer
        self._switchboard = switchboard
        self._zone = ZoneInfo(lender_zone)
        self._pace = pace
        self._tally = tally
        self.epochs: dict[int, int] = {}
        self._busy = asyncio.Lock()
        self._turn = asyncio.Lock()
        self._stride = Stride()
        self._reach = Reach()
        self.is_short = False
        """Whether the last claim took what limits a second left and nothing else: another would find next to none."""
        self._listened_at: datetime | None = None
        self._unsettled: tuple[Sequence[Claimed], Sequence[Outcome], datetime] | None = None
        self.in_doubt: dict[int, int] = {}
        """Lanes in which a claim may have been committed that this desk never heard of; it works none of them until its
        worker has taken them anew. See `take_back`."""

    @property
    def _conn(self) -> psycopg.Connection:
        return self._line.conn

    @property
    def _centre(self) -> psycopg.Connection:
        """Where all lanes are asked, and what every node of a cluster has is written."""
        return centre_of(self._line.conn)

    async def _db(self, work: Callable[..., T], *arguments: object) -> T:
        """Run database work in a thread, one piece at a time on this desk's connection.

        Each piece is one transaction, tried again when it met another (an import, a planner) in a deadlock. Raises
        DatabaseLostError: then nobody knows whether it was committed.
        """
        async with self._busy:
            for _ in range(_DEADLOCK_TRIES - 1):
                with suppress(psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure):
                    return await self._line.within(lambda _: work(*arguments))
            return await self._line.within(lambda _: work(*arguments))

    def as_of(self, now: datetime) -> date:
        """The lender's date."""
        return now.astimezone(self._zone).date()

    async def take_turn(
        self, now: datetime, take: int, *, hand_over_by: float | None = None, read_at: float | None = None
    ) -> bool:
        """Claim, send and settle one batch; returns whether more is due already.

        take: most messages of it; see dispatch.stride.
        hand_over_by: a monotonic bound besides HAND_OVER_SECONDS, such as the end of the lease.
        read_at: a monotonic instant just before `now` was read from a clock that goes on; None: this one.
        """
        read_at = time.monotonic() if read_at is None else read_at
        async with self._turn:
            await self._settle_open()
            return bool(self.epochs) and await self._take_turn(now, take, hand_over_by, read_at)

    async def let_go(self, lanes: Iterable[int]) -> None:
        """Stop working these lanes; returns when nothing of them is in hand."""
        given = set(lanes)
        self.epochs = {lane: epoch for lane, epoch in self.epochs.items() if lane not in given}
        await self.record()

    async def record(self) -> None:
        """Returns when every answer that came is recorded."""
        async with self._turn:
            await self._settle_open()

    async def rest(self) -> None:
        """Close the connection, while this desk has no lanes; it is made anew when it has."""
        async with self._busy:
            self._line.rest()

    async def _take_turn(self, now: datetime, take: int, hand_over_by: float | None, read_at: float) -> bool:
        began = time.monotonic()
        write_before = min(began + HAND_OVER_SECONDS, hand_over_by or float("inf"))
        stride = self._stride.within(take)
        try:
            with self._doubting():
                try:
                    result, followed = await self._db(self._claim, now, stride, write_before, read_at)
                except DatabaseLostError:
                    self._stride.lost(stride)
                    raise
                self._stride.took(stride, result.looked, time.monotonic() - began)
                self._tell(followed)
                tell_claim(self._meters, result)
                if result.unopened:
                    await self._db(
                        lambda: open_batches(self._centre, result.unopened, as_of=self.as_of(now), now=now)
                    )
        except FenceLostError:
            log.warning("lane taken over by another worker before the claim was committed")
            return False
        self._tally.judged += result.judged
        if result.claimed:
            outcomes, answers = await self._send(result.claimed, now)
            self._tally.handed_over += sum(not isinstance(outcome, NotWritten) for outcome in outcomes)
            await self._record(result.claimed, outcomes, now)
            await self._db(self._weigh, answers, now)
        await self._hand_over_again(now, take, hand_over_by)
        return result.more

    async def _hand_over_again(self, now: datetime, take: int, hand_over_by: float | None) -> None:
        """What may have been taken by a provider that drops a second submission is submitted again, within a time of
        its own: what was handed over before it in this turn may have taken long.
        """
        known = self._switchboard.deduplicating()
        lines = [line for line in self._switchboard.lines() if line.ready and line.provider in known]
        write_before = min(time.monotonic() + HAND_OVER_SECONDS, hand_over_by or float("inf"))
        if not lines or time.monotonic() >= write_before:
            return
        with self._doubting():
            again = await self._db(self._claim_again, lines, now, take, write_before)
        if again:
            outcomes, _ = await self._send(again, now)
            await self._record(again, outcomes, now)

    @contextmanager
    def _doubting(self) -> Iterator[None]:
        """A claim that is lost may have been committed, or be so yet. What it claimed was handed over to nobody."""
        try:
            yield
        except (psycopg.Error, DatabaseLostError):
            self.in_doubt |= self.epochs
            self.epochs = {}
            raise

    async def _record(self, claimed: Sequence[Claimed], outcomes: Sequence[Outcome], now: datetime) -> None:
        """Settle; an answer is kept until that was done, however long the database is away."""
        self._tally.count(outcomes)
        self._unsettled = (claimed, outcomes, now)
        await self._settle_open()

    async def _settle_open(self) -> None:
        if self._unsettled is not None:
            claimed, outcomes, now = self._unsettled
            settled = await self._db(self._settle, claimed, outcomes, now)
            self._unsettled = None
            self._tally.settled += len(settled)
            tell_settled(self._meters, settled)

    def _tell(self, followed: Followed) -> None:
        tell_applied(self._meters, followed.applied)
        tell_moved(self._meters, followed.messages)

    def _claim_again(
        self, lines: Sequence[Line], now: datetime, take: int, write_before: float
    ) -> list[Claimed]:
        read_at = time.monotonic()
        live = self._switchboard.now is None
        if live:
            now = database_now(self._conn)
            lines = reserve(self._centre, lines, take=take, now=now)
        again = claim_again(
            self._conn,
            self._keyring,
            self.epochs,
            {line.provider: line for line in lines},
            now=now,
            as_of=self.as_of(now),
            take=take,
            write_before=write_before,
            read_at=read_at,
        )
        if live:
            self._give_back(lines, [one.line for one in again])
        return again

    def _claim(
        self, now: datetime, take: int, write_before: float, read_at: float
    ) -> tuple[ClaimResult, Followed]:
        lines = self._switchboard.lines()
        # A replay's clock stands still while providers answer: it has neither limits nor anything to try again.
        live = self._switchboard.now is None
        if live:
            lines = reserve(self._centre, lines, take=take, now=now)
        places = self._reach.places(lines, take)
        with self._meters.claim.time():
            result, followed = self._claim_on(lines, now, take, places, write_before, read_at)
        if result.claimed:
            self._meters.render.observe(result.render_seconds)
        went = [one.line for one in result.claimed]
        self._reach.looked(lines, places, result.seen, went)
        self.is_short = used_up(went)
        if live:
            self._give_back(lines, went)
        return result, followed

    def _give_back(self, lines: Sequence[Line], went: Sequence[Line]) -> None:
        # The claim is committed: tried again because of this, it would claim others, and these would be nobody's.
        with suppress(psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure):
            give_back(self._centre, lines, went)

    def _claim_on(
        self,
        lines: Sequence[Line],
        now: datetime,
        take: int,
        places: Mapping[str, int],
        write_before: float,
        read_at: float,
    ) -> tuple[ClaimResult, Followed]:
        with self._conn.transaction():
            followed = take_words(
                self._conn, self.epochs, now=now, take=take, places=places, silence=self._pace.silence
            )
            result = claim_batch(
                self._conn,
                self._keyring,
                self.composer,
                lines,
                self.epochs,
                now=now,
                as_of=self.as_of(now),
                take=take,
                places=places,
                write_before=write_before,
                read_at=read_at,
                recheck=self._pace.recheck,
                pause=self._pace.pause,
                rules=self._rules,
            )
            return result, followed

    def _settle(
        self, claimed: Sequence[Claimed], outcomes: Sequence[Outcome], now: datetime
    ) -> list[Settled]:
        # Live, an answer is recorded when it came; in a replay the clock stands still until the sockets are drained.
        at = now if self._switchboard.now else database_now(self._conn)
        with self._meters.settle.time():
            return settle(
                self._conn,
                claimed,
                outcomes,
                now=at,
                lines=self._switchboard.lines(),
                silence=self._pace.silence,
                deduplicating=self._switchboard.deduplicating(),
            )

    def _weigh(self, answers: Mapping[str, Answers], now: datetime) -> None:
        """What the providers' answers mean for all workers. A replay knows account trouble and no rates."""
        live = self._switchboard.now is None
        at = database_now(self._conn) if live else now
        for name, each in answers.items():
            if each.trouble:
                stop_for_trouble(self._centre, name, each.trouble, now=at)
        if live:
            see_answers(self._centre, answers, now=at)
            if any(each.bad or each.throttled or each.slow for each in answers.values()):
                weigh(self._centre, self._switchboard.channels, now=at)

    async def _send(
        self, claimed: Sequence[Claimed], now: datetime
    ) -> tuple[list[Outcome], dict[str, Answers]]:
        places = [(one.lane, one.attempt_id) for one in claimed]
        try:
            over = await self._db(lambda: overtaken(self._conn, places, as_of=self.as_of(now)))
        except DatabaseLostError:
            return [NotWritten("the database was lost before the hand-over")] * len(claimed), {}
        going = [one for one in claimed if one.attempt_id not in over]
        outcomes, answers = await hand_over(self._switchboard, self._meters, going)
        outcomes.update((attempt, NotWritten("overtaken since it was claimed")) for attempt in over)
        return [outcomes[one.attempt_id] for one in claimed], answers

    async def receive(self, now: datetime, *, keep_seconds: float = 30.0) -> None:
        """Apply receipts handed in since; those whose attempt is not settled yet are kept for the next time."""
        pending = self._switchboard.pending
        if not pending or not self.epochs:
            return
        keys = [key for key, _ in pending.values()]
        heard = await self._db(
            lambda: apply_receipts(self._conn, self.epochs, keys, now=now, silence=self._pace.silence)
        )
        tell_applied(self._meters, heard.moved)
        applied = heard.receipts
        self._tally.receipts += len(applied)
        limit = time.monotonic() - keep_seconds
        for key, arrived in list(pending.values()):
            if key[1] in applied or arrived < limit:  # an old one is another worker's, or the sweep's
                pending.pop(key[1], None)

    async def listen_around(self) -> None:
        """Note what another process was told of this desk's attempts since the last time; `receive` applies it."""
        if self.epochs:
            keys = await self._db(self._listen_around)
            arrived = time.monotonic()
            self._switchboard.pending.update({key[1]: (key, arrived) for key in keys})

    def _listen_around(self) -> list[ReceiptKey]:
        clock = database_now(self._conn)
        keys = heard_elsewhere(self._centre, self.epochs, (self._listened_at or clock) - COMMITS_WITHIN)
        self._listened_at = clock
        return keys

    async def advance(self, now: datetime) -> None:
        """Move routes on whose time is up, and expire what has lost its use."""
        if self.epochs:
            self._tell(await self._db(self._advance, now))

    def _advance(self, now: datetime) -> Followed:
        if self._switchboard.now is None:
            weigh(self._centre, self._switchboard.channels, now=now)
        weigh_batches(self._centre, now=now)
        held = fence(self.epochs) | {"now": now}
        with self._conn.transaction():
            followed = advance_routes(
                self._conn, self.epochs, self._rules, now=now, silence=self._pace.silence
            )
            self._conn.execute(SQL["wake_batches"], held)
            followed.messages += self._conn.execute(SQL["expire_messages"], held).fetchall()
        return followed

    async def clock(self) -> datetime:
        """The database's clock, by way of this desk's connection. What adapters date with is set by it."""
        now = await self._db(lambda: database_now(self._conn))
        self._switchboard.clock.hear(now)
        return now

    async def sweep(self, now: datetime) -> None:
        """Apply what was heard of open attempts by other ways than this worker's own adapters."""
        if self.epochs:
            heard = await self._db(
                lambda: sweep_receipts(self._conn, self.epochs, now=now, silence=self._pace.silence)
            )
            tell_applied(self._meters, heard.moved)
        await self._db(lambda: forget_answers(self._centre, now=now))

    async def recover(self, epochs: Mapping[int, int], now: datetime) -> int:
        """Take over lanes: what an earlier owner left claimed is unknown; what was heard meanwhile is applied."""
        unknown, heard = await self._db(self._recover, epochs, now)
        tell_unknown(self._meters, unknown)
        tell_applied(self._meters, heard.moved)
        return len(unknown)

    def _recover(
        self, epochs: Mapping[int, int], now: datetime
    ) -> tuple[list[tuple[UUID, UUID, str, str]], Heard]:
        held = fence(epochs) | {"now": now, "deduplicating": sorted(self._switchboard.deduplicating())}
        with self._conn.transaction():
            unknown = self._conn.execute(SQL["recover_attempts"], held).fetchall()
        return unknown, sweep_receipts(
            self._conn, epochs, now=now, lately=RECOVERED, silence=self._pace.silence
        )

    async def take_back(self, doubted: Mapping[int, int], epochs: Mapping[int, int], now: datetime) -> int:
        """Release what was claimed in lanes that were in doubt and are held anew under `epochs`; how many.

        doubted: of in_doubt, what is settled by this; a lane of it that is not held any more is somebody else's. It was
        never handed over, and nothing can still be committed under the old epochs.
        """
        old = {lane: doubted[lane] for lane in epochs}
        released = await self._db(
            lambda: release_unspoken(
                self._conn, old, epochs, now=now, lines=self._switchboard.lines(), silence=self._pace.silence
            )
        )
        # Only now, so that it is done again where this is lost too.
        self.in_doubt = dict(self.in_doubt.items() - doubted.items())
        tell_settled(self._meters, released)
        return len(released)

    async def has_due(self, now: datetime) -> bool:
        """Whether a message is due in this desk's lanes: cheaper than a claim that finds nothing."""
        return bool(self.epochs) and bool(
            await self._ask("has_due", lanes=list(self.epochs), channels=CHANNELS, now=now)
        )

    async def is_idle(self) -> bool:
        """Whether nothing is due, in flight or waiting to be tried again, in any lane: also not in one that a worker
        which died still holds.
        """
        return bool(await self._ask("count_open", centre=True, lanes=list(range(LANES))) == 0)

    async def next_instant(self) -> datetime | None:
        """When something is next to do in these lanes; None when nothing is."""
        instant: datetime | None = await self._ask("next_instant", lanes=list(self.epochs))
        return instant

    async def _ask(self, statement: str, centre: bool = False, **given: object) -> Any:
        """centre: of all lanes, which a session of a shard does not have."""
        row = await self._db(lambda: ask(self._centre if centre else self._conn, SQL[statement], given))
        return row and row[0]
