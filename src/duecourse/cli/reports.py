"""Tables that a lender understands: by step, by channel, by month, and against the lender's own states."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, Final

from rich.table import Table

from duecourse.dispatch.desk import Tally
from duecourse.dispatch.reading import attempts_by_channel, funnel, months, read_rows
from duecourse.domain.money import from_minor
from duecourse.rules.words import RULES

from .context import Context
from .screen import print_json, table

# What an account's state of a month means to the bank, and why it may differ from what the book shows.
STATE_WORDS: Final = {-2: "no use", -1: "paid duly", 0: "revolving"}
AGREEMENTS: Final = {
    ("good", "met"), ("good", "nothing-due"), ("late", "missed"), ("late", "short"), ("unused", "nothing-due"),
}  # fmt: skip
EXPLANATIONS: Final = {
    ("late", "met"): "the bank's state counts arrears of earlier months, or a payment it booked later; "
    "this month's minimum was met",
    ("late", "nothing-due"): "the bank still carries arrears; no statement above zero fell due in the file",
    ("good", "short"): "the bank's own minimum was smaller than the mapping's rule asks",
    (
        "good",
        "missed",
    ): "paid in a way the file does not show (credit, fee waiver), or the bank's minimum was nil",
    ("unused", "met"): "no new use of the card; an old statement was still paid",
    ("unused", "short"): "no new use of the card; the rest was paid in part",
    ("unused", "missed"): "no new use of the card; a small or disputed rest stood on the statement",
}


def print_run(here: Context, first: date, last: date, tally: Tally, *, as_json: bool) -> None:
    """The report of a replay."""
    conn = here.connect()
    by_month = months(conn, first, last)
    steps = step_rows(funnel(conn, first, last))
    channels = attempts_by_channel(conn, first, last)
    states = state_rows(read_rows(conn, "lender_states", from_on=first, to_on=last, attribute="pay_state"))
    if as_json:
        print_json(
            here.console,
            {
                "from": first,
                "to": last,
                "handed_over": tally.handed_over,
                "receipts": tally.receipts,
                "months": [_plain_month(row) for row in by_month],
                "steps": steps,
                "channels": channels,
                "lender_states": states,
            },
        )
        return
    here.console.print(step_table(steps))
    here.console.print(withheld_table(funnel(conn, first, last)))
    here.console.print(channel_table(channels))
    here.console.print(month_table(by_month))
    if states:
        here.console.print(state_table(states))
        here.console.print(disagreement_table(states))
    here.console.print(f"Handed over {tally.handed_over}, receipts heard {tally.receipts}, in this run.")


def print_week(here: Context, first: date, last: date, tally: Tally) -> None:
    """The report of some days without the months' tables."""
    conn = here.connect()
    rows = funnel(conn, first, last)
    here.console.print(step_table(step_rows(rows)))
    here.console.print(withheld_table(rows))
    here.console.print(channel_table(attempts_by_channel(conn, first, last)))
    here.console.print(f"Handed over {tally.handed_over:,}, receipts heard {tally.receipts:,}.")


def _plain_month(row: Mapping[str, Any]) -> dict[str, Any]:
    currency = row["currency"]
    plain = {key: value for key, value in row.items() if not key.endswith("_minor")}
    plain["month"] = f"{row['month']:%Y-%m}"
    plain["due_amount"] = str(from_minor(int(row["due_minor"]), currency))
    plain["paid_amount"] = str(from_minor(int(row["paid_minor"]), currency))
    return plain


STANDINGS: Final = (
    ("delivered", ("delivered", "read")),
    ("sent", ("sent",)),
    ("failed", ("failed",)),
    ("unknown", ("unknown",)),
    ("withheld", ("expired", "cancelled")),
    ("open", ("planned", "in_flight")),
)


