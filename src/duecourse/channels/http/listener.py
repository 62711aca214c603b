"""A small HTTP server inside a running event loop: pages and the API, what providers send us, the sandbox's far ends.

Nobody can keep it busy by being slow or long: heads and bodies have a size and a deadline each.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping
from typing import Any, Final, TypeAlias

import h11
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from uvicorn.protocols.http.h11_impl import H11Protocol

from duecourse.domain.messaging import RawRequest, Receives

MOST_OCTETS: Final = 1_000_000
"""Of a body."""
MOST_HEAD_OCTETS: Final = 32_768
"""Of a request's first line and headers together; beyond it is answered 431, or 400 where it comes in pieces."""
HEAD_SECONDS: Final = 10.0
"""From the connection, or the first octet of a further request, to the end of its headers."""
BODY_SECONDS: Final = 20.0
"""From the end of the headers to the end of the body."""
GRACE_SECONDS: Final = 2
"""From the word to stop to the end of the requests in hand."""
MOST_CONNECTIONS: Final = 2_000
"""At once; further ones are answered 503."""
ON_THIS_MACHINE: Final = "127.0.0.1,::1"

Message: TypeAlias = MutableMapping[str, Any]
Hear: TypeAlias = Callable[[], Awaitable[Message]]
Say: TypeAlias = Callable[[Message], Awaitable[None]]
Refuse: TypeAlias = Callable[[Mapping[str, Any], int], Response]
Application: TypeAlias = Callable[[MutableMapping[str, Any], Hear, Say], Awaitable[None]]


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals belong to the process that embeds us."""
        yield


class _Corked:
    """A transport that writes once for all that is given to it in one turn of the loop: head and body in one packet."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._pieces: list[bytes] = []

    def write(self, octets: bytes) -> None:
        if not self._pieces:
            self._loop.call_soon(self._flush)
        self._pieces.append(octets)

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._pieces:
            octets, self._pieces = b"".join(self._pieces), []
            self._transport.write(octets)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class _ImpatientProtocol(H11Protocol):
    """HTTP/1.1 that hangs up on whoever does not come to the end of a request's head; uvicorn waits for ever."""

    head_seconds = HEAD_SECONDS
    _head_due: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(_Corked(transport, self.loop))  # type: ignore[arg-type]
        self._head_due = self.loop.call_later(self.head_seconds, self._hang_up)

    def handle_events(self) -> None:
        super().handle_events()
        within_a_head = self.conn.their_state is h11.IDLE and bool(self.conn.trailing_data[0])
        if not within_a_head:
            self._forget()
        elif self._head_due is None:
            self._head_due = self.loop.call_later(self.head_seconds, self._hang_up)

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget()
        super().connection_lost(exc)

    def _forget(self) -> None:
        if self._head_due is not None:
            self._head_due.cancel()
            self._head_due = None

    def _hang_up(self) -> None:
        self._head_due = None
        self.transport.abort()


class Listener:
    """Serves one ASGI application on one port."""

    def __init__(
        self,
        application: Any,
        *,
        trusted_proxies: str = ON_THIS_MACHINE,
        head_seconds: float = HEAD_SECONDS,
        grace_seconds: int = GRACE_SECONDS,
    ) -> None:
        """trusted_proxies: addresses and networks, with commas between, whose X-Forwarded-For is believed.

        grace_seconds: what is in hand when it stops has so long; then it is cancelled.
        """
        protocol = type("_Protocol", (_ImpatientProtocol,), {"head_seconds": head_seconds})
        self._config = uvicorn.Config(
            application, http=protocol, ws="none", log_config=None, log_level="error", access_log=False,
            lifespan="off", server_header=False, timeout_graceful_shutdown=grace_seconds,
            limit_concurrency=MOST_CONNECTIONS, h11_max_incomplete_event_size=MOST_HEAD_OCTETS,
            proxy_headers=bool(trusted_proxies), forwarded_allow_ips=trusted_proxies,
        )  # fmt: skip
        self._server = _Server(self._config)
        self._serving: asyncio.Task[None] | None = None

    async def start(
        self, host: str = "127.0.0.1", port: int = 0, listening: socket.socket | None = None
    ) -> int:
        """Listen; returns the port once it accepts. listening: a socket that does so already, taken over and closed
        at the end. Raises OSError when the port is taken.
        """
        listening = listening or socket.create_server((host, port), backlog=1024)
        bound: int = listening.getsockname()[1]
        self._serving = asyncio.create_task(self._server.serve(sockets=[listening]))
        while not self._server.started:
            if self._serving.done():
                self._serving.result()
            await asyncio.sleep(0.005)
        return bound

    async def stop(self) -> None:
        """Answer what is in hand, then close."""
        if self._serving is not None:
            self._server.should_exit = True
            await self._serving
            self._serving = None


