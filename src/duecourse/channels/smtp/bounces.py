"""What comes back by mail: delivery reports, complaints, and mail that asks to stop.

Sources: RFC 3464 (reports), RFC 3461 (ENVID), RFC 3463 (status codes), RFC 5965 (ARF, complaints).
"""

from __future__ import annotations

import asyncio
import email
import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from email.message import Message
from email.utils import parsedate_to_datetime
from pathlib import Path
from uuid import UUID

from duecourse.channels.smtp.codes import DEAD_ADDRESS, EXPIRED, cause
from duecourse.domain.messaging import (
    Channel,
    Receipt,
    ReceiptSink,
    ReceiptStatus,
    Reply,
    ReplyKind,
    ReplySink,
)

log = logging.getLogger(__name__)

MOST_OCTETS = 5_000_000
MOST_AT_ONCE = 500
_VERP = re.compile(r"\+([0-9a-f]{32})@", re.IGNORECASE)
_MESSAGE_ID = re.compile(r"<([0-9a-f]{32})@", re.IGNORECASE)
_STATUS = re.compile(r"\b([245]\.\d{1,3}\.\d{1,3})\b")
_ADDRESSED_TO = ("Delivered-To", "X-Original-To", "To")
_ACTIONS = {
    "failed": ReceiptStatus.FAILED,
    "delivered": ReceiptStatus.DELIVERED,
    "expanded": ReceiptStatus.DELIVERED,
    # Handed to a system that sends no reports: nobody has said that it arrived.
    "relayed": ReceiptStatus.BUFFERED,
    "delayed": ReceiptStatus.BUFFERED,
}


def parse_report(octets: bytes) -> Receipt | None:
    """The receipt in a delivery report; None for other mail, or a report that names none of our attempts."""
    message = email.message_from_bytes(octets)
    status_part = next((p for p in message.walk() if p.get_content_type() == "message/delivery-status"), None)
    if status_part is None:
        return None
    payload = status_part.get_payload()
    blocks = [block for block in payload if isinstance(block, Message)] if isinstance(payload, list) else []
    attempt_id = _attempt_id(message, blocks)
    recipient = next((block for block in blocks if block.get("Action")), None)
    if attempt_id is None or recipient is None:
        return None
    action = _ACTIONS.get(str(recipient["Action"]).split("(")[0].strip().lower())
    if action is None:
        return None
    found = _STATUS.search(str(recipient.get("Status", "")))
    code = found[1] if found else ""
    if action is ReceiptStatus.FAILED and code in EXPIRED:
        action = ReceiptStatus.EXPIRED
    return Receipt(
        status=action,
        code=code or str(recipient["Action"]).strip().lower(),
        attempt_id=attempt_id,
        permanent=action is ReceiptStatus.FAILED and code in DEAD_ADDRESS,
        cause=cause(code),
        occurred_at=_date(str(recipient.get("Last-Attempt-Date", ""))),
    )


def parse_complaint(provider: str, octets: bytes) -> Reply | None:
    """What a person did who marked our mail as unwanted; None for other mail, or one that names none of our attempts.

    Feedback of type not-spam takes nothing back and is other mail.
    """
    message = email.message_from_bytes(octets)
    part = next((p for p in message.walk() if p.get_content_type() == "message/feedback-report"), None)
    if part is None:
        return None
    # The library keeps the fields of a message/* it does not know as the headers of a message inside.
    payload = part.get_payload()
    fields = payload[0] if isinstance(payload, list) and payload else email.message_from_string(str(payload))
    if not isinstance(fields, Message) or str(fields.get("Feedback-Type", "")).strip().lower() == "not-spam":
        return None
    attempt_id = _attempt_id(message, [fields])
    if attempt_id is None:
        found = _VERP.search(str(fields.get("Original-Mail-From", "")))
        attempt_id = UUID(hex=found[1]) if found else None
    if attempt_id is None:
        return None
    name = str(message.get("Message-ID", "")).strip()
    return Reply(provider, "", "", "", Channel.EMAIL, ReplyKind.COMPLAINT, attempt_id, reference=name)


