"""A small HTTP server inside a running event loop: for what providers send us, and for the sandbox's far ends."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator, Mapping
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from duecourse.domain.messaging import RawRequest, Receives

MOST_OCTETS = 1_000_000


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals belong to the process that embeds us."""
        yield


class Listener:
    """Serves one ASGI application on one port."""

    def __init__(self, application: Any) -> None:
        self._config = uvicorn.Config(
            application, log_config=None, log_level="warning", access_log=False, lifespan="off", server_header=False,
            timeout_graceful_shutdown=2,
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


def callbacks(receivers: Mapping[str, Receives], public_url: str = "") -> Starlette:
    """The application that providers call: /callbacks/NAME goes to the provider of that name.

    public_url: our address as the providers know it, for signatures over the URL; '' takes the request's own.
    A body over MOST_OCTETS is answered 413, an unknown name 404.
    """

    async def take(request: Request) -> Response:
        receiver = receivers.get(request.path_params["name"])
        if receiver is None:
            return Response(status_code=404)
        body = b""
        async for piece in request.stream():
            body += piece
            if len(body) > MOST_OCTETS:
                return Response(status_code=413)
        query = request.url.query
        base = public_url.rstrip("/") if public_url else f"{request.url.scheme}://{request.url.netloc}"
        answer = await receiver.receive(
            RawRequest(
                method=request.method,
                query=query,
                headers={key.lower(): value for key, value in request.headers.items()},
                body=body,
                url=f"{base}{request.url.path}{'?' + query if query else ''}",
                peer=request.client.host if request.client else "",
            )
        )
        return Response(answer.body, answer.status, media_type=answer.media_type)

    return Starlette(routes=[Route("/callbacks/{name}", take, methods=["GET", "POST"])])
