"""`duecourse work`."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import socket
from collections.abc import Sequence
from contextlib import suppress
from datetime import date, datetime
from typing import Annotated

import psycopg
import structlog
import typer

from duecourse.dispatch.batches import recheck_batches
from duecourse.dispatch.carriers import learn_carriers
from duecourse.dispatch.desk import Pace, Tally
from duecourse.dispatch.settle import Silence
from duecourse.dispatch.switchboard import Switchboard
from duecourse.dispatch.worker import Worker, WorkerPlan
from duecourse.domain.problems import DuecourseError, Problem
from duecourse.planning.compile import Plannable
from duecourse.planning.events import lanes_with_events, tell_events, tells_events
from duecourse.planning.plan import LANES_AT_ONCE, plan_book
from duecourse.policy.versions import published_state
from duecourse.responses.offers.judging import judge_arrangements
from duecourse.responses.promises import judge_promises
from duecourse.rules.compiling import RuleBook

from .context import Context, context
from .following import Follower
from .providers import configured_providers, connect_providers
from .words import say
from .workshop import Workshop, confirmer, plannables, rules_that_judge

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
) -> None:
    """Send what falls due, until stopped by Ctrl-C or SIGTERM. Start as many as you like: they share the lanes.

    Providers are described in providers.toml of the home folder. A worker that is killed loses nothing: another
    takes its lanes over when its lease ends.

    Example: duecourse work
    """
    here = context()
    providers = configured_providers(here.settings.home, simulated=here.simulated)
    tally = Tally()
    try:
        asyncio.run(_work(here, providers, plan_every, until_idle, tally))
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


async def _work(here: Context, providers, plan_every: float, until_idle: bool, tally: Tally) -> None:  # type: ignore[no-untyped-def]
    switchboard = Switchboard(here.lifeline(), here.keyring, desks=DESKS)
    switchboard.clock.hear(here.now())
    switchboard.intake.confirmer = confirmer(here)
    connect_providers(switchboard, providers)
    rules = rules_that_judge(here)
    silence = Silence(here.settings.retire_after_failures, here.settings.retire_after_days)
    desks = Workshop(here).desks(switchboard, DESKS, Pace(silence=silence), tally)
    plan_line = here.lifeline()
    by_carrier = any(routing.carriers is not None for routing in switchboard.routings.values())

    def plan(now: datetime, as_of: date, lanes: Sequence[int]) -> None:
        def work_lanes(conn: psycopg.Connection) -> None:
            if by_carrier:
                learn_carriers(conn, here.keyring, lanes, now=now)
            _plan_lanes(here, conn, now, as_of, lanes, rules)

        plan_line.run(work_lanes)

    worker = Worker(
        WorkerPlan(
            owner=f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}",
            lease_seconds=here.settings.lease_seconds,
            take=switchboard.take(here.settings.claim_size),
            plan_every_seconds=plan_every,
            until_idle=until_idle,
        ),
        desks,
        switchboard,
        here.lifeline(autocommit=True, leases=1),
        plan,
        _Teller(here, rules),
    )
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, worker.stop)
    if here.settings.callbacks_listen:
        host, _, port = here.settings.callbacks_listen.rpartition(":")
        await _listen(switchboard, host, int(port), here.settings.public_url)
    log.info("working", providers=sorted(switchboard.adapters), desks=DESKS)
    ending = asyncio.Event()
    following = asyncio.create_task(Follower(here).keep(ending))
    try:
        await worker.run()
    finally:
        ending.set()
        await following


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


def _plan_lanes(
    here: Context, conn: psycopg.Connection, now: datetime, as_of: date, lanes: Sequence[int], rules: RuleBook
) -> None:
    judge_promises(conn, lanes=lanes, as_of=as_of, now=now)
    judge_arrangements(conn, lanes=lanes, as_of=as_of, now=now)
    try:
        report = plan_book(
            conn, plannables(conn, here.settings.actor), as_of=as_of, now=now, lanes=lanes, rules=rules
        )
    except DuecourseError as error:
        log.warning("nothing was planned", problems=[problem.code for problem in error.problems])
        return
    held = recheck_batches(conn, as_of=as_of, now=now)
    if held:
        log.warning("batches left their band and are held", batches=held)
    log.info("planned", as_of=as_of.isoformat(), lanes=len(lanes), messages=report.messages)


class _Teller:
    """Plans what tells of what has happened. Policies are read anew when one was published."""

    def __init__(self, here: Context, rules: RuleBook) -> None:
        self._here = here
        self._rules = rules
        self._line = here.lifeline()
        self._state: object = None
        self._policies: list[Plannable] = []

    def __call__(self, now: datetime, as_of: date, lanes: Sequence[int]) -> bool:
        """Whether there was anything."""
        return self._line.run(lambda conn: self._tell(conn, now, as_of, lanes))

    def _tell(self, conn: psycopg.Connection, now: datetime, as_of: date, lanes: Sequence[int]) -> bool:
        state = published_state(conn)
        if state != self._state:
            with suppress(DuecourseError):  # none is published, as planning says
                self._policies = plannables(conn, self._here.settings.actor)
            self._state = state
        if not tells_events(self._policies):
            return False
        waiting = lanes_with_events(conn, lanes, now=now)
        for start in range(0, len(waiting), LANES_AT_ONCE):
            some = waiting[start : start + LANES_AT_ONCE]
            told = tell_events(conn, self._policies, some, as_of=as_of, now=now, rules=self._rules)
            log.info("told of events", events=told.looked_at, lanes=len(some), messages=told.messages)
        return bool(waiting)