def step_rows(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One row a step: how many messages were due, and where they stand."""
    totals: dict[tuple[str, str, str], Counter[str]] = defaultdict(Counter)
    for row in rows:
        totals[row["policy"], row["step"], row["purpose"]][row["standing"]] += row["messages"]
    return [
        {
            "policy": policy,
            "step": step,
            "purpose": purpose,
            "due": sum(counted.values()),
            **{name: sum(counted[one] for one in standings) for name, standings in STANDINGS},
        }
        for (policy, step, purpose), counted in totals.items()
    ]


def step_table(rows: Iterable[Mapping[str, Any]]) -> Table:
    """Messages by step."""
    names = [name for name, _ in STANDINGS]
    return table(
        "Messages by step",
        ["step", "purpose", "due", *names],
        [[row["step"], row["purpose"], row["due"], *(row[name] or "" for name in names)] for row in rows],
        right=range(2, 3 + len(names)),
    )


def withheld_table(rows: Iterable[Mapping[str, Any]]) -> Table:
    """Messages that did not go out, by reason."""
    withheld: Counter[str] = Counter()
    for row in rows:
        if row["standing"] in ("expired", "cancelled"):
            withheld[row["rule"]] += row["messages"]
    return table(
        "Withheld, by reason",
        ["rule", "why", "为何", "messages"],
        [
            (rule, RULES[rule].en, RULES[rule].zh, count) if rule in RULES else (rule, "", "", count)
            for rule, count in withheld.most_common()
        ],
        right=[3],
    )


def channel_table(rows: Iterable[Mapping[str, Any]]) -> Table:
    """Attempts by channel."""
    totals: dict[str, Counter[str]] = defaultdict(Counter)
    parts: Counter[str] = Counter()
    for row in rows:
        totals[row["channel"]][row["state"]] += row["attempts"]
        parts[row["channel"]] += row["parts"]
    states = ["delivered", "sent", "refused", "unknown", "released"]
    return table(
        "Attempts by channel (released: not handed over or asked to slow down, not counted)",
        ["channel", *states, "SMS parts"],
        [
            [channel, *(counted[state] or "" for state in states), parts[channel] if channel == "sms" else ""]
            for channel, counted in sorted(totals.items())
        ],
        right=range(1, 7),
    )


def month_table(rows: Iterable[Mapping[str, Any]]) -> Table:
    """Month by month."""
    return table(
        "Month by month (accounts and installments; amounts in currency units)",
        [
            "month", "due", "amount due", "reminded", "met by due day", "in grace", "overdue", "contacted",
            "met late", "payers", "paid",
        ],
        [
            (
                f"{row['month']:%Y-%m}",
                row["due"],
                f"{from_minor(int(row['due_minor']), row['currency']):,} {row['currency']}",
                row["reminded"],
                row["met_by_due"],
                row["met_in_grace"],
                row["overdue"],
                row["contacted"],
                row["met_late"],
                row["payers"],
                f"{from_minor(int(row['paid_minor']), row['currency']):,}",
            )
            for row in rows
        ],
        right=range(1, 11),
    )  # fmt: skip


def state_class(state: int) -> str:
    """A lender's state as one of: unused (-2), good (-1 paid duly, 0 revolving), late (months)."""
    return "unused" if state == -2 else "late" if state > 0 else "good"


def state_rows(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Ours against the lender's state, by month, with whether the two agree."""
    return [
        {
            **row,
            "agrees": (state_class(row["state"]), row["ours"])
            in AGREEMENTS,
            "explanation": EXPLANATIONS.get((state_class(row["state"]), row["ours"]), ""),
        }
        for row in rows
    ]  # fmt: skip


def state_table(rows: Iterable[Mapping[str, Any]]) -> Table:
    """Accounts by the lender's state and ours."""
    totals: dict[tuple[str, int], Counter[str]] = defaultdict(Counter)
    for row in rows:
        totals[row["month"], row["state"]][row["ours"]] += row["accounts"]
    ours = ["met", "short", "missed", "nothing-due"]
    return table(
        "The lender's own state of the month (rows) beside what its payments show (columns)",
        ["month", "state", "", *ours],
        [
            [month, state, STATE_WORDS.get(state, f"{state} late"), *(counted[one] or "" for one in ours)]
            for (month, state), counted in sorted(totals.items())
        ],
        right=range(3, 7),
    )


def disagreement_table(rows: Iterable[Mapping[str, Any]]) -> Table:
    """Each class of disagreement with its explanation."""
    totals: Counter[tuple[str, str, str]] = Counter()
    every = 0
    for row in rows:
        every += row["accounts"]
        if not row["agrees"]:
            totals[state_class(row["state"]), row["ours"], row["explanation"]] += row["accounts"]
    return table(
        f"Where the two disagree: {sum(totals.values()):,} of {every:,} account-months",
        ["lender says", "payments show", "account-months", "why"],
        [
            (theirs, ours, count, explanation)
            for (theirs, ours, explanation), count in sorted(totals.items(), key=lambda item: -item[1])
        ],
        right=[2],
    )
