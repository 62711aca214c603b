"""The gate: what every request passes on its way in, and every answer on its way out.

In: the Host is one of ours, and the peer does not ask too often. Out: headers that keep a page to itself, one line of
log without anything personal, and no trace of what went wrong inside.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import psycopg
import structlog
from starlette.responses import Response
from starlette.routing import Route

from duecourse.channels.http.listener import Application, Hear, Message, Say

from .answers import refusal
from .metrics import RequestMeters
from .rates import Rates, peer_net

log = structlog.get_logger("duecourse.web")

HEALTH: Final = ("/healthz", "/readyz")
CALLBACKS: Final = "/callbacks/"
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""That the log names; any other is the peer's own word, of any length."""
HEADERS: Final[Mapping[bytes, bytes]] = {
    b"content-security-policy": (
        b"default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; "
        b"base-uri 'none'"
    ),
    b"referrer-policy": b"no-referrer",
    b"cache-control": b"no-store",
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
    b"permissions-policy": b"camera=(), microphone=(), geolocation=()",
}
"""Of every answer that does not say otherwise itself."""
TRANSPORT: Final = (b"strict-transport-security", b"max-age=31536000")


@dataclass(frozen=True, slots=True)
class Gate:
    """hosts: names that the Host header may give; empty lets any. Rates are a second and peer."""

    hosts: frozenset[str]
    https: bool
    peers: Rates
    callers: Rates
    """Of providers, who tell in bursts what a day's messages became."""
    counted: Counter[tuple[str, int]]
    """Requests by route and status since the last line of log that told of them."""
    meters: RequestMeters

    def around(self, application: Application) -> Application:
        """The application behind the gate."""

        async def serve(scope: MutableMapping[str, Any], hear: Hear, say: Say) -> None:
            began = time.perf_counter()
            status = 0

            async def say_it(message: Message) -> None:
                nonlocal status
                if message["type"] == "http.response.start":
                    status = message["status"]
                    message["headers"] = self._with_headers(message["headers"], scope["path"])
                await say(message)

            refused = self._refused(scope)
            if refused is not None:
                await refused(scope, hear, say_it)
            else:
                try:
                    await application(scope, hear, say_it)
                except asyncio.CancelledError:  # we stop, and it took too long; its thread may still commit
                    if not status:
                        await _stopped(scope)(scope, hear, say_it)
                except Exception as error:
                    away = isinstance(error, psycopg.OperationalError)
                    said = "the database did not answer" if away else "a request failed"
                    # Its text, and its traceback, may hold what a borrower wrote.
                    log.error(said, route=_route(scope), error=type(error).__name__)
                    if not status:  # no answer has begun
                        await _broken(scope, away=away)(scope, hear, say_it)
            self._note(scope, status, time.perf_counter() - began)

        return serve

    def _refused(self, scope: Mapping[str, Any]) -> Response | None:
        """Why the request goes no further; None lets it on."""
        path = scope["path"]
        if self.hosts and path not in HEALTH and _host(scope["headers"]) not in self.hosts:
            return refusal(scope, 400, "D174", "the Host header names no host that is served here")
        peer = peer_net(scope["client"][0]) if scope.get("client") else ""
        wait = (self.callers if path.startswith(CALLBACKS) else self.peers).wait(peer)
        if wait:
            headers = {"retry-after": str(math.ceil(wait))}
            return refusal(scope, 429, "D167", "too many requests from this address", headers=headers)
        return None

    def _with_headers(self, given: Sequence[tuple[bytes, bytes]], path: str) -> Sequence[tuple[bytes, bytes]]:
        said = {name.lower(): value for name, value in given}
        if path.startswith(CALLBACKS) and not said.get(b"content-type", b"").startswith(b"text/html"):
            return given  # a provider's program shows nothing to anybody
        added = [(name, value) for name, value in HEADERS.items() if name not in said]
        return [*given, *added, *([TRANSPORT] if self.https else [])]

    def _note(self, scope: Mapping[str, Any], status: int, seconds: float) -> None:
        route = _route(scope)
        self.counted[route, status] += 1
        self.meters.count(route, status, seconds)
        if route in HEALTH or (route.startswith(CALLBACKS) and status < 400):
            return  # thousands a minute, each kept as a receipt
        log.info(
            "request",
            method=scope["method"] if scope["method"] in METHODS else "other",
            route=route,
            status=status,
            milliseconds=round(seconds * 1000, 1),
        )


def _stopped(scope: Mapping[str, Any]) -> Response:
    detail = "the server stops, and this may have been done or not; ask again"
    return refusal(scope, 503, "D172", detail, headers={"retry-after": "5"})


def _broken(scope: Mapping[str, Any], *, away: bool) -> Response:
    if away:
        detail = "the database does not answer; ask again"
        return refusal(scope, 503, "D172", detail, headers={"retry-after": "5"})
    return refusal(scope, 500, "D173", "something went wrong inside; nothing was changed")


def _route(scope: Mapping[str, Any]) -> str:
    """The address with its variable parts unnamed: /c/{code}. What nobody serves is not repeated."""
    route = scope.get("route")
    return route.path if isinstance(route, Route) else "none"


def _host(headers: Sequence[tuple[bytes, bytes]]) -> str:
    given = [value for name, value in headers if name == b"host"]
    if len(given) != 1:
        return ""
    host = given[0].decode("latin-1").strip().lower()
    return host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
