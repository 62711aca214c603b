"""A borrower and a message as a person reads them: headlines and tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.table import Table

from .answers import effect_in_words
from .context import Context
from .parties import print_parties
from .screen import local, table
from .standing import print_standing
from .words import listed, reason, rule_in_words, say, sentences, word

PAYMENTS_SHOWN = 12
INSTALLMENTS_SHOWN = 12

Row = Mapping[str, Any]


def print_borrower(here: Context, found: Row) -> None:
    """A borrower as tables."""
    zone = ZoneInfo(found["zone"])
    console = here.console
    console.print(
        say(
            "{key}  {name}  grade {grade}  {language}  {zone}",
            key=found["key"],
            name=found["name"],
            grade=found["grade"] or "-",
            language=found["language"],
            zone=found["zone"],
        ),
        style="bold",
        highlight=False,
    )
    if len(found["zones"]) > 1:
        console.print(
            say("No zone is stated; hours have to hold in all of: {zones}", zones=listed(found["zones"]))
        )
    if found["days_past_due"]:
        console.print(
            say(
                "Days past due: {days} by the contract, {after} after grace, {bureau} for the bureau",
                days=found["days_past_due"],
                after=found["strategy_days"],
                bureau=found["bureau_days"],
            )
        )
    print_parties(console, found)
    print_standing(console, found, zone)
    console.print(_contact_points(found["contact_points"], zone))
    console.print(_loans(found["loans"]))
    console.print(_installments(near(found["installments"], found["as_of"]), found["as_of"]))
    if found["payments"]:
        console.print(_payments(found["payments"][-PAYMENTS_SHOWN:]))
    console.print(_timeline(found["timeline"], zone))
    console.print(say("One of the messages in full: duecourse message show ID"))
    console.print(_messages(found["messages"]))


def near(installments: Sequence[Row], as_of: date) -> list[Row]:
    """The installments that matter now: the last of those that fell or fall due until a month from the day."""
    return [one for one in installments if one["due_on"] <= as_of + timedelta(days=31)][-INSTALLMENTS_SHOWN:]


def _contact_points(points: Sequence[Row], zone: ZoneInfo) -> Table:
    return table(
        say("Contact points"),
        [say("channel"), say("address"), say("state"), say("why"), say("verified"), say("how")],
        [
            (
                word("channel", one["channel"]),
                one["address"],
                word("contact point", one["state"]),
                reason(one["retired_reason"] or ""),
                local(one["verified_at"], zone),
                one["verified_how"],
            )
            for one in points
        ],
    )


def _loans(loans: Sequence[Row]) -> Table:
    return table(
        say("Loans, with their days past due"),
        [
            say("loan"), say("product"), say("due day"), say("set by"), say("by the contract"), say("after grace"),
            say("for the bureau"), say("bucket"), say("paused"),
        ],
        [
            (
                one["ref"], one["product"], one["due_day"],
                word("due day", one["due_day_source"]),
                one["days_past_due"], one["strategy_days"], one["bureau_days"], one["bucket"],
                listed(f"{pause['from']} - {pause['to']}" for pause in one["pauses"]),
            )
            for one in loans
        ],
        right=[2, 4, 5, 6],
    )  # fmt: skip


def _due_on(one: Row) -> str:
    """The due day, and the contract's where another."""
    if one["provisional"]:
        return say("{day}, provisional", day=one["due_on"])
    if one["due_on"] != one["contract_due_on"]:
        return say("{day}, by the contract {contract}", day=one["due_on"], contract=one["contract_due_on"])
    return str(one["due_on"])


def _installments(installments: Sequence[Row], as_of: date) -> Table:
    return table(
        say("Installments, as of {day}", day=as_of),
        [
            say("loan"), say("no."), say("due on"), say("to pay"), say("paid so far"), "", say("unpaid"),
            say("grace"), say("days past due"),
        ],
        [
            (
                one["loan"], one["number"], _due_on(one), one["due"], one["paid"], one["currency"],
                say("yes") if one["open"] else "", one["grace_days"], one["days_past_due"] or "",
            )
            for one in installments
        ],
        right=[1, 3, 4, 7, 8],
    )  # fmt: skip


def _payments(payments: Sequence[Row]) -> Table:
    return table(
        say("Payments"),
        [say("paid on"), say("loan"), say("amount"), "", say("reversed on")],
        [
            (one["paid_on"], one["loan"], one["amount"], one["currency"], one["reversed_on"] or "")
            for one in payments
        ],
        right=[2],
    )


def _timeline(transitions: Sequence[Row], zone: ZoneInfo) -> Table:
    return table(
        say("Timeline, borrower's time"),
        [say("when"), say("what"), say("which"), say("became"), say("why")],
        [
            (
                local(one["at"], zone),
                word("subject", one["subject"]),
                _which(one),
                _became(one),
                _why(one),
            )
            for one in transitions
        ],
    )


def _which(one: Row) -> str:
    """What a line of the timeline is about: a channel, a second factor, what followed, or the step of a message."""
    match one["subject"]:
        case "attempt" | "answer" | "link":
            return word("channel", one["what"])
        case "visit":
            return word("second factor", one["what"])
        case "arrangement":
            return word("arrangement", one["what"])
        case "effect":
            return effect_in_words(one["what"])
        case _:
            return str(one["what"])


