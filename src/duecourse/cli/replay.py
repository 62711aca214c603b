"""`duecourse run`: live through days that are over, on a simulated clock and through real sockets."""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from duecourse.channels.sandbox.process import SandboxProcess
from duecourse.channels.sandbox.rules import SandboxRules
from duecourse.dispatch.pace import Pace
from duecourse.dispatch.replay import REPLAY_RECHECK, TICK, Day, days_between, replay
from duecourse.dispatch.switchboard import Switchboard
from duecourse.dispatch.tally import Tally
from duecourse.domain.messaging import Channel
from duecourse.domain.problems import DuecourseError, Problem
from duecourse.planning.compile import Plannable
from duecourse.planning.events import next_event, tell_events, tells_events
from duecourse.planning.plan import plan_book
from duecourse.responses.offers.judging import judge_arrangements
from duecourse.responses.promises import judge_promises
from duecourse.rules.compiling import RuleBook
from duecourse.store.lease import LANES, acquire, release, renew
from duecourse.store.migrate import put_setting

from .context import Context, context
from .dates import AS_OF_HELP, parse_date
from .following import Follower
from .providers import check_providers, connect_providers, sandbox_providers, with_book_channels
from .reports import print_run
from .words import say
from .workshop import Workshop, confirmer, plannables, rules_that_judge, share

DESKS = 1
TAKE = 1000
"""Far ends on this machine answer at once: the larger the batch, the fewer the statements."""
LEASE_SECONDS = 30
ALWAYS = (Channel.SMS, Channel.EMAIL)
FAR_ENDS = {
    Channel.SMS: "sms.smpp",
    Channel.EMAIL: "email.smtp",
    Channel.WECHAT: "wechat.service",
    Channel.VOICE: "voice.twilio",
    Channel.APP: "app.fcm",
    Channel.WEBPUSH: "webpush.vapid",
    Channel.LETTER: "letter.print",
}
"""The kind of provider that stands for each channel in a replay; inbox and tasks need none."""


def run(
    first: Annotated[str, typer.Option("--from", metavar="DATE", help="First day. " + AS_OF_HELP)],
    last: Annotated[str, typer.Option("--to", metavar="DATE", help="Last day, included.")],
    as_json: Annotated[bool, typer.Option("--json", help="Report as JSON.")] = False,
) -> None:
    """Replay days: plan, judge, send and hear back as on those days, with the book as it was known then.

    Works only in a book made with `duecourse init --simulated`, and only with the sandbox's own SMSC and mail
    server, so that no replay can reach a real person. The clock moves when the sockets are drained. Running the
    same days again sends only what was added to the book in between.

    Example: duecourse run --from 2005-05-01 --to 2005-10-31
    """
    here = context()
    days = parse_days(here, first, last)
    tally = run_days(here, days)
    print_run(here, days[0].on, days[-1].on, tally, as_json=as_json)


def parse_days(here: Context, first: str, last: str) -> list[Day]:
    """The days of a replay. Raises DuecourseError D005, D006 (not simulated), D007 (backwards), S045 (on a cluster)."""
    if not here.simulated:
        raise DuecourseError(
            Problem(
                "D006",
                "run",
                "this book is live: only a book made with `duecourse init --simulated` can be replayed",
                "Nothing was sent.",
            )
        )
    if any(shard.node for shard in here.shards):
        said = "this book lies on a cluster: days are replayed in a book on a single server"
        raise DuecourseError(Problem("S045", "run", said, "Nothing was sent."))
    begin, end = parse_date(first, "--from"), parse_date(last, "--to")
    if end < begin:
        raise DuecourseError(Problem("D007", "--to", f"{end} is before --from {begin}"), exit_code=2)
    return days_between(begin, end, here.lender_zone)


@dataclass
class Lanes:
    """All lanes, held for the length of a replay and renewed in the background."""

    here: Context
    owner: str = field(default_factory=lambda: f"run:{os.getpid()}:{secrets.token_hex(4)}")
    epochs: dict[int, int] = field(default_factory=dict)

    async def hold(self) -> None:
        """Take every lane. Raises DuecourseError D008 while a worker holds some."""
        self._conn = self.here.connect(autocommit=True)
        self.epochs = await asyncio.to_thread(acquire, self._conn, self.owner, LEASE_SECONDS)
        if len(self.epochs) < 256:
            await asyncio.to_thread(release, self._conn, self.owner)
            raise DuecourseError(
                Problem(
                    "D008",
                    "run",
                    f"{256 - len(self.epochs)} lanes are held by a worker or by another replay; stop it, or wait "
                    "for its lease to end",
                    "Nothing was sent.",
                )
            )
        self._keeper = asyncio.create_task(self._keep())

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(LEASE_SECONDS / 3)
            held = await asyncio.to_thread(renew, self._conn, self.owner, self.epochs, LEASE_SECONDS)
            if held != self.epochs:
                raise lanes_lost(len(self.epochs) - len(held))

    def check(self) -> None:
        """Raises what ended the keeper: lanes taken over (D008), or the database gone."""
        if self._keeper.done():
            self._keeper.result()

    async def let_go(self) -> None:
        """Release every lane."""
        self._keeper.cancel()
        await asyncio.gather(self._keeper, return_exceptions=True)
        await asyncio.to_thread(release, self._conn, self.owner)


