"""`duecourse stop` and `duecourse resume`."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import typer
from psycopg import Connection

from duecourse.dispatch.batches import find_batch, hold_batch, resume_batches
from duecourse.dispatch.brake import resume_sending, stop_sending
from duecourse.domain.messaging import Channel

from .context import Context, context
from .words import say

Step = Annotated[str | None, typer.Option(help="Only this step of the policy.")]
OneChannel = Annotated[Channel | None, typer.Option(help="Only what would go over this channel.")]
Batch = Annotated[
    str | None, typer.Option(metavar="ID", help="Only this batch, by its id or the beginning of it.")
]
Purpose = Annotated[str | None, typer.Option(help="Only this purpose: reminder or collection.")]


def stop(
    step: Step = None,
    channel: OneChannel = None,
    purpose: Purpose = None,
    batch: Batch = None,
    reason: Annotated[
        str, typer.Option(help="Why; shown beside every message it holds.")
    ] = "stopped by hand",
) -> None:
    """Halt everything that is not handed over yet, on every worker, within two seconds.

    Nothing is lost: messages wait, and go out after `duecourse resume` if they are still of use.

    Examples: duecourse stop    or    duecourse stop --channel sms --reason "wrong sender name"
    """
    now = context()
    if batch:
        _hold(now, batch, reason)
        return
    stop_sending(
        now.connect(),
        step=step,
        channel=channel.value if channel else None,
        purpose=purpose,
        reason=reason,
        by=now.user,
        now=now.now(),
    )
    now.console.print(say("Stopped. Lift it with: duecourse resume"))


def _hold(here: Context, batch: str, why: str) -> None:
    conn = here.connect()
    found = find_batch(conn, batch)
    if hold_batch(conn, found["batch_id"], reason=why, now=here.now()):
        here.console.print(say("Batch {batch} is held.", batch=str(found["batch_id"])[:8]))
    else:
        here.console.print(say("Batch {batch} was held already.", batch=str(found["batch_id"])[:8]))


def resume(
    step: Step = None, channel: OneChannel = None, purpose: Purpose = None, batch: Batch = None
) -> None:
    """Lift the stop of exactly this scope; without any option, every stop and every held batch.

    A held batch is let go only by another person than the one who published the policy that made it: exit code 1
    says which need one.

    Example: duecourse resume --channel sms
    """
    now = context()
    conn = now.connect()
    everything = not (step or channel or purpose or batch)
    if batch:
        _resume(now, conn, find_batch(conn, batch)["batch_id"])
        return
    lifted = resume_sending(
        conn,
        step=step,
        channel=channel.value if channel else None,
        purpose=purpose,
        by=now.user,
        now=now.now(),
    )
    now.console.print(say("Stops lifted: {count}", count=lifted))
    gone = _resume(now, conn, None) if everything else 0
    if not lifted and not gone:
        raise typer.Exit(1)


def _resume(here: Context, conn: Connection, batch_id: UUID | None) -> int:
    gone = resume_batches(conn, by=here.user, now=here.now(), batch_id=batch_id)
    here.console.print(say("Batches let go: {count}", count=len(gone)))
    return len(gone)
