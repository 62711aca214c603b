"""`duecourse status`."""

from __future__ import annotations

from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from duecourse.dispatch.brake import stops_in_force
from duecourse.dispatch.reading import read_rows, standing_now

from .context import context
from .screen import local, print_json, table

UNKNOWN_SHOWN = 20


def status(as_json: Annotated[bool, typer.Option("--json", help="Report as JSON.")] = False) -> None:
    """What stands where: planned, due, in flight, unknown; stops in force; who works.

    Exit code 0 when nothing needs a person; 1 when a stop is in force or an attempt's outcome is unknown.

    Example: duecourse status --json
    """
    here = context()
    zone = ZoneInfo(here.lender_zone)
    conn = here.connect()
    now = here.now()
    figures = standing_now(conn, now)
    stops = stops_in_force(conn)
    unknown = read_rows(conn, "unknown_attempts", take=UNKNOWN_SHOWN)
    if as_json:
        print_json(
            here.console,
            {
                "simulated": here.simulated,
                "lender_zone": here.lender_zone,
                "database": here.store.place,
                **figures,
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
                "unknown_attempts": unknown,
            },
        )
    else:
        kind = "simulated" if here.simulated else "live"
        here.console.print(f"Book: {kind}, lender's zone {here.lender_zone}; database: {here.store.place}")
        here.console.print(
            table(
                "Messages",
                ["standing", "how many"],
                [
                    ("planned", figures["planned"]),
                    ("  of these due now", figures["due"]),
                    ("in flight", figures["in_flight"]),
                    ("attempts of unknown outcome", figures["unknown"]),
                ],
                right=[1],
            )
        )
        if figures["next_due"]:
            here.console.print(f"Next due: {local(figures['next_due'], zone)}")
        here.console.print(f"Workers: {figures['workers']}, lanes held: {figures['lanes_held']} of 256")
        for one in stops:
            scope = ", ".join(part for part in (one.step, one.channel, one.purpose) if part) or "everything"
            here.console.print(
                f"STOPPED: {scope} by {one.stopped_by} at {local(one.stopped_at, zone)}: {one.reason}",
                style="bold",
            )
        if unknown:
            here.console.print(
                table(
                    f"Outcome unknown (the newest {UNKNOWN_SHOWN})",
                    ["message", "channel", "provider", "claimed", "why"],
                    [
                        (
                            str(row["message_id"])[:8],
                            row["channel"],
                            row["provider"],
                            local(row["claimed_at"], zone),
                            row["reason"],
                        )
                        for row in unknown
                    ],
                )
            )
    if stops or figures["unknown"]:
        raise typer.Exit(1)
