"""Every endpoint of the API, and its description."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.metadata import version

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from duecourse.responses.recording import Room
from duecourse.web.rates import Rates
from duecourse.web.site import Site

from . import borrowers, feeds, messages, payments, responses
from .endpoint import PREFIX, Endpoint
from .openapi import document
from .refusing import Refusals
from .serving import Desk

ENDPOINTS: Sequence[Endpoint] = (
    *payments.ENDPOINTS,
    *messages.ENDPOINTS,
    *borrowers.ENDPOINTS,
    *responses.ENDPOINTS,
    *feeds.ENDPOINTS,
)


def routes(
    site: Site, rates: Rates, refusals: Refusals, room: Callable[[str], Room] = lambda by: Room(by=by)
) -> Sequence[BaseRoute]:
    """rates: of keys. room: as of Desk. The description needs no key: it holds nothing of the book."""
    described = JSONResponse(document(ENDPOINTS, version("duecourse"), site.public_url)).body

    async def describe(_: Request) -> Response:
        return Response(described, media_type="application/json")

    return [
        Route(f"{PREFIX}/openapi.json", describe, methods=["GET"], name="openapi"),
        *Desk(site, rates, refusals, room).routes(ENDPOINTS),
    ]
