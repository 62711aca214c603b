"""Tables that a lender understands: by step, by channel, by month, and against the lender's own states."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, Final

from rich.table import Table

from duecourse.dispatch.reading import attempts_by_channel, funnel, months, read_rows
from duecourse.dispatch.tally import Tally
from duecourse.domain.money import from_minor

from .context import Context
from .screen import print_json, table
from .words import rule_in_words, say, word

# What an account's state of a month means to the bank, and why it may differ from what the book shows.
STATE_WORDS: Final = {-2: "no use", -1: "paid duly", 0: "revolving"}
AGREEMENTS: Final = {
    ("good", "met"), ("good", "nothing-due"), ("late", "missed"), ("late", "short"), ("unused", "nothing-due"),
}  # fmt: skip
# By the lender's word, by what payments show, and by whether the book carried an earlier minimum that was not met.
EXPLANATIONS: Final = {
    ("late", "met", True): "an earlier minimum was still open: the bank counts it, this month's was met",
    (
        "late",
        "met",
        False,
    ): "nothing was carried by the mapping's rule: likely the bank's minimum was larger, "
    "or it restated the state afterwards",
    (
        "late",
        "nothing-due",
    ): "no statement above zero fell due in the file; likely arrears the file does not show",
    ("good", "short"): "likely the bank's own minimum was smaller than the mapping's rule asks",
    ("good", "missed"): "no payment in the file: likely a credit or a waiver, or a minimum of nil",
    ("unused", "met"): "no new use of the card; an old statement was still paid",
    ("unused", "short"): "no new use of the card; the rest was paid in part",
    ("unused", "missed"): "no new use of the card; a rest stood on the statement and nothing was paid",
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
    here.console.print(
        say(
            "Handed over {sent:,}, receipts heard {receipts:,}, in this run.",
            sent=tally.handed_over,
            receipts=tally.receipts,
        )
    )


def print_week(here: Context, first: date, last: date, tally: Tally) -> None:
    """The report of some days without the months' tables."""
    conn = here.connect()
    rows = funnel(conn, first, last)
    here.console.print(step_table(step_rows(rows)))
    here.console.print(withheld_table(rows))
    here.console.print(channel_table(attempts_by_channel(conn, first, last)))
    here.console.print(
        say(
            "Handed over {sent:,}, receipts heard {receipts:,}.",
            sent=tally.handed_over,
            receipts=tally.receipts,
        )
    )


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
        say("Messages by step"),
        [say("step"), say("purpose"), say("due"), *(say(name) for name in names)],
        [
            [row["step"], word("purpose", row["purpose"]), row["due"], *(row[name] or "" for name in names)]
            for row in rows
        ],
        right=range(2, 3 + len(names)),
    )


def withheld_table(rows: Iterable[Mapping[str, Any]]) -> Table:
    """Messages that did not go out, by reason."""
    withheld: Counter[str] = Counter()
    for row in rows:
        if row["standing"] in ("expired", "cancelled"):
            withheld[row["rule"]] += row["messages"]
    return table(
        say("Withheld, by reason"),
        [say("rule"), say("why"), say("messages")],
        [(rule, rule_in_words(rule), count) for rule, count in withheld.most_common()],
        right=[2],
    )


def channel_table(rows: Iterable[Mapping[str, Any]]) -> Table:
    """Attempts by channel."""
    totals: dict[str, Counter[str]] = defaultdict(Counter)
    parts: Counter[str] = Counter()
    for row in rows:
        totals[row["channel"]][row["state"]] += row["attempts"]
        parts[row["channel"]] += row["parts"]
    states = ["read", "delivered", "sent", "refused", "unknown", "released"]
    return table(
        say("Attempts by channel (released: not handed over or asked to slow down, not counted)"),
        [say("channel"), *(word("state", state) for state in states), say("SMS parts")],
        [
            [
                word("channel", channel),
                *(counted[state] or "" for state in states),
                parts[channel] if channel == "sms" else "",
            ]
            for channel, counted in sorted(totals.items())
        ],
        right=range(1, 8),
    )


def month_table(rows: Iterable[Mapping[str, Any]]) -> Table:
    """Month by month."""
    return table(
        say("Month by month (accounts and installments; amounts in currency units)"),
        [
            say("month"), say("fell\ndue"), say("amount due"), "", say("reminded"), say("met by\ndue day"),
            say("in\ngrace"), say("overdue"), say("contacted"), say("met\nlate"), say("payers"), say("paid"),
        ],
        [
            (
                f"{row['month']:%Y-%m}",
                row["due"],
                f"{from_minor(int(row['due_minor']), row['currency']):,}",
                row["currency"],
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
        right=(1, 2, *range(4, 12)),
    )  # fmt: skip


def state_in_words(state: int) -> str:
    """What a lender's state of a month means."""
    return say(STATE_WORDS[state]) if state in STATE_WORDS else say("{months} late", months=state)


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
            "explanation": explanation(state_class(row["state"]), row["ours"], row["arrears"]),
        }
        for row in rows
    ]  # fmt: skip


def explanation(theirs: str, ours: str, arrears: bool) -> str:
    """Why a lender's word and the payments may differ; empty for a class that has no words."""
    return EXPLANATIONS.get((theirs, ours, arrears)) or EXPLANATIONS.get((theirs, ours)) or ""


def state_table(rows: Iterable[Mapping[str, Any]]) -> Table:
    """Accounts by the lender's state and ours."""
    totals: dict[tuple[str, int], Counter[str]] = defaultdict(Counter)
    for row in rows:
        totals[row["month"], row["state"]][row["ours"]] += row["accounts"]
    ours = ["met", "short", "missed", "nothing-due"]
    return table(
        say("The lender's own state of the month (rows) beside what its payments show (columns)"),
        [say("month"), say("state"), "", *(word("payments show", one) for one in ours)],
        [
            [month, state, state_in_words(state), *(counted[one] or "" for one in ours)]
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
        say(
            "Where the two disagree: {some:,} of {every:,} account-months",
            some=sum(totals.values()),
            every=every,
        ),
        [say("lender says"), say("payments show"), say("account-months"), say("why")],
        [
            (
                word("lender's state", theirs),
                word("payments show", ours),
                count,
                say(why) if why else "",
            )
            for (theirs, ours, why), count in sorted(totals.items(), key=lambda item: -item[1])
        ],
        right=[2],
    )
