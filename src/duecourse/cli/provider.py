"""`duecourse provider`: how the providers stand, and what a person decides about them."""

from __future__ import annotations

import os
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from duecourse.dispatch.lines import Routing
from duecourse.dispatch.providers import (
    Provider,
    open_alerts,
    pause_provider,
    provider_changes,
    resume_provider,
    standings,
    weigh_by_hand,
)
from duecourse.domain.problems import DuecourseError, Problem

from .context import Context, context
from .providers import Provider as Configured
from .providers import is_checker, read_providers, with_book_channels
from .routing import take_routing
from .screen import local, print_json, table
from .words import listed, reason, say, word

app = typer.Typer(help="Providers: list, show, pause, resume, weight.", no_args_is_help=True)

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The provider's name in providers.toml.")]
WhyOption = Annotated[str, typer.Option("--reason", help="Why; kept beside the change.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Report as JSON.")]
CHANGES_SHOWN = 50


def known_providers(here: Context) -> dict[str, Configured]:
    """The providers of providers.toml by name, number checks left out."""
    found = with_book_channels(read_providers(here.settings.home / "providers.toml", os.environ))
    return {one.name: one for one in found if not is_checker(one.kind)}


def require_provider(here: Context, name: str) -> Configured:
    """The provider of that name. Raises DuecourseError D141."""
    known = known_providers(here)
    if name not in known:
        raise DuecourseError(
            Problem(
                "D141",
                "NAME",
                f"no provider is called '{name}'; known: {', '.join(sorted(known))}",
                "Nothing was changed.",
            )
        )
    return known[name]


@app.command("list")
def list_providers(as_json: JsonOption = False) -> None:
    """Every provider: how it stands, its part of the work, what it answered in the last minute, what needs a person.

    Exit code 1 when one is in trouble.

    Example: duecourse provider list --json
    """
    here = context()
    configured = known_providers(here)
    conn = here.connect()
    found = [_facts(configured[one.name], one) for one in standings(conn, configured, now=here.now())]
    alerts = open_alerts(conn)
    if as_json:
        print_json(here.console, {"providers": found, "alerts": alerts})
    else:
        rows = [
            (
                one["provider"], one["kind"], word("provider", one["state"]), one["weight"], f"{one['share']:.0%}",
                one["tier"], one["good"], one["bad"], one["throttled"], one["slow"], reason(one["reason"]),
            )
            for one in found
        ]  # fmt: skip
        columns = [
            say("provider"), say("kind"), say("standing"), say("weight"), say("part"), say("priority"), say("taken"),
            say("failed"), say("throttled"), say("late"), say("why"),
        ]  # fmt: skip
        here.console.print(table(say("Providers"), columns, rows, right=[3, 4, 5, 6, 7, 8, 9]))
        print_alerts(here, alerts)
    if alerts:
        raise typer.Exit(1)


def print_alerts(here: Context, alerts: list[dict[str, Any]]) -> None:
    """What needs a person, a line each."""
    zone = ZoneInfo(here.lender_zone)
    for one in alerts:
        here.console.print(
            say(
                "ALERT {code}: {subject} since {at}: {why}",
                code=one["code"],
                subject=one["subject"],
                at=local(one["raised_at"], zone),
                why=reason(one["reason"]),
            ),
            style="bold red",
        )


def _facts(configured: Configured, one: Provider) -> dict[str, Any]:
    routing, _ = take_routing(dict(configured.config), configured.name, configured.kind)
    return {
        "provider": one.name,
        "kind": configured.kind,
        "state": one.standing.state.value,
        "weight": routing.weight if one.weight is None else one.weight,
        "weight_by_hand": one.weight,
        "share": one.standing.share,
        "tier": routing.tier,
        **_limits(routing),
        "reason": one.standing.reason,
        "changed_by": one.changed_by,
        "changed_at": one.changed_at,
        "good": one.seen.whole.good,
        "bad": one.seen.whole.bad,
        "throttled": one.seen.whole.throttled,
        "slow": one.seen.whole.slow,
    }


