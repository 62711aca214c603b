"""Messages: one with all that became of it, and those of one borrower page by page. Never a text, never an address."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from pydantic import Field

from duecourse.book.reading import Borrower, find_borrower
from duecourse.dispatch.reading import find_message, read_rows
from duecourse.domain.money import from_minor
from duecourse.domain.problems import DuecourseError, Problem
from duecourse.privacy.keyring import Keyring

from .endpoint import Call, Day, Endpoint, Instant, Model, Nothing, Text, cursor_of, read_cursor
from .keys import Scope
from .refusing import Refused


class MessageLine(Model):
    """A message as it stands now."""

    id: UUID
    policy: str
    step: str
    purpose: str
    creditor: str
    local_on: Day = Field(description="The borrower's day that it is meant for.")
    planned_for: Instant
    state: str = Field(description="planned, in_flight or done.")
    outcome: str | None = Field(
        description="What became of it when done: delivered, read, sent, failed, withheld, expired, …"
    )
    rule: str | None = Field(description="The rule that withheld or moved it.")
    channel: str | None = Field(description="The channel that it is at.")
    tries: int


class Item(Model):
    """A debt that a message speaks of."""

    loan: str
    number: int
    due_on: Day
    amount: str
    currency: str


class AttemptLine(Model):
    """One hand-over to one provider."""

    id: UUID
    seq: int
    channel: str
    provider: str
    state: str
    code: str | None
    cause: str | None
    claimed_at: Instant
    sent_at: Instant | None
    settled_at: Instant | None


class ReceiptLine(Model):
    """A provider's word on an attempt."""

    seq: int = Field(description="Of the attempt.")
    provider: str
    status: str
    code: str
    cause: str | None
    received_at: Instant


class MessageOut(MessageLine):
    """A message with its items, attempts and receipts."""

    borrower: str = Field(description="The lender's customer key.")
    policy_version: int
    zone: str
    not_before: Instant
    useful_until: Instant
    reason: str | None
    items: list[Item]
    attempts: list[AttemptLine]
    receipts: list[ReceiptLine]


class PageIn(Model):
    """Which page."""

    limit: int = Field(default=50, ge=1, le=500)
    cursor: Text | None = Field(default=None, description="`next` of the page before; none begins.")


class MessagesOut(Model):
    """The latest day first."""

    messages: list[MessageLine]
    next: str | None = Field(description="Cursor of the next page; null when this is the last.")


def borrower_at(conn: psycopg.Connection, keyring: Keyring, key: str) -> Borrower:
    """Raises DuecourseError D033 when nobody has the key."""
    borrower = find_borrower(conn, keyring, key)
    if borrower is None:
        raise DuecourseError(Problem("D033", "key", "no borrower of the book has this customer key"))
    return borrower


def show(call: Call[Nothing]) -> MessageOut:
    """By the whole id. Raises DuecourseError D031."""
    try:
        message_id = UUID(call.path["id"])
    except ValueError:
        raise DuecourseError(Problem("D031", "id", "no message has this id")) from None
    lane, _ = find_message(call.conn, message_id.hex)
    place = {"lane": lane, "message_id": message_id}
    found = read_rows(call.conn, "show_message", **place)[0]
    attempts = read_rows(call.conn, "show_attempts", **place)
    return MessageOut(
        **_of(MessageLine, found | {"id": message_id, "channel": _channel(found), "tries": len(attempts)}),
        borrower=found["borrower_key"],
        policy_version=found["policy_version"],
        zone=found["zone"],
        not_before=found["not_before"],
        useful_until=found["useful_until"],
        reason=found["reason"],
        items=[
            Item(
                loan=one["loan_ref"],
                number=one["number"],
                due_on=one["due_on"],
                amount=str(from_minor(one["due_minor"], one["currency"])),
                currency=one["currency"],
            )
            for one in read_rows(call.conn, "show_items", **place)
        ],
        attempts=[AttemptLine(**_of(AttemptLine, one | {"id": one["attempt_id"]})) for one in attempts],
        receipts=[
            ReceiptLine(**_of(ReceiptLine, one)) for one in read_rows(call.conn, "show_receipts", **place)
        ],
    )


def of_borrower(call: Call[Nothing]) -> MessagesOut:
    """A page of a borrower's messages."""
    page: PageIn = call.query
    before: tuple[datetime | None, UUID | None] = (None, None)
    if page.cursor is not None:
        try:
            before = read_cursor(page.cursor)
        except ValueError:
            raise Refused(400, "D168", "cursor: expected `next` of an earlier page") from None
    borrower = borrower_at(call.conn, call.keyring, call.path["key"])
    rows = read_rows(
        call.conn,
        "page_of_messages",
        lane=borrower.lane,
        borrower_id=borrower.borrower_id,
        before_on=before[0],
        before_id=before[1],
        take=page.limit + 1,
    )
    shown = rows[: page.limit]
    more = len(rows) > page.limit
    return MessagesOut(
        messages=[MessageLine(**_of(MessageLine, one | {"id": one["message_id"]})) for one in shown],
        next=cursor_of(shown[-1]["local_on"], shown[-1]["message_id"]) if more else None,
    )


def _channel(found: dict[str, Any]) -> str | None:
    route, at = found["route"], found["route_at"]
    return route[at - 1] if route and 1 <= at <= len(route) else None


def _of(model: type[Model], row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in model.model_fields}


ENDPOINTS = (
    Endpoint(
        "GET", "/messages/{id}", "getMessage", "One message with its attempts and receipts",
        Scope.MESSAGES_READ, MessageOut, show, problems=(404,),
    ),
    Endpoint(
        "GET", "/borrowers/{key:path}/messages", "listMessages", "A borrower's messages, page by page",
        Scope.MESSAGES_READ, MessagesOut, of_borrower, query=PageIn, problems=(404,),
    ),
)  # fmt: skip
