"""Grace: frozen on an installment on the day it falls due, only ever extended afterwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from duecourse.store.sql import load


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
    """Freeze the grace of installments that have fallen due by `as_of`; returns how many were frozen.

    by_grade: grade to days, default for every other. applies: which installments, as SQL over the aliases
    b (borrower), l (loan), i (installment), with its parameters.
    """
    statement = sql.SQL(load("book")["freeze_grace"]).format(applies=applies)
    cursor = conn.execute(
        statement,
        {
            **parameters,
            "as_of": as_of,
            "by_grade": Jsonb(dict(by_grade)),
            "default": default,
            "lanes": list(lanes),
        },
    )
    return cursor.rowcount