def _limits(routing: Routing) -> dict[str, Any]:
    return {
        "carriers": routing.carriers,
        "regions": routing.regions,
        "rate_per_second": routing.rate_per_second,
        "rate_per_sender": routing.rate_per_sender,
        "senders": list(routing.senders),
        "needs_registration": list(routing.needs),
    }


@app.command()
def show(name: NameArgument, as_json: JsonOption = False) -> None:
    """One provider: how it stands, its limits, and every change of its standing with who made it and why.

    Example: duecourse provider show smsc
    """
    here = context()
    configured = require_provider(here, name)
    conn = here.connect()
    found = _facts(configured, standings(conn, [name], now=here.now())[0])
    changes = provider_changes(conn, name, CHANGES_SHOWN)
    if as_json:
        print_json(here.console, {**found, "changes": changes})
        return
    state, weight, part = word("provider", found["state"]), found["weight"], f"{found['share']:.0%}"
    here.console.print(
        say(
            "{provider}: {state}, weight {weight}, {part} of it",
            provider=name,
            state=state,
            weight=weight,
            part=part,
        )
    )
    for key, label in (
        ("carriers", say("carriers")),
        ("regions", say("regions")),
        ("senders", say("senders")),
        ("needs_registration", say("must be approved")),
    ):
        if found[key]:
            here.console.print(say("{what}: {these}", what=label, these=listed(found[key])))
    zone = ZoneInfo(here.lender_zone)
    rows = [
        (
            local(each["changed_at"], zone), word("provider", each["state"]), f"{each['share']:.0%}", each["weight"],
            each["changed_by"], reason(each["reason"]),
        )
        for each in changes
    ]  # fmt: skip
    columns = [say("at"), say("standing"), say("part"), say("weight"), say("by"), say("why")]
    here.console.print(
        table(say("Changes (the newest {count})", count=CHANGES_SHOWN), columns, rows, right=[2, 3])
    )


@app.command()
def pause(name: NameArgument, why: WhyOption = "paused by hand") -> None:
    """Give a provider nothing more, on every worker, from the next claim on; its messages take others, or wait.

    Example: duecourse provider pause smsc --reason "maintenance tonight"
    """
    here = context()
    require_provider(here, name)
    done = pause_provider(here.connect(), name, reason=why, by=here.user, now=here.now())
    here.console.print(
        say("{provider} is paused.", provider=name)
        if done
        else say("{provider} was paused already.", provider=name)
    )


@app.command()
def resume(name: NameArgument, why: WhyOption = "resumed by hand") -> None:
    """Take a provider back at full strength: after a pause, after trouble with its account, or before its rest is over.

    Example: duecourse provider resume smsc --reason "balance topped up"
    """
    here = context()
    require_provider(here, name)
    done = resume_provider(here.connect(), name, reason=why, by=here.user, now=here.now())
    here.console.print(
        say("{provider} works again.", provider=name)
        if done
        else say("{provider} was at work already.", provider=name)
    )


@app.command()
def weight(
    name: NameArgument,
    number: Annotated[
        int | None,
        typer.Argument(
            metavar="[WEIGHT]",
            help="The new weight, 0 to 1000000; without it that of providers.toml.",
            min=0,
            max=1_000_000,
        ),
    ] = None,
    why: WhyOption = "weighed by hand",
) -> None:
    """Give a provider another part of the work than providers.toml does, on every worker, from the next claim on.

    Example: duecourse provider weight smsc 30 --reason "cheaper this month"
    """
    here = context()
    require_provider(here, name)
    done = weigh_by_hand(here.connect(), name, number, reason=why, by=here.user, now=here.now())
    here.console.print(
        say("{provider} has another weight.", provider=name)
        if done
        else say("{provider} had this weight already.", provider=name)
    )
