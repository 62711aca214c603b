"""The working copy of an import's batch: which rows of the book its steps look at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import psycopg
from psycopg import sql

from .copying import SQL, WorkingCopy
from .records import Records

_OF_LOANS: Final = (
    "installment", "due_move", "payment", "reversal", "allocation", "installment_was", "debit", "loan_party",
)  # fmt: skip
_OF_PERSONS: Final = ("contact_point",)
_WISHES: Final = ("consent", "hold", "preference", "notice")
_TABLES: Final = (
    "borrower_key", "borrower", *_OF_PERSONS, *_WISHES, "loan", *_OF_LOANS, "company_contact", "suspense", "event",
    "book_history", "setting", "allocation_order", "suppression",
)  # fmt: skip
"""The last three every node has whole: a change in the copy must not look beyond the session."""


class BatchCopy:
    """The copy that one import on one connection works in, batch by batch. Staging tables exist by now."""

    def __init__(self, conn: psycopg.Connection) -> None:
        self._copy = WorkingCopy(conn, _TABLES)

    def fill(self, records: Records) -> None:
        """Bring all that the staged batch may look at, and enter the copy. Staged records have no lane yet."""
        copy = self._copy
        copy.begin()
        copy.bring("borrower_key", SQL["keys"])
        if copy.bring("loan", SQL["loans"]):
            copy.look(SQL["scope_loans"])
            for table in _OF_LOANS:
                copy.bring(table, SQL["of_loans"], {"of_loan": sql.Identifier(table)})
        if records.loans or records.payments:
            copy.bring("suspense", SQL["suspense"])
        if records.wishes:
            copy.bring("contact_point", SQL["holders_of_addresses"])
            copy.bring("suppression", SQL["suppressed_addresses"])
        self._bring_persons(records)
        if records.contact_points:
            copy.bring("consent", SQL["said_of_addresses"])
        if records.events:
            copy.bring("event", SQL["events_of_persons"])
        for table in ("setting", "allocation_order"):
            copy.bring(table, SQL["whole"], {"reference": sql.Identifier(table)})
        copy.enter()

    def _bring_persons(self, records: Records) -> None:
        copy = self._copy
        if not copy.look(SQL["scope_persons"]):
            return
        if copy.bring("company_contact", SQL["contacts_of_companies"]):
            copy.look(SQL["scope_persons"])
        copy.bring_persons()
        for table in (*_OF_PERSONS, *(_WISHES if records.wishes or records.parties else ())):
            copy.bring(table, SQL["of_persons"], {"table": sql.Identifier(table)})

    def write_back(self) -> None:
        """Write what the batch changed, and leave the copy."""
        self._copy.write_back()

    def leave(self) -> None:
        """Leave the copy; nothing is written."""
        self._copy.leave()


class AllocationCopy:
    """The copy in which payments are allocated anew. Staging tables exist by now."""

    def __init__(self, conn: psycopg.Connection) -> None:
        self._copy = WorkingCopy(conn, ("loan", *_ALLOCATED, "allocation_order"))

    def fill(self, given: Mapping[str, Any]) -> None:
        """Bring the loans of some lanes, creditors and products, and enter. given: as allocation.touch_loans."""
        copy = self._copy
        copy.begin()
        copy.bring("allocation_order", SQL["whole"], {"reference": sql.Identifier("allocation_order")})
        if copy.bring("loan", SQL["loans_with_orders"], given=given):
            copy.look(SQL["scope_loans"])
            for table in _ALLOCATED:
                copy.bring(table, SQL["of_loans"], {"of_loan": sql.Identifier(table)})
        copy.enter()

    def write_back(self) -> None:
        """Write what was allocated, and leave the copy."""
        self._copy.write_back()


_ALLOCATED: Final = ("installment", "payment", "reversal", "allocation", "installment_was")