def lanes_lost(count: int) -> DuecourseError:
    """The machine slept, or the database was away, for longer than the lease, and somebody else has lanes now."""
    return DuecourseError(
        Problem(
            "D008",
            "run",
            f"{count} lanes were taken over while it ran; stop the other worker",
            "Run the same days again: what was sent is not sent again.",
        )
    )


class _Happenings:
    """What happens during the days of a replay, told at its moment."""

    def __init__(self, here: Context, policies: Sequence[Plannable], rules: RuleBook) -> None:
        self._conn = here.connect()
        self._policies = policies
        self._rules = rules
        self._zone = ZoneInfo(here.lender_zone)

    async def next_instant(self) -> datetime | None:
        """When the next thing happens that nobody was told of."""
        return await asyncio.to_thread(next_event, self._conn, range(LANES))

    async def tell(self, now: datetime) -> None:
        """Plan what tells of all that happened by then."""
        as_of = now.astimezone(self._zone).date()
        await asyncio.to_thread(
            tell_events, self._conn, self._policies, range(LANES), as_of=as_of, now=now, rules=self._rules
        )


async def _nothing(_: Day) -> None:
    return None


def run_days(
    here: Context,
    days: Sequence[Day],
    *,
    before_planning: Callable[[Day], Awaitable[None]] = _nothing,
    folder: Path | None = None,
    replies: Mapping[str, str] | None = None,
) -> Tally:
    """Replay days against a sandbox of its own, with a progress bar. before_planning brings a day's facts in.
    replies: as SandboxRules has them; None: nobody answers.

    The sandbox has a far end for every channel that the policies in force use.
    """
    # Nothing of a replay may depend on how fast this machine is: what is late on a real clock comes at once.
    rules = SandboxRules(late_seconds=0, replies=replies or {})
    return asyncio.run(
        _in_sandbox(here, days, before_planning, folder or here.settings.home / "sandbox", rules)
    )


async def _in_sandbox(
    here: Context,
    days: Sequence[Day],
    before_planning: Callable[[Day], Awaitable[None]],
    folder: Path,
    rules: SandboxRules,
) -> Tally:
    here.durable = False
    with here.store.connect() as conn:
        steps = [step for each in plannables(conn, here.settings.actor) for step in each.policy.steps]
    used = {*ALWAYS, *(channel for step in steps for channel in step.route)}
    switchboard = Switchboard(here.connect(), here.keyring, desks=DESKS)
    switchboard.clock.hear(here.now())
    switchboard.intake.confirmer = confirmer(here)
    port = await switchboard.listen()
    with SandboxProcess(
        folder,
        rules=rules,
        ports={kind: 0 for channel, kind in FAR_ENDS.items() if channel in used},
        callbacks_url=f"http://127.0.0.1:{port}/callbacks",
    ) as far_ends:
        providers = with_book_channels(sandbox_providers(far_ends))
        check_providers(providers, simulated=here.simulated)
        connect_providers(switchboard, providers)
        return await _run_days(here, days, switchboard, before_planning)


def _progress(here: Context) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[done]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=here.console,
        transient=True,
        disable=not here.console.is_terminal,
    )


async def _run_days(
    here: Context,
    days: Sequence[Day],
    switchboard: Switchboard,
    before_planning: Callable[[Day], Awaitable[None]],
) -> Tally:
    tally = Tally()
    rules = rules_that_judge(here)
    # A pause on the book's clock is a tick: nothing is gained by looking more often than the clock moves.
    desks = Workshop(here).desks(switchboard, DESKS, Pace(recheck=REPLAY_RECHECK, pause=TICK), tally)
    plan_conn = here.connect()
    policies = plannables(plan_conn, here.settings.actor)
    follower = Follower(here)
    lanes = Lanes(here)
    await lanes.hold()
    await switchboard.open()
    progress = _progress(here)
    try:
        share(lanes.epochs, desks)
        switchboard.now = days[0].starts
        for desk in desks:
            await desk.recover(desk.epochs, days[0].starts)
        with progress:
            task = progress.add_task(say("Replaying"), total=len(days), done="")

            async def before_day(day: Day) -> None:
                lanes.check()
                await before_planning(day)
                await asyncio.to_thread(follower.turn, day.starts)
                for judge in (judge_promises, judge_arrangements):
                    await asyncio.to_thread(judge, plan_conn, lanes=range(256), as_of=day.on, now=day.starts)
                await asyncio.to_thread(
                    plan_book,
                    plan_conn,
                    policies,
                    as_of=day.on,
                    now=day.starts,
                    lanes_at_once=256,
                    rules=rules,
                )
                progress.update(task, completed=(day.on - days[0].on).days, description=f"{day.on}")

            started = time.monotonic()

            def on_clock(_: object) -> None:
                rate = tally.handed_over / max(time.monotonic() - started, 0.001)
                progress.update(
                    task, done=say("{sent:,} sent, {rate:.0f}/s", sent=tally.handed_over, rate=rate)
                )

            await replay(
                days,
                desks,
                switchboard,
                take=switchboard.take(TAKE),
                before_day=before_day,
                on_clock=on_clock,
                events=_Happenings(here, policies, rules) if tells_events(policies) else None,
            )
    finally:
        await switchboard.close()
        await lanes.let_go()
    with here.store.connect() as conn:
        put_setting(conn, "replayed_through", days[-1].on.isoformat())
    return tally
