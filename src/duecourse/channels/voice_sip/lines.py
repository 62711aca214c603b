"""The lines of one provider: kept running, handed out for a call, taken back."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from duecourse.channels.voice.sound import silence, wav_of
from duecourse.channels.voice_sip.line import Event, Line, LineLostError, LineSettings

log = logging.getLogger(__name__)

_FIRST_PAUSE: Final = 0.2
_LONGEST_PAUSE: Final = 30.0
_STEADY_SECONDS: Final = 60.0
"""A process that ran for so long was well: the next pause is the first again."""


class LineKeeper:
    """One line, its process, and who listens to it now."""

    def __init__(
        self, name: str, folder: Path, settings: LineSettings, on_change: Callable[[], None]
    ) -> None:
        """on_change: called when it has come up or gone down."""
        self.line = Line(folder, settings, self._heard)
        self.listener: Callable[[Event], None] | None = None
        """The call that has the line; None while it is free."""
        self._name = name
        self._on_change = on_change
        self._lost = asyncio.Event()
        self._returned = asyncio.Event()
        self._returned.set()

    def take(self, listener: Callable[[Event], None]) -> None:
        """A call has the line from now on."""
        self.listener = listener
        self._returned.clear()

    def give_back(self) -> None:
        """The call is over, and what it left is no longer needed."""
        self.listener = None
        self.line.clear_sound()
        self._returned.set()

    async def keep(self) -> None:
        """Run the process, again and again, until cancelled."""
        loop = asyncio.get_running_loop()
        pause = _FIRST_PAUSE
        while True:
            await self._returned.wait()  # the sound of a call that was lost is still to be recorded
            self._lost.clear()
            began = loop.time()
            try:
                self.line.clear_sound()
                await self.line.start()
                self._on_change()
                await self._lost.wait()
                why = "baresip ended"
            except LineLostError as error:
                why = str(error)
            self._on_change()
            if loop.time() - began > _STEADY_SECONDS:
                pause = _FIRST_PAUSE
            log.warning(
                "%s: a line is down (%s); another is started in %.1f s. (%s)", self._name, why, pause, "C092"
            )
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _heard(self, event: Event) -> None:
        if event.kind == "LOST":
            self._lost.set()
        if self.listener is not None:
            self.listener(event)
        elif event.kind == "CALL_INCOMING":
            # Somebody calls back. There is no one here to talk to.
            with suppress(LineLostError):
                self.line.write_command("hangup")


class Lines:
    """All of a provider's lines."""

    def __init__(
        self, name: str, folder: Path | None, settings: LineSettings, count: int, quiet_seconds: float
    ) -> None:
        """folder: where the lines' own folders are; None takes one under the system's for temporary files.

        quiet_seconds: longer than anything rings.
        """
        self._name = name
        self._root = folder or Path(tempfile.gettempdir()) / f"duecourse-voice-{os.getuid()}"
        self._settings = settings
        self._count = count
        self._quiet_seconds = quiet_seconds
        self._keepers: list[LineKeeper] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._changed = asyncio.Event()
        self._own: Path | None = None
        self._lock: int | None = None

    @property
    def free(self) -> int:
        """Lines without a call."""
        return self._count - sum(keeper.listener is not None for keeper in self._keepers)

    @property
    def up(self) -> int:
        """Lines whose process takes commands, in a call or not."""
        return sum(keeper.line.is_up for keeper in self._keepers)

    def open(self) -> None:
        """Begin to start the processes. Raises OSError for a folder that cannot be used."""
        self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._sweep()
        own = Path(tempfile.mkdtemp(dir=self._root))
        self._own = own
        # It gets its name when it is held: a lock that nobody holds is a dead worker's.
        unnamed = own / "lock.new"
        self._lock = os.open(unnamed, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        unnamed.rename(own / "lock")
        quiet = wav_of(silence(self._quiet_seconds))
        for number in range(self._count):
            folder = own / f"line-{number}"
            folder.mkdir(mode=0o700)
            folder.joinpath("quiet.wav").write_bytes(quiet)
            keeper = LineKeeper(self._name, folder, self._settings, self._changed.set)
            self._keepers.append(keeper)
            self._tasks.append(asyncio.create_task(keeper.keep()))

    async def take(self, listener: Callable[[Event], None], until: float) -> LineKeeper | None:
        """A line for one call; None when none is free and up before `until`, a monotonic time."""
        loop = asyncio.get_running_loop()
        while True:
            for keeper in self._keepers:
                if keeper.listener is None and keeper.line.is_up:
                    keeper.take(listener)
                    return keeper
            self._changed.clear()
            try:
                async with asyncio.timeout_at(until):
                    await self._changed.wait()
            except TimeoutError:
                return None
            if loop.time() >= until:
                return None

    def give_back(self, keeper: LineKeeper) -> None:
        """The call is over."""
        keeper.give_back()
        self._changed.set()

    async def close(self) -> None:
        """End every process and take the folder away."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(keeper.line.stop() for keeper in self._keepers))
        self._keepers.clear()
        if self._own is not None:
            shutil.rmtree(self._own, ignore_errors=True)
            self._own = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _sweep(self) -> None:
        """Take away the folders of workers that died: they hold prompts."""
        for lock in self._root.glob("*/lock"):
            with suppress(OSError):
                held = os.open(lock, os.O_RDWR)
                try:
                    fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(lock.parent, ignore_errors=True)
                finally:
                    os.close(held)
