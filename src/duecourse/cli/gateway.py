"""`duecourse gateway`: where borrowers pay, and what a person must look at of it."""

from __future__ import annotations

from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from duecourse.domain.money import Money
from duecourse.domain.problems import DuecourseError, Problem
from duecourse.gateways.contract import Gateway
from duecourse.gateways.till import Till
from duecourse.responses.trades import FLAGS, look_at, trades

from .context import context
from .gateways import configured_gateways
from .practice import practise
from .screen import local, print_json, table
from .words import listed, reason, say

app = typer.Typer(help="Payment gateways: list, check, trades, looked, practise.", no_args_is_help=True)
app.command()(practise)

JsonOption = Annotated[bool, typer.Option("--json", help="Report as JSON.")]
MOST = 10_000


@app.command("list")
def list_gateways(as_json: JsonOption = False) -> None:
    """The gateways of gateways.toml: kind, currencies, whose account, where they call us.

    Example: duecourse gateway list --json
    """
    here = context()
    gateways = configured_gateways(here.settings.home, simulated=here.simulated)
    till = Till({one.name: one for one in gateways}, here.settings.public_url.rstrip("/"))
    found = [
        {
            "gateway": one.name,
            "kind": one.kind,
            "currencies": list(one.settings.only),
            "creditor": one.settings.creditor,
            "notifications": till.notify_url(one.name) if till.public_url else "",
        }
        for one in gateways
    ]
    if as_json:
        print_json(here.console, {"gateways": found})
        return
    if not found:
        here.console.print(say("No gateway is configured: describe one in gateways.toml of the home folder."))
        return
    columns = [say("gateway"), say("kind"), say("currencies"), say("creditor"), say("notifications go to")]
    rows: list[tuple[Any, ...]] = [
        (
            one["gateway"], one["kind"], listed(one["currencies"]) or say("all it takes"), one["creditor"],
            one["notifications"],
        )
        for one in found
    ]  # fmt: skip
    here.console.print(table(say("Payment gateways"), columns, rows))


@app.command()
def check(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="One gateway; without it every one.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Read gateways.toml and ask each gateway something harmless with its keys. Exit code 1 when one is in trouble.

    Example: duecourse gateway check
    """
    here = context()
    gateways = configured_gateways(here.settings.home, simulated=here.simulated)
    if name is not None:
        gateways = [_named(gateways, name)]
    now = here.now()
    found = [(one, one.check(now)) for one in gateways]
    if as_json:
        told = [
            {"gateway": one.name, "kind": one.kind, "trouble": trouble.reason if trouble else None}
            for one, trouble in found
        ]
        print_json(here.console, {"gateways": told})
    else:
        for one, trouble in found:
            here.console.print(
                say("{gateway}: {trouble} (C114)", gateway=one.name, trouble=reason(trouble.reason))
                if trouble
                else say("{gateway}: well", gateway=one.name)
            )
    if any(trouble for _, trouble in found):
        raise typer.Exit(1)


def _named(gateways: list[Gateway], name: str) -> Gateway:
    for one in gateways:
        if one.name == name:
            return one
    known = ", ".join(one.name for one in gateways) or "none"
    found = f"no gateway is called '{name}'; known: {known}"
    raise DuecourseError(Problem("D212", "NAME", found, "Nothing was asked."))


@app.command("trades")
def list_trades(
    flagged: Annotated[
        bool, typer.Option("--flagged", help="Only those that a person must look at; exit code 1 if any.")
    ] = False,
    limit: Annotated[int, typer.Option(metavar="COUNT", help="How many, the newest.", min=1, max=MOST)] = 50,
    as_json: JsonOption = False,
) -> None:
    """Payments as the gateways told of them, the newest first, and why a person must look at some.

    Example: duecourse gateway trades --flagged
    """
    here = context()
    found = trades(here.connect(), flagged=flagged, most=limit)
    if as_json:
        print_json(here.console, {"trades": found})
    else:
        zone = ZoneInfo(here.lender_zone)
        rows = [
            (
                one["gateway"], one["trade_no"], _amount(one["paid_minor"], one["currency"]),
                _amount(one["refunded_minor"], one["currency"]), local(one["paid_at"], zone),
                listed([reason(FLAGS[flag]) for flag in one["flags"]]), one["looked_by"] or "",
            )
            for one in found
        ]  # fmt: skip
        columns = [
            say("gateway"), say("trade"), say("paid"), say("went back"), say("at"), say("why a person must look"),
            say("looked at by"),
        ]  # fmt: skip
        here.console.print(table(say("Payments through gateways"), columns, rows, right=[2, 3]))
    if flagged and found:
        raise typer.Exit(1)


def _amount(minor: int | None, currency: str) -> str:
    return f"{Money(minor, currency).amount} {currency}" if minor else ""


@app.command()
def looked(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The gateway's name.")],
    trade: Annotated[str, typer.Argument(metavar="TRADE", help="Its number of the payment.")],
    note: Annotated[str, typer.Option("--note", help="What was done; kept beside the payment.")],
) -> None:
    """Say that somebody has looked at a payment that asked for it; it asks again if something new is wrong with it.

    Example: duecourse gateway looked bank T-4711 --note "refunded the second payment"
    """
    here = context()
    conn = here.connect()
    if not look_at(conn, name, trade, by=here.user, note=note):
        missing = "no payment of this gateway with this number waits for somebody to look at it"
        raise DuecourseError(Problem("D213", "TRADE", missing, "Nothing was changed."))
    conn.commit()
    here.console.print(say("{trade} has been looked at.", trade=trade))
