"""Lane leases: one worker at a time holds a lane, and a worker that lost it can no longer write.

A lease is (lane, epoch). A takeover raises the epoch; a write that names an older one finds no row to lock
and writes nothing (the fragment `store.fence`). Only the database's clock counts, and it is read at the start
of a transaction: call these on a connection in autocommit, or idle.

Sharing out: every live worker may hold ceil(256 / live workers) lanes. `acquire` never takes more; a worker
that holds more, because another has joined, gives the rest back with `release` when they are idle.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta

import psycopg

from .sql import load

SQL = load("store")

LANES = 256
_DEADLOCK_TRIES = 3


def acquire(
    conn: psycopg.Connection, owner: str, lease_seconds: float, lanes_wanted: int = LANES
) -> dict[int, int]:
    """Take free and expired lanes up to this worker's fair share. Returns lane -> epoch of those taken now.

    owner: unique to the process. lanes_wanted: most lanes to hold in all. May wait for transactions
    fenced by a dead owner's epoch, at most as long as the server lets a session idle in one.
    """
    lease = timedelta(seconds=lease_seconds)
    with conn.transaction():
        conn.execute(SQL["show_worker"], {"owner": owner, "lease": lease})
    share = min(lanes_wanted, fair_share(conn))
    with conn.transaction():
        row = conn.execute(SQL["free_lanes"], {"owner": owner}).fetchone()
    held, free = row if row else (0, [])
    wanted = free[: max(0, share - held)]
    if not wanted:
        return {}
    parameters = {"owner": owner, "lanes": sorted(wanted), "lease": lease}
    for tried in range(1, _DEADLOCK_TRIES + 1):
        try:
            with conn.transaction():
                return dict(conn.execute(SQL["take_lanes"], parameters).fetchall())
        except psycopg.errors.DeadlockDetected:  # two workers met at the same lanes in another order
            if tried == _DEADLOCK_TRIES:
                raise
    raise AssertionError("unreachable")


def renew(
    conn: psycopg.Connection, owner: str, epochs: Mapping[int, int], lease_seconds: float
) -> dict[int, int]:
    """Prolong the lease of the lanes held. Returns those still ours; the others were taken over.

    epochs: lane -> epoch. A lease that ran out but that nobody took is ours again.
    """
    lease = timedelta(seconds=lease_seconds)
    with conn.transaction():
        conn.execute(SQL["show_worker"], {"owner": owner, "lease": lease})
        return _prolong(conn, "renew_lanes", owner, epochs, lease) if epochs else {}


def retake(
    conn: psycopg.Connection, owner: str, epochs: Mapping[int, int], lease_seconds: float
) -> dict[int, int]:
    """Hold these lanes under new epochs, as far as they are still ours. Returns lane -> new epoch.

    epochs: lane -> epoch. Waits as `acquire` does: afterwards nothing is committed under the old epochs.
    """
    with conn.transaction():
        return _prolong(conn, "retake_lanes", owner, epochs, timedelta(seconds=lease_seconds))


def _prolong(
    conn: psycopg.Connection, how: str, owner: str, epochs: Mapping[int, int], lease: timedelta
) -> dict[int, int]:
    held = {"owner": owner, "lanes": list(epochs), "epochs": list(epochs.values()), "lease": lease}
    return dict(conn.execute(SQL[how], held).fetchall())


def release(conn: psycopg.Connection, owner: str, lanes: Iterable[int] | None = None) -> None:
    """Give lanes back at once: these, or, when the worker ends, all of them.

    The worker must have no write open or to come under them.
    """
    with conn.transaction():
        given = None if lanes is None else sorted(lanes)
        conn.execute(SQL["release_lanes"], {"owner": owner, "lanes": given})
        if lanes is None:
            conn.execute(SQL["hide_worker"], {"owner": owner})


def fair_share(conn: psycopg.Connection) -> int:
    """How many lanes each live worker may hold, 1..256."""
    with conn.transaction():
        row = conn.execute(SQL["fair_share"]).fetchone()
    return int(row[0]) if row else LANES


def hold_fence(conn: psycopg.Connection, epochs: Mapping[int, int]) -> dict[int, int]:
    """Lock these leases until the transaction ends. Returns those still held: write for no other lane.

    First statement of a transaction that writes by several statements; a single one includes `store.fence`.
    """
    parameters = {"lanes": list(epochs), "epochs": list(epochs.values())}
    return dict(conn.execute(SQL["hold_fence"], parameters).fetchall())
