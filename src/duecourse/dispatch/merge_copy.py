"""The working copy of a merge on a cluster: both records, and all that hangs on them and on who answers with them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

import psycopg
from psycopg import sql

from duecourse.book.copying import SQL as COPYING
from duecourse.book.copying import WorkingCopy, on_cluster
from duecourse.book.parties import PERSONAL

from .relocating import ANSWERS, LOANS, SQL

_OF_LOANS: Final = tuple(table for table in LOANS if table != "loan")
_LEDGER: Final = ("contact", "permit")
_TABLES: Final = (
    "borrower", "borrower_key", "borrower_merge", "company_contact", *PERSONAL, *LOANS, *ANSWERS, "message",
    "message_item", "attempt", "history", "batch_canary", *_LEDGER, "book_history",
)  # fmt: skip


def enter_merge(
    conn: psycopg.Connection, ids: Sequence[UUID], lanes: Sequence[int], *, with_memory: bool
) -> WorkingCopy | None:
    """On a cluster, a copy of what two records have, entered; None on a single server. The lanes are held by now.

    ids: of the two; lanes: where either has rows. with_memory: what the book remembers of the loans, too.
    """
    if not on_cluster(conn):
        return None
    copy = WorkingCopy(conn, _TABLES)
    copy.begin()
    conn.execute(SQL["create_merge_scope"])
    given: dict[str, Any] = {"ids": list(ids), "all_lanes": list(lanes)}
    for table, rows in (
        ("borrower", "rows_of_both"),
        ("borrower_key", "keys_of_both"),
        ("borrower_merge", "merges_of_both"),
        ("loan", "loans_of_both"),
        ("loan_party", "roles_of_both"),
        ("company_contact", "contacts_of_lanes"),
    ):
        copy.bring(table, SQL[rows], given=given)
    copy.look(COPYING["scope_loans"])
    _each(copy, ("loan_party",), "of_loans", "of_loan")
    copy.look(SQL["scope_both"], given)
    copy.look(COPYING["scope_rows"])
    copy.bring_persons()
    _each(copy, (*PERSONAL, *ANSWERS, *_LEDGER, "message", "event"), "of_persons", "table")
    _each(copy, (*_OF_LOANS, "message_item", "contact"), "of_loans", "of_loan")
    _bring_messages(copy)
    if with_memory:
        copy.look(SQL["scope_said"])
        copy.bring("book_history", SQL["said_of_loans"])
    copy.look(SQL["scope_told_loans"])
    _each(copy, ("loan",), "of_loans", "of_loan")
    copy.enter()
    return copy


def _bring_messages(copy: WorkingCopy) -> None:
    copy.look(SQL["scope_groups"])
    copy.bring("message", SQL["messages_of_groups"])
    copy.bring("message_item", SQL["items_of_groups"])
    copy.look(SQL["scope_messages"])
    copy.bring("attempt", SQL["attempts_of_messages"])
    copy.bring("batch_canary", SQL["canaries_of_messages"])
    copy.look(SQL["scope_attempts"])
    copy.bring("history", SQL["histories_of_messages"])


def _each(copy: WorkingCopy, tables: Sequence[str], statement: str, part: str) -> None:
    for table in tables:
        copy.bring(table, COPYING[statement], {part: sql.Identifier(table)})
