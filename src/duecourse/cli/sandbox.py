"""`duecourse sandbox`."""

from __future__ import annotations

import json
import signal
import time
from typing import Annotated, Any

import typer

from duecourse.channels.registry import KINDS
from duecourse.channels.sandbox.process import SandboxProcess
from duecourse.channels.sandbox.rules import LOCAL_PART_BEGINNINGS, NUMBER_ENDINGS
from duecourse.domain.problems import DuecourseError, Problem

from .context import context
from .providers import Provider, sandbox_providers
from .screen import table
from .words import say, word


def sandbox(
    kinds: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[KIND[=PORT]]...",
            help="Kinds of provider to stand for; without any: sms.smpp=2775 email.smtp=2525.",
        ),
    ] = None,
    callbacks: Annotated[
        str,
        typer.Option(
            help="Where receipts of HTTP providers are posted, before /NAME: the worker's callbacks address."
        ),
    ] = "",
) -> None:
    """Run local far ends that speak providers' real protocols and reach nobody, until Ctrl-C.

    Point providers.toml of a simulated book at them to try a policy without a provider; the settings to do so are
    printed. What an address does is told by how it ends (numbers) or begins (mail).

    Example: duecourse sandbox sms.smpp=2775 email.smtp=2525
    """
    here = context()
    with SandboxProcess(
        here.settings.home / "sandbox",
        ports=_ports(kinds or ["sms.smpp=2775", "email.smtp=2525"]),
        callbacks_url=callbacks,
    ) as far_ends:
        here.console.print(
            say("Journal {journal}  bounces {bounces}", journal=far_ends.log, bounces=far_ends.maildir)
        )
        for provider in sandbox_providers(far_ends):
            here.console.print(as_toml(provider), highlight=False, markup=False)
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


def _ports(kinds: list[str]) -> dict[str, int]:
    """Kind to port. Raises DuecourseError C001, D015."""
    ports = {}
    for text in kinds:
        kind, _, port = text.partition("=")
        if kind not in KINDS:
            raise DuecourseError(
                Problem("C001", text, f"kind '{kind}' is unknown; known: {', '.join(sorted(KINDS))}.")
            )
        if port and not port.isdigit():
            raise DuecourseError(
                Problem("D015", kind, "what follows '=' is no port; write e.g. sms.smpp=2775")
            )
        ports[kind] = int(port or 0)
    return ports


def as_toml(provider: Provider) -> str:
    """The entry of providers.toml that reaches it."""
    lines = [f"[{provider.name}]", f'kind = "{provider.kind}"', "sandbox = true"]
    lines += [f"{key} = {_toml_value(value)}" for key, value in provider.config.items()]
    return "\n".join(lines) + "\n"


def _toml_value(value: Any) -> str:
    if isinstance(value, dict):
        return (
            "{ " + ", ".join(f"{json.dumps(key)} = {_toml_value(each)}" for key, each in value.items()) + " }"
        )
    return json.dumps(value)
