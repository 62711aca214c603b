"""What became of letters: the print house's own list, and mail that came back.

A CSV with a header: `reference` (as on the letter), `status` (posted, delivered, returned, failed), and, if known,
`reason` and `on` (YYYY-MM-DD). Rows that cannot be read are named and the others go in.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from duecourse.domain.messaging import Cause, Receipt, ReceiptStatus
from duecourse.domain.problems import Problem

STATUSES: Final[Mapping[str, ReceiptStatus]] = {
    "posted": ReceiptStatus.BUFFERED,
    "delivered": ReceiptStatus.DELIVERED,
    "returned": ReceiptStatus.FAILED,
    "failed": ReceiptStatus.FAILED,
}
REASONS: Final[Mapping[str, tuple[Cause, bool]]] = {
    # What a post office writes on what it brings back, and whether the address will never work again.
    "unknown": (Cause.DEAD, True),
    "moved": (Cause.DEAD, True),
    "no-such-address": (Cause.DEAD, True),
    "insufficient-address": (Cause.DEAD, True),
    "deceased": (Cause.DEAD, True),
    "refused": (Cause.OPTED_OUT, False),
    "unclaimed": (Cause.NO_ANSWER, False),
    "temporarily-away": (Cause.OFF, False),
    "damaged": (Cause.OTHER, False),
    "not-printed": (Cause.OTHER, False),
}
_REFERENCE: Final = re.compile(r"[A-Z2-7]{13}\Z")
_HEADER: Final = frozenset({"reference", "status", "reason", "on"})


@dataclass(frozen=True, slots=True)
class Returns:
    """A list as read: what it says, and the rows that say nothing."""

    receipts: tuple[Receipt, ...]
    problems: tuple[Problem, ...]


def read_returns(octets: bytes, where: str) -> Returns:
    """Read a list. where: what the file is called, for the messages. Problems: C027 (the file), C028 (a row)."""
    try:
        table = csv.DictReader(io.StringIO(octets.decode("utf-8-sig"), newline=""))
        header = set(table.fieldnames or ())
        rows = list(table)
    except (UnicodeDecodeError, csv.Error):
        return Returns((), (Problem("C027", where, "is no CSV in UTF-8", "Nothing of it was taken."),))
    if not {"reference", "status"} <= header or header - _HEADER:
        found = ", ".join(sorted(map(str, header))) or "nothing"
        message = f"the header has {found}; expected reference, status and, if known, reason, on"
        return Returns((), (Problem("C027", where, message, "Nothing of it was taken."),))
    receipts: list[Receipt] = []
    problems: list[Problem] = []
    for number, row in enumerate(rows, start=2):
        told = _receipt(row)
        if isinstance(told, Receipt):
            receipts.append(told)
        else:
            problems.append(Problem("C028", f"{where}:{number}", told, "Row not taken."))
    return Returns(tuple(receipts), tuple(problems))


def _receipt(row: Mapping[str, str | None]) -> Receipt | str:
    """The row's word, or what is wrong with it."""
    reference = (row.get("reference") or "").strip().upper()
    status = (row.get("status") or "").strip().lower()
    reason = (row.get("reason") or "").strip().lower()
    on = (row.get("on") or "").strip()
    if not _REFERENCE.match(reference):
        return "reference: is not 13 characters of A-Z and 2-7, as under the letter's bars"
    if status not in STATUSES:
        return f"status: is none of {', '.join(STATUSES)}"
    if reason and reason not in REASONS:
        return f"reason: is none of {', '.join(REASONS)}"
    try:
        occurred = datetime.fromisoformat(f"{on}T00:00:00").replace(tzinfo=UTC) if on else None
    except ValueError:
        return "on: is not a date; write YYYY-MM-DD"
    failed = STATUSES[status] is ReceiptStatus.FAILED
    cause, permanent = REASONS.get(reason, (Cause.OTHER, False)) if failed else (Cause.OTHER, False)
    return Receipt(
        STATUSES[status],
        reason or status,
        provider_id=reference,
        permanent=permanent,
        cause=cause,
        occurred_at=occurred,
    )
