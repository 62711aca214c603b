"""The database against the SMSC's journal: what was lost, doubled, late or untold."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from duecourse.privacy.keyring import Keyring
from duecourse.privacy.sealing import open_many

CLOCK_SECONDS = 1.0
"""Both clocks are this machine's; a line of the journal is stamped when it is read from the wire."""


@dataclass(slots=True)
class Findings:
    """faults: empty when all is well. figures: what was seen."""

    faults: list[str] = field(default_factory=list)
    figures: dict[str, object] = field(default_factory=dict)

    def require(self, holds: bool, rule: str) -> None:
        """Note a fault unless it holds."""
        if not holds:
            self.faults.append(rule)


def submits(journal: Path) -> dict[str, list[float]]:
    """Number to the instants at which the SMSC was handed a message for it; on the wire it has no plus."""
    taken: dict[str, list[float]] = {}
    for line in journal.read_text("utf-8").splitlines():
        entry = json.loads(line)
        if entry["event"] == "submit":
            taken.setdefault("+" + entry["to"], []).append(entry["at"])
    return taken


def audit(
    conn: psycopg.Connection, keyring: Keyring, journal: Path, *, offered: int, unknown_bound: int
) -> Findings:
    """unknown_bound: the windows of all that were killed, frozen or cut off, together."""
    found = Findings()
    taken = submits(journal)
    standing: dict[str, int] = dict(
        conn.execute("SELECT coalesce(outcome, state), count(*) FROM message GROUP BY 1").fetchall()
    )
    attempts: dict[str, int] = dict(conn.execute("SELECT state, count(*) FROM attempt GROUP BY 1").fetchall())
    found.figures |= {
        "offered": offered,
        "messages": standing,
        "attempts": attempts,
        "submitted": sum(map(len, taken.values())),
        "submitted_twice": sum(len(times) > 1 for times in taken.values()),
        "unknown_bound": unknown_bound,
    }
    found.require(sum(standing.values()) == offered, "every message that was offered is there")
    found.require(not {"planned", "in_flight"} & set(standing), "every message has ended")
    found.require(not attempts.get("claimed"), "no attempt is left claimed")
    found.require(
        attempts.get("unknown", 0) <= unknown_bound, "unknown attempts stay within the windows cut off"
    )
    _audit_history(conn, found)
    _audit_caps(conn, found)
    _audit_handed_over(conn, keyring, taken, found)
    return found


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
        found.figures[f"{subject}s_unexplained"] = gaps
        found.require(gaps == 0, f"history explains every {subject}")


def _audit_caps(conn: psycopg.Connection, found: Findings) -> None:
    over = _one(
        conn,
        """SELECT count(*) FROM (
               SELECT 1 FROM (SELECT lane, borrower_id, local_on, group_id FROM contact
                              GROUP BY 1, 2, 3, 4, attempt_id HAVING sum(weight) > 0) AS counted
               GROUP BY lane, borrower_id, local_on HAVING count(DISTINCT group_id) > 1) AS over""",
    )
    found.figures["over_cap"] = over
    found.require(over == 0, "nobody was contacted more often a day than the cap allows")


def _audit_handed_over(
    conn: psycopg.Connection, keyring: Keyring, taken: dict[str, list[float]], found: Findings
) -> None:
    """Each borrower has one number and one message a day: a number's submits are its attempts that may have gone."""
    rows = conn.execute(
        """SELECT p.contact_point_id, p.address_sealed, array_agg(a.state), max(extract(epoch FROM a.valid_until))
           FROM contact_point p JOIN attempt a USING (lane, contact_point_id) GROUP BY p.lane, p.contact_point_id,
                p.address_sealed"""
    ).fetchall()
    numbers = open_many(
        keyring, [row[1] for row in rows], "contact_point", "address", [row[0] for row in rows]
    )
    went = Counter[str]()
    for number, (_, _, states, valid_until) in zip(numbers, rows, strict=True):
        times = taken.pop(number, [])
        sure = sum(state in ("sent", "delivered", "read") for state in states)
        maybe = sure + sum(state in ("unknown", "refused") for state in states)
        went["twice, unrecorded"] += len(times) > maybe
        went["lost"] += len(times) < sure
        went["late"] += any(at > float(valid_until) + CLOCK_SECONDS for at in times)
        went["resent, as recorded"] += maybe > 1
    found.figures |= dict(went)
    found.require(
        went["twice, unrecorded"] == 0, "nothing was submitted more often than attempts were recorded"
    )
    found.require(went["lost"] == 0, "nothing counts as sent that the SMSC was not handed")
    found.require(went["late"] == 0, "nothing was handed over after its validity")
    found.require(not taken, "the SMSC was handed nothing for which there is no attempt")
