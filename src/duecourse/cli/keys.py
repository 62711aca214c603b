"""`duecourse keys`: the ring that seals personal data."""

from __future__ import annotations

from typing import Annotated

import typer

from duecourse.privacy.keyring import rotate as rotate_ring

from .context import context
from .screen import print_json
from .words import say

app = typer.Typer(help="The key ring that seals personal data.", no_args_is_help=True)


@app.command()
def show(as_json: Annotated[bool, typer.Option("--json", help="Report as JSON.")] = False) -> None:
    """Which keys the ring holds, by id; never the keys themselves.

    Example: duecourse keys show
    """
    here = context()
    ring = here.keyring
    if as_json:
        print_json(
            here.console,
            {"primary": f"{ring.primary:08x}", "keys": [f"{one:08x}" for one in sorted(ring.sealing)]},
        )
        return
    for one in sorted(ring.sealing):
        here.console.print(
            say("{key}  primary: seals from now on", key=f"{one:08x}")
            if one == ring.primary
            else say("{key}  opens", key=f"{one:08x}")
        )


@app.command()
def rotate() -> None:
    """Add a key and seal with it from now on; the earlier ones stay and still open what they sealed.

    Copy keys.json to every machine of the book before its workers start again.

    Example: duecourse keys rotate
    """
    here = context()
    ring = rotate_ring(here.settings.home / "keys.json")
    here.console.print(
        say(
            "New primary key {key}; {count} keys in the ring. Back keys.json up.",
            key=f"{ring.primary:08x}",
            count=len(ring.sealing),
        )
    )
