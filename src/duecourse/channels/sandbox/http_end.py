"""What the sandbox's far ends over HTTP share: a server, and receipts that are posted until they are taken."""

from __future__ import annotations

import asyncio
import itertools
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Coroutine, Sequence
from typing import Any, ClassVar, Self

import httpx2
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from duecourse.channels.http.line import Ask
from duecourse.channels.http.listener import Listener, bounded
from duecourse.channels.sandbox.room import Room, provider_name
from duecourse.channels.sandbox.rules import Behaviour

AGAIN_SECONDS = 0.05
MOST_AGAIN_SECONDS = 1.0
MOST_POSTS = 50
"""At once: thousands that are owed to a listener that is away or slow would leave no time to answer anything."""


class HttpEnd(ABC):
    """A provider's HTTP interface. A subclass gives its `routes` and answers them; `owe` posts what it tells us."""

    kind: ClassVar[str]
    """As the adapter's."""
    given_callback_url: ClassVar[bool] = False
    """Whether the adapter's settings name its own `callback_url`, for providers that are told where to call."""

    def __init__(self, room: Room) -> None:
        self.room = room
        self.rules = room.rules
        self.journal = room.journal
        self.throttled: Counter[str] = Counter()
        self._ids = itertools.count(1)
        self._epoch = f"{time.time_ns() // 1_000_000:x}"
        self._owed: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()
        self._posts = asyncio.Semaphore(MOST_POSTS)
        self._client = httpx2.AsyncClient(trust_env=False, timeout=5)
        drain = Route("/sandbox/drain", self._drain, methods=["GET"])
        self._listener = Listener(bounded(Starlette(routes=[*self.routes(), drain])))

    @classmethod
    def of(cls, room: Room) -> Self:
        """Not yet listening."""
        return cls(room)

    @abstractmethod
    def routes(self) -> Sequence[Route]:
        """The paths of the provider's interface."""

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> int:
        """Listen; returns the port."""
        return await self._listener.start(host, port)

    async def stop(self) -> None:
        """Close; what is still owed stays owed."""
        self._stopping.set()
        for task in self._owed:
            task.cancel()
        await asyncio.gather(*self._owed, return_exceptions=True)
        await self._client.aclose()
        await self._listener.stop()
        self.journal.flush()

    def next_id(self) -> str:
        """Never given before, also not by a sandbox of this folder that ran earlier."""
        return f"{self._epoch}{next(self._ids):08x}"

    def is_throttled(self, address: str) -> bool:
        """Whether this address is refused this time as too fast; counts the time."""
        self.throttled[address] += 1
        return self.throttled[address] <= self.rules.throttled_times

    def owe(self, ask: Ask, *, late: bool = False) -> None:
        """Post this to our listener, again until it is answered 2xx, then note it. Answered 4xx, it is given up, and
        that is noted. The URL is a path and query after the provider's callback address, '' for itself.
        """
        self.owe_conversation(self._post(ask, self.rules.late_seconds if late else 0.0))

    async def unanswered(self) -> Response:
        """For Behaviour.UNANSWERED: never answers as long as the far end runs."""
        await self._stopping.wait()
        return Response(status_code=503)

    def owe_conversation(self, conversation: Coroutine[Any, Any, bool]) -> None:
        """Something of several posts, each by `posted`; noted as acknowledged when it ends and returns true."""
        if not self.room.callbacks_url:
            conversation.close()
            return
        task = asyncio.create_task(self._converse(conversation))
        self._owed.add(task)
        task.add_done_callback(self._owed.discard)

    async def posted(self, ask: Ask) -> httpx2.Response | None:
        """Post this to our listener, again until it is taken, and return the answer; None where it was not understood,
        which is noted.
        """
        url = f"{self.room.callbacks_url}/{provider_name(self.kind)}{ask.url}"
        pause = AGAIN_SECONDS
        async with self._posts:
            while True:
                try:
                    response = await self._client.request(
                        ask.method, url, content=ask.content, headers=dict(ask.headers)
                    )
                    if response.is_success:
                        return response
                    if response.is_client_error:
                        self.journal.add("not understood", kind=self.kind, status=response.status_code)
                        self.journal.flush()
                        return None
                except httpx2.TransportError:
                    pass
                await asyncio.sleep(pause)
                pause = min(pause * 2, MOST_AGAIN_SECONDS)

    async def _post(self, ask: Ask, after: float) -> bool:
        await asyncio.sleep(after)
        return await self.posted(ask) is not None

    async def _converse(self, conversation: Coroutine[Any, Any, bool]) -> None:
        if await conversation:
            self.journal.add("acknowledged", kind=self.kind)
            self.journal.flush()

    async def _drain(self, _: Request) -> Response:
        while self._owed:
            await asyncio.wait(list(self._owed))
        return PlainTextResponse("drained")


def delivers(behaviour: Behaviour) -> bool:
    """Whether a message that was taken arrives."""
    return behaviour in (
        Behaviour.DELIVERED, Behaviour.THROTTLED, Behaviour.LATE, Behaviour.STOPS, Behaviour.LOST_ANSWER,
    )  # fmt: skip
