"""What was planned, said and owed under one record of a person, put under another: the work of a merge and of its undo.

One transaction does it, which holds off everybody who could write beside it: importers, planners, the owners of the
lanes concerned, and whoever records a wish. A process killed in the middle leaves everything as it was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import psycopg
from psycopg import sql

from duecourse.book.importing import IMPORTING
from duecourse.book.parties import PERSONAL, columns_of
from duecourse.book.parties import SQL as PARTIES
from duecourse.domain.problems import DuecourseError, Problem
from duecourse.store.sql import load

from .leases import lock_leases, lock_planning

SQL = load("dispatch/merging")

LOANS: Final = (
    "loan", "installment", "installment_was", "loan_pause", "due_move", "payment", "reversal", "debit", "allocation",
    "loan_party", "event", "hardship", "arrangement", "arrangement_event", "certificate",
)  # fmt: skip
"""Tables of what hangs on a loan: moved with it."""
ANSWERS: Final = (
    "response", "response_reading", "response_effect", "response_event", "response_waiting", "promise",
)  # fmt: skip
"""Tables of what a person answered: moved when all of the first record is. Whose it was is not told apart again."""
JOINED = "joined the message of the same person"

_RENAMED = "CASE WHEN t.borrower_id = %(from_id)s THEN %(to_id)s::uuid ELSE t.borrower_id END"
# Told of this debt already as the person kept: then the row keeps the old name, so that nothing is lost.
_ITEM_RENAMED = """CASE WHEN t.borrower_id = %(from_id)s AND NOT EXISTS (
    SELECT 1 FROM message_item k WHERE k.lane = t.lane AND k.loan_id = t.loan_id AND k.number = t.number
       AND k.policy = t.policy AND k.step = t.step AND k.anchor_on = t.anchor_on AND k.event_id = t.event_id
       AND k.borrower_id = %(to_id)s)
    THEN %(to_id)s::uuid ELSE t.borrower_id END"""
# A contact about somebody else's loan stays in that loan's lane; all others count where the person now is.
_CONTACT_GOES = """{k}.lane = %(from_lane)s
    AND (EXISTS (SELECT 1 FROM merge_loan l WHERE l.loan_id = {k}.loan_id)
         OR %(whole)s::boolean AND {k}.borrower_id = %(from_id)s
            AND NOT EXISTS (SELECT 1 FROM loan l WHERE l.lane = {k}.lane AND l.loan_id = {k}.loan_id))"""
_CONTACT_LANE = f"CASE WHEN {_CONTACT_GOES.format(k='t')} THEN %(to_lane)s::smallint ELSE t.lane END"
_CONTACTS = """t.lane = %(from_lane)s AND EXISTS (SELECT 1 FROM merge_loan l WHERE l.loan_id = t.loan_id)
    OR %(whole)s::boolean AND t.lane = ANY(%(lanes)s::smallint[]) AND t.borrower_id = %(from_id)s"""
# A permit stays with its contacts; one that spoke of loans of both stays, in an undo, with the person kept.
_PERMIT_GOES = f"""NOT EXISTS (
    SELECT 1 FROM contact k WHERE k.lane = t.lane AND k.borrower_id = t.borrower_id AND k.attempt_id = t.permit_id
       AND NOT ({_CONTACT_GOES.format(k="k")}))"""
_PERMIT_LANE = f"CASE WHEN {_PERMIT_GOES} THEN %(to_lane)s::smallint ELSE t.lane END"
_PERMITS = f"""t.lane = %(from_lane)s AND {_PERMIT_GOES}
    OR %(whole)s::boolean AND t.lane = ANY(%(lanes)s::smallint[]) AND t.borrower_id = %(from_id)s"""
# What happened to who applied, and has no loan of it yet.
_APPLICATIONS = (
    "%(whole)s::boolean AND t.lane = %(from_lane)s AND t.borrower_id = %(from_id)s AND t.loan_id IS NULL"
)
_LOAN_HISTORY = """(SELECT l.loan_id::text AS id, ARRAY['loan', 'installment', 'loan_party'] AS subjects
    FROM merge_loan l
    UNION ALL SELECT p.payment_id::text, ARRAY['payment'] FROM merge_loan l
    JOIN payment p ON p.lane = %(from_lane)s AND p.loan_id = l.loan_id) AS w"""


@dataclass(frozen=True, slots=True)
class Move:
    """From one record (lane, borrower_id) to another.

    lanes: where the first has rows, its home first. kept_lanes: where the second has. whole: everything of the first
    goes, not only what is about the loans in merge_loan.
    """

    from_lane: int
    from_id: UUID
    to_lane: int
    to_id: UUID
    lanes: Sequence[int]
    kept_lanes: Sequence[int]
    now: datetime
    whole: bool

    @property
    def parameters(self) -> dict[str, Any]:
        """For the statements."""
        return {
            "from_lane": self.from_lane,
            "from_id": self.from_id,
            "to_lane": self.to_lane,
            "to_id": self.to_id,
            "lanes": list(self.lanes),
            "kept_lanes": list(self.kept_lanes),
            "all_lanes": sorted({*self.lanes, *self.kept_lanes}),
            "now": self.now,
            "whole": self.whole,
            "reason": JOINED,
        }


def hold_off(conn: psycopg.Connection) -> None:
    """First in the transaction: planners and importers wait until it ends."""
    conn.execute("SET LOCAL lock_timeout = '20s'")
    # In the order of a planner, which may come to lock the book for days that it settles.
    conn.execute(SQL["lock_planning"])
    conn.execute(IMPORTING["lock_book"])
    conn.execute(PARTIES["create_presences"])
    conn.execute(SQL["create_merging"])
    conn.execute(SQL["clear_merging"])
    conn.execute(PARTIES["clear_presences"])


def hold_lanes(conn: psycopg.Connection, lanes: Sequence[int]) -> None:
    """Then planners and owners of these lanes, and whoever records a wish."""
    lock_planning(conn, lanes)
    lock_leases(conn, lanes)
    tables = sql.SQL(", ").join(map(sql.Identifier, PERSONAL))
    conn.execute(sql.SQL(SQL["lock_wishes"]).format(tables=tables))


def find_moving(conn: psycopg.Connection, move: Move) -> None:
    """What the loans in merge_loan bring along. Raises DuecourseError D067 when something of it is under way."""
    given = move.parameters
    conn.execute(SQL["find_messages"], given)
    conn.execute(SQL["find_attempts"])
    until = _one(conn.execute(SQL["under_way"], given))
    if until is not None or _one(conn.execute(SQL["claimed"], given)):
        ends = f" until {until:%Y-%m-%d %H:%M %Z}" if until is not None else ""
        found = f"a message of one of the two is under way{ends}; try again when its answer is in"
        raise DuecourseError(Problem("D067", "borrower merge", found, "Nothing was changed."))


def relocate(conn: psycopg.Connection, move: Move) -> dict[str, int]:
    """Move messages, attempts, ledger and loans; answers rows by table. After find_moving, in its transaction."""
    given = move.parameters
    counts: dict[str, int] = {}
    conn.execute(SQL["shift_messages"], given)
    conn.execute(SQL["join_messages"], given)
    conn.execute(SQL["drop_ended_roles"], given)
    conn.execute(SQL["drop_told_items"], given)
    conn.execute(SQL["empty_messages"], given)
    counts["joined"] = conn.execute(SQL["withdraw_messages"], given).rowcount
    message = "t.lane = w.lane AND t.{} = w.message_id AND w.to_lane <> w.lane"
    attempt = "t.lane = w.lane AND t.{} = w.attempt_id AND w.to_lane <> w.lane"
    to = {"lane": "w.to_lane"}
    _move(conn, given, "history", to, "merge_message w", message.format("subject_id"))
    _move(conn, given, "history", to, "merge_attempt w", attempt.format("subject_id"))
    item = {**to, "group_id": "coalesce(w.to_group, t.group_id)", "borrower_id": _ITEM_RENAMED}
    of_group = "t.lane = w.lane AND t.group_id = w.group_id"
    _move(conn, given, "message_item", item, "merge_message w", of_group)
    renamed = {
        **to,
        "borrower_id": "w.to_id",
        "bundle": "w.to_bundle",
        "supplement": "t.supplement + w.shift",
    }
    own = "t.lane = w.lane AND t.message_id = w.message_id"
    counts["messages"] = _move(conn, given, "message", renamed, "merge_message w", own)
    _move(conn, given, "batch_canary", to, "merge_message w", own + " AND w.to_lane <> w.lane")
    tried = {**to, "borrower_id": _RENAMED}
    own = "t.lane = w.lane AND t.attempt_id = w.attempt_id"
    counts["attempts"] = _move(conn, given, "attempt", tried, "merge_attempt w", own)
    leave = {"lane": _PERMIT_LANE, "borrower_id": _RENAMED}
    counts["permits"] = _move(conn, given, "permit", leave, "(VALUES (1)) AS w (one)", _PERMITS)
    ledger = {"lane": _CONTACT_LANE, "borrower_id": _RENAMED}
    counts["contacts"] = _move(conn, given, "contact", ledger, "(VALUES (1)) AS w (one)", _CONTACTS)
    for table in ANSWERS if move.whole else ():
        theirs = "t.lane = %(from_lane)s AND t.borrower_id = %(from_id)s"
        becomes = {"lane": "%(to_lane)s::smallint", "borrower_id": _RENAMED}
        counts[table] = _move(conn, given, table, becomes, "(VALUES (1)) AS w (one)", theirs)
    if move.from_lane != move.to_lane:
        there = {"lane": "%(to_lane)s::smallint"}
        of_loan = "t.lane = %(from_lane)s AND t.subject = ANY(w.subjects) AND split_part(t.subject_id, '/', 1) = w.id"
        _move(conn, given, "book_history", there, _LOAN_HISTORY, of_loan)
    becomes = {"lane": "%(to_lane)s::smallint", "borrower_id": _RENAMED}
    applied = _move(conn, given, "event", becomes, "(VALUES (1)) AS w (one)", _APPLICATIONS)
    for table in LOANS:
        of_loan = "t.lane = %(from_lane)s AND t.loan_id = w.loan_id"
        counts[table] = _move(conn, given, table, becomes, "merge_loan w", of_loan)
    counts["event"] += applied
    return counts


def _move(
    conn: psycopg.Connection,
    given: Mapping[str, Any],
    table: str,
    becomes: Mapping[str, str],
    source: str,
    condition: str,
) -> int:
    """Delete and insert anew, since a lane is never updated. becomes, source, condition: our own SQL."""
    columns = columns_of(conn, table)
    values = [
        sql.SQL(becomes[column]) if column in becomes else sql.Identifier("t", column) for column in columns
    ]
    statement = sql.SQL(SQL["move_rows"]).format(
        table=sql.Identifier(table),
        columns=sql.SQL(", ").join(map(sql.Identifier, columns)),
        values=sql.SQL(", ").join(values),
        source=sql.SQL(source),
        condition=sql.SQL(condition),
    )
    return conn.execute(statement, given).rowcount


def on_each(name: str, table: str, **parts: sql.Composable) -> sql.Composed:
    """A statement for one table of what hangs on a person."""
    return sql.SQL(SQL[name]).format(table=sql.Identifier(table), id=sql.Identifier(f"{table}_id"), **parts)


def spread(conn: psycopg.Connection, move: Move) -> None:
    """Each row of the person kept has all that hangs on them."""
    for table in PERSONAL:
        columns = columns_of(conn, table)
        values = [
            sql.SQL("e.lane") if column == "lane" else sql.Identifier("t", column) for column in columns
        ]
        conn.execute(
            on_each(
                "spread_wishes",
                table,
                columns=sql.SQL(", ").join(map(sql.Identifier, columns)),
                values=sql.SQL(", ").join(values),
            ),
            move.parameters,
        )


def _one(cursor: psycopg.Cursor[Any]) -> Any:
    row = cursor.fetchone()
    return row[0] if row else None
