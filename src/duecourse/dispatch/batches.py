"""Batches: one step's messages of one day, let go by themselves while they are as usual, and by a second person else.

A batch is opened when its first message is due: measured, compared with the policy's band, and, where the policy has a
canary, its first messages are chosen. The others wait until those have come back.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from duecourse.domain.money import Money
from duecourse.domain.problems import DuecourseError, Problem
from duecourse.planning.compile import HORIZON_DAYS
from duecourse.policy.model import Brakes, Canary
from duecourse.policy.versions import policy_at
from duecourse.store.lease import LANES
from duecourse.store.sql import load

from .leases import lock_leases

SQL = load("dispatch/batches")

FEWEST_BATCHES = 5
"""Batches of 28 days that a step must have before its usual number means anything."""
SHORTEST_PREFIX = 6
RECHECKED_DAYS = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Measure:
    """What a batch holds. amounts: currency to (largest message, total) in minor units.

    complete: every lane has been planned for its day, so that too few messages are too few.
    """

    policy: str
    policy_version: int
    step: str
    local_on: date
    messages: int
    complete: bool
    amounts: dict[str, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Weighed:
    """How a batch's canaries stand; see the statement weigh_canaries."""

    handed: int
    bad: int
    stops: int
    awaited: int
    last_at: datetime | None
    coming: int
    waiting: bool

    @property
    def gone_wrong(self) -> int:
        """Attempts refused or of unknown outcome, and people who said stop."""
        return self.bad + self.stops


def outside_band(measure: Measure, brakes: Brakes, usual: Decimal | None) -> str | None:
    """Why a batch is not as usual, or None. usual: the median of the step's batches; None when there are too few.

    Bounds themselves are inside. The reason holds counts and the band, no amount of a borrower.
    """
    count, reasons = measure.messages, []
    if brakes.most_messages is not None and count > brakes.most_messages:
        reasons.append(f"{count} messages; the policy allows at most {brakes.most_messages}")
    if brakes.least_messages is not None and measure.complete and count < brakes.least_messages:
        reasons.append(f"{count} messages; the policy expects at least {brakes.least_messages}")
    if brakes.times_usual is not None and usual:
        if count > usual * brakes.times_usual:
            reasons.append(
                f"{count} messages; usual are {usual:.0f}, at most {brakes.times_usual} times that"
            )
        elif measure.complete and count * brakes.times_usual < usual:
            reasons.append(
                f"{count} messages; usual are {usual:.0f}, at least 1/{brakes.times_usual} of that"
            )
    largest, total = measure.amounts.get(brakes.currency, (0, 0))
    if brakes.most_amount_minor is not None and largest > brakes.most_amount_minor:
        most = Money(brakes.most_amount_minor, brakes.currency)
        reasons.append(f"a message asks for more than {most.amount} {brakes.currency}")
    if brakes.most_total_minor is not None and total > brakes.most_total_minor:
        most = Money(brakes.most_total_minor, brakes.currency)
        reasons.append(f"together they ask for more than {most.amount} {brakes.currency}")
    return "; ".join(reasons) or None


def weigh(weighed: Weighed, canary: Canary, now: datetime) -> str | None:
    """What becomes of a batch: 'held', 'going', 'more' (withheld canaries make room for others), or None: not yet.

    Held as soon as more have gone wrong than the share allows of a whole canary; otherwise once every canary has come
    back, or was silent for `wait_seconds` after the last hand-over.
    """
    if weighed.gone_wrong > canary.most_bad_percent * canary.size / 100:
        return "held"
    silent = weighed.last_at is not None and now - weighed.last_at >= timedelta(seconds=canary.wait_seconds)
    if weighed.coming and not silent:
        return None
    if weighed.handed < canary.size and weighed.waiting and not weighed.coming:
        return "more"
    if weighed.awaited and not silent:
        return None
    if not weighed.handed:
        return None if weighed.waiting or weighed.coming else "going"
    return "held" if weighed.gone_wrong * 100 > canary.most_bad_percent * weighed.handed else "going"


