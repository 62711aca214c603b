"""Messages from claim to settled, against the sum of the bare parts: protocol, SQL, rendering."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from statistics import median
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import psycopg

from duecourse.channels.registry import build
from duecourse.channels.sandbox.process import SandboxProcess
from duecourse.channels.sandbox.rules import SandboxRules
from duecourse.dispatch.desk import Desk
from duecourse.dispatch.pace import Pace
from duecourse.dispatch.replay import REPLAY_RECHECK, TICK
from duecourse.dispatch.switchboard import Switchboard
from duecourse.dispatch.tally import Tally
from duecourse.domain.messaging import Accepted, Adapter, Outgoing, Receipt, Reply
from duecourse.planning.compile import Plannable
from duecourse.planning.plan import plan_book
from duecourse.store.lease import acquire

from .book import Shape, make_book, put_in_force, seal_book, tidy
from .house import ZONE, House
from .measure import Report, interleaved, ratio, spread, summary
from .trace import Trace, TracedComposer, TracedConnection, ask_again

SIZES = {"small": 10_000, "full": 100_000}
REPETITIONS = 5
DAY = date(2026, 3, 10)
TAKE = 1000
WINDOW = 1000
TEXT = "Test Bank: CN¥1,234.56 is due on Mar 10, 2026. Questions: 400."
STAGES = {
    "claim and judge": ("claim_messages",),
    "read facts": ("read_facts",),
    "render": ("compose",),
    "record": ("record_attempts",),
    "settle": ("settle_attempts",),
    "append receipts": ("append_receipts",),
    "apply receipts": ("apply_receipts",),
    "commit": ("commit",),
}


class _Measured:
    """A house's databases and far ends, made ready; each repetition sends the messages of another day."""

    def __init__(self, house: House, messages: int, seed: int, sandbox: SandboxProcess) -> None:
        self.house = house
        self.messages = messages
        self.sandbox = sandbox
        self.trace = Trace()
        self.name = house.copy()
        with house.open(self.name) as store, store.connect(idle_in_transaction_seconds=0) as conn:
            shape = Shape(messages * REPETITIONS, DAY, REPETITIONS, REPETITIONS, 1, shared=2**31 - 1)
            make_book(conn, shape, seed=seed, zone=ZONE)
            seal_book(conn, house.keyring)
            plannables = put_in_force(conn, house.folder, {"due-today": "due"})
            self._plan(conn, plannables)
            with store.connect(autocommit=True) as leases:
                self.epochs = acquire(leases, "bench", 86_400)
                tidy(leases)
        self.twin = house.copy(self.name)
        self.sent: list[int] = []
        self.stages: dict[str, list[float]] = {name: [] for name in STAGES}

    def _plan(self, conn: psycopg.Connection, plannables: Sequence[Plannable]) -> None:
        for repetition in range(REPETITIONS):
            day, now = self._day(repetition)
            plan_book(conn, plannables, as_of=day, now=now - timedelta(hours=12))

    @staticmethod
    def _day(repetition: int) -> tuple[date, datetime]:
        """All is due at seven in the evening: the last window has closed, the contact hours have not."""
        day = DAY + timedelta(days=repetition)
        return day, datetime.combine(day, datetime.min.time(), ZoneInfo(ZONE)) + timedelta(hours=19)

    def settings(self, system_id: str) -> dict[str, Any]:
        """An SMPP adapter's, as a replay has them."""
        return {
            "host": "127.0.0.1",
            "port": self.sandbox.ports["sms.smpp"],
            "system_id": system_id,
            "window": WINDOW,
            "response_seconds": 10,
            "throttle_pause_seconds": 0,
        }

    def dispatched(self, repetition: int) -> float:
        """A day's messages through a desk, until the receipts are applied."""
        self.house.settle()
        self.trace.clear()
        with self.house.open(self.name) as store:
            conninfo = store._session(0, None)
            took = asyncio.run(self._dispatch(conninfo, repetition))
        for stage, names in STAGES.items():
            seconds = sum(self.trace.seconds[name] for name in names)
            self.stages[stage].append(seconds / self.messages * 1e6)
        return took

    async def _dispatch(self, conninfo: str, repetition: int) -> float:
        _, now = self._day(repetition)
        with TracedConnection.connect(conninfo) as conn, TracedConnection.connect(conninfo) as inbound:
            conn.trace = inbound.trace = self.trace
            switchboard = Switchboard(inbound, self.house.keyring, desks=1)
            switchboard.now = now
            switchboard.adapters["sandbox-sms"] = build(
                "sms.smpp",
                "sandbox-sms",
                self.settings("bench"),
                switchboard.take_receipts,
                switchboard.take_reply,
            )
            tally = Tally()
            desk = Desk(
                conn,
                self.house.keyring,
                TracedComposer(conn, self.trace),
                switchboard,
                lender_zone=ZONE,
                pace=Pace(recheck=REPLAY_RECHECK, pause=TICK),
                tally=tally,
            )
            desk.epochs = self.epochs
            await switchboard.open()
            began = time.perf_counter()
            last = now + timedelta(minutes=1)
            while (
                now < last
            ):  # what a slow claim left too late for its hand-over is released, and due again soon
                switchboard.now = now
                while await desk.take_turn(now, TAKE):
                    pass
                await switchboard.drain()
                await desk.receive(now)
                now = await desk.next_instant() or last
            took = time.perf_counter() - began
            await switchboard.close()
            self.sent.append(tally.handed_over)
            self._check(conn, repetition)
        return took

    def _check(self, conn: psycopg.Connection, repetition: int) -> None:
        """A figure of something that did not happen is none."""
        day, _ = self._day(repetition)
        row = conn.execute(
            "SELECT count(*) FROM message WHERE local_on = %s AND outcome = 'delivered'", (day,)
        ).fetchone()
        if row is None or row[0] != self.messages:
            raise RuntimeError(f"{row and row[0]} of {self.messages} messages were delivered")

    def asked_again(self, _: int) -> float:
        """The same statements with the same parameters on a twin of the database."""
        self.house.settle()
        with self.house.open(self.twin) as store, store.connect(idle_in_transaction_seconds=0) as conn:
            return ask_again(conn, self.trace.transactions)

    def spoken(self, _: int) -> float:
        """The protocol alone: prepared texts, and a sink that only counts receipts."""
        return asyncio.run(self._speak())

    async def _speak(self) -> float:
        heard = 0

        async def count(_name: str, receipts: Sequence[Receipt]) -> None:
            nonlocal heard
            heard += len(receipts)

        async def nobody(_: Reply) -> None:
            raise RuntimeError("nobody replies to a bench")

        adapter: Adapter = build("sms.smpp", "bare", self.settings("bare"), count, nobody)
        await adapter.open()
        batch = [
            Outgoing(uuid4(), f"+86139{1000 + at // 9000:04d}{1000 + at % 9000:04d}", TEXT)
            for at in range(self.messages)
        ]
        began = time.perf_counter()
        for at in range(0, len(batch), TAKE):
            outcomes = await adapter.send(batch[at : at + TAKE])
            assert all(isinstance(outcome, Accepted) for outcome in outcomes)
        await adapter.drain()
        took = time.perf_counter() - began
        await adapter.close()
        assert heard == self.messages
        return took

    def rendered(self, _: int) -> float:
        """The same texts rendered from the same facts."""
        # The line that texts were read over stands idle while all are rendered.
        with self.house.open(self.twin) as store, store.connect(idle_in_transaction_seconds=0) as conn:
            composer = TracedComposer(conn, Trace())
            composer.again(self.trace.composed[:1])  # templates are parsed once per version, not per message
            return composer.again(self.trace.composed)


