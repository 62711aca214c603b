"""/metrics: what a process counts and how the installation stands, as Prometheus reads it. Never for the public."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, disable_created_metrics
from prometheus_client.exposition import choose_encoder
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from duecourse.channels.http.listener import Application, bounded

METRICS: Final = "/metrics"
REQUEST_SECONDS: Final = (0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


def new_registry() -> CollectorRegistry:
    """A registry that also says what the process itself uses: processor time, memory, files, its start."""
    disable_created_metrics()  # type: ignore[no-untyped-call]  # a series more for each of ours, which process_start_time_seconds says for all
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    return registry


class RequestMeters:
    """Requests by route. A route is the address with its variable parts unnamed: no code, key or number is in it."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        """registry: where they are read from; None: a registry of their own."""
        registry = registry or CollectorRegistry()
        self._requests = Counter(
            "duecourse_requests",
            "Requests answered, by route and status.",
            ["route", "status"],
            registry=registry,
        )
        self._seconds = Histogram(
            "duecourse_request_seconds",
            "From a request's headers to the end of its answer.",
            ["route"],
            registry=registry,
            buckets=REQUEST_SECONDS,
        )

    def count(self, route: str, status: int, seconds: float) -> None:
        """One request more. status 0: nobody waited for the answer."""
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)


def metrics_route(registry: CollectorRegistry, refresh: Callable[[], None]) -> Route:
    """/metrics. refresh: brings up to date what must be asked for; runs in a thread."""

    async def metrics(request: Request) -> Response:
        await run_in_threadpool(refresh)
        encode, media_type = choose_encoder(request.headers.get("accept", ""))
        # On the loop: the adapters are asked, which live on it, and it takes a few milliseconds.
        return Response(encode(registry), media_type=media_type)

    return Route(METRICS, metrics, methods=["GET"])


def apart(routes: Sequence[BaseRoute]) -> Application:
    """An application for an address of its own, which only those who run the installation reach."""
    return bounded(Starlette(routes=list(routes)))
