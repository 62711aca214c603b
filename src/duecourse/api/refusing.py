"""Why a request of the API is not done, and how often that was said."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import psycopg

from duecourse.domain.problems import DuecourseError
from duecourse.store.sql import load
from duecourse.web.answers import Fault

SQL = load("api")

Reason = Literal["no-key", "bad-key", "scope", "rate"]

_STATUSES: Final[Mapping[str, int]] = {
    "D031": 404,
    "D033": 404,
    "D060": 404,
    "D061": 409,
    "D062": 404,
}
"""Of problems that commands have too; any other is a fault in what was sent."""


@dataclass(eq=False)
class Refused(Exception):  # noqa: N818 - an answer, and no error of ours
    """The request is answered with a problem. Nothing of it was done."""

    status: int
    code: str
    detail: str
    errors: Sequence[Fault] = ()
    retry_seconds: int = 0


def refused_by(error: DuecourseError) -> Refused:
    """The same for a problem that the rooms found."""
    first = error.problems[0]
    told = [
        Fault(where=problem.where, detail=f"{problem.message} ({problem.code})") for problem in error.problems
    ]
    detail = f"{first.message}. {first.consequence}" if first.consequence else first.message
    return Refused(
        _STATUSES.get(first.code, 422), first.code, detail, told if len(error.problems) > 1 else ()
    )


class Refusals:
    """Counts refusals in memory; `store` adds them to the day's, so that a flood of them is not one of writes."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, Reason]] = Counter()
        self._lock = threading.Lock()

    def add(self, reason: Reason, key_id: str = "") -> None:
        """One more. key_id: '' where no key of ours was shown."""
        with self._lock:
            self._counts[key_id, reason] += 1

    def store(self, conn: psycopg.Connection) -> None:
        """Add what was counted since to the table, and begin anew. What fails is counted still."""
        with self._lock:
            counts, self._counts = self._counts, Counter()
        if not counts:
            return
        try:
            with conn.transaction():
                conn.execute(
                    SQL["count_refusals"],
                    {
                        "keys": [key_id for key_id, _ in counts],
                        "reasons": [reason for _, reason in counts],
                        "counts": list(counts.values()),
                    },
                )
        except psycopg.Error:
            with self._lock:
                self._counts.update(counts)
            raise
