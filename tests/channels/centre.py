"""A message centre of the sandbox in the test's own loop, and an adapter bound to it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from duecourse.channels.registry import KINDS, build
from duecourse.channels.sandbox.journal import Journal as Writer
from duecourse.channels.sandbox.room import Room
from duecourse.channels.sandbox.rules import SandboxRules
from duecourse.channels.wire.centre import MessageCentre

from .conformance import Journal, Sink

NOW = datetime(2026, 3, 10, 1, 0, tzinfo=UTC)
"""09:00 in Beijing."""


@dataclass
class Running:
    """Both sides, and what the far end has on record."""

    kind: str
    port: int
    folder: Path
    sink: Sink = field(default_factory=Sink)

    def adapter(self, **changes: Any) -> MessageCentre:
        """Not yet open."""
        quick: dict[str, Any] = {
            "response_seconds": 0.5,
            "rebind_first_seconds": 0.05,
            "rebind_most_seconds": 0.2,
            "throttle_pause_seconds": 0.1,
        }
        settings = KINDS[self.kind].far_end.settings(self.port, self.folder) | quick | changes
        built = build(self.kind, "carrier", settings, self.sink.on_receipts, self.sink.on_reply, lambda: NOW)
        assert isinstance(built, MessageCentre)
        return built

    def events(self, name: str) -> list[dict[str, Any]]:
        """What the far end noted under this name."""
        return [each for each in Journal(self.folder / "journal").events() if each["event"] == name]


class Body(Protocol):
    """A test's part that runs while both sides do."""

    def __call__(self, adapter: Any, running: Running, /) -> Awaitable[None]: ...


def against(kind: str, folder: Path, body: Body, *, password: str = "", **changes: Any) -> Running:
    """Run `body` with an open adapter against the sandbox's far end of this kind."""

    async def run() -> Running:
        writer = Writer(folder / "journal")
        far_end = KINDS[kind].far_end.of(
            Room(SandboxRules(throttled_times=1, late_seconds=0.3), writer, folder, "", password)
        )
        running = Running(kind, await far_end.start(), folder)
        adapter = running.adapter(**changes)
        await adapter.open()
        try:
            await body(adapter, running)
        finally:
            await asyncio.wait_for(adapter.close(), 10)
            await far_end.stop()
            writer.close()
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return running

    return asyncio.run(run())
