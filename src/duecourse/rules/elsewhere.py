"""Contacts that count for a judgement and lie in other shards than the session that judges."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from duecourse.store.shards import ShardConnection
from duecourse.store.sql import load

SQL = load("rules")


def contacts_elsewhere(
    conn: psycopg.Connection, by: str, whose: Callable[[], Sequence[Any]], *, now: datetime, look_back: object
) -> Jsonb:
    """The parameter `elsewhere` of rules.elsewhere: nothing, and nothing asked, where `conn` reads all lanes itself.

    by: `persons` or `numbers`; whose: these. look_back: of the rules' parameters: how many days caps look back.
    """
    if not isinstance(conn, ShardConnection):
        return Jsonb([])
    parameters = {by: list(whose()), "lanes": list(conn.lanes), "now": now, "look_back": look_back}
    return Jsonb([row[0] for row in conn.centre.execute(SQL[f"contacts_of_{by}"], parameters)])
