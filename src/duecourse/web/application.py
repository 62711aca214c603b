"""The application that is served: every route behind one gate."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from duecourse.channels.http.listener import Application, bounded

from .answers import refusal
from .gate import Gate
from .metrics import RequestMeters
from .rates import Rates

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_SAID = {
    404: "there is nothing at this address",
    405: "this address does not take that method",
    408: "the request did not arrive in time",
    413: "the request is larger than anything that is taken here",
    431: "the headers are longer than anything that is taken here",
}


@dataclass(frozen=True, slots=True)
class Limits:
    """What one peer may ask for; a second and address."""

    peer_per_second: float = 50.0
    caller_per_second: float = 5000.0
    hosts: tuple[str, ...] = ()
    """Names by which we are reached beside that of public_url; ("*",) takes any."""
    counted: Counter[tuple[str, int]] = field(default_factory=Counter)
    meters: RequestMeters = field(default_factory=RequestMeters)


class _Routes(Starlette):
    def build_middleware_stack(self) -> ASGIApp:
        """Without Starlette's own answer to what breaks, which would come before that of the gate."""
        return ExceptionMiddleware(self.router, self.exception_handlers)


def application(routes: Iterable[BaseRoute], limits: Limits, *, public_url: str = "") -> Application:
    """The ASGI application. public_url: our address as others know it; its host is one of ours."""
    inner = _Routes(routes=list(routes), exception_handlers={HTTPException: _refused})
    inner.router.redirect_slashes = False
    gate = Gate(
        frozenset(_hosts(limits.hosts, public_url)),
        public_url.startswith("https://"),
        Rates(limits.peer_per_second),
        Rates(limits.caller_per_second),
        limits.counted,
        limits.meters,
    )
    return gate.around(bounded(inner, refuse=_refusal))


def _hosts(named: Sequence[str], public_url: str) -> list[str]:
    if "*" in named:
        return []
    own = urlsplit(public_url).hostname or ""
    known = [name.lower().strip("[]") for name in (*named, own) if name]
    return [*LOOPBACK, *(f"[{name}]" if ":" in name else name for name in known)]


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _refusal(request.scope, error.status_code, error.headers)


def _refusal(scope: Mapping[str, Any], status: int, headers: Mapping[str, str] | None = None) -> Response:
    detail = _SAID.get(status, "the request cannot be taken as it is")
    return refusal(scope, status, "D171" if status == 404 else "D174", detail, headers=headers)
