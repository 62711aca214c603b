"""A desk at work: real adapters to a real SMSC and mail server of the sandbox, on a clock the test moves."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime
from itertools import count
from typing import Any

import psycopg

from duecourse.channels.registry import build
from duecourse.channels.sandbox.process import SandboxProcess
from duecourse.content.render import Renderer
from duecourse.dispatch.brake import stop_sending
from duecourse.dispatch.compose import Composer
from duecourse.dispatch.desk import Desk
from duecourse.dispatch.pace import Pace
from duecourse.dispatch.switchboard import Switchboard
from duecourse.dispatch.tally import Tally
from duecourse.policy.templates import TemplateText
from duecourse.policy.versions import TemplateRef
from duecourse.privacy.keyring import Keyring
from duecourse.privacy.sealing import open_value
from duecourse.store.connect import Store
from duecourse.store.lease import acquire, release
from lender import LONG_AGO, Lender

TEXTS = {
    "due-soon": "Test Bank: {{ total | money }} is due on {{ due_on | date }}.",
    "due-today": "Test Bank: {{ total | money }} is due today.",
    "debit-soon": "Test Bank: {{ total | money }} will be debited on {{ due_on | date }}.",
    "overdue": "Test Bank: please pay {{ total | money }}.",
    "thanks": "Test Bank: thank you, your payment has arrived.",
    "missed": "Test Bank: the payment that you promised is not here yet.",
    "due-soon-plain": "Test Bank: your payment is due on {{ due_on | date }}.",
}


class Post:
    """Desks, adapters and a clock."""

    def __init__(self, store: Store, keyring: Keyring, lender: Lender, far_ends: SandboxProcess) -> None:
        self.store = store
        self.keyring = keyring
        self.lender = lender
        self.far_ends = far_ends
        self.tally = Tally()
        self.journal_from = far_ends.log.stat().st_size if far_ends.log.exists() else 0

    def composer(self) -> Composer:
        """Renders TEXTS for every policy of the lender."""

        def read_templates(ref: TemplateRef) -> dict[TemplateRef, list[TemplateText]]:
            text = TEXTS[ref.template]
            return {
                ref: [TemplateText(ref.template, "en", {"sms": text, "email": text, "subject": "Your loan"})]
            }

        return Composer(
            Renderer(), lambda name, _: {p.name: p for p in self.lender.policies}[name], read_templates
        )

    def config(self, kind: str) -> dict[str, Any]:
        """An adapter's settings for the sandbox."""
        if kind == "sms.smpp":
            return {
                "host": "127.0.0.1",
                "port": self.far_ends.ports["sms.smpp"],
                "system_id": "test",
                "throttle_pause_seconds": 0,
                "response_seconds": 1,
                "rebind_first_seconds": 0.1,
            }
        return {
            "host": "127.0.0.1",
            "port": self.far_ends.ports["email.smtp"],
            "security": "none",
            "from_address": "notices@lender.example",
            "return_path": "bounces@lender.example",
            "bounces_maildir": str(self.far_ends.maildir),
            "response_seconds": 1,
            "throttle_pause_seconds": 0,
        }

    async def open(self, conn: psycopg.Connection, *kinds: str) -> tuple[Desk, Switchboard]:
        """A desk that holds every lane."""
        switchboard = Switchboard(self.store.connect(), self.keyring, desks=1)
        for kind in kinds or ("sms.smpp", "email.smtp"):
            switchboard.adapters[kind] = build(
                kind, kind, self.config(kind), switchboard.take_receipts, switchboard.take_reply
            )
        desk = Desk(
            conn,
            self.keyring,
            self.composer(),
            switchboard,
            lender_zone="Asia/Shanghai",
            pace=Pace(),
            tally=self.tally,
        )
        with self.store.connect(autocommit=True) as leases:
            desk.epochs = acquire(leases, "test", 60)
        await switchboard.open()
        return desk, switchboard

    def work(self, *instants: str, kinds: tuple[str, ...] = (), settle_seconds: float = 0.0) -> None:
        """Do all that is to do at each instant in turn, in order."""
        asyncio.run(self._work(instants, kinds, settle_seconds))

    async def _work(self, instants: tuple[str, ...], kinds: tuple[str, ...], settle_seconds: float) -> None:
        with self.store.connect() as conn:
            desk, switchboard = await self.open(conn, *kinds)
            try:
                for instant in instants:
                    now = datetime.fromisoformat(instant)
                    switchboard.now = now
                    await self.at(desk, switchboard, now, settle_seconds)
            finally:
                await switchboard.close()
                with self.store.connect(autocommit=True) as leases:
                    release(leases, "test")

    async def at(
        self, desk: Desk, switchboard: Switchboard, now: datetime, settle_seconds: float = 0.0
    ) -> None:
        """All that is to do at one instant."""
        for _ in range(4):
            while await desk.take_turn(now, 500):
                pass
            await asyncio.sleep(settle_seconds)
            await switchboard.drain()
            await desk.receive(now)
            await desk.advance(now)

    def journal(self, event: str = "submit") -> list[dict[str, Any]]:
        """What the far ends noted since this test began."""
        with self.far_ends.log.open("rb") as file:
            file.seek(self.journal_from)
            # The last line may be in the middle of being written.
            lines = [json.loads(line) for line in file.read().split(b"\n")[:-1]]
        return [line for line in lines if line["event"] == event]

    def outcomes(self) -> list[tuple[Any, ...]]:
        """(loans, outcome or state, rule) of every message."""
        return self.lender.messages("loans", "coalesce(outcome, state)", "rule")

    def attempts(self) -> list[tuple[Any, ...]]:
        """(channel, state, code) of every attempt, in order."""
        rows = self.lender.conn.execute(
            """SELECT channel, state, coalesce(code, '') FROM attempt
               ORDER BY claimed_at, message_id, seq"""
        ).fetchall()
        self.lender.conn.commit()
        return rows

    def sent(self) -> list[tuple[Any, ...]]:
        """(attempt id, sealed text) of every attempt."""
        rows = self.lender.conn.execute(
            "SELECT attempt_id, text_sealed FROM attempt ORDER BY claimed_at"
        ).fetchall()
        self.lender.conn.commit()
        return rows

    def text(self, attempt: tuple[Any, ...]) -> str:
        """The archived text of an attempt."""
        opened = open_value(self.keyring, attempt[1], "attempt", "text", attempt[0])
        return str(json.loads(opened)["text"])

    def stop(self, **scope: str) -> None:
        """Put a stop in force."""
        stop_sending(self.lender.conn, reason="test", by="test", now=LONG_AGO, **scope)  # type: ignore[arg-type]

    def serial(self) -> str:
        """Four digits no other test of this process uses: the sandbox remembers whom it throttled."""
        return f"{next(_serials):04d}"


_serials = count(2000)
