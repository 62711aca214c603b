"""A desk with far ends that answer as the test says, on a clock the test moves: for interleavings no sandbox makes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from datetime import datetime

from duecourse.dispatch.claimed import Claimed
from duecourse.dispatch.desk import Desk
from duecourse.dispatch.meters import Meters
from duecourse.dispatch.pace import Pace
from duecourse.dispatch.receipts import append_receipts, apply_receipts
from duecourse.dispatch.switchboard import Switchboard
from duecourse.domain.messaging import Accepted, Channel, Outcome, Outgoing, Receipt, ReceiptStatus
from duecourse.store.lease import acquire
from duecourse.store.lifeline import Lifeline
from post import Post


class Scripted:
    """A far end that answers as the test says; the desk before it is the real one."""

    window = 100

    def __init__(
        self, channel: Channel, answers: Sequence[Outcome | Exception], *, deduplicates: bool = False
    ) -> None:
        self.kind = self.name = channel.value
        self.channel = channel
        self.deduplicates = deduplicates
        self.answers = list(answers)
        self.taken: list[Outgoing] = []
        self.late: list[Outgoing] = []
        """Of these those whose time to be written had passed."""
        self.meanwhile: Callable[[], None] = lambda: None

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def drain(self) -> None: ...

    async def send(self, batch: Sequence[Outgoing]) -> Sequence[Outcome]:
        self.taken += batch
        self.late += [one for one in batch if time.monotonic() > one.write_before]
        self.meanwhile()
        answers = [
            self.answers.pop(0) if self.answers else Accepted(f"{self.name}-{one.attempt_id}")
            for one in batch
        ]
        for answer in answers:
            if isinstance(answer, Exception):
                raise answer
        return [answer for answer in answers if not isinstance(answer, Exception)]


class Counter:
    """A desk that holds every lane, with far ends of the test's own, on a clock the test moves."""

    def __init__(
        self, post: Post, *, deduplicating: Sequence[str] = (), **answers: Sequence[Outcome | Exception]
    ) -> None:
        """answers: of SMS, e-mail and every other channel that is named. deduplicating: channels whose end drops a
        second submission of one id.
        """
        self.post = post
        self.meters = Meters()
        self.conn = post.store.connect().__enter__()
        self.switchboard = Switchboard(Lifeline(self.conn, post.store.connect), post.keyring, desks=1)
        self.ends = {
            name: Scripted(Channel(name), answers.get(name, []), deduplicates=name in deduplicating)
            for name in dict.fromkeys(("sms", "email", *answers))
        }
        for name, end in self.ends.items():
            self.switchboard.adapters[name] = end  # type: ignore[assignment]
        self.desk = Desk(
            Lifeline(self.conn, post.store.connect),
            post.keyring,
            post.composer(),
            self.switchboard,
            lender_zone="Asia/Shanghai",
            pace=Pace(),
            tally=post.tally,
            meters=self.meters,
        )
        with post.store.connect(autocommit=True) as leases:
            self.desk.epochs = acquire(leases, "counter", 600)

    def at(self, *instants: str) -> None:
        """One turn, and what follows from the time, at each instant."""
        for instant in instants:
            now = datetime.fromisoformat(instant)
            self.switchboard.now = now
            asyncio.run(self._turn(now))

    async def _turn(self, now: datetime) -> None:
        while await self.desk.take_turn(now, 500):
            pass
        await self.desk.receive(now)
        await self.desk.advance(now)

    def after_claim(self, happens: Callable[[], None]) -> None:
        """Once, between the next claim's commit and the hand-over of what it claimed."""
        send = self.desk._send

        async def first(claimed: Sequence[Claimed], now: datetime) -> list[Outcome]:
            if claimed:
                self.desk._send = send  # type: ignore[method-assign]
                happens()
            return await send(claimed, now)

        self.desk._send = first  # type: ignore[method-assign]

    def sweep(self, instant: str) -> None:
        """Apply what was heard by other ways than this desk's."""
        asyncio.run(self.desk.sweep(datetime.fromisoformat(instant)))

    def hear(self, instant: str, provider: str, status: ReceiptStatus) -> None:
        """A receipt for the last attempt at a provider."""
        now = datetime.fromisoformat(instant)
        receipt = Receipt(status, status.value, attempt_id=self.ends[provider].taken[-1].attempt_id)
        keys = append_receipts(self.conn, self.post.keyring, provider, [receipt], now=now)
        apply_receipts(self.conn, self.desk.epochs, keys, now=now)
