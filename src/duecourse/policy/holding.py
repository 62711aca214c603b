"""Which conditions of policies hold for a loan of the book now."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql

from duecourse.store.sql import load

from .conditions import condition_sql
from .frozen import Condition

SQL = load("policy/policy")


def which_hold(
    conn: psycopg.Connection,
    conditions: Sequence[Condition],
    *,
    lane: int,
    loan_id: UUID,
    number: int,
    as_of: date,
) -> list[bool]:
    """Whether each condition holds for a loan, its borrower and one installment of it, in order, by one statement."""
    if not conditions:
        return []
    given: dict[str, Any] = {"lane": lane, "loan_id": loan_id, "number": number, "as_of": as_of}
    parts = []
    for place, condition in enumerate(conditions):
        part, bound = condition_sql(condition, prefix=f"h{place}_")
        parts.append(part)
        given |= bound
    query = sql.SQL(SQL["which_hold"]).format(holds=sql.SQL(", ").join(parts))
    row = conn.execute(query, given).fetchone()
    return row[0] if row else [False] * len(conditions)
