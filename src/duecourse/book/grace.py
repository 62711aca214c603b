"""Grace: frozen on an installment on the day it falls due, only ever extended afterwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from duecourse.store.sql import load

SQL = load("book")


def freeze_grace(
    conn: psycopg.Connection,
    *,
    as_of: date,
    by_grade: Mapping[str, int],
    default: int,
    applies: sql.Composable,
    parameters: Mapping[str, Any],
    lanes: Sequence[int],
) -> int:
    """Freeze the grace of installments that have fallen due by `as_of`; returns how many were frozen or extended.

    While grace runs, a better grade, a kinder policy and a pause extend it; once it has ended it stays ended.
    by_grade: grade to days, default for every other. applies: which installments, as SQL over the aliases
    b (borrower), l (loan), i (installment), with its parameters.
    """
    given = {
        **parameters,
        "as_of": as_of,
        "by_grade": Jsonb(dict(by_grade)),
        "default": default,
        "longest": max([default, *by_grade.values()]),
        "lanes": list(lanes),
    }
    changed = 0
    for name in ("freeze_grace", "extend_grace"):
        changed += conn.execute(sql.SQL(SQL[name]).format(applies=applies), given).rowcount
    return changed + pause_grace(conn, lanes)


def pause_grace(conn: psycopg.Connection, lanes: Sequence[int], loan_id: UUID | None = None) -> int:
    """Extend frozen grace by the paused days within it; returns of how many installments."""
    return conn.execute(SQL["pause_grace"], {"lanes": list(lanes), "loan_id": loan_id}).rowcount