def _became(one: Row) -> str:
    if one["subject"] == "answer":
        return listed(word("answer", intent) for intent in one["state"].split())
    if one["subject"] == "arrangement":
        return word("state of an arrangement", one["state"])
    return word("state", one["state"])


def _messages(messages: Sequence[Row]) -> Table:
    return table(
        say("Messages"),
        [say("id"), say("day"), say("step"), say("purpose"), say("standing")],
        [
            (
                str(one["message_id"])[:8],
                one["local_on"],
                one["step"],
                word("purpose", one["purpose"]),
                word("state", one["outcome"] or one["state"]),
            )
            for one in messages
        ],
    )


def _why(row: Row) -> str:
    parts = []
    if row["rule"]:
        parts.append(say("{rule}: {why}", rule=row["rule"], why=rule_in_words(row["rule"])))
    if row["reason"]:
        parts.append(reason(row["reason"]))
    return sentences(parts)


def print_message(here: Context, found: Row) -> None:
    """A message as text and tables."""
    zone = ZoneInfo(found["zone"])
    console = here.console
    console.print(
        say(
            "{id}  {step} ({purpose}) for {borrower}, {day}: {standing}",
            id=found["message_id"],
            step=found["step"],
            purpose=word("purpose", found["purpose"]),
            borrower=found["borrower_key"],
            day=found["local_on"],
            standing=word("state", found["outcome"] or found["state"]),
        ),
        style="bold",
        highlight=False,
    )
    console.print(
        say(
            "Policy {policy} version {policy_version}, template {template} version {template_version}, "
            "route {route}, useful until {until}",
            policy=found["policy"],
            policy_version=found["policy_version"],
            template=found["template"],
            template_version=found["template_version"],
            route=_route(found),
            until=local(found["useful_until"], zone),
        ),
        highlight=False,
    )
    if found["actor"] != "creditor" or found["acts"]:
        console.print(
            say(
                "Spoken as {actor}; announces: {acts}",
                actor=word("actor", found["actor"]),
                acts=listed(found["acts"] or ()) or say("nothing"),
            ),
            highlight=False,
        )
    console.print(_events(found["events"], zone) if found["events"] else _items(found["items"]))
    for attempt in found["attempts"]:
        _print_attempt(console, attempt)
    if found["receipts"]:
        console.print(_receipts(found["receipts"], zone))
    console.print(_verdicts(found["verdicts"], zone))


def _events(events: Sequence[Row], zone: ZoneInfo) -> Table:
    rows = [
        (
            event["occurred_at"].astimezone(zone).strftime("%Y-%m-%d %H:%M"),
            word("event", event["kind"]),
            event["loan_ref"] or "",
            f"{event['amount']} {event['currency']}" if event["amount"] else "",
        )
        for event in events
    ]
    columns = [say("happened"), say("event"), say("loan"), say("amount")]
    return table(say("Tells of"), columns, rows, right=[3])


def _route(found: Row) -> str:
    route: Sequence[str] = found["route"]
    words = say(" then ").join(word("channel", channel) for channel in route)
    if not found["next_if"]:
        return words
    state = word("standing of a route", found["next_if"])
    if found["next_by"] is not None:
        return say(
            "{route} if not {state} by {time}", route=words, state=state, time=f"{found['next_by']:%H:%M}"
        )
    minutes = found["next_after_seconds"] // 60
    return say("{route} if not {state} within {minutes} min", route=words, state=state, minutes=minutes)


def _items(items: Sequence[Row]) -> Table:
    return table(
        say("Speaks of"),
        [say("loan"), say("no."), say("due on"), say("to pay"), "", say("step")],
        [
            (one["loan_ref"], one["number"], one["due_on"], one["due"], one["currency"], one["step"])
            for one in items
        ],
        right=[1, 3],
    )


def _print_attempt(console: Console, attempt: Row) -> None:
    """One attempt: how it went, and the exact text."""
    console.print(
        say(
            "Attempt {seq}: {channel} to {address} by {provider}: {state} {code} {why}",
            seq=attempt["seq"],
            channel=word("channel", attempt["channel"]),
            address=attempt["address"],
            provider=attempt["provider"],
            state=word("state", attempt["state"]),
            code=attempt["code"] or "",
            why=reason(attempt["reason"] or ""),
        ).rstrip(),
        style="bold",
        highlight=False,
    )
    if attempt.get("subject"):
        subject = say("Subject: {subject}", subject=attempt["subject"])
        console.print(f"  {subject}", highlight=False, markup=False)
    for line in str(attempt.get("text", "")).splitlines():
        console.print(f"  {line}", highlight=False, markup=False)


def _receipts(receipts: Sequence[Row], zone: ZoneInfo) -> Table:
    return table(
        say("Receipts"),
        [say("attempt"), say("provider"), say("says"), say("code"), say("heard")],
        [
            (
                one["seq"],
                one["provider"],
                word("state", one["status"]),
                " ".join(filter(None, (one["code"], one["evidence"]))),
                local(one["received_at"], zone),
            )
            for one in receipts
        ],
    )


def _verdicts(verdicts: Sequence[Row], zone: ZoneInfo) -> Table:
    return table(
        say("Verdicts and transitions, borrower's time"),
        [say("when"), say("what"), say("became"), say("why")],
        [
            (local(one["at"], zone), word("subject", one["subject"]), word("state", one["state"]), _why(one))
            for one in verdicts
        ],
    )
