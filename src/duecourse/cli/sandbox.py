"""`duecourse sandbox`."""

from __future__ import annotations

import signal
import time
from typing import Annotated

import typer

from duecourse.channels.sandbox.process import SandboxProcess
from duecourse.channels.sandbox.rules import LOCAL_PART_BEGINNINGS, NUMBER_ENDINGS

from .context import context
from .screen import table
from .words import say, word


def sandbox(
    smpp_port: Annotated[int, typer.Option(help="Port of the SMSC on loopback; 0 takes a free one.")] = 2775,
    smtp_port: Annotated[
        int, typer.Option(help="Port of the mail server on loopback; 0 takes a free one.")
    ] = 2525,
) -> None:
    """Run a local SMSC and a local mail server that speak the real protocols and reach nobody, until Ctrl-C.

    Point providers.toml of a simulated book at them to try a policy without a provider. What an address does is
    told by how it ends (numbers) or begins (mail).

    Example: duecourse sandbox --smpp-port 2775 --smtp-port 2525
    """
    here = context()
    folder = here.settings.home / "sandbox"
    folder.mkdir(parents=True, exist_ok=True)
    with SandboxProcess(
        folder / "bounces", folder / "journal.jsonl", smpp_port=smpp_port, smtp_port=smtp_port
    ) as far_ends:
        here.console.print(
            say(
                "SMSC 127.0.0.1:{smpp}  mail 127.0.0.1:{smtp}",
                smpp=far_ends.smpp_port,
                smtp=far_ends.smtp_port,
            )
        )
        here.console.print(
            say("Journal {journal}  bounces {bounces}", journal=far_ends.log, bounces=far_ends.maildir)
        )
        rows = [(f"…{ending}", word("behaviour", what)) for ending, what in NUMBER_ENDINGS.items()]
        rows += [
            (f"{beginning}…", word("behaviour", what)) for beginning, what in LOCAL_PART_BEGINNINGS.items()
        ]
        here.console.print(
            table(
                say("Special addresses; every other is delivered"),
                [say("address"), say("what happens")],
                rows,
            )
        )
        signal.signal(signal.SIGTERM, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
        try:
            while far_ends.pid:
                time.sleep(0.5)
        except KeyboardInterrupt:
            here.console.print(say("Sandbox stopped."))
