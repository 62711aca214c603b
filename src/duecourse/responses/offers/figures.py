"""The figures of an offer: every day and amount, before and after. What is agreed to is what these say."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from hashlib import blake2b
from typing import Any
from uuid import UUID

from duecourse.domain.arranging import Open
from duecourse.policy.offered import Kind


@dataclass(frozen=True, slots=True)
class Figures:
    """What is open as it stands and as it would be. due_day: the new one. pause: its first and last day.

    pay_on: the days after the holiday shift, of each row of `after`. exception: why two persons must approve it, or ''.
    """

    kind: Kind
    loan_id: UUID
    currency: str
    today: date
    before: tuple[Open, ...]
    after: tuple[Open, ...]
    pay_on: tuple[date, ...]
    at_once: bool
    exception: str = ""
    due_day: int | None = None
    pause: tuple[date, date] | None = None
    rate: str = ""
    """Yearly, a fraction as text; of a plan."""
    share_percent: int = 0
    """Of the surplus; of a plan."""

    def digest(self) -> bytes:
        """Of all that was shown but the day it was shown on: the same figures tomorrow are the same figures."""
        shown = {name: value for name, value in self.as_json().items() if name not in ("today", "pause")}
        return blake2b(json.dumps(shown, sort_keys=True).encode(), digest_size=16).digest()

    def as_json(self) -> dict[str, Any]:
        """For the table; `from_json` reads it back."""
        return {
            **asdict(self),
            "kind": self.kind.value,
            "loan_id": self.loan_id.hex,
            "today": self.today.isoformat(),
            "before": [_row(row) for row in self.before],
            "after": [_row(row) for row in self.after],
            "pay_on": [day.isoformat() for day in self.pay_on],
            "pause": [day.isoformat() for day in self.pause] if self.pause else None,
            "watched": self.watched,
        }

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Figures:
        """As the table has it."""
        pause = [date.fromisoformat(day) for day in found["pause"] or ()]
        return cls(
            kind=Kind(found["kind"]),
            loan_id=UUID(found["loan_id"]),
            currency=found["currency"],
            today=date.fromisoformat(found["today"]),
            before=tuple(_open(row) for row in found["before"]),
            after=tuple(_open(row) for row in found["after"]),
            pay_on=tuple(date.fromisoformat(day) for day in found["pay_on"]),
            at_once=found["at_once"],
            exception=found["exception"],
            due_day=found["due_day"],
            pause=(pause[0], pause[1]) if pause else None,
            rate=found["rate"],
            share_percent=found["share_percent"],
        )

    @property
    def next_before(self) -> Open:
        """What is to be paid next as it stands; where all is due, the last of it."""
        return next((row for row in self.before if row.due_on >= self.today), self.before[-1])

    @property
    def next_after(self) -> tuple[Open, date]:
        """What would be to be paid next, and when."""
        both = zip(self.after, self.pay_on, strict=True)
        return next((row, day) for row, day in both if row.due_on >= self.today)

    @property
    def total_before(self) -> int:
        """All that is open."""
        return sum(row.amount_minor for row in self.before)

    @property
    def total_after(self) -> int:
        """All that would be."""
        return sum(row.amount_minor for row in self.after)

    @property
    def interest_before(self) -> int | None:
        """Still to be paid; None where the book does not know."""
        return _interest(self.before)

    @property
    def interest_after(self) -> int | None:
        """As interest_before."""
        return _interest(self.after)

    @property
    def watched(self) -> list[int]:
        """The numbers of the installments by which it is kept or broken."""
        first = self.next_after[0].number
        match self.kind:
            case Kind.PLAN:
                return [row.number for row in self.after]
            case Kind.DUE_DAY:
                return []
        return [first]


def _interest(rows: Sequence[Open]) -> int | None:
    known = [row.interest_minor for row in rows if row.interest_minor is not None]
    return sum(known) if len(known) == len(rows) else None


def _row(row: Open) -> list[Any]:
    return [row.number, row.due_on.isoformat(), row.amount_minor, row.principal_minor, row.interest_minor]


def _open(row: Sequence[Any]) -> Open:
    number, day, *amounts = row
    return Open(number, date.fromisoformat(day), *amounts)
