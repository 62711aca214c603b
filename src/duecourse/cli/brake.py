"""`duecourse stop` and `duecourse resume`."""

from __future__ import annotations

from typing import Annotated

import typer

from duecourse.dispatch.brake import resume_sending, stop_sending
from duecourse.domain.messaging import Channel

from .context import context
from .words import say

Step = Annotated[str | None, typer.Option(help="Only this step of the policy.")]
OneChannel = Annotated[Channel | None, typer.Option(help="Only what would go over this channel.")]
Purpose = Annotated[str | None, typer.Option(help="Only this purpose: reminder or collection.")]


def stop(
    step: Step = None,
    channel: OneChannel = None,
    purpose: Purpose = None,
    reason: Annotated[
        str, typer.Option(help="Why; shown beside every message it holds.")
    ] = "stopped by hand",
) -> None:
    """Halt everything that is not handed over yet, on every worker, within two seconds.

    Nothing is lost: messages wait, and go out after `duecourse resume` if they are still of use.

    Examples: duecourse stop    or    duecourse stop --channel sms --reason "wrong sender name"
    """
    now = context()
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


def resume(step: Step = None, channel: OneChannel = None, purpose: Purpose = None) -> None:
    """Lift the stop of exactly this scope; without any option, every stop.

    Example: duecourse resume --channel sms
    """
    now = context()
    lifted = resume_sending(
        now.connect(),
        step=step,
        channel=channel.value if channel else None,
        purpose=purpose,
        by=now.user,
        now=now.now(),
    )
    now.console.print(say("Stops lifted: {count}", count=lifted))
    if not lifted:
        raise typer.Exit(1)