def bench(house: House, messages: int, seed: int) -> Report:
    """messages: per repetition."""
    report = Report(
        "dispatch", {"messages": messages, "repetitions": REPETITIONS, "take": TAKE, "window": WINDOW}, seed
    )
    folder = house.folder
    rules = SandboxRules(late_seconds=0)
    with SandboxProcess(folder, rules=rules) as sandbox:
        measured = _Measured(house, messages, seed, sandbox)
        taken = interleaved(
            REPETITIONS,
            {
                "dispatch": measured.dispatched,
                "protocol": measured.spoken,
                "SQL": measured.asked_again,
                "rendering": measured.rendered,
            },
        )
    house.drop(measured.name, measured.twin)
    parts = [
        sum(one) for one in zip(*(taken[name] for name in ("protocol", "SQL", "rendering")), strict=True)
    ]
    slower = ratio(taken["dispatch"], parts)
    each = {name: median(seconds) / messages * 1e6 for name, seconds in taken.items()}
    stages = {name: round(median(figures), 1) for name, figures in measured.stages.items()}
    report.figures = {
        "messages_per_second": round(messages / median(taken["dispatch"])),
        "seconds": {name: summary(seconds) for name, seconds in (taken | {"sum of parts": parts}).items()},
        "ratio_to_sum_of_parts": round(slower, 2),
        "microseconds_per_message": {name: round(figure, 1) for name, figure in each.items()},
        "microseconds_per_message_by_stage": stages,
    }
    rate = messages / median(taken["dispatch"])
    report.rows = [
        (
            f"dispatch {messages:,} SMS, claim to receipt applied",
            f"{spread(taken['dispatch'])}, {rate:,.0f}/s",
            f"protocol + SQL + rendering: {spread(parts)}",
            f"{slower:.2f} ×",
        ),
        *(
            (f"  {name} alone", f"{each[name]:.0f} µs a message", "", f"{each[name] / each['dispatch']:.0%}")
            for name in ("protocol", "SQL", "rendering")
        ),
        *(
            (f"  in the desk: {name}", f"{figure:.0f} µs a message", "", "")
            for name, figure in stages.items()
        ),
    ]
    return report
