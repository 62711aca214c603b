"""Which packs judged: their content is kept under its digest, and all of them under one that a message names.

The database is the caller's transaction; nothing here commits.
"""

from __future__ import annotations

import json
from datetime import datetime

import psycopg

from duecourse.store.sql import load

from .model import Pack
from .packs import Packs

SQL = load(__package__)


def record_packs(conn: psycopg.Connection, packs: Packs, *, now: datetime) -> bytes:
    """Keep what the packs say, once; answers the rule set's digest, 32 octets, for the messages they judge."""
    conn.execute(
        SQL["record_packs"],
        {
            "packs": [pack.pack for pack in packs.packs],
            "digests": [packs.digests[pack.pack] for pack in packs.packs],
            "versions": [pack.version for pack in packs.packs],
            "contents": [pack.model_dump_json() for pack in packs.packs],
            "now": now,
        },
    )
    conn.execute(
        SQL["record_rule_set"],
        {
            "rule_set": packs.digest,
            "packs": json.dumps({name: digest.hex() for name, digest in packs.digests.items()}),
            "turned_on": sorted(packs.turned_on),
            "now": now,
        },
    )
    return packs.digest


def packs_of(conn: psycopg.Connection, rule_set: bytes) -> Packs | None:
    """The packs as they were when they judged; None for a rule set that was never recorded.

    rule_set: its digest, or the first octets of it, as a message that was judged keeps them.
    """
    rows = conn.execute(SQL["packs_of_rule_set"], {"rule_set": rule_set}).fetchall()
    if not rows:
        return None
    return Packs(tuple(Pack.model_validate(row[2]) for row in rows), frozenset(rows[0][3]))


def recorded_pack(conn: psycopg.Connection, name: str, version: int) -> Pack | None:
    """A pack as it was last used under this version, the lender's changes made; None when it never was."""
    row = conn.execute(SQL["pack_versions"], {"pack": name, "version": version}).fetchone()
    return Pack.model_validate(row[0]) if row else None
