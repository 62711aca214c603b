"""What several PDUs say of one message: receipts of the parts of one attempt, and replies that come in parts.

Both memories are bounded; the oldest entry goes first. After a restart a long message falls back to the
receipt of its first part, whose id the attempt carries.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from duecourse.channels.smpp.codec import Frame
from duecourse.channels.smpp.text import Concatenation
from duecourse.domain.messaging import Receipt, ReceiptStatus

GAP = "[…]"


@dataclass(slots=True, eq=False)
class _Attempt:
    attempt_id: UUID
    ids: list[str]
    receipts: list[Receipt | None]
    unsettled: bool = False
    """Its outcome was Unknown, so nobody holds its provider id: receipts name the attempt itself."""


class PartReceipts:
    """Makes one receipt of the receipts of an attempt's parts: delivered when all are, failed when one is."""

    def __init__(self, most_attempts: int = 50_000) -> None:
        self._most = most_attempts
        self._attempts: OrderedDict[UUID, _Attempt] = OrderedDict()
        self._by_id: dict[str, tuple[_Attempt, int]] = {}

    def accepted(self, attempt_id: UUID, parts: int, index: int, provider_id: str) -> None:
        """The SMSC took part `index` (from 0) of an attempt under this id."""
        attempt = self._attempts.get(attempt_id)
        if attempt is None:
            attempt = _Attempt(attempt_id, [""] * parts, [None] * parts)
            self._attempts[attempt_id] = attempt
            if len(self._attempts) > self._most:
                _, oldest = self._attempts.popitem(last=False)
                for each in oldest.ids:
                    self._by_id.pop(each, None)
        if provider_id:
            attempt.ids[index] = provider_id
            self._by_id[provider_id] = (attempt, index)

    def unsettled(self, attempt_id: UUID) -> None:
        """The attempt's outcome was Unknown."""
        attempt = self._attempts.get(attempt_id)
        if attempt is not None:
            attempt.unsettled = True

    def combine(self, receipt: Receipt) -> Receipt | None:
        """What to pass on for a receipt: itself, that of its whole attempt, or nothing yet. Repeatable."""
        attempt, index = self._by_id.get(receipt.provider_id, (None, 0))
        if attempt is None:
            return receipt
        if receipt.status is ReceiptStatus.BUFFERED:
            return None
        attempt.receipts[index] = receipt
        whole = [each for each in attempt.receipts if each and each.status is ReceiptStatus.DELIVERED]
        if receipt.status is ReceiptStatus.DELIVERED and len(whole) < len(attempt.receipts):
            return None
        if attempt.unsettled or not attempt.ids[0]:
            return replace(receipt, provider_id="", attempt_id=attempt.attempt_id)
        return replace(receipt, provider_id=attempt.ids[0])


@dataclass(slots=True, eq=False)
class _Incoming:
    since: float
    texts: dict[int, str] = field(default_factory=dict)
    frames: list[Frame] = field(default_factory=list)


class IncomingParts:
    """Joins replies that come in parts. Frames stay unanswered until their reply is whole or overdue."""

    def __init__(self, patience_seconds: float) -> None:
        self._patience_seconds = patience_seconds
        self._open: OrderedDict[tuple[str, str, int, int], _Incoming] = OrderedDict()

    def add(
        self, sender: str, recipient: str, place: Concatenation, text: str, frame: Frame, now: float
    ) -> tuple[str, Sequence[Frame]] | None:
        """The whole text and the frames to answer once it is committed, or None while parts are missing."""
        key = (sender, recipient, place.reference, place.total)
        incoming = self._open.setdefault(key, _Incoming(now))
        incoming.texts[place.number] = text
        incoming.frames.append(frame)
        if len(incoming.texts) < place.total:
            return None
        del self._open[key]
        return _joined(incoming, place.total), incoming.frames

    def overdue(self, now: float) -> list[tuple[str, str, str, Sequence[Frame]]]:
        """Replies whose parts did not all come in time: sender, recipient, text with gaps marked, frames."""
        out: list[tuple[str, str, str, Sequence[Frame]]] = []
        while self._open:
            key, incoming = next(iter(self._open.items()))
            if now - incoming.since < self._patience_seconds:
                break
            del self._open[key]
            out.append((key[0], key[1], _joined(incoming, key[3]), incoming.frames))
        return out

    def forget(self) -> None:
        """The connection is gone: the SMSC sends what was unanswered again."""
        self._open.clear()

    def __len__(self) -> int:
        return len(self._open)


def _joined(incoming: _Incoming, total: int) -> str:
    return "".join(incoming.texts.get(number, GAP) for number in range(1, total + 1))
