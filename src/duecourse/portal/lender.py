"""In whose name the pages speak: read of the policies in force."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import psycopg

from duecourse.book.wishes import Person
from duecourse.policy.model import Policy
from duecourse.policy.naming import Lender, named, only_lender
from duecourse.store.sql import load

SQL: Final = load("portal")


def lender_of(
    conn: psycopg.Connection, policies: Sequence[Policy], language: str, person: Person | None
) -> Lender:
    """Who has lent to a person: of their open loans' creditors the one of the first; without a person the only one."""
    if person is not None:
        row = conn.execute(
            SQL["creditor_of"], {"lane": person.lane, "borrower_id": person.borrower_id}
        ).fetchone()
        if row:
            return named(policies, row[0], language)
    return only_lender(policies, language)
