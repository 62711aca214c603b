"""Every message that was sent to the visitor: its exact text from the archive, when, by what, whether it arrived."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import psycopg
from psycopg.rows import dict_row
from starlette.responses import Response

from duecourse.book.wishes import EVERY_LANE, Person
from duecourse.privacy.keyring import Keyring
from duecourse.privacy.sealing import open_value

from .asked import Asked
from .lender import SQL
from .page import Button, Page

PER_PAGE: Final = 20
LAST_PAGE: Final = 10_000
SPOKEN_BY_US: Final = "task"
"""The channel of calls by a person: its text is for our staff, not for the borrower."""


@dataclass(frozen=True, slots=True)
class Sent:
    """One hand-over of a message. Personal: never logged."""

    message_id: str
    purpose: str
    channel: str
    state: str
    """sent, delivered, read, refused, unknown."""
    sent_at: datetime
    text: str | None = field(repr=False)
    """None: its time of keeping is over."""
    subject: str = field(default="", repr=False)


def sent_to(
    conn: psycopg.Connection, keyring: Keyring, person: Person, *, take: int, skip: int
) -> list[Sent]:
    """What was handed over for a person, the latest first."""
    given = {"lanes": EVERY_LANE, "borrower_id": person.borrower_id, "take": take, "skip": skip}
    with conn.cursor(row_factory=dict_row) as cursor:
        return [_opened(keyring, row) for row in cursor.execute(SQL["sent_to"], given).fetchall()]


def _opened(keyring: Keyring, row: dict[str, Any]) -> Sent:
    sealed = row["text_sealed"]
    said: dict[str, Any] = {}
    if sealed is not None:
        said = json.loads(open_value(keyring, sealed, "attempt", "text", row["attempt_id"]))
    return Sent(
        message_id=str(row["message_id"]),
        purpose=row["purpose"],
        channel=row["channel"],
        state=row["state"],
        sent_at=row["sent_at"],
        text=said.get("text", "") if sealed is not None else None,
        subject=said.get("subject", ""),
    )


def show_history(asked: Asked) -> Response:
    """`/me/history?page=2`."""
    asked_for = asked.query.get("page", "1")
    page = int(asked_for) if asked_for.isdecimal() and len(asked_for) < 6 else 1
    page = min(max(page, 1), LAST_PAGE)
    found = sent_to(
        asked.conn, asked.site.keyring, asked.person, take=PER_PAGE + 1, skip=(page - 1) * PER_PAGE
    )
    return asked.show(
        "history.html",
        messages=found[:PER_PAGE],
        newer=page - 1 if page > 1 else None,
        older=page + 1 if len(found) > PER_PAGE else None,
    )


PAGES: Final = (Page("/me/history", show_history, posts=False, button=Button("history.title", "more", 50)),)
