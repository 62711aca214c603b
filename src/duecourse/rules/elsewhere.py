"""Contacts that count for a judgement and lie in other lanes than it reads itself: of a person's other rows, of others
with the same number.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from duecourse.store.lease import LANES
from duecourse.store.shards import ShardConnection
from duecourse.store.sql import load

SQL = load("rules")

By = Literal["persons", "numbers"]


def contacts_elsewhere(
    conn: psycopg.Connection,
    by: By,
    whose: Sequence[Any],
    *,
    read: Sequence[int],
    now: datetime,
    look_back: object,
    borrower_id: UUID | None = None,
) -> Jsonb:
    """The parameter `elsewhere` of rules.elsewhere, for a statement that reads the lanes of `read` itself.

    conn: where all lanes are asked. whose: persons or numbers. look_back: of the rules' parameters: how many days caps
    look back. borrower_id: of persons, whose contacts alone it reads in its lanes; None: everybody's.
    """
    given = {
        by: list(whose),
        "lanes": list(range(LANES)),
        "read": list(read),
        "borrower_id": borrower_id,
        "now": now,
        "look_back": look_back,
    }
    return Jsonb([row[0] for row in conn.execute(SQL[f"contacts_of_{by}"], given)])


def contacts_in_other_shards(
    conn: psycopg.Connection, by: By, whose: Callable[[], Sequence[Any]], *, now: datetime, look_back: object
) -> Jsonb:
    """As contacts_elsewhere, for what reads all lanes of its session; where these are all, nothing is asked."""
    if not isinstance(conn, ShardConnection):
        return Jsonb([])
    return contacts_elsewhere(conn.centre, by, whose(), read=conn.lanes, now=now, look_back=look_back)
