"""`duecourse serve`."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from time import monotonic
from typing import Annotated
from zoneinfo import ZoneInfo

import psycopg
import structlog
import typer
from psycopg_pool import ConnectionPool

from duecourse.api.refusing import Refusals
from duecourse.api.repeating import forget_answers
from duecourse.api.routes import routes as api_routes
from duecourse.channels.http.listener import Listener, callback_route
from duecourse.channels.registry import build
from duecourse.dispatch.carried_clock import CarriedClock
from duecourse.dispatch.intake import Intake
from duecourse.dispatch.meters import Meters
from duecourse.dispatch.switchboard import database_now
from duecourse.domain.messaging import Receives
from duecourse.domain.problems import DuecourseError, Problem
from duecourse.planning.compile import Plannable
from duecourse.planning.confirming import Confirmer
from duecourse.portal import routes as portal_routes
from duecourse.responses.keeping import US
from duecourse.responses.recording import Room
from duecourse.web.application import Limits, application
from duecourse.web.health import routes as health_routes
from duecourse.web.metrics import RequestMeters, new_registry
from duecourse.web.rates import Rates
from duecourse.web.site import Site

from .clock import book_clock
from .context import Context, context
from .gateways import Paying
from .listening import Address
from .logs import FormatOption, LevelOption, write_logs_as_told
from .metrics import MetricsOption, address_of, metrics_served
from .providers import adapter_config, configured_providers, is_checker
from .words import say
from .workshop import policies_in_force

CONNECTIONS = 16
GRACE_SECONDS = 8
"""For requests in hand at the end: longer than the API waits for an import, shorter than supervisors wait for us."""
POLICY_SECONDS = 5.0
HOUSEKEEPING_SECONDS = 5.0
TELL_EVERY = 12
"""Rounds of housekeeping between two lines of log that count the requests: a minute."""
FORGET_EVERY = 720
"""Rounds of housekeeping between two looks for answers that nobody will ask for again: an hour."""
log = structlog.get_logger("duecourse.serve")


def serve(
    listen: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Where to answer. Default: DUECOURSE_LISTEN.")
    ] = None,
    public_url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Our address as others know it. Default: DUECOURSE_PUBLIC_URL."),
    ] = None,
    no_portal: Annotated[bool, typer.Option("--no-portal", help="Without the borrowers' pages.")] = False,
    metrics: MetricsOption = None,
    log_format: FormatOption = None,
    log_level: LevelOption = None,
) -> None:
    """Answer borrowers, providers and programs over HTTP, until stopped by Ctrl-C or SIGTERM.

    Serves /callbacks/NAME (what providers tell), /api/v1 (see docs/reference/api.md), the borrowers' pages, /healthz
    and /readyz. Put a reverse proxy with TLS before it. Workers apply what it takes; start them beside it. /metrics is
    answered at an address of its own, or nowhere.

    Example: duecourse serve --listen 127.0.0.1:8080 --public-url https://notices.lender.example
    """
    here = context()
    write_logs_as_told(here.settings, log_format, log_level)
    metrics_at = address_of(metrics if metrics is not None else here.settings.serve_metrics_listen)
    address = here.settings.model_copy(
        update={
            "listen": listen or here.settings.listen,
            "public_url": public_url or here.settings.public_url,
        }
    )
    at = Address.read(address.listen, "--listen", wrong="D163", taken="D163")
    here.required_setting("lender_zone")  # says D001 when there is no book yet
    with here.store.pool(CONNECTIONS) as pool:
        site = Site(
            pool,
            here.keyring,
            book_clock(ZoneInfo(here.lender_zone), simulated=here.simulated),
            address.public_url.rstrip("/"),
            here.settings.language,
            here.limits,
        )
        asyncio.run(_serve(here, site, at, metrics_at, portal=not no_portal))
    here.console.print(say("Stopped serving."))


def receivers_of(here: Context, intake: Intake, clock: CarriedClock) -> Mapping[str, Receives]:
    """The adapters whose providers call us, by name: built, and not opened, since nothing is sent from here.

    Raises DuecourseError as configured_providers does, or with every adapter that cannot be built.
    """
    if not (here.settings.home / "providers.toml").exists():
        return {}
    receivers: dict[str, Receives] = {}
    problems: list[Problem] = []
    for one in configured_providers(here.settings.home, simulated=here.simulated):
        if is_checker(one.kind):
            continue
        try:
            adapter = build(
                one.kind,
                one.name,
                adapter_config(one),
                intake.take_receipts,
                intake.take_reply,
                clock,
            )
        except DuecourseError as error:
            problems.extend(error.problems)
            continue
        if isinstance(adapter, Receives):
            receivers[one.name] = adapter
    if problems:
        raise DuecourseError(problems)
    return receivers


async def _serve(here: Context, site: Site, at: Address, metrics_at: Address | None, *, portal: bool) -> None:
    pool, refusals, meters = site.pool, Refusals(), Meters(new_registry())
    intake = Intake(pool.connection, site.keyring, site.now, meters)
    policies = Policies(here)
    confirmer = intake.confirmer = Confirmer(here.packs, policies)
    clock = CarriedClock()
    clock.hear(here.now())
    receivers = receivers_of(here, intake, clock)
    for name in receivers:
        meters.expect(name)
    paying = Paying(here, site)

    def room(by: str = US) -> Room:
        return Room(plannables=policies(), confirmer=confirmer, by=by)

    counted: Counter[tuple[str, int]] = Counter()
    served = application(
        [
            *health_routes(pool),
            callback_route(receivers, site.public_url),
            *api_routes(site, Rates(here.settings.key_requests), refusals, room),
            *paying.routes,
            *(portal_routes(site, more=paying.pages, room=room) if portal else ()),
        ],
        limits_of(here, at.host, counted, RequestMeters(meters.registry)),
        public_url=site.public_url,
    )
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    async with metrics_served(here, metrics_at, meters.registry, site.now):
        proxies = here.settings.trusted_proxies
        listener = Listener(served, trusted_proxies=proxies, grace_seconds=GRACE_SECONDS)
        address = await at.listen(listener)
        here.console.print(say("Serving on {address}; Ctrl-C stops.", address=address), soft_wrap=True)
        log.info("serving", callbacks=sorted(receivers), portal=portal)
        keeper = asyncio.create_task(_keep_house(pool, refusals, counted, clock, stopping))
        asker = asyncio.create_task(paying.keep_asking(stopping))
        await stopping.wait()
        await listener.stop()
        await intake.drain()
        await keeper
        await asker


class Policies:
    """The policies in force as plannables, read again after POLICY_SECONDS. Used by several threads."""

    def __init__(self, here: Context) -> None:
        self._here = here
        self._lock = threading.Lock()
        self._read_at = float("-inf")
        self._kept: list[Plannable] = []

    def __call__(self) -> list[Plannable]:
        with self._lock:
            if monotonic() - self._read_at > POLICY_SECONDS:
                # A connection of its own: whoever asks may hold the last one of the pool.
                with self._here.store.connect() as conn:
                    self._kept = policies_in_force(conn, self._here.settings.actor)
                self._read_at = monotonic()
            return self._kept


def limits_of(here: Context, host: str, counted: Counter[tuple[str, int]], meters: RequestMeters) -> Limits:
    """What the settings let one peer ask for. host: where we listen, itself a name of ours. counted, meters: the
    requests.
    """
    named = tuple(name.strip() for name in here.settings.hosts.split(",") if name.strip())
    return Limits(here.settings.peer_requests, here.settings.caller_requests, (*named, host), counted, meters)


async def _keep_house(
    pool: ConnectionPool,
    refusals: Refusals,
    counted: Counter[tuple[str, int]],
    clock: CarriedClock,
    stopping: asyncio.Event,
) -> None:
    """Store the counts of refusals and log those of requests, now and then and once at the end; forget answers whose
    time is over; see what time it is.
    """
    rounds = 0
    while True:
        over = stopping.is_set()
        if counted and (over or rounds % TELL_EVERY == 0):
            log.info(
                "served", requests={f"{route} {status}": count for (route, status), count in counted.items()}
            )
            counted.clear()
        with suppress(psycopg.Error):  # counted still, and tried again
            forget = rounds % FORGET_EVERY == 0
            clock.hear(await asyncio.to_thread(_round, pool, refusals, forget=forget))
        if over:
            return
        rounds += 1
        with suppress(TimeoutError):
            async with asyncio.timeout(HOUSEKEEPING_SECONDS):
                await stopping.wait()


def _round(pool: ConnectionPool, refusals: Refusals, *, forget: bool) -> datetime:
    with pool.connection() as conn:
        refusals.store(conn)
        if forget:
            forget_answers(conn)
        return database_now(conn)
