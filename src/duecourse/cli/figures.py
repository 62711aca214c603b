"""The figures that metrics have too, as `status` shows them: the day's funnel, lag, leases, providers, what waits."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from rich.table import Table

from duecourse.dispatch.figures import LATE_SECONDS, Funnel
from duecourse.web.figures import Figures

from .context import Context
from .screen import table
from .words import listed, reason, rule_in_words, say, word

STANDINGS: Final = (
    "planned", "withheld", "in_flight", "sent", "delivered", "read", "failed", "unknown", "expired", "cancelled",
)  # fmt: skip
"""In the order in which a message comes by them."""
WORST_SHOWN: Final = 5
RULES_SHOWN: Final = 10


def figures_json(read: Figures, funnel: Funnel, day: date) -> Mapping[str, Any]:
    """For `status --json`."""
    lanes = read.lanes
    return {
        "funnel_today": {
            "day": day,
            "messages": funnel.messages,
            "standings": {name: funnel.by_standing.get(name, 0) for name in STANDINGS},
            "withheld_by_rule": funnel.by_rule,
        },
        "lag": {
            "due": lanes.due,
            "seconds": round(lanes.lag_seconds, 3),
            "late_lanes": {str(bound): lanes.late(bound) for bound in LATE_SECONDS},
            "worst": [
                {"lane": one.lane, "seconds": round(one.lag_seconds, 3), "due": one.due, "owner": one.owner}
                for one in lanes.worst(WORST_SHOWN)
            ],
        },
        "leases": {
            **lanes.standings,
            "idle_seconds": round(lanes.idle_seconds, 3),
            "workers": lanes.workers,
        },
        "providers": [
            {
                "provider": one.name,
                "state": one.standing.state.value,
                "share": one.standing.share,
                "reason": one.standing.reason,
                "good": one.seen.whole.good,
                "bad": one.seen.whole.bad,
                "throttled": one.seen.whole.throttled,
                "slow": one.seen.whole.slow,
            }
            for one in read.providers
        ],
        "backlogs": {
            "awaited_attempts": lanes.awaited,
            "open_tasks": lanes.tasks,
            "unknown_attempts": read.backlogs.unknown,
            "waiting_replies": read.backlogs.replies,
            "waiting_answers": read.answers,
            "grave_answers": read.grave,
            "held_batches": read.backlogs.held_batches,
            "stops": read.backlogs.stops,
            "open_alerts": read.backlogs.alerts,
        },
    }


def print_figures(here: Context, read: Figures, funnel: Funnel, day: date) -> None:
    """On the screen."""
    here.console.print(funnel_table(funnel, day))
    _print_lag(here, read)
    _print_leases(here, read)
    if read.providers:
        here.console.print(provider_table(read))
    here.console.print(
        say(
            "Waiting: receipts {receipts}, replies {replies}, calls {tasks}, answers {answers}",
            receipts=read.lanes.awaited,
            replies=read.backlogs.replies,
            tasks=read.lanes.tasks,
            answers=read.answers,
        )
    )


def funnel_table(funnel: Funnel, day: date) -> Table:
    """What became of the day's messages, and what withholds those that wait."""
    rows: list[tuple[str, int]] = []
    for name in STANDINGS:
        number = funnel.by_standing.get(name, 0)
        rows.append((say("withheld") if name == "withheld" else word("state", name), number))
        if name == "withheld":
            rows += [
                (f"  {rule_in_words(rule) or rule}", each)
                for rule, each in list(funnel.by_rule.items())[:RULES_SHOWN]
            ]
    return table(
        say("Messages for {day}", day=day),
        [say("standing"), say("how many")],
        [*rows, (say("all"), funnel.messages)],
        right=[1],
    )


def _print_lag(here: Context, read: Figures) -> None:
    worst = read.lanes.worst(WORST_SHOWN)
    if not worst:
        here.console.print(say("Lag: none; nothing is due that is not claimed"))
        return
    here.console.print(
        say(
            "Lag: {seconds:.0f} s, {due} messages due; lanes {lanes}",
            seconds=read.lanes.lag_seconds,
            due=read.lanes.due,
            lanes=listed(f"{one.lane} ({one.lag_seconds:.0f} s)" for one in worst),
        ),
        style="bold" if read.lanes.late(LATE_SECONDS[1]) else "",
    )


def _print_leases(here: Context, read: Figures) -> None:
    standings = read.lanes.standings
    here.console.print(
        say(
            "Leases: held {held}, expired {expired}, free {free}; the longest idle for {seconds:.0f} s",
            **standings,
            seconds=read.lanes.idle_seconds,
        )
    )


def provider_table(read: Figures) -> Table:
    """How the providers stand, and what they answered in the last minute."""
    return table(
        say("Providers, with their answers of the last minute"),
        [
            say("provider"), say("standing"), say("part"), say("taken"), say("failed"), say("throttled"), say("late"),
            say("why"),
        ],
        [
            (
                one.name, word("provider", one.standing.state.value), f"{one.standing.share:.0%}", one.seen.whole.good,
                one.seen.whole.bad, one.seen.whole.throttled, one.seen.whole.slow, reason(one.standing.reason),
            )
            for one in read.providers
        ],
        right=[2, 3, 4, 5, 6],
    )  # fmt: skip