def open_batches(conn: psycopg.Connection, batches: Iterable[UUID], *, as_of: date, now: datetime) -> int:
    """Open those of these batches that nobody has opened, each in a transaction of its own. Returns how many."""
    asked = sorted(set(batches))
    with conn.transaction():
        known = {row[0] for row in conn.execute(SQL["known_batches"], {"batches": asked})}
    opened = 0
    for batch_id in asked:
        if batch_id not in known:
            with conn.transaction():
                opened += _open_batch(conn, batch_id, as_of, now)
    return opened


def _open_batch(conn: psycopg.Connection, batch_id: UUID, as_of: date, now: datetime) -> bool:
    measure = _measure(conn, batch_id, as_of)
    if measure is None:
        return False
    published = policy_at(conn, measure.policy, measure.policy_version)
    brakes = published.model.brakes or Brakes()
    reason = outside_band(measure, brakes, _usual(conn, measure))
    canary = brakes.canary
    state = "held" if reason else "canary" if canary and measure.messages > canary.size else "going"
    entered = conn.execute(
        SQL["open_batch"],
        {
            "batch_id": batch_id,
            "policy": measure.policy,
            "policy_version": measure.policy_version,
            "step": measure.step,
            "local_on": measure.local_on,
            "state": state,
            "messages": measure.messages,
            "amounts": Jsonb(measure.amounts),
            "published_by": published.published_by,
            "reason": reason,
            "now": now,
        },
    ).fetchone()
    if entered and state == "canary" and canary:
        conn.execute(SQL["choose_canaries"], {"batch_id": batch_id, "take": canary.size})
    return entered is not None


def weigh_batches(conn: psycopg.Connection, *, now: datetime) -> None:
    """Decide the batches whose canaries are out: let them go, hold them, or choose others for withheld ones."""
    with conn.transaction():
        for batch_id, policy, version, _, _ in conn.execute(SQL["open_canaries"]).fetchall():
            brakes = policy_at(conn, policy, version).model.brakes
            canary = (brakes.canary if brakes else None) or Canary()
            row = conn.execute(SQL["weigh_canaries"], {"batch_id": batch_id, "now": now}).fetchone()
            assert row is not None
            weighed = Weighed(*row)
            becomes = weigh(weighed, canary, now)
            if becomes == "more":
                conn.execute(SQL["drop_withheld_canaries"], {"batch_id": batch_id, "now": now})
                take = canary.size - weighed.handed
                conn.execute(SQL["choose_canaries"], {"batch_id": batch_id, "take": take})
            elif becomes:
                reason = None
                if becomes == "held":
                    reason = (
                        f"of {weighed.handed} canaries {weighed.bad} were refused or unknown "
                        f"and {weighed.stops} answered stop; at most {canary.most_bad_percent} % may"
                    )
                _decide(conn, [batch_id], ["canary"], becomes, reason, now)


def recheck_batches(conn: psycopg.Connection, *, as_of: date, now: datetime) -> int:
    """Hold running batches that have left their band since they were opened. Returns how many."""
    held = 0
    with conn.transaction():
        running = conn.execute(SQL["running_batches"], {"local_on": as_of - RECHECKED_DAYS}).fetchall()
    for (batch_id,) in running:
        with conn.transaction():
            measure = _measure(conn, batch_id, as_of)
            if measure is None:
                continue
            brakes = policy_at(conn, measure.policy, measure.policy_version).model.brakes
            reason = outside_band(measure, brakes, _usual(conn, measure)) if brakes else None
            if reason:
                held += _decide(conn, [batch_id], ["canary", "going"], "held", reason, now)
    return held


def hold_batch(conn: psycopg.Connection, batch_id: UUID, *, reason: str, now: datetime) -> bool:
    """Hold one batch by hand; False when it is held or corrected already."""
    with conn.transaction():
        return _decide(conn, [batch_id], ["canary", "going"], "held", reason, now) > 0


