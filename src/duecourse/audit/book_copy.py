"""The working copies of an audit: who of a batch of contacts is in the book, and what the book knows of them."""

from __future__ import annotations

import psycopg
from psycopg import sql

from duecourse.book.copying import SQL as COPYING
from duecourse.book.copying import WorkingCopy, on_cluster
from duecourse.store.sql import load

SQL = load("audit")

_KNOWN = ("consent", "hold", "preference", "notice")


def enter_batch(conn: psycopg.Connection) -> WorkingCopy | None:
    """On a cluster, a copy of the directory, loans and people that the batch names, entered."""
    if not on_cluster(conn):
        return None
    copy = WorkingCopy(conn, ("borrower_key", "loan", "borrower"))
    copy.begin()
    copy.bring("borrower_key", SQL["keys_of_batch"])
    copy.bring("loan", SQL["loans_of_batch"])
    copy.look(SQL["scope_batch"])
    copy.bring("borrower", COPYING["of_persons"], {"table": sql.Identifier("borrower")})
    copy.enter()
    return copy


def enter_past(conn: psycopg.Connection) -> WorkingCopy | None:
    """On a cluster, a copy of what the book knows of those in audit_past, entered."""
    if not on_cluster(conn):
        return None
    copy = WorkingCopy(conn, ("borrower", *_KNOWN, "suppression", "setting"))
    copy.begin()
    conn.execute(SQL["scope_past"])
    for table in ("borrower", *_KNOWN):
        copy.bring(table, COPYING["of_persons"], {"table": sql.Identifier(table)})
    copy.bring("suppression", SQL["suppressed_past"])
    copy.bring("setting", COPYING["whole"], {"reference": sql.Identifier("setting")})
    copy.enter()
    return copy