class MaildirBounces:
    """Reads reports and complaints from a Maildir. One moves from new/ to cur/ only after it is committed."""

    def __init__(
        self, name: str, maildir: Path, on_receipts: ReceiptSink, on_reply: ReplySink, poll_seconds: float
    ) -> None:
        self.unread = 0
        """Messages that told nothing of an attempt of ours; they are in cur/ too."""
        self._on_reply = on_reply
        self._name = name
        self._maildir = maildir
        self._on_receipts = on_receipts
        self._poll_seconds = poll_seconds
        self._turn = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Poll in the background."""
        if self._task is None:
            self._task = asyncio.create_task(self._poll(), name=f"bounces {self._name}")

    async def stop(self) -> None:
        """Finish the turn that runs, and end."""
        task, self._task = self._task, None
        if task is not None:
            async with self._turn:
                task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def take(self) -> int:
        """One turn: commit the receipts of up to MOST_AT_ONCE messages. Returns how many messages it moved.

        An exception of the sink passes, and what was read stays in new/.
        """
        async with self._turn:
            found = await asyncio.to_thread(lambda: list(self._read()))
            receipts = [told for _, told in found if isinstance(told, Receipt)]
            if receipts:
                await self._on_receipts(self._name, receipts)
            for _, told in found:
                if isinstance(told, Reply):
                    await self._on_reply(told)
            strange = sum(told is None for _, told in found)
            if strange:
                self.unread += strange
                log.warning(
                    "%s: %d messages in the bounce box name no attempt of ours. Set aside. (%s)",
                    self._name,
                    strange,
                    "C025",
                )
            if found:
                await asyncio.to_thread(self._set_aside, [path for path, _ in found])
            return len(found)

    async def take_all(self) -> None:
        """Turns until new/ is empty."""
        while await self.take():
            pass

    async def take_what_goes(self) -> None:
        """As take_all, but a failing sink is logged and what it did not store waits in new/."""
        try:
            await self.take_all()
        except Exception as error:
            log.error(
                "%s: bounces could not be stored (%s). They stay in new/. (%s)",
                self._name,
                type(error).__name__,
                "C026",
            )

    async def _poll(self) -> None:
        while True:
            await self.take_what_goes()
            await asyncio.sleep(self._poll_seconds)

    def _read(self) -> Iterator[tuple[Path, Receipt | Reply | None]]:
        folder = self._maildir / "new"
        paths = sorted(folder.iterdir())[:MOST_AT_ONCE] if folder.is_dir() else []
        for path in paths:
            # Another worker on the same Maildir may be faster; the store makes two receipts one.
            with suppress(FileNotFoundError), path.open("rb") as file:
                octets = file.read(MOST_OCTETS)
                yield path, parse_report(octets) or parse_complaint(self._name, octets)

    def _set_aside(self, paths: Sequence[Path]) -> None:
        (self._maildir / "cur").mkdir(exist_ok=True)
        for path in paths:
            with suppress(FileNotFoundError):
                path.rename(self._maildir / "cur" / f"{path.name}:2,S")


def _attempt_id(message: Message, blocks: Sequence[Message]) -> UUID | None:
    """By ENVID; else by the address the report came to; else by the Message-ID of what came back."""
    for block in blocks:
        with suppress(ValueError):
            return UUID(hex=str(block.get("Original-Envelope-Id", "")).strip())
    for name in _ADDRESSED_TO:
        for value in message.get_all(name, []):
            found = _VERP.search(str(value))
            if found:
                return UUID(hex=found[1])
    for part in message.walk():
        if part.get_content_type() in ("text/rfc822-headers", "message/rfc822"):
            found = _MESSAGE_ID.search(_returned_id(part))
            if found:
                return UUID(hex=found[1])
    return None


def _returned_id(part: Message) -> str:
    payload = part.get_payload()
    if isinstance(payload, list):
        return str(payload[0].get("Message-ID", "")) if payload and isinstance(payload[0], Message) else ""
    return str(email.message_from_string(str(payload)).get("Message-ID", ""))


def _date(text: str) -> datetime | None:
    with suppress(ValueError):
        return parsedate_to_datetime(text) if text else None
    return None
