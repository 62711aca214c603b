"""What must hold when a soak is over: the database and the far ends' journals tell one story, within bounds."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

import psycopg
from psycopg.rows import namedtuple_row

from duecourse.privacy.keyring import Keyring
from duecourse.privacy.sealing import open_many

from .decisions import CLOCK_SECONDS, Claims, Decisions, claims_of_former_owners
from .far_ends import FarEnd
from .journals import Taken, read_journals
from .lifecycle import steps_taken, strange

SURE: Final = ("sent", "delivered", "read")


@dataclass(slots=True)
class Findings:
    """faults: empty when all is well. rules: what was held against it. figures: what was seen."""

    faults: list[str] = field(default_factory=list)
    rules: list[str] = field(default_factory=list)
    figures: dict[str, object] = field(default_factory=dict)

    def require(self, holds: bool, rule: str) -> None:
        """Note a fault unless it holds."""
        self.rules.append(rule)
        if not holds:
            self.faults.append(rule)

    def none_of(self, count: int, what: str, rule: str) -> None:
        """Note the figure, and a fault unless it is nought."""
        self.figures[what] = count
        self.rules.append(rule)
        if count:
            self.faults.append(f"{rule} ({count} are not so)")


@dataclass(frozen=True, slots=True)
class Bounds:
    """offered: messages. unknown: how many attempts may be unknown, by what was cut off. next_seconds: after which a
    message that was not delivered goes on to the next channel; None: only a failure moves it on. costs_none: whether
    every message must have been taken by somebody, since no address misbehaves and one channel is always there."""

    offered: int
    unknown: int
    next_seconds: float | None
    costs_none: bool


def audit(
    conn: psycopg.Connection,
    keyring: Keyring,
    far_ends: Sequence[FarEnd],
    bounds: Bounds,
    decisions: Decisions,
) -> Findings:
    """Hold every rule of a run against it."""
    found = Findings()
    standing = _counts(conn, "SELECT coalesce(outcome, state), count(*) FROM message GROUP BY 1")
    attempts = _counts(conn, "SELECT state, count(*) FROM attempt GROUP BY 1")
    found.figures |= {"offered": bounds.offered, "messages": standing, "attempts": attempts}
    found.figures["handed over again under their id"] = _one(
        conn, "SELECT coalesce(sum(resends), 0) FROM attempt"
    )
    why = _counts(
        conn,
        """SELECT concat_ws(': ', provider, coalesce(nullif(reason, ''), code)), count(*) FROM attempt
           WHERE state = 'unknown' GROUP BY 1 ORDER BY 1""",
    )
    found.figures |= {"unknown attempts": why, "unknown at most": bounds.unknown}
    found.require(sum(standing.values()) == bounds.offered, "every message that was offered is there")
    found.require(not {"planned", "in_flight"} & set(standing), "every message has ended")
    if bounds.costs_none:
        found.require(set(standing) <= set(SURE), "every message was taken by some provider")
    found.require(not attempts.get("claimed"), "no attempt is left claimed")
    found.require(
        attempts.get("unknown", 0) <= bounds.unknown, "unknown attempts stay within what was cut off"
    )
    _audit_history(conn, found)
    _audit_unknown(conn, found)
    _audit_caps(conn, found)
    rows = _attempts(conn)
    found.none_of(
        claims_of_former_owners(rows), "claimed by a former owner", "no lane had two owners at a time"
    )
    taken = _taken(conn, keyring, far_ends, rows, found)
    audit_hand_overs(rows, taken, far_ends, found)
    audit_routes(rows, bounds.next_seconds, found)
    owners: dict[UUID, UUID] = dict(
        conn.execute("SELECT contact_point_id, borrower_id FROM contact_point").fetchall()
    )
    for what, count in decisions.broken(taken, owners, _claims(conn)).items():
        found.none_of(count, what, f"nothing was handed over {what}")
    return found


def _counts(conn: psycopg.Connection, query: str) -> dict[str, int]:
    return dict(conn.execute(query).fetchall())


def _one(conn: psycopg.Connection, query: str) -> int:
    row = conn.execute(query).fetchone()
    return int(row[0]) if row else 0


def _audit_history(conn: psycopg.Connection, found: Findings) -> None:
    """Explained: history has each version of each message and attempt, and its last line is where it stands."""
    for subject, key in (("message", "message_id"), ("attempt", "attempt_id")):
        stands = "coalesce(outcome, state)" if subject == "message" else "state"
        gaps = _one(
            conn,
            f"""SELECT count(*) FROM {subject} s
                WHERE (SELECT count(*) FROM history h WHERE h.lane = s.lane AND h.subject_id = s.{key}) <> s.version
                   OR (SELECT state FROM history h WHERE h.lane = s.lane AND h.subject_id = s.{key}
                                                     AND h.version = s.version) <> {stands}""",
        )
        found.none_of(gaps, f"{subject}s unexplained", f"history explains every {subject}")
    unheard_of = strange(steps_taken(conn))
    found.figures["steps that there are not"] = [f"{what} {old} to {new}" for what, old, new in unheard_of]
    found.require(not unheard_of, "every step in a history is one of the lifecycle")


def _audit_unknown(conn: psycopg.Connection, found: Findings) -> None:
    """Each that was ever unknown was resolved, or is listed."""
    found.figures["unknown at some time, and resolved"] = _counts(
        conn,
        """SELECT a.state, count(*) FROM attempt a
           WHERE a.state <> 'unknown' AND EXISTS (SELECT 1 FROM history h WHERE h.lane = a.lane
                 AND h.subject_id = a.attempt_id AND h.state = 'unknown') GROUP BY 1 ORDER BY 1""",
    )
    found.figures["unknown to the end"] = [
        f"{provider} {attempt} of {at:%H:%M:%S}"
        for provider, attempt, at in conn.execute(
            "SELECT provider, attempt_id, claimed_at FROM attempt WHERE state = 'unknown' ORDER BY claimed_at"
        )
    ]


def _audit_caps(conn: psycopg.Connection, found: Findings) -> None:
    """One decision a day and person, in any window of 24 hours; of those who owe two creditors one is told."""
    over = _one(
        conn,
        """WITH counted AS (SELECT lane, borrower_id, attempt_id, min(group_id::text) AS group_id,
                                   min(at) FILTER (WHERE weight > 0) AS at
                            FROM contact GROUP BY 1, 2, 3 HAVING sum(weight) > 0)
           SELECT count(*) FROM counted k
           WHERE (SELECT count(DISTINCT o.group_id) FROM counted o
                  WHERE o.lane = k.lane AND o.borrower_id = k.borrower_id
                    AND o.at > k.at - interval '24 h' AND o.at <= k.at) > 1""",
    )
    found.none_of(
        over, "over the cap", "nobody was contacted more often than the cap allows, in any day's length"
    )
    found.figures["refused by the cap"] = _one(
        conn, "SELECT count(*) FROM message WHERE outcome = 'expired' AND rule LIKE '%CAP%'"
    )


def _attempts(conn: psycopg.Connection) -> list[Any]:
    """In the order in which each message made them."""
    with conn.cursor(row_factory=namedtuple_row) as cursor:
        return cursor.execute(
            """SELECT a.message_id, a.attempt_id, a.contact_point_id AS point, a.provider, a.route_at, a.state,
                      a.lane, a.epoch, a.resends,
                      extract(epoch FROM a.claimed_at)::float AS claimed_at,
                      extract(epoch FROM a.sent_at)::float AS sent_at,
                      extract(epoch FROM a.settled_at)::float AS settled_at,
                      extract(epoch FROM a.valid_until)::float AS valid_until,
                      EXISTS (SELECT 1 FROM history h WHERE h.lane = a.lane AND h.subject_id = a.attempt_id
                                                        AND h.state = 'unknown') AS was_unknown
               FROM attempt a ORDER BY a.message_id, a.seq"""
        ).fetchall()


def _claims(conn: psycopg.Connection) -> Claims:
    """Also those by which an attempt was handed over again."""
    rows = conn.execute(
        """SELECT a.provider, a.contact_point_id, array_agg(extract(epoch FROM h.at)::float)
           FROM attempt a
           JOIN history h ON h.lane = a.lane AND h.subject_id = a.attempt_id AND h.state = 'claimed'
           WHERE a.state <> 'released' GROUP BY 1, 2"""
    )
    return {(provider, point): claimed for provider, point, claimed in rows}


def _taken(
    conn: psycopg.Connection,
    keyring: Keyring,
    far_ends: Sequence[FarEnd],
    attempts: Iterable[Any],
    found: Findings,
) -> Taken:
    rows = conn.execute("SELECT contact_point_id, address_sealed FROM contact_point").fetchall()
    points = [row[0] for row in rows]
    addresses = open_many(keyring, [row[1] for row in rows], "contact_point", "address", points)
    taken, strangers = read_journals(
        far_ends,
        dict(zip(addresses, points, strict=True)),
        {one.attempt_id.hex: one.point for one in attempts},
    )
    found.none_of(
        strangers, "handed over to nobody", "every far end was handed only what we have a record of"
    )
    return taken


def audit_hand_overs(
    attempts: Iterable[Any], taken: Taken, far_ends: Sequence[FarEnd], found: Findings
) -> None:
    """Each borrower has one address a channel, and the cap lets one message to it: what a far end had for it is our
    attempts there."""
    recorded: dict[tuple[str, UUID], list[Any]] = defaultdict(list)
    for one in attempts:
        recorded[one.provider, one.point].append(one)
    unrecorded = lost = late = 0
    for key in recorded.keys() | taken.keys():
        ours, theirs = recorded.get(key, []), taken.get(key, [])
        unrecorded += len(theirs) > sum(one.state in (*SURE, "unknown", "refused") for one in ours)
        lost += len(theirs) < sum(one.state in SURE for one in ours)
        valid_until = max((one.valid_until for one in ours), default=0.0)
        late += any(one.after > valid_until + CLOCK_SECONDS for one in theirs)
    channel_of = {far_end.name: far_end.channel for far_end in far_ends}
    on_channel = Counter[tuple[str, UUID]]()
    handed = Counter[str]()
    for (provider, point), times in taken.items():
        on_channel[channel_of[provider], point] += len(times)
        handed[provider] += len(times)
    found.figures["handed over"] = dict(sorted(handed.items()))
    found.none_of(unrecorded, "unrecorded", "nothing was handed over more often than attempts may have been")
    found.none_of(lost, "lost", "nothing counts as sent that its far end was not handed")
    found.none_of(late, "late", "nothing was handed over after its validity")
    doubled = sum(count > 1 for count in on_channel.values())
    found.none_of(doubled, "doubled", "no address was handed a message twice, whichever providers had it")


def audit_routes(attempts: Iterable[Any], next_seconds: float | None, found: Findings) -> None:
    """An attempt that may have been taken is followed by another only on a later channel, and for a reason."""
    followed = Counter[str]()
    wrong = 0
    before: Any = None
    for one in attempts:
        if one.state == "released":  # certainly not taken
            continue
        if before is not None and before.message_id == one.message_id:
            reason = _reason(before, one, next_seconds)
            followed[reason or "for no reason"] += 1
            wrong += reason is None or one.route_at <= before.route_at
        before = one
    found.figures["went on to the next channel"] = dict(followed)
    found.none_of(wrong, "went on wrongly", "only the policy gives a message to a second channel")


def _reason(before: Any, one: Any, next_seconds: float | None) -> str | None:
    """Why an attempt may follow the one before it; None where it may not."""
    if before.state in ("delivered", "read") and before.settled_at < one.claimed_at:
        return None
    if before.was_unknown:
        return "it was unknown"
    if before.state == "refused":
        return "it was refused"
    if next_seconds is not None and one.claimed_at - before.sent_at >= next_seconds - CLOCK_SECONDS:
        return "not delivered in time"
    return None
