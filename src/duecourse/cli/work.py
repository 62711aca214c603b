"""`duecourse work`."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import socket
from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated

import psycopg
import structlog
import typer
from psycopg_pool import ConnectionPool
from starlette.routing import BaseRoute

from duecourse.channels.registry import IN_BOOK
from duecourse.dispatch.meters import Meters
from duecourse.dispatch.pace import Pace
from duecourse.dispatch.settle import Silence
from duecourse.dispatch.switchboard import Switchboard, database_now
from duecourse.dispatch.tally import Tally
from duecourse.dispatch.worker import Worker, WorkerPlan
from duecourse.domain.problems import DuecourseError, Problem
from duecourse.web.health import NO_LANES, NO_PROVIDER, STOPPING
from duecourse.web.health import routes as health_routes
from duecourse.web.lines import LinesCollector, line_state
from duecourse.web.metrics import new_registry

from .certifying import Certifier
from .context import Context, context
from .following import Follower
from .listening import Address
from .logs import FormatOption, LevelOption, write_logs_as_told
from .metrics import MetricsOption, address_of, metrics_served
from .providers import Provider, configured_providers, connect_providers
from .words import say
from .work_planning import WorkPlanner
from .workshop import Workshop, confirmer, rules_that_judge, shared_out

DESKS = 2
log = structlog.get_logger("duecourse.work")


def work(
    plan_every: Annotated[
        float, typer.Option(metavar="SECONDS", help="How often the lanes held are planned again.", min=1)
    ] = 600.0,
    until_idle: Annotated[
        bool,
        typer.Option(
            "--until-idle", help="End when nothing is due, in flight, or waiting to be tried again."
        ),
    ] = False,
    metrics: MetricsOption = None,
    log_format: FormatOption = None,
    log_level: LevelOption = None,
) -> None:
    """Send what falls due, until stopped by Ctrl-C or SIGTERM. Start as many as you like: they share the lanes.

    Providers are described in providers.toml of the home folder. A worker that is killed loses nothing: another
    takes its lanes over when its lease ends. One that is stopped finishes what is in hand and gives its lanes back at
    once. Beside /metrics it answers /healthz and /readyz.

    Example: duecourse work --metrics 127.0.0.1:9464
    """
    here = context()
    write_logs_as_told(here.settings, log_format, log_level)
    address = address_of(metrics if metrics is not None else here.settings.metrics_listen)
    providers = configured_providers(here.settings.home, simulated=here.simulated)
    tally = Tally()
    try:
        asyncio.run(_work(here, providers, plan_every, until_idle, tally, address))
    except* psycopg.OperationalError:
        raise DuecourseError(
            Problem(
                "D016",
                "database",
                "it went away, or cut this worker's connection",
                "The worker ended. Start it again; nothing is lost, and what it had in hand is told by status.",
            ),
            exit_code=3,
        ) from None
    here.console.print(
        say(
            "Stopped. Judged {judged}, handed over {sent}, receipts {receipts}.",
            judged=tally.judged,
            sent=tally.handed_over,
            receipts=tally.receipts,
        )
    )


async def _work(
    here: Context,
    providers: list[Provider],
    plan_every: float,
    until_idle: bool,
    tally: Tally,
    address: Address | None,
) -> None:
    meters = Meters(new_registry())
    desks_wanted = len(shared_out(here, DESKS))
    switchboard = Switchboard(here.lifeline(), here.keyring, desks=desks_wanted, meters=meters)
    switchboard.clock.hear(here.now())
    switchboard.intake.confirmer = confirmer(here)
    connect_providers(switchboard, providers)
    for name, channel in switchboard.channels.items():
        meters.expect(name, channel)
    rules = rules_that_judge(here)
    silence = Silence(here.settings.retire_after_failures, here.settings.retire_after_days)
    desks = Workshop(here).desks(switchboard, DESKS, Pace(silence=silence), tally, meters)
    by_carrier = any(routing.carriers is not None for routing in switchboard.routings.values())
    planner = WorkPlanner(here, rules, meters, by_carrier=by_carrier)
    certifier = Certifier(here)

    def tell(now: datetime, as_of: date, lanes: Sequence[int]) -> bool:
        certifier.lanes = lanes
        return planner.tell(now, as_of, lanes)

    worker = Worker(
        WorkerPlan(
            owner=f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}",
            lease_seconds=here.settings.lease_seconds,
            take=here.settings.claim_size,
            plan_every_seconds=plan_every,
            until_idle=until_idle,
        ),
        desks,
        switchboard,
        here.lifeline(autocommit=True, leases=1),
        planner.plan,
        tell,
        [shard.lanes for shard in here.shards],
    )
    planner.is_stopping = lambda: worker.is_stopping
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, worker.stop)
    if here.settings.callbacks_listen:
        host, _, port = here.settings.callbacks_listen.rpartition(":")
        await _listen(switchboard, host, int(port), here.settings.public_url)
    meters.registry.register(LinesCollector(switchboard, lambda: worker.lanes_held))

    def health(pool: ConnectionPool[psycopg.Connection]) -> Sequence[BaseRoute]:
        return health_routes(pool, lambda: trouble_of(worker, switchboard))

    async with metrics_served(here, address, meters.registry, database_now, health):
        log.info("working", providers=sorted(switchboard.adapters), desks=len(desks))
        ending = asyncio.Event()
        beside = [
            asyncio.create_task(one)
            for one in (Follower(here).keep(ending), certifier.keep(ending, last=until_idle))
        ]
        try:
            await worker.run()
        finally:
            ending.set()
            await asyncio.gather(*beside)


def trouble_of(worker: Worker, switchboard: Switchboard) -> str:
    """Why a worker can send nothing, as a code of web.health; '' when it can."""
    if worker.is_stopping:
        return STOPPING
    if not worker.lanes_held:
        return NO_LANES
    adapters = switchboard.adapters.values()
    # An inbox and tasks lie in the book: that they are there says nothing of the way to anybody.
    outside = [one for one in adapters if one.kind not in IN_BOOK] or list(adapters)
    return "" if any(line_state(one).connected for one in outside) else NO_PROVIDER


async def _listen(switchboard: Switchboard, host: str, port: int, public_url: str) -> None:
    try:
        await switchboard.listen(host, port, public_url)
    except OSError as error:
        raise DuecourseError(
            Problem(
                "D015",
                "DUECOURSE_CALLBACKS_LISTEN",
                f"{host}:{port} cannot be listened on ({error.strerror}); one worker of a machine can have it",
                "Nothing was sent.",
            )
        ) from None
