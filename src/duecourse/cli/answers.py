"""How answers and what followed are worded on the screen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from duecourse.book.holds import HoldKind
from duecourse.domain.money import from_minor
from duecourse.responses.promises import Promise

from .context import Context
from .screen import table
from .wishes import local_time
from .words import listed, say, word

_HOLDS = frozenset(kind.value for kind in HoldKind)


def effect_in_words(name: str) -> str:
    """An effect of an answer: a hold by its kind, or what was done."""
    if name in _HOLDS:
        return say("hold: {kind}", kind=word("hold", name))
    return word("effect of an answer", name)


def age_in_words(since: datetime, now: datetime) -> str:
    """How long something has waited, in the largest whole unit."""
    minutes = max(0, int((now - since).total_seconds()) // 60)
    if minutes < 60:
        return say("{count} min", count=minutes)
    if minutes < 48 * 60:
        return say("{count} h", count=minutes // 60)
    return say("{count} d", count=minutes // 1440)


def print_response(here: Context, found: Mapping[str, Any]) -> None:
    """One answer in full."""
    zone = found["zone"]
    here.console.print(
        say(
            "{id}  {borrower}  {when}  {source}",
            id=str(found["response_id"])[:8],
            borrower=found["borrower_key"] or say("not known"),
            when=local_time(found["said_at"], zone),
            source=word("source of an answer", found["source"]),
        ),
        highlight=False,
    )
    here.console.print(found["text"] or say("(no words)"), markup=False, highlight=False)
    readings = [
        (
            one["reading"], listed(word("answer", each) for each in one["intents"]), f"{one['confidence']:.2f}",
            word("reader of an answer", one["read_by"]), promised_in_words(one), one["recorded_by"],
            say("undone") if one["undone"] else "",
        )
        for one in found["readings"]
    ]  # fmt: skip
    columns = [
        say("no."),
        say("read as"),
        say("sure"),
        say("read by"),
        say("promised"),
        say("recorded by"),
        "",
    ]
    here.console.print(table(say("Readings"), columns, readings))
    effects = [
        (
            followed_in_words(one), one["loan"] or say("all"), local_time(one["effective_at"], zone),
            local_time(one["until"], zone), local_time(one["undone_at"], zone), one["undone_by"],
        )
        for one in found["effects"]
    ]  # fmt: skip
    columns = [
        say("what followed"),
        say("loan"),
        say("since"),
        say("until"),
        say("taken back"),
        say("taken back by"),
    ]
    here.console.print(table(say("What followed"), columns, effects))
    events = [
        (
            local_time(one["at"], zone), word("event of an answer", one["event"]),
            word("why an answer waits", one["reason"]) if one["reason"] else "", one["recorded_by"], one["note"],
        )
        for one in found["events"]
    ]  # fmt: skip
    columns = [say("when"), say("what"), say("why"), say("who"), say("note")]
    here.console.print(table(say("Who did what"), columns, events))


def followed_in_words(one: Mapping[str, Any]) -> str:
    """What followed, and whether a person has to do it."""
    name = effect_in_words(one["hold_kind"] or one["effect"])
    return name if one["done"] else say("{what} (a person does it)", what=name)


def promised_in_words(one: Mapping[str, Any]) -> str:
    """Day and amount, as far as they were named."""
    return " ".join(
        part
        for part in (
            str(one["promised_on"] or ""),
            money_in_words(one["amount_minor"], one["currency"]) if one["amount_minor"] else "",
        )
        if part
    )


def money_in_words(amount_minor: int | None, currency: str) -> str:
    """An amount promised or paid; None is whatever is due."""
    if amount_minor is None:
        return say("what is due")
    return f"{from_minor(amount_minor, currency)} {currency}" if currency else str(amount_minor)


def _amount(one: Mapping[str, Any]) -> str | None:
    known = one["amount_minor"] is not None and one["currency"]
    return str(from_minor(one["amount_minor"], one["currency"])) if known else None


def print_answers(here: Context, found: Sequence[Mapping[str, Any]], title: str) -> None:
    """Answers without their words, as rows of `list_responses`."""
    now = here.book_now()
    rows = [
        (
            str(one["response_id"])[:8],
            one["borrower_key"] or say("not known"),
            local_time(one["said_at"], one["zone"]),
            word("channel", one["channel"]) if one["channel"] else word("source of an answer", one["source"]),
            listed(word("answer", each) for each in one["intents"]),
            promised_in_words(one),
            word("why an answer waits", one["waits"]) if one["waits"] else "",
            age_in_words(one["said_at"], now) if one["waits"] else "",
        )
        for one in found
    ]
    columns = [
        say("id"), say("borrower"), say("when"), say("channel"), say("read as"), say("promised"),
        say("waits for a person"), say("age"),
    ]  # fmt: skip
    here.console.print(table(title, columns, rows))


def response_facts(one: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """An answer as JSON, without its words."""
    return {
        "id": one["response_id"],
        "borrower": one["borrower_key"],
        "said_at": one["said_at"],
        "source": one["source"],
        "channel": one["channel"],
        "loan": one["loan"],
        "intents": one["intents"],
        "confidence": one["confidence"],
        "read_by": one["read_by"],
        "promised_on": one["promised_on"],
        "amount": _amount(one),
        "currency": one["currency"],
        "undone": one["undone"],
        "waits": one["waits"],
        "age_hours": round((now - one["said_at"]).total_seconds() / 3600, 1),
    }


def promise_facts(one: Promise) -> dict[str, Any]:
    """A promise as JSON."""
    money = {
        "amount": str(from_minor(one.amount_minor, one.currency))
        if one.amount_minor is not None and one.currency
        else None,
        "paid_in_time": str(from_minor(one.paid_minor, one.currency)) if one.currency else one.paid_minor,
    }
    return {
        "id": one.response_id,
        "borrower": one.borrower_key,
        "loan": one.loan,
        "said_on": one.said_on,
        "promised_on": one.promised_on,
        "keep_by": one.keep_by,
        **money,
        "currency": one.currency,
        "kept_on": one.kept_on,
        "state": one.state,
        "paused": one.accepted,
        "stands": one.standing,
    }
