"""`duecourse batch` and `duecourse correct`: what one step says on one day, and putting a wrong one right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from rich.table import Table

from duecourse.dispatch.batches import close_corrected, find_batch, list_batches
from duecourse.domain.money import from_minor
from duecourse.domain.problems import DuecourseError, Problem
from duecourse.planning.correcting import Reached, correct_batch, reached_by

from .context import context
from .screen import local, print_json, table
from .words import reason, say, word
from .workshop import plannables

app = typer.Typer(
    help="Batches: one step's messages of one day, where the policy has brakes.", no_args_is_help=True
)
AsJson = Annotated[bool, typer.Option("--json", help="Report as JSON.")]
Days = Annotated[int, typer.Option(help="How many days back.", min=1, max=3660)]
BatchId = Annotated[str, typer.Argument(metavar="BATCH", help="The batch's id, or the beginning of it.")]


@app.command(name="list")
def list_(
    days: Days = 7,
    held: Annotated[bool, typer.Option("--held", help="Only those that wait for a person.")] = False,
    as_json: AsJson = False,
) -> None:
    """Batches of the last days: where they stand, why they are held, who let them go.

    Exit code 1 when one is held.

    Example: duecourse batch list --held
    """
    here = context()
    day = here.book_day()
    rows = list_batches(here.connect(), held_only=held, first=day - timedelta(days), last=day + timedelta(3))
    if as_json:
        print_json(here.console, rows)
    else:
        here.console.print(_batches_table(rows, ZoneInfo(here.lender_zone)))
    if any(row["state"] == "held" for row in rows):
        raise typer.Exit(1)


@app.command()
def show(batch: BatchId, as_json: AsJson = False) -> None:
    """One batch: what it held when it began, whom it reached, what waits.

    Example: duecourse batch show 3f2a9c1e
    """
    here = context()
    conn = here.connect()
    found = find_batch(conn, batch)
    whole = next(row for row in list_batches(conn) if row["batch_id"] == found["batch_id"])
    reached = reached_by(conn, found["batch_id"])
    if as_json:
        print_json(here.console, {**whole, "reached": _as_rows(reached)})
        return
    here.console.print(_batches_table([whole], ZoneInfo(here.lender_zone)))
    for currency, (largest, total) in whole["amounts"].items():
        here.console.print(
            say(
                "When it began: largest message {largest} {currency}, together {total} {currency}",
                largest=from_minor(int(largest), currency),
                total=from_minor(int(total), currency),
                currency=currency,
            )
        )
    here.console.print(_reached_table(reached))


def correct(
    batch: BatchId,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show whom it would reach; write nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Tell exactly those whom a wrong batch reached, and let nothing more of it go.

    The text is the `correction` template of the policy now in force. Everyone to whom the batch was handed over gets
    one message over the channel that reached them, also who has paid since; whoever was not reached gets none. The
    rules judge it like every message. Saying it again reaches nobody twice.

    Example: duecourse correct 3f2a9c1e --dry-run
    """
    here = context()
    conn = here.connect()
    found = find_batch(conn, batch)
    if found["state"] == "canary":
        raise DuecourseError(
            Problem(
                "D093",
                f"batch {str(found['batch_id'])[:8]}",
                "its canaries are still out; hold it first: duecourse stop --batch ID",
                "Nobody was corrected.",
            )
        )
    policies = {one.policy.name: one for one in plannables(conn, here.settings.actor)}
    with conn.transaction():
        if not dry_run:
            close_corrected(conn, found["batch_id"], by=here.user, now=here.now())
        planned = correct_batch(conn, found, policies, now=here.now(), dry_run=dry_run)
    if as_json:
        print_json(
            here.console,
            {"batch_id": found["batch_id"], "dry_run": dry_run, "corrections": _as_rows(planned)},
        )
        return
    here.console.print(_reached_table(planned))
    count = sum(one.messages for one in planned)
    here.console.print(
        say("{count} corrections would be planned.", count=count)
        if dry_run
        else say("{count} corrections planned; the rest of the batch stays where it is.", count=count)
    )


def _as_rows(reached: Sequence[Reached]) -> list[dict[str, object]]:
    return [{"channel": one.channel, "messages": one.messages, "borrowers": one.borrowers} for one in reached]


def _reached_table(reached: Sequence[Reached]) -> Table:
    return table(
        say("Reached"),
        [say("channel"), say("messages"), say("people")],
        [(word("channel", one.channel), one.messages, one.borrowers) for one in reached],
        right=[1, 2],
    )


def _batches_table(rows: Sequence[Mapping[str, Any]], zone: ZoneInfo) -> Table:
    return table(
        say("Batches"),
        [
            say("batch"), say("day"), say("policy"), say("version"), say("step"), say("state"), say("messages"),
            say("tried"), say("waiting"), say("began"), say("resumed by"), say("why"),
        ],
        [
            (
                str(row["batch_id"])[:8], row["local_on"], row["policy"], row["policy_version"], row["step"],
                word("batch", row["state"]), row["messages"], row["tried"], row["waiting"],
                local(row["opened_at"], zone), row["resumed_by"], reason(row["reason"] or ""),
            )
            for row in rows
        ],
        right=[6, 7, 8],
    )  # fmt: skip
