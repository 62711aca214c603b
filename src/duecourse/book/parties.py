"""Presences: a party's rows in the lanes of loans whose borrower lives elsewhere.

A presence has the borrower_id of its home, and a copy of all that hangs on the party. What is said of a party later is
written to each of its rows: `parties.everywhere` in SQL finds them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.rows import class_row, dict_row

from duecourse.store.sql import load

SQL = load("book/parties")

PERSONAL: Final = ("contact_point", "consent", "hold", "preference", "notice")
"""Tables of what hangs on a party, whatever loan it concerns: each row of a party has all of it."""


@dataclass(frozen=True, slots=True)
class Answered:
    """A loan that somebody answers for, in the lane where it lives. role: borrower, co-borrower, guarantor.

    own: it is their own; else they stand beside it, or are the contact of a company that does. until: the last day of
    their role, None while it lasts.
    """

    lane: int
    loan_id: UUID
    loan_ref: str
    creditor: str
    product: str
    role: str
    own: bool
    until: date | None


def write_presences(conn: psycopg.Connection) -> int:
    """Make the presences that stand in stage_presence, with all that hangs on them; answers how many are new."""
    written = conn.execute(SQL["write_presences"]).rowcount
    if written:
        conn.execute(SQL["mark_homes"])
        for table in PERSONAL:
            values = {"lane": sql.SQL("s.lane")}
            conn.execute(
                sql.SQL(SQL["copy_to_presences"]).format(
                    table=sql.Identifier(table),
                    columns=sql.SQL(", ").join(map(sql.Identifier, columns_of(conn, table))),
                    values=sql.SQL(", ").join(
                        values.get(column, sql.Identifier("t", column)) for column in columns_of(conn, table)
                    ),
                )
            )
    return written


def columns_of(conn: psycopg.Connection, table: str) -> list[str]:
    """The columns of a table of ours, in their order."""
    return [row[0] for row in conn.execute(SQL["columns_of"], {"table": table}).fetchall()]


def lanes_of(conn: psycopg.Connection, lane: int, borrower_id: UUID) -> list[int]:
    """The lanes where somebody has rows, home first. lane: their home."""
    given = {"lane": lane, "borrower_id": borrower_id}
    return [row[0] for row in conn.execute(SQL["lanes_of"], given).fetchall()]


def roles_of(conn: psycopg.Connection, lane: int, borrower_id: UUID) -> list[dict[str, Any]]:
    """What somebody is to others: loan, creditor, role, since, until, and the borrower or company."""
    with conn.cursor(row_factory=dict_row) as cursor:
        given = {"lanes": lanes_of(conn, lane, borrower_id), "borrower_id": borrower_id}
        return cursor.execute(SQL["roles_of"], given).fetchall()


def loans_answered(conn: psycopg.Connection, lane: int, borrower_id: UUID) -> list[Answered]:
    """The loans that somebody answers for, one row per role, whatever lane they live in. lane: their home."""
    with conn.cursor(row_factory=class_row(Answered)) as cursor:
        given = {"lanes": lanes_of(conn, lane, borrower_id), "borrower_id": borrower_id}
        return cursor.execute(SQL["loans_answered"], given).fetchall()


def parties_to(conn: psycopg.Connection, lane: int, borrower_id: UUID) -> list[dict[str, Any]]:
    """Who else answers for somebody's loans, and the contacts of a company: as roles_of, with the party."""
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(SQL["parties_to"], {"lane": lane, "borrower_id": borrower_id}).fetchall()


def merged_keys(conn: psycopg.Connection, lane: int, borrower_id: UUID) -> list[str]:
    """Keys whose records became part of this one."""
    given = {"lane": lane, "borrower_id": borrower_id}
    return [row[0] for row in conn.execute(SQL["merged_keys"], given).fetchall()]