def resume_batches(
    conn: psycopg.Connection, *, by: str, now: datetime, batch_id: UUID | None = None
) -> list[UUID]:
    """Let held batches go, one or all. `by` must not be the one who published the policy that made them.

    Raises DuecourseError D090 naming the batches that need another person; the others go.
    """
    with conn.transaction():
        rows = conn.execute(SQL["resume_batches"], {"by": by, "now": now, "batch_id": batch_id}).fetchall()
    own = [
        one
        for one in list_batches(conn, held_only=True)
        if one["published_by"] == by and batch_id in (None, one["batch_id"])
    ]
    if own:
        raise DuecourseError(
            [
                Problem(
                    "D090",
                    f"batch {str(one['batch_id'])[:8]}",
                    f"you published policy {one['policy']} version {one['policy_version']} that made it; "
                    "another person must resume it",
                    "It stays held.",
                )
                for one in own
            ]
        )
    return [row[0] for row in rows]


def close_corrected(conn: psycopg.Connection, batch_id: UUID, *, by: str, now: datetime) -> None:
    """A batch that was wrong goes no further, whoever resumes. In a transaction of the caller's.

    Until that ends nothing is claimed: whom the batch has reached is then known to the last one.
    """
    lock_leases(conn, range(LANES))
    conn.execute(SQL["close_corrected"], {"batch_id": batch_id, "by": by, "now": now})


def list_batches(
    conn: psycopg.Connection,
    *,
    held_only: bool = False,
    first: date = date.min,
    last: date = date.max,
) -> list[dict[str, Any]]:
    """Batches with how many of their messages were tried and how many wait; the newest day first."""
    with conn.transaction(), conn.cursor(row_factory=dict_row) as cursor:
        parameters = {"held_only": held_only, "from_on": first, "to_on": last}
        return cursor.execute(SQL["list_batches"], parameters).fetchall()


def find_batch(conn: psycopg.Connection, prefix: str) -> dict[str, Any]:
    """The batch whose id begins with `prefix`, at least six hexadecimal digits. Raises D091 (none, or several)."""
    digits = prefix.replace("-", "").lower()
    if not SHORTEST_PREFIX <= len(digits) <= 32 or set(digits) - set("0123456789abcdef"):
        raise DuecourseError(
            Problem("D091", "BATCH", f"expected a batch id or at least its first {SHORTEST_PREFIX} digits"),
            exit_code=2,
        )
    bounds = {"least": UUID(digits.ljust(32, "0")), "most": UUID(digits.ljust(32, "f"))}
    with conn.transaction(), conn.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(SQL["find_batch"], bounds).fetchall()
    if len(rows) != 1:
        found = "several batches have an id that begins so" if rows else "no batch has an id that begins so"
        raise DuecourseError(Problem("D091", "BATCH", f"{found}; see: duecourse batch list"))
    return rows[0]


def _measure(conn: psycopg.Connection, batch_id: UUID, as_of: date) -> Measure | None:
    parameters = {"batch_id": batch_id, "as_of": as_of, "ahead": HORIZON_DAYS}
    row = conn.execute(SQL["measure_batch"], parameters).fetchone()
    if row is None:
        return None
    amounts = {currency: (int(pair[0] or 0), int(pair[1] or 0)) for currency, pair in row[6].items()}
    return Measure(row[0], row[1], row[2], row[3], row[4], row[5], amounts)


def _usual(conn: psycopg.Connection, measure: Measure) -> Decimal | None:
    row = conn.execute(
        SQL["usual_messages"],
        {"policy": measure.policy, "step": measure.step, "local_on": measure.local_on},
    ).fetchone()
    return Decimal(str(row[0])) if row and row[1] >= FEWEST_BATCHES else None


def _decide(
    conn: psycopg.Connection,
    batches: Sequence[UUID],
    from_states: Sequence[str],
    state: str,
    reason: str | None,
    now: datetime,
) -> int:
    parameters = {
        "batches": list(batches),
        "from_states": list(from_states),
        "state": state,
        "reason": reason,
        "now": now,
    }
    return len(conn.execute(SQL["decide_batches"], parameters).fetchall())
