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
from duecourse.domain.problems import DuecourseError, Problem
from duecourse.web.figures import FiguresCollector
from duecourse.web.metrics import apart, metrics_route

from .context import Context
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


def address_of(text: str) -> tuple[str, int] | None:
    """Host and port of HOST:PORT; None for nothing. Raises DuecourseError D240."""
    if not text:
        return None
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise DuecourseError(
            Problem("D240", "--metrics", "expected HOST:PORT, as 127.0.0.1:9464", "Nothing was started."),
            exit_code=2,
        )
    return host.strip("[]"), int(port)


@asynccontextmanager
async def metrics_served(
    here: Context,
    address: tuple[str, int] | None,
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
        host, port = address
        try:
            bound = await listener.start(host, port)
        except OSError as error:
            raise DuecourseError(
                Problem(
                    "D244",
                    "--metrics",
                    f"{host}:{port} cannot be listened on ({error.strerror}); each process needs its own",
                    "Nothing was started.",
                ),
                exit_code=3,
            ) from None
        shown = f"[{host}]" if ":" in host else host
        here.console.print(
            say("Metrics on {address}", address=f"http://{shown}:{bound}/metrics"), soft_wrap=True
        )
        try:
            yield
        finally:
            await listener.stop()
