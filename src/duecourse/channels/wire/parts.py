"""What several PDUs say of one message: receipts of the parts of one attempt, and replies that come in parts.

Both memories are bounded; the oldest entry goes first. After a restart a long message falls back to the
receipt of its first part, whose id the attempt carries.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple
from uuid import UUID

from duecourse.channels.wire.frame import Frame
from duecourse.channels.wire.session import Session
from duecourse.channels.wire.text import Concatenation
from duecourse.domain.messaging import Receipt, ReceiptStatus

GAP = "[…]"


@dataclass(slots=True, eq=False)
class _Attempt:
    attempt_id: UUID
    ids: list[str]
    receipts: list[Receipt | None]
    unsettled: bool = False
    """Nobody may hold its provider id, as when its outcome was Unknown: receipts name the attempt itself."""


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
        """Receipts shall name the attempt itself: its outcome was Unknown, or may become so."""
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


class Asked(NamedTuple):
    """A request of the peer and the line it came over, which alone can carry the answer."""

    session: Session
    frame: Frame

    @property
    def lost(self) -> bool:
        """Nobody can answer any more what a former connection brought: the peer sends it again on another."""
        return self.session.lost.done()


class Incoming(NamedTuple):
    """A reply, or a part of one."""

    sender: str
    recipient: str
    text: str
    place: Concatenation | None = None
    key: object = None
    """What a repetition of the same reply has too, where the protocol repeats what stays unanswered."""


class Whole(NamedTuple):
    """A reply that is complete, or as complete as it will be, and what is to be answered for it."""

    sender: str
    recipient: str
    text: str
    asked: Sequence[Asked]
    keys: Sequence[object] = ()


@dataclass(slots=True, eq=False)
class _Gathered:
    since: float
    parts: list[tuple[int, Incoming, Asked]] = field(default_factory=list)
    """As they came, repetitions too."""

    def forget_lost(self) -> None:
        """Without what came over lines that are gone."""
        self.parts = [part for part in self.parts if not part[2].lost]


class IncomingParts:
    """Joins replies that come in parts. Parts stay unanswered until their reply is whole or overdue."""

    def __init__(self, patience_seconds: float) -> None:
        self._patience_seconds = patience_seconds
        self._open: OrderedDict[tuple[str, str, int, int], _Gathered] = OrderedDict()

    def add(self, part: Incoming, place: Concatenation, asked: Asked, now: float) -> Whole | None:
        """The whole reply, or None while parts are missing."""
        key = (part.sender, part.recipient, place.reference, place.total)
        gathered = self._open.setdefault(key, _Gathered(now))
        gathered.forget_lost()
        gathered.parts.append((place.number, part, asked))
        if len({number for number, _, _ in gathered.parts}) < place.total:
            return None
        del self._open[key]
        return _whole(key, gathered)

    def overdue(self, now: float) -> list[Whole]:
        """Replies whose parts did not all come in time, with their gaps marked."""
        out: list[Whole] = []
        while self._open:
            key, gathered = next(iter(self._open.items()))
            if now - gathered.since < self._patience_seconds:
                break
            del self._open[key]
            gathered.forget_lost()
            if gathered.parts:
                out.append(_whole(key, gathered))
        return out

    def __len__(self) -> int:
        return len(self._open)


def _whole(key: tuple[str, str, int, int], gathered: _Gathered) -> Whole:
    sender, recipient, _, total = key
    texts = {number: part.text for number, part, _ in gathered.parts}
    return Whole(
        sender,
        recipient,
        "".join(texts.get(number, GAP) for number in range(1, total + 1)),
        [asked for _, _, asked in gathered.parts],
        [part.key for _, part, _ in gathered.parts],
    )
