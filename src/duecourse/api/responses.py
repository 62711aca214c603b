"""What borrowers answered: told by a call centre or an app, and read back as it was understood."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final, Self
from uuid import UUID

from psycopg.rows import dict_row
from pydantic import Field, model_validator

from duecourse.book.payments import LoanAt, find_loan
from duecourse.book.wishes import Person
from duecourse.dispatch.reading import find_message
from duecourse.domain.messaging import Channel
from duecourse.domain.money import MoneyError, from_minor, to_minor
from duecourse.domain.problems import DuecourseError, Problem
from duecourse.responses.intents import Intent
from duecourse.responses.recording import Heard, record_response
from duecourse.store.sql import load

from .endpoint import (
    Amount,
    Call,
    Day,
    Endpoint,
    GivenDay,
    GivenInstant,
    Instant,
    Model,
    Text,
    cursor_of,
    read_cursor,
)
from .keys import Scope
from .messages import borrower_at
from .refusing import Refused

SQL = load("api")
HELD_BACK: Final = timedelta(seconds=60)
"""A reading may be committed so long after its instant: from the present on, the cursor stays so far behind."""
NOTHING: Final = "Nothing was recorded."


class ResponseIn(Model):
    """Something a borrower said: what it means, or the words themselves."""

    id: UUID = Field(description="Yours. The same again is the same response, and nothing happens twice.")
    borrower: Text = Field(description="The lender's customer key.")
    intents: list[Intent] = Field(default=[], max_length=5, description="What it means, where that is known.")
    text: str = Field(default="", max_length=10_000, description="The words, to be understood here.")
    channel: Channel | None = Field(default=None, description="By which it was said.")
    loan: Text | None = Field(
        default=None, description="The contract key of the debt it is about; else all of them."
    )
    creditor: Text | None = None
    message: UUID | None = Field(default=None, description="Our message that it answers.")
    promised_on: GivenDay | None = Field(default=None, description="Of `will-pay`: the day.")
    amount: Amount | None = Field(default=None, description="Of `will-pay` or `paid`.")
    currency: Text | None = Field(
        default=None, description="ISO 4217, of the amount; the loan's when left out."
    )
    said_at: GivenInstant | None = Field(default=None, description="With its offset; now when left out.")

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.intents and not self.text.strip():
            raise ValueError("either intents or text is needed")
        return self


class PromiseLine(Model):
    """A promise to pay."""

    promised_on: Day
    keep_by: Day = Field(description="The last day on which a payment keeps it.")
    amount: str | None = Field(description="null: what is due by then.")
    currency: str
    state: str = Field(description="open, kept, late, partial, broken or withdrawn.")


class ResponseOut(Model):
    """A response as it is understood now."""

    id: UUID = Field(description="Ours.")
    request_id: UUID = Field(description="The source's: `id` of what was posted here.")
    reading: int = Field(description="1, and one more each time that staff correct what it means.")
    borrower: str | None = Field(description="null: nobody knows yet whose it is.")
    source: str = Field(description="reply, page, api or staff.")
    channel: str | None
    loan: str | None
    message: UUID | None
    intents: list[str] = Field(description="The gravest first.")
    confidence: float
    read_by: str
    promise: PromiseLine | None
    said_at: Instant
    read_at: Instant
    waits: bool = Field(description="Whether a person must look at it.")


class SinceIn(Model):
    """From where on."""

    since: Text | None = Field(
        default=None, description="`next` of the answer before; none begins at the first."
    )
    limit: int = Field(default=100, ge=1, le=500)


class ResponsesOut(Model):
    """In the order in which they were understood."""

    responses: list[ResponseOut] = Field(
        description="One may come again: its id and reading tell. A new reading of an old one comes as the same id."
    )
    next: str | None = Field(description="What to ask for next time; null while there is none at all.")
    more: bool = Field(description="Whether there are more already.")


def tell(call: Call[ResponseIn]) -> ResponseOut:
    """Record what a borrower said; what follows from it at once, a stop or a hold, is in force with the answer."""
    told = call.body
    borrower = borrower_at(call.conn, call.keyring, told.borrower)
    loan = find_loan(call.conn, told.loan, told.creditor) if told.loan else None
    if told.message is not None:
        find_message(call.conn, told.message.hex)
    currency, minor = _money(told, loan)
    response_id = record_response(
        call.conn,
        call.keyring,
        Heard(
            Person(borrower.lane, borrower.borrower_id),
            "api",
            told.id,
            channel=told.channel,
            intents=tuple(told.intents),
            text=told.text,
            loan_id=loan.loan_id if loan else None,
            message_id=told.message,
            promised_on=told.promised_on,
            amount_minor=minor,
            currency=currency,
            said_at=min(told.said_at or call.now, call.now),
        ),
        now=call.now,
        room=call.room,
    )
    with call.conn.cursor(row_factory=dict_row) as cursor:
        given = {"lane": borrower.lane, "response_id": response_id}
        row = cursor.execute(SQL["response_now"], given).fetchone()
    assert row is not None
    return _out(row)


def since(call: Call[Any]) -> ResponsesOut:
    """Everything that was understood since, whatever it came by. Words are not given: they may say anything."""
    asked: SinceIn = call.query
    after: tuple[datetime | None, UUID | None] = (None, None)
    if asked.since is not None:
        try:
            after = read_cursor(asked.since)
        except ValueError:
            raise Refused(400, "D168", "since: expected `next` of an earlier answer") from None
    with call.conn.cursor(row_factory=dict_row) as cursor:
        given = {"after_at": after[0], "after_id": after[1], "take": asked.limit + 1}
        rows = cursor.execute(SQL["responses_since"], given).fetchall()
    shown, more = rows[: asked.limit], len(rows) > asked.limit
    following = asked.since
    if shown:
        last = (shown[-1]["recorded_at"], shown[-1]["response_id"])
        present = (call.now - HELD_BACK, UUID(int=0))
        following = cursor_of(*(last if more else min(last, present)))
    return ResponsesOut(responses=[_out(row) for row in shown], next=following, more=more)


def _money(told: ResponseIn, loan: LoanAt | None) -> tuple[str, int | None]:
    """Raises DuecourseError D063 for what is no amount above zero in its currency."""
    currency = told.currency or (loan.currency if loan else "")
    if told.amount is None:
        return currency, None
    try:
        minor = to_minor(Decimal(told.amount), currency)
    except (MoneyError, ValueError):
        minor = 0
    if minor <= 0:
        expected = "expected an exact amount above zero, and its currency where no loan is named"
        raise DuecourseError(Problem("D063", "amount", expected, NOTHING))
    return currency, minor


def _out(row: dict[str, Any]) -> ResponseOut:
    amount = None if row["amount_minor"] is None else str(from_minor(row["amount_minor"], row["currency"]))
    return ResponseOut(
        id=row["response_id"],
        request_id=row["request_id"],
        reading=row["reading"],
        borrower=row["borrower_key"],
        source=row["source"],
        channel=row["channel"],
        loan=row["loan_ref"],
        message=row["message_id"],
        intents=row["intents"],
        confidence=float(row["confidence"]),
        read_by=row["read_by"],
        promise=None
        if row["state"] is None
        else PromiseLine(
            promised_on=row["promised_on"],
            keep_by=row["keep_by"],
            amount=amount,
            currency=row["currency"],
            state=row["state"],
        ),
        said_at=row["said_at"],
        read_at=row["recorded_at"],
        waits=row["waits"],
    )


ENDPOINTS = (
    Endpoint(
        "POST", "/responses", "addResponse", "Tell what a borrower said", Scope.RESPONSES_WRITE, ResponseOut,
        tell, takes=ResponseIn, problems=(404, 409),
    ),
    Endpoint(
        "GET", "/responses", "listResponses", "What borrowers answered since", Scope.RESPONSES_READ, ResponsesOut,
        since, query=SinceIn,
    ),
)  # fmt: skip
