"""What the SMSC sends us: receipts and replies, answered only after they are committed.

One task takes everything that arrived together: one sink call for all receipts, then one write with all
answers. When the sink fails, the answer is ESME_RX_T_APPN, by which the SMSC keeps the receipt and sends it
again.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from duecourse.channels.smpp import codes
from duecourse.channels.smpp.codec import (
    Command,
    DecodeError,
    Frame,
    ShortMessage,
    decode_short_message,
    encode_message_id,
)
from duecourse.channels.smpp.parts import IncomingParts, PartReceipts
from duecourse.channels.smpp.receipts import ReceiptForm, is_receipt, parse_receipt
from duecourse.channels.smpp.session import Session
from duecourse.channels.smpp.text import decode_text, split_header
from duecourse.domain.messaging import Receipt, ReceiptSink, Reply, ReplySink

log = logging.getLogger(__name__)

MOST_WAITING = 10_000
"""Above this the SMSC is told to come again later, so that memory stays bounded while the store is slow."""
REPLY_PATIENCE_SECONDS = 60.0
_EMPTY_ID = encode_message_id("")


@dataclass(slots=True)
class InboundCounters:
    """Since the adapter was opened."""

    receipts: int = 0
    replies: int = 0
    refused: int = 0
    sink_failures: int = 0


class Inbound:
    """The queue between the session and the sinks."""

    def __init__(
        self,
        name: str,
        form: ReceiptForm,
        parts: PartReceipts,
        on_receipts: ReceiptSink,
        on_reply: ReplySink,
    ) -> None:
        self.counters = InboundCounters()
        self.taken = 0
        self._name = name
        self._form = form
        self._parts = parts
        self._on_receipts = on_receipts
        self._on_reply = on_reply
        self._replies = IncomingParts(REPLY_PATIENCE_SECONDS)
        self._waiting: list[Frame] = []
        self._session: Session | None = None
        self._arrived = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin taking."""
        if self._task is None:
            self._task = asyncio.create_task(self._take(), name=f"inbound {self._name}")

    def put(self, session: Session, frames: Sequence[Frame]) -> None:
        """Requests of the peer, as they arrived."""
        if session is not self._session:
            # Nobody can answer what the former connection brought: the SMSC sends it again on this one.
            self._session, self._waiting = session, []
            self._replies.forget()
        for frame in frames:
            if frame.command in (Command.ALERT_NOTIFICATION, Command.OUTBIND):
                continue  # these two have no response (4.12.1, 4.1.7)
            if frame.command != Command.DELIVER_SM:
                session.refuse(frame)
            elif len(self._waiting) >= MOST_WAITING:
                session.respond([(frame, codes.TEMPORARY_APPLICATION_ERROR, _EMPTY_ID)])
            else:
                self.taken += 1
                self._waiting.append(frame)
        if self._waiting:
            self._idle.clear()
            self._arrived.set()

    async def idle(self) -> None:
        """Wait until nothing is queued or being committed. Replies that lack a part do not count."""
        await self._idle.wait()

    async def stop(self) -> None:
        """Commit and answer what arrived, then end."""
        await self.idle()
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _take(self) -> None:
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._arrived.wait(), REPLY_PATIENCE_SECONDS / 4)
            self._arrived.clear()
            session, frames, self._waiting = self._session, self._waiting, []
            if session is not None:
                await self._settle(session, frames)
            if not self._waiting:
                self._idle.set()

    async def _settle(self, session: Session, frames: list[Frame]) -> None:
        receipts: list[Receipt] = []
        receipt_frames: list[Frame] = []
        replies: list[tuple[str, str, str, Sequence[Frame]]] = []
        refused: list[Frame] = []
        for frame in frames:
            try:
                message = decode_short_message(frame.body)
                if not is_receipt(message):
                    replies.extend(self._reply(message, frame))
                    continue
                receipt = parse_receipt(message, self._form)
            except Exception as error:
                # One strange PDU must not stop the rest. Only our own error quotes no content.
                what = error if isinstance(error, DecodeError) else type(error).__name__
                log.warning("%s: a deliver_sm cannot be read: %s. Refused. (%s)", self._name, what, "C014")
                refused.append(frame)
                continue
            if receipt is None:
                log.warning(
                    "%s: a receipt names no message or no known state. Refused. (%s)", self._name, "C014"
                )
                refused.append(frame)
                continue
            receipt_frames.append(frame)
            combined = self._parts.combine(receipt)
            if combined is not None:
                receipts.append(combined)
        self.counters.refused += len(refused)
        session.respond((frame, codes.PERMANENT_APPLICATION_ERROR, _EMPTY_ID) for frame in refused)
        await self._commit_receipts(session, receipts, receipt_frames)
        replies.extend(self._replies.overdue(time.monotonic()))
        for reply in replies:
            await self._commit_reply(session, *reply)

    async def _commit_receipts(self, session: Session, receipts: list[Receipt], frames: list[Frame]) -> None:
        status = codes.OK
        if receipts:
            try:
                await self._on_receipts(self._name, receipts)
                self.counters.receipts += len(receipts)
            except Exception as error:
                # Its text may quote what could not be stored: the type is enough here.
                status = self._sink_failed(error)
        session.respond((frame, status, _EMPTY_ID) for frame in frames)

    def _reply(self, message: ShortMessage, frame: Frame) -> list[tuple[str, str, str, Sequence[Frame]]]:
        octets, place = split_header(message)
        text = decode_text(octets, message.data_coding) or ""
        sender, recipient = message.source, message.destination
        if place is None or place.total == 1:
            return [(sender, recipient, text, [frame])]
        whole = self._replies.add(sender, recipient, place, text, frame, time.monotonic())
        return [] if whole is None else [(sender, recipient, *whole)]

    async def _commit_reply(
        self, session: Session, sender: str, recipient: str, text: str, frames: Sequence[Frame]
    ) -> None:
        status = codes.OK
        if text:
            try:
                await self._on_reply(Reply(self._name, _e164(sender), recipient, text))
                self.counters.replies += 1
            except Exception as error:
                status = self._sink_failed(error)
        session.respond((frame, status, _EMPTY_ID) for frame in frames)

    def _sink_failed(self, error: Exception) -> int:
        self.counters.sink_failures += 1
        log.error(
            "%s: what the SMSC sent could not be stored (%s). It was asked to send it again. (%s)",
            self._name,
            type(error).__name__,
            "C015",
        )
        return codes.TEMPORARY_APPLICATION_ERROR


def _e164(sender: str) -> str:
    return f"+{sender}" if sender.isdigit() else sender
