"""The inbox of the lender's own app: what lies in it, and noting that something was opened."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import psycopg

from duecourse.domain.messaging import Receipt, ReceiptStatus
from duecourse.privacy.keyring import Keyring
from duecourse.privacy.sealing import open_value
from duecourse.store.sql import load

from .receipts import append_receipts

SQL = load("dispatch/inbox")


@dataclass(frozen=True, slots=True)
class InboxMessage:
    """One message, opened. Personal: never logged."""

    lane: int
    attempt_id: UUID
    provider: str
    message_id: UUID
    step: str
    purpose: str
    sent_at: datetime
    subject: str
    text: str
    html: str
    link: str
    read: bool


def inbox_of(
    conn: psycopg.Connection, keyring: Keyring, lane: int, borrower_id: UUID, *, most: int = 100
) -> list[InboxMessage]:
    """What lies in a borrower's inbox, the latest first."""
    given = {"lane": lane, "borrower_id": borrower_id, "most": most}
    found = []
    for row in conn.execute(SQL["inbox_messages"], given).fetchall():
        in_lane, attempt_id, provider, message_id, step, purpose, sent_at, sealed, is_read = row
        said = json.loads(open_value(keyring, sealed, "attempt", "text", attempt_id))
        found.append(
            InboxMessage(
                in_lane,
                attempt_id,
                provider,
                message_id,
                step,
                purpose,
                sent_at,
                said["subject"],
                said["text"],
                said["html"],
                said.get("link", ""),
                bool(is_read),
            )
        )
    return found


def mark_read(conn: psycopg.Connection, keyring: Keyring, message: InboxMessage, *, now: datetime) -> None:
    """Append the receipt that it was opened; again it changes nothing. The worker of its lane applies it."""
    opened = Receipt(ReceiptStatus.READ, "opened", attempt_id=message.attempt_id)
    append_receipts(conn, keyring, message.provider, [opened], now=now)
