"""`duecourse api-key`: who may use the API."""

from __future__ import annotations

from datetime import datetime, time
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from duecourse.api.keys import Scope, add_key, list_keys, revoke_key
from duecourse.domain.problems import DuecourseError, Problem

from .context import context
from .dates import parse_date
from .screen import print_json, table
from .words import listed, say, word

app = typer.Typer(help="Who may use the API: add, list, revoke keys.", no_args_is_help=True)

JsonOption = Annotated[bool, typer.Option("--json", help="Report as JSON.")]
NameArgument = Annotated[
    str, typer.Argument(help="What it is for: small letters, digits, hyphens.", show_default=False)
]


@app.command()
def add(
    name: NameArgument,
    scope: Annotated[
        list[str],
        typer.Option(
            help=f"What it may do, with commas between or given several times: {', '.join(Scope)}.",
            show_default=False,
        ),
    ],
    expires: Annotated[
        str | None,
        typer.Option(metavar="DATE", help="The last day it holds, YYYY-MM-DD. Default: until it is revoked."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make a key and show it, this once. It is kept as a keyed digest: who loses it makes another.

    Example: duecourse api-key add core-banking --scope payments:write,messages:read --expires 2027-12-31
    """
    here = context()
    scopes = {_scope(part.strip()) for given in scope for part in given.split(",") if part.strip()}
    if not scopes:
        raise DuecourseError(Problem("D161", "--scope", _known_scopes(), "Nothing was changed."), exit_code=2)
    until = None
    if expires is not None:
        until = datetime.combine(parse_date(expires, "--expires"), time.max, ZoneInfo(here.lender_zone))
    key = add_key(here.connect(), here.keyring, name, scopes, expires_at=until, by=here.user, now=here.now())
    if as_json:
        print_json(here.console, {"name": name, "key": key, "scopes": sorted(scopes), "expires_at": until})
        return
    here.console.print(say("The key of {name}, shown only now:", name=name))
    here.console.print(key, markup=False, highlight=False, soft_wrap=True)


@app.command("list")
def list_(as_json: JsonOption = False) -> None:
    """List the keys: what each may do, when it was used last, and how often it was refused in the last 30 days.

    Example: duecourse api-key list
    """
    here = context()
    keys, nameless = list_keys(here.connect())
    if as_json:
        facts = [
            {
                "name": one.name, "id": one.key_id, "scopes": one.scopes, "created_at": one.created_at,
                "created_by": one.created_by, "expires_at": one.expires_at, "expired": one.expired,
                "revoked_at": one.revoked_at, "revoked_by": one.revoked_by, "last_used_on": one.last_used_on,
                "refusals": one.refusals,
            }
            for one in keys
        ]  # fmt: skip
        print_json(here.console, {"keys": facts, "refusals_without_key": nameless})
        return
    columns = [
        say("key name"), say("may"), say("state"), say("last used on"), say("refused, 30 days"), say("made by"),
    ]  # fmt: skip
    rows = [
        (
            one.name,
            listed(one.scopes),
            word("api-key", "revoked" if one.revoked_at else "expired" if one.expired else "holds"),
            one.last_used_on or "",
            f"{one.refusals:,}",
            one.created_by,
        )
        for one in keys
    ]
    here.console.print(table(say("Keys of the API"), columns, rows, right=(4,)))
    here.console.print(say("{count:,} requests of the last 30 days showed no key of ours.", count=nameless))


@app.command()
def revoke(name: NameArgument) -> None:
    """Let a key hold no more, from the next request on.

    Example: duecourse api-key revoke core-banking
    """
    here = context()
    revoke_key(here.connect(), name, by=here.user, now=here.now())
    here.console.print(say("{name} holds no more.", name=name))


def _scope(text: str) -> Scope:
    try:
        return Scope(text)
    except ValueError:
        raise DuecourseError(
            Problem("D161", "--scope", _known_scopes(), "Nothing was changed."), exit_code=2
        ) from None


def _known_scopes() -> str:
    return f"expected one or more of {', '.join(Scope)}"
