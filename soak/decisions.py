"""What people decide while all this goes on: to hold somebody, to stop everything; and that it was kept."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Protocol
from uuid import UUID

import psycopg

from duecourse.dispatch.brake import resume_sending, stop_sending
from duecourse.dispatch.claimed import HAND_OVER_SECONDS

from .journals import HandOver, Taken

Claims = Mapping[tuple[str, UUID], Sequence[float]]
"""Provider and contact point to when what may have been handed over to it was claimed, by the database's clock."""

HELD_AMONG: Final = 40
"""One in so many is held at a time."""
STOP_SECONDS: Final = 2.0
"""A stop holds on every worker within."""
CLOCK_SECONDS: Final = 1.0
"""All clocks are this machine's; a line of a journal is stamped when it is read from the wire."""


@dataclass(slots=True)
class Decisions:
    """held: borrower to when the hold was committed. stops: from the commit to just before they were lifted.

    Seconds since 1970.
    """

    held: dict[UUID, float] = field(default_factory=dict)
    stops: list[tuple[float, float]] = field(default_factory=list)
    _stopped_at: float | None = None
    _lifting_at: float | None = None

    def hold_some(self, conn: psycopg.Connection, which: float) -> int:
        """A dispute of one in HELD_AMONG, which depends on `which`, 0..1; how many are newly held."""
        rows = conn.execute(
            """INSERT INTO hold (lane, borrower_id, hold_id, kind, evidence, source, recorded_by, effective_at,
                   recorded_at)
               SELECT lane, borrower_id, gen_random_uuid(), 'dispute', 'said so', 'soak', 'soak', clock_timestamp(),
                      clock_timestamp()
               FROM borrower WHERE abs(hashtext(borrower_id::text)) %% %(among)s = %(part)s
               RETURNING borrower_id""",
            {"among": HELD_AMONG, "part": int(which * HELD_AMONG)},
        ).fetchall()
        for (borrower,) in rows:
            self.held.setdefault(borrower, time.time())
        return len(rows)

    def stop(self, conn: psycopg.Connection) -> None:
        """Put a stop in force for everything, unless one is."""
        if self._stopped_at is None:
            stop_sending(conn, reason="soak", by="soak", now=datetime.now(UTC))
            self._stopped_at = time.time()

    def resume(self, conn: psycopg.Connection) -> None:
        """Lift it. When the database does not answer, do it again: it may have been lifted the first time."""
        self._lifting_at = self._lifting_at or time.time()
        resume_sending(conn, by="soak", now=datetime.now(UTC))
        if self._stopped_at is not None:
            self.stops.append((self._stopped_at, self._lifting_at))
            self._stopped_at = None
        self._lifting_at = None

    def broken(self, taken: Taken, owners: Mapping[UUID, UUID], claims: Claims) -> dict[str, int]:
        """How many hand-overs came after a hold of their borrower, or during a stop. owners: of the contact points.

        What a far end read late was written after its claim, however much earlier the far end stood still: what was
        claimed once a stop was lifted is not of that stop, and what was claimed under one is, whenever it was read.
        """
        after_hold = during_stop = 0
        for (provider, point), hand_overs in taken.items():
            held_at = self.held.get(owners[point])
            for one in hand_overs:
                after = _not_before(one, claims.get((provider, point), ()))
                before = min(one.read_at, after + CLOCK_SECONDS)  # a claim reads the stops after its instant
                after_hold += held_at is not None and after > held_at + HAND_OVER_SECONDS + CLOCK_SECONDS
                during_stop += any(
                    begin + STOP_SECONDS + CLOCK_SECONDS < after and before < end for begin, end in self.stops
                )
        return {"after a hold": after_hold, "during a stop": during_stop}


def _not_before(one: HandOver, claims: Sequence[float]) -> float:
    """The earliest instant at which it can have been written: after the last claim that it may be of."""
    return max([one.after, *(claimed_at for claimed_at in claims if claimed_at <= one.read_at)])


class Dated(Protocol):
    """What an attempt says of its lane."""

    @property
    def lane(self) -> int: ...
    @property
    def epoch(self) -> int: ...
    @property
    def claimed_at(self) -> float: ...
    @property
    def resends(self) -> int: ...


def claims_of_former_owners(attempts: Iterable[Dated]) -> int:
    """How many were claimed under an epoch of their lane when a later one had claimed already: two owners at once."""
    latest: dict[int, int] = {}
    former = 0
    for one in sorted(attempts, key=lambda each: (each.claimed_at, each.epoch)):
        if one.resends:  # claimed again, by whoever held the lane then
            continue
        former += one.epoch < latest.get(one.lane, 0)
        latest[one.lane] = max(one.epoch, latest.get(one.lane, 0))
    return former
