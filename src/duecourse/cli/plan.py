"""`duecourse plan`."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime, time
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from rich.progress import Progress
from rich.table import Table

from duecourse.planning.plan import PlanReport
from duecourse.planning.sessions import MOST_SESSIONS, default_sessions, plan_in_sessions
from duecourse.store.lease import LANES

from .context import Context, context
from .dates import AS_OF_HELP, parse_date
from .screen import print_json, table
from .words import rule_in_words, say, word
from .workshop import plannables, rules_that_judge

SESSIONS = default_sessions()


def plan(
    as_of: Annotated[str | None, typer.Option(metavar="DATE", help=AS_OF_HELP + " Default: today.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be planned, and why not; write nothing.")
    ] = False,
    sessions: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=1,
            max=MOST_SESSIONS,
            help="Database sessions that plan at once, each with lanes of its own.",
            show_default="as many as this machine has processors, at most 4",
        ),
    ] = SESSIONS,
    as_json: Annotated[bool, typer.Option("--json", help="Report as JSON.")] = False,
) -> None:
    """Plan every message that falls due up to two days after a date, and catch up days that were missed.

    Planning twice plans nothing the second time. A worker plans its lanes by itself; this command is for looking ahead.

    Example: duecourse plan --as-of 2026-03-10 --dry-run
    """
    here = context()
    zone = ZoneInfo(here.lender_zone)
    now = here.now()
    day = parse_date(as_of, "--as-of") if as_of else now.astimezone(zone).date()
    if here.simulated:
        now = datetime.combine(day, time(), zone)
    report = run_plan(here, day, now, sessions=sessions, dry_run=dry_run)
    if as_json:
        print_json(
            here.console,
            {
                "as_of": day,
                "dry_run": dry_run,
                "messages": report.messages,
                "items": report.items,
                "withdrawn": report.withdrawn,
                "withheld": withheld(report),
                "preview": [
                    {
                        "policy": line.policy,
                        "step": line.step,
                        "purpose": line.purpose,
                        "local_on": line.local_on,
                        "channel": line.channel,
                        "rule": line.rule,
                        "messages": line.messages,
                    }
                    for line in report.preview
                ],
            },
        )
        return
    print_plan(here, report, dry_run=dry_run)


def print_plan(here: Context, report: PlanReport, *, dry_run: bool) -> None:
    """What was planned, or with dry_run what would be."""
    if dry_run:
        here.console.print(preview_table(report))
        held = withheld(report)
        rows = [(rule, rule_in_words(rule), count) for rule, count in held.items()]
        columns = [say("rule"), say("what it says"), say("messages")]
        here.console.print(table(say("Withheld, by rule"), columns, rows, right=[2]))
    found = {"messages": report.messages, "items": report.items, "day": report.as_of}
    here.console.print(
        say("{messages} messages for {items} installments would be planned as of {day}.", **found)
        if dry_run
        else say("{messages} messages for {items} installments planned as of {day}.", **found)
    )
    if report.withdrawn:
        here.console.print(
            say(
                "{count} unclaimed messages of earlier policy versions were planned anew.",
                count=report.withdrawn,
            )
        )


def withheld(report: PlanReport) -> dict[str, int]:
    """How many of the planned messages each rule would withhold at their moment, the most first."""
    counts = Counter[str]()
    for line in report.preview:
        if line.rule:
            counts[line.rule] += line.messages
    return dict(counts.most_common())


def preview_table(report: PlanReport) -> Table:
    """Messages by day and step, and what holds them."""
    return table(
        say("What would go out, {day} and the two days after", day=report.as_of),
        [
            say("day"), say("policy"), say("step"), say("purpose"), say("first by"), say("messages"),
            say("held by"),
        ],
        [
            (
                line.local_on,
                line.policy,
                line.step,
                word("purpose", line.purpose),
                word("channel", line.channel),
                line.messages,
                say("{rule}: {why}", rule=line.rule, why=rule_in_words(line.rule)) if line.rule else "",
            )
            for line in report.preview
        ],
        right=[5],
    )  # fmt: skip


def run_plan(
    here: Context, as_of: date, now: datetime, *, sessions: int = SESSIONS, dry_run: bool = False
) -> PlanReport:
    """Plan the whole book with a progress bar, in so many sessions at once."""
    conn = here.connect()
    policies = plannables(conn, here.settings.actor)
    rules = here.rules if dry_run else rules_that_judge(here)
    hands = here.deal(range(LANES), sessions)
    with Progress(console=here.console, transient=True, disable=not here.console.is_terminal) as progress:
        task = progress.add_task(say("Planning lanes"), total=LANES)
        return plan_in_sessions(
            [[(line.conn, lanes) for line, lanes in hand] for hand in hands],
            policies,
            as_of=as_of,
            now=now,
            dry_run=dry_run,
            rules=rules,
            on_progress=lambda lanes, _: progress.advance(task, len(lanes)),
        )