def bounded(
    application: Application,
    *,
    most_octets: int = MOST_OCTETS,
    seconds: float = BODY_SECONDS,
    refuse: Refuse = lambda _, status: Response(status_code=status),
) -> Application:
    """The application, which gets each body whole or not at all: 413 for a longer one, 408 for one that does not come,
    431 for a head that is too long.

    All close the connection, since what is left of the body would be read as the next request. refuse: what to answer.
    """

    async def refused(status: int, scope: MutableMapping[str, Any], hear: Hear, say: Say) -> None:
        answer = refuse(scope, status)
        answer.headers["connection"] = "close"
        await answer(scope, hear, say)

    async def serve(scope: MutableMapping[str, Any], hear: Hear, say: Say) -> None:
        if scope["type"] != "http":
            await application(scope, hear, say)
            return
        # h11 looks at the length only of a head that is not whole yet.
        head = sum(len(name) + len(value) for name, value in scope["headers"])
        if head + len(scope.get("raw_path", b"")) + len(scope["query_string"]) > MOST_HEAD_OCTETS:
            await refused(431, scope, hear, say)
            return
        stated = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        if len(stated) > 15 or int(stated) > most_octets:
            await refused(413, scope, hear, say)
            return
        body, more = b"", True
        try:
            async with asyncio.timeout(seconds):
                while more:
                    message = await hear()
                    if message["type"] == "http.disconnect":
                        return
                    body += message.get("body", b"")
                    more = message.get("more_body", False)
                    if len(body) > most_octets:
                        await refused(413, scope, hear, say)
                        return
        except TimeoutError:
            await refused(408, scope, hear, say)
            return
        whole: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def hear_it() -> Message:
            return whole.pop() if whole else await hear()

        await application(scope, hear_it, say)

    return serve


def callback_route(receivers: Mapping[str, Receives], public_url: str = "") -> Route:
    """/callbacks/NAME, which goes to the provider of that name; an unknown name is answered 404.

    public_url: our address as the providers know it, for signatures over the URL; '' takes the request's own.
    """

    async def take(request: Request) -> Response:
        receiver = receivers.get(request.path_params["name"])
        if receiver is None:
            return Response(status_code=404)
        scope = request.scope
        query = scope["query_string"].decode("latin-1")
        base = public_url.rstrip("/") if public_url else f"{request.url.scheme}://{request.url.netloc}"
        raw = RawRequest(
            method=request.method,
            query=query,
            headers={name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]},
            body=await request.body(),
            url=f"{base}{scope['path']}{'?' + query if query else ''}",
            peer=scope["client"][0] if scope.get("client") else "",
        )
        try:
            answer = await receiver.receive(raw)
        except RecursionError:  # JSON deeper than anybody means it
            return Response(status_code=400)
        return Response(answer.body, answer.status, media_type=answer.media_type)

    return Route("/callbacks/{name}", take, methods=["GET", "POST"])


def callbacks(receivers: Mapping[str, Receives], public_url: str = "") -> Application:
    """The application that providers call where nothing else is served: callback_route, its bodies bounded."""
    return bounded(Starlette(routes=[callback_route(receivers, public_url)]))
