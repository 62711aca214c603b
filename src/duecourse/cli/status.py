"""`duecourse status`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from rich.table import Table

from duecourse.dispatch.batches import list_batches
from duecourse.dispatch.brake import Stop, stops_in_force
from duecourse.dispatch.figures import funnel_of_day
from duecourse.dispatch.providers import open_alerts
from duecourse.dispatch.reading import read_rows, standing_now
from duecourse.responses.queue import count_waiting
from duecourse.store.spreading import nodes_of
from duecourse.web.figures import read_figures

from .context import Context, context
from .figures import figures_json, print_figures
from .init import cluster_line
from .provider import print_alerts
from .providers import provider_names
from .screen import local, print_json, table
from .words import listed, reason, say, word

UNKNOWN_SHOWN = 20
CAUSES_OF = timedelta(days=7)


def status(as_json: Annotated[bool, typer.Option("--json", help="Report as JSON.")] = False) -> None:
    """What stands where, on one screen: the day's funnel, lag, leases, providers, stops, what waits, who works.

    Exit code 1 when a stop is in force, a batch is held, a provider is in trouble, or an attempt's outcome is unknown;
    else 0. Answers that wait for a person are counted, and are no fault.

    Example: duecourse status --json
    """
    here = context()
    zone = ZoneInfo(here.lender_zone)
    conn = here.connect()
    now = here.now()
    figures = standing_now(conn, now)
    stops = stops_in_force(conn)
    held = list_batches(conn, held_only=True)
    unknown = read_rows(conn, "unknown_attempts", take=UNKNOWN_SHOWN)
    alerts = open_alerts(conn)
    answers = count_waiting(conn)
    causes = read_rows(conn, "causes", since=now - CAUSES_OF)
    day = here.book_day()
    funnel = funnel_of_day(conn, day)
    read = read_figures(conn, provider_names(here.settings.home), now=now)
    nodes = nodes_of(conn)
    if as_json:
        print_json(
            here.console,
            {
                "simulated": here.simulated,
                "lender_zone": here.lender_zone,
                "database": here.store.place,
                "nodes": [asdict(node) for node in nodes],
                **figures,
                **figures_json(read, funnel, day),
                "stops": [
                    {
                        "step": one.step,
                        "channel": one.channel,
                        "purpose": one.purpose,
                        "reason": one.reason,
                        "stopped_by": one.stopped_by,
                        "stopped_at": one.stopped_at,
                    }
                    for one in stops
                ],
                "held_batches": held,
                "unknown_attempts": unknown,
                "alerts": alerts,
                "answers": answers,
                "causes": causes,
            },
        )
    else:
        _print_book(here)
        if nodes:
            here.console.print(cluster_line(nodes, len(here.shards)))
        _print_figures(here, figures, zone)
        print_figures(here, read, funnel, day)
        _print_stops(here, stops, zone)
        _print_held(here, held)
        print_alerts(here, alerts)
        _print_answers(here, answers, zone)
        if causes:
            here.console.print(_causes_table(causes))
        if unknown:
            here.console.print(_unknown_table(unknown, zone))
    if stops or held or alerts or figures["unknown"]:
        raise typer.Exit(1)


def _print_book(here: Context) -> None:
    embedded = here.settings.database_url is None
    place = {
        "zone": here.lender_zone,
        "place": say("embedded, {home}", home=here.settings.home) if embedded else here.store.place,
    }
    here.console.print(
        say("Book: simulated, lender's zone {zone}; database: {place}", **place)
        if here.simulated
        else say("Book: live, lender's zone {zone}; database: {place}", **place)
    )


def _print_figures(here: Context, figures: Mapping[str, Any], zone: ZoneInfo) -> None:
    here.console.print(
        table(
            say("Messages"),
            [say("standing"), say("how many")],
            [
                (say("planned"), figures["planned"]),
                (say("  of these due now"), figures["due"]),
                (say("in flight"), figures["in_flight"]),
                (say("attempts of unknown outcome"), figures["unknown"]),
            ],
            right=[1],
        )
    )
    if figures["next_due"]:
        here.console.print(say("Next due: {at}", at=local(figures["next_due"], zone)))
    here.console.print(
        say(
            "Workers: {workers}, lanes held: {lanes} of 256",
            workers=figures["workers"],
            lanes=figures["lanes_held"],
        )
    )


def _print_stops(here: Context, stops: Iterable[Stop], zone: ZoneInfo) -> None:
    for one in stops:
        parts = (one.step, word("channel", one.channel), word("purpose", one.purpose))
        here.console.print(
            say(
                "STOPPED: {scope} by {who} at {at}: {why}",
                scope=listed(part for part in parts if part) or say("everything"),
                who=one.stopped_by,
                at=local(one.stopped_at, zone),
                why=reason(one.reason),
            ),
            style="bold",
        )


def _print_held(here: Context, held: Iterable[Mapping[str, Any]]) -> None:
    for one in held:
        here.console.print(
            say(
                "HELD: batch {batch}, {step} of {day}, {waiting} messages wait: {why}",
                batch=str(one["batch_id"])[:8],
                step=one["step"],
                day=one["local_on"],
                waiting=one["waiting"],
                why=reason(one["reason"]),
            ),
            style="bold",
        )


def _print_answers(here: Context, answers: Mapping[str, Any], zone: ZoneInfo) -> None:
    if answers["waiting"]:
        here.console.print(
            say(
                "WAITING: answers for a person: {count}, grave ones: {grave}, the oldest of {at}; {command}",
                count=answers["waiting"],
                grave=answers["grave"],
                at=local(answers["since"], zone),
                command="duecourse response list --open",
            ),
            style="bold red" if answers["grave"] else "bold",
        )


def _causes_table(causes: Iterable[Mapping[str, Any]]) -> Table:
    return table(
        say("Did not arrive in the last {days} days", days=CAUSES_OF.days),
        [say("channel"), say("provider"), say("why"), say("how many")],
        [
            (word("channel", row["channel"]), row["provider"], word("cause", row["cause"]), row["attempts"])
            for row in causes
        ],
        right=[3],
    )


def _unknown_table(attempts: Iterable[Mapping[str, Any]], zone: ZoneInfo) -> Table:
    return table(
        say("Outcome unknown (the newest {count})", count=UNKNOWN_SHOWN),
        [say("message"), say("channel"), say("provider"), say("claimed"), say("why")],
        [
            (
                str(row["message_id"])[:8],
                word("channel", row["channel"]),
                row["provider"],
                local(row["claimed_at"], zone),
                reason(row["reason"] or ""),
            )
            for row in attempts
        ],
    )
