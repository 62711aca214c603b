"""What a call has told, handed in in its order and again until it is committed: nobody else keeps it."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import Final

from duecourse.domain.messaging import Receipt, ReceiptSink, Reply, ReplySink

log = logging.getLogger(__name__)

_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 5.0
CLOSE_SECONDS: Final = 5.0
"""How long close() goes on trying to commit what is left."""


class Outbox:
    """A queue with one who empties it."""

    def __init__(self, name: str, on_receipts: ReceiptSink, on_reply: ReplySink) -> None:
        self._name = name
        self._on_receipts = on_receipts
        self._on_reply = on_reply
        self._queue: asyncio.Queue[Receipt | Reply] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin handing in."""
        self._task = asyncio.create_task(self._hand_in())

    def put(self, word: Receipt | Reply) -> None:
        """Hand this in after what waits already."""
        self._queue.put_nowait(word)

    async def idle(self) -> None:
        """Return once everything put so far is committed."""
        await self._queue.join()

    async def stop(self) -> None:
        """Commit what is left, within CLOSE_SECONDS, and stop."""
        task, self._task = self._task, None
        if task is None:
            return
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._queue.join()
        except TimeoutError:
            log.error("%s: %d words of calls could not be stored.", self._name, self._queue.qsize() + 1)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    async def _hand_in(self) -> None:
        while True:
            word = await self._queue.get()
            pause = _FIRST_PAUSE
            while True:
                try:
                    if isinstance(word, Receipt):
                        await self._on_receipts(self._name, [word])
                    else:
                        await self._on_reply(word)
                    break
                except Exception as error:
                    log.warning(
                        "%s: what a call told could not be stored (%s); it is tried again.",
                        self._name,
                        type(error).__name__,
                    )
                    await asyncio.sleep(pause)
                    pause = min(2 * pause, _LONGEST_PAUSE)
            self._queue.task_done()
