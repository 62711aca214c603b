"""Where /metrics is answered: an address of its own, for those who run the installation and nobody else."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated

import psycopg
import typer
from prometheus_client import CollectorRegistry
from psycopg_pool import ConnectionPool
from starlette.routing import BaseRoute

from duecourse.channels.http.listener import Listener
from duecourse.web.figures import FiguresCollector
from duecourse.web.metrics import apart, metrics_route

from .context import Context
from .listening import Address
from .providers import provider_names
from .words import say

CONNECTIONS = 2
"""One to read the figures, one to see whether the database answers."""

MetricsOption = Annotated[
    str | None,
    typer.Option(
        "--metrics",
        metavar="HOST:PORT",
        help="Where to answer /metrics; port 0 takes a free one. Default: DUECOURSE_METRICS_LISTEN of a worker,"
        " DUECOURSE_SERVE_METRICS_LISTEN of serve.",
    ),
]


def address_of(text: str) -> Address | None:
    """Where it is answered; None for nothing. Raises DuecourseError D240."""
    return Address.read(text, "--metrics", wrong="D240", taken="D244") if text else None


@asynccontextmanager
async def metrics_served(
    here: Context,
    address: Address | None,
    registry: CollectorRegistry,
    now: Callable[[psycopg.Connection], datetime],
    beside: Callable[[ConnectionPool[psycopg.Connection]], Iterable[BaseRoute]] = lambda _: (),
) -> AsyncIterator[None]:
    """Answer /metrics, and what is `beside` it, for as long as this is open; nothing where there is no address.

    now: the book's clock. Raises DuecourseError D244.
    """
    if address is None:
        yield
        return
    with here.store.pool(CONNECTIONS) as pool:
        figures = FiguresCollector(pool, now, provider_names(here.settings.home))
        registry.register(figures)
        listener = Listener(apart([metrics_route(registry, figures.refresh), *beside(pool)]))
        shown = await address.listen(listener)
        here.console.print(say("Metrics on {address}", address=f"{shown}/metrics"), soft_wrap=True)
        try:
            yield
        finally:
            await listener.stop()
